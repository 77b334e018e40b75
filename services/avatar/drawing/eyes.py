"""Eyes: opening, white, iris, lashes, lids and brows."""

from __future__ import annotations

from typing import Any

import numpy as np
import skia

from services.avatar.drawing.canvas import (
    Array,
    Points,
    Region,
    bezier,
    brush,
    mix,
    polygon,
    rgb,
    ribbon,
    spline,
    taper,
)
from services.avatar.drawing.spec import Face, Host

INK = rgb("#1a0e0c")


def side_of(name: str) -> int:
    """-1 for the eye on the left of the picture, 1 for the right."""
    return -1 if name == "l" else 1


def _place(f: Face, side: int, local: Points) -> Points:
    """From eye coordinates (x from inner corner outward 0..1, y in px) to the plate."""
    inner = f.cx + side * (f.eye_x - f.eye_w / 2)
    x = inner + side * local[:, 0] * f.eye_w
    y = f.eye_y + local[:, 1] - f.eye_tilt * (local[:, 0] - 0.5)
    if side > 0:
        y = y - 0.6  # a touch of asymmetry
    return np.stack([x, y], axis=1)


def upper(f: Face, side: int, lowered: float = 0.0, count: int = 50) -> Points:
    """The upper lid's edge from inner to outer corner; lowered 0 is open, 1 lies on the lower lid."""
    h, p = f.eye_h, f.eye_peak
    open_ = spline(
        [
            (0, 3.2),
            (0.07, 0.4),
            (0.2, -h * 0.34),
            (p, -h * 0.56),
            (0.74, -h * 0.42),
            (0.92, -h * 0.08),
            (1.0, 1.0),
        ],
        count,
    )
    shut = _lower_local(f, count)
    shut = shut + np.stack([np.zeros(count), np.sin(np.linspace(0, np.pi, count)) * -0.4], axis=1)
    xs = np.linspace(0, 1, count)
    y_open, y_shut = np.interp(xs, open_[:, 0], open_[:, 1]), np.interp(xs, shut[:, 0], shut[:, 1])
    return _place(f, side, np.stack([xs, y_open * (1 - lowered) + y_shut * lowered], axis=1))


def _lower_local(f: Face, count: int) -> Points:
    h = f.eye_h
    return spline(
        [(0, 3.2), (0.1, h * 0.22), (0.36, h * 0.40), (0.64, h * 0.44), (0.86, h * 0.27), (1.0, 1.0)], count
    )


def lower(f: Face, side: int, count: int = 50) -> Points:
    """The lower lid's edge from inner to outer corner."""
    return _place(f, side, _lower_local(f, count))


def crease(f: Face, side: int, count: int = 50) -> Points:
    """The fold above the lid."""
    h, c = f.eye_h, f.crease
    return _place(
        f,
        side,
        spline(
            [
                (0.0, -1.0 - c * 0.3),
                (0.16, -h * 0.34 - c * 0.55),
                (f.eye_peak, -h * 0.56 - c),
                (0.76, -h * 0.44 - c),
                (0.97, -h * 0.12 - c * 0.75),
                (1.09, 1.0 - c * 0.35),
            ],
            count,
        ),
    )


def opening(f: Face, side: int) -> Points:
    """The whole eye opening as a closed shape."""
    return np.vstack([upper(f, side), lower(f, side)[::-1]])


def pupil(f: Face, side: int) -> tuple[float, float]:
    """Where the pupil rests."""
    return f.cx + side * (f.eye_x - 0.6), f.eye_y - f.eye_h * 0.10


