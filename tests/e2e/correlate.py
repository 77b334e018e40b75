"""Finds known speech in a recording: is each phrase where the journal says, and nothing else anywhere?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.wire import SAMPLE_RATE_HZ as RATE

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """Where a phrase correlates best: its distance from where it was looked for, and how well (0..1)."""

    off_s: float
    likeness: float


def find(audio: Samples, phrase: Samples, at: int, *, reach_s: float = 0.25) -> Found:
    """The best match of `phrase` near sample `at` of `audio`, by normalised cross-correlation."""
    reach = int(reach_s * RATE)
    begin = max(0, at - reach)
    part = audio[begin : at + len(phrase) + reach].astype(np.float64)
    if len(part) < len(phrase):
        return Found(0.0, 0.0)
    size = 1 << (len(part) + len(phrase) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(part, size) * np.conj(np.fft.rfft(phrase, size)), size)
    lags = len(part) - len(phrase) + 1
    sums = np.concatenate([[0.0], np.cumsum(part**2)])
    energy = np.sqrt(np.maximum(sums[len(phrase) :] - sums[:lags], 1e-9))
    likeness = product[:lags] / (energy * max(float(np.linalg.norm(phrase)), 1e-9))
    best = int(np.argmax(likeness))
    return Found((begin + best - at) / RATE, float(likeness[best]))


def loud_outside(
    audio: Samples, phrases: Iterable[tuple[int, int]], *, floor_dbfs: float = -35.0, window_s: float = 0.05
) -> list[tuple[float, float]]:
    """Stretches (begin, length in s) over a level that lie in none of the (begin, end) samples."""
    size = int(window_s * RATE)
    whole = audio[: len(audio) // size * size].reshape(-1, size)
    loud = 20 * np.log10(np.sqrt((whole**2).mean(axis=1)) + 1e-9) > floor_dbfs
    for begin, end in phrases:
        loud[max(0, begin // size - 1) : end // size + 2] = False
    found: list[tuple[float, float]] = []
    run = 0
    for index, one in enumerate([*loud, False]):
        if one:
            run += 1
        elif run:
            found.append(((index - run) * window_s, run * window_s))
            run = 0
    return found
