"""The Tang set: a moon gate of golden lattice, lanterns, a painted screen, plum blossom."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import skia

from services.avatar.drawing import optics
from services.avatar.drawing.foliage import blossom, shade
from services.avatar.drawing.optics import Image

CENTRE, RADIUS = (360.0, 452.0), 292.0


def _fill(colour: int) -> Any:
    return skia.Paint(AntiAlias=True, Color=colour)


def _stroke(colour: int, width: float) -> Any:
    return skia.Paint(
        AntiAlias=True,
        Color=colour,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
    )


def _ramp(a: tuple[float, float], b: tuple[float, float], *colours: int) -> Any:
    return skia.Paint(AntiAlias=True, Shader=skia.GradientShader.MakeLinear([a, b], list(colours)))


def _wall(scale: float) -> Image:
    """Vermilion lacquer panels with a woven gold pattern, a beam above, pillars at the sides."""
    h, w = round(1280 * scale), round(720 * scale)

    def draw(canvas: Any) -> None:
        canvas.drawPaint(_ramp((0, 0), (0, 1280), 0xFF9A2A1E, 0xFFA83024, 0xFF7C1F18))
        gold = _stroke(0x30E9B765, 1.2)
        for row in range(-1, 30):
            for column in range(-1, 14):
                x, y = column * 56 + (28 if row % 2 else 0), row * 48
                canvas.drawOval(skia.Rect(x - 20, y - 20, x + 20, y + 20), gold)
                canvas.drawOval(skia.Rect(x - 8, y - 8, x + 8, y + 8), gold)
                for dx, dy in ((28, 0), (0, 24)):
                    canvas.drawLine(x - dx, y - dy, x + dx, y + dy, gold)
        for x in (-34, 672):
            canvas.drawRect(
                skia.Rect(x, 0, x + 84, 1280),
                _ramp((x, 0), (x + 84, 0), 0xFF6A1712, 0xFFD2503A, 0xFF8E2118, 0xFF4A0E0B),
            )
        canvas.drawRect(skia.Rect(0, 0, 720, 78), _ramp((0, 0), (0, 78), 0xFF2C4A46, 0xFF1D3331))
        for i in range(10):
            x = 36 + i * 72
            canvas.drawCircle(x, 40, 22, _fill(0xFF376B63))
            canvas.drawCircle(x, 40, 22, _stroke(0xFFE2B25C, 2))
            canvas.drawCircle(x, 40, 9, _fill(0xFFD9A24A))
        for y in (78, 92):
            canvas.drawRect(skia.Rect(0, y, 720, y + 8), _ramp((0, y), (0, y + 8), 0xFFF3CF86, 0xFF9C6A24))

    wall = optics.paint(draw, scale)
    cloth = optics.noise((h, w), (4 * scale, 130 * scale), 4, 3)
    wall[..., :3] *= (1 + 0.07 * cloth)[..., None]
    return wall


def _paper(scale: float) -> Image:
    """The evening sky behind the moon gate: warm paper light, mountains of ink, a garden's lights."""
    h, w = round(1280 * scale), round(720 * scale)
    rng = np.random.default_rng(15)

    def draw(canvas: Any) -> None:
        canvas.drawPaint(_ramp((0, 150), (0, 760), 0xFFF7DFB0, 0xFFF3CE95, 0xFFE0A060))
        canvas.drawCircle(452, 300, 52, _fill(0xFFFFF3D6))
        for depth, (base, tone) in enumerate(((566, 0x559C6A52), (618, 0x887E4A3A), (676, 0xBB5E3226))):
            path = skia.Path()
            path.moveTo(0, 1280)
            x, peaks = 0.0, []
            while x < 740:
                peaks.append((x, base - abs(rng.normal(0, 62 - depth * 14)) - 10))
                x += rng.uniform(34, 78)
            path.lineTo(*peaks[0])
            for (xa, ya), (xb, yb) in pairwise(peaks):
                path.quadTo(xa + 8, ya - 4, (xa + xb) / 2, (ya + yb) / 2)
            path.lineTo(740, 1280)
            path.close()
            canvas.drawPath(path, _ramp((0, base - 110), (0, base + 90), tone, tone & 0x30FFFFFF))

    paper = optics.paint(draw, scale, gain=1.18)
    glow = optics.glow((h, w), scale, (452, 300), (230, 230), 1.6)
    paper[..., :3] *= 0.80 + 0.5 * glow[..., None]

    def sparks(canvas: Any) -> None:
        for _ in range(36):
            canvas.drawCircle(
                rng.uniform(80, 640), rng.normal(640, 60), rng.uniform(0.8, 2.2), _fill(0xFFFFD08A)
            )

    optics.over(paper, optics.paint(sparks, scale, gain=24.0))
    return paper


