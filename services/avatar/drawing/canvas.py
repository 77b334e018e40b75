"""Pieces of the plate that are painted large and reduced: regions, strokes, soft masks, layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

Array = NDArray[Any]  # pictures and fields, float32
Points = NDArray[Any]  # plate points, count × 2
Colour = tuple[float, float, float]

PLATE_W, PLATE_H = 720, 1280


@dataclass(frozen=True)
class Region:
    """A rectangle of the plate, painted at `scale` pixels a plate pixel."""

    x: int
    y: int
    w: int
    h: int
    scale: int = 3

    def grid(self) -> tuple[Array, Array]:
        """The plate coordinates of every pixel centre."""
        xs = self.x + (np.arange(self.w * self.scale, dtype=np.float32) + 0.5) / self.scale
        ys = self.y + (np.arange(self.h * self.scale, dtype=np.float32) + 0.5) / self.scale
        gx, gy = np.meshgrid(xs, ys)
        return gx, gy

    def paint(self, draw: Callable[[Any], None]) -> Array:
        """Runs `draw` on a canvas in plate coordinates; gives straight RGBA, 0..1."""
        info = skia.ImageInfo.Make(
            self.w * self.scale, self.h * self.scale, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType
        )
        surface = skia.Surface.MakeRaster(info)
        with surface as canvas:
            canvas.scale(self.scale, self.scale)
            canvas.translate(-self.x, -self.y)
            draw(canvas)
        picture = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
        return np.asarray(picture, np.float32) / np.float32(255)

    def mask(self, draw: Callable[[Any], None]) -> Array:
        """The alpha of what `draw` paints."""
        return np.asarray(np.ascontiguousarray(self.paint(draw)[..., 3]))

    def blur(self, image: Array, sigma_px: float) -> Array:
        """A Gaussian blur whose sigma is in plate pixels; wide ones work on a reduced copy."""
        return blur(image, sigma_px * self.scale)

    def sample(self, image: Array, at: Points) -> Array:
        """The values of a region's picture at plate points."""
        cols = np.clip(((at[:, 0] - self.x) * self.scale).astype(int), 0, image.shape[1] - 1)
        rows = np.clip(((at[:, 1] - self.y) * self.scale).astype(int), 0, image.shape[0] - 1)
        return np.asarray(image[rows, cols])