def whites(region: Region, host: Host, colour: Array) -> Array:
    """Paints the eyeballs, their wet edges and the lower lashes into the face."""
    f = host.face

    def draw(canvas: Any) -> None:
        for side in (-1, 1):
            shape = polygon(opening(f, side))
            inner = f.cx + side * (f.eye_x - f.eye_w / 2)
            px, py = pupil(f, side)
            canvas.save()
            canvas.clipPath(shape, True)
            canvas.drawPath(shape, brush(rgb("#e9dfdb")))
            canvas.drawOval(
                skia.Rect.MakeLTRB(px - 22, py - 10, px + 22, py + 14), brush(rgb("#fbf7f4"), 0.9, blur_px=5)
            )
            canvas.drawCircle(
                inner + side * f.eye_w * 0.99, f.eye_y, 9, brush(rgb("#a87f78"), 0.55, blur_px=4)
            )
            canvas.drawCircle(inner + side * 4, f.eye_y + 2, 6, brush(rgb("#c98d84"), 0.75, blur_px=2.4))
            canvas.drawOval(
                skia.Rect.MakeLTRB(inner + side * 4 - 3, f.eye_y + 0.6, inner + side * 4 + 3, f.eye_y + 4.4),
                brush(rgb("#d9958c"), 0.9, blur_px=0.8),
            )
            canvas.restore()
            low = lower(f, side)
            rim = ribbon(low + (0, 0.9), 2.4)
            canvas.drawPath(polygon(rim), brush(rgb("#e3a79b"), 0.8, blur_px=0.5))
            canvas.drawPath(
                polygon(low[6:-4] + (0, 0.2), closed=False),
                brush((1, 0.97, 0.95), 0.55, width=0.8, blur_px=0.3),
            )
            canvas.drawPath(
                polygon(low[24:] + (0, 1.6), closed=False), brush(rgb("#5d342b"), 0.5, width=1.2, blur_px=0.7)
            )
            _lower_lashes(canvas, host, side)

    paint = region.paint(draw)
    a = paint[..., 3:]
    return np.asarray(colour * (1 - a) + paint[..., :3] * a, np.float32)


def _lower_lashes(canvas: Any, host: Host, side: int) -> None:
    f = host.face
    rng = np.random.default_rng(host.seed + 31 + side)
    low = lower(f, side, 80)
    for i in np.linspace(24, 75, 21).astype(int):
        x, y = low[i] + (0, 1.4)
        reach = f.lash * 0.46 * rng.uniform(0.6, 1.1)
        lean = side * (i / 80 - 0.35) * 3.4
        line = bezier([(x, y), (x + lean * 0.4, y + reach * 0.6), (x + lean, y + reach)], 8)
        canvas.drawPath(polygon(ribbon(line, taper(8, 0.7, head=1))), brush(INK, 0.3))


def eye_mask(region: Region, host: Host, side: int) -> Array:
    """White where the eye is open."""
    return region.paint(lambda c: c.drawPath(polygon(opening(host.face, side)), brush((1, 1, 1))))


def iris(region: Region, host: Host, side: int) -> Array:
    """The iris with its dark ring, fibres, pupil and lights."""
    f = host.face
    x, y = pupil(f, side)
    r = f.iris_r
    dark, mid, light = (rgb(c) for c in f.iris)
    rng = np.random.default_rng(host.seed + 77 + side)

    def draw(canvas: Any) -> None:
        canvas.drawCircle(x, y, r, brush(dark, 1.0, blur_px=0.45))
        shader = skia.GradientShader.MakeRadial(
            skia.Point(x, y + r * 0.35),
            r * 0.95,
            [int(skia.Color(*(int(v * 255) for v in c), 255)) for c in (light, mid, dark)],
            [0.1, 0.62, 1.0],
        )
        disc = brush((1, 1, 1), 1, blur_px=0.5)
        disc.setShader(shader)
        canvas.drawCircle(x, y, r * 0.9, disc)
        for _ in range(110):
            a = rng.uniform(0, 2 * np.pi)
            r0, r1 = r * rng.uniform(0.36, 0.5), r * rng.uniform(0.62, 0.9)
            tone = mix(light, (1, 0.85, 0.6), 0.3) if rng.random() < 0.55 else dark
            strength = (0.16 + 0.3 * max(0.0, np.sin(a))) if tone != dark else 0.3
            line = np.array([[x + np.cos(a) * t, y + np.sin(a) * t] for t in np.linspace(r0, r1, 4)])
            canvas.drawPath(polygon(line, closed=False), brush(tone, strength, width=0.5))
        canvas.drawCircle(x, y, r * 0.97, brush(rgb("#0d0605"), 0.75, width=1.7, blur_px=0.8))
        canvas.drawCircle(x, y, r * 0.44, brush(rgb("#070303"), 1.0, blur_px=0.6))
        canvas.drawOval(
            skia.Rect.MakeLTRB(x - r * 0.75, y + r * 0.28, x + r * 0.75, y + r * 0.9),
            _screen(mix(light, (1, 0.8, 0.55), 0.4), 0.34, 2.0),
        )
        canvas.drawRect(
            skia.Rect.MakeLTRB(x - r, y - r, x + r, y - r * 0.35), _atop(rgb("#070303"), 0.55, 3.0)
        )
        catch = spline(
            [
                (x - r * 0.58, y - r * 0.5),
                (x - r * 0.16, y - r * 0.6),
                (x - r * 0.12, y - r * 0.16),
                (x - r * 0.52, y - r * 0.12),
            ],
            40,
            closed=True,
        )
        canvas.drawPath(polygon(catch), brush((1, 1, 1), 0.95, blur_px=0.45))
        canvas.drawCircle(x + r * 0.42, y + r * 0.4, r * 0.13, brush((1, 0.97, 0.92), 0.7, blur_px=0.4))

    return region.paint(draw)


