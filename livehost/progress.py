"""Where a rundown stands and what was said lately: moved on only by what viewers heard.

`said` remembers texts for half an hour, so that a segment's wordings take turns and nothing is
repeated word for word while another wording is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from livehost.lines import Place
from livehost.settings import Rundown, Segment

REMEMBER_S = 30 * 60.0


@dataclass
class Progress:
    """A rundown's position: the segment and phrase that come next, and the wording under way."""

    rundown: str = ""
    segment: int = 0
    loop: int = 0
    wording: int = -1
    phrase: int = 0
    said: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Progress:
        """The position kept in a room's state; unusable state starts at the top."""
        try:
            return cls(
                rundown=str(state.get("rundown", "")),
                segment=int(state.get("segment", 0)),
                loop=int(state.get("loop", 0)),
                wording=int(state.get("wording", -1)),
                phrase=int(state.get("phrase", 0)),
                said={str(text): float(at) for text, at in dict(state.get("said", {})).items()},
            )
        except (TypeError, ValueError):
            return cls()

    def kept(self) -> dict[str, Any]:
        """What `of` reads back."""
        return {
            "rundown": self.rundown,
            "segment": self.segment,
            "loop": self.loop,
            "wording": self.wording,
            "phrase": self.phrase,
            "said": self.said,
        }

    def enter(self, rundown: Rundown) -> None:
        """Take up a rundown: go on where it stopped, or begin at its top when it is another one."""
        if self.rundown != rundown.id or self.segment >= len(rundown.segments):
            self.rundown, self.segment, self.loop, self.wording, self.phrase = rundown.id, 0, 0, -1, 0

    def heard(self, place: Place, phrase: int, total: int, segments: int) -> None:
        """A phrase of the script was heard: phrase `phrase` of `total` at `place`."""
        if phrase + 1 < total:
            self.segment, self.loop = place.segment, place.loop
            self.wording, self.phrase = place.wording, phrase + 1
        else:
            self.segment, self.loop = after(place.segment, place.loop, segments)
            self.wording, self.phrase = -1, 0

    def remember(self, text: str, now: float) -> None:
        """`text` was heard at `now` (Unix seconds)."""
        self.said = {old: at for old, at in self.said.items() if now - at < REMEMBER_S}
        self.said[spoken(text)] = now

    def freshest(self, wordings: Iterable[tuple[int, str]], now: float, pending: set[str]) -> int:
        """Of (index, whole text) pairs, the index whose text was said longest ago, or never."""
        waiting = {spoken(text) for text in pending}
        ranked = [(spoken(text), index) for index, text in wordings]
        return min(ranked, key=lambda entry: (entry[0] in waiting, self._age_rank(entry[0], now)))[1]

    def _age_rank(self, text: str, now: float) -> float:
        at = self.said.get(text)
        return 0.0 if at is None or now - at >= REMEMBER_S else at


def spoken(text: str) -> str:
    """What is heard of a text: its letters and digits, however it is punctuated or cut."""
    return "".join(filter(str.isalnum, text))


def after(segment: int, loop: int, segments: int) -> tuple[int, int]:
    """The next segment and its loop."""
    return (segment + 1, loop) if segment + 1 < segments else (0, loop + 1)


def next_product(rundown: Rundown, segment: int) -> int:
    """The first segment after `segment` (round the end) that presents another product."""
    here = product_at(rundown, segment)
    order = [(segment + step) % len(rundown.segments) for step in range(1, len(rundown.segments) + 1)]
    others = [i for i in order if rundown.segments[i].product not in (None, here)]
    return others[0] if others else order[0]


def product_at(rundown: Rundown, segment: int) -> str | None:
    """The product on air at a segment: its own, else that of the nearest before it, else the first."""
    return product_shown(rundown.segments, segment)


def product_shown(segments: Sequence[Segment], at: int) -> str | None:
    """`product_at` of segments that are no whole rundown yet."""
    before = [one.product for one in segments[: at + 1] if one.product is not None]
    products = [one.product for one in segments if one.product is not None]
    return before[-1] if before else next(iter(products), None)
