"""Changing a price on air: one price for viewers, terms that can stand, texts that can be read."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from livehost.catalog import Catalog
from tests.fakes import FakeHouse

PRODUCT = "/v1/rooms/room-a/products/cleanser-01"
ANY = {"if-match": "*"}
SPECS = [{"name": "120g", "price": "68.00"}, {"name": "200g", "price": "98.00"}]


async def change(client: httpx.AsyncClient, **values: Any) -> httpx.Response:
    return await client.patch(PRODUCT, json=values, headers=ANY)


async def test_the_variant_at_the_products_price_moves_along(client: httpx.AsyncClient) -> None:
    assert (await change(client, price="68.00", specs=SPECS)).status_code == 200
    moved = await change(client, price="66.00")
    assert moved.status_code == 200, moved.text
    assert moved.json()["moved_specs"] == ["120g"]
    for body in (moved.json(), (await client.get(PRODUCT)).json()):
        assert body["price"] == "66.00"
        assert [s["price"] for s in body["specs"]] == ["66.00", "98.00"]


@pytest.mark.parametrize("values", [{"price": "70.00", "specs": SPECS}, {"specs": SPECS}])
async def test_a_price_that_no_variant_has_is_refused(
    client: httpx.AsyncClient, values: dict[str, Any]
) -> None:
    answer = await change(client, **values)
    assert answer.status_code == 422 and "specs" in answer.json()["mend"]
    assert "specs" not in (await client.get(PRODUCT)).json()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"coupon": {"amount": "500", "threshold": "1"}}, "coupon.amount"),
        ({"coupon": {"amount": "59", "threshold": "0"}}, "coupon.amount"),
        ({"list_price": {"amount": "9.00", "basis": "原价"}}, "list_price.amount"),
    ],
)
async def test_terms_that_cannot_be(client: httpx.AsyncClient, values: dict[str, Any], field: str) -> None:
    answer = await change(client, **values)
    assert answer.status_code == 422
    assert [e["at"] for e in answer.json()["errors"]] == [f"cleanser-01.{field}"]


@pytest.mark.parametrize(
    "values", [{"gifts": [{"name": "网" * 100_000}]}, {"usage": "早晚\u202e各一次"}, {"usage": "早\x00晚"}]
)
async def test_texts_that_cannot_be(client: httpx.AsyncClient, values: dict[str, Any]) -> None:
    answer = await change(client, **values)
    assert answer.status_code == 422 and len(answer.text) < 5000


async def test_a_coupon_is_kept_whole(house: FakeHouse, client: httpx.AsyncClient) -> None:
    assert (await change(client, coupon={"amount": "30", "threshold": "100"})).status_code == 200
    assert (await change(client, coupon={"amount": "80"})).status_code == 200
    kept = (await house.store.product_changes("room-a"))["cleanser-01"].values
    file: Catalog = house.rooms["room-a"].base
    coupon = file.with_changes({"cleanser-01": kept}).product("cleanser-01").coupon
    assert coupon and (str(coupon.amount), str(coupon.threshold)) == ("80", "100")
