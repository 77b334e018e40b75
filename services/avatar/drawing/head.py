"""The head: a relief of smooth forms, lit as skin; open, with lids down, and as a mask for other parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.avatar.drawing import eyes, lips
from services.avatar.drawing.canvas import (
    Array,
    Points,
    Region,
    blur,
    brush,
    mix,
    noise,
    polygon,
    rgb,
    smoothstep,
    spline,
)
from services.avatar.drawing.light import SKIN, linear, shade
from services.avatar.drawing.relief import bump
from services.avatar.drawing.spec import Face, Host

HEAD = Region(190, 190, 340, 440, 3)


def outline(face: Face, count: int = 120) -> Points:
    """The outline of the face, clockwise from the left ear over the top."""
    angles = np.linspace(-180, 180, count, endpoint=False) - 0.0
    r = _radius(face, angles)
    a = np.radians(angles)
    return np.stack([face.cx + np.cos(a) * r, face.mid_y + np.sin(a) * r], axis=1)


def f_middle(face: Face) -> Points:
    """The point the outline is measured from."""
    return np.array([face.cx, face.mid_y])


def _radius(face: Face, angle_deg: Any) -> Any:
    """The outline's distance from the middle at an angle; both sides alike."""
    table = np.asarray(face.outline, float)
    over_top, over_chin = table[2:0:-1] * (-1, 1) - (180, 0), table[-2:-4:-1] * (-1, 1) + (180, 0)
    fine = spline(np.vstack([over_top[::1], table, over_chin]), 300)
    folded = np.where(np.abs(angle_deg) > 90, np.sign(angle_deg) * 180 - angle_deg, angle_deg)
    return np.interp(folded, fine[:, 0], fine[:, 1])


def sculpt(host: Host, x: Array, y: Array, *, closed: bool = False) -> Array:
    """The height of the face over the plate, in plate pixels."""
    f = host.face
    dx, ax, dy = x - f.cx, np.abs(x - f.cx), y - f.mid_y
    reach = np.hypot(dx, dy) / _radius(f, np.degrees(np.arctan2(dy, dx))).astype(np.float32)
    z = f.depth * np.sqrt(np.clip(1 - np.clip(reach, 0, 1) ** 2.5, 0.0, 1))
    z = np.where(reach > 1, -60 * (reach - 1), z).astype(np.float32)
    pair = np.sqrt(ax * ax + 36)  # features that come in twos; rounded, or the middle would show a crease
    ey, ex = f.eye_y, f.eye_x
    # Brow ridge, sockets, the ball under the lids.
    z += bump(pair, y, (ex - 6, f.brow_y + 4), (44, 15), 4.2)
    z += bump(pair, y, (ex - 24, ey - 8), (24, 16), -6.0)
    z += bump(pair, y, (ex + 6, ey + 2), (42, 22), -5.2)
    z += bump(pair, y, (ex, ey - 1), (26, 15), 8.4 if closed else 7.2)
    z += bump(pair, y, (ex, ey + 15), (26, 6.5), 1.5)
    z += bump(pair, y, (ex - 4, ey + 25), (30, 6), -1.1)
    # Forehead, temples, cheekbones.
    z += bump(dx, y, (0, f.brow_y - 56), (78, 48), 7)
    z += bump(pair, y, (112, ey - 42), (26, 42), -5)
    z += bump(pair, y, (72, f.cheek_y), (34, 26), f.cheek)
    z += bump(pair, y, (88, f.cheek_y + 52), (30, 34), -3.5)
    # Nose: a ridge that widens and rises to the tip, wings, and the fall beneath.
    t = np.clip((y - (ey - 18)) / (f.nose_y - ey + 18), 0, 1.2)
    rise = f.bridge * (0.42 + 0.58 * t) * smoothstep(f.brow_y - 14, ey + 12, y)
    fall = smoothstep(f.nose_y + 15, f.nose_y + 1, y)
    width = 8.6 + 5.4 * t**2
    z += (rise * np.exp(-((dx / width) ** 2)) * fall).astype(np.float32)
    z += (0.55 * rise * np.exp(-((dx / (width * 2.1)) ** 2)) * fall).astype(np.float32)
    z += bump(dx, y, (0, f.nose_y - 1.5), (11.5, 11.5), f.tip * 0.6)
    z += bump(pair, y, (f.nose_w * 0.86, f.nose_y + 4.5), (7.2, 7.8), f.tip * 0.40)
    z += bump(pair, y, (f.nose_w + 6.5, f.nose_y + 4), (5, 9), -3.2)
    z += bump(pair, y, (f.nose_w * 0.5, f.nose_y + 13.5), (7.5, 4.0), -5.0)
    z += bump(dx, y, (0, f.nose_y + 12), (5.0, 7), 3.0)
    # Mouth mound, philtrum, corners, the hollow under the lip, the chin.
    my = f.mouth_y
    z += bump(dx, y, (0, my - 1), (46, 30), 11)
    z += bump(dx, y, (0, my - 19), (4.4, 10), -2.0)
    z += bump(pair, y, (8.0, my - 18), (4.0, 10), 1.4)
    z += bump(pair, y, (f.mouth_w + 6, my + 2 - f.smile * 0.5), (9, 10), -2.0)
    z += bump(dx, y, (0, my + f.lower_lip + 8), (24, 7.5), -4.4)
    z += bump(dx, y, (0, f.chin_y - 6), (30, 19), 9.0)
    z += bump(pair, y, (f.nose_w + 30, my - 20), (9, 26), -1.5 * f.smile_fold)
    return np.asarray(z, np.float32)


