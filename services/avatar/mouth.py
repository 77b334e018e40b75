"""From visemes to the mouth's shape at a sample: smoothed as flesh moves, closures kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from services.wire import SAMPLE_RATE_HZ, Viseme

LEAD_S = 0.040  # the mouth is seen to form a sound before it is heard
SMOOTH_S = 0.110
CLOSED_S = 0.08  # at 25 fps any 80 ms hold two frames
CLOSE_RAMP_S = 0.03
STEP_S = 0.005
PAD_S = 0.25
STRESSED_S, UNSTRESSED_S = 0.19, 0.08  # how long a vowel lasts where it is, and is not, stressed
VOWELS = frozenset({"aa", "E", "I", "O", "U", "ih", "oh", "ou"})

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MouthShape:
    """Six parameters in 0..1 that the lips, jaw, teeth and tongue are drawn from.

    `wide` is 0.5 at rest (0 narrow, 1 spread); the others are 0 at rest.
    """

    jaw: float = 0.0
    wide: float = 0.5
    round: float = 0.0
    close: float = 0.0
    teeth: float = 0.0
    tongue: float = 0.0

    def toward(self, other: MouthShape, part: float) -> MouthShape:
        """The shape `part` (0..1) of the way to `other`."""
        return MouthShape(*(a + (b - a) * part for a, b in zip(self.values(), other.values(), strict=True)))

    def stepped(self, goal: MouthShape, most: float) -> MouthShape:
        """The shape moved to `goal`, each parameter by at most `most`."""
        return MouthShape(
            *(a + min(max(b - a, -most), most) for a, b in zip(self.values(), goal.values(), strict=True))
        )

    def sane(self) -> MouthShape:
        """The same shape with every parameter a number in 0..1."""
        return MouthShape(
            *(
                min(max(float(v), 0.0), 1.0) if isinstance(v, (int, float)) and math.isfinite(v) else rest
                for v, rest in zip(self.values(), REST.values(), strict=True)
            )
        )

    def values(self) -> tuple[float, float, float, float, float, float]:
        """The six parameters in their order on the wire."""
        return self.jaw, self.wide, self.round, self.close, self.teeth, self.tongue


REST = MouthShape()
_REST_ROW = np.array(REST.values(), np.float32)
_COLUMNS = tuple(f.name for f in fields(MouthShape))
_JAW, _CLOSE = _COLUMNS.index("jaw"), _COLUMNS.index("close")


class MouthTrack:
    """A phrase's mouth, computed once and then looked up by sample."""

    def __init__(self, visemes: Sequence[Viseme], duration_samples: int) -> None:
        """Visemes may be empty or out of order; positions are samples from the phrase's start."""
        self._duration_s = max(0, duration_samples) / SAMPLE_RATE_HZ
        keys = sorted((v for v in visemes if 0 <= v.at < max(1, duration_samples)), key=lambda v: v.at)
        steps = math.ceil((self._duration_s + 2 * PAD_S) / STEP_S) + 1
        spans = _spans(keys, self._duration_s)
        goals = [np.array(MouthShape(*_parameters(v)).sane().values(), np.float32) for v in keys]
        smooth = _smooth(_stairs(spans, goals, steps))
        goals = [_stressed(v, g, s, smooth) for v, g, s in zip(keys, goals, spans, strict=True)]
        rows = _smooth(_stairs(spans, goals, steps))
        for viseme, goal, span in zip(keys, goals, spans, strict=True):
            if viseme.tag == "PP" or goal[_CLOSE] >= 0.9:
                _close(rows, span)
        self._rows = np.clip(rows, 0.0, 1.0)

    def at(self, sample: int | float) -> MouthShape:
        """The mouth to show while `sample` of the phrase sounds; at rest well outside of it."""
        place = (sample / SAMPLE_RATE_HZ + LEAD_S + PAD_S) / STEP_S
        if not math.isfinite(place) or place < 0 or place > len(self._rows) - 1:
            return REST
        low = int(place)
        high = min(low + 1, len(self._rows) - 1)
        row = self._rows[low] + (self._rows[high] - self._rows[low]) * np.float32(place - low)
        return MouthShape(*(float(v) for v in row))


