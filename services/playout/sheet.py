"""A small drawing surface for tiles: rounded shapes, soft shadows, type and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from services.playout.text import Face

Mask = NDArray[np.uint8]
Colour = tuple[int, int, int]
_LARGEST_PICTURE_BYTES = 20_000_000
_SHADE: Colour = (6, 10, 14)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of type as a mask, where its corner lies, and where the line ends."""

    mask: Mask
    at: tuple[int, int]
    end: float


class Sheet:
    """Premultiplied RGBA as four planes; everything is drawn over what is there."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width + width % 2, height + height % 2
        self._planes = np.zeros((4, self.height, self.width), np.uint8)

    def copy(self) -> Sheet:
        """Another sheet with the same picture."""
        other = Sheet(self.width, self.height)
        np.copyto(other._planes, self._planes)
        return other

    def fill(self, mask: Mask, at: tuple[int, int], colour: Colour, opacity: float = 1.0) -> None:
        """Lay a colour through a mask whose corner is at `at`; what falls outside is left out."""
        x, y = at
        h, w = mask.shape
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, self.width), min(y + h, self.height)
        if x0 >= x1 or y0 >= y1:
            return
        cover = mask[y0 - y : y1 - y, x0 - x : x1 - x]
        if opacity < 1:
            cover = np.asarray(cv2.convertScaleAbs(cover, alpha=opacity), np.uint8)
        below = cv2.bitwise_not(cover)
        for plane, value in zip(self._planes, (*colour, 255), strict=True):
            target = plane[y0:y1, x0:x1]
            cv2.multiply(target, below, dst=target, scale=1 / 255)
            cv2.add(target, cv2.convertScaleAbs(cover, alpha=value / 255), dst=target)

    def rounded(
        self, x: float, y: float, w: float, h: float, radius: float, colour: Colour, opacity: float = 1.0
    ) -> None:
        """A rounded rectangle."""
        mask, at = rounded_mask(x, y, w, h, radius)
        self.fill(mask, at, colour, opacity)

    def outline(
        self, x: float, y: float, w: float, h: float, radius: float, line: float, colour: Colour,
        opacity: float = 1.0,
    ) -> None:  # fmt: skip
        """A rounded rectangle's line, drawn inwards."""
        outer, at = rounded_mask(x, y, w, h, radius)
        inner, place = rounded_mask(x + line, y + line, w - 2 * line, h - 2 * line, max(0.0, radius - line))
        dx, dy = place[0] - at[0], place[1] - at[1]
        ring = outer.copy()
        hole = ring[dy : dy + inner.shape[0], dx : dx + inner.shape[1]]
        cv2.subtract(hole, inner, dst=hole)
        self.fill(ring, at, colour, opacity)

    def shadow(
        self, x: float, y: float, w: float, h: float, radius: float, blur: float, opacity: float
    ) -> None:
        """A soft shadow of a rounded rectangle."""
        mask, at = rounded_mask(x, y, w, h, radius)
        pad = int(blur * 2.6) + 1
        soft = cv2.GaussianBlur(np.pad(mask, pad), (0, 0), blur)
        self.fill(np.asarray(soft, np.uint8), (at[0] - pad, at[1] - pad), _SHADE, opacity)

    def ink(self, line: Line, colour: Colour, *, opacity: float = 1.0, shadow: float = 0.0) -> None:
        """Print a line of type, with a soft shadow for legibility where one is asked for."""
        if shadow:
            self.shade(line, shadow)
        self.fill(line.mask, line.at, colour, opacity)

    def shade(self, line: Line, opacity: float) -> None:
        """The soft shadow under a line of type."""
        soft = cv2.GaussianBlur(np.pad(line.mask, 6), (0, 0), 2.2)
        spread = cv2.convertScaleAbs(soft, alpha=1.4)
        self.fill(np.asarray(spread, np.uint8), (line.at[0] - 6, line.at[1] - 5), _SHADE, opacity)

    def type(
        self, face: Face, text: str, at: tuple[float, float], size: int, colour: Colour,
        *, opacity: float = 1.0, shadow: float = 0.0,
    ) -> float:  # fmt: skip
        """A line of type with its baseline's start at `at`; returns where it ends."""
        if not text:
            return at[0]
        line = set_line(face, text, at, size)
        self.ink(line, colour, opacity=opacity, shadow=shadow)
        return line.end

    def picture(self, rgb: NDArray[np.uint8], x: int, y: int, radius: float) -> None:
        """A picture with rounded corners."""
        h, w = rgb.shape[:2]
        cover, _ = rounded_mask(x, y, w, h, radius)
        below = cv2.bitwise_not(cover)
        layers = (*cv2.split(rgb), np.full((h, w), 255, np.uint8))
        for plane, layer in zip(self._planes, layers, strict=True):
            target = plane[y : y + h, x : x + w]
            cv2.multiply(target, below, dst=target, scale=1 / 255)
            cv2.add(target, cv2.multiply(layer, cover, scale=1 / 255), dst=target)

    def bytes(self) -> NDArray[np.uint8]:
        """The picture as premultiplied eight-bit RGBA."""
        return np.asarray(cv2.merge(list(self._planes)), np.uint8)


