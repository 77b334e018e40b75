"""The measure that the long tests rest on finds what is there and misses what is not."""

from __future__ import annotations

import numpy as np

from services.wire import SAMPLE_RATE_HZ as RATE
from tests.e2e.correlate import find, loud_outside


def _noise(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, int(seconds * RATE)).astype(np.float32)


def test_a_phrase_is_found_where_it_lies_and_a_foreign_one_is_not() -> None:
    audio, phrase = np.zeros(4 * RATE, np.float32), _noise(1.0, 1)
    audio[RATE + 100 : 2 * RATE + 100] += phrase
    found = find(audio, phrase, RATE)
    assert abs(found.off_s - 100 / RATE) < 1e-6
    assert found.likeness > 0.99
    assert find(audio, _noise(1.0, 2), RATE).likeness < 0.2


def test_sound_that_nobody_journalled_is_named() -> None:
    audio = np.zeros(4 * RATE, np.float32)
    audio[RATE : 2 * RATE] = _noise(1.0, 1)
    audio[3 * RATE : 3 * RATE + RATE // 2] = _noise(0.5, 2)
    assert loud_outside(audio, [(RATE, 2 * RATE), (3 * RATE, 4 * RATE)]) == []
    (begin, length), *rest = loud_outside(audio, [(RATE, 2 * RATE)])
    assert not rest
    assert abs(begin - 3.0) < 0.06
    assert abs(length - 0.5) < 0.11
