"""Pixels in motion: pre-multiplied layers over each other, the head's field, and I420 planes.

Pictures here are BGRA with colour already multiplied by alpha, so that a warp may mix neighbours
without a dark rim. The head is moved by one remap through a field made at quarter resolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.avatar.motion import Pose

cv2.setNumThreads(1)  # the machine is shared with an encoder and other rooms

Bytes = NDArray[Any]  # uint8: pictures and canvases
Words = NDArray[Any]  # int16: chroma as differences
Floats = NDArray[Any]  # float32: maps, masks and lines

FIELD_STEP = 4


@dataclass(frozen=True, slots=True)
class Rect:
    """A part of the canvas, in pixels; empty when nothing was drawn."""

    x: int = 0
    y: int = 0
    w: int = 0
    h: int = 0

    @property
    def rows(self) -> slice:
        """Its rows in a picture of the canvas."""
        return slice(self.y, self.y + self.h)

    @property
    def cols(self) -> slice:
        """Its columns in a picture of the canvas."""
        return slice(self.x, self.x + self.w)

    def inside(self, other: Rect) -> Rect:
        """The same place counted from `other`'s corner."""
        return Rect(self.x - other.x, self.y - other.y, self.w, self.h)

    def joined(self, other: Rect) -> Rect:
        """The smallest rectangle around both."""
        if not self.w or not self.h:
            return other
        if not other.w or not other.h:
            return self
        x, y = min(self.x, other.x), min(self.y, other.y)
        right, low = max(self.x + self.w, other.x + other.w), max(self.y + self.h, other.y + other.h)
        return Rect(x, y, right - x, low - y)

    def grown(self, by: int, step: int, width: int, height: int) -> Rect:
        """Wider by `by` on all sides, its edges on multiples of `step`, within a canvas."""
        x = max(0, (self.x - by) // step * step)
        y = max(0, (self.y - by) // step * step)
        right = min(width // step * step, -(-(self.x + self.w + by) // step) * step)
        low = min(height // step * step, -(-(self.y + self.h + by) // step) * step)
        return Rect(x, y, max(step, right - x), max(step, low - y))


def over(under: Bytes, top: Bytes) -> Bytes:
    """`top` laid over `under`, both pre-multiplied BGRA of one size."""
    clear = cv2.bitwise_not(cv2.extractChannel(top, 3))
    laid: Bytes = cv2.add(cv2.multiply(under, cv2.merge([clear] * 4), scale=1 / 255), top)
    return laid


def faded(picture: Bytes, part: Floats | float) -> Bytes:
    """A pre-multiplied picture made more transparent, by one factor or one for each pixel."""
    if isinstance(part, (float, int)):
        thin: Bytes = cv2.convertScaleAbs(picture, alpha=part)
        return thin
    mask = (np.clip(part, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return masked(picture, cv2.merge([mask] * 4))


def masked(picture: Bytes, mask: Bytes) -> Bytes:
    """A pre-multiplied picture seen through a mask of four like channels."""
    seen: Bytes = cv2.multiply(picture, mask, scale=1 / 255)
    return seen


def moved(picture: Bytes, dx: float, dy: float) -> Bytes:
    """A picture shifted by parts of a pixel, its size kept."""
    matrix = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    h, w = picture.shape[:2]
    shifted: Bytes = cv2.warpAffine(
        picture, matrix, (w, h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0),
    )  # fmt: skip
    return shifted


def remapped(picture: Bytes, xs: Floats, ys: Floats, into: Bytes | None = None) -> Bytes:
    """The picture read at (xs, ys), where wanted into a picture at hand; nothing lies outside of it."""
    read: Bytes = cv2.remap(
        picture, xs, ys, cv2.INTER_LINEAR, dst=into, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0)
    )
    return read


def curve(points: list[tuple[float, float]], xs: Floats) -> Floats:
    """A smooth line through points of rising x, read at xs; level beyond its ends."""
    px = np.array([p[0] for p in points], np.float64)
    py = np.array([p[1] for p in points], np.float64)
    apart = np.arange(len(px)) * 1e-2  # points may fall on one column
    px = np.maximum.accumulate(px - apart) + apart
    slopes = np.gradient(py, px) if len(px) > 1 else np.zeros(1)
    x = np.clip(xs, px[0], px[-1])
    k = np.clip(np.searchsorted(px, x, side="right") - 1, 0, len(px) - 2)
    h = px[k + 1] - px[k]
    t = (x - px[k]) / h
    y: Floats = (
        (1 + 2 * t) * (1 - t) ** 2 * py[k] + t * (1 - t) ** 2 * h * slopes[k]
        + t * t * (3 - 2 * t) * py[k + 1] + t * t * (t - 1) * h * slopes[k + 1]
    )  # fmt: skip
    return y.astype(np.float32)


class HeadField:
    """Where each pixel of the head's region comes from, for a pose."""

    def __init__(
        self, region: Rect, *, pivot: tuple[float, float], face: tuple[float, float], face_r: float,
        chin_y: float, scale: float, rises: Floats,
    ) -> None:  # fmt: skip
        """`pivot` is the root of the neck, `face` the middle of the face and `face_r` its half width;
        `rises` says for each row of the region how much of the breath it takes part in."""
        w, h = region.w // FIELD_STEP, region.h // FIELD_STEP
        xs = (np.arange(w, dtype=np.float32) + 0.5) * FIELD_STEP - 0.5
        ys = (np.arange(h, dtype=np.float32) + 0.5) * FIELD_STEP - 0.5
        grid_x, grid_y = np.meshgrid(xs, ys)
        self._size = (region.w, region.h)
        self._scale = scale
        self._base_x, self._base_y = grid_x, grid_y
        canvas_x, canvas_y = grid_x + region.x, grid_y + region.y
        # Locks that fall below the chin follow less the lower they are; where the region ends they lie.
        start = chin_y + 8 * scale
        low = max(region.y + region.h - 6 * scale, start + 40 * scale)
        below = np.clip((canvas_y - start) / (low - start), 0, 1)
        hold = 1 - below * below * (3 - 2 * below)
        self._hold = hold.astype(np.float32)
        self._arm_x = ((canvas_x - pivot[0]) * hold).astype(np.float32)
        self._arm_y = ((canvas_y - pivot[1]) * hold).astype(np.float32)
        near = ((canvas_x - face[0]) / (face_r * 0.86)) ** 2 + ((canvas_y - face[1]) / (face_r * 1.06)) ** 2
        # The face's middle stands out from the skull: on a turn it moves further than its rim.
        self._relief = np.exp(-(near**1.6)).astype(np.float32)
        self._xs, self._ys = np.empty((2, region.h, region.w), np.float32)
        self._rises = rises[FIELD_STEP // 2 :: FIELD_STEP][:h, None].astype(np.float32)

    def at(self, pose: Pose, rise_px: float) -> tuple[Floats, Floats]:
        """The maps that the head's picture is read through; the next call overwrites them."""
        turn = np.float32(np.deg2rad(pose.roll))
        scale = self._scale
        yaw, pitch = np.float32(pose.yaw * 5.0 * scale), np.float32(pose.pitch * 4.0 * scale)
        dx, dy = np.float32(pose.dx * scale), np.float32(pose.dy * scale)
        xs = self._base_x - (self._hold * dx - self._arm_y * turn + self._relief * yaw)
        ys = self._base_y - (self._hold * dy + self._arm_x * turn + self._relief * pitch)
        ys += self._rises * np.float32(rise_px)
        cv2.resize(xs, self._size, dst=self._xs, interpolation=cv2.INTER_LINEAR)
        cv2.resize(ys, self._size, dst=self._ys, interpolation=cv2.INTER_LINEAR)
        return self._xs, self._ys


@dataclass(frozen=True, slots=True)
class Planes:
    """A region's luma, and its chroma as differences from grey so that it scales with alpha."""

    y: Bytes
    u: Words
    v: Words


def planes_of(canvas: Bytes) -> tuple[Bytes, Bytes, Bytes]:
    """The Y, U and V planes of an I420 canvas (rows = height * 3 / 2), as views."""
    width = canvas.shape[1]
    height = canvas.shape[0] * 2 // 3
    flat = canvas.reshape(-1)
    size, part = width * height, width * height // 4
    return (
        flat[:size].reshape(height, width),
        flat[size : size + part].reshape(height // 2, width // 2),
        flat[size + part : size + 2 * part].reshape(height // 2, width // 2),
    )


def to_i420(bgr: Bytes) -> Bytes:
    """A BGR picture of even size as I420 (BT.601, limited range)."""
    canvas: Bytes = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    return canvas


def backdrop(bgr: Bytes) -> Planes:
    """What stands behind the head, ready to be blended with."""
    y, u, v = planes_of(to_i420(bgr))
    return Planes(y - np.uint8(16), u.astype(np.int16) - 128, v.astype(np.int16) - 128)


def lay_over(behind: Planes, top: Bytes, canvas: Bytes, at: Rect, sheet: Bytes | None = None) -> None:
    """Blend a pre-multiplied picture over a backdrop and put it on the canvas.

    Conversion to I420 is linear but for its offsets (16 and 128). A pre-multiplied picture comes
    out with the whole offset, so only the backdrop's share, without offset, is left to add. `sheet`
    is an I420 canvas of the picture's size to work on.
    """
    fore_y, fore_u, fore_v = planes_of(cv2.cvtColor(top, cv2.COLOR_BGRA2YUV_I420, dst=sheet))
    clear = cv2.bitwise_not(cv2.extractChannel(top, 3))
    plane_y, plane_u, plane_v = planes_of(canvas)
    plane_y[at.rows, at.cols] = cv2.add(cv2.multiply(behind.y, clear, scale=1 / 255), fore_y)
    half = cv2.resize(clear, (at.w // 2, at.h // 2), interpolation=cv2.INTER_AREA).astype(np.int16)
    small = Rect(at.x // 2, at.y // 2, at.w // 2, at.h // 2)
    for back, fore, plane in ((behind.u, fore_u, plane_u), (behind.v, fore_v, plane_v)):
        share = cv2.multiply(back, half, scale=1 / 255)
        plane[small.rows, small.cols] = cv2.add(share, fore, dtype=cv2.CV_8U)


def paste(source: Bytes, canvas: Bytes, at: Rect) -> None:
    """Put a small I420 picture on the canvas; `at` has even edges."""
    small = Rect(at.x // 2, at.y // 2, at.w // 2, at.h // 2)
    for part, plane, place in zip(planes_of(source), planes_of(canvas), (at, small, small), strict=True):
        plane[place.rows, place.cols] = part
