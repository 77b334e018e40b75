"""Copies among a persona's texts: exact ones, and those that differ in particles and marks alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

NEIGHBOURS = 20  # in the sorted order, among which near copies are sought
_FILLING = frozenset("的了呢呀啊哦啦嗷哈吧嘛哟噢么就也都很真哒喔呗，。！？!?,、~～… ")


def copies(texts: Sequence[tuple[str, str]]) -> tuple[set[int], set[int]]:
    """Of (question, answer) texts the numbers of exact copies, and of near ones; the first of each stays."""
    seen: dict[tuple[str, str], int] = {}
    exact = set()
    for number, (question, answer) in enumerate(texts):
        if seen.setdefault((bare(question), bare(answer)), number) != number:
            exact.add(number)
    near: set[int] = set()
    keys = list(seen)
    for turn in (str, _reversed):  # copies that differ at the beginning are neighbours when read backwards
        order = sorted(range(len(keys)), key=lambda i: (keys[i][0], turn(keys[i][1])))
        for place, one in enumerate(order):
            for other in order[place + 1 : place + 1 + NEIGHBOURS]:
                first, second = sorted((one, other))
                if first not in near and second not in near and _alike(keys[first], keys[second]):
                    near.add(second)
    return exact, {seen[keys[number]] for number in near}


def _reversed(text: str) -> str:
    return text[::-1]


def _alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two texts answer the same question and differ in nothing but filling characters."""
    if one[0] != other[0] or abs(len(one[1]) - len(other[1])) > 4:
        return False
    if not Levenshtein.distance(one[1], other[1], score_cutoff=4) <= 4:
        return False
    for edit in Levenshtein.opcodes(one[1], other[1]):
        if edit.tag != "equal":
            changed = one[1][edit.src_start : edit.src_end] + other[1][edit.dest_start : edit.dest_end]
            if not set(changed) <= _FILLING:
                return False
    return True


def bare(text: str) -> str:
    """The text folded, without blanks and marks; a point between digits stays."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(
        c
        for at, c in enumerate(folded)
        if c.isalnum() or (c == "." and folded[at - 1 : at].isdigit() and folded[at + 1 : at + 2].isdigit())
    )
