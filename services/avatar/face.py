"""The host's face on a canvas: one frame at a time, redrawing only what moved.

A frame costs two eye patches and a mouth patch (each only when it changed), one warp of the head,
and one blend into the I420 canvas. Nothing here may raise on the clock's path: a frame that cannot
be drawn shows the look at rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from services.avatar import motion
from services.avatar.bake import Look
from services.avatar.bearing import RESTING, Bearing, FaceInput, Held
from services.avatar.mouth import MouthShape
from services.avatar.warp import Bytes, Rect, lay_over, paste, planes_of, remapped

NOTHING = Rect()
SWEEP = 14  # how much lighter the picture gets half-way through a change of persona


def new_canvas(width: int, height: int) -> Bytes:
    """A black I420 canvas."""
    canvas = np.full((height * 3 // 2, width), 128, np.uint8)
    canvas[:height] = 16
    return canvas


class Stage:
    """One look being drawn; knows what its canvas already shows."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._field = look.field()
        self._head = look.head.copy()
        # Working space that lives on: fresh memory of this size costs more than the work done in it.
        self._top = np.empty((look.head_rect.h, look.head_rect.w, 4), np.uint8)
        self._sheet = np.empty((look.head_rect.h * 3 // 2, look.head_rect.w), np.uint8)
        self._drawn: list[object] = [None, None, None]
        self._depth = -1
        self._canvas: Bytes | None = None

    def forget(self) -> None:
        """Draw everything anew at the next frame: the canvas was written to by others."""
        self._canvas = None

    def draw(self, held: Held, canvas: Bytes, *, features: bool = True) -> Rect:
        """Put the look on `canvas` as `held`; returns what changed. Without `features` eyes and mouth
        stay as they are and only the head moves: enough for a look that is leaving."""
        look = self.look
        dirty = NOTHING
        if self._canvas is not canvas:
            canvas[...] = look.resting
            self._canvas, self._depth = canvas, -1
            dirty = Rect(0, 0, look.width, look.height)
        depth = min(max(round(held.breath * (len(look.depths) - 1)), 0), len(look.depths) - 1)
        if depth != self._depth:
            paste(look.depths[depth].body, canvas, look.body_rect)
            self._depth = depth
            dirty = dirty.joined(look.body_rect)
        if features:
            self._patches(held)
        still = look.depths[depth]
        top = remapped(self._head, *self._field.at(held.pose, still.rise_px), self._top)
        lay_over(still.behind, top, canvas, look.head_rect, self._sheet)
        return dirty.joined(look.head_rect)

    def rest(self, canvas: Bytes) -> Rect:
        """The last resort: the look as it was baked, which needs no drawing."""
        canvas[...] = self.look.resting
        self._canvas = None
        return Rect(0, 0, self.look.width, self.look.height)

    def _patches(self, held: Held) -> None:
        """Redraw the eyes and the mouth into the head, where they changed by what can be seen."""
        gaze = (round(50 * held.gaze[0]) / 50, round(50 * held.gaze[1]) / 50)
        shut, smile = round(held.shut, 2), round(25 * held.smile) / 25
        for k, eye in enumerate(self.look.eyes):
            brow = round(25 * held.brow[k]) / 25
            key = (gaze, shut, smile, brow)
            if self._drawn[k] != key:
                self._put(eye.rect, eye.draw(gaze, shut, smile, brow))
                self._drawn[k] = key
        mouth = MouthShape(*(round(v, 2) for v in held.mouth.values()))
        if self._drawn[2] != (mouth, smile):
            art = self.look.mouth
            self._put(art.rect, art.draw(mouth, smile))
            self._drawn[2] = (mouth, smile)

    def _put(self, rect: Rect, picture: Bytes) -> None:
        place = rect.inside(self.look.head_rect)
        self._head[place.rows, place.cols] = picture


@dataclass(slots=True)
class _Fade:
    """A cross-fade under way: the stage that comes, and how many of its frames are done."""

    to: Stage
    frames: int
    done: int = 0


class Face:
    """Draws the host for a playout. Not safe for use from two threads at once."""

    def __init__(self, width: int, height: int, fps: float, seed: int) -> None:
        self._size = (width, height)
        self._bearing = Bearing(fps=fps, seed=seed)
        self._stage: Stage | None = None
        self._fade: _Fade | None = None
        self._sheets: tuple[Bytes, Bytes] | None = None
        self.faults = 0  # frames that fell back to rest

    @property
    def look(self) -> Look | None:
        """The look on air, or the one coming on."""
        stage = self._fade.to if self._fade else self._stage
        return stage.look if stage else None

    @property
    def fading(self) -> bool:
        """Whether a cross-fade is under way."""
        return self._fade is not None

    def set_look(self, look: Look) -> None:
        """Show `look` from the next frame on.

        Raises:
            ValueError: the look was baked for another canvas size.
        """
        self._check(look)
        self._stage, self._fade = Stage(look), None

    def crossfade_to(self, look: Look, frames: int = 8) -> None:
        """Change to `look` over the next frames.

        Raises:
            ValueError: the look was baked for another canvas size.
        """
        self._check(look)
        if self._stage is None or frames < 1:
            self.set_look(look)
            return
        if self._fade is not None:  # a change on top of a change: what was coming is there now
            self._stage = self._fade.to
        self._stage.forget()
        if self._sheets is None:
            self._sheets = (new_canvas(*self._size), new_canvas(*self._size))
        self._fade = _Fade(Stage(look), frames)

    def forget(self) -> None:
        """Draw everything anew at the next frame: the canvas was written to by others."""
        if self._stage is not None:
            self._stage.forget()

    def render(self, n: int, given: FaceInput, out: Bytes) -> Rect:
        """Draw frame `n` on the I420 canvas `out`; returns the part that changed. Never raises."""
        try:
            return self._render(n, given, out)
        except Exception:  # the picture never stops; the fault is counted and shown in the status
            self.faults += 1
            return self._rest(out)

    def _render(self, n: int, given: FaceInput, out: Bytes) -> Rect:
        stage = self._stage
        if stage is None:
            return NOTHING
        held = self._bearing.step(n, given if isinstance(given, FaceInput) else RESTING)
        fade = self._fade
        if fade is None:
            return stage.draw(held, out)
        assert self._sheets is not None
        fade.done += 1
        part = motion.ease(fade.done / (fade.frames + 1))
        stage.draw(held, self._sheets[0], features=fade.done % 2 == 0)
        fade.to.draw(held, self._sheets[1])
        cv2.addWeighted(self._sheets[0], 1 - part, self._sheets[1], part, 0, dst=out)
        luma = planes_of(out)[0]
        cv2.add(luma, np.full(1, SWEEP * math.sin(math.pi * part)), dst=luma)
        if fade.done >= fade.frames:
            fade.to.forget()
            self._stage, self._fade = fade.to, None
        return Rect(0, 0, *self._size)

    def _rest(self, out: Bytes) -> Rect:
        """The look at rest, whatever happened; the canvas stays as it is if not even that works."""
        try:
            if self._fade is not None:
                self._fade.to.forget()
                self._stage, self._fade = self._fade.to, None
            return self._stage.rest(out) if self._stage is not None else NOTHING
        except Exception:
            return NOTHING

    def _check(self, look: Look) -> None:
        if (look.width, look.height) != self._size:
            raise ValueError(
                f"look {look.name!r} is baked for {look.width}x{look.height}, the canvas is "
                f"{self._size[0]}x{self._size[1]}; load the look with the canvas' width and height"
            )


__all__ = ["Face", "FaceInput", "Rect", "new_canvas"]
