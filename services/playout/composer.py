"""The picture of one frame, which never fails.

A painter draws the host, the overlays and the holding picture. When it raises, the last good
picture stays; after `GIVE_UP_FRAMES` failures in a row the holding picture, which was drawn and
checked at start-up, takes over, and the painter is tried again now and then.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.wire import Phrase

log = logging.getLogger("playout.composer")

GIVE_UP_FRAMES = 25
TRY_AGAIN_FRAMES = 50

Canvas = NDArray[np.uint8]


class Source(StrEnum):
    """Where the programme comes from."""

    SPEECH = "speech"
    IDLE = "idle"
    RESERVE = "reserve"
    HOLDING = "holding"


@dataclass(frozen=True, slots=True)
class View:
    """What one frame is to show."""

    frame: int
    position: int
    now_unix_s: float
    source: Source
    phrase: Phrase | None = None
    offset: int = 0
    loudness: float = 0.0
    look: str = ""
    unattended: bool = False


class Painter(Protocol):
    """Draws onto a canvas of its own (I420, `height * 3 // 2` rows) and hands it out."""

    def paint(self, view: View) -> Canvas:
        """The frame's picture; stays the painter's."""

    def holding(self) -> Canvas:
        """The holding picture with its label; called once, at start-up."""

    def use_look(self, name: str, look: Any) -> None:
        """A decoded look may be used from now on."""

    def forget_looks(self, names: tuple[str, ...]) -> None:
        """Give up looks, never the one on the picture."""

    def prepare(self, phrase: Phrase) -> None:
        """Draw ahead what a phrase needs; called off the clock."""

    def interrupted(self) -> None:
        """Something else was shown: start clean at the next frame."""

    @property
    def look(self) -> str:
        """The look on the picture."""


class NoHoldingPicture(Exception):
    """The last fallback cannot be drawn, so the playout does not start."""


class Composer:
    """Chooses between the painter, its last good picture and the holding picture."""

    def __init__(self, painter: Painter, width: int, height: int) -> None:
        self._painter = painter
        self._holding = painter.holding().copy()
        if self._holding.shape != (height * 3 // 2, width) or self._holding.dtype != np.uint8:
            raise NoHoldingPicture(
                f"the holding picture is {self._holding.shape}, not {width}x{height} in I420"
            )
        self._last = self._holding
        self._flashing = np.empty_like(self._holding)
        self._height = height
        self._failed = 0
        self._on_painter = False

    @property
    def last(self) -> Canvas:
        """The picture sent last; a repeated frame sends it again."""
        return self._last

    @property
    def holding(self) -> Canvas:
        """The holding picture."""
        return self._holding

    @property
    def look(self) -> str:
        """The look on the picture."""
        return self._painter.look

    def use_look(self, name: str, look: Any) -> None:
        """Hand a decoded look to the painter."""
        self._painter.use_look(name, look)

    def forget_looks(self, names: tuple[str, ...]) -> None:
        """Have the painter give up looks."""
        self._painter.forget_looks(names)

    def interrupted(self) -> None:
        """A session begins or ends: nothing of before is to be seen."""
        self._on_painter = False
        self._last = self._holding
        self._painter.interrupted()

    def compose(self, view: View) -> Canvas:
        """The frame's picture."""
        if view.source is not Source.HOLDING:
            self._on_painter = True
            self._last = self._painted(view)
        elif self._on_painter:
            self.interrupted()
        return self._last

    def flash(self) -> Canvas:
        """The last picture with its middle half white, for the test cue."""
        height = self._height
        np.copyto(self._flashing, self._last)
        self._flashing[height // 4 : height * 3 // 4] = 235
        for plane in (0, 1):
            start = height + plane * height // 4
            self._flashing[start + height // 16 : start + height * 3 // 16] = 128
        return self._flashing

    def _painted(self, view: View) -> Canvas:
        if self._failed >= GIVE_UP_FRAMES and view.frame % TRY_AGAIN_FRAMES:
            return self._holding
        try:
            canvas = self._painter.paint(view)
        except Exception:
            self._failed += 1
            if self._failed == 1:  # the frames after it fail alike
                log.exception("a frame could not be painted; the last one stays")
            return self._last if self._failed < GIVE_UP_FRAMES else self._holding
        self._failed = 0
        return canvas
