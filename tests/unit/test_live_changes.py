"""Changes that were kept, over a catalogue whose file was edited since."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from livehost.catalog import Catalog
from livehost.live_changes import with_kept_changes
from livehost.store.protocol import ProductChange

CATALOG = Catalog.parse(
    {
        "products": [
            {"id": "tea", "link": 1, "name": "红茶", "category": "food", "price": "39", "stock": 5},
            {"id": "cup", "link": 2, "name": "茶杯", "category": "home", "price": "59", "stock": 5},
        ]
    },
)


def change(version: int, **values: object) -> ProductChange:
    return ProductChange(values=values, version=version, at=datetime(2026, 12, 1, tzinfo=UTC))


def test_a_change_that_does_not_fit_costs_no_other() -> None:
    kept = {
        "gone": change(1, price="5"),
        "tea": change(2, price="35"),
        "cup": change(3, coupon={"amount": "500", "threshold": "1"}),
    }
    catalog, left_out = with_kept_changes(CATALOG, kept)
    assert catalog.product("tea").price == Decimal(35) and catalog.version("tea") == 2
    assert catalog.product("cup") == CATALOG.product("cup")
    assert len(left_out) == 2 and "gone" in left_out[0] and "coupon" in left_out[1]
