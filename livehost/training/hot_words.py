"""What viewers say that the last set did not know, and what they asked in vain.

Both are told only in words that no longer hold personal data; a word counts once several viewers
have used it. Memory is bounded: what is rare goes first when there is too much.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from rapidfuzz import fuzz, process

from livehost.answers.clean import clean, squeezed
from livehost.chinese import folded

MIN_VIEWERS = 3
MOST_WORDS = 200
MAX_WORDS = 50_000
MAX_QUESTIONS = 5_000
EVERYDAY = 3_000  # jieba's count from which a word belongs to everyday talk, not to a show
SAME = 78.0
WORDINGS = 5
_WORD = re.compile(r"[\u4e00-\u9fff\u3400-\u4dbf]{2,8}|[a-z][a-z0-9+\-]{1,15}")
_NUMBERS = re.compile(r"\d+")


@dataclass
class _Heard:
    """A word or a question: how often, by whom (as many as matter), and how it was put."""

    count: int = 0
    viewers: set[int] = field(default_factory=set)
    wordings: dict[str, None] = field(default_factory=dict)
    about: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)

    def add(self, wording: str, viewer: str, *, most_viewers: int, about: str = "", state: str = "") -> None:
        self.count += 1
        if len(self.viewers) < most_viewers:
            self.viewers.add(hash(viewer))
        if len(self.wordings) < WORDINGS:
            self.wordings[wording] = None
        if about:
            self.about[about] += 1
        if state:
            self.states[state] += 1


class HotWords:
    """Counts the words of questions that are not in `known` texts (the last set's, the catalogue's)."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = {word for text in known for word in words_of(text)} | _packaged()
        self._found: dict[str, _Heard] = {}

    def add(self, question: str, viewer: str) -> None:
        """Count a question's new words, each once."""
        for word in set(words_of(question)):
            if word not in self._known and not _everyday(word):
                self._found.setdefault(word, _Heard()).add(question, viewer, most_viewers=MIN_VIEWERS)
        if len(self._found) > MAX_WORDS:
            self._found = {word: heard for word, heard in self._found.items() if heard.count > 1}

    def rows(self) -> list[dict[str, Any]]:
        """The words that several viewers used, the most frequent first."""
        told = [(word, heard) for word, heard in self._found.items() if len(heard.viewers) >= MIN_VIEWERS]
        told.sort(key=lambda pair: (-pair[1].count, pair[0]))
        return [
            {"word": word, "count": heard.count, "examples": list(heard.wordings)[:3]}
            for word, heard in told[:MOST_WORDS]
        ]


class Unanswered:
    """Questions that got no answer, those that ask the same together: what the operator could add."""

    def __init__(self) -> None:
        self._asked: dict[str, _Heard] = {}

    def add(self, question: str, viewer: str, *, product: str, state: str) -> None:
        """Count a question, in words without personal data."""
        key = squeezed(clean(question))
        if not key:
            return
        heard = self._asked.setdefault(key, _Heard())
        heard.add(question, viewer, most_viewers=1000, about=product, state=state)
        if len(self._asked) > MAX_QUESTIONS:
            often = sorted(self._asked.items(), key=lambda pair: -pair[1].count)
            self._asked = dict(often[: MAX_QUESTIONS // 2])

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row a group, the most asked first; a group is named by its most frequent wording."""
        for group in sorted(self._groups(), key=lambda group: -sum(heard.count for heard in group)):
            viewers = set().union(*(heard.viewers for heard in group))
            about = sum((heard.about for heard in group), Counter[str]())
            states = sum((heard.states for heard in group), Counter[str]())
            wordings = [wording for heard in group for wording in heard.wordings]
            yield {
                "question": wordings[0],
                "count": sum(heard.count for heard in group),
                "viewers": len(viewers),
                "wordings": wordings[:WORDINGS],
                "products": [product for product, _ in about.most_common()],
                "states": dict(states),
            }

    def _groups(self) -> list[list[_Heard]]:
        groups: dict[tuple[str, ...], tuple[list[str], list[list[_Heard]]]] = {}
        for key, heard in sorted(self._asked.items(), key=lambda pair: -pair[1].count):
            heads, members = groups.setdefault(tuple(_NUMBERS.findall(key)), ([], []))
            best = process.extractOne(key, heads, scorer=fuzz.ratio, score_cutoff=SAME)
            if best is None:
                heads.append(key)
                members.append([heard])
            else:
                members[best[2]].append(heard)
        return [group for _, members in groups.values() for group in members]


def words_of(text: str) -> Iterator[str]:
    """A text's words of two characters and more, in their plain form."""
    import jieba

    _frequencies()
    for word in jieba.cut(folded(text)):
        if _WORD.fullmatch(word):
            yield word


def _everyday(word: str) -> bool:
    return _frequencies().get(word, 0) >= EVERYDAY


@cache
def _frequencies() -> dict[str, int]:
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()
    frequencies: dict[str, int] = jieba.dt.FREQ
    return frequencies


@cache
def _packaged() -> frozenset[str]:
    """The words of the questions that the embedded base was trained on."""
    import yaml

    table = yaml.safe_load(files("livehost.training").joinpath("questions.yaml").read_text(encoding="utf-8"))
    return frozenset(word for rows in table.values() for row in rows for word in words_of(str(row)))