def _ice(seed: int) -> list[list[tuple[float, float]]]:
    """Cracked-ice lattice (冰裂纹): the cells around scattered points, as polygons."""
    cx, cy = CENTRE
    rng = np.random.default_rng(seed)
    plane = cv2.Subdiv2D((-200, -200, 1200, 1400))
    points: list[tuple[float, float]] = []
    while len(points) < 150:
        angle, r = rng.uniform(0, 2 * np.pi), RADIUS * np.sqrt(rng.uniform(0.30, 1.25))
        at = (cx + r * float(np.cos(angle)), cy + r * float(np.sin(angle)))
        if all((at[0] - x) ** 2 + (at[1] - y) ** 2 > 40**2 for x, y in points) or rng.random() < 0.01:
            points.append(at)
    for at in points:
        plane.insert(at)
    facets, _ = plane.getVoronoiFacetList([])
    return [[(float(x), float(y)) for x, y in facet] for facet in facets]


def _gate(scale: float) -> Image:
    """The round frame with cracked-ice lattice, an open eye in the middle."""
    cx, cy = CENTRE
    inner = RADIUS * 0.70
    cells = _ice(5)

    def draw(canvas: Any) -> None:
        ring = skia.Path()
        ring.addCircle(cx, cy, RADIUS)
        ring.addCircle(cx, cy, inner)
        ring.setFillType(skia.PathFillType.kEvenOdd)
        canvas.save()
        canvas.clipPath(ring, doAntiAlias=True)
        for dx, tone, width in ((0.0, 0xFF5A1A10, 8.0), (-1.3, 0xFFA8482C, 4.2), (-2.4, 0xFFE0A45C, 1.2)):
            line = _stroke(tone, width)
            for cell in cells:
                for (xa, ya), (xb, yb) in zip(cell, cell[1:] + cell[:1], strict=True):
                    canvas.drawLine(xa + dx, ya + dx, xb + dx, yb + dx, line)
        canvas.restore()
        for r, width in ((RADIUS, 36), (inner, 11)):
            rim = _stroke(0xFF7A1E16, width)
            shade_of = [0xFFC8503A, 0xFF7E2118, 0xFF4A100C]
            rim.setShader(skia.GradientShader.MakeLinear([(80, 180), (640, 740)], shade_of))
            canvas.drawCircle(cx, cy, r, rim)
        gold = _stroke(0xFFE9BE6C, 3.4)
        metal = [0xFFF8DE9F, 0xFF9C6A22, 0xFFF3CB7B, 0xFF85561A, 0xFFF8DE9F]
        gold.setShader(skia.GradientShader.MakeSweep(cx, cy, metal))
        for r in (RADIUS + 19, RADIUS - 18, inner - 6):
            canvas.drawCircle(cx, cy, r, gold)

    return optics.paint(draw, scale)


