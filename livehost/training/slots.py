"""The written values of products and catalogues with their kinds, for slots in training's sentences."""

from __future__ import annotations

from collections.abc import Iterator

from livehost.catalog import Catalog, Product
from services.training.language_slots import Slot

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
