"""Whether stock or clock bears out what urges viewers to buy. Without a product nothing does. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from livehost.catalog import Product
from livehost.chinese import with_digits

SCARCE = 10  # pieces left, from which on "nearly sold out" is true

_PIECES = re.compile(
    r"(?:最后|只剩|仅剩|就剩|还剩|剩下|只有|仅有|就有)(?:的|下|了|最后)*(\d+)(多)?(?:单|件|瓶|盒|个|份|套|支|箱|包|罐|袋|条|双|把|台|本)"
)
_FEW = re.compile(
    r"售罄|快没|要没|没货|见底|告急|不多|紧张|最后几|最后1批|最后这点|剩几|剩1点|剩点|卖完|抢完|断货|手慢|不拍就没|不买就没"
)
_TODAY = re.compile(r"(?:今天|今晚|今日).{0,4}(?:最后|截止|结束|到期)|最后1天|过了(?:今天|今晚)")
_LEFT = re.compile(
    r"(?:最后|还有|还剩|只剩|仅剩|剩下?)(?:不到)?(\d+)个?(分钟|小时|天)|(\d+)个?(分钟|小时|天)(?:之)?后"
)
_DEARER = re.compile(r"原价|涨|改价|提价|调回|恢复")
_SOON = re.compile(r"马上|立刻|立马|即将|就要|等下|待会|[一1]会")
_UNITS = {"分钟": timedelta(minutes=1), "小时": timedelta(hours=1), "天": timedelta(days=1)}


def borne_out(clause: str, product: Product | None, now: datetime | None) -> bool:
    """Whether what a clause urges with is so: pieces left, or the end of the coupon or of the offer.

    Every number and every cause that the clause names must be true; a clause that names none is not.
    """
    if product is None:
        return False
    text = with_digits(clause)
    proofs: list[bool] = []
    if pieces := _PIECES.findall(text):
        proofs += [
            in_the_order_of(product.stock, int(n)) if more else 0 < product.stock == int(n)
            for n, more in pieces
        ]
    elif _FEW.search(text):
        proofs.append(0 < product.stock <= SCARCE)
    left = _time_left(product, now)
    if _TODAY.search(text):
        proofs.append(left is not None and now is not None and _ends_today(product, now))
    for before, unit, after, other in _LEFT.findall(text):
        told = int(before or after) * _UNITS[unit or other]
        proofs.append(left is not None and told - _UNITS[unit or other] <= left <= told)
    if _DEARER.search(text):
        soon = timedelta(hours=1) if _SOON.search(text) else timedelta(days=1)
        proofs.append(left is not None and left <= soon)
    return bool(proofs) and all(proofs)


def in_the_order_of(value: float, told: int) -> bool:
    """Whether a count may be told as "so many and more": 328 is 三百多 and 三百二十多."""
    step = len(str(told)) - len(str(told).rstrip("0"))
    return 0 < told <= value < told + int(10**step)


def _ends(product: Product) -> list[datetime]:
    coupon = product.coupon.until if product.coupon else None
    return [end for end in (coupon, product.valid.until) if end is not None]


def _time_left(product: Product, now: datetime | None) -> timedelta | None:
    """How long the coupon or the offer that ends first goes on, None where no end is known."""
    if now is None:
        return None
    return min((end - now for end in _ends(product) if end > now), default=None)


def _ends_today(product: Product, now: datetime) -> bool:
    return any(end > now and end.date() == now.astimezone(end.tzinfo).date() for end in _ends(product))
