"""The written values of products and catalogues with their kinds, for slots in training's sentences."""

from __future__ import annotations

from collections.abc import Iterator

from livehost.catalog import Catalog, Product

# Words that the sayings themselves use stay, also where a shop's value is the same.
_OWN = frozenset(("店铺客服", "运费险", "客服", "药品", "直播间", "AI"))


def fields_of(product: Product) -> Iterator[tuple[str, str, str]]:
    """The written values of a product: the catalogue's field, the value's kind, the value."""
    yield "name", "name", product.name
    for field, kind, several in (
        ("ingredients", "thing", product.ingredients),
        ("free_of", "thing", product.free_of),
        ("suitable_for", "thing", product.suitable_for),
        ("not_for", "thing", product.not_for),
        ("highlights", "thing", product.highlights),
        ("shipping.not_to", "thing", product.shipping.not_to),
        ("shipping.courier", "thing", product.shipping.courier),
        ("gifts", "thing", tuple(g.name for g in product.gifts or ())),
        ("specs", "spec", tuple(s.name for s in product.specs or ())),
        ("claims", "thing", tuple(c.text for c in product.claims or ())),
        ("evidence", "code", tuple(c.evidence for c in product.claims or () if c.evidence)),
        ("faq", "text", tuple(f.a for f in product.faq)),
    ):
        for value in several or ():
            yield field, kind, value
    sensitive, returns = product.sensitive, product.returns
    for field, kind, single in (
        ("usage", "text", product.usage),
        ("lasts", "text", product.lasts),
        ("sensitive.pregnancy", "text", sensitive.pregnancy),
        ("sensitive.nursing", "text", sensitive.nursing),
        ("sensitive.minors", "text", sensitive.minors),
        ("returns.exceptions", "text", returns.exceptions),
        ("origin", "place", product.origin),
        ("shipping.from", "place", product.shipping.from_),
        ("invoice", "thing", product.invoice),
        ("registration", "code", product.registration),
        ("list_price.basis", "thing", product.list_price.basis if product.list_price else None),
    ):
        if isinstance(single, str):
            yield field, kind, single


def of_catalog(catalog: Catalog) -> dict[str, str]:
    """Every written value of a catalogue with its kind, longest first."""
    found: dict[str, str] = {}
    for product in catalog.products:
        for _, kind, value in fields_of(product):
            found.setdefault(value, kind)
    for word in (*(catalog.shop.services or ()), catalog.shop.name, catalog.shop.contact):
        if word:
            found.setdefault(word, "thing")
    if catalog.shop.authentic:
        found.setdefault(catalog.shop.authentic, "text")
    kept = {value: kind for value, kind in found.items() if value not in _OWN}
    return dict(sorted(kept.items(), key=lambda item: -len(item[0])))
