"""Compressed speech -> samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from services.speech.types import EngineUnavailable, Samples


def decode_mp3(data: bytes) -> tuple[Samples, int]:
    """Mono samples in -1..1 and their rate.

    Raises:
        EngineUnavailable: there is no sound in the data.
    """
    decoder = cast(AudioCodecContext, av.CodecContext.create("mp3float", "r"))
    frames: list[AudioFrame] = []
    for packet in (*decoder.parse(_without_id3(data)), *decoder.parse(b""), None):
        try:
            frames.extend(frame for frame in decoder.decode(packet) if isinstance(frame, AudioFrame))
        except av.error.InvalidDataError:
            continue  # a tag or a torn first frame; what follows is sound
        except av.error.EOFError:
            break
    if not frames:
        raise EngineUnavailable("the server sent data that holds no sound")
    return _mono(frames), frames[0].sample_rate


def _mono(frames: Iterable[AudioFrame]) -> Samples:
    pieces = []
    for frame in frames:
        samples = frame.to_ndarray().astype(np.float32)
        if frame.format.name in ("s16", "s16p"):
            samples = samples / 32768.0
        if not frame.format.is_planar and frame.layout.nb_channels > 1:
            samples = samples.reshape(-1, frame.layout.nb_channels).T
        pieces.append(samples.mean(axis=0))
    return np.concatenate(pieces).astype(np.float32)


def _without_id3(data: bytes) -> bytes:
    if data[:3] != b"ID3" or len(data) < 10:
        return data
    size = (data[6] & 127) << 21 | (data[7] & 127) << 14 | (data[8] & 127) << 7 | data[9] & 127
    return data[10 + size :]


def trim(samples: Samples, rate_hz: int, *, floor_db: float = -45.0, keep_s: float = 0.03) -> tuple[int, int]:
    """Where speech begins and ends: above `floor_db` below the loudest, with a little kept around it."""
    if samples.size == 0:
        return 0, 0
    window = max(1, int(0.01 * rate_hz))
    power = np.convolve(samples.astype(np.float64) ** 2, np.full(window, 1.0 / window), mode="same")
    loud = np.flatnonzero(power > power.max() * 10 ** (floor_db / 10))
    if loud.size == 0 or power.max() <= 0:
        return 0, samples.size
    keep = int(keep_s * rate_hz)
    return max(0, int(loud[0]) - keep), min(samples.size, int(loud[-1]) + keep)
