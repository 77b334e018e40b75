"""Products of a room's catalogue, and changing them on air."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from livehost.answers.facts import after_coupon
from livehost.api.auth import Operator, Viewer
from livehost.api.ground import Body, IfMatch, Page, TheHouse, TheRoom, etag, new_router, page_of
from livehost.api.problems import ProblemError
from livehost.catalog import (
    Catalog,
    CatalogProblems,
    Coupon,
    Gift,
    ListPrice,
    Product,
    Shipping,
    Spec,
    Valid,
)
from livehost.catalog_values import KnownNone, Money, Text
from livehost.compliance.saved import blocked_texts
from livehost.refused import Refused

router = new_router("products")

_TERMS = {"price", "list_price", "coupon", "specs"}
Price = Annotated[Money, Field(gt=0)]


class ProductChangeAsked(Body):
    """What is to change; what is left out stays, null makes it unknown, `false` is a known "none"."""

    price: Price | None = None
    list_price: ListPrice | KnownNone | None = None
    coupon: Coupon | KnownNone | None = None
    gifts: tuple[Gift, ...] | None = None
    stock: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    restock: date | KnownNone | None = None
    specs: tuple[Spec, ...] | None = None
    shipping: Shipping | None = None
    valid: Valid | None = None
    usage: Text | None = None


def pay(product: Product, now: datetime) -> Decimal:
    """What a buyer pays (到手价): the price less a coupon that applies now."""
    paid = after_coupon(product, product.price, now)
    return product.price if paid is None else paid


def shown(product: Product, version: int) -> dict[str, Any]:
    """A product as the API shows it."""
    now = datetime.now(UTC)
    return {
        **product.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "pay": str(pay(product, now)),
        "speakable": product.speakable(now),
        "version": version,
    }


@router.get("/rooms/{room}/products", summary="What the room sells")
async def list_products(house: TheHouse, room: TheRoom, _: Viewer, page: Page) -> dict[str, Any]:
    """In the catalogue's order, with the live changes; `pay` is 到手价 now."""
    catalog: Catalog = room.catalog()
    versions = await house.store.product_changes(room.id)
    items, following = page_of(catalog.products, page, lambda one: one.id)
    return {
        "items": [shown(one, versions[one.id].version if one.id in versions else 0) for one in items],
        "next": following,
    }


@router.get("/rooms/{room}/products/{product}", summary="One product")
async def get_product(
    house: TheHouse, room: TheRoom, _: Viewer, product: str, response: Response
) -> dict[str, Any]:
    """Its ETag is what a change names in If-Match; version 0: as in the catalogue's file."""
    found = _found(room, product)
    change = (await house.store.product_changes(room.id)).get(product)
    version = change.version if change else 0
    response.headers["etag"] = etag(version)
    return shown(found, version)


@router.patch("/rooms/{room}/products/{product}", summary="Change a product on air (改价, 改库存)")
async def change_product(
    house: TheHouse,
    room: TheRoom,
    _: Operator,
    product: str,
    asked: ProductChangeAsked,
    version: IfMatch,
    response: Response,
) -> dict[str, Any]:
    """The next phrase uses it; what was prepared with the old fact is dropped.

    Variants that cost what the product cost move with its price; `moved_specs` names them.
    """
    before = _found(room, product)
    values = asked.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for required in ("price", "stock"):
        if required in values and values[required] is None:
            raise ProblemError("invalid", first=f"{required}: 不能为空 / cannot be null")
    try:
        after = room.catalog().with_changes({product: values}).product(product)
    except CatalogProblems as error:
        raise _refused([(one.field, one.message, one.mend) for one in error.problems]) from error
    _one_price(after, values)
    values |= _whole(after, values)
    _may_be_said(after, values)
    change = await house.store.change_product(room.id, product, values, version)
    await room.reload_catalog()
    house.events.publish(room.id, "product", {"product": product, "version": change.version})
    response.headers["etag"] = etag(change.version)
    moved = {} if "specs" in asked.model_fields_set else {"moved_specs": _moved(before, after)}
    return shown(_found(room, product), change.version) | moved


def _whole(product: Product, values: dict[str, Any]) -> dict[str, Any]:
    """What is kept along with a change, which is laid over the file's product again.

    Variants stay with the price that moved them, a coupon is kept whole; where platforms differ, all
    terms are kept, since those of the file may not fit the new one.
    """
    along = {"specs"} if "price" in values and product.specs else set()
    along |= {"coupon"} if values.get("coupon") else set()
    if product.platforms and values.keys() & _TERMS:
        along = _TERMS
    kept = product.model_dump(mode="json", include=along)
    return {name: value for name, value in kept.items() if value is not None}


def _moved(before: Product, after: Product) -> list[str]:
    """The names of the variants whose price went along with the product's."""
    old = {s.name: s.price for s in before.specs or ()}
    return [s.name for s in after.specs or () if s.price != old.get(s.name)]


def _one_price(product: Product, values: dict[str, Any]) -> None:
    """Refuse a price beside variants of which none costs that: viewers would hear two prices."""
    priced = [s for s in product.specs or () if s.price is not None]
    if values.keys() & {"price", "specs"} and priced and all(s.price != product.price for s in priced):
        listed = "、".join(f"{s.name} {s.price}" for s in priced)
        raise _refused(
            [
                (
                    "price",
                    f"{product.price}元不是任何规格的价格（{listed}） / {product.price} is no variant's price",
                    "把 price 和 specs 一起改，写明是哪个规格 / send price and specs together, naming the variant",
                )
            ]
        )


def _refused(problems: list[tuple[str, str, str]]) -> Refused:
    """All problems of a change (field, what, mend); the first one is the headline."""
    field, message, mend = problems[0]
    return Refused(
        f"{field}: {message}",
        mend,
        status=422,
        details={"errors": [{"at": at, "message": text} for at, text, _ in problems]},
    )


def _may_be_said(product: Product, values: dict[str, Any]) -> None:
    """Refuse texts that the host may not say, with the words and the rule of each."""
    blocked = blocked_texts(product, datetime.now(UTC), values.keys())
    if blocked:
        raise Refused(
            "；".join(f"{one.field}：{one.words}（{one.why}）" for one in blocked)
            + " / the rules do not let this be said",
            "请改写后再保存 / reword it and save again",
            status=422,
            details={"errors": [hit.shown(one.text, one.field) for one in blocked for hit in one.hits]},
        )


def _found(room: TheRoom, product: str) -> Product:
    found: Product | None = room.catalog().get(product)
    if found is None:
        raise ProblemError("unknown_thing", what="product", id=product)
    return found