def _screen(colour: tuple[float, float, float], alpha: float, soft: float) -> Any:
    paint = brush(colour, alpha, blur_px=soft)
    paint.setBlendMode(skia.BlendMode.kScreen)
    return paint


def _atop(colour: tuple[float, float, float], alpha: float, soft: float) -> Any:
    paint = brush(colour, alpha, blur_px=soft)
    paint.setBlendMode(skia.BlendMode.kSrcATop)
    return paint


def lashes(region: Region, host: Host, side: int) -> Array:
    """Upper lid line, lashes, the fold, and the shade the lid throws on the eyeball."""
    f = host.face
    top = upper(f, side, 0.0, 90)

    def draw(canvas: Any) -> None:
        canvas.save()
        canvas.clipPath(polygon(opening(f, side)), True)
        canvas.drawPath(
            polygon(top + (0, 1.0), closed=False), brush(rgb("#2a1210"), 0.5, width=6.5, blur_px=2.2)
        )
        canvas.restore()
        fold = crease(f, side, 60)
        wide = 1.5 * np.sin(np.linspace(0.25, np.pi * 0.93, 60)) ** 0.7 * f.crease_depth
        canvas.drawPath(
            polygon(ribbon(fold + (0, 1.2), wide * 2.6)), brush(host.skin.shade, 0.34, blur_px=1.7)
        )
        canvas.drawPath(
            polygon(ribbon(fold, wide)), brush(mix(host.skin.shade, INK, 0.45), 0.62, blur_px=0.45)
        )
        _lid_line(canvas, host, side, top, 1.0)

    return region.paint(draw)


def _lid_line(canvas: Any, host: Host, side: int, line: Points, curl: float) -> None:
    """The dark edge of a lid and the lashes along it; `curl` 1 points up, -1 down."""
    f = host.face
    rng = np.random.default_rng(host.seed + 13 + side)
    end = line[-1]
    wing = bezier(
        [line[-8], end + (side * 1.0, -0.2), end + (side * f.wing, -f.wing * 0.42 * max(curl, 0.1))], 16
    )
    path = np.vstack([line[:-8], wing])
    n = len(path)
    t = np.linspace(0, 1, n)
    thick = f.liner * (0.35 + 0.65 * np.clip(t / 0.5, 0, 1)) * np.clip((1 - t) / 0.16, 0, 1) ** 0.8 + 0.1
    canvas.drawPath(polygon(ribbon(path - (0, 0.5), thick * 1.7)), brush(rgb("#2b1510"), 0.3, blur_px=1.3))
    canvas.drawPath(polygon(ribbon(path - (0, 0.3), thick)), brush(INK, 0.96, blur_px=0.25))
    count = 34
    for k in range(count):
        u = (k + rng.uniform(-0.4, 0.4)) / (count - 1)
        u = float(np.clip(u, 0.05, 1))
        at = line[min(len(line) - 1, int(u * (len(line) - 1)))]
        reach = f.lash * (0.28 + 0.72 * u**1.2) * rng.uniform(0.72, 1.12) * (1 if u < 0.93 else 0.8)
        out = side * (u - 0.36) * 1.5 * reach + side * rng.uniform(-1.6, 1.6)
        tip = at + (out, -reach * (0.62 if curl > 0 else -0.62))
        mid = at + (out * (0.62 if curl > 0 else 0.4), -reach * (0.18 if curl > 0 else -0.4))
        stroke = bezier([at, mid, tip], 10)
        canvas.drawPath(polygon(ribbon(stroke, taper(10, 0.95, head=1.0))), brush(INK, 0.72))


