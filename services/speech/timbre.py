"""A gentler sound for the embedded voice.

A formant synthesiser has too much between 800 Hz and 4 kHz against the long-term spectrum of speech
(Byrne et al. 1994): up to 8 dB at 1 kHz and 11 dB at 4 kHz, which is heard as a buzz, and too little
above 6 kHz. `polish` takes most of that away with one short filter and puts a small, dark room around.
"""

from __future__ import annotations

import functools

import numpy as np

from services.speech.types import Samples

_CURVE_DB = (
    (0, -24.0), (60, -14.0), (110, -2.0), (180, 2.0), (300, 2.0), (400, 0.5), (630, 0.0), (800, -4.0),
    (1000, -6.5), (1250, -6.5), (1600, -3.5), (2000, -0.5), (2500, -2.5), (3150, -5.5), (4000, -7.0), (5000, -3.5),
    (6300, 1.0), (8000, 2.5), (10000, 4.0), (13000, 4.0),
)  # fmt: skip
_TAPS_S = 0.02
_REFLECTIONS = ((0.0071, 0.10), (0.0113, 0.08), (0.0167, -0.07), (0.0229, 0.055), (0.0311, -0.045))
_TAIL_S, _TAIL_LEVEL, _TAIL_DECAY_S = 0.14, 0.022, 0.032


def polish(samples: Samples, rate_hz: int) -> Samples:
    """`samples` with the buzz taken off, in a small room; as long as before."""
    if samples.size == 0:
        return samples
    kernel, delay = _kernel(rate_hz)
    size = 1 << int(samples.size + kernel.size - 1).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(kernel, size)
    out = np.fft.irfft(spectrum, size)[delay : delay + samples.size]
    return out.astype(np.float32)


@functools.lru_cache(maxsize=4)
def _kernel(rate_hz: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], int]:
    """The filter followed by the room, and the filter's delay in samples."""
    taps = int(_TAPS_S * rate_hz) | 1
    grid = np.fft.rfftfreq(4096, 1.0 / rate_hz)
    hertz, gains_db = zip(*_CURVE_DB, strict=True)
    wanted = 10 ** (np.interp(np.log(np.maximum(grid, 1.0)), np.log(np.maximum(hertz, 1.0)), gains_db) / 20)
    impulse = np.roll(np.fft.irfft(wanted), taps // 2)[:taps] * np.hanning(taps + 2)[1:-1]
    return np.convolve(impulse, _room(rate_hz)), taps // 2


def _room(rate_hz: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A few early reflections and a short dark tail, always the same."""
    room = np.zeros(int(_TAIL_S * rate_hz))
    for at_s, level in _REFLECTIONS:
        room[int(at_s * rate_hz)] += level
    at = np.arange(room.size) / rate_hz
    noise = np.random.default_rng(7).standard_normal(room.size)
    tail = noise * np.exp(-at / _TAIL_DECAY_S) * _TAIL_LEVEL * np.clip((at - 0.012) / 0.01, 0, 1)
    dark = np.convolve(room + tail, np.hanning(9)[1:-1] / np.hanning(9).sum(), mode="same")
    dark[0] += 1.0
    return dark
