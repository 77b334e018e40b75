"""Brows: many hairs over a soft ground."""

from __future__ import annotations

from typing import Any

import numpy as np

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


def brow(region: Region, host: Host, side: int) -> Array:
    """A brow of many hairs over a soft ground; hairs rise at the head and lie down along the tail."""
    f = host.face
    rng = np.random.default_rng(host.seed + 51 + side)
    colour = rgb(f.brow_colour)
    line = brow_line(f, side, 80)
    t = np.linspace(0, 1, 80)
    thick = (
        f.brow_thick
        * (0.72 + 0.4 * np.sin(np.clip(t * 1.7, 0, np.pi)))
        * np.clip((1.02 - t) / 0.62, 0, 1) ** 0.75
    )

    def draw(canvas: Any) -> None:
        ground = ribbon(line, thick * 0.82)
        canvas.drawPath(polygon(ground), brush(colour, 0.30, blur_px=2.0))
        canvas.drawPath(polygon(ribbon(line[16:], thick[16:] * 0.6)), brush(colour, 0.34, blur_px=1.2))
        for _ in range(330):
            u = rng.uniform(0, 0.98) ** 0.9
            i = min(79, int(u * 79))
            off = rng.uniform(-0.5, 0.5) * thick[i]
            base = line[i] + (0, off)
            j = min(79, i + 6)
            along = line[j] - line[i - 1 if j == i else i]
            along = along / (np.linalg.norm(along) + 1e-6)
            up = np.array([0.0, -1.0])
            lift = np.clip(0.95 - u * 1.5, 0, 1) + (0.22 if off > 0 else -0.32) * min(1.0, u * 2.5)
            way = along + up * lift
            way /= np.linalg.norm(way) + 1e-6
            reach = rng.uniform(5.5, 9.5) * (1 - 0.35 * u)
            tip = base + way * reach
            bend = base + way * reach * 0.5 + along * rng.uniform(-0.2, 0.9)
            tone = mix(colour, (0.05, 0.03, 0.02), rng.uniform(0.0, 0.5))
            canvas.drawPath(
                polygon(ribbon(bezier([base, bend, tip], 8), taper(8, 0.85))),
                brush(tone, rng.uniform(0.22, 0.6) * min(1.0, 0.35 + u * 2.2)),
            )

    return region.paint(draw)


def brow_line(f: Face, side: int, count: int = 40) -> Points:
    """The middle line of a brow from head to tail."""
    lift = -0.8 if side > 0 else 0.0
    y = f.brow_y + lift
    span = f.brow_out - f.brow_in
    return spline(
        [
            (f.cx + side * f.brow_in, y + 5.0),
            (f.cx + side * (f.brow_in + span * 0.34), y - f.brow_arch * 0.45),
            (f.cx + side * (f.brow_in + span * 0.66), y - f.brow_arch),
            (f.cx + side * f.brow_out, y + f.brow_drop),
        ],
        count,
    )
