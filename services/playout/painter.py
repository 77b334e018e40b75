"""Draws a frame: the host, what lies over her, and the holding picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from services.playout.composer import Canvas, Painter, View
from services.playout.settings import PlayoutSettings


def plain(width: int, height: int, luma: int = 60, cb: int = 120, cr: int = 140) -> Canvas:
    """A canvas of one colour."""
    canvas = np.full((height * 3 // 2, width), luma, np.uint8)
    canvas[height : height + height // 4] = cb
    canvas[height + height // 4 :] = cr
    return canvas


class PlainPainter:
    """One colour: what is left when neither look nor overlays can be had."""

    def __init__(self, settings: PlayoutSettings) -> None:
        self._canvas = plain(settings.width, settings.height)
        self._holding = plain(settings.width, settings.height, luma=40)

    def paint(self, view: View) -> Canvas:
        """The colour."""
        return self._canvas

    def holding(self) -> Canvas:
        """The holding colour."""
        return self._holding

    def use_look(self, name: str, look: Any) -> None:
        """Nothing to do."""


def make_painter(settings: PlayoutSettings) -> Painter:
    """The painter of a room."""
    return PlainPainter(settings)


def load_look_for(settings: PlayoutSettings) -> Callable[[Path], Any]:
    """How a look is decoded for a room's canvas."""
    return lambda path: path
