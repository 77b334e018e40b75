"""Test cues: a flash and a beep that share their first sample."""

from __future__ import annotations

import numpy as np

from services.playout.sound import Samples, beep
from services.wire import SAMPLE_RATE_HZ, TestCue


class Cues:
    """When the flash and the beep are on, counted in samples from each cue's start."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._beep = beep()

    def plan(self, cue: TestCue, position: int) -> None:
        """Plan a cue's flashes; the first at `position`."""
        every = max(round(cue.every_s * SAMPLE_RATE_HZ), 2 * self._beep.size)
        count = min(max(cue.count, 0), 1000)
        self._starts = [position + index * every for index in range(count)]

    def take(self, position: int, count: int) -> Samples | None:
        """The beep's samples of the frame at `position`, or None when no cue is on.

        A cue starts on the first frame at or after its planned position.
        """
        while self._starts and position >= self._starts[0] + self._beep.size + count:
            self._starts.pop(0)
        if not self._starts or position < self._starts[0]:
            return None
        start = self._starts[0]
        if position - start < count and position != start:
            self._starts[0] = start = position
        part = self._beep[position - start : position - start + count]
        if not part.size:
            self._starts.pop(0)
            return None
        samples = np.zeros(count, np.float32)
        samples[: part.size] = part
        return samples
