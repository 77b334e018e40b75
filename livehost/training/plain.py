"""A persona's line in plain words: its facts stay, its address, particles and flourish go.

What a persona adds is found in two ways: by a table of what hosts commonly say (`plain.yaml`), and in
the lines themselves: a clause that opens or closes many lines, or an ending that many clauses have, is
her manner and no content. The plain form is the `core` from which she learns to say the line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_SENTENCE = re.compile(r"([。！？!?；;…~～\n]+)")
_CLAUSE = re.compile(r"([，,、：:]|\s{2,})")
_DIGIT = re.compile(r"\d")
_EMOJI = re.compile(
    "[\u2190-\u21ff\u2460-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]+|\\[[\u4e00-\u9fff]{1,4}\\]"
)
_KEPT = re.compile(r"[不没无别勿非未]")  # a clause that denies is never flourish
_OBJECT = re.compile(r"[的是等给跟和让请叫对为帮把陪谢]$")  # what follows is spoken of, not to
_NEUTRAL = frozenset(("大家", "各位", "诸位", "朋友", "朋友们", "亲", "大家们", "各位们", "诸位们", "亲们"))
OFTEN = 0.015  # of the lines: a clause that so many have is manner
LEAST = 3  # times, where there are few lines
LONGEST_ADDRESS = 5
LONGEST_MANNER = 8  # characters of a clause that may be manner


@dataclass(frozen=True)
class Manner:
    """What a persona says around what she says."""

    clauses: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()
    particles: frozenset[str] = frozenset()
    words: tuple[tuple[str, str], ...] = field(default=())

    def plain(self, line: str) -> str:
        """The line in plain words; the line itself where nothing would be left."""
        sentences = _SENTENCE.split(_EMOJI.sub("", line.strip()))
        out: list[str] = []
        for sentence in sentences[::2]:
            if said := self._sentence(sentence):
                out.append(said)
        return "。".join(out) or line.strip()

    def _sentence(self, sentence: str) -> str:
        pieces = _CLAUSE.split(sentence)
        said = ""
        for at in range(0, len(pieces), 2):
            clause = self.plain_clause(pieces[at])
            if clause:
                joint = pieces[at - 1].strip() or "，" if at else ""
                said += (joint if said else "") + clause
        return said

    def plain_clause(self, clause: str) -> str:
        """A clause in plain words; empty where it is manner alone."""
        bare = self.bare(clause.strip(" \"'“”"))
        if bare in self.clauses:
            return ""
        for word in self.addresses:
            if word not in _NEUTRAL:
                bare = bare.replace(word, "大家" if word.endswith("们") else "朋友")
        for old, new in self.words:
            bare = bare.replace(old, new)
        return bare

    def address_in(self, clause: str) -> str:
        """The address that a clause begins with, or ends with; empty where it has none."""
        for word in self.addresses:
            if len(word) > 1 and clause.startswith(word) and clause != word:
                return word
        stripped = clause.rstrip("".join(self.particles))
        found = (w for w in self.addresses if len(w) > 1 and stripped.endswith(w) and stripped != w)
        return next((w for w in found if not _OBJECT.search(stripped[: -len(w)])), "")

    def bare(self, clause: str) -> str:
        """A clause without the address before and after it, and without closing particles."""
        before = None
        while before != clause:
            before = clause
            for word in self.addresses:
                if clause.startswith(word):
                    clause = clause[len(word) :]
                elif clause.endswith(word) and not _OBJECT.search(clause[: -len(word)]):
                    clause = clause[: -len(word)]
            while len(clause) > 1 and clause[-1] in self.particles:
                clause = clause[:-1]
            if clause in self.particles:
                clause = ""
            clause = clause.strip()
        return clause


def clauses_of(text: str) -> list[str]:
    """The clauses of a text, without marks and emoji."""
    sentences = _SENTENCE.split(_EMOJI.sub("", text))[::2]
    return [clause.strip() for one in sentences for clause in _CLAUSE.split(one)[::2] if clause.strip()]


def manner_of(lines: Sequence[str], *, own: Sequence[str] = (), content: Iterable[str] = ()) -> Manner:
    """The manner of a persona's lines.

    `own` are words that her settings name (addresses, openers, closers); a clause of `content`, what the
    catalogue says, is never manner.
    """
    table = _table()
    common = Manner(
        frozenset(table["fillers"]), _longest_first([*own, *table["addresses"]]), frozenset(table["particles"])
    )  # fmt: skip
    often = max(LEAST, int(OFTEN * len(lines)))
    clauses: Counter[str] = Counter()
    for line in lines:
        parts = clauses_of(line)
        clauses.update({common.bare(part) for part in parts} if len(parts) > 1 else ())
    told = {common.bare(clause) for text in content for clause in clauses_of(text)}
    manner = {
        clause
        for clause, count in clauses.items()
        if count >= often
        and clause not in told
        and 0 < len(clause) <= LONGEST_MANNER
        and not _DIGIT.search(clause)
        and not _KEPT.search(clause)
    }
    begins = Counter(word for word in manner if 2 <= len(word) <= LONGEST_ADDRESS for c in clauses if c != word and c.startswith(word))  # fmt: skip
    called = [word for word, count in begins.items() if count >= LEAST]
    return Manner(
        common.clauses | manner | {common.bare(one) for one in own},
        _longest_first([*called, *common.addresses]),
        common.particles,
        tuple((old, new) for old, new in table["words"]),
    )


def _longest_first(words: Sequence[str]) -> tuple[str, ...]:
    both = [form for word in words if word for form in (word, word if word.endswith("们") else f"{word}们")]
    return tuple(sorted(dict.fromkeys(both), key=lambda w: -len(w)))


@cache
def _table() -> dict[str, list[Any]]:
    text = files("livehost.training").joinpath("plain.yaml").read_text(encoding="utf-8")
    found: dict[str, list[Any]] = yaml.safe_load(text)
    return found
