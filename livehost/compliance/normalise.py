"""A line in the forms in which it is compared: what spaces, signs, look-alikes, parts and repeats disguise.

Every form keeps where each of its characters came from, so that a hit can be shown in the original.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import yaml

from livehost.chinese import DIGITS, folded, pinyin

BARRIER = "，"
_BARRIERS = "，。！？；：…\n,!?;、~～|"
_HEARTS = "❤♥💗💖💕💚💙💜🖤🧡💛🤍"
_FLAG_A = 0x1F1E6  # regional indicators, and the letters in squares and circles, stand for a to z
_LETTERED = tuple(range(first, first + 26) for first in (_FLAG_A, 0x1F150, 0x1F170, 0x1F130, 0x1F110))


@dataclass(frozen=True)
class View:
    """One form of a line; `origin[i]` is where its i-th character stood in the line.

    `seams` are the places where something was left out before the i-th character; where there are any,
    only what runs across one of them is news.
    """

    text: str
    origin: tuple[int, ...]
    seams: frozenset[int] = frozenset()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of this form stood in the line."""
        if not self.origin or start >= end:
            return (0, 0)
        return self.origin[start], self.origin[end - 1] + 1

    def crosses(self, start: int, end: int) -> bool:
        """Whether a stretch runs across a seam, or the form has none."""
        return not self.seams or any(start < seam < end for seam in self.seams)

    def without(self, drop: set[int]) -> View:
        """This form without some of its characters, with a seam at each."""
        keep = [i for i in range(len(self.text)) if i not in drop]
        seams = frozenset(at for at, i in enumerate(keep) if i and i - 1 in drop)
        return View("".join(self.text[i] for i in keep), tuple(self.origin[i] for i in keep), seams)


@cache
def _disguises() -> dict[str, Any]:
    table = yaml.safe_load(files("livehost.compliance").joinpath("disguises.yaml").read_text("utf-8"))
    return {
        "meant": {str(k): str(v) for k, v in table["meant"].items()},
        "one": {str(k): str(v) for k, v in table["letters"].items()}
        | {c[0]: c[1] for c in table["characters"]},
        "parts": {str(k): str(v) for k, v in table["parts"].items()},
    }


@lru_cache(maxsize=16384)
def _plain(raw: str) -> str:
    """One character as it is compared: folded, look-alikes as what they look like, signs as what they mean."""
    table = _disguises()
    if raw in table["meant"]:
        return str(table["meant"][raw])
    for letters in _LETTERED:
        if ord(raw) in letters:
            return chr(ord("a") + ord(raw) - letters[0])
    out = "".join(_one(c, table["one"]) for c in table["one"].get(raw, raw))
    return "".join(c for c in folded(out) if c.isalnum() or c in "%+❤'￥¥")


def _one(char: str, table: dict[str, str]) -> str:
    if "\u4e00" <= char <= "\u9fff":
        char = folded(char)
    elif "\u00c0" <= char <= "\u024f" or "\u1e00" <= char <= "\u1eff":
        char = unicodedata.normalize("NFD", char)[0]
    return table.get(char, char)


def compact(line: str) -> View:
    """Folded, without spaces and signs; punctuation between clauses becomes one barrier."""
    chars: list[str] = []
    origin: list[int] = []
    for index, raw in enumerate(line):
        if raw in _BARRIERS:
            if raw in ",!?;|:：~～" and not _clause_mark(line, index):
                continue
            meant = BARRIER
        elif raw in _HEARTS:
            before = next((c for c in reversed(chars) if c != BARRIER), "")
            meant = "❤" if before and before in "薇微威v维卫i" else ""
        else:
            meant = "." if raw in "．." and _inside_number(line, index) else _plain(raw)
            if meant == "'" and not (
                line[index - 1 : index].isascii() and line[index + 1 : index + 2].isascii()
            ):
                continue
        for char in meant:
            if char == BARRIER and (not chars or chars[-1] == BARRIER):
                continue
            chars.append(char)
            origin.append(index)
    return _rejoined(View("".join(chars), tuple(origin)))


def _clause_mark(line: str, index: int) -> bool:
    """A half-width mark ends a clause only where it is not wedged between two characters."""
    if line[index] not in ",!?;|:~":
        return True
    before, after = line[index - 1 : index], line[index + 1 : index + 2]
    return (
        not (before.strip() and after.strip() and _han(before) and _han(after))
        or len(re.split(r"[,!?;|:~]", line)) < 2
        or not _lone(line, index)
    )


def _lone(line: str, index: int) -> bool:
    """Whether the character before or after the mark stands alone between marks."""
    left = re.split(r"[\W_]", line[:index])[-1]
    right = re.split(r"[\W_]", line[index + 1 :])[0]
    return len(left) == 1 or len(right) == 1


def _inside_number(line: str, index: int) -> bool:
    """Whether a point is the only one of a number: 59.9, not 1.0.0."""
    left, right = _TAIL.search(line[:index]), _HEAD.match(line[index + 1 :])
    return left is not None and right is not None and left[1] != "." and right[1] != "."


_TAIL = re.compile(r"(.?)[0-9０-９]+$")
_HEAD = re.compile(r"[0-9０-９]+(.?)")


def _han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


