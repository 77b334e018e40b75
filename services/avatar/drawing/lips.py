"""Lips, teeth, tongue and the dark of the mouth."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import skia

from services.avatar.drawing.canvas import Array, Points, Region, brush, noise, polygon, rgb, spline
from services.avatar.drawing.light import LIPS, linear, shade
from services.avatar.drawing.spec import Face, Host


def upper_edge(f: Face) -> Points:
    """The upper outline from the left corner to the right: two peaks and the cupid's bow."""
    c, w, y, u = f.cx, f.mouth_w, f.mouth_y, f.upper_lip
    half = [
        (c - w, y - f.smile),
        (c - w * 0.66, y - f.smile * 0.75 - u * 0.42),
        (c - w * 0.22, y - u - 0.4),
        (c, y - u + f.cupid),
    ]
    right = [(2 * c - px, py - 0.3) for px, py in reversed(half[:-1])]
    return spline(half + right, 61)


def seam(f: Face) -> Points:
    """The line where closed lips meet."""
    c, w, y = f.cx, f.mouth_w, f.mouth_y
    half = [
        (c - w, y - f.smile),
        (c - w * 0.6, y - f.smile * 0.30 + 0.4),
        (c - w * 0.24, y + 0.2),
        (c, y + 1.7),
    ]
    return spline(half + [(2 * c - px, py - 0.2) for px, py in reversed(half[:-1])], 61)


def lower_edge(f: Face) -> Points:
    """The lower outline from the left corner to the right."""
    c, w, y, low = f.cx, f.mouth_w, f.mouth_y, f.lower_lip
    half = [
        (c - w, y - f.smile),
        (c - w * 0.68, y + low * 0.42),
        (c - w * 0.32, y + low * 0.95),
        (c, y + low),
    ]
    return spline(half + [(2 * c - px, py) for px, py in reversed(half[:-1])], 61)


def upper_shape(f: Face) -> Points:
    """The upper lip as a closed shape; it reaches a little over the seam."""
    return np.vstack([upper_edge(f), seam(f)[::-1] + (0, 0.5)])


def lower_shape(f: Face) -> Points:
    """The lower lip as a closed shape."""
    return np.vstack([seam(f), lower_edge(f)[::-1]])


def _inflate(region: Region, mask: Array, height: float, reach: float) -> Array:
    """A pillow over a mask: rises from the edge over `reach` plate pixels."""
    far = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / region.scale
    t = np.clip(far / reach, 0, 1)
    return region.blur((height * np.sqrt(1 - (1 - t) ** 2)).astype(np.float32), 1.4)


def shaded(region: Region, host: Host, z: Array, skin: Array, mask: Array, shadow: Array) -> Array:
    """The face as it would be if it were all lip: cut upper_lip and lower_lip out of it."""
    f, s = host.face, host.skin
    up = region.mask(lambda c: c.drawPath(polygon(upper_shape(f)), brush((1, 1, 1))))
    low = region.mask(lambda c: c.drawPath(polygon(lower_shape(f)), brush((1, 1, 1))))
    height = z + _inflate(region, up, 5.0, 7.0) + _inflate(region, low, 7.5, 9.0)
    rng = np.random.default_rng(host.seed + 5)
    x, y = region.grid()
    seam_y = np.interp(x, seam(f)[:, 0], seam(f)[:, 1]).astype(np.float32)
    toward = np.clip(1 - np.abs(y - seam_y) / np.where(y < seam_y, f.upper_lip, f.lower_lip), 0, 1)
    side = np.clip(np.abs(x - f.cx) / f.mouth_w, 0, 1)
    t = np.clip(toward**1.5 * 0.6 + side**3 * 0.3 + np.where(y < seam_y, 0.16, 0.0), 0, 1)[..., None]
    albedo = linear(s.lip) * (1 - t) + linear(s.lip_deep) * t
    # Fine upright lines, as lips have; narrow across, long down.
    lines = noise((8, x.shape[1]), 0.1, rng)
    lines = cv2.resize(cv2.GaussianBlur(lines, (0, 0), 2.2), (x.shape[1], x.shape[0]))
    albedo = albedo * (1 + (lines / (lines.std() + 1e-6))[..., None] * 0.035)
    edge = region.blur(np.maximum(up, low), 1.3)[..., None]
    albedo = albedo * edge + skin * (1 - edge)
    lit = shade(
        region,
        height,
        albedo.astype(np.float32),
        mask,
        host.light,
        LIPS,
        shadow=shadow * 0.6,
        gloss_map=np.asarray(1 + lines * 0.4, np.float32),
    )

    def accents(canvas: Any) -> None:
        line = seam(f)
        canvas.drawPath(polygon(line, closed=False), brush(rgb("#4d1218"), 0.62, width=1.2, blur_px=0.5))
        canvas.drawPath(
            polygon(line + (0, 1.2), closed=False), brush(rgb("#5a1418"), 0.3, width=4, blur_px=1.9)
        )
        glow = spline(
            [
                (f.cx - 15, f.mouth_y + f.lower_lip * 0.44),
                (f.cx - 4, f.mouth_y + f.lower_lip * 0.5),
                (f.cx + 9, f.mouth_y + f.lower_lip * 0.45),
            ],
            20,
        )
        canvas.drawPath(polygon(glow, closed=False), brush((1, 0.96, 0.94), 0.34, width=2.6, blur_px=1.5))
        canvas.drawPath(polygon(glow[5:14], closed=False), brush((1, 1, 1), 0.34, width=1.2, blur_px=0.6))

    paint = region.paint(accents)
    a = paint[..., 3:]
    near = (shadow * 0.42)[..., None] * np.asarray((0.62, 1.0, 1.08), np.float32)
    return np.dstack([(lit * (1 - a) + paint[..., :3] * a) * (1 - near), mask])


