"""The catalogue's fields as spoken values, each with a name that can be looked up again.

A value of None is unknown; `NONE` is a known "none". A fact is still true when looking its field
up again gives the same value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product, Shop, Spec

NONE = "无"
APPROVED = "faq_book."  # before the id of the operator's entry that was said
ASKED_LINK = "asked.link"  # a link number that a viewer asked for and that there is not


def money(amount: Decimal) -> str:
    """Yuan as written on screen: 68, 49.9, 39.95."""
    text = f"{amount:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def on_date(day: date, now: datetime) -> str:
    """A date as said: with its year only if that is another one."""
    short = f"{day.month}月{day.day}日"
    return short if day.year == now.year else f"{day.year}年{short}"


def coupon_state(product: Product, now: datetime) -> str | None:
    """`live`, `none` (there is none, or it has ended) or None for unknown."""
    coupon = product.coupon
    if coupon is None:
        return None
    if coupon is False or (coupon.until is not None and now > coupon.until):
        return "none"
    return "live"


def after_coupon(product: Product, price: Decimal, now: datetime) -> Decimal | None:
    """What is paid after a coupon that applies to this price; None when none applies."""
    coupon = product.coupon
    if not coupon or coupon_state(product, now) != "live" or price < coupon.threshold:
        return None
    return max(price - coupon.amount, Decimal(0))


def value_of(catalog: Catalog, product_id: str, name: str, now: datetime) -> str | None:
    """The spoken value of a field by its name, None when it is unknown or no longer valid."""
    if not product_id:
        return _shop_value(catalog.shop, name)
    product = catalog.get(product_id)
    if product is None or not product.speakable(now):
        return None
    head, _, rest = name.partition(".")
    match head:
        case "price":
            return _price(product, rest)
        case "after_coupon":
            price = _decimal_price(product, rest)
            paid = after_coupon(product, price, now) if price is not None else None
            return money(paid) if paid is not None else None
        case "coupon":
            return _coupon_until(product, now) if rest == "until" else _coupon(product, now)
        case "pieces":
            return rest if rest.isdigit() else None
        case "total":
            total = _total(product, rest)
            return money(total) if total is not None else None
        case "total_after_coupon":
            total = _total(product, rest)
            paid = after_coupon(product, total, now) if total is not None else None
            return money(paid) if paid is not None else None
        case "gifts" if rest == "counted" and product.gifts:
            return "、".join(f"{g.name}{g.count}份" for g in product.gifts)
        case "list_price":
            listed = product.list_price
            return (
                None
                if listed is None
                else NONE
                if listed is False
                else f"{listed.basis}{money(listed.amount)}元"
            )
        case "in_stock":
            return "有货" if product.stock > 0 else "缺货"
        case "restock":
            if product.restock is False:
                return NONE
            return (
                None
                if product.restock is None or product.restock < now.date()
                else on_date(product.restock, now)
            )
        case "faq":
            return product.faq[int(rest)].a if rest.isdigit() and int(rest) < len(product.faq) else None
        case "sensitive":
            return getattr(product.sensitive, rest, None)
        case "shipping":
            return _plain(getattr(product.shipping, "from_" if rest == "from" else rest, None))
        case "returns":
            return _plain(getattr(product.returns, rest, None))
        case "produced":
            return product.produced and _month(product.produced)
        case _:
            return _plain(getattr(product, head, None))


def fact(catalog: Catalog, product: Product | None, name: str, now: datetime) -> Fact | None:
    """The fact of that name, None when it is unknown."""
    product_id = product.id if product else ""
    value = value_of(catalog, product_id, name, now)
    return None if value is None else Fact(product_id, name, value, catalog.version(product_id))


def still_true(
    facts: Iterable[Fact], catalog: Catalog, now: datetime, *, platform: str | None = None
) -> bool:
    """Whether every fact would be spoken with the same value now; a link that there is not still is not."""
    here = catalog.on_platform(platform)
    return all(
        (f.value.isdigit() and here.by_link(int(f.value)) is None)
        if f.field == ASKED_LINK
        else f.field.startswith(APPROVED) or value_of(here, f.product, f.field, now) == f.value
        for f in facts
    )


def spec_named(product: Product, name: str) -> Spec | None:
    """The variant of that name."""
    return next((s for s in product.specs or () if s.name == name), None)


def _decimal_price(product: Product, spec_name: str) -> Decimal | None:
    if not spec_name:
        return product.price
    spec = spec_named(product, spec_name)
    return spec.price if spec else None


def _total(product: Product, rest: str) -> Decimal | None:
    """What several pieces cost: `2`, or `2:100粒` of a variant."""
    count, _, spec_name = rest.partition(":")
    price = _decimal_price(product, spec_name)
    return price * int(count) if price is not None and count.isdigit() else None


def _price(product: Product, spec_name: str) -> str | None:
    price = _decimal_price(product, spec_name)
    return None if price is None else money(price)


def _coupon(product: Product, now: datetime) -> str | None:
    state = coupon_state(product, now)
    if state is None or state == "none":
        return state and NONE
    assert product.coupon
    off = money(product.coupon.amount)
    return f"满{money(product.coupon.threshold)}元减{off}元" if product.coupon.threshold else f"立减{off}元"


def _coupon_until(product: Product, now: datetime) -> str | None:
    if coupon_state(product, now) != "live" or not product.coupon or product.coupon.until is None:
        return None
    return on_date(product.coupon.until.astimezone(now.tzinfo).date(), now)


def _month(text: str) -> str:
    """2026-08 and 2026-08-15 as they are said."""
    parts = text.replace("/", "-").replace(".", "-").split("-")
    if not all(p.isdigit() for p in parts) or not 2 <= len(parts) <= 3 or len(parts[0]) != 4:
        return text
    tail = f"{int(parts[2])}日" if len(parts) == 3 else ""
    return f"{parts[0]}年{int(parts[1])}月{tail}"


def _plain(value: object) -> str | None:
    """Texts, numbers, flags and lists as one value; an empty list or False is a known none."""
    match value:
        case None:
            return None
        case False:
            return NONE
        case True:
            return "是"
        case tuple():
            return "、".join(_item(item) for item in value) if value else NONE
        case _:
            return str(value)


def _item(item: object) -> str:
    count = getattr(item, "count", None)
    if isinstance(item, str):
        return item
    if isinstance(count, int):
        return f"{item.name}{count}份" if count > 1 else str(item.name)  # type: ignore[attr-defined]
    return str(getattr(item, "name", None) or getattr(item, "text", item))


def _shop_value(shop: Shop, name: str) -> str | None:
    return _plain(getattr(shop, name.removeprefix("shop."), None))