_WEDGED = re.compile(
    rf"(?<![\u4e00-\u9fff])[\u4e00-\u9fff](?:{BARRIER}[\u4e00-\u9fff]){{2,}}(?![\u4e00-\u9fff])"
)


def _rejoined(view: View) -> View:
    """治，愈，湿，疹: characters each between barriers are one word in disguise."""
    drop: set[int] = set()
    for match in _WEDGED.finditer(view.text):
        drop |= {i for i in range(match.start(), match.end()) if view.text[i] == BARRIER}
    return replace(view.without(drop), seams=frozenset()) if drop else view


def without_repeats(view: View) -> View:
    """Runs of one Chinese character become one."""
    keep = [i for i, c in enumerate(view.text) if not (i and c == view.text[i - 1] and _han(c))]
    return View("".join(view.text[i] for i in keep), tuple(view.origin[i] for i in keep))


def joined_parts(view: View) -> View:
    """Characters written in their parts as one: 月半 → 胖."""
    pattern, parts = _parts()
    text, origin, at = "", [], 0
    for match in pattern.finditer(view.text):
        text += view.text[at : match.start()] + parts[match[0]]
        origin += [*view.origin[at : match.start()], view.origin[match.start()]]
        at = match.end()
    if not at:
        return view
    return View(text + view.text[at:], (*origin, *view.origin[at:]))


@cache
def _parts() -> tuple[re.Pattern[str], dict[str, str]]:
    parts = _disguises()["parts"]
    return re.compile("|".join(map(re.escape, sorted(parts, key=len, reverse=True)))), parts


def bridged(view: View) -> View:
    """Without the marks between clauses: 国，家级."""
    return view.without({i for i, c in enumerate(view.text) if c == BARRIER})


_NOISE = re.compile(r"(?<=[\u4e00-\u9fff])[a-z0-9.'%+]{1,3}(?=[\u4e00-\u9fff])")


def without_noise(view: View) -> View:
    """Without a few letters or digits wedged between Chinese characters: 国a家b级."""
    return view.without({i for match in _NOISE.finditer(view.text) for i in range(*match.span())})


NUMERALS = frozenset("零一二三四五六七八九")
_CHARACTERS = str.maketrans("0123456789", "零一二三四五六七八九")


def in_characters(text: str) -> str:
    """Digits as Chinese characters, one for one: 第1 → 第一, 3天 → 三天."""
    return text.translate(_CHARACTERS)


_PAUSED = re.compile(rf"(?<=[0-9]{{3}}){BARRIER}(?=[0-9]{{3}})")


def digits_only(view: View) -> View:
    """Chinese digits as Arabic ones, for numbers to call or to add; a pause inside a long one is left out."""
    table = {char: str(value) for char, value in DIGITS.items()} | {
        "幺": "1",
        "洞": "0",
        "拐": "7",
        "勾": "9",
        "壹": "1",
        "贰": "2",
        "叁": "3",
        "肆": "4",
        "伍": "5",
        "陆": "6",
        "柒": "7",
        "捌": "8",
        "玖": "9",
        "o": "0",
        "丨": "1",
    }
    text = "".join(table.get(c, c) for c in view.text)
    paused = {m.start() for m in _PAUSED.finditer(text)}
    keep = [i for i in range(len(text)) if i not in paused]
    return View("".join(text[i] for i in keep), tuple(view.origin[i] for i in keep))


@dataclass(frozen=True)
class Spoken:
    """A line as syllables; `latin[i]` says that a syllable was written in letters."""

    syllables: tuple[str, ...]
    latin: tuple[bool, ...]
    chars: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def spoken(view: View) -> Spoken:
    """The syllables of a form, runs of letters split into pinyin where they are pinyin."""
    syllables: list[str] = []
    latin: list[bool] = []
    chars: list[str] = []
    spans: list[tuple[int, int]] = []
    for match in re.finditer(r"[a-z]+|.", view.text):
        word = match[0]
        parts = split_pinyin(word) if word.isascii() and word.isalpha() else None
        if parts is None:
            syllables.append(pinyin(word)[0] if len(word) == 1 else word)
            latin.append(word.isascii() and word.isalpha())
            chars.append(word)
            spans.append((match.start(), match.end()))
            continue
        at = match.start()
        for part in parts:
            syllables.append(part)
            latin.append(True)
            chars.append(part)
            spans.append((at, at + len(part)))
            at += len(part)
    return Spoken(tuple(syllables), tuple(latin), tuple(chars), tuple(spans))


@cache
def _all_syllables() -> frozenset[str]:
    from pypinyin import lazy_pinyin

    chars = "".join(chr(c) for c in range(0x4E00, 0x9FA6))
    return frozenset(s for s in lazy_pinyin(chars) if s.isascii() and s.isalpha() and len(s) <= 6)


@cache
def split_pinyin(word: str) -> tuple[str, ...] | None:
    """A run of letters as pinyin syllables, the fewest that fit; None when it is not pinyin."""
    known = _all_syllables()
    best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 6), end):
            before = best[start]
            if before is None or word[start:end] not in known:
                continue
            if best[end] is None or len(before) + 1 < len(best[end] or ()):
                best[end] = (*before, word[start:end])
    return best[len(word)]