def lid(region: Region, host: Host, colour: Array, lowered: float) -> Array:
    """The face with the lids lowered: fold, lid line and lashes over the lid's own skin."""
    f = host.face

    def draw(canvas: Any) -> None:
        for side in (-1, 1):
            line = upper(f, side, lowered, 90)
            fold = crease(f, side, 60) + (0, 1.2 * lowered)
            wide = (
                1.5
                * np.sin(np.linspace(0.25, np.pi * 0.93, 60)) ** 0.7
                * f.crease_depth
                * (1 - 0.55 * lowered)
            )
            canvas.drawPath(polygon(ribbon(fold, wide * 1.4)), brush(host.skin.shade, 0.5, blur_px=1.0))
            canvas.drawPath(
                polygon(line - (0, 3), closed=False), brush(host.skin.shade, 0.35, width=5, blur_px=2.4)
            )
            _lid_line(canvas, host, side, line, -1.0 if lowered > 0.7 else -0.2)
            if lowered > 0.7:
                _lower_lashes(canvas, host, side)

    paint = region.paint(draw)
    a = paint[..., 3:]
    return np.asarray(colour * (1 - a) + paint[..., :3] * a, np.float32)


def lid_patch(region: Region, host: Host, face: Array, side: int, lowered: float) -> Array:
    """Cuts the lowered lid out of the face: soft above, and at the lid's edge below when half down."""
    f = host.face
    top = crease(f, side, 60) - (0, 7)
    bottom = lower(f, side, 60) + (0, 4.0) if lowered > 0.7 else upper(f, side, lowered, 60) + (0, 0.6)
    ends = [(bottom[0][0] - side * 4, bottom[0][1])]
    shape = np.vstack([top, [top[-1] + (side * 6, 8)], bottom[::-1], ends])
    alpha = region.mask(lambda c: c.drawPath(polygon(shape), brush((1, 1, 1))))
    soft = region.blur(alpha, 2.0)
    if lowered <= 0.7:
        hard = region.mask(
            lambda c: c.drawPath(
                polygon(
                    np.vstack(
                        [
                            upper(f, side, lowered, 60) + (0, 0.8),
                            [
                                (f.cx + side * 130, f.eye_y),
                                (f.cx + side * 130, f.eye_y - 60),
                                (f.cx + side * 10, f.eye_y - 60),
                                (f.cx + side * 10, f.eye_y),
                            ],
                        ]
                    )
                ),
                brush((1, 1, 1)),
            )
        )
        soft = np.clip(region.blur(alpha, 2.0) * 1.6, 0, 1) * hard

    def strokes(c: Any) -> None:
        _lid_line(c, host, side, upper(f, side, lowered, 90), -1.0 if lowered > 0.7 else -0.2)

    lash = region.mask(strokes)
    return np.dstack([face[..., :3], np.maximum(soft, lash)])


def smile_patch(region: Region, host: Host, face: Array, side: int) -> Array:
    """The raised lower lid of a smile: a soft crescent of skin over the eye's lower edge."""
    f = host.face
    low = lower(f, side, 60)
    lift = np.sin(np.linspace(0, np.pi, 60)) ** 0.8 * f.eye_h * 0.16
    edge = low - np.stack([np.zeros(60), lift], axis=1)
    shape = np.vstack([edge, (low + (0, 7))[::-1]])
    alpha = region.blur(region.mask(lambda c: c.drawPath(polygon(shape), brush((1, 1, 1)))), 0.9)
    paint = region.paint(lambda c: _smile_strokes(c, host, edge))
    a = paint[..., 3:]
    return np.dstack([face[..., :3] * (1 - a) + paint[..., :3] * a, alpha])


def _smile_strokes(canvas: Any, host: Host, edge: Points) -> None:
    canvas.drawPath(
        polygon(edge + (0, 0.6), closed=False), brush(rgb("#dca094"), 0.7, width=1.4, blur_px=0.5)
    )
    canvas.drawPath(
        polygon(edge[24:] + (0, 1.2), closed=False), brush(rgb("#5d342b"), 0.4, width=1.0, blur_px=0.7)
    )
    canvas.drawPath(
        polygon(edge[8:-8] + (0, 6.5), closed=False), brush(host.skin.shade, 0.35, width=2, blur_px=1.6)
    )
