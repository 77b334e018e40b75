"""The same seconds once more, to encode them alone.

The programme's own loop runs on a clock that only its own waiting moves on, with the phrases at the
positions where they were heard, so its pictures and sounds are those of the run. They are gathered in
batches, and only the encoder's work on a batch is timed: a plain loop over frames that lie in memory.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services import wire
from services.playout.composer import Canvas, Composer
from services.playout.encoder import Encoder
from services.playout.events import Leave, LookDecoded, ShowJoined
from services.playout.fanout import Fanout
from services.playout.flv import Tag
from services.playout.painter import HostPainter, load_any_look
from services.playout.program import Program
from services.playout.settings import PlayoutSettings

BATCH = 50
Row = tuple[int, int, float]


class _Batches:
    """Stands where the encoder stands: keeps frames, and encodes a batch at a time by the clock."""

    def __init__(self, settings: PlayoutSettings, phrases: dict[int, wire.Phrase], until: int) -> None:
        self.program: Program
        self.rows: list[Row] = []
        self.bytes = 0
        self._encoder = Encoder(settings)
        self._samples = settings.samples_per_frame
        self._phrases = phrases
        self._until = until
        self._frame = 0
        self._kept: list[tuple[Canvas, NDArray[np.float32]]] = []

    def encode(self, canvas: Canvas, sound: NDArray[np.float32], *, key: bool) -> list[Tag]:
        """Keep a frame, have the phrase of the next one come, encode when a batch is full."""
        del key
        self._kept.append((canvas.copy(), sound.copy()))
        self._frame += 1
        self.program.post(wire.Alive())
        phrase = self._phrases.get(self._frame * self._samples)
        if phrase is not None:
            self.program.post(phrase)
        if len(self._kept) == BATCH:
            self._work()
        if self._frame == self._until:
            self.program.post(Leave())
        return []

    def _work(self) -> None:
        gc.collect()
        begun = time.process_time()
        for canvas, sound in self._kept:
            for tag in self._encoder.encode(canvas, sound, key=False):
                self.bytes += len(tag.body)
        self.rows.append((self._frame - len(self._kept), len(self._kept), time.process_time() - begun))
        self._kept.clear()

    def close(self) -> list[Tag]:
        """The end."""
        if self._kept:
            self._work()
        self._encoder.close()
        return []


def encoded_alone(
    settings: PlayoutSettings, look: str, heard: Sequence[tuple[int, wire.Phrase]], frames: int
) -> tuple[list[Row], int]:
    """Rows of (first frame, frames, CPU-seconds of the encoder), and the bytes that came out."""
    batches = _Batches(settings, dict(heard), frames)
    moment = 1000.0

    def sleep(seconds: float) -> None:
        nonlocal moment
        moment += seconds

    painter = HostPainter(settings)
    program = batches.program = Program(
        settings,
        Composer(painter, settings.width, settings.height),
        Fanout(),
        lambda event: None,
        now=lambda: moment,
        sleep=sleep,
        make_encoder=lambda _: batches,
    )
    for _, phrase in heard:
        painter.prepare(phrase)
    program.post(ShowJoined())
    program.post(LookDecoded(look, load_any_look(look, settings.width, settings.height)))
    program.post(wire.OpenSession(session="s1", mode=wire.SessionMode.REHEARSAL, look=look, look_path=look))
    program.run()
    return batches.rows, batches.bytes
