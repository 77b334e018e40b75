"""The last look at an answer: every number in it comes from its facts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from livehost.answers.types import Fact
from livehost.chinese import folded, with_digits

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TERM = re.compile(r"7天无理由|a股|24小时直播")
_COUNTED = re.compile(r"\d+(?:\.\d+)?(?=元|块|折|天|小时|分钟|个月|月|年|号链接|片|盒|瓶|袋|%|倍|件|岁|次)")


def numbers(text: str) -> set[str]:
    """The numbers written in digits, without closing zeros behind a point."""
    return {_plain(n) for n in _NUMBER.findall(_TERM.sub(" ", folded(text)))}


def spoken_numbers(text: str) -> set[str]:
    """The amounts written in Chinese characters before a unit."""
    text = re.sub(r"一(?:下|般|种|样|些|起|点|直|定)|这一|哪一|第一|十分|万一|千万", " ", folded(text))
    turned = with_digits(_TERM.sub(" ", text))
    return {_plain(n) for n in _COUNTED.findall(turned)}


def unfounded(text: str, facts: Iterable[Fact]) -> set[str]:
    """The numbers of an answer that none of its facts holds."""
    known: set[str] = set()
    for fact in facts:
        for told in (fact.value, fact.field):  # a variant's name stands in the field: price.两瓶装
            known |= numbers(told) | numbers(with_digits(folded(told)))
        known |= spoken_numbers(fact.value)
    return (numbers(text) | spoken_numbers(text)) - known


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else str(int(number))