@dataclass(frozen=True)
class HeadParts:
    """What the head gives: the resting face, lid and lip cut-outs, and the mask for shadows."""

    face: Array
    closed: Array
    half: Array
    bare: Array  # skin where the eyes are, with no lid line or lashes
    lips: Array
    mask: Array


def skin_albedo(host: Host, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """The skin's colour zones and its fine life, in linear light."""
    f, s = host.face, host.skin
    ax, dx = np.abs(x - f.cx), x - f.cx
    out = np.empty((*x.shape, 3), np.float32)
    out[:] = linear(s.base)

    def tint(colour: Any, weight: Array) -> None:
        nonlocal out
        w = np.clip(weight, 0, 1)[..., None]
        out = out * (1 - w) + linear(colour) * w

    tint(s.warm, bump(dx, y, (0, f.brow_y - 50), (90, 40), 0.30))
    tint(s.warm, smoothstep(f.mouth_y - 20, f.chin_y + 20, y) * 0.12)
    b = host.blush_strength
    tint(s.blush, bump(ax, y, (76, f.cheek_y + 2), (36, 24), 0.62 * b))
    tint(s.blush, bump(ax, y, (98, f.cheek_y - 16), (26, 22), 0.36 * b))
    tint(s.blush, bump(dx, y, (0, f.nose_y + 2), (17, 13), 0.46 * b))
    tint(s.blush, bump(dx, y, (0, f.chin_y - 2), (26, 16), 0.42 * b))
    tint(s.blush, bump(ax, y, (f.eye_x, f.eye_y + 17), (28, 8), 0.24 * b))
    tint(s.shade, bump(ax, y, (f.eye_x - 28, f.eye_y - 10), (14, 16), 0.22))
    tint(s.shade, bump(ax, y, (f.eye_x + 2, f.eye_y - 12), (40, 13), 0.2))
    tint(s.shade, bump(ax, y, (f.mouth_w + 3, f.mouth_y - 1), (8, 7), 0.2))
    tint(s.shade, bump(ax, y, (f.nose_w + 4, f.nose_y + 6), (5, 6), 0.30))
    tint(host.lid_colour, bump(ax, y, (f.eye_x + 5, f.eye_y - 11), (31, 10), host.lid_strength))
    tint(host.lid_colour, bump(ax, y, (f.eye_x + 24, f.eye_y + 2), (12, 9), host.lid_strength * 0.6))
    shape = x.shape
    mottle = noise(shape, 20, rng) * 0.012 + noise(shape, 5, rng) * 0.008 + noise(shape, 1.1, rng) * 0.010
    warmth = noise(shape, 30, rng)[..., None] * np.asarray((0.010, -0.004, -0.008), np.float32)
    return np.asarray(np.clip(out * (1 + mottle[..., None] + warmth), 0, 1), np.float32)


def ears(host: Host, shadow: Array) -> Array:
    """Ears, seen from the front: the rim, its hollow and the lobe beside the cheeks."""
    f = host.face
    lines, hollows = [], []
    for side in (-1, 1):
        x = f.cx + side * (float(_radius(f, 5.0)) - 3)
        lines.append(
            spline(
                [
                    (x - side * 8, f.eye_y - 18), (x + side * 6, f.eye_y - 26), (x + side * 14, f.eye_y - 14),
                    (x + side * 13, f.eye_y + 14), (x + side * 8, f.nose_y - 26), (x + side * 4, f.nose_y - 8),
                    (x - side * 3, f.nose_y - 3), (x - side * 10, f.nose_y - 14),
                ],
                60, closed=True,
            )
        )  # fmt: skip
        hollows.append(
            spline(
                [(x + side * 3, f.eye_y - 12), (x + side * 8, f.eye_y + 4), (x + side * 4, f.nose_y - 26)], 30
            )
        )

    def cover(canvas: Any) -> None:
        for line in lines:
            canvas.drawPath(polygon(line), brush((1, 1, 1)))

    def dip(canvas: Any) -> None:
        for line in hollows:
            canvas.drawPath(polygon(line, closed=False), brush((1, 1, 1), width=5))

    mask = HEAD.mask(cover)
    z = HEAD.blur(mask, 3.0) * 14 - HEAD.blur(HEAD.mask(dip), 1.6) * 6
    albedo = np.empty((*mask.shape, 3), np.float32)
    albedo[:] = linear(mix(host.skin.base, host.skin.blush, 0.45))
    dark = np.clip(shadow * 0.6 + 0.25, 0, 1)
    return np.dstack([shade(HEAD, z, albedo, mask, host.light, SKIN, shadow=dark), mask])


def render(host: Host, hair_shadow: Array | None = None) -> HeadParts:
    """Paints the head; `hair_shadow` (0..1 over HEAD) is the key light the hair keeps out."""
    f = host.face
    rng = np.random.default_rng(host.seed)
    x, y = HEAD.grid()
    edge = polygon(f_middle(f) + (outline(f, 240) - f_middle(f)) * 0.991)
    mask = HEAD.mask(lambda c: c.drawPath(edge, brush((1, 1, 1))))
    albedo = skin_albedo(host, x, y, rng)
    gloss = np.clip(
        0.5
        + bump(x - f.cx, y, (-1, f.nose_y - 6), (6, 8), 1.4)
        + bump(np.abs(x - f.cx), y, (70, f.cheek_y - 14), (24, 13), 0.7)
        + bump(x - f.cx, y, (0, f.brow_y - 44), (60, 30), 0.4)
        + bump(x - f.cx, y, (0, f.chin_y - 8), (16, 9), 0.5)
        + noise(x.shape, 1.2, rng) * 0.12,
        0,
        2,
    ).astype(np.float32)
    shadow = np.zeros_like(x) if hair_shadow is None else hair_shadow
    cast = shadow
    nose_shadow = bump(x, y, (f.cx + 7, f.nose_y + 16), (15, 7), 0.34)
    shadow = np.clip(shadow + nose_shadow, 0, 1)

    def lit(z: Array, colour: Array) -> Array:
        return shade(HEAD, z, colour, mask, host.light, SKIN, shadow=shadow, gloss_map=gloss)

    relaxed = sculpt(host, x, y)
    open_face = lit(relaxed, albedo)
    lowered = lit(sculpt(host, x, y, closed=True), albedo)
    lip_face = lips.shaded(HEAD, host, relaxed, albedo, mask, cast)
    base = _details(host, open_face, cast)
    parts = HeadParts(
        face=_finish(host, eyes.whites(HEAD, host, base), mask, shadow),
        closed=np.dstack([eyes.lid(HEAD, host, _details(host, lowered, cast), 1.0), mask]),
        half=np.dstack([eyes.lid(HEAD, host, _details(host, lowered, cast), 0.5), mask]),
        bare=np.dstack([_details(host, lowered, cast), mask]),
        lips=lip_face,
        mask=mask,
    )
    return parts


def _finish(host: Host, colour: Array, mask: Array, shadow: Array) -> Array:
    """The face with its ears behind it, cut to the outline."""
    behind = ears(host, shadow)
    front = np.dstack([colour, mask])
    a = front[..., 3:]
    return np.dstack([front[..., :3] * a + behind[..., :3] * (1 - a), np.maximum(mask, behind[..., 3])])


def _details(host: Host, colour: Array, shadow: Array) -> Array:
    """Soft painted accents: nostrils, wing folds, corners of the mouth, philtrum."""
    f = host.face
    dark = rgb("#4a1c16")

    def draw(canvas: Any) -> None:
        for side in (-1, 1):
            nx = f.cx + side * f.nose_w * 0.52
            nostril = spline(
                [
                    (nx - side * 5.2, f.nose_y + 11.5),
                    (nx - side * 1, f.nose_y + 9.3),
                    (nx + side * 4.6, f.nose_y + 9.8),
                    (nx + side * 3.0, f.nose_y + 12.2),
                ],
                30,
                closed=True,
            )
            canvas.drawPath(polygon(nostril), brush(dark, 0.62, blur_px=0.9))
            canvas.drawPath(polygon(nostril), brush(dark, 0.35, blur_px=2.2))
            wing = spline(
                [
                    (f.cx + side * (f.nose_w + 1.5), f.nose_y - 4),
                    (f.cx + side * (f.nose_w + 4.2), f.nose_y + 4),
                    (f.cx + side * (f.nose_w + 1.2), f.nose_y + 10.5),
                ],
                20,
            )
            canvas.drawPath(polygon(wing, closed=False), brush(host.skin.shade, 0.42, width=1.5, blur_px=1.3))
            cx, cy = f.cx + side * f.mouth_w, f.mouth_y - f.smile
            canvas.drawCircle(cx + side * 0.5, cy + 0.4, 2.6, brush(host.skin.shade, 0.34, blur_px=2.2))
        under = spline(
            [(f.cx - 8, f.nose_y + 13.5), (f.cx, f.nose_y + 15.5), (f.cx + 8, f.nose_y + 13.5)], 20
        )
        canvas.drawPath(polygon(under, closed=False), brush(host.skin.shade, 0.35, width=2, blur_px=2))

    paint = HEAD.paint(draw)
    a = paint[..., 3:]
    near = (shadow * 0.42)[..., None] * np.asarray((0.62, 1.0, 1.08), np.float32)
    return np.asarray((colour * (1 - a) + colour * paint[..., :3] * a * 1.25) * (1 - near), np.float32)


def soft(mask: Array, sigma_px: float) -> Array:
    """A feathered copy of a mask of HEAD."""
    return blur(mask, sigma_px * HEAD.scale)
