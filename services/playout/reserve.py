"""What is said when no show is there: approved phrases in turn, with pauses between."""

from __future__ import annotations

import random

import msgspec

from services.wire import SAMPLE_RATE_HZ, Phrase, PhraseKind, Reserve

PAUSE_S = (2.0, 6.0)


class ReserveSet:
    """The reserve of the persona on air; a new set takes over when it is complete."""

    def __init__(self, seed: int = 0) -> None:
        self.persona = ""
        self.phrases: tuple[Phrase, ...] = ()
        self._coming: dict[int, Phrase] = {}
        self._coming_of = ("", 0)
        self._turn = 0
        self._not_before = 0
        self._random = random.Random(seed)

    def take_in(self, message: Reserve) -> bool:
        """Keep one phrase of a coming set; True when it completed the set and took over."""
        of = (message.persona, message.total)
        if of != self._coming_of or message.index == 0:
            self._coming, self._coming_of = {}, of
        self._coming[message.index] = message.phrase
        if len(self._coming) < message.total:
            return False
        self.restore(message.persona, tuple(self._coming[index] for index in sorted(self._coming)))
        self._coming, self._coming_of = {}, ("", 0)
        return True

    def restore(self, persona: str, phrases: tuple[Phrase, ...]) -> None:
        """Be this set."""
        self.persona = persona
        self.phrases = phrases
        self._turn = 0

    def pause(self, position: int) -> None:
        """Speech ended at `position`: the next reserve phrase comes after a pause."""
        self._not_before = position + round(self._random.uniform(*PAUSE_S) * SAMPLE_RATE_HZ)

    def next(self, position: int, session: str) -> Phrase | None:
        """The phrase to start at `position`, or None while the pause lasts or nothing is there."""
        if not self.phrases or position < self._not_before:
            return None
        phrase = self.phrases[self._turn % len(self.phrases)]
        self._turn += 1
        return msgspec.structs.replace(
            phrase,
            id=f"reserve-{session}-{position}",
            kind=PhraseKind.RESERVE,
            session=session,
            trace=f"reserve-{self.persona}-{(self._turn - 1) % len(self.phrases)}",
            product=None,
            question=None,
            urgent=False,
        )
