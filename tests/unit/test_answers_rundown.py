"""Facts in a script's wordings."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from livehost.answers import still_true
from livehost.catalog import Catalog
from livehost.rundown import fill

NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
CATALOG = Catalog.load(Path(__file__).parents[1] / "data" / "catalog.yaml")


def test_a_wording_with_its_facts() -> None:
    got = fill(
        "{address}，{name}{price}，{link}",
        CATALOG.product("tea-08"),
        CATALOG,
        NOW,
        words={"address": "家人们"},
    )
    assert got is not None
    assert got.text == "家人们，桂圆红枣枸杞茶39.9元，8号链接"
    assert still_true(got.facts, CATALOG, NOW)
    assert not still_true(got.facts, CATALOG.with_changes({"tea-08": {"price": "42.00"}}), NOW)


def test_unknown_expired_and_none_are_not_said() -> None:
    assert fill("{coupon}", CATALOG.product("mask-03"), CATALOG, NOW) is None
    assert fill("{coupon}", CATALOG.product("tea-08"), CATALOG, NOW) is None
    assert fill("{after_coupon}", CATALOG.product("serum-02"), CATALOG, NOW) is None
    assert fill("{returns}", CATALOG.product("tea-08"), CATALOG, NOW) is None
    assert fill("{stock}", CATALOG.product("sunscreen-04"), CATALOG, NOW) is None
    assert fill("{price}", None, CATALOG, NOW) is None


def test_facts_of_every_product() -> None:
    for product in CATALOG.products:
        filled = fill("{link}{price}", product, CATALOG, NOW)
        assert filled is not None and filled.text.startswith(f"{product.link}号链接")
        assert {fact.field for fact in filled.facts} == {"link", "price"}
