"""The catalogue: the fixtures' format as it stands, all problems at once, changes and platforms."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from livehost.catalog import Catalog, CatalogProblems, UnknownProduct

DATA = Path(__file__).parents[1] / "data"
NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")


def catalog() -> Catalog:
    return Catalog.load(DATA / "catalog.yaml")


def small(**changes: object) -> Catalog:
    row = {"id": "a", "link": 3, "name": "杯", "category": "home", "price": "10.00", "stock": 1} | changes
    return Catalog.parse({"products": [row]})


def test_reads_the_fixtures() -> None:
    read = catalog()
    assert [p.link for p in read.products] == [1, 2, 3, 5, 6, 8]
    assert read.product("cleanser-01").price == Decimal("68.00")
    assert read.by_link(5) is read.product("sunscreen-04")
    assert read.shop.contact == "店铺客服"


def test_unknown_and_none_differ() -> None:
    assert small().products[0].coupon is None
    assert small(coupon=False).products[0].coupon is False
    assert small(coupon=[]).products[0].coupon is False
    assert small(gifts=[]).products[0].gifts == ()
    assert small(gifts=False).products[0].gifts == ()
    assert small(gifts=None).products[0].gifts is None


def test_all_problems_at_once_with_mends() -> None:
    rows = [
        {"id": "a", "link": 1, "name": "甲", "category": "toys", "price": "x", "stock": 1},
        {"id": "b", "link": 2, "name": "乙", "category": "home", "price": "1", "stock": 1, "colour": "red"},
        {
            "id": "c",
            "link": 2,
            "name": "丙",
            "category": "home",
            "price": "1",
            "stock": 1,
            "platforms": {"kuaishou": {"prize": "2"}},
        },
    ]
    with pytest.raises(CatalogProblems) as caught:
        Catalog.parse({"products": rows})
    text = str(caught.value)
    for field in (
        "products[a].category",
        "products[a].price",
        "products[b].colour",
        "products[c].platforms.kuaishou.prize",
    ):
        assert field in text
    assert all(p.mend for p in caught.value.problems)


def test_same_link_twice_is_a_problem() -> None:
    row = {"id": "a", "link": 1, "name": "甲", "category": "home", "price": "1", "stock": 1}
    with pytest.raises(CatalogProblems, match="link"):
        Catalog.parse({"products": [row, row | {"id": "b"}]})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogProblems, match="cannot be read"):
        Catalog.load(tmp_path / "none.yaml")


def test_a_file_that_is_not_yaml(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("products: [", encoding="utf-8")
    with pytest.raises(CatalogProblems, match="not YAML"):
        Catalog.load(path)


def test_live_change_counts_and_variants_follow() -> None:
    changed = catalog().with_changes({"cleanser-01": {"price": "66.00", "stock": 0}})
    product = changed.product("cleanser-01")
    assert (product.price, product.stock) == (Decimal("66.00"), 0)
    assert [s.price for s in product.specs or ()] == [Decimal("66.00"), Decimal("98.00")]
    assert changed.version("cleanser-01") == 1
    assert changed.version("serum-02") == 0
    assert (
        changed.with_changes({"cleanser-01": {"coupon": None}}, {"cleanser-01": 7}).version("cleanser-01")
        == 7
    )


def test_a_bad_change_changes_nothing() -> None:
    with pytest.raises(CatalogProblems) as caught:
        catalog().with_changes({"cleanser-01": {"price": "cheap"}, "nothing": {"stock": 1}})
    assert len(caught.value.problems) == 2


def test_platform_overlay_and_live_change_over_it() -> None:
    read = small(platforms={"kuaishou": {"link": 5, "price": "12.00"}})
    assert read.on_platform("kuaishou").products[0].link == 5
    assert read.on_platform("kuaishou").products[0].price == Decimal("12.00")
    assert read.on_platform("douyin") is read
    changed = read.with_changes({"a": {"price": "9.00"}}).on_platform("kuaishou").products[0]
    assert (changed.price, changed.link) == (Decimal("9.00"), 5)


def test_validity() -> None:
    product = small(valid={"until": "2026-11-30T23:59:59+08:00"}).products[0]
    assert not product.speakable(NOW)
    assert small().products[0].speakable(NOW)


def test_unknown_product() -> None:
    with pytest.raises(UnknownProduct, match="cleanser-01"):
        catalog().product("nothing")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"coupon": {"amount": "500", "threshold": "1"}}, "coupon.amount"),
        ({"coupon": {"amount": "20", "threshold": "20"}}, "coupon.amount"),
        ({"coupon": {"amount": "10"}}, "coupon.amount"),
        ({"coupon": {"amount": "6"}, "specs": [{"name": "小", "price": "5"}]}, "coupon.amount"),
        ({"list_price": {"amount": "9.00", "basis": "原价"}}, "list_price.amount"),
        ({"list_price": {"amount": "10", "basis": "原价"}}, "list_price.amount"),
        ({"usage": "早晚\u202e各一次"}, "usage"),
        ({"usage": "早晚\x07各一次"}, "usage"),
        ({"gifts": [{"name": "网" * 100_000}]}, "gifts.0.name"),
        ({"usage": "早" * 2001}, "usage"),
    ],
)
def test_terms_and_texts_that_cannot_be(changes: dict[str, object], field: str) -> None:
    with pytest.raises(CatalogProblems) as caught:
        small(**changes)
    assert [p.field for p in caught.value.problems] == [f"products[a].{field}"]
    with pytest.raises(CatalogProblems):
        small().with_changes({"a": changes})


def test_a_coupon_beyond_the_price_and_a_compare_price_below_it_are_told_at_once() -> None:
    with pytest.raises(CatalogProblems) as caught:
        small(coupon={"amount": "10"}, list_price={"amount": "9", "basis": "原价"})
    assert {p.field for p in caught.value.problems} == {
        "products[a].coupon.amount",
        "products[a].list_price.amount",
    }


def test_a_price_may_not_rise_to_its_compare_price() -> None:
    listed = small(list_price={"amount": "12", "basis": "近7日最低成交价"})
    with pytest.raises(CatalogProblems, match="划线价"):
        listed.with_changes({"a": {"price": "12"}})


WRONG = """products:
  - id: soap
    link: 1
    name: 皂
    category: toys
    price: abc
    stock: 3
    cupon: {amount: 1}
  - id: tea
    link: 2
    name: 茶
    category: food
    price: "9.00"
    stock: 3
    coupon:
      amount: "1.00"
      until: soon
    restock: some day
  - {id: cup, link: 2, name: 杯, category: home, price: "9.00", stock: 1}
  - {id: jug, link: 2, name: 壶, category: home, price: "9.00", stock: 1}
"""


def test_each_problem_is_told_in_two_languages_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(CatalogProblems) as caught:
        Catalog.load(path)
    found = {(one.line, one.field): one for one in caught.value.problems}
    assert set(found) == {
        (5, "products[soap].category"),
        (6, "products[soap].price"),
        (8, "products[soap].cupon"),
        (17, "products[tea].coupon.until"),
        (18, "products[tea].restock"),
        (20, "products[jug].link"),
    }
    for one in found.values():
        for text in (one.said.zh, one.said.zh_mend):
            assert re.search("[一-鿿]", text) and "Input" not in text, text
        for text in (one.said.en, one.said.en_mend):
            assert not re.search("[一-鿿]", text), text
    assert "coupon" in found[8, "products[soap].cupon"].mend
    assert f"{path}:6: products[soap].price: 不是金额" in str(caught.value)


def test_a_line_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text("products:\n  - {id: a\n  - b", encoding="utf-8")
    with pytest.raises(CatalogProblems, match=r"catalog\.yaml:3: "):
        Catalog.load(path)
