"""The bust: neck, collarbones and shoulders as skin, and the garment over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np

from services.avatar.drawing.canvas import (
    Array,
    Colour,
    Points,
    Region,
    brush,
    noise,
    over,
    polygon,
    spline,
)
from services.avatar.drawing.light import SKIN, Material, linear, shade
from services.avatar.drawing.relief import bump, pillow, ridge
from services.avatar.drawing.spec import Host

BODY = Region(0, 560, 720, 560, 2)
RISE = 46  # the bust is worked out this much lower than it stands on the plate


def both(half: Sequence[Sequence[float]], cx: float) -> Points:
    """A closed shape from its left half, listed from top to bottom."""
    left = spline(half, 70)
    return np.vstack([left, np.stack([2 * cx - left[::-1, 0], left[::-1, 1]], axis=1)])


def torso_shape(cx: float) -> Points:
    """Neck, shoulders and arms as one silhouette."""
    half = [
        (cx - 48, 540), (cx - 46, 620), (cx - 49, 662), (cx - 62, 692), (cx - 100, 712), (cx - 150, 730),
        (cx - 200, 753), (cx - 232, 792), (cx - 248, 860), (cx - 257, 950), (cx - 266, 1060), (cx - 276, 1180),
    ]  # fmt: skip
    return both(half, cx)


def relief(host: Host) -> Array:
    """The height of the bust without clothes' thickness."""
    c = host.face.cx
    x, y = BODY.grid()
    ax, dx = np.sqrt((x - c) ** 2 + 500), x - c
    torso = BODY.mask(lambda k: k.drawPath(polygon(torso_shape(c)), brush((1, 1, 1))))
    z = pillow(BODY, torso, 78, 120, 8)
    neck = np.sqrt(np.clip(1 - (dx / 52) ** 2, 0, 1)) * 56 * np.clip((735 - y) / 70, 0, 1) ** 0.8
    z = np.maximum(z, BODY.blur(neck.astype(np.float32), 3) + z * 0.35)
    z = BODY.blur(z, 4)
    z += bump(ax, y, (82, 930), (64, 68), 40)
    z += bump(ax, y, (178, 910), (14, 120), -20)
    z += bump(ax, y, (214, 800), (36, 60), 8)
    for side in (-1, 1):
        bone = spline(
            [(c + side * 15, 714), (c + side * 60, 703), (c + side * 110, 703), (c + side * 168, 722)], 50
        )
        z += ridge(BODY, bone, np.linspace(11, 7, 50), 4.0, 6.5)
        z += ridge(BODY, bone + (side * 8, -14), np.linspace(9, 20, 50), 7, -6.0)
        z += ridge(BODY, bone + (0, 14), np.linspace(6, 9, 50), 6, -2.0)
        cord = spline([(c + side * 50, 600), (c + side * 34, 655), (c + side * 11, 708)], 40)
        z += ridge(BODY, cord, np.linspace(14, 7, 40), 4.5, 4.5)
    z += bump(dx, y, (0, 708), (13, 9), -3)
    z += bump(dx, y, (0, 800), (14, 60), -3)
    return z.astype(np.float32)


def skin(host: Host, z: Array, jaw_shadow: Array) -> Array:
    """Neck and chest as lit skin."""
    c, s = host.face.cx, host.skin
    x, y = BODY.grid()
    rng = np.random.default_rng(host.seed + 3)
    mask = BODY.mask(lambda k: k.drawPath(polygon(torso_shape(c)), brush((1, 1, 1))))
    albedo = np.empty((*x.shape, 3), np.float32)
    albedo[:] = linear(s.base)
    warm = np.clip(
        bump(x - c, y, (0, 640), (60, 50), 0.25)
        + bump(np.abs(x - c), y, (70, 708), (80, 14), 0.22)
        + bump(x - c, y, (0, 780), (60, 50), 0.12),
        0,
        1,
    )[..., None]
    albedo = albedo * (1 - warm) + linear(s.blush) * warm
    albedo *= 1 + (noise(x.shape, 14, rng) * 0.012 + noise(x.shape, 1.0, rng) * 0.010)[..., None]
    deep = jaw_shadow[..., None] * 0.62
    albedo = albedo * (1 - deep) + linear(s.shade) * deep
    colour = shade(BODY, z, albedo, mask, host.light, SKIN, shadow=np.clip(jaw_shadow, 0, 0.9))
    colour = colour * (1 - (jaw_shadow * 0.34)[..., None] * np.asarray((0.72, 1.0, 1.08), np.float32))
    return np.dstack([colour, mask])


