"""The phrases that wait and the one that sounds, counted in samples.

A phrase starts on a frame's first sample. Each frame takes its own samples; what a phrase leaves
over in its last frame is silence (room tone is mixed in later).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from services.playout.sound import Samples, from_pcm
from services.wire import SAMPLE_RATE_HZ, Phrase, PhraseFate


@dataclass(frozen=True, slots=True)
class PhraseStarted:
    """A phrase's first sample was composed."""

    phrase: Phrase
    at: int


@dataclass(frozen=True, slots=True)
class PhraseEnded:
    """A phrase met its fate; `at` is -1 when it never started."""

    phrase: Phrase
    fate: PhraseFate
    at: int = -1
    heard: int = 0


PhraseEvent = PhraseStarted | PhraseEnded


@dataclass(slots=True)
class OnAirPhrase:
    """The phrase that sounds, and how far it is."""

    phrase: Phrase
    samples: Samples
    at: int
    offset: int = 0

    @property
    def left(self) -> int:
        """Samples still to sound."""
        return int(self.samples.size) - self.offset


@dataclass(frozen=True, slots=True)
class Take:
    """One frame's speech: its samples, and the phrase with the offset of the frame's first sample."""

    samples: Samples
    phrase: Phrase | None = None
    offset: int = 0
    events: tuple[PhraseEvent, ...] = field(default=())


class Lineup:
    """The queue of speech; used by the clock's thread only."""

    def __init__(self) -> None:
        self._queue: deque[Phrase] = deque()
        self._now: OnAirPhrase | None = None
        self._gap = 0

    @property
    def current(self) -> Phrase | None:
        """The phrase that sounds."""
        return self._now.phrase if self._now else None

    @property
    def waiting(self) -> tuple[Phrase, ...]:
        """The phrases that have not started."""
        return tuple(self._queue)

    @property
    def held_s(self) -> float:
        """Seconds of speech held: the rest of the current phrase and all that waits."""
        held = self._now.left if self._now else 0
        return (held + sum(len(phrase.pcm) // 2 for phrase in self._queue)) / SAMPLE_RATE_HZ

    def add(self, phrase: Phrase) -> tuple[PhraseEvent, ...]:
        """Queue a phrase; an urgent one drops those that wait."""
        dropped = self.drop() if phrase.urgent else ()
        self._queue.append(phrase)
        return dropped

    def drop(self, below_generation: int | None = None) -> tuple[PhraseEvent, ...]:
        """Drop what has not started: all of it, or what belongs to older generations."""
        gone = [
            phrase
            for phrase in self._queue
            if below_generation is None or phrase.generation < below_generation
        ]
        ids = {phrase.id for phrase in gone}
        self._queue = deque(phrase for phrase in self._queue if phrase.id not in ids)
        return tuple(PhraseEnded(phrase, PhraseFate.DROPPED) for phrase in gone)

    def cut(self) -> tuple[PhraseEvent, ...]:
        """Stop the current phrase here."""
        if self._now is None:
            return ()
        now, self._now = self._now, None
        self._gap = 0
        return (PhraseEnded(now.phrase, PhraseFate.CUT, now.at, now.offset),)

    def take(self, position: int, count: int) -> Take:
        """The next `count` samples; `position` is the media position of the first."""
        events: list[PhraseEvent] = []
        if self._now is None and self._queue and self._gap <= 0:
            phrase = self._queue.popleft()
            self._now = OnAirPhrase(phrase, from_pcm(phrase.pcm), position)
            events.append(PhraseStarted(phrase, position))
        self._gap -= count
        samples = np.zeros(count, np.float32)
        now = self._now
        if now is None:
            return Take(samples, events=tuple(events))
        offset = now.offset
        part = now.samples[offset : offset + count]
        samples[: part.size] = part
        now.offset += int(part.size)
        if now.left <= 0:
            self._now = None
            self._gap = round(now.phrase.gap_s * SAMPLE_RATE_HZ) - (count - int(part.size))
            events.append(PhraseEnded(now.phrase, PhraseFate.FINISHED, now.at, now.offset))
        return Take(samples, now.phrase, offset, tuple(events))
