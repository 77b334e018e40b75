"""A question that no intent knows, answered by whichever of the product's own words it is about."""

from __future__ import annotations

import re

from livehost.answers import faq, on_contents, on_goods, on_price, on_service
from livehost.answers.asking import Asking, Said

_HAVE = re.compile(r"的(?:还?有没有|还?有吗|还?有没|还?有不|还?有么)|有[\u4e00-\u9fff]{1,4}的(?:吗|没|么|不)")


def mentioned(ask: Asking) -> Said | None:
    """By a word of the catalogue in the line: an ingredient, a gift, a courier, a variant; else by the
    field that holds most of what the question is about."""
    product, line = ask.product, ask.line
    saying = on_contents.contains(ask)
    ask.used.clear()
    if saying is None and any(c[:2] in line for c in product.shipping.courier or ()):
        saying = on_service.courier(ask)
    if saying is None and any(g.name in line for g in product.gifts or ()):
        saying = on_price.gifts(ask)
    how = re.search("怎么([\u4e00-\u9fff])", line)
    if saying is None and how and how[1] in (product.usage or ""):
        saying = on_goods.usage(ask)
    if saying is None and (ask.specs() or (_HAVE.search(line) and on_price.has_styles(product))):
        saying = on_price.spec(ask)
    return saying or _closest(ask)


def _closest(ask: Asking) -> Said | None:
    product, line = ask.product, ask.line
    groups = (*(product.not_for or ()), *(product.suitable_for or ()))
    fields = (
        ("usage", [product.usage or ""]),
        ("lasts", [product.lasts or ""]),
        ("claims", [c.text for c in product.claims or ()]),
        ("highlights", list(product.highlights or ())),
        ("groups", list(groups)),
        *((f"faq.{number}", [entry.a]) for number, entry in enumerate(product.faq)),
    )
    scores = {name: max((faq.held(line, words) for words in texts), default=0) for name, texts in fields}
    best = max(scores, key=lambda name: scores[name])
    if not scores[best]:
        return None
    match best:
        case "usage":
            return on_goods.usage(ask)
        case "lasts":
            return on_goods.lasts(ask)
        case "claims":
            return on_goods.effect(ask)
        case "highlights":
            return on_goods.intro(ask)
        case "groups":
            return on_goods.suitable(ask)
        case _:
            words = ask.get(best)
            return ask.say(words) if words else None