def _lantern(canvas: Any, x: float, y: float, r: float) -> None:
    canvas.drawLine(x, 0, x, y - r, _stroke(0xFF5A2A14, 2.4))
    body = skia.Rect(x - r, y - r * 0.86, x + r, y + r * 0.86)
    shader = skia.GradientShader.MakeRadial(
        (x, y + r * 0.15), r * 1.06, [0xFFFFE9B0, 0xFFFF9A4E, 0xFFE4472A, 0xFFA81F16]
    )
    canvas.drawOval(body, skia.Paint(AntiAlias=True, Shader=shader))
    for i in range(-4, 5):
        half = abs(i) / 4.6 * r
        canvas.drawOval(skia.Rect(x - half, y - r * 0.86, x + half, y + r * 0.86), _stroke(0x60A02A14, 1.6))


def _lantern_trim(canvas: Any, x: float, y: float, r: float) -> None:
    for dy, sign in ((-0.86, -1), (0.86, 1)):
        yy = y + dy * r
        canvas.drawRoundRect(skia.Rect(x - r * 0.42, min(yy, yy + sign * r * 0.15), x + r * 0.42, max(yy, yy + sign * r * 0.15)), 3, 3,
                             _ramp((x - r * 0.4, 0), (x + r * 0.4, 0), 0xFFF6D68C, 0xFFB07A2A, 0xFF6E4512))  # fmt: skip
    for i in range(-5, 6):
        canvas.drawLine(x + i * 2.6, y + r, x + i * 3.2, y + r * 1.95, _stroke(0xFFC4402A, 2.0))
    canvas.drawCircle(x, y + r * 1.08, 6, _fill(0xFFE8B95C))


def _screen(scale: float) -> Image:
    """A folding screen painted in ink and gold, at the right."""
    rng = np.random.default_rng(52)

    def draw(canvas: Any) -> None:
        for x0, x1, tone in ((520, 622, 0xFFE8CB8C), (626, 740, 0xFFD4AE66)):
            canvas.drawRect(skia.Rect(x0, 560, x1, 1090), _fill(0xFF5B1712))
            canvas.drawRect(
                skia.Rect(x0 + 8, 572, x1 - 6, 1078), _ramp((x0, 560), (x1, 1090), tone, shade(tone, 0.8))
            )
            for _ in range(9):
                x, y = rng.uniform(x0 + 56, x1 + 30), rng.uniform(760, 1060)
                canvas.drawOval(skia.Rect(x - 46, y - 9, x + 46, y + 9), _fill(0x22FFF6DC))
        canvas.save()
        canvas.clipRect(skia.Rect(528, 572, 740, 1078))
        for base, tone in ((800, 0x4D4A6B62), (850, 0x80385A52), (905, 0xB3274640)):
            path = skia.Path()
            path.moveTo(520, 1100)
            for i in range(45):
                x = 520 + i * 5
                ridge = 42 * np.sin(x / 31 + base) + 24 * np.sin(x / 13 + base * 0.7) + 7 * np.sin(x / 4.4)
                path.lineTo(x, base - 46 - float(ridge))
            path.lineTo(745, 1100)
            path.close()
            canvas.drawPath(path, _ramp((0, base - 120), (0, base + 50), tone, tone & 0x00FFFFFF))
        canvas.restore()
        canvas.drawRect(skia.Rect(621, 556, 627, 1094), _fill(0xFF3C0D0A))

    return optics.paint(draw, scale)


