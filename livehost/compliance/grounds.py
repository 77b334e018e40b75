"""What a text may claim: the numbers, words and fields of the facts that it stands on.

Pure. Built once for the same facts (`grounds`), then every phrase is held against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from livehost.answers.claims import Claims, Kind, Lexicon, Token
from livehost.answers.facts import NONE
from livehost.answers.types import Fact
from livehost.chinese import folded

# How a bare value of a field is counted.
UNIT_OF = {
    "price": "元",
    "after_coupon": "元",
    "total": "元",
    "total_after_coupon": "元",
    "stock": "件",
    "link": "号",
    "asked": "号",
}
_COUNTS = frozenset(
    "个件份支瓶盒包袋片粒颗张条款双套罐桶枚贴台只把杯箱床提根副顶盏株束枝幅辆听筒捆架单盆串本对"
)
# One size in another unit: two days are 48 hours.
_SCALE = {
    "天": ("小时", 24), "日": ("小时", 24), "周": ("小时", 168), "小时": ("小时", 1), "分钟": ("分钟", 1), "刻钟": ("分钟", 15),
    "个月": ("个月", 1), "月": ("月", 1), "年": ("个月", 12), "kg": ("g", 1000), "斤": ("g", 500), "两": ("g", 50), "l": ("ml", 1000),
    "m": ("cm", 100), "米": ("cm", 100), "mm": ("cm", 0.1), "周岁": ("岁", 1), "块": ("元", 1), "毛": ("元", 0.1),
}  # fmt: skip
_CATALOGUE = frozenset(
    (
        "name", "link", "asked", "price", "after_coupon", "coupon", "list_price", "gifts", "stock", "in_stock", "restock",
        "specs", "ingredients", "free_of", "claims", "suitable_for", "not_for", "usage", "lasts", "shelf_life", "produced",
        "origin", "invoice", "registration", "highlights", "sensitive", "shipping", "returns", "faq", "shop", "category",
        "approved", "faq_book",
    )
)  # fmt: skip
ANY = "*"


@dataclass(frozen=True)
class Grounds:
    """Numbers as (value, unit), the text of all that may be said, and what is only said in the negative."""

    numbers: frozenset[tuple[str, str]]
    text: str
    affirmed: str  # ingredients and groups that it has or suits
    denied: str  # ingredients that it is free of, groups that it does not suit
    fields: dict[str, str]
    by_head: dict[str, frozenset[tuple[str, str]]]  # the numbers of each field


@cache
def _reader() -> Lexicon:
    return Lexicon(None)


def read_numbers(text: str) -> Claims:
    """A text folded, with its amounts as tokens; sayings that look like an amount are none."""
    return _reader().read(text)


@lru_cache(maxsize=8192)
def _numbers_of(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(amount for token in read_numbers(text).of(Kind.NUMBER) for amount in forms(token))


def forms(token: Token) -> tuple[tuple[str, str], ...]:
    """An amount, and the same in the smallest unit of its kind."""
    value, unit = token.value.removesuffix(token.group), token.group
    scaled = _scaled(value, unit)
    return ((value, unit), scaled) if scaled is not None else ((value, unit),)


def _scaled(value: str, unit: str) -> tuple[str, str] | None:
    if unit not in _SCALE:
        return None
    base, times = _SCALE[unit]
    try:
        parts = [f"{float(part) * times:.4f}".rstrip("0").rstrip(".") for part in value.split("-")]
    except ValueError:
        return None
    return "-".join(parts), base


@lru_cache(maxsize=512)
def grounds(facts: tuple[Fact, ...], approved: tuple[str, ...]) -> Grounds:
    """What may be said on these facts and approved texts."""
    numbers: set[tuple[str, str]] = set()
    texts: list[str] = []
    affirmed: list[str] = []
    denied: list[str] = []
    by_head: dict[str, frozenset[tuple[str, str]]] = {}
    for fact in facts:
        head, _, tail = fact.field.partition(".")
        if head in UNIT_OF:  # price.<variant>, total.<pieces>
            texts.append(tail)
            pieces = re.split(r"[.:]", tail)[0]
            numbers |= _numbers_of(tail) | ({(pieces, u) for u in _COUNTS} if pieces.isdigit() else set())
        if fact.value == NONE:
            continue
        if head == "sensitive":  # said as it was approved, or not at all: it bears out no other words
            continue
        by_head[head] = by_head.get(head, frozenset()) | _numbers_of(fact.value + UNIT_OF.get(head, ""))
        texts.append(fact.value)
        if head in UNIT_OF:
            found = _numbers_of(fact.value + UNIT_OF[head])
            numbers |= found | (
                {(n, unit) for n, _ in found for unit in _COUNTS} if head == "stock" else set()
            )
        else:
            found = _numbers_of(fact.value)
            if head == "list_price":  # the days of its basis are no days of anything else
                found = frozenset(amount for amount in found if amount[1] == "元")
            numbers |= found | ({(n, ANY) for n, _ in found} if head not in _CATALOGUE else set())
        if head == "gifts":  # one of each, where no count is named
            numbers |= {("1", unit) for unit in _COUNTS}
            numbers |= {(n, unit) for n, counted in found if counted == "份" for unit in _COUNTS}
        if fact.field == "returns.seven_days":
            numbers |= {("7", "天"), ("168", "小时")}
        if head in ("free_of", "not_for"):
            denied.append(fact.value)
        elif head in ("ingredients", "suitable_for"):
            affirmed.append(fact.value)
    for text in approved:
        numbers |= _numbers_of(text)
        by_head["approved"] = by_head.get("approved", frozenset()) | _numbers_of(text)
        texts.append(text)
    fields = {fact.field: fact.value for fact in facts}
    return Grounds(frozenset(numbers), _joined(texts), _joined(affirmed), _joined(denied), fields, by_head)


def _joined(texts: Iterable[str]) -> str:
    return re.sub(r"\s+", "", folded("，".join(dict.fromkeys(texts))))
