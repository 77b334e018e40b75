"""Pictures and sound in, FLV tags out: x264 and AAC, muxed once.

H.264 High without B-frames, closed GOPs, constant bitrate with a buffer of one second; AAC-LC stereo.
Tagged with the matrix of BT.601, by which `i420.py` and OpenCV convert, and the colours of BT.709.
Nothing is held back by a look-ahead, so a frame's tags come out with it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from services.playout.flv import Splitter, Tag
from services.playout.settings import PlayoutSettings
from services.wire import SAMPLE_RATE_HZ

AAC_FRAME = 1024
_BT709 = 1
_BT601 = 6
_LIMITED = 1


class _Sink:
    """What the muxer writes into: bytes, until they are taken."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._chunks.append(chunk)
        return len(chunk)

    def take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


class Encoder:
    """One run of encoded stream; frame numbers and timestamps count from 0."""

    def __init__(self, settings: PlayoutSettings) -> None:
        self._rate = Fraction(1, settings.fps)
        self._sink = _Sink()
        self._splitter = Splitter()
        self._container = av.open(
            self._sink,
            "w",
            format="flv",
            options={"flvflags": "no_duration_filesize", "flush_packets": "1"},
        )
        self._video = _video_stream(self._container, settings)
        self._audio: AudioStream = self._container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
        self._audio.bit_rate = settings.audio_kbps * 1000
        self._container.start_encoding()
        self._frames = 0
        self._samples = 0
        self._waiting = np.zeros((0,), np.float32)

    def encode(self, canvas: NDArray[np.uint8], sound: NDArray[np.float32], *, key: bool) -> list[Tag]:
        """The tags that come out with one frame: an I420 canvas and its mono samples (-1..1).

        The canvas is read, not kept. `key` makes this frame an IDR picture.
        """
        frame = av.VideoFrame.from_numpy_buffer(canvas, format="yuv420p")
        frame.pts = self._frames
        frame.time_base = self._rate
        if key:
            frame.pict_type = av.video.frame.PictureType.I
        self._frames += 1
        for packet in self._video.encode(frame):
            self._container.mux(packet)
        self._encode_sound(sound)
        return self._splitter.feed(self._sink.take())

    def close(self) -> list[Tag]:
        """Flush both encoders; the last tags."""
        for stream in (self._video, self._audio):
            for packet in stream.encode(None):
                self._container.mux(packet)
        self._container.close()
        return self._splitter.feed(self._sink.take())

    def _encode_sound(self, sound: NDArray[np.float32]) -> None:
        waiting = np.concatenate((self._waiting, sound))
        at = 0
        while waiting.size - at >= AAC_FRAME:
            block = waiting[at : at + AAC_FRAME]
            frame = av.AudioFrame.from_ndarray(np.stack((block, block)), format="fltp", layout="stereo")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.pts = self._samples
            frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
            self._samples += AAC_FRAME
            at += AAC_FRAME
            for packet in self._audio.encode(frame):
                self._container.mux(packet)
        self._waiting = waiting[at:]


def _video_stream(container: av.container.OutputContainer, settings: PlayoutSettings) -> VideoStream:
    x264 = ":".join(
        (
            "bframes=0",
            f"keyint={settings.gop_frames}",
            "min-keyint=1",
            "scenecut=0",
            "open-gop=0",
            "rc-lookahead=0",
            "sync-lookahead=0",
            "sliced-threads=1" if settings.threads > 1 else "sliced-threads=0",
            f"vbv-maxrate={settings.video_kbps}",
            f"vbv-bufsize={settings.video_kbps}",
            "nal-hrd=cbr",
            "force-cfr=1",
        )
    )
    stream = container.add_stream(
        "libx264",
        rate=settings.fps,
        options={"preset": settings.preset, "profile": "high", "forced-idr": "1", "x264-params": x264},
    )
    stream.width = settings.width
    stream.height = settings.height
    stream.pix_fmt = "yuv420p"
    stream.bit_rate = settings.video_kbps * 1000
    context = stream.codec_context
    context.time_base = Fraction(1, settings.fps)
    context.gop_size = settings.gop_frames
    context.max_b_frames = 0
    context.thread_count = settings.threads
    context.colorspace = _BT601
    context.color_primaries = _BT709
    context.color_trc = _BT709
    context.color_range = _LIMITED
    return stream