def _plum(scale: float) -> Image:
    rng = np.random.default_rng(88)
    tips: list[tuple[float, float]] = []

    def draw(canvas: Any) -> None:
        def branch(x: float, y: float, angle: float, length: float, width: float, depth: int) -> None:
            steps = 7
            for i in range(steps):
                nx = x + length / steps * float(np.cos(np.radians(angle)))
                ny = y + length / steps * float(np.sin(np.radians(angle)))
                thick = width * (1 - 0.55 * i / steps)
                canvas.drawLine(x, y, nx, ny, _stroke(0xFF3A1D16, thick))
                canvas.drawLine(
                    x - thick * 0.2,
                    y - thick * 0.28,
                    nx - thick * 0.2,
                    ny - thick * 0.28,
                    _stroke(0xFF7E4A36, thick * 0.32),
                )
                x, y = nx, ny
                angle += rng.normal(0, 13)
                if depth < 3 and i > 0 and rng.random() < 0.56:
                    branch(
                        x,
                        y,
                        angle + rng.choice([-1, 1]) * rng.uniform(28, 62),
                        length * rng.uniform(0.34, 0.58),
                        thick * 0.6,
                        depth + 1,
                    )
                if depth > 0 and rng.random() < 0.62:
                    tips.append((x + rng.normal(0, 6), y + rng.normal(0, 6)))
            tips.append((x, y))

        branch(-14, 700, -58, 300, 17, 0)
        branch(-10, 820, -44, 220, 11, 0)
        placed: list[tuple[float, float, float]] = []
        rng.shuffle(tips)
        for x, y in tips:
            r = float(rng.uniform(8, 13.5))
            if any((x - a) ** 2 + (y - b) ** 2 < (0.95 * (r + c)) ** 2 for a, b, c in placed):
                continue
            placed.append((x, y, r))
            if rng.random() < 0.24:
                canvas.drawCircle(x, y, rng.uniform(3, 5), _fill(0xFFB93846))
                continue
            blossom(canvas, (x, y), r, int(rng.choice([0xFFF6C9C6, 0xFFFBE6E0, 0xFFEFA3A6, 0xFFFFF4EE])), rng)

    return optics.paint(draw, scale)


def draw(scale: float) -> Image:
    """The whole set in linear light, without the table."""
    h, w = round(1280 * scale), round(720 * scale)
    wall = _wall(scale)
    key = optics.glow((h, w), scale, (70, 330), (560, 760))
    light = 0.30 + 0.72 * key[..., None] * np.array([1.05, 0.86, 0.62], np.float32)
    wall[..., :3] *= light
    paper = optics.lens_blur(_paper(scale), 15 * scale)
    cx, cy = CENTRE
    hole = optics.paint(lambda c: c.drawCircle(cx, cy, RADIUS, _fill(0xFFFFFFFF)), scale)[..., 3:]
    wall[..., :3] = wall[..., :3] * (1 - hole) + paper[..., :3] * hole
    gate = _gate(scale)
    shadow = optics.soften(
        np.roll(np.ascontiguousarray(gate[..., 3]), (round(10 * scale), round(12 * scale)), (0, 1)), 8 * scale
    )
    wall[..., :3] *= 1 - 0.38 * shadow[..., None] * (1 - 0.7 * hole)
    gate[..., :3] *= 0.42 + 0.80 * key[..., None] * np.array([1.0, 0.88, 0.7], np.float32)
    optics.over(wall, gate)
    screen = _screen(scale)
    screen[..., :3] *= 0.40 + 0.50 * key[..., None] * np.array([1.0, 0.88, 0.7], np.float32)
    optics.over(wall, screen)
    scene = optics.lens_blur(wall, 6.5 * scale)

    lamps = ((92, 262, 58), (640, 236, 50), (560, 150, 30))

    def lit(canvas: Any) -> None:
        for lamp in lamps:
            _lantern(canvas, *lamp)

    def trims(canvas: Any) -> None:
        for lamp in lamps:
            _lantern_trim(canvas, *lamp)

    hanging = optics.paint(lit, scale, gain=1.5)
    optics.over(hanging, optics.paint(trims, scale, gain=0.8))
    optics.over(scene, optics.lens_blur(hanging, 6 * scale))
    plum = _plum(scale)
    plum[..., :3] *= 0.55 + 0.6 * key[..., None]
    optics.over(scene, optics.lens_blur(plum, 2.6 * scale))
    for x, y, r in lamps:
        halo = optics.glow((h, w), scale, (x, y), (r * 3.6, r * 3.6), 1.3)[..., None]
        scene[..., :3] += 0.13 * halo * np.array([1.0, 0.46, 0.20], np.float32)
    return optics.bloom(scene, scale, 0.30, 0.85)
