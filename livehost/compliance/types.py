"""What a review says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "review", "block"]


@dataclass(frozen=True)
class Hit:
    """A rule that caught something: the listed word, the stretch of the text, its category, why."""

    rule: str
    span: tuple[int, int]
    category: str
    why: str
    verdict: Verdict = "block"


@dataclass(frozen=True)
class Review:
    """Whether a line may be said: pass, review (a person decides) or block."""

    verdict: Verdict
    hits: tuple[Hit, ...] = ()