def blur(image: Array, sigma: float) -> Array:
    """A Gaussian blur; sigmas over 6 are done at a quarter of the size."""
    if sigma <= 0.2:
        return image
    if sigma <= 6:
        return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    h, w = image.shape[:2]
    factor = 2 if sigma < 16 else 4
    small = cv2.resize(image, (max(1, w // factor), max(1, h // factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Layer:
    """One cut-out of the look: straight RGBA bytes and where its corner lies on the plate."""

    pixels: NDArray[np.uint8]
    x: int
    y: int


def reduce(region: Region, rgba: Array) -> Layer:
    """Reduces a region's straight RGBA to plate size and crops it to what is visible."""
    premultiplied = rgba.copy()
    premultiplied[..., :3] *= rgba[..., 3:]
    small = cv2.resize(premultiplied, (region.w, region.h), interpolation=cv2.INTER_AREA)
    alpha = np.clip(small[..., 3:], 0, 1)
    colour = np.where(alpha > 0.002, small[..., :3] / np.maximum(alpha, 0.002), 0)
    full = np.concatenate([np.clip(colour, 0, 1), alpha], axis=2)
    pixels = (full * 255 + 0.5).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    return crop(pixels, region.x, region.y)


def crop(pixels: NDArray[np.uint8], x: int, y: int) -> Layer:
    """Cuts a picture to the box of its visible pixels, within the plate."""
    top, left = max(0, -y), max(0, -x)
    pixels = pixels[top : PLATE_H - y, left : PLATE_W - x]
    x, y = x + left, y + top
    rows = np.flatnonzero(pixels[..., 3].max(axis=1) > 1)
    cols = np.flatnonzero(pixels[..., 3].max(axis=0) > 1)
    if not len(rows):
        return Layer(np.zeros((1, 1, 4), np.uint8), x, y)
    r0, r1, c0, c1 = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    return Layer(np.ascontiguousarray(pixels[r0:r1, c0:c1]), int(x + c0), int(y + r0))


def over(below: Array, above: Array) -> Array:
    """Straight-alpha `above` over `below`."""
    a, b = above[..., 3:], below[..., 3:]
    out = a + b * (1 - a)
    colour = (above[..., :3] * a + below[..., :3] * b * (1 - a)) / np.maximum(out, 1e-4)
    return np.concatenate([colour, out], axis=2).astype(np.float32)


def rgb(hexed: str) -> Colour:
    """`#a1b2c3` as three floats."""
    value = int(hexed.lstrip("#"), 16)
    return ((value >> 16) / 255, (value >> 8 & 255) / 255, (value & 255) / 255)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour `t` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def ink(colour: Colour, alpha: float = 1.0) -> int:
    """A skia colour number."""
    r, g, b = (max(0, min(255, round(c * 255))) for c in colour)
    return int(skia.Color(r, g, b, max(0, min(255, round(alpha * 255)))))


def brush(colour: Colour, alpha: float = 1.0, *, blur_px: float = 0.0, width: float = 0.0) -> Any:
    """A skia paint: filled, or stroked when a width is given; soft when a blur is given."""
    paint = skia.Paint(Color=ink(colour, alpha), AntiAlias=True)
    if width > 0:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
    if blur_px > 0:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur_px))
    return paint


def polygon(points: Points | Sequence[Sequence[float]], *, closed: bool = True) -> Any:
    """A skia path through points."""
    return skia.Path.Polygon([skia.Point(float(x), float(y)) for x, y in points], closed)


def bezier(controls: Iterable[Any], count: int = 40) -> Points:
    """A Bézier curve of any degree, sampled."""
    points = np.asarray(list(controls), float)[None].repeat(count, 0)
    t = np.linspace(0, 1, count)[:, None, None]
    while points.shape[1] > 1:
        points = points[:, :-1] * (1 - t) + points[:, 1:] * t
    return points[:, 0]


def spline(points: Iterable[Any], count: int = 60, *, closed: bool = False) -> Points:
    """A centripetal-like smooth curve through points, by cubic interpolation over chord length."""
    p = np.asarray(list(points), float)
    if closed:
        p = np.vstack([p[-3:], p, p[:4]])
    chord = np.concatenate([[0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(p, axis=0), axis=1)) + 1e-6)])
    slopes = np.gradient(p, chord, axis=0)
    lo, hi = (chord[3], chord[-4]) if closed else (chord[0], chord[-1])
    t = np.linspace(lo, hi, count, endpoint=not closed)
    i = np.clip(np.searchsorted(chord, t, side="right") - 1, 0, len(p) - 2)
    step = (chord[i + 1] - chord[i])[:, None]
    f = ((t - chord[i]) / step[:, 0])[:, None]
    a, b, ma, mb = p[i], p[i + 1], slopes[i] * step, slopes[i + 1] * step
    out = (2 * f**3 - 3 * f**2 + 1) * a + (f**3 - 2 * f**2 + f) * ma
    return np.asarray(out + (-2 * f**3 + 3 * f**2) * b + (f**3 - f**2) * mb)


def normals(line: Points) -> Points:
    """Unit normals of a polyline, to the left of its travel (upwards when it runs right to left)."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    return np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)


def ribbon(line: Points, widths: Points | float) -> Points:
    """The outline of a stroke of varying width along a line."""
    half = normals(line) * (np.broadcast_to(np.asarray(widths, float), (len(line),))[:, None] / 2)
    return np.vstack([line + half, (line - half)[::-1]])


def taper(count: int, width: float, *, head: float = 0.25, tail: float = 1.0) -> Points:
    """Widths of a stroke that swells from `head` of its width and runs out to a point."""
    t = np.linspace(0, 1, count)
    rise = head + (1 - head) * np.clip(t / 0.3, 0, 1)
    return np.asarray(width * rise * np.clip((1 - t) * 1.6 * tail, 0, 1) ** 0.8 + 0.02)


def smoothstep(lo: float, hi: float, value: Array) -> Array:
    """0 below `lo`, 1 above `hi`, smooth between (also when lo > hi)."""
    t = np.clip((value - lo) / (hi - lo), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> Array:
    """Smooth noise of unit deviation and grain about `sigma` pixels."""
    factor = max(1, int(sigma / 2))
    small = (shape[0] // factor + 2, shape[1] // factor + 2)
    field = blur(rng.standard_normal(small).astype(np.float32), max(0.21, sigma / factor))
    field = cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field / (field.std() + 1e-6), np.float32)
