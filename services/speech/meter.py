"""Integrated loudness (ITU-R BS.1770-4) of mono sound, by FFT.

The show's process would load scipy (1.4 s, 60 MB) for `pyloudnorm` alone; this is the same measure in
numpy, held against pyloudnorm and ffmpeg by the tests.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.speech.types import Samples

_BLOCK_S, _STEP_S = 0.4, 0.1
_ABSOLUTE_LUFS, _RELATIVE_LU = -70.0, -10.0
_OFFSET_DB = -0.691


def integrated_lufs(samples: Samples, rate_hz: int) -> float:
    """The gated loudness of sound of at least 0.4 s; minus infinity for silence."""
    size = 1 << (samples.size + rate_hz // 4 - 1).bit_length()
    weighted = np.fft.irfft(np.fft.rfft(samples, size) * _k_weighting(size, rate_hz), size)[: samples.size]
    block, step = int(_BLOCK_S * rate_hz), int(_STEP_S * rate_hz)
    power = np.concatenate([[0.0], np.cumsum(weighted.astype(np.float64) ** 2)])
    starts = np.arange(0, samples.size - block + 1, step)
    blocks = (power[starts + block] - power[starts]) / block
    kept = blocks[blocks > _power(_ABSOLUTE_LUFS)]
    if kept.size == 0:
        return -math.inf
    kept = kept[kept > kept.mean() * 10 ** (_RELATIVE_LU / 10)]
    return _OFFSET_DB + 10 * math.log10(float(kept.mean()))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_DB) / 10))


@functools.lru_cache(maxsize=16)
def _k_weighting(size: int, rate_hz: int) -> NDArray[Any]:
    """The response of the standard's two filters (head and high-pass) at an FFT's frequencies."""
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    k = math.tan(math.pi * 1681.974450955533 / rate_hz)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = _biquad(
        z,
        (high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k),
        (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k),
    )
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    unit = 1 + k / q + k * k
    passed = _biquad(z, (1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / unit, (1 - k / q + k * k) / unit))
    weighting: NDArray[Any] = shelf * passed
    return weighting


def _biquad(z: NDArray[Any], b: tuple[float, ...], a: tuple[float, ...]) -> NDArray[Any]:
    response: NDArray[Any] = (b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z)
    return response
