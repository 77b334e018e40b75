"""Leaves, sprays and blossom drawn by path, for sets and tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import skia


def shade(colour: int, factor: float) -> int:
    """`colour` (0xAARRGGBB) lighter or darker, its alpha kept."""
    parts = [min(255, max(0, int(((colour >> shift) & 255) * factor))) for shift in (16, 8, 0)]
    return (colour & 0xFF000000) | parts[0] << 16 | parts[1] << 8 | parts[2]


def leaf(
    canvas: Any, at: tuple[float, float], angle: float, length: float, width: float, colour: int
) -> None:
    """A pointed leaf from its stalk at `at`, along `angle` degrees (0 is right, -90 up)."""
    colour = int(colour)
    canvas.save()
    canvas.translate(*at)
    canvas.rotate(angle)
    half = skia.Path()
    for side, tone in ((1, 0.86), (-1, 1.12)):
        half = skia.Path()
        half.moveTo(0, 0)
        half.cubicTo(length * 0.25, side * width * 0.62, length * 0.7, side * width * 0.55, length, 0)
        half.close()
        gradient = skia.GradientShader.MakeLinear(
            [(0, 0), (length, side * width * 0.4)], [shade(colour, tone * 0.8), shade(colour, tone * 1.16)]
        )
        canvas.drawPath(half, skia.Paint(AntiAlias=True, Shader=gradient))
    vein = skia.Paint(AntiAlias=True, Color=shade(colour, 1.3), StrokeWidth=max(0.5, width * 0.035))
    vein.setAlpha(120)
    canvas.drawLine(0, 0, length * 0.94, 0, vein)
    canvas.restore()


def spray(
    canvas: Any, at: tuple[float, float], angle: float, length: float, leaves: int, colour: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """A bending stem with leaves in pairs, smaller to its tip."""
    x, y = at
    bend = rng.uniform(-0.5, 0.5) + (0.35 if np.cos(np.radians(angle)) > 0 else -0.35)
    points = []
    heading = angle
    for _ in range(leaves):
        points.append((x, y, heading))
        x += length / leaves * float(np.cos(np.radians(heading)))
        y += length / leaves * float(np.sin(np.radians(heading)))
        heading += bend * 60 / leaves
    stem = skia.Path()
    stem.moveTo(points[0][0], points[0][1])
    for px, py, _ in points[1:]:
        stem.lineTo(px, py)
    line = skia.Paint(
        AntiAlias=True, Color=shade(colour, 0.7), Style=skia.Paint.kStroke_Style, StrokeWidth=2.4
    )
    canvas.drawPath(stem, line)
    for i, (px, py, direction) in enumerate(points[1:], 1):
        size = length * 3.1 / (leaves + 2) * (1.1 - 0.55 * i / leaves) * rng.uniform(0.8, 1.2)
        for side in (-1, 1):
            turn = side * rng.uniform(32, 62)
            tone = shade(colour, rng.uniform(0.78, 1.28))
            leaf(canvas, (px, py), direction + turn, size, size * rng.uniform(0.30, 0.42), tone)
    leaf(canvas, (x, y), heading, length * 0.16, length * 0.05, shade(colour, 1.15))


def blossom(
    canvas: Any, at: tuple[float, float], radius: float, colour: int, rng: np.random.Generator
) -> None:
    """A five-petalled plum blossom with its stamens."""
    turn, squeeze = rng.uniform(0, 72), rng.uniform(0.72, 1.0)
    canvas.save()
    canvas.translate(*at)
    canvas.rotate(rng.uniform(0, 360))
    canvas.scale(1, squeeze)
    for i in range(5):
        canvas.save()
        canvas.rotate(turn + 72 * i)
        petal = skia.GradientShader.MakeRadial((0, 0), radius, [shade(colour, 0.82), shade(colour, 1.14)])
        canvas.drawOval(skia.Rect(radius * 0.08, -radius * 0.36, radius, radius * 0.36),
                        skia.Paint(AntiAlias=True, Shader=petal))  # fmt: skip
        canvas.restore()
    line = skia.Paint(AntiAlias=True, Color=0xFFF6E3B0, StrokeWidth=radius * 0.035)
    for i in range(14):
        a = np.radians(i * 360 / 14 + turn)
        r = radius * rng.uniform(0.28, 0.5)
        x, y = r * float(np.cos(a)), r * float(np.sin(a))
        canvas.drawLine(0, 0, x, y, line)
        canvas.drawCircle(x, y, radius * 0.045, skia.Paint(AntiAlias=True, Color=0xFFE8B64C))
    canvas.restore()
