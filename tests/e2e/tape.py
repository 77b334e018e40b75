"""Measures a recording: timestamps, cue flashes and beeps, loudness, lips, the label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from services import wire

FPS = 25
RATE = wire.SAMPLE_RATE_HZ
INSIDE_CR = 137  # lips and skin are redder than teeth, tongue's shade and the dark between
OPEN_PX = 8
CLOSED_PX = 5


@dataclass(frozen=True)
class Box:
    """A rectangle of the picture, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """That part of a luma plane."""
        return luma[self.top : self.bottom, self.left : self.right]


@dataclass
class Tape:
    """A recording taken apart: frame times (s), audio (mono, -1..1), and measures of each frame.

    `inside` counts, for each persona's mouth, the pixels (of the half-size colour plane) that are
    less red than lips and skin: teeth and the dark between. Closed lips show none.
    """

    times: NDArray[np.float64]
    audio: NDArray[np.float32]
    audio_gap_s: float
    mean: NDArray[np.float32]
    face_change: NDArray[np.float32]
    label: NDArray[np.float32]
    inside: dict[str, NDArray[np.int32]]

    @property
    def frame_gaps(self) -> NDArray[np.float64]:
        """Seconds between frames."""
        return np.diff(self.times)


def read_tape(path: Path, *, mouths: dict[str, Box], face: Box, label: Box) -> Tape:
    """Decode a recording once, measuring each frame on the way."""
    times, mean, change, labels = [], [], [], []
    inside: dict[str, list[int]] = {name: [] for name in mouths}
    before: NDArray[np.int16] | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = frame.to_ndarray(format="yuv420p")
            luma = planes[: frame.height]
            redness = planes[frame.height * 5 // 4 :].reshape(frame.height // 2, frame.width // 2)
            times.append(float(frame.time or 0.0))
            mean.append(float(luma[::8, ::8].mean()))
            here = face.of(luma)[::4, ::4].astype(np.int16)
            change.append(float(np.abs(here - before).mean()) if before is not None else 1.0)
            before = here
            labels.append(float((label.of(luma) > 200).mean()))
            for name, box in mouths.items():
                half = Box(box.left // 2, box.top // 2, box.right // 2, box.bottom // 2)
                inside[name].append(int((half.of(redness) < INSIDE_CR).sum()))
    audio, gap = _audio(path)
    return Tape(
        np.array(times), audio, gap, np.array(mean, np.float32), np.array(change, np.float32),
        np.array(labels, np.float32), {name: np.array(values, np.int32) for name, values in inside.items()},
    )  # fmt: skip


def _audio(path: Path) -> tuple[NDArray[np.float32], float]:
    parts, expected, worst = [], None, 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            start = float(frame.time or 0.0)
            if expected is not None:
                worst = max(worst, abs(start - expected))
            expected = start + frame.samples / frame.sample_rate
            parts.append(frame.to_ndarray().mean(axis=0))
    return np.concatenate(parts).astype(np.float32), worst


def envelope(audio: NDArray[np.float32], window_s: float = 0.005) -> NDArray[np.float32]:
    """The level (RMS) of each window."""
    size = int(window_s * RATE)
    whole = audio[: len(audio) // size * size].reshape(-1, size)
    return np.sqrt((whole**2).mean(axis=1))


def beeps(audio: NDArray[np.float32]) -> list[float]:
    """Where 1 kHz beeps begin, in seconds: where 1 kHz alone is louder than speech ever is there."""
    size = RATE // 200
    tone = np.exp(-2j * np.pi * 1000 * np.arange(size) / RATE)
    windows = audio[: len(audio) // size * size].reshape(-1, size)
    strong = np.abs(windows @ tone) / size * 2
    is_tone = strong > 0.25
    found: list[float] = []
    for index in np.flatnonzero(is_tone[:-4]):
        at = index * size / RATE
        if is_tone[index : index + 4].all() and (not found or at - found[-1] > 0.5):
            found.append(at)
    return found


def flashes(tape: Tape) -> list[float]:
    """Where the picture becomes much lighter from one frame to the next, in seconds."""
    jumps = np.flatnonzero(np.diff(tape.mean) > 25) + 1
    found: list[float] = []
    for index in jumps:
        at = float(tape.times[index])
        if not found or at - found[-1] > 0.5:
            found.append(at)
    return found


def longest_below(levels: NDArray[np.float32], dbfs: float, window_s: float) -> float:
    """The longest stretch below a level, in seconds."""
    quiet = 20 * np.log10(levels + 1e-9) < dbfs
    longest = run = 0
    for one in quiet:
        run = run + 1 if one else 0
        longest = max(longest, run)
    return longest * window_s


def onset(audio: NDArray[np.float32], about_s: float) -> float | None:
    """The first sound over -34 dBFS near an instant that follows silence, in seconds."""
    begin = int((about_s - 0.1) * RATE)
    levels = envelope(audio[max(0, begin) : begin + int(0.6 * RATE)])
    loud = np.flatnonzero(levels > 0.02)
    if not len(loud) or loud[0] < 8:  # not silent for 40 ms before: another phrase runs into it
        return None
    return max(0, begin) / RATE + float(loud[0]) * 0.005


def opening(inside: NDArray[np.int32], times: NDArray[np.float64], about_s: float) -> float | None:
    """When the mouth opens near an instant: the first frame that is open after closed ones."""
    here = np.flatnonzero((times > about_s - 0.2) & (times < about_s + 0.25))
    if not len(here):
        return None
    is_open = inside[here] > OPEN_PX
    if is_open[0] or not is_open.any():
        return None
    return float(times[here[int(np.argmax(is_open))]])
