"""Property: no listed word is ever passed, however it is written, whatever innocent words surround it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.chinese import pinyin
from livehost.compliance import review
from livehost.compliance.normalise import _disguises
from livehost.compliance.phrases import Group, packaged

INNOCENT = Path(__file__).parents[1] / "data" / "innocent_lines.txt"
IMPLIED = INNOCENT.with_name("implied_lines.txt")
SIGNS = ' 　*·.-_/\\、，。！？!?;:…()[]【】《》＊★☆♥😂🔥✨\u200b\u200c\u2060\ufeff^#&="`~|'
NOISE = ("a", "x2", "b", "Q", "8")
# Between two everyday characters a mark between clauses is likelier a pause (两包，过几天).
LOOSE = frozenset(
    "的了在是我不有这他们来到时得着就那和也你都说要好没可会能对很还又吧吗呢啊只过一二三四五六七八九十"
)
CARRIERS = (
    "{}",
    "这款{}",
    "{}，大家可以看看",
    "先说价格，再说{}",
    "这个{}产品",
    "用完之后{}了",
    "给大家看一下{}吧",
    "姐妹们，{}真的",
)
GROUPS = [g for g in packaged().groups if g.words]
WORDS = [(g, w) for g in GROUPS for w in g.words]


@cache
def _traditional() -> Any:
    import opencc

    return opencc.OpenCC("s2t")


def _han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _wide(word: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)


@st.composite
def disguised(draw: st.DrawFn) -> tuple[Group, str, str]:
    """A listed word in one disguise, in an innocent sentence."""
    group, word = draw(st.sampled_from(WORDS))
    way = draw(st.sampled_from(WAYS))
    return group, word, draw(st.sampled_from(CARRIERS)).format(_WAYS[way](draw, word))


def _signs(draw: st.DrawFn, word: str) -> str:
    signs = SIGNS if len(word) > 2 or not set(word) & LOOSE else "*·-_/★😂\u200b ^#"
    most = 3 if signs is not SIGNS else 1  # two clause marks in a row end a sentence
    parts = [draw(st.text(signs, min_size=0, max_size=most)) for _ in word[1:]]
    return word[0] + "".join(sign + char for sign, char in zip(parts, word[1:], strict=True))


def _same_sign(draw: st.DrawFn, word: str) -> str:
    return draw(st.sampled_from(" *·-_/★😂\u200b.")).join(word)


def _repeated(draw: st.DrawFn, word: str) -> str:
    return "".join(char * draw(st.integers(1, 3)) for char in word)


def _spelt(draw: st.DrawFn, word: str) -> str:
    """Some characters, or all, in pinyin."""
    sounds = pinyin(word)
    chosen = draw(st.sets(st.integers(0, len(word) - 1), min_size=1))
    said = "".join(
        s if i in chosen and _han(c) else c for i, (c, s) in enumerate(zip(word, sounds, strict=True))
    )
    return said.upper() if draw(st.booleans()) else said


def _initials(draw: st.DrawFn, word: str) -> str:
    """Initials in place of some characters, in one run."""
    if not all(map(_han, word)):
        return word
    size = draw(st.integers(1, max(1, len(word) - 1)))
    at = draw(st.integers(0, len(word) - size))
    return word[:at] + "".join(s[0] for s in pinyin(word[at : at + size])) + word[at + size :]


def _in_parts(draw: st.DrawFn, word: str) -> str:
    known = {whole: parts for parts, whole in _disguises()["parts"].items()}
    return "".join(known[c] if c in known and draw(st.booleans()) else c for c in word)


def _look_alike(draw: st.DrawFn, word: str) -> str:
    known = {plain: other for other, plain in _disguises()["one"].items()}
    return "".join(known[c] if c in known and draw(st.booleans()) else c for c in word)


def _marked_up(draw: st.DrawFn, word: str) -> str:
    if draw(st.booleans()):
        return "".join(f"&#{ord(c)};" for c in word)
    return draw(st.sampled_from(("<b>", "</i>", "<br>", "&#8203;"))).join(word)


def _noisy(draw: st.DrawFn, word: str) -> str:
    """A letter or two between Chinese characters."""
    if not all(map(_han, word)):
        return word
    at = draw(st.integers(1, len(word) - 1))
    return word[:at] + draw(st.sampled_from(NOISE)) + word[at:]


def _numbered(draw: st.DrawFn, word: str) -> str:
    """第一 → 第1, 第①, 第壹."""
    return "".join(draw(st.sampled_from("一1①壹１❶")) if c == "一" else c for c in word)


_WAYS: dict[str, Any] = {
    "as it is": lambda draw, word: word,
    "full width": lambda draw, word: _wide(word),
    "traditional": lambda draw, word: _traditional().convert(word),
    "signs": _signs,
    "one sign": _same_sign,
    "repeated": _repeated,
    "pinyin": _spelt,
    "initials": _initials,
    "parts": _in_parts,
    "look-alikes": _look_alike,
    "markup": _marked_up,
    "noise": _noisy,
    "numbers": _numbered,
}
WAYS = tuple(_WAYS)


@settings(max_examples=1500, deadline=None)
@given(made=disguised())
def test_a_listed_word_never_passes(made: tuple[Group, str, str]) -> None:
    group, word, text = made
    category = "cosmetics" if group.categories == "all" else group.categories[0]
    found = review(text, category=category)
    wanted = ("block",) if group.verdict == "block" else ("block", "review")
    assert found.verdict in wanted, (word, text, found.hits)
    assert all(0 <= a <= b <= len(text) for a, b in (hit.span for hit in found.hits))


@pytest.mark.parametrize(
    "text",
    ["qw第一", "QW第一", "全w第一", "全网dy", "qwdy的面膜", "蕞佳", "苐一品牌", "徽信", "加月半", "冶疗湿疹"],
)
def test_usual_disguises(text: str) -> None:
    blocked = review(text, category="cosmetics").verdict == "block"
    assert blocked is (text != "加月半")


def test_innocent_lines_pass() -> None:
    """At most 3 in 100 of plain lines of a show are blocked (they were written before the rules were tuned)."""
    rows = [line.split("\t") for line in INNOCENT.read_text("utf-8").splitlines()]
    assert len(rows) >= 200
    wrong = [
        (category, text) for category, text in rows if review(text, category=category).verdict == "block"
    ]
    assert len(wrong) <= 0.03 * len(rows), wrong


def test_what_is_only_implied_is_blocked_and_advice_is_not() -> None:
    """Claims in words of their own, and innocent lines with the same nouns."""
    rows = [line.split("\t") for line in IMPLIED.read_text("utf-8").splitlines()]
    wrong = [
        (verdict, text)
        for verdict, category, text in rows
        if review(text, category=category).verdict != verdict
    ]
    assert len(wrong) <= 0.03 * len(rows), wrong
