"""The Tang set: a moon gate of golden lattice, lanterns, a painted screen, plum blossom."""

from __future__ import annotations

from typing import Any

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
            for (xa, ya), (xb, yb) in zip(peaks, peaks[1:], strict=False):
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


def _gate(scale: float) -> Image:
    """The round frame and its lattice: outer fretwork, an open eye in the middle."""
    cx, cy = CENTRE

    def draw(canvas: Any) -> None:
        ring = _stroke(0xFF7A1E16, 34)
        ring.setShader(
            skia.GradientShader.MakeLinear([(80, 180), (640, 740)], [0xFFC8503A, 0xFF7E2118, 0xFF4A100C])
        )
        canvas.drawCircle(cx, cy, RADIUS, ring)
        bar = _stroke(0xFF8A2A1C, 7)
        bar.setShader(skia.GradientShader.MakeLinear([(80, 180), (640, 740)], [0xFFB4482F, 0xFF6E2016]))
        inner = RADIUS * 0.66
        canvas.drawCircle(cx, cy, inner, bar)
        for i in range(24):
            a = np.radians(15 * i)
            ca, sa = float(np.cos(a)), float(np.sin(a))
            canvas.drawLine(cx + inner * ca, cy + inner * sa, cx + RADIUS * ca, cy + RADIUS * sa, bar)
            middle = (inner + RADIUS - 14) / 2
            b = np.radians(15 * i + 7.5)
            x, y = cx + middle * float(np.cos(b)), cy + middle * float(np.sin(b))
            canvas.drawCircle(x, y, 17, _stroke(0xFF97321F, 5))
            canvas.drawCircle(x, y, 6, _fill(0xFFD99A42))
        gold = _stroke(0xFFE9BE6C, 3.4)
        gold.setShader(
            skia.GradientShader.MakeSweep(
                cx, cy, [0xFFF8DE9F, 0xFF9C6A22, 0xFFF3CB7B, 0xFF85561A, 0xFFF8DE9F]
            )
        )
        for r in (RADIUS + 19, RADIUS - 18, inner - 4):
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
                x, y = rng.uniform(x0 + 10, x1 - 10), rng.uniform(760, 1060)
                canvas.drawOval(skia.Rect(x - 46, y - 9, x + 46, y + 9), _fill(0x22FFF6DC))
        for i in range(7):
            x = 536 + i * 30
            peak = 760 - 70 * float(rng.random()) - (60 if i in (2, 3) else 0)
            path = skia.Path()
            path.moveTo(x - 46, 900)
            path.quadTo(x - 8, peak, x, peak)
            path.quadTo(x + 14, peak + 10, x + 50, 900)
            path.close()
            canvas.drawPath(path, _ramp((0, peak), (0, 900), 0xCC2F4F49, 0x102F4F49))
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
        for x, y in tips:
            tone = int(rng.choice([0xFFF2A9AE, 0xFFE8747E, 0xFFF9D6D2, 0xFFD94A58]))
            if rng.random() < 0.3:
                canvas.drawCircle(x, y, rng.uniform(3, 5.5), _fill(0xFFC23A48))
            else:
                blossom(canvas, (x, y), rng.uniform(9, 17), tone, rng)

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
    hanging = optics.paint(lambda c: [_lantern(c, *lamp) for lamp in lamps] and None, scale, gain=1.5)
    optics.over(
        hanging, optics.paint(lambda c: [_lantern_trim(c, *lamp) for lamp in lamps] and None, scale, gain=0.8)
    )
    optics.over(scene, optics.lens_blur(hanging, 6 * scale))
    plum = _plum(scale)
    plum[..., :3] *= 0.55 + 0.6 * key[..., None]
    optics.over(scene, optics.lens_blur(plum, 2.6 * scale))
    for x, y, r in lamps:
        halo = optics.glow((h, w), scale, (x, y), (r * 3.6, r * 3.6), 1.3)[..., None]
        scene[..., :3] += 0.13 * halo * np.array([1.0, 0.46, 0.20], np.float32)
    return optics.bloom(scene, scale, 0.30, 0.85)