def _parameters(viseme: Viseme) -> tuple[float, float, float, float, float, float]:
    return viseme.jaw, viseme.wide, viseme.round, viseme.close, viseme.teeth, viseme.tongue


def _spans(keys: Sequence[Viseme], duration_s: float) -> list[tuple[float, float]]:
    """Where each viseme holds, in seconds."""
    starts = [v.at / SAMPLE_RATE_HZ for v in keys]
    return list(zip(starts, [*starts[1:], duration_s], strict=True)) if starts else []


def _row(seconds: float) -> int:
    return round((seconds + PAD_S) / STEP_S)


def _stairs(spans: Sequence[tuple[float, float]], goals: Sequence[Floats], steps: int) -> Floats:
    """The unsmoothed shapes, a row every `STEP_S`, at rest before and after the phrase."""
    rows = np.tile(_REST_ROW, (steps, 1))
    for (start, end), goal in zip(spans, goals, strict=True):
        rows[_row(start) : _row(end)] = goal
    return rows


def _smooth(rows: Floats) -> Floats:
    """Each parameter convolved with a Hann window, as lips cannot jump."""
    count = round(SMOOTH_S / STEP_S) | 1
    window = np.hanning(count + 2)[1:-1]
    window /= window.sum()
    padded = np.pad(rows, ((count // 2, count // 2), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(padded[:, i], window, mode="valid") for i in range(rows.shape[1])], axis=1)
    return smooth.astype(np.float32)


def _stressed(viseme: Viseme, goal: Floats, span: tuple[float, float], smooth: Floats) -> Floats:
    """A vowel's goal scaled so that what is left of it after smoothing suits its stress.

    Stress is read from length: a long vowel reaches 80 to 100 % of its shape, a short one 50 to 60 %.
    """
    if viseme.tag not in VOWELS:
        return goal
    length = span[1] - span[0]
    wanted = float(np.interp(length, (UNSTRESSED_S, STRESSED_S), (0.55, 0.92)))
    inside = smooth[_row(span[0]) : max(_row(span[1]), _row(span[0]) + 1)]
    away = goal - _REST_ROW
    main = int(np.argmax(np.abs(away)))
    if abs(away[main]) < 0.05:
        return goal
    moved = np.max((inside[:, main] - _REST_ROW[main]) * np.sign(away[main]))
    reached = float(moved) / abs(float(away[main]))
    gain = min(max(wanted / max(reached, 0.2), 0.55), 1.35)
    scaled: Floats = np.clip(_REST_ROW + away * np.float32(gain), 0.0, 1.0)
    return scaled


def _close(rows: Floats, span: tuple[float, float]) -> None:
    """Shut the lips over a closure for two frames, or as long as its place leaves time for."""
    middle = (span[0] + span[1]) / 2
    half = CLOSED_S / 2
    # A closure is over when its sound bursts: hold it around the viseme, a little early.
    first, last = _row(middle - half - 0.008), _row(middle + half - 0.008)
    ramp = round(CLOSE_RAMP_S / STEP_S)
    at = np.arange(max(0, first - ramp), min(len(rows), last + ramp + 1))
    away = np.maximum(np.maximum(first - at, at - last), 0) / (ramp + 1)
    shut = (0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0, 1))).astype(np.float32)
    rows[at, _CLOSE] = np.maximum(rows[at, _CLOSE], shut)
    for column in range(rows.shape[1]):
        if column == _CLOSE:
            continue
        keep = 0.25 if column == _JAW else 1.0
        goal = _REST_ROW[column] + (rows[at, column] - _REST_ROW[column]) * keep
        if _COLUMNS[column] in ("teeth", "tongue"):
            goal = np.zeros_like(goal)
        rows[at, column] += (goal - rows[at, column]) * shut
