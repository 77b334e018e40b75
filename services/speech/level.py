"""Loudness: every phrase at -16 LUFS with a true peak below -1.5 dBFS, faded at its edges.

The gain follows a moving average for each voice, so that a quiet phrase stays a little quieter than a
loud one, but never farther than `_BAND_DB` from the target.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view

from services import wire
from services.speech.meter import integrated_lufs
from services.speech.types import Samples

TARGET_LUFS = -16.0
CEILING_DBFS = -1.5
_BAND_DB = 0.5
_MEMORY = 0.85
_FADE_S = 0.005
_SHORTEST_S = 1.0
_OVERSAMPLE = 4
_HOLD_S = 0.004


class Leveller:
    """Levels phrases, remembering each voice's usual gain."""

    def __init__(self) -> None:
        self._gain_db: dict[str, float] = {}

    def level(self, samples: Samples, rate_hz: int, voice: str) -> Samples:
        """`samples` at the house rate and level, faded at both edges."""
        out = to_house_rate(samples, rate_hz)
        measured = loudness(out)
        if not np.isfinite(measured):
            return np.zeros_like(out)
        wanted = TARGET_LUFS - measured
        usual = self._gain_db.get(voice, wanted)
        usual = _MEMORY * usual + (1 - _MEMORY) * wanted
        self._gain_db[voice] = usual
        aim = TARGET_LUFS + float(np.clip(usual - wanted, -_BAND_DB, _BAND_DB))
        gain = aim - measured
        levelled = limit(out * np.float32(10 ** (gain / 20)))
        for _ in range(3):  # what the limiter took is given back
            short = aim - loudness(levelled)
            if short < 0.2:
                break
            gain += short
            levelled = limit(out * np.float32(10 ** (gain / 20)))
        return fade(levelled)


def to_house_rate(samples: Samples, rate_hz: int) -> Samples:
    """`samples` at `wire.SAMPLE_RATE_HZ`."""
    if rate_hz == wire.SAMPLE_RATE_HZ:
        return samples.astype(np.float32, copy=True)
    resampled: Samples = soxr.resample(samples, rate_hz, wire.SAMPLE_RATE_HZ, "HQ").astype(np.float32)
    return resampled


def loudness(samples: Samples, rate_hz: int = wire.SAMPLE_RATE_HZ) -> float:
    """Integrated loudness (BS.1770) in LUFS; a short phrase is measured as if it repeated."""
    if samples.size == 0 or float(np.max(np.abs(samples))) < 1e-5:
        return float("-inf")
    wanted = int(_SHORTEST_S * rate_hz)
    if samples.size < wanted:
        samples = np.tile(samples, -(-wanted // samples.size))
    return integrated_lufs(samples, rate_hz)


def true_peak(samples: Samples) -> float:
    """The highest absolute value between samples too, by four-fold oversampling."""
    if samples.size == 0:
        return 0.0
    return float(np.max(np.abs(soxr.resample(samples, 1, _OVERSAMPLE, "HQ"))))


def limit(samples: Samples) -> Samples:
    """`samples` with true peaks below the ceiling, turned down smoothly around each peak."""
    ceiling = 10 ** ((CEILING_DBFS - 0.1) / 20)
    fine = np.abs(soxr.resample(samples, 1, _OVERSAMPLE, "HQ"))
    if fine.size == 0 or float(fine.max()) <= ceiling:
        return samples
    padded = np.zeros(samples.size * _OVERSAMPLE, dtype=np.float32)
    count = min(fine.size, padded.size)
    padded[:count] = fine[:count]
    peaks = np.maximum(padded.reshape(-1, _OVERSAMPLE).max(axis=1), 1e-9)
    wanted = np.minimum(1.0, ceiling / peaks)
    hold = int(_HOLD_S * wire.SAMPLE_RATE_HZ) | 1
    held = sliding_window_view(np.pad(wanted, hold - 1, constant_values=1.0), hold).min(axis=1)
    window = np.hanning(hold + 2)[1:-1]
    smooth = np.convolve(held, window / window.sum(), mode="valid")[: samples.size]
    limited = (samples * smooth).astype(np.float32)
    over = true_peak(limited) / ceiling
    return limited / np.float32(over) if over > 1 else limited


def fade(samples: Samples) -> Samples:
    """`samples` with a short rise and fall, so that no edge clicks."""
    count = min(int(_FADE_S * wire.SAMPLE_RATE_HZ), samples.size // 2)
    if count:
        ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / count)).astype(np.float32)
        samples = samples.copy()
        samples[:count] *= ramp
        samples[samples.size - count :] *= ramp[::-1]
    return samples


def to_s16(samples: Samples) -> bytes:
    """`samples` as s16le."""
    return (np.clip(samples, -1.0, 1.0) * 32767.0).round().astype("<i2").tobytes()
