"""Jewels, hairpins and flowers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import skia

from services.avatar.drawing.canvas import (
    Array,
    Colour,
    Points,
    Region,
    bezier,
    brush,
    ink,
    mix,
    over,
    polygon,
    rgb,
    ribbon,
    spline,
)
from services.avatar.drawing.light import surface_normals, unit
from services.avatar.drawing.relief import pillow
from services.avatar.drawing.spec import Host

REGION = Region(150, 70, 420, 560, 3)
# Gold as a ramp from the side away from the light to the glint.
GOLD = (
    (0.0, "#3a2008"), (0.25, "#7a4a12"), (0.45, "#b98024"), (0.6, "#8f5d17"), (0.74, "#e2b550"), (0.88, "#fbe7a6"),
    (1.0, "#fffbe8"),
)  # fmt: skip
JADE = ((0.0, "#1f4a38"), (0.4, "#4f8d6c"), (0.75, "#8cc4a2"), (0.92, "#d3efdd"), (1.0, "#ffffff"))
RUBY = ((0.0, "#3a0508"), (0.4, "#8f1218"), (0.72, "#cf2a2c"), (0.9, "#f58a7e"), (1.0, "#fff0ea"))
PEARL = ((0.0, "#8d7f7a"), (0.35, "#cfc2ba"), (0.65, "#efe6df"), (0.85, "#fffaf4"), (1.0, "#ffffff"))

Ramp = tuple[tuple[float, str], ...]


def polished(
    region: Region, host: Host, draw: Callable[[Any], None], ramp: Ramp, thick: float, reach: float
) -> Array:
    """A hard bright thing: its rounded form coloured by how it faces the light."""
    mask = region.mask(draw)
    z = pillow(region, mask, thick, reach, 0.45)
    nx, ny, nz = surface_normals(region, z)
    lx, ly, _ = unit(host.light.key)
    facing = np.clip(0.5 + 0.62 * (nx * lx + ny * ly) + 0.16 * nz, 0, 1)
    stops = np.array([s for s, _ in ramp])
    colours = np.array([rgb(c) for _, c in ramp])
    colour = np.stack([np.interp(facing, stops, colours[:, k]) for k in range(3)], axis=2)
    return np.dstack([colour, mask]).astype(np.float32)


def _shaded(
    region: Region, below: Array, draw: Callable[[Any], None], strength: float, soft: float = 2.2
) -> Array:
    """Darkens what lies under a jewel; used where jewel and ground are one layer."""
    shadow = (
        region.blur(np.roll(region.mask(draw), (2 * region.scale, region.scale), (0, 1)), soft) * strength
    )
    out = below.copy()
    out[..., :3] *= 1 - shadow[..., None]
    return out


def _circles(spots: list[tuple[float, float, float]]) -> Callable[[Any], None]:
    def draw(canvas: Any) -> None:
        for x, y, r in spots:
            canvas.drawCircle(x, y, r, brush((1, 1, 1)))

    return draw


def _shapes(shapes: list[Points]) -> Callable[[Any], None]:
    def draw(canvas: Any) -> None:
        for shape in shapes:
            canvas.drawPath(polygon(shape), brush((1, 1, 1)))

    return draw


def flower(
    canvas: Any,
    at: tuple[float, float],
    radius: float,
    tones: tuple[Colour, Colour, Colour],
    rng: np.random.Generator,
    rings: int = 5,
) -> None:
    """A peony: rings of ruffled petals, each with its own shade, round a gold heart."""
    deep, mid, pale = tones
    for ring in range(rings):
        share = 1 - ring / rings
        count = 9 - ring
        for k in range(count):
            turn = (k + rng.uniform(-0.2, 0.2)) / count * 2 * np.pi + ring * 0.55
            reach = radius * (0.30 + 0.70 * share) * rng.uniform(0.9, 1.06)
            wide = radius * (0.34 + 0.30 * share)
            root = np.array(at) + np.array([np.cos(turn), np.sin(turn)]) * reach * 0.12
            t = np.linspace(-1, 1, 30)
            ruffle = 1 + 0.05 * np.sin(t * 9 + rng.uniform(0, 6)) - 0.10 * np.exp(-((t / 0.16) ** 2))
            along = reach * np.sqrt(np.clip(1 - np.abs(t) ** 2.6 * 0.82, 0, 1)) * ruffle
            across = wide * t * 0.92
            way, side = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
            edge = (
                root + along[:, None] * way + across[:, None] * side * (0.55 + 0.45 * along[:, None] / reach)
            )
            shape = polygon(np.vstack([root[None], edge, root[None]]))
            canvas.drawPath(shape, brush(mix(deep, (0, 0, 0), 0.55), 0.34, blur_px=1.9))
            lit = 0.5 + 0.5 * float(np.dot(way, (-0.6, -0.8)))
            tip = mix(mid, pale, 0.25 + 0.75 * lit)
            paint = brush((1, 1, 1))
            paint.setShader(
                skia.GradientShader.MakeRadial(
                    skia.Point(*root),
                    reach * 1.05,
                    [ink(deep), ink(mix(deep, mid, 0.7)), ink(tip), ink(mix(tip, pale, 0.6))],
                    [0.0, 0.42, 0.82, 1.0],
                )
            )
            canvas.drawPath(shape, paint)
            canvas.drawPath(polygon(edge[4:-4], closed=False), brush(pale, 0.5, width=0.6, blur_px=0.3))
            for v in np.linspace(-0.6, 0.6, 5):
                vein = np.array(
                    [root + way * reach * s * 0.85 + side * wide * v * s * 0.8 for s in (0.35, 0.6, 0.9)]
                )
                canvas.drawPath(polygon(vein, closed=False), brush(deep, 0.16, width=0.5, blur_px=0.3))
    for _ in range(26):
        a, r = rng.uniform(0, 2 * np.pi), radius * 0.17 * np.sqrt(rng.uniform(0, 1))
        canvas.drawCircle(
            at[0] + np.cos(a) * r,
            at[1] + np.sin(a) * r,
            rng.uniform(0.7, 1.4),
            brush(mix(rgb("#b9771c"), rgb("#ffe9a0"), rng.uniform(0, 1))),
        )


def on_head(host: Host) -> Array:
    """What is worn on the head and moves with it."""
    match host.name:
        case "tangzhuang":
            return _court(host)
        case "evening":
            return _hoop(host)
        case _:
            return _pearls(host)


def _pearls(host: Host) -> Array:
    """A pearl slide that holds the hair back above one temple."""
    f = host.face
    line = spline([(f.cx + 96, 322), (f.cx + 116, 348), (f.cx + 130, 380)], 60)
    bar = _shapes([ribbon(line, 4.2)])
    spots = [(float(x), float(y), 3.0 + 0.9 * np.sin(np.pi * k / 8)) for k, (x, y) in enumerate(line[2:-1:7])]
    under = REGION.blur(REGION.mask(_circles([(x + 1, y + 2, r) for x, y, r in spots])), 1.6) * 0.5
    shadow = np.dstack([np.zeros((*under.shape, 3), np.float32), under])
    out = over(shadow, polished(REGION, host, bar, GOLD, 3, 2))
    return over(out, polished(REGION, host, _circles(spots), PEARL, 5, 4))


def _hoop(host: Host) -> Array:
    f = host.face
    x, y = f.cx + 127.0, f.nose_y + 5
    ring = spline(
        [(x, y - 4), (x + 8, y + 8), (x + 6, y + 24), (x - 1, y + 31), (x - 7, y + 22), (x - 5, y + 8)],
        60,
        closed=True,
    )
    hoop = polished(
        REGION, host, lambda c: c.drawPath(polygon(ring), brush((1, 1, 1), width=2.6)), GOLD, 3, 1.5
    )
    return over(hoop, polished(REGION, host, _circles([(x, y - 4, 2.2), (x - 1, y + 32, 3.4)]), GOLD, 4, 3))


def _court(host: Host) -> Array:
    """Comb, peony, pins with tassels, ear drops and the flower mark on the forehead."""
    f = host.face
    c = f.cx
    rng = np.random.default_rng(host.seed + 90)
    out = REGION.paint(lambda canvas: _mark(canvas, f.cx, 341.0))
    pins: list[Points] = []
    beads: list[tuple[float, float, float]] = []
    drops: list[tuple[float, float, float]] = []
    pearls: list[tuple[float, float, float]] = []
    for side in (-1, 1):
        stem = bezier([(c + side * 40, 232), (c + side * 96, 212), (c + side * 150, 190)], 30)
        pins.append(ribbon(stem, np.linspace(3.4, 2.0, 30)))
        head = np.array([c + side * 152.0, 189.0])
        for k, (angle, size) in enumerate(((-78, 19), (-48, 25), (-18, 27), (12, 24), (42, 17))):
            a = np.radians(angle)
            way = np.array([np.cos(a) * side, np.sin(a)])
            tip = head + way * size
            bend = np.array([-way[1], way[0]]) * size * 0.24 * (1 if k % 2 else -1)
            vein = bezier([head - way * 3, head + way * size * 0.5 + bend, tip], 16)
            pins.append(ribbon(vein, 8.4 * np.sin(np.linspace(0.12, np.pi, 16)) ** 0.8 + 0.4))
        drops.append((float(head[0]), float(head[1]), 4.4))
        for k, off in enumerate((-9.0, 0.0, 9.0)):
            x = head[0] - side * 8 + off
            length = 116 + (18 if k == 1 else 0)
            for j, y in enumerate(np.arange(200, 200 + length, 6.2)):
                big = j % 4 == 3
                (pearls if big else beads).append(
                    (x + 0.5 * np.sin(j * 0.7 + k), float(y), 2.5 if big else 1.35)
                )
            drop = spline(
                [(x, 200 + length), (x + 3.6, 209 + length), (x, 215 + length), (x - 3.6, 209 + length)],
                30,
                closed=True,
            )
            pins.append(drop)
        ear_x, ear_y = c + side * (130.0), f.nose_y + 1
        beads += [(ear_x, ear_y, 2.6), (ear_x, ear_y + 6.5, 1.5)]
        drops.append((ear_x, ear_y + 43, 2.2))
        pearls += [(ear_x, ear_y + 12.5, 3.8)]
    jade = [
        spline(
            [
                (c + s * 130.0, f.nose_y + 18),
                (c + s * 130 + 5.2, f.nose_y + 33),
                (c + s * 130.0, f.nose_y + 41),
                (c + s * 130 - 5.2, f.nose_y + 33),
            ],
            40,
            closed=True,
        )
        for s in (-1, 1)
    ]
    comb = np.vstack(
        [
            spline([(c - 47, 250), (c - 40, 226), (c, 211), (c + 40, 226), (c + 47, 250)], 50),
            spline([(c + 47, 250), (c + 24, 246), (c, 244), (c - 24, 246), (c - 47, 250)], 50),
        ]
    )
    out = over(out, polished(REGION, host, _shapes([comb]), GOLD, 9, 12))
    teeth = [
        spline(
            [(c + x * 0.96, 242.5 - (1 - (x / 44) ** 2) * 2), (c + x * 0.8, 231 - (1 - (x / 44) ** 2) * 8)],
            12,
        )
        for x in np.linspace(-40, 40, 19)
    ]

    def slits(canvas: Any) -> None:
        for line in teeth:
            canvas.drawPath(polygon(ribbon(line, 1.5)), brush(rgb("#5b320c"), 0.75, blur_px=0.4))

    out = over(out, REGION.paint(slits))
    rim = spline([(c - 45, 246), (c - 38, 226), (c, 212), (c + 38, 226), (c + 45, 246)], 60)
    edge = [(float(x), float(y), 2.0) for x, y in rim[::3]]
    out = over(out, polished(REGION, host, _circles(edge), GOLD, 3, 2.2))
    out = over(out, polished(REGION, host, _shapes(pins), GOLD, 4, 3.4))
    out = over(out, polished(REGION, host, _circles(beads), GOLD, 2.4, 1.6))
    out = over(out, polished(REGION, host, _circles(pearls), PEARL, 4.4, 3.4))
    out = over(out, polished(REGION, host, _circles(drops), RUBY, 6, 5))
    out = over(out, polished(REGION, host, _shapes(jade), JADE, 7, 5))
    gems = [(c, 228.0, 5.2), (c - 21, 232.5, 3.2), (c + 21, 232.5, 3.2)]
    out = over(out, polished(REGION, host, _circles([(x, y, r + 1.6) for x, y, r in gems]), GOLD, 5, 4))
    out = over(out, polished(REGION, host, _circles(gems), RUBY, 7, 5))

    def blossoms(canvas: Any) -> None:
        coral = (rgb("#a3122a"), rgb("#e2566a"), rgb("#ffd9d4"))
        cream = (rgb("#d88a7c"), rgb("#f6cfc0"), rgb("#fff7ee"))
        for x, y, turn in (
            (c - 96, 214, 2.7),
            (c - 84, 184, 3.6),
            (c - 30, 168, 4.9),
            (c + 84, 222, 0.4),
            (c + 78, 196, -0.7),
        ):
            leaf = bezier(
                [
                    (x, y),
                    (x + 24 * np.cos(turn) + 5, y + 24 * np.sin(turn) - 4),
                    (x + 36 * np.cos(turn), y + 36 * np.sin(turn)),
                ],
                20,
            )
            canvas.drawPath(
                polygon(ribbon(leaf, 13 * np.sin(np.linspace(0.1, np.pi, 20)))), brush(rgb("#2f5a3c"))
            )
            canvas.drawPath(polygon(leaf, closed=False), brush(rgb("#86b07c"), 0.7, width=0.8))
        flower(canvas, (c - 56, 196), 40, coral, rng)
        flower(canvas, (c + 62, 206), 24, cream, rng, 4)
        flower(canvas, (c - 102, 228), 16, cream, rng, 3)

    return over(out, REGION.paint(blossoms))


def _mark(canvas: Any, x: float, y: float) -> None:
    """The huadian: a small cinnabar flower with a gold heart."""
    red = rgb("#c4231f")
    for turn, size in ((-90, 12.5), (-38, 8.5), (-142, 8.5)):
        a = np.radians(turn)
        way, side = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        root = np.array([x, y])
        left = bezier([root, root + way * size * 0.5 + side * size * 0.52, root + way * size], 16)
        right = bezier([root + way * size, root + way * size * 0.5 - side * size * 0.52, root], 16)
        canvas.drawPath(polygon(np.vstack([left, right])), brush(red, 0.92, blur_px=0.3))
    for side_ in (-1, 1):
        curl = bezier([(x, y + 2), (x + side_ * 5, y + 4), (x + side_ * 6.5, y - 0.5)], 14)
        canvas.drawPath(polygon(curl, closed=False), brush(red, 0.85, width=1.2))
    canvas.drawOval(skia.Rect.MakeLTRB(x - 1.8, y + 4, x + 1.8, y + 9), brush(red, 0.9))
    canvas.drawCircle(x, y, 1.9, brush(rgb("#f2cf75")))


def on_body(host: Host, region: Region, body: Array) -> Array:
    """What is worn at neck and breast."""
    c = host.face.cx
    if host.name == "tangzhuang":
        chain = spline([(c - 62, 706), (c - 48, 742), (c, 770), (c + 48, 742), (c + 62, 706)], 70)
        spots = [(float(x), float(y), 2.7) for x, y in chain[::2]]
        gem = [(c, 779.0, 6.5)]
        body = _shaded(region, body, _circles(spots + gem), 0.4)
        body = over(body, polished(region, host, _circles(spots), PEARL, 3, 2.4))
        body = over(body, polished(region, host, _circles([(x, y, r + 2.2) for x, y, r in gem]), GOLD, 6, 5))
        return over(body, polished(region, host, _circles(gem), RUBY, 9, 6))
    low = 792 if host.name == "evening" else 764
    chain = spline([(c - 58, 694), (c - 40, low - 36), (c, low), (c + 40, low - 36), (c + 58, 694)], 120)
    spots = [(c, low + 6.0, 5.0)] if host.name == "evening" else [(c, low + 4.0, 3.6)]

    def line(canvas: Any) -> None:
        canvas.drawPath(polygon(chain, closed=False), brush((1, 1, 1), width=1.3))

    body = _shaded(region, body, line, 0.35, 1.4)
    body = over(body, polished(region, host, line, GOLD, 1.6, 0.8))
    body = _shaded(region, body, _circles(spots), 0.4)
    return over(
        body, polished(region, host, _circles(spots), GOLD if host.name == "evening" else PEARL, 6, 5)
    )
