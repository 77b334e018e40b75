"""Japanese text for an engine that reads only kana: numbers in kana, kanji where a reader is installed.

Kanji need `pykakasi` (an optional library); without it they are left out, except the commonest words of a
shop's lines, which are spelt here.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable

_DIGITS = ("ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_HUNDREDS = {3: "さんびゃく", 6: "ろっぴゃく", 8: "はっぴゃく"}
_THOUSANDS = {3: "さんぜん", 8: "はっせん"}
_MYRIADS = ("", "まん", "おく", "ちょう")
_KANJI = re.compile(r"[\u3400-\u9fff々]+")
_WORDS = {
    "皆さん": "みなさん",
    "今日": "きょう",
    "本日": "ほんじつ",
    "商品": "しょうひん",
    "価格": "かかく",
    "値段": "ねだん",
    "円": "えん",
    "送料": "そうりょう",
    "無料": "むりょう",
    "注文": "ちゅうもん",
    "質問": "しつもん",
    "配信": "はいしん",
    "人工知能": "じんこうちのう",
    "紹介": "しょうかい",
    "購入": "こうにゅう",
    "使": "つか",
    "肌": "はだ",
    "保湿": "ほしつ",
    "美容液": "びようえき",
    "洗顔": "せんがん",
    "化粧水": "けしょうすい",
    "番": "ばん",
    "個": "こ",
    "回": "かい",
    "本": "ほん",
    "朝": "あさ",
    "夜": "よる",
    "見": "み",
    "買": "か",
    "来": "き",
    "私": "わたし",
    "様": "さま",
    "店": "みせ",
    "新": "あたら",
}
_LONGEST_FIRST = sorted(_WORDS, key=len, reverse=True)


def kana_number(text: str) -> str:
    """Digits as kana: `1299` as せんにひゃくきゅうじゅうきゅう."""
    whole, _, fraction = text.partition(".")
    if len(whole) > 16 or (len(whole) > 1 and whole[0] == "0"):
        return "".join(_DIGITS[int(mark)] for mark in whole)
    value = int(whole or "0")
    spoken = "" if value else "ゼロ"
    for power in range(3, -1, -1):
        part = value // 10 ** (4 * power) % 10_000
        if part:
            spoken += _below_myriad(part, said_one=power > 0) + _MYRIADS[power]
    if fraction:
        spoken += "てん" + "".join(_DIGITS[int(mark)] for mark in fraction)
    return spoken


def _below_myriad(value: int, *, said_one: bool) -> str:
    thousands, hundreds, tens, ones = value // 1000, value // 100 % 10, value // 10 % 10, value % 10
    spoken = ""
    if thousands:
        spoken += _THOUSANDS.get(thousands, ("" if thousands == 1 else _DIGITS[thousands]) + "せん")
    if hundreds:
        spoken += _HUNDREDS.get(hundreds, ("" if hundreds == 1 else _DIGITS[hundreds]) + "ひゃく")
    if tens:
        spoken += ("" if tens == 1 else _DIGITS[tens]) + "じゅう"
    if ones:
        spoken += _DIGITS[ones]
    return spoken


def kana(text: str) -> str:
    """`text` with numbers and kanji in kana."""
    text = re.sub(r"\d+(?:\.\d+)?", lambda match: kana_number(match.group()), text)
    if not _KANJI.search(text):
        return text
    reader = _reader()
    return reader(text) if reader else text


@functools.lru_cache(maxsize=1)
def _reader() -> Callable[[str], str] | None:
    """The best reader of kanji that there is."""
    try:
        pykakasi = importlib.import_module("pykakasi")
    except ImportError:
        return _spelt
    converter = pykakasi.kakasi()
    return lambda text: "".join(part["hira"] for part in converter.convert(text))


def _spelt(text: str) -> str:
    for word in _LONGEST_FIRST:
        text = text.replace(word, _WORDS[word])
    return _KANJI.sub("", text)
