"""Pictures in I420 as playout keeps them (one array of `height * 3 // 2` rows), and tiles over them.

Colours are converted by BT.601, limited range, as OpenCV converts the face. A `Tile` is
premultiplied and knows its place, so putting it on a picture is one multiplication and one
addition a plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
Pixels = NDArray[np.uint8]

# Rows Y, U, V of eight-bit RGB in limited range, without their offsets (16, 128, 128).
_BT601 = np.array(
    [[0.256788, 0.504129, 0.097906], [-0.148223, -0.290993, 0.439216], [0.439216, -0.367788, -0.071427]],
    np.float32,
)


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in pixels; all four numbers are even, so that chroma lines up."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        """The first column beyond."""
        return self.x + self.w

    @property
    def bottom(self) -> int:
        """The first row beyond."""
        return self.y + self.h

    def overlaps(self, other: Rect) -> bool:
        """Whether the two share a pixel."""
        across = self.x < other.right and other.x < self.right
        return across and self.y < other.bottom and other.y < self.bottom

    def within(self, width: int, height: int) -> Rect:
        """The part of it that lies on a picture of this size."""
        x0, y0 = min(max(self.x, 0), width), min(max(self.y, 0), height)
        x1, y1 = min(max(self.right, x0), width), min(max(self.bottom, y0), height)
        return Rect(x0, y0, x1 - x0, y1 - y0)


@dataclass(frozen=True, slots=True)
class Planes:
    """The three planes of a canvas, as views."""

    y: Pixels
    u: Pixels
    v: Pixels

    @classmethod
    def of(cls, canvas: Canvas) -> Planes:
        """Views of a contiguous canvas."""
        height, width = canvas.shape[0] * 2 // 3, canvas.shape[1]
        flat, size = canvas.reshape(-1), height * width
        u, v = flat[size : size * 5 // 4], flat[size * 5 // 4 :]
        shape = (height // 2, width // 2)
        return cls(canvas[:height], u.reshape(shape), v.reshape(shape))

    def cut(self, rect: Rect) -> tuple[Pixels, Pixels, Pixels]:
        """The three pieces under a rectangle."""
        x, y, right, bottom = rect.x // 2, rect.y // 2, rect.right // 2, rect.bottom // 2
        return (
            self.y[rect.y : rect.bottom, rect.x : rect.right],
            self.u[y:bottom, x:right],
            self.v[y:bottom, x:right],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A picture with alpha, premultiplied, and how much of what is below shows (`255 - alpha`)."""

    rect: Rect
    pieces: tuple[Pixels, Pixels, Pixels]
    below: Pixels
    below_half: Pixels

    def columns(self, start: int, end: int) -> Tile:
        """The part between two columns (even, relative to the tile), as views."""
        rect = Rect(self.rect.x + start, self.rect.y, end - start, self.rect.h)
        y, u, v = self.pieces
        half = slice(start // 2, end // 2)
        return Tile(
            rect,
            (y[:, start:end], u[:, half], v[:, half]),
            self.below[:, start:end],
            self.below_half[:, half],
        )

    def rows(self, start: int, end: int) -> Tile:
        """The part between two rows (even, relative to the tile), as views."""
        rect = Rect(self.rect.x, self.rect.y + start, self.rect.w, end - start)
        y, u, v = self.pieces
        half = slice(start // 2, end // 2)
        return Tile(rect, (y[start:end], u[half], v[half]), self.below[start:end], self.below_half[half])


def tile(rgba: Pixels, x: int, y: int) -> Tile:
    """Premultiplied RGBA (even width and height) as a tile with its corner at `x`, `y` (even)."""
    h, w = rgba.shape[:2]
    if h % 2 or w % 2 or x % 2 or y % 2:
        raise ValueError(f"a tile of {w}x{h} at {x},{y} is not even-aligned; pad it")
    half = cv2.resize(rgba, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    luma = cv2.transform(rgba, np.hstack([_BT601[:1], [[16 / 255]]]))
    chroma = cv2.transform(half, np.hstack([_BT601[1:], [[128 / 255], [128 / 255]]]))
    return Tile(
        Rect(x, y, w, h),
        (_bytes(luma), _bytes(cv2.extractChannel(chroma, 0)), _bytes(cv2.extractChannel(chroma, 1))),
        _bytes(cv2.bitwise_not(cv2.extractChannel(rgba, 3))),
        _bytes(cv2.bitwise_not(cv2.extractChannel(half, 3))),
    )


def _bytes(plane: object) -> Pixels:
    return np.asarray(plane, np.uint8)


def from_rgb(rgb: Pixels) -> Canvas:
    """An opaque RGB picture of even size as a canvas."""
    h, w = rgb.shape[:2]
    luma = cv2.transform(rgb.astype(np.float32), _BT601[:1]) + 16
    half = cv2.resize(rgb, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    chroma = cv2.transform(half.astype(np.float32), _BT601[1:]) + 128
    canvas = np.empty((h * 3 // 2, w), np.uint8)
    planes = Planes.of(canvas)
    planes.y[:] = np.clip(luma + 0.5, 0, 255)
    planes.u[:] = np.clip(chroma[..., 0] + 0.5, 0, 255)
    planes.v[:] = np.clip(chroma[..., 1] + 0.5, 0, 255)
    return canvas


def to_rgb(canvas: Canvas) -> Pixels:
    """A canvas as RGB, for snapshots and tests."""
    planes = Planes.of(canvas)
    h, w = planes.y.shape
    u, v = (cv2.resize(p, (w, h), interpolation=cv2.INTER_LINEAR) for p in (planes.u, planes.v))
    yuv = np.dstack(
        [planes.y.astype(np.float32) - 16, u.astype(np.float32) - 128, v.astype(np.float32) - 128]
    )
    rgb = yuv @ np.linalg.inv(_BT601.astype(np.float64)).T.astype(np.float32)
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)


class Blender:
    """Puts tiles on a canvas. Its scratch is allocated once, for the largest tile."""

    def __init__(self, width: int, height: int) -> None:
        self._scratch = np.empty((2, height, width), np.uint8)

    def put(self, planes: Planes, piece: Tile, opacity: float = 1.0, dx: int = 0, dy: int = 0) -> None:
        """Blend a tile, faded by `opacity` and moved by an even (dx, dy), clipped to the picture."""
        height, width = planes.y.shape
        place = Rect(piece.rect.x + dx, piece.rect.y + dy, piece.rect.w, piece.rect.h)
        seen = place.within(width, height)
        if not seen.w or not seen.h or opacity <= 0:
            return
        if seen != place:
            left, top = seen.x - place.x, seen.y - place.y
            piece = piece.columns(left, left + seen.w).rows(top, top + seen.h)
        for target, over, below in zip(
            planes.cut(seen), piece.pieces, (piece.below, piece.below_half, piece.below_half), strict=True
        ):
            if opacity < 1:
                h, w = over.shape
                faded, shows = self._scratch[0, :h, :w], self._scratch[1, :h, :w]
                cv2.convertScaleAbs(over, dst=faded, alpha=opacity)
                cv2.convertScaleAbs(below, dst=shows, alpha=opacity, beta=255 * (1 - opacity))
                over, below = faded, shows
            cv2.multiply(target, below, dst=target, scale=1 / 255)
            cv2.add(target, over, dst=target)


def copy(source: Planes, target: Planes, rect: Rect) -> None:
    """Copy what lies under a rectangle from one canvas to another."""
    for piece, onto in zip(source.cut(rect), target.cut(rect), strict=True):
        np.copyto(onto, piece)
