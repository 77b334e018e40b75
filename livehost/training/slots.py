"""The values in a sentence, so that training can put others in their place.

A slot is one private character (U+E000 and on) with a kind and the value that stood there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from livehost.catalog import Catalog, Product

Slot = tuple[str, str]
FIRST_SLOT = 0xE000
_NUMBERS = re.compile(
    r"(?P<date>(?:\d{4}年)?\d{1,2}月(?:\d{1,2}日)?|\d{4}年)"
    r"|(?P<span>\d+(?:到\d+)?(?:小时|分钟|个月|天|周|年))"
    r"|(?P<number>\d+(?:\.\d+)?)"
)
_TERM = re.compile(r"7天无理由")
# Words that the sayings themselves use stay, also where a shop's value is the same.
_OWN = frozenset(("店铺客服", "运费险", "客服", "药品", "直播间", "AI"))


def values_of(product: Product) -> Iterator[Slot]:
    """The written values of a product, each with its kind."""
    yield "name", product.name
    for kind, several in (
        ("thing", product.ingredients),
        ("thing", product.free_of),
        ("thing", product.suitable_for),
        ("thing", product.not_for),
        ("thing", product.highlights),
        ("thing", product.shipping.not_to),
        ("thing", product.shipping.courier),
        ("thing", tuple(g.name for g in product.gifts or ())),
        ("spec", tuple(s.name for s in product.specs or ())),
        ("thing", tuple(c.text for c in product.claims or ())),
        ("code", tuple(c.evidence for c in product.claims or () if c.evidence)),
        ("text", tuple(f.a for f in product.faq)),
    ):
        for value in several or ():
            yield kind, value
    sensitive, returns = product.sensitive, product.returns
    for kind, single in (
        ("text", product.usage),
        ("text", product.lasts),
        ("text", sensitive.pregnancy),
        ("text", sensitive.nursing),
        ("text", sensitive.minors),
        ("text", returns.exceptions),
        ("place", product.origin),
        ("place", product.shipping.from_),
        ("thing", product.invoice),
        ("code", product.registration),
        ("thing", product.list_price.basis if product.list_price else None),
    ):
        if isinstance(single, str):
            yield kind, single


def of_catalog(catalog: Catalog) -> dict[str, str]:
    """Every written value of a catalogue with its kind, longest first."""
    found: dict[str, str] = {}
    for product in catalog.products:
        for kind, value in values_of(product):
            found.setdefault(value, kind)
    for word in (*(catalog.shop.services or ()), catalog.shop.name, catalog.shop.contact):
        if word:
            found.setdefault(word, "thing")
    if catalog.shop.authentic:
        found.setdefault(catalog.shop.authentic, "text")
    kept = {value: kind for value, kind in found.items() if value not in _OWN}
    return dict(sorted(kept.items(), key=lambda item: -len(item[0])))


def slotted(core: str, question: str, values: dict[str, str]) -> tuple[str, str, list[Slot]]:
    """The core and the question with slots for the core's values, and the slots in order."""
    slots: list[Slot] = []
    places: dict[str, str] = {}

    def mark(kind: str, value: str) -> str:
        if value not in places:
            places[value] = chr(FIRST_SLOT + len(slots))
            slots.append((kind, value))
        return places[value]

    for value, kind in values.items():
        if value in core and (len(value) > 1 or not value.isascii()):
            core = _replaced(core, value, mark(kind, value))
    core = _TERM.sub("\ue7ff天无理由", core)
    core = _NUMBERS.sub(lambda m: mark(m.lastgroup or "number", m[0]), core).replace("\ue7ff", "7")
    for _, value in sorted(slots, key=lambda s: -len(s[1])):
        if value in question:
            question = _replaced(question, value, places[value])
    return core, question, slots


def unslotted(text: str, slots: Iterable[Slot]) -> str:
    """The text with its values back in place."""
    for number, (_, value) in enumerate(slots):
        text = text.replace(chr(FIRST_SLOT + number), value)
    return text


def _replaced(text: str, value: str, mark: str) -> str:
    """Each stand of a value replaced; digits only where no further digit follows or goes before."""
    before = r"(?<![\d.])" if value[0].isdigit() else ""
    after = r"(?![\d.])" if value[-1].isdigit() else ""
    return re.sub(before + re.escape(value) + after, mark, text)
