"""What is heard: speech with its fades, test tones, and room tone under all of it, always."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.wire import SAMPLE_RATE_HZ

ROOM_TONE_DBFS = -58.0
FADE_S = 0.5
BEEP_HZ = 1000
BEEP_S = 0.2
_BEEP_PEAK = 0.5
_LOOP_S = 12

Samples = NDArray[np.float32]


def from_pcm(pcm: bytes) -> Samples:
    """Samples in -1..1 of s16le mono bytes."""
    whole = len(pcm) - len(pcm) % 2
    return np.frombuffer(pcm[:whole], "<i2").astype(np.float32) / np.float32(32768)


def dbfs(samples: Samples) -> float:
    """The RMS level."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10 * math.log10(power) if power > 1e-12 else -120.0


def pink_loop(seed: int = 7) -> Samples:
    """Low pink noise between 60 Hz and 8 kHz that repeats without a seam, at `ROOM_TONE_DBFS`."""
    count = _LOOP_S * SAMPLE_RATE_HZ
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    shape = np.zeros_like(frequencies)
    band = (frequencies >= 60) & (frequencies <= 8000)
    shape[band] = 1 / np.sqrt(frequencies[band])
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, frequencies.size)
    noise = np.fft.irfft(shape * np.exp(1j * phases), count)
    scale = 10 ** (ROOM_TONE_DBFS / 20) / np.sqrt(np.mean(noise**2))
    return np.asarray(noise * scale, np.float32)


class RoomTone:
    """The loop, read block by block."""

    def __init__(self) -> None:
        self._loop = pink_loop()
        self._at = 0

    def take(self, count: int) -> Samples:
        """The next samples (a copy)."""
        index = np.arange(self._at, self._at + count) % self._loop.size
        self._at = (self._at + count) % self._loop.size
        return np.asarray(self._loop[index], np.float32)


class Fader:
    """A gain that ramps linearly, sample by sample."""

    def __init__(self, gain: float = 1.0) -> None:
        self._gain = gain
        self._target = gain
        self._step = 1.0 / (FADE_S * SAMPLE_RATE_HZ)

    @property
    def silent(self) -> bool:
        """Whether a fade out has come to its end."""
        return self._gain <= 0.0 and self._target <= 0.0

    def fade_to(self, target: float) -> None:
        """Go to a gain from here on."""
        self._target = target

    def jump_to(self, gain: float) -> None:
        """Be at a gain at once."""
        self._gain = self._target = gain

    def take(self, count: int) -> Samples:
        """The gain of the next samples."""
        if self._gain == self._target:
            return np.full(count, self._gain, np.float32)
        direction = 1.0 if self._target > self._gain else -1.0
        ramp = self._gain + direction * self._step * np.arange(1, count + 1)
        low, high = sorted((self._gain, self._target))
        ramp = np.clip(ramp, low, high)
        self._gain = float(ramp[-1])
        if abs(self._gain - self._target) < self._step / 2:
            self._gain = self._target
        return np.asarray(ramp, np.float32)


def beep() -> Samples:
    """The test tone: `BEEP_S` of a sine that starts at full level."""
    t = np.arange(round(BEEP_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(_BEEP_PEAK * np.cos(2 * np.pi * BEEP_HZ * t), np.float32)


def mixed(*parts: Samples) -> Samples:
    """The sum, kept inside -1..1."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    np.clip(total, -1.0, 1.0, out=total)
    return total
