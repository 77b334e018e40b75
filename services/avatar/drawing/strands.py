"""Hair as strands: guide curves, thousands of tapered strips between them, light by their direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import skia

from services.avatar.drawing.canvas import Array, Points, Region, brush, polygon, spline
from services.avatar.drawing.light import GAMMA, unit
from services.avatar.drawing.spec import Host

STEPS = 26


@dataclass(frozen=True)
class Lock:
    """A sheet of hair between guide curves, root to tip, ordered across the sheet."""

    guides: Sequence[Any]  # each a list of plate points
    count: int = 500
    width: float = 1.5
    fray: float = 6.0  # how far tips stray
    loose: float = 2.0  # how far roots and middles stray
    clump: float = 1.0  # how strongly tips gather
    shade: float = 1.0
    ragged: float = 0.12  # how unequal the lengths are
    ground: bool = True
    stray: bool = True  # loose hairs beside the sheet


def curves(lock: Lock) -> Points:
    """The guides, resampled: guide × step × 2."""
    return np.stack([spline(g, STEPS * 2)[::2] for g in lock.guides])


def between(guides: Points, u: Points) -> Points:
    """Curves at positions u (0..1) across the sheet, by smooth interpolation over the guides."""
    at = u * (len(guides) - 1)
    i = np.clip(at.astype(int), 0, len(guides) - 2)
    f = (at - i)[:, None, None]
    before, after = np.clip(i - 1, 0, None), np.clip(i + 2, None, len(guides) - 1)
    p0, p1, p2, p3 = guides[before], guides[i], guides[i + 1], guides[after]
    return np.asarray(
        0.5
        * (
            2 * p1
            + (p2 - p0) * f
            + (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2
            + (3 * p1 - p0 - 3 * p2 + p3) * f**3
        )
    )


def volume(region: Region, mask: Array, reach: float = 46.0, height: float = 60.0) -> Array:
    """A rounded height over a mask of hair."""
    far = cv2.distanceTransform((mask > 0.4).astype(np.uint8), cv2.DIST_L2, 5) / region.scale
    t = np.clip(far / reach, 0, 1)
    return region.blur((height * np.sqrt(1 - (1 - t) ** 2)).astype(np.float32), 9)


def mask_of(region: Region, locks: Sequence[Lock], soft: float = 0.0) -> Array:
    """Where the sheets lie."""

    def draw(canvas: Any) -> None:
        for lock in locks:
            fine = between(curves(lock), np.linspace(0, 1, 24))
            for a, b in pairwise(fine):
                canvas.drawPath(polygon(np.vstack([a, b[::-1]])), brush((1, 1, 1), width=1.5))
                canvas.drawPath(polygon(np.vstack([a, b[::-1]])), brush((1, 1, 1)))

    return region.blur(region.mask(draw), soft)


def paint(
    region: Region,
    host: Host,
    locks: Sequence[Lock],
    seed: int,
    *,
    height: Array | None = None,
    flyaways: int = 40,
    dim: float = 1.0,
) -> Array:
    """Paints sheets of hair back to front: a dark ground, then strands in three passes, then loose hairs."""
    mask = mask_of(region, locks)
    relief = volume(region, mask) if height is None else height
    rng = np.random.default_rng(host.seed * 100 + seed)
    batches: list[tuple[Any, bool]] = []
    for k, lock in enumerate(locks):
        batches.append((_ground(host, lock, dim), True))
        for width, alpha, tone, share in (
            (2.2, 0.85, 0.22, 0.4),
            (1.15, 0.9, 0.52, 0.45),
            (0.55, 0.85, 0.95, 0.3),
        ):
            count = max(4, int(lock.count * share))
            batches.append(
                (
                    _strips(
                        region,
                        host,
                        lock,
                        count,
                        lock.width * width,
                        alpha,
                        tone * dim * lock.shade,
                        relief,
                        rng,
                        k,
                    ),
                    False,
                )
            )
        if flyaways and lock.stray:
            batches.append(
                (
                    _strips(region, host, lock, flyaways, 0.6, 0.4, 0.8 * dim, relief, rng, k, stray=3.4),
                    False,
                )
            )
    white = skia.Paint(AntiAlias=True, Color=skia.ColorWHITE)

    def draw(canvas: Any) -> None:
        for item, is_path in batches:
            if is_path:
                canvas.drawPath(item[0], item[1])
            else:
                canvas.drawVertices(item, white)

    return region.paint(draw)


def _ground(host: Host, lock: Lock, dim: float) -> tuple[Any, Any]:
    fine = between(curves(lock), np.linspace(0.03, 0.97, 30))
    fine = fine[:, : int(STEPS * 0.93)]
    shape = np.vstack([fine[:, 0], fine[-1], fine[::-1, -1], fine[0][::-1]])
    r, g, b = host.hair[0]
    soft = brush((r * 0.72 * dim, g * 0.72 * dim, b * 0.72 * dim), 1.0 if lock.ground else 0.0, blur_px=1.6)
    return polygon(shape), soft


def _strips(
    region: Region,
    host: Host,
    lock: Lock,
    count: int,
    width: float,
    alpha: float,
    tone: float,
    relief: Array,
    rng: np.random.Generator,
    salt: int,
    stray: float = 1.0,
) -> Any:
    guides = curves(lock)
    u = np.sort(rng.uniform(0, 1, count))
    order = rng.permutation(count)
    groups = max(2, int(11 * len(guides) / 2))
    centre = (np.floor(u * groups) + 0.5) / groups
    t = np.linspace(0, 1, STEPS)
    pull = lock.clump * 0.45 * t[None, :] ** 1.6
    across = u[:, None] * (1 - pull) + centre[:, None] * pull
    lines = np.stack([between(guides, across[:, k])[:, k] for k in range(STEPS)], axis=1)
    drift = rng.standard_normal((count, 2)) * lock.loose * stray
    bend = np.sin(t[None] * rng.uniform(1.5, 4, (count, 1)) + rng.uniform(0, 6, (count, 1)))
    lines = lines + drift[:, None] * (0.03 + 0.97 * t[None, :, None]) * 0.6
    lines[..., 0] += bend * lock.loose * 0.7 * stray
    lines += rng.standard_normal((count, 1, 2)) * lock.fray * (t[None, :, None] ** 3) * stray
    start, length = rng.uniform(0, 0.025, count), 1 - rng.uniform(0, lock.ragged, count) ** 1.0
    lines = _retime(lines, start, length)
    profile = np.clip(t / 0.06, 0.7, 1) * np.clip((1 - t) / 0.35, 0, 1) ** 0.7
    half = (width * rng.uniform(0.6, 1.35, count)[:, None] * profile[None])[..., None] / 2
    half = np.maximum(half, 0.52 / region.scale)
    tangent = np.gradient(lines, axis=1)
    size = np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-6
    across_way = np.stack([tangent[..., 1], -tangent[..., 0]], axis=2) / size
    colours = _tint(region, host, lines, tangent, relief, tone, rng, centre, salt)
    fade = np.clip((1 - t) / 0.12, 0, 1) * np.clip(t / 0.03 + 0.5, 0, 1)
    a = (alpha * fade[None] * rng.uniform(0.7, 1, count)[:, None] * 255).astype(int)
    packed = (a << 24) | (colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2]
    left, right = (lines + across_way * half)[order], (lines - across_way * half)[order]
    packed = packed[order]
    quads = np.stack(
        [left[:, :-1], right[:, :-1], left[:, 1:], left[:, 1:], right[:, :-1], right[:, 1:]], axis=2
    )
    tints = np.stack(
        [packed[:, :-1], packed[:, :-1], packed[:, 1:], packed[:, 1:], packed[:, :-1], packed[:, 1:]], axis=2
    )
    points = [skia.Point(x, y) for x, y in quads.reshape(-1, 2).tolist()]
    return skia.Vertices(
        skia.Vertices.VertexMode.kTriangles_VertexMode, points, None, tints.reshape(-1).tolist()
    )


def _retime(lines: Points, start: Points, length: Points) -> Points:
    """Cuts each line to the stretch from `start` to `length`."""
    t = np.linspace(0, 1, STEPS)
    at = (start[:, None] + (length - start)[:, None] * t[None]) * (STEPS - 1)
    i = np.clip(at.astype(int), 0, STEPS - 2)
    f = (at - i)[..., None]
    rows = np.arange(len(lines))[:, None]
    return np.asarray(lines[rows, i] * (1 - f) + lines[rows, i + 1] * f)


def _tint(
    region: Region,
    host: Host,
    lines: Points,
    tangent: Points,
    relief: Array,
    tone: float,
    rng: np.random.Generator,
    clump: Points,
    salt: int,
) -> Any:
    """Colours along strands: a diffuse term by the volume, a gleam where the strand lies across the light."""
    flat = lines.reshape(-1, 2)
    z = region.sample(relief, flat).reshape(lines.shape[:2])
    gy, gx = np.gradient(cv2.GaussianBlur(relief, (0, 0), 4) * region.scale)
    nx = -region.sample(gx, flat).reshape(z.shape)
    ny = -region.sample(gy, flat).reshape(z.shape)
    size = np.sqrt(nx**2 + ny**2 + 1)
    lx, ly, lz = unit(host.light.key)
    diffuse = np.clip((nx * lx + ny * ly + lz) / size * 0.75 + 0.25, 0, 1)
    t3 = np.stack([tangent[..., 0], tangent[..., 1], np.gradient(z, axis=1)], axis=2)
    t3 /= np.linalg.norm(t3, axis=2, keepdims=True) + 1e-6
    shift = rng.normal(0, 0.05, (len(lines), 1))
    half = unit((lx * 0.8, ly, lz + 1.0))
    th = t3 @ half + shift
    gleam = np.clip(1 - th**2, 0, 1) ** 34 * np.clip(diffuse, 0.1, 1)
    wide = np.clip(1 - (th + 0.12) ** 2, 0, 1) ** 7 * np.clip(diffuse, 0.1, 1)
    rx, ry, rz = unit(host.light.rim)
    rim = np.clip((nx * rx + ny * ry + rz) / size, 0, 1) * np.clip(1 - 1 / size, 0, 1) * host.light.rim_power
    wobble = (
        np.sin(clump * 53.0 + salt * 1.7) * 0.17
        + np.sin(clump * 131.0) * 0.09
        + rng.normal(0, 0.13, len(lines))
    )
    streak = (
        np.sin(
            np.linspace(0, 1, STEPS)[None] * (6 + 9 * np.abs(np.sin(clump * 17.0)))[:, None]
            + clump[:, None] * 40
        )
        * 0.08
    )
    wobble = wobble[:, None] + streak
    level = np.clip((0.25 + 0.75 * diffuse) * (tone + wobble) * 1.05 + wide * 0.12, 0, 1)[..., None]
    dark, mid, light = (np.asarray(c) ** GAMMA for c in host.hair)
    colour = np.where(level < 0.5, dark + (mid - dark) * level * 2, mid + (light - mid) * (level * 2 - 1))
    colour = colour * (0.22 + 0.86 * diffuse[..., None] ** 1.3)
    colour = colour + gleam[..., None] * np.asarray(host.hair_gleam) ** GAMMA * (0.18 + 0.95 * level)
    colour = colour + rim[..., None] * np.asarray(host.light.rim_colour) ** GAMMA * 0.10 * (
        lines[..., :1] > host.face.cx
    )
    return (np.clip(colour, 0, 1) ** (1 / GAMMA) * 255).astype(int)


def mirrored(
    guides: Sequence[Sequence[Sequence[float]]], cx: float, jitter: float = 0.0
) -> list[list[tuple[float, float]]]:
    """The same guides on the other side of the face's middle line."""
    return [[(2 * cx - x + jitter * ((k % 3) - 1), y) for x, y in guide] for k, guide in enumerate(guides)]


def wavy(
    guide: Sequence[Sequence[float]], size: float, period: float, phase: float, start_y: float
) -> Points:
    """A guide with waves that grow below `start_y`."""
    line = spline(guide, 40)
    depth = np.clip((line[:, 1] - start_y) / 120, 0, 1)
    line[:, 0] += size * depth * np.sin((line[:, 1] - start_y) / period * 2 * np.pi + phase)
    return line
