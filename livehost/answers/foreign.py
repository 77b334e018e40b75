"""Sayings of personas who speak English or Japanese; what they have no words for is handed over."""

from __future__ import annotations

import re

from livehost.answers import variants
from livehost.answers.asking import Asking, Said
from livehost.answers.facts import NONE
from livehost.catalog import Spec
from livehost.chinese import folded, with_digits
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
# A link's number counts nothing.
_LINK = re.compile(r"link\s*(?:no\.?|number)?\s*\d+|\d+\s*(?:番|号)")
_MANY = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|dozen|pair|both|several)\b|[二三四五六七八九十]つ|ふたつ|みっつ"
)
_SIZED = re.compile(
    r"\b(?:large|larger|largest|big|bigger|biggest|small|smaller|smallest|mini)\b|大きい|小さい"
)


def _lapse(words: str | None, units: dict[str, str], to: str) -> str | None:
    """2到4天 in another language; None where the words say more than that."""
    match = _LAPSE.fullmatch(words or "")
    if match is None:
        return None
    return match[1] + (f"{to}{match[2]}" if match[2] else "") + units[match[3]]


def _told(value: str | None, yes: str, no: str) -> str | None:
    """One of two sentences by a yes or a known none; None where it is unknown."""
    return None if value is None else no if value == NONE else yes


def _priced(ask: Asking) -> tuple[bool, Spec | None]:
    """Whether one price answers the line, and of which variant; a count or several variants need other words."""
    chosen = ask.specs()
    line = with_digits(folded(_LINK.sub(" ", ask.line)))
    own = set(re.findall(r"\d+", with_digits(folded(chosen[0].name)))) if chosen else set()
    counts = {number for number in re.findall(r"\d+", line) if number != "1"} - own
    if counts or _MANY.search(ask.line) or variants.asks_part(ask.line, ask.product):
        return False, None
    if not chosen:
        prices = {spec.price for spec in ask.product.specs or ()}
        return not (len(prices) > 1 and _SIZED.search(ask.line)), None
    return len(chosen) == 1 and chosen[0].price is not None, chosen[0]


def _price(ask: Asking) -> tuple[str, str] | None:
    """The variant that is named (empty: none) and its price; None where one price is no answer."""
    one, spec = _priced(ask)
    value = ask.get(f"price.{spec.name}" if spec else "price") if one else None
    return None if value is None else (_label(spec), value)


def _after_coupon(ask: Asking) -> tuple[str, str] | None:
    """The variant that is named (empty: none) and what is paid for it with the coupon."""
    one, spec = _priced(ask)
    after = ask.some(f"after_coupon.{spec.name}" if spec else "after_coupon") if one else None
    return (_label(spec), after) if after and ask.some("coupon") else None


def _label(spec: Spec | None) -> str:
    """A variant's name where it can be read in any language: 200g, XL."""
    return spec.name if spec is not None and spec.name.isascii() else ""


def _english(name: str, ask: Asking) -> str | None:
    match name:
        case "price" | "offer":
            found = _price(ask)
            return f"{found[0] or 'It'} is {found[1]} yuan here" if found else None
        case "after_coupon" | "coupon":
            found = _after_coupon(ask)
            of = f" for {found[0]}" if found and found[0] else ""
            return f"With the coupon you pay {found[1]} yuan{of}" if found else None
        case "link":
            return f"You will find it under link {ask.get('link')}"
        case "stock":
            return "It is in stock" if ask.get("in_stock") == "有货" else "It is sold out at the moment"
        case "free_shipping":
            return _told(ask.get("shipping.free"), "Shipping is free", "Shipping is not included")
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
            return _told(insured, "Return shipping is insured", "Return shipping is not insured")
        case "returns":
            return _told(
                ask.get("returns.seven_days"),
                "You can return it within seven days without giving a reason",
                "It cannot be returned without a reason",
            )
        case _:
            return None


def _japanese(name: str, ask: Asking) -> str | None:
    match name:
        case "price" | "offer":
            found = _price(ask)
            return f"{found[0] or 'こちら'}は{found[1]}元です" if found else None
        case "after_coupon" | "coupon":
            found = _after_coupon(ask)
            of = f"{found[0]}は" if found and found[0] else ""
            return f"クーポンを使うと{of}{found[1]}元です" if found else None
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
            return _told(ask.get("shipping.free"), "送料は無料です", "送料は別途かかります")
        case "insurance":
            insured = ask.get("returns.insurance")
            return _told(insured, "返品送料保険が付いています", "返品送料保険は付いていません")
        case "returns":
            return _told(
                ask.get("returns.seven_days"),
                "理由を問わず七日以内の返品ができます",
                "理由なしの返品はできません",
            )
        case _:
            return None
