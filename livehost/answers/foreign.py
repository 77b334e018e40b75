"""Sayings of personas who speak English or Japanese; what they have no words for is handed over."""

from __future__ import annotations

from livehost.answers.asking import Asking, Said
from livehost.answers.facts import NONE
from livehost.settings import Language


def sayings(names: list[str], ask: Asking, language: Language) -> tuple[list[Said], list[str]]:
    """What can be said to each intent in that language, and the intents that cannot be answered."""
    if not ask.product.speakable(ask.now):
        return [], names
    said: list[Said] = []
    unknown: list[str] = []
    for name in names:
        ask.used.clear()
        text = _english(name, ask) if language == "en" else _japanese(name, ask)
        if text is None:
            unknown.append(name)
        else:
            said.append(ask.say(text))
    return said, unknown


def _english(name: str, ask: Asking) -> str | None:
    match name:
        case "price" | "offer":
            return f"It is {ask.get('price')} yuan here"
        case "after_coupon" | "coupon":
            coupon, after = ask.some("coupon"), ask.some("after_coupon")
            return f"With the coupon you pay {after} yuan" if coupon and after else None
        case "link":
            return f"You will find it under link {ask.get('link')}"
        case "stock":
            return "It is in stock" if ask.get("in_stock") == "有货" else "It is sold out at the moment"
        case "free_shipping" | "when_ships" | "arrives" | "courier":
            free = ask.get("shipping.free")
            return (
                None
                if free is None or name != "free_shipping"
                else ("Shipping is not included" if free == NONE else "Shipping is free")
            )
        case "returns":
            back = ask.get("returns.seven_days")
            return (
                None
                if back is None
                else (
                    "It cannot be returned without a reason"
                    if back == NONE
                    else "You can return it within seven days without giving a reason"
                )
            )
        case _:
            return None


def _japanese(name: str, ask: Asking) -> str | None:
    match name:
        case "price" | "offer":
            return f"こちらは{ask.get('price')}元です"
        case "after_coupon" | "coupon":
            coupon, after = ask.some("coupon"), ask.some("after_coupon")
            return f"クーポンを使うと{after}元です" if coupon and after else None
        case "link":
            return f"{ask.get('link')}番のリンクからご購入いただけます"
        case "stock":
            return "在庫がございます" if ask.get("in_stock") == "有货" else "ただいま在庫切れです"
        case "free_shipping":
            free = ask.get("shipping.free")
            return None if free is None else "送料は別途かかります" if free == NONE else "送料は無料です"
        case "returns":
            back = ask.get("returns.seven_days")
            return (
                None
                if back is None
                else (
                    "理由なしの返品はできません" if back == NONE else "理由を問わず七日以内の返品ができます"
                )
            )
        case _:
            return None
