"""Encoded tags into fragmented MP4, without coding anything again.

Timestamps are exact again: FLV rounds to milliseconds, but a picture is a whole number of frames
and a sound packet a whole number of 1024 samples from the encoder's start, so both are recovered.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av

from services.playout.encoder import AAC_FRAME
from services.playout.flv import Opening, Tag, TagKind
from services.wire import SAMPLE_RATE_HZ

PRIMING_MS = round(AAC_FRAME * 1000 / SAMPLE_RATE_HZ)  # FLV shifts all so that the AAC priming is at 0


def frame_of(tag: Tag, fps: int) -> int:
    """The encoder's frame number of a picture."""
    return round((tag.ts_ms - PRIMING_MS) * fps / 1000)


def sample_of(tag: Tag) -> int:
    """The encoder's sample at which a sound packet is heard (the first is the priming)."""
    return round(tag.ts_ms * SAMPLE_RATE_HZ / 1000 / AAC_FRAME) * AAC_FRAME - AAC_FRAME


class Mp4:
    """One fragmented MP4 that begins with a keyframe."""

    def __init__(
        self,
        sink: Any,
        opening: Opening,
        first: Tag,
        fps: int,
        *,
        movflags: str,
        options: dict[str, str] | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        self._fps = fps
        self._base_frame = frame_of(first, fps)
        self._base_sample = self._base_frame * (SAMPLE_RATE_HZ // fps)
        self._template = av.open(io.BytesIO(opening.written() + first.written(0)), "r", format="flv")
        self._container = av.open(
            sink, "w", format="mp4", options={"movflags": movflags, "flush_packets": "1", **(options or {})}
        )
        self._container.metadata.update(metadata or {})
        self._video = self._container.add_stream_from_template(self._template.streams.video[0])
        self._audio = self._container.add_stream_from_template(self._template.streams.audio[0])
        self._container.start_encoding()

    @property
    def base_frame(self) -> int:
        """The encoder's frame at this file's timestamp 0."""
        return self._base_frame

    def mux(self, tag: Tag) -> None:
        """Write one tag."""
        packet = av.Packet(tag.coded)
        if tag.kind is TagKind.VIDEO:
            packet.stream = self._video
            packet.time_base = Fraction(1, self._fps)
            packet.pts = packet.dts = frame_of(tag, self._fps) - self._base_frame
            packet.duration = 1
            packet.is_keyframe = tag.key
        else:
            at = sample_of(tag) - self._base_sample
            if at < 0:
                return
            packet.stream = self._audio
            packet.time_base = Fraction(1, SAMPLE_RATE_HZ)
            packet.pts = packet.dts = at
            packet.duration = AAC_FRAME
            packet.is_keyframe = True
        self._container.mux(packet)

    def close(self) -> None:
        """Write what is held and end the file."""
        try:
            self._container.close()
        finally:
            self._template.close()