def set_line(face: Face, text: str, at: tuple[float, float], size: int) -> Line:
    """Set a line of type with its baseline's start at `at`."""
    wide = face.width(text, size)
    width, up, down = int(wide) + size // 2 + 4, int(size * 1.15), int(size * 0.4)
    left, top = int(np.floor(at[0])) - 2, int(np.floor(at[1])) - up
    picture = Image.new("L", (width, up + down), 0)
    place = (at[0] - left, at[1] - top)
    ImageDraw.Draw(picture).text(place, text, font=face.font(size), fill=255, anchor="ls")
    return Line(np.asarray(picture, np.uint8), (left, top), at[0] + wide)


def rounded_mask(x: float, y: float, w: float, h: float, radius: float) -> tuple[Mask, tuple[int, int]]:
    """How much of each pixel a rounded rectangle covers, and where that mask's corner lies."""
    left, top = int(np.floor(x)), int(np.floor(y))
    wide, tall = int(np.ceil(x + w)) - left, int(np.ceil(y + h)) - top
    radius = min(radius, w / 2, h / 2)
    across = np.abs(np.arange(wide, dtype=np.float32) + 0.5 + left - (x + w / 2)) - (w / 2 - radius)
    along = np.abs(np.arange(tall, dtype=np.float32) + 0.5 + top - (y + h / 2)) - (h / 2 - radius)
    flat_across = np.clip(radius - across + 0.5, 0, 1)
    flat_along = np.clip(radius - along + 0.5, 0, 1)
    cover = np.minimum(flat_across[None, :], flat_along[:, None])
    columns, rows = np.flatnonzero(across > 0), np.flatnonzero(along > 0)
    if columns.size and rows.size:
        corner = np.hypot(across[columns][None, :], along[rows][:, None])
        cover[np.ix_(rows, columns)] = np.clip(radius - corner + 0.5, 0, 1)
    return (cover * 255 + 0.5).astype(np.uint8), (left, top)


def square_picture(path: Path, side: int) -> NDArray[np.uint8] | None:
    """A picture file cropped to a square of `side` pixels, or None when it cannot be read."""
    return cover_picture(path, side, side)


def cover_picture(path: Path, width: int, height: int) -> NDArray[np.uint8] | None:
    """A picture file that fills width × height, its middle kept, or None when it cannot be read."""
    try:
        if path.stat().st_size > _LARGEST_PICTURE_BYTES:
            return None
        with Image.open(path) as opened:
            opened.draft("RGB", (width, height))
            picture = opened.convert("RGBA")
        flat = Image.new("RGB", picture.size, (255, 255, 255))
        flat.paste(picture, mask=picture.getchannel("A"))
        fitted = ImageOps.fit(flat, (width, height), Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError, SyntaxError):
        return None
    return np.asarray(fitted, np.uint8)