def cut(region: Region, lips: Array, host: Host, *, upper: bool) -> Array:
    """One lip out of the shaded face, with a soft outer edge and a crisp inner one."""
    f = host.face
    shape = upper_shape(f) if upper else lower_shape(f)
    outer = region.blur(region.mask(lambda c: c.drawPath(polygon(shape), brush((1, 1, 1)))), 0.85)
    alpha = np.clip(outer * 1.15, 0, 1)
    return np.dstack([lips[..., :3], alpha])


def cavity(region: Region, host: Host) -> Array:
    """The dark of an open mouth: deepest above the tongue, warm towards the cheeks."""
    f = host.face

    def draw(canvas: Any) -> None:
        c, y, w = f.cx, f.mouth_y, f.mouth_w
        hole = spline(
            [
                (c - w + 1, y - f.smile),
                (c - w * 0.55, y - 9),
                (c, y - 8),
                (c + w * 0.55, y - 9),
                (c + w - 1, y - f.smile),
                (c + w * 0.72, y + 20),
                (c + w * 0.3, y + 33),
                (c, y + 36),
                (c - w * 0.3, y + 33),
                (c - w * 0.72, y + 20),
            ],
            90,
            closed=True,
        )
        canvas.drawPath(polygon(hole), brush(rgb("#2a0b0d")))
        canvas.save()
        canvas.clipPath(polygon(hole), True)
        canvas.drawOval(_box(c, y + 32, 30, 16), brush(rgb("#6d2523"), 0.8, blur_px=7))
        canvas.drawOval(_box(c, y + 6, 26, 9), brush(rgb("#100304"), 0.85, blur_px=6))
        canvas.restore()

    return region.paint(draw)


def teeth(region: Region, host: Host, *, upper: bool) -> Array:
    """A row of teeth as one soft arch: faint gaps, a hint of each tooth, darker to the corners."""
    f = host.face
    c, y = f.cx, f.mouth_y
    widths = [9.0, 7.4, 7.6, 6.6, 6.0] if upper else [5.6, 5.8, 6.2, 6.0, 5.6]
    dips = [0.0, 0.9, 0.1, 1.1, 2.0] if upper else [0.0, 0.1, 0.5, 0.8, 1.2]
    top = y - 9.0 if upper else y + 26.0
    tall = 12.0 if upper else 9.0

    def draw(canvas: Any) -> None:
        xs = np.concatenate([[0.0], np.cumsum(widths)])
        edge: list[tuple[float, float]] = []
        for i, (x0, x1) in enumerate(pairwise(xs)):
            lift = ((x0 + x1) / 2 / 36) ** 2 * 2.2 + dips[i]
            edge += [(x0 + 0.5, 0.45 + lift), ((x0 + x1) / 2, lift), (x1 - 0.5, 0.45 + lift)]
        biting = [(c + x, top + tall - d if upper else top + d) for x, d in edge]
        biting = [(2 * c - px, py) for px, py in reversed(biting)] + biting
        root_y = top if upper else top + tall
        shape = np.vstack([spline(biting, 120), [(c + xs[-1], root_y), (c - xs[-1], root_y)]])
        canvas.drawPath(polygon(shape), brush(rgb("#f3ebe2"), blur_px=0.3))
        for side in (-1, 1):
            for k, x in enumerate(xs):
                gap = [
                    (c + side * x, root_y),
                    (c + side * (x - 0.2), top + tall - 1.4 if upper else top + 1.4),
                ]
                canvas.drawPath(polygon(gap, closed=False), _over_line(rgb("#a98579"), 0.20 + 0.05 * k, 0.9))
            for reach, strength in ((0.5, 0.22), (0.72, 0.34), (0.95, 0.5)):
                canvas.drawOval(
                    _box(c + side * xs[-1] * (reach + 0.35), top + tall / 2, xs[-1] * 0.35, tall),
                    _over(rgb("#5a2a26"), strength, 4.0),
                )
        canvas.drawRect(_rect(c - 40, root_y - 4, 80, 8), _over(rgb("#4a1b1a"), 0.5, 2.6))

    return region.paint(draw)


def _over_line(colour: tuple[float, float, float], alpha: float, width: float) -> Any:
    """A soft thin line that only marks what is already painted."""
    paint = _over(colour, alpha, 0.35)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    return paint


def tongue(region: Region, host: Host) -> Array:
    """The tongue's back, with a soft furrow and a wet light."""
    f = host.face
    c, y = f.cx, f.mouth_y + 29

    def draw(canvas: Any) -> None:
        canvas.drawOval(_box(c, y, 23, 10), brush(rgb("#b5544f"), blur_px=1.2))
        canvas.drawOval(_box(c, y - 2, 17, 5), _over(rgb("#d17a70"), 0.7, 2.5))
        canvas.drawOval(_box(c - 7, y - 4, 5, 1.4), _over((1, 0.92, 0.9), 0.5, 1.0))
        canvas.drawOval(_box(c, y + 1, 1.2, 7), _over(rgb("#7d2f2f"), 0.6, 1.6))

    return region.paint(draw)


def _over(colour: tuple[float, float, float], alpha: float, soft: float) -> Any:
    """A soft brush that only marks what is already painted."""
    paint = brush(colour, alpha, blur_px=soft)
    paint.setBlendMode(skia.BlendMode.kSrcATop)
    return paint


def _box(cx: float, cy: float, rx: float, ry: float) -> Any:
    return skia.Rect.MakeLTRB(cx - rx, cy - ry, cx + rx, cy + ry)


def _rect(x: float, y: float, w: float, h: float) -> Any:
    return skia.Rect.MakeXYWH(x, y, w, h)
