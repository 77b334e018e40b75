"""What a review says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["pass", "review", "block"]


@dataclass(frozen=True)
class Hit:
    """A rule that caught something: the listed word, the stretch of the text, its category, why."""

    rule: str
    span: tuple[int, int]
    category: str
    why: str
    verdict: Verdict = "block"

    def shown(self, text: str, at: str) -> dict[str, Any]:
        """As a problem's `errors` lists it: `at` names the field, `text` is what was reviewed."""
        return {
            "at": at, "span": list(self.span), "words": text[slice(*self.span)], "rule": self.rule, "message": self.why,
            "verdict": self.verdict,
        }  # fmt: skip


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The strictest of several verdicts; `pass` where there is none."""
    found = set(verdicts)
    return "block" if "block" in found else "review" if "review" in found else "pass"


@dataclass(frozen=True)
class Review:
    """Whether a line may be said: pass, review (a person decides) or block."""

    verdict: Verdict
    hits: tuple[Hit, ...] = ()

    @property
    def blocking(self) -> tuple[Hit, ...]:
        """The hits that keep the line off the air."""
        return tuple(hit for hit in self.hits if hit.verdict == "block")

    def caught(self, text: str) -> str:
        """What blocks a text, each stretch of it with why: 99元（数字没有依据）."""
        return "；".join(
            dict.fromkeys(f"{text[slice(*hit.span)] or hit.rule}（{hit.why}）" for hit in self.blocking)
        )
