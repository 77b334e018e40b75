"""What a product's terms may not say together: a coupon beyond the price, a compare price below it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

if TYPE_CHECKING:
    from livehost.catalog import Product


def checked_terms(product: Product) -> Product:
    """The product; raises ValidationError with every term of it that cannot hold.

    A compare price lies above the price (明码标价和禁止价格欺诈规定). A coupon leaves something to pay: it is
    smaller than its threshold, or than every price where it has no threshold.
    """
    problems = list(_problems(product))
    if problems:
        raise ValidationError.from_exception_data("Product", problems)
    return product


def _problems(product: Product) -> Iterator[InitErrorDetails]:
    listed, coupon = product.list_price, product.coupon
    if listed and listed.amount <= product.price:
        yield _problem(
            ("list_price", "amount"),
            "compare_price",
            f"划线价{listed.amount}元必须高于价格{product.price}元 / "
            f"the compare price {listed.amount} must be above the price {product.price}",
        )
    if not coupon:
        return
    if coupon.threshold:
        least, what = coupon.threshold, ("门槛", "its threshold")
    else:
        least = min([product.price, *(s.price for s in product.specs or () if s.price is not None)])
        what = ("价格", "the price")
    if coupon.amount >= least:
        yield _problem(
            ("coupon", "amount"),
            "coupon_amount",
            f"券的面额{coupon.amount}元必须小于{what[0]}{least}元 / "
            f"the coupon's amount {coupon.amount} must be below {what[1]} {least}",
        )


def _problem(at: tuple[str, ...], kind: str, message: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, "{words}", {"words": message}), loc=at, input=None)
