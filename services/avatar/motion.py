"""How the host holds herself at a frame: pure functions of the frame's index and a seed.

Sway is a sum of sines whose rates have no common measure and whose phases drift, so that nothing
repeats in ten minutes; blinks and glances fall in cells of time, each with its own draw, so that
any frame can be asked for without the ones before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

_GOLDEN = (math.sqrt(5) - 1) / 2
_MASK = (1 << 64) - 1

BLINK_CELL_S = 3.7
BLINK_SKIP = 0.12
BLINK_DOUBLE = 0.14
BLINK_CLOSE_S, BLINK_HOLD_S, BLINK_OPEN_S = 0.075, 0.045, 0.145
GLANCE_CELL_S = 1.9
DRIFT_CELL_S = 19.0


def draw(seed: int, *place: int) -> float:
    """An even random number in 0..1 that belongs to `place`."""
    x = (seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) & _MASK
    for part in place:
        x ^= (part * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
        x ^= x >> 31
    return x / (_MASK + 1)


def ease(part: float) -> float:
    """A smooth step from 0 to 1."""
    x = min(max(part, 0.0), 1.0)
    return x * x * (3 - 2 * x)


@lru_cache(maxsize=512)
def _sines(seed: int, voice: int, low_hz: float, high_hz: float) -> tuple[tuple[float, float, float], ...]:
    """Rate, phase and weight of a wander's sines: rates spread by the golden ratio, then jittered."""
    count = 5
    waves = []
    for k in range(count):
        spread = (k + (draw(seed, voice, k, 1) * 0.8 + 0.1)) / count
        rate = low_hz * (high_hz / low_hz) ** spread * (1 + 0.037 * ((k + 1) * _GOLDEN % 1))
        waves.append((rate, draw(seed, voice, k, 2) * math.tau, 1 / (1 + 0.4 * k)))
    total = math.sqrt(sum(w * w for _, _, w in waves) / 2)
    return tuple((r, p, w / (2.0 * total)) for r, p, w in waves)


def wander(t: float, seed: int, voice: int, low_hz: float = 0.09, high_hz: float = 0.5) -> float:
    """Smooth noise mostly within -1..1, different for each `voice`."""
    drift = _drift(t, seed, voice)
    total = 0.0
    for k, (rate, phase, weight) in enumerate(_sines(seed, voice, low_hz, high_hz)):
        total += weight * math.sin(math.tau * rate * t + phase + drift * (1 - 0.45 * k))
    return total


def _drift(t: float, seed: int, voice: int) -> float:
    """A slow shift of a wander's phases, so that its sines never meet again as they once did."""
    cell = math.floor(t / DRIFT_CELL_S)
    before, after = _drifts(cell, seed, voice)
    return before + (after - before) * ease(t / DRIFT_CELL_S - cell)


@lru_cache(maxsize=512)
def _drifts(cell: int, seed: int, voice: int) -> tuple[float, float]:
    return 5.0 * draw(seed, voice, cell, 3), 5.0 * draw(seed, voice, cell + 1, 3)


def breath(t: float, seed: int) -> float:
    """The chest's rise in 0..1: 12 to 16 a minute, quick in, slow out, and never quite even."""
    rate = (12.5 + 2.5 * draw(seed, 70)) / 60
    phase = rate * t + 0.32 * wander(t, seed, 71, 0.011, 0.047) + draw(seed, 72)
    x = phase % 1.0
    return ease(x / 0.42) if x < 0.42 else 1 - ease((x - 0.42) / 0.58)


def blink_shape(since_s: float) -> float:
    """How shut the lids are (0..1) `since_s` after a blink began: shutting is faster than opening."""
    if since_s < 0:
        return 0.0
    if since_s < BLINK_CLOSE_S:
        return ease(since_s / BLINK_CLOSE_S)
    if since_s < BLINK_CLOSE_S + BLINK_HOLD_S:
        return 1.0
    return 1 - ease((since_s - BLINK_CLOSE_S - BLINK_HOLD_S) / BLINK_OPEN_S)


def blink_starts(cell: int, seed: int) -> tuple[float, ...]:
    """When blinks of a cell of time begin, in seconds: none, one, or a double."""
    if draw(seed, 10, cell) < BLINK_SKIP:
        return ()
    start = (cell + 0.04 + 0.80 * draw(seed, 11, cell)) * BLINK_CELL_S
    if draw(seed, 12, cell) < BLINK_DOUBLE:
        return start, start + 0.36 + 0.1 * draw(seed, 13, cell)
    return (start,)


def blink(t: float, seed: int) -> float:
    """How shut the lids are by the scheduled blinks."""
    cell = math.floor(t / BLINK_CELL_S)
    starts = (*blink_starts(cell - 1, seed), *blink_starts(cell, seed))
    return max((blink_shape(t - start) for start in starts), default=0.0)


def glance(t: float, seed: int) -> tuple[float, float]:
    """Where the eyes rest (-1..1 right and down), a jump every 1 to 3 s, mostly on the camera."""
    cell = math.floor(t / GLANCE_CELL_S)
    start = (cell + 0.6 * draw(seed, 20, cell)) * GLANCE_CELL_S
    if t < start:
        cell -= 1
    if draw(seed, 21, cell) < 0.22:  # now and then a look aside, while she thinks
        angle = math.tau * draw(seed, 22, cell)
        return 0.42 * math.cos(angle), 0.16 * math.sin(angle)
    return 0.13 * (draw(seed, 23, cell) - 0.5), 0.10 * (draw(seed, 24, cell) - 0.5)


def returns_to_camera(t: float, seed: int) -> bool:
    """Whether she looks up to the camera for a moment while reading the card or the chat."""
    cell = math.floor(t / 1.6)
    return draw(seed, 30, cell) < 0.38


@dataclass(frozen=True, slots=True)
class Pose:
    """The head's place: shift in plate pixels, roll in degrees, turns in -1..1, chest in 0..1."""

    dx: float = 0.0
    dy: float = 0.0
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


def sway(t: float, seed: int, energy: float) -> Pose:
    """The head's wander; `energy` in 0..1 is how lively she speaks (0 is idle)."""
    size = 0.55 + 0.45 * energy
    quick = 0.25 + 0.75 * energy
    return Pose(
        dx=size * 5.0 * wander(t, seed, 1, 0.07, 0.31) + quick * 1.6 * wander(t, seed, 2, 0.33, 0.9),
        dy=size * 2.6 * wander(t, seed, 3, 0.09, 0.43) + quick * 2.0 * wander(t, seed, 4, 0.4, 1.1),
        roll=size * 1.15 * wander(t, seed, 5, 0.06, 0.29) + quick * 0.35 * wander(t, seed, 6, 0.3, 0.8),
        yaw=size * 0.75 * wander(t, seed, 7, 0.07, 0.37) + quick * 0.25 * wander(t, seed, 8, 0.3, 0.9),
        pitch=size * 0.55 * wander(t, seed, 9, 0.08, 0.41) + quick * 0.45 * wander(t, seed, 10, 0.4, 1.2),
    )
