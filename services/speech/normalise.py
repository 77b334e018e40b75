"""Text as it is read aloud: numbers, prices, dates, units, telephones, models; emoji left out.

read_clean    one width, no emoji
read_codes    what is read digit by digit, models
read_dates    dates, times, ratios
read_amounts  money, percentages, sizes, ranges, the rest
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator

from services.speech.japanese import kana
from services.speech.read_amounts import AMOUNTS
from services.speech.read_clean import clean
from services.speech.read_codes import CODES
from services.speech.read_dates import DATES

_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d)")
_RULES = (*CODES, *DATES, *AMOUNTS)
_TIDY = (
    (re.compile(r"\s*&\s*"), "和"),
    (re.compile(r"/"), " "),
    (re.compile(r"≥"), "大于等于"), (re.compile(r"≤"), "小于等于"), (re.compile(r"≈"), "约"),
    (re.compile(r"°(?![CcFf])"), "度"), (re.compile(r"℃"), "摄氏度"),
    (re.compile(r"(?<=[零一二三四五六七八九十百千万亿点])\s*[<＜]\s*(?=[零一二三四五六七八九十])"), "小于"),
    (re.compile(r"(?<=[零一二三四五六七八九十百千万亿点])\s*[>＞]\s*(?=[零一二三四五六七八九十])"), "大于"),
    (re.compile(r"[@#^|_\\*~$¥€£©®™²³×±<>=%‰]+"), ""),
    (re.compile(r"(?<=[^A-Za-z\d ]) +| +(?=[^A-Za-z\d ])"), ""),
)  # fmt: skip


def read_aloud(text: str, language: str = "zh") -> str:
    """`text` with digits and symbols written as they are spoken in `language`."""
    match language:
        case "zh":
            return _chinese(text)
        case "ja":
            return _japanese(text)
        case _:
            return _english(text)


def read_rows(lines: Iterable[str]) -> Iterator[str]:
    """JSON lines with `text`, each with `spoken` added; a line that is no such object raises ValueError."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise ValueError(f'line {number} is no text; write a JSON object with "text"')
        row["spoken"] = read_aloud(row["text"], row.get("language") or "zh")
        yield json.dumps(row, ensure_ascii=False)


@functools.lru_cache(maxsize=2048)
def _chinese(text: str) -> str:
    text = clean(text)
    text = _THOUSANDS.sub(lambda match: match.group().replace(",", ""), text)
    for pattern, read in _RULES:
        text = pattern.sub(read, text)
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()


_ENGLISH = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[¥]\s?(\d+(?:\.\d+)?)", r"\1 yuan"),
        (r"\$\s?(\d+(?:\.\d+)?)", r"\1 dollars"),
        (r"(\d)\s?元", r"\1 yuan"),
        (r"(\d)\s?%", r"\1 percent"),
        (r"(\d)\s?[mM][lL]\b", r"\1 milliliters"),
        (r"(\d)\s?kg\b", r"\1 kilograms"),
        (r"(\d)\s?mg\b", r"\1 milligrams"),
        (r"(\d)\s?g\b", r"\1 grams"),
        (r"(\d)\s?cm\b", r"\1 centimeters"),
        (r"(\d)\s?(?:℃|°C)", r"\1 degrees Celsius"),
        (r"(?<=\d)\s?[*×]\s?(?=\d)", " by "),
        (r"(?<=\d)\s?[-~]\s?(?=\d)", " to "),
        (r"(?<=\d)\+", " plus"),
        (r"\s*&\s*", " and "),
        (r"[@#^|_\\*~<>=]+", " "),
    )
)
_JAPANESE = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[¥]\s?(\d[\d,]*)", r"\1えん"),
        (r"(?<=\d)円", "えん"),
        (r"%", "パーセント"),
        (r"[mM][lL]\b", "ミリリットル"),
        (r"kg\b", "キログラム"),
        (r"(?<=\d)g\b", "グラム"),
        (r"cm\b", "センチ"),
        (r"℃|°C", "ど"),
        (r"(?<=\d)\s?[-~]\s?(?=\d)", "から"),
        (r"[@#^|_\\*~<>=]+", ""),
    )
)


def _english(text: str) -> str:
    text = _THOUSANDS.sub(lambda match: match.group().replace(",", ""), clean(text))
    for pattern, replacement in _ENGLISH:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+", " ", text).strip()


def _japanese(text: str) -> str:
    text = _THOUSANDS.sub(lambda match: match.group().replace(",", ""), clean(text))
    for pattern, replacement in _JAPANESE:
        text = pattern.sub(replacement, text)
    return kana(text.strip())
