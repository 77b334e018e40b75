"""What makes a drawn scene look photographed: linear light, lens blur, bloom, shoulder, grain.

Scenes are built as premultiplied linear-light RGBA in float32, so that small lights that are out
of focus become bokeh discs, and finished by `develop`, which is the only place that returns to
eight bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import skia

Image = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 720, 1280

_TO_LINEAR = np.where(
    np.arange(256) / 255 <= 0.04045,
    np.arange(256) / 255 / 12.92,
    ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4,
).astype(np.float32)


def linear(colour: str) -> Image:
    """`#rrggbb` as three linear floats."""
    raw = bytes.fromhex(colour.lstrip("#"))
    return _TO_LINEAR[np.frombuffer(raw, np.uint8)]


def to_srgb(values: Image) -> Image:
    """Linear 0..1 as sRGB 0..1."""
    clipped = np.clip(values, 0, 1)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * np.power(clipped, 1 / 2.4) - 0.055).astype(
        np.float32
    )


def paint(
    draw: Callable[[Any], None], scale: float, size: tuple[float, float] = (WIDTH, HEIGHT), gain: float = 1.0
) -> Image:
    """What `draw` puts on a skia canvas (in canvas units) as premultiplied linear RGBA."""
    w, h = round(size[0] * scale), round(size[1] * scale)
    pixels = np.zeros((h, w, 4), np.uint8)
    surface = skia.Surface(pixels)
    canvas = surface.getCanvas()
    canvas.scale(scale, scale)
    draw(canvas)
    surface.flushAndSubmit()
    alpha = pixels[..., 3:].astype(np.float32) / 255
    straight = np.clip(pixels[..., :3].astype(np.float32) / np.maximum(alpha, 1e-3), 0, 255).astype(np.uint8)
    return np.dstack([_TO_LINEAR[straight] * alpha * gain, alpha]).astype(np.float32)


def over(under: Image, layer: Image, at: tuple[int, int] = (0, 0), opacity: float = 1.0) -> None:
    """Composite `layer` (premultiplied) onto `under` in place, its corner at `at` (pixels)."""
    x, y = at
    h, w = layer.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + w, under.shape[1]), min(y + h, under.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    source = layer[y0 - y : y1 - y, x0 - x : x1 - x] * opacity
    target = under[y0:y1, x0:x1]
    target *= 1 - source[..., 3:]
    target += source[..., : under.shape[2]]


def lens_blur(image: Image, radius: float) -> Image:
    """Blur as an open lens does: a disc with a slightly brighter rim."""
    if radius < 0.7:
        return image
    h, w = image.shape[:2]
    shrink = max(1, int(radius // 9))
    small = (
        image if shrink == 1 else cv2.resize(image, (w // shrink, h // shrink), interpolation=cv2.INTER_AREA)
    )
    r = radius / shrink
    n = int(np.ceil(r)) + 1
    yy, xx = np.mgrid[-n : n + 1, -n : n + 1]
    d = np.hypot(xx, yy)
    disc = np.clip(r + 0.5 - d, 0, 1) * (0.82 + 0.18 * np.clip(d / r, 0, 1) ** 4)
    blurred = cv2.filter2D(small, -1, (disc / disc.sum()).astype(np.float32), borderType=cv2.BORDER_REPLICATE)
    if shrink > 1:
        blurred = cv2.GaussianBlur(
            cv2.resize(blurred, (w, h), interpolation=cv2.INTER_LINEAR), (0, 0), shrink * 0.6
        )
    return blurred.astype(np.float32)


def soften(image: Image, sigma: float) -> Image:
    """A Gaussian blur that stays fast for large sigmas."""
    if sigma < 0.3:
        return image
    h, w = image.shape[:2]
    shrink = max(1, int(sigma // 6))
    if shrink == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    small = cv2.resize(image, (max(2, w // shrink), max(2, h // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def noise(shape: tuple[int, int], cell: tuple[float, float], seed: int, octaves: int = 4) -> Image:
    """Smooth noise of about -1..1; `cell` is the largest feature in pixels (x, y)."""
    rng = np.random.default_rng(seed)
    h, w = shape
    out = np.zeros(shape, np.float32)
    weight, total = 1.0, 0.0
    cx, cy = cell
    for _ in range(octaves):
        grid = rng.standard_normal((max(3, int(h / cy) + 3), max(3, int(w / cx) + 3))).astype(np.float32)
        out += weight * cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC)
        total += weight
        weight *= 0.5
        cx, cy = max(cx / 2, 1.0), max(cy / 2, 1.0)
    return np.asarray(out / total, np.float32)


def glow(
    shape: tuple[int, int],
    scale: float,
    at: tuple[float, float],
    radius: tuple[float, float],
    power: float = 2.0,
) -> Image:
    """A soft round light, 1 at its centre, as a mask."""
    h, w = shape
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32) / scale
    d = ((xx - at[0]) / radius[0]) ** 2 + ((yy - at[1]) / radius[1]) ** 2
    return np.asarray(np.exp(-np.power(d, power / 2)), np.float32)


def bloom(image: Image, scale: float, amount: float, threshold: float = 0.85) -> Image:
    """Add the halo that bright parts leave in a lens."""
    bright = np.clip(image[..., :3] - threshold, 0, 6)
    halo = (
        0.5 * soften(bright, 10 * scale) + 0.3 * soften(bright, 36 * scale) + 0.2 * soften(bright, 90 * scale)
    )
    out = image.copy()
    out[..., :3] += amount * halo
    return out


def develop(
    image: Image, seed: int, *, vignette: float = 0.0, grain: float = 0.006, knee: float = 0.72
) -> Bytes:
    """Linear light as an sRGB RGBA picture: highlights roll off, corners fall, fine grain."""
    h, w = image.shape[:2]
    alpha = image[..., 3:] if image.shape[2] == 4 else np.ones((h, w, 1), np.float32)
    rgb = image[..., :3] / np.maximum(alpha, 1e-4)
    if vignette:
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        d = ((xx / w - 0.5) * 1.15) ** 2 + ((yy / h - 0.46) * 1.05) ** 2
        rgb = rgb * (1 - vignette * np.clip(d / 0.55, 0, 1.4))[..., None]
    high = knee + (1 - knee) * (1 - np.exp(-(np.maximum(rgb, knee) - knee) / (1 - knee)))
    srgb = to_srgb(np.where(rgb > knee, high, rgb))
    rng = np.random.default_rng(seed)
    speck = cv2.GaussianBlur(rng.standard_normal((h, w)).astype(np.float32), (0, 0), 0.8) * 2.2
    dither = (rng.random((h, w, 1), np.float32) - 0.5) / 255
    srgb = np.asarray(srgb + (grain * speck)[..., None] + dither, np.float32)
    out = np.concatenate([np.clip(srgb, 0, 1), alpha], axis=2)
    return (out * 255 + 0.5).astype(np.uint8)


def reduce(image: Bytes, size: tuple[int, int]) -> Bytes:
    """Area-average to `size` (w, h), alpha-correct."""
    alpha = image[..., 3:].astype(np.float32) / 255
    premultiplied = np.dstack([image[..., :3].astype(np.float32) * alpha, alpha * 255]).astype(np.float32)
    small = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA)
    rgb = small[..., :3] / np.maximum(small[..., 3:] / 255, 1e-4)
    return np.clip(np.dstack([rgb, small[..., 3:]]) + 0.5, 0, 255).astype(np.uint8)
