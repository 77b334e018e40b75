"""The facts in a script's wordings: `{price}`, `{link}`, `{coupon}`, …

A wording whose fact is unknown, "none" or no longer valid is not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Formatter

from livehost.answers.facts import NONE, money, value_of
from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product

# placeholder -> (field of the catalogue, how it is said)
PLACEHOLDERS: Mapping[str, tuple[str, str]] = {
    "name": ("name", "{}"),
    "link": ("link", "{}号链接"),
    "price": ("price", "{}元"),
    "list_price": ("list_price", "{}"),
    "coupon": ("coupon", "{}"),
    "after_coupon": ("after_coupon", "{}元"),
    "gifts": ("gifts", "{}"),
    "specs": ("specs", "{}"),
    "stock": ("stock", "{}件"),
    "usage": ("usage", "{}"),
    "ingredients": ("ingredients", "{}"),
    "free_of": ("free_of", "{}"),
    "suitable_for": ("suitable_for", "{}"),
    "not_for": ("not_for", "{}"),
    "shipping": ("shipping.within", "{}"),
    "returns": ("returns.seven_days", "支持7天无理由退货"),
    "origin": ("origin", "{}"),
    "shelf_life": ("shelf_life", "{}"),
    "highlights": ("highlights", "{}"),
    "lasts": ("lasts", "{}"),
    "claims": ("claims", "{}"),
    "registration": ("registration", "{}"),
    "invoice": ("invoice", "{}"),
}


@dataclass(frozen=True)
class Filled:
    """A wording with its facts in place, and the facts that it stands on."""

    text: str
    facts: tuple[Fact, ...] = ()


def fill(
    wording: str,
    product: Product | str | None,
    catalog: Catalog,
    now: datetime,
    *,
    platform: str | None = None,
    words: Mapping[str, str] | None = None,
) -> Filled | None:
    """The wording with facts and other words (`self`, `address`, `shop`); None when one is missing."""
    wanted = [name for _, name, _, _ in Formatter().parse(wording) if name is not None]
    facts = _facts(product, catalog, now, platform) if product is not None else {}
    other = dict(words or {})
    if catalog.shop.name:
        other.setdefault("shop", catalog.shop.name)
    if any(name not in facts and name not in other for name in wanted):
        return None
    values = {name: facts[name][0] if name in facts else other[name] for name in wanted}
    used: dict[Fact, None] = {}
    for name in wanted:
        for item in facts[name][1] if name in facts else ():
            used[item] = None
    return Filled(wording.format(**values), tuple(used))


def _facts(
    product: Product | str, catalog: Catalog, now: datetime, platform: str | None
) -> dict[str, tuple[str, tuple[Fact, ...]]]:
    here = catalog.on_platform(platform)
    item = here.get(product if isinstance(product, str) else product.id)
    if item is None or not item.speakable(now):
        return {}
    out: dict[str, tuple[str, tuple[Fact, ...]]] = {}

    def fact(field: str) -> Fact | None:
        value = value_of(here, item.id, field, now)
        return None if value is None or value == NONE else Fact(item.id, field, value, here.version(item.id))

    for name, (field, form) in PLACEHOLDERS.items():
        found = fact(field)
        if found is not None:
            out[name] = (form.format(found.value), (found,))
    if item.stock == 0:
        out.pop("stock", None)
    specs = [s for s in item.specs or () if s.price is not None]
    if specs:
        priced = [f for s in specs if (f := fact(f"price.{s.name}"))]
        out["specs"] = (
            "，".join(f"{s.name}是{money(s.price)}元" for s in specs if s.price is not None),
            tuple(priced),
        )
    ways = [
        f"{found.value.removesuffix('内')}内发货" if field == "shipping.within" else "包邮"
        for field in ("shipping.within", "shipping.free")
        if (found := fact(field))
    ]
    if ways:
        used = tuple(f for n in ("shipping.within", "shipping.free") if (f := fact(n)))
        out["shipping"] = ("，".join(ways), used)
    exceptions = fact("returns.exceptions")
    if "returns" in out and exceptions:
        out["returns"] = (f"{out['returns'][0]}，{exceptions.value}", (*out["returns"][1], exceptions))
    return out
