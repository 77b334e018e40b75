"""Chinese text brought to one form: width, case, traditional characters, numerals."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

DIGITS = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
UNITS = {"十": 10, "百": 100, "千": 1000}


@cache
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def simplified(text: str) -> str:
    """Traditional characters as simplified ones, one for one."""
    return "".join(_one(c) if "\u3400" <= c <= "\u9fff" else c for c in text)


@cache
def _one(char: str) -> str:
    out = str(_simplifier().convert(char))
    return out if len(out) == 1 else char


def folded(text: str) -> str:
    """NFKC, lower case, simplified; signs that join emoji are dropped."""
    text = unicodedata.normalize("NFKC", text).lower()
    return simplified(
        "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn", "Cc", "Me") or c in "\n\t")
    )


def numeral(word: str) -> int | None:
    """The value of a Chinese or Arabic whole number below ten thousand: 三, 十二, 一百二, 两百零八."""
    if word.isdecimal():
        return int(word)
    if not word or any(c not in DIGITS and c not in UNITS for c in word):
        return None
    if not any(c in UNITS for c in word):
        return int("".join(str(DIGITS[c]) for c in word))
    total, digit, unit, zero = 0, 0, 10, False
    for char in word:
        if char in UNITS:
            unit = UNITS[char]
            total += (digit or 1) * unit
            digit, zero = 0, False
        else:
            digit = DIGITS[char]
            zero = zero or digit == 0
    if digit:
        last_is_short = word[-2:-1] in ("百", "千") and not zero
        total += digit * (unit // 10 if last_is_short else 1)
    return total


_NUMERALS = re.compile(r"[零〇一二两三四五六七八九十百千]+")


def with_digits(text: str) -> str:
    """Every Chinese whole number of the text as digits (三盒 → 3盒)."""
    return _NUMERALS.sub(lambda m: str(v) if (v := numeral(m[0])) is not None else m[0], text)


@cache
def syllables_of(char: str) -> str:
    """The toneless syllable of one character."""
    from pypinyin import lazy_pinyin

    return str(lazy_pinyin(char)[0])


def pinyin(text: str) -> tuple[str, ...]:
    """One toneless syllable for each character; what is not Chinese stands for itself."""
    return tuple(syllables_of(c) if "\u4e00" <= c <= "\u9fff" else c for c in text)
