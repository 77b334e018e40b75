"""A question that no intent knows, answered by whichever of the product's own words it is about."""

from __future__ import annotations

import re

from livehost.answers import faq, measures, on_contents, on_goods, on_price, on_service
from livehost.answers.asking import Asking, Said
from livehost.answers.clean import clean
from livehost.answers.likely import SURE
from livehost.answers.properties import property_of, same_property

_WASHED = re.compile("机洗|水洗|洗衣机|脏了|怎么洗|清洗")
_UNIT_ASKED = re.compile("(?:多少|几)([\u4e00-\u9fffa-z])")
# Properties that the way of use tells of.
_OF_USE = frozenset(("when_to_take", "order_of_use"))
_HAVE = re.compile(r"的(?:还?有没有|还?有吗|还?有没|还?有不|还?有么)|有[\u4e00-\u9fff]{1,4}的(?:吗|没|么|不)")


def mentioned(ask: Asking) -> Said | None:
    """By a word of the catalogue in the line: an ingredient, a gift, a courier, a variant; else by the
    field that holds most of what the question is about."""
    product, line = ask.product, ask.line
    if on_goods.named_group(ask):
        return on_goods.suitable(ask)
    saying = on_contents.contains(ask)
    ask.used.clear()
    if saying is None and any(c[:2] in line for c in product.shipping.courier or ()):
        saying = on_service.courier(ask)
    if saying is None and any(g.name in line for g in product.gifts or ()):
        saying = on_price.gifts(ask)
    given = re.search("配|带|附|给", line)
    rest = line.replace(given[0], "") if given else ""
    if saying is None and given and any(g.name[-1] in rest for g in product.gifts or ()):
        saying = on_price.gifts(ask)
    place = product.origin or ""
    if saying is None and any(place[at : at + 2] in line for at in range(len(place) - 1)):
        saying = on_goods.origin(ask)
    how = re.search("怎么([\u4e00-\u9fff])", line)
    if saying is None and how and how[1] in (product.usage or ""):
        saying = on_goods.usage(ask)
    if saying is None and measures.asks_amount(ask):
        saying = measures.amount(ask)
        ask.used.clear()
        if saying is None and measures.counts_in_specs(ask):
            saying = on_price.spec(ask)
    if saying is None and (ask.specs() or (_HAVE.search(line) and on_price.has_styles(product))):
        saying = on_price.spec(ask)
    return saying or own_words(ask)


def of_property(ask: Asking, *, least: float = 0) -> Said | None:
    """By the approved entry, or the word of the catalogue, about the property that the line asks for."""
    number = faq.entry_of_property(ask.line, ask.product, least=least)
    if number is not None:
        words = ask.get(f"faq.{number}")
        unit = _UNIT_ASKED.search(ask.line)
        silent = unit is not None and not re.search(rf"\d|{re.escape(unit[1])}", words or "")
        return ask.say(words) if words and not silent else None
    wished = property_of(ask.line)
    if least or wished is None or wished.share < SURE:
        return None
    if wished.label == "battery_life" and re.search("充|电|小时", ask.product.lasts or ""):
        return on_goods.lasts(ask)
    if wished.label in _OF_USE and ask.product.usage:
        return on_goods.usage(ask)
    for name, say in (
        ("highlights", on_goods.intro),
        ("claims", on_goods.effect),
        ("usage", on_goods.usage),
        ("lasts", on_goods.lasts),
    ):
        for words in re.split("[、，,；;。]", ask.some(name) or ""):
            if len(words) > 1 and same_property(ask.line, clean(words)) >= SURE**2:
                ask.used.clear()
                return say(ask)
        ask.used.clear()
    return None


def own_words(ask: Asking) -> Said | None:
    """By the amount, the sort, the range or the way of washing that is asked for, or the field that holds most of it."""
    saying: Said | None = None
    if _WASHED.search(ask.line) and re.search("[手机水干]洗|擦|清洁|洗衣机", ask.product.usage or ""):
        saying = ask.say(f"用法是{ask.get('usage')}")
    for own in (measures.amount, measures.sort, measures.in_range):
        saying = saying or own(ask)
        ask.used.clear()
    if saying is None and measures.asks_amount(ask):
        return None
    return saying or _closest(ask)


def _ending(ask: Asking) -> Said | None:
    """By the one character that is asked about, where the product's words for something end in it: 有盖吗."""
    char = faq.core(ask.line).strip()
    if len(char) != 1:
        return None
    if any(gift.name.endswith(char) for gift in ask.product.gifts or ()):
        return on_price.gifts(ask)
    if any(one.endswith(char) for one in ask.product.highlights or ()):
        return ask.say(f"特点是{ask.get('highlights')}")
    return None


def _closest(ask: Asking) -> Said | None:
    product, line = ask.product, ask.line
    groups = (*(product.not_for or ()), *(product.suitable_for or ()))
    fields = (
        *((f"faq.{number}", [" ".join(entry.q)]) for number, entry in enumerate(product.faq)),
        ("usage", [product.usage or ""]),
        ("lasts", [product.lasts or ""]),
        ("claims", [c.text for c in product.claims or ()]),
        ("highlights", list(product.highlights or ())),
        ("groups", list(groups)),
        ("ingredients", list(product.ingredients or ())),
        ("name", [product.name]),
        *((f"told.{number}", [entry.a]) for number, entry in enumerate(product.faq)),
    )
    sides = [line, *(re.split("还是|或者?", line) if "还是" in line else ())]
    scores = {
        name: max((faq.held(side, words) for words in texts for side in sides), default=0)
        for name, texts in fields
    }
    best = max(scores, key=lambda name: scores[name])
    if not scores[best]:
        return _ending(ask)
    match best:
        case "usage":
            return on_goods.usage(ask)
        case "lasts":
            return on_goods.lasts(ask)
        case "claims":
            return on_goods.effect(ask)
        case "highlights":
            return on_goods.intro(ask)
        case "ingredients":
            return on_contents.ingredients(ask)
        case "name":
            return ask.say(f"这款是{ask.get('name')}")
        case "groups":
            return on_goods.suitable(ask)
        case _:
            words = ask.get(best.replace("told", "faq"))
            return ask.say(words) if words else None