@dataclass(frozen=True)
class Piece:
    """A piece of clothing: where it lies, what it is made of, how it folds."""

    shape: Points
    colour: Colour
    material: Material
    thick: float = 5.0
    folds: Callable[[Region, Array, Array], Array] | None = None
    pattern: Callable[[Region, Array, Array, Array], Array] | None = None
    edge_soft: float = 0.5
    alpha: float = 1.0
    drop: float = 5.0
    rumple: float = 1.1


def cover(outline: Any, canvas: Any) -> None:
    """Covers a shape."""
    canvas.drawPath(outline, brush((1, 1, 1)))


def dress(host: Host, z: Array, below: Array, pieces: Sequence[Piece]) -> tuple[Array, Array]:
    """Lays pieces over what is below, each with its thickness and the shadow it drops."""
    x, y = BODY.grid()
    rng = np.random.default_rng(host.seed + 9)
    hang = noise((x.shape[0] // 7, x.shape[1]), 11, rng)
    hang = cv2.resize(hang, (x.shape[1], x.shape[0]), interpolation=cv2.INTER_CUBIC)
    for piece in pieces:
        outline = polygon(piece.shape)
        mask = BODY.mask(partial(cover, outline))
        fall = BODY.blur(np.roll(mask, (int(piece.drop * 2), int(piece.drop)), (0, 1)), piece.drop) * 0.5
        below = below.copy()
        below[..., :3] *= 1 - (fall * (1 - mask))[..., None] * np.asarray((0.8, 0.92, 0.95), np.float32)
        z = z + pillow(BODY, mask, piece.thick, max(4.0, piece.thick * 1.6), 1.2)
        rumpled = z + hang * np.float32(piece.rumple)
        cloth = rumpled if piece.folds is None else rumpled + piece.folds(BODY, x, y) * BODY.blur(mask, 2)
        albedo = np.empty((*x.shape, 3), np.float32)
        albedo[:] = linear(piece.colour)
        weave = 1 + (noise(x.shape, 0.6, rng) * 0.018 + noise(x.shape, 9, rng) * 0.012)[..., None]
        albedo = albedo * weave.astype(np.float32)
        if piece.pattern is not None:
            albedo = piece.pattern(BODY, x, y, albedo)
        lit = shade(BODY, cloth, albedo, mask, host.light, piece.material)
        alpha = BODY.blur(mask, piece.edge_soft) * piece.alpha
        below = over(below, np.dstack([lit, alpha]))
    return z, below


def folds(
    lines: Sequence[tuple[Sequence[Sequence[float]], float, float, float]],
) -> Callable[[Region, Array, Array], Array]:
    """Folds along lines: (points, width, softness, height)."""

    def build(region: Region, x: Array, y: Array) -> Array:
        z = np.zeros_like(x)
        for points, width, soft, amount in lines:
            line = spline(points, 40)
            z += ridge(region, line, np.sin(np.linspace(0.15, np.pi - 0.15, 40)) * width, soft, amount)
        return z

    return build


def jaw_shadow(host: Host, chin: Points) -> Array:
    """The shade that the head throws on the neck."""

    def draw(canvas: Any) -> None:
        canvas.drawPath(polygon(chin + (9, 30)), brush((1, 1, 1), 0.85))

    shadow = BODY.blur(BODY.mask(draw), 9)
    near = BODY.blur(BODY.mask(lambda c: c.drawPath(polygon(chin + (2, 9)), brush((1, 1, 1), 0.7))), 4)
    return np.clip(shadow * 0.95 + near * 0.5, 0, 0.95)
