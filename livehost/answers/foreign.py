"""Sayings of personas who speak English or Japanese; what they have no words for is handed over."""

from __future__ import annotations

import re

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


_ENGLISH = {"小时": " hours", "天": " days", "个月": " months", "年": " years"}
_JAPANESE = {"小时": "時間", "天": "日", "个月": "か月", "年": "年"}
_LAPSE = re.compile(r"(\d+)(?:(?:到|至|-|~)(\d+))?(小时|天|个月|年)内?")


def _lapse(words: str | None, units: dict[str, str], to: str) -> str | None:
    """2到4天 in another language; None where the words say more than that."""
    match = _LAPSE.fullmatch(words or "")
    if match is None:
        return None
    return match[1] + (f"{to}{match[2]}" if match[2] else "") + units[match[3]]


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
        case "free_shipping":
            free = ask.get("shipping.free")
            return (
                None if free is None else "Shipping is not included" if free == NONE else "Shipping is free"
            )
        case "when_ships":
            within = _lapse(ask.some("shipping.within"), _ENGLISH, " to ")
            return f"It ships within {within} of your order" if within else None
        case "arrives":
            days = _lapse(ask.some("shipping.days"), _ENGLISH, " to ")
            return f"It usually arrives {days} after it ships" if days else None
        case "life":
            life = _lapse(ask.some("shelf_life"), _ENGLISH, " to ")
            return f"Its shelf life is {life}" if life else None
        case "insurance":
            insured = ask.get("returns.insurance")
            return (
                None
                if insured is None
                else "Return shipping is not insured"
                if insured == NONE
                else "Return shipping is insured"
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
        case "when_ships":
            within = _lapse(ask.some("shipping.within"), _JAPANESE, "〜")
            return f"ご注文から{within}以内に発送します" if within else None
        case "arrives":
            days = _lapse(ask.some("shipping.days"), _JAPANESE, "〜")
            return f"発送から{days}ほどで届きます" if days else None
        case "life":
            life = _lapse(ask.some("shelf_life"), _JAPANESE, "〜")
            return f"賞味・使用期限は{life}です" if life else None
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
