"""The holding picture (垫播): what viewers see while the host is away. Playout adds the words."""

from __future__ import annotations

from typing import Any

import numpy as np
import skia

from services.avatar.drawing import optics
from services.avatar.drawing.foliage import spray
from services.avatar.drawing.optics import Bytes


def draw_holding(scale: float = 2.0) -> Bytes:
    """A quiet wall with leaf shadows and a soft light where the words will stand (720×1280)."""
    h, w = round(1280 * scale), round(720 * scale)
    pool = optics.glow((h, w), scale, (300, 470), (460, 620))[..., None]
    cloth = optics.noise((h, w), (3 * scale, 90 * scale), 5, 3) + optics.noise(
        (h, w), (90 * scale, 3 * scale), 6, 3
    )
    scene = optics.linear("#123d3a") * (1 - pool) * 0.7 + optics.linear("#2f7a70") * pool
    scene = scene * (1 + 0.022 * cloth[..., None])
    rng = np.random.default_rng(17)

    def leaves(canvas: Any) -> None:
        for at, angle, length in (((-40, 1240), -62, 760), ((-60, 1010), -40, 560), ((760, 60), 128, 620),
                                  ((770, 330), 150, 480), ((120, 1340), -84, 520)):  # fmt: skip
            spray(canvas, at, angle, length, 15, 0xFFFFFFFF, rng)

    shadow = optics.soften(np.ascontiguousarray(optics.paint(leaves, scale)[..., 3]), 15 * scale)[..., None]
    scene = scene * (1 - 0.42 * shadow)
    beam = optics.glow((h, w), scale, (40, 120), (620, 300), 1.5)[..., None]
    scene = (scene + 0.07 * beam * np.array([1.0, 0.86, 0.58], np.float32)).astype(np.float32)

    def sparks(canvas: Any) -> None:
        for _ in range(22):
            paint = skia.Paint(AntiAlias=True, Color=0xFFFFDFA4)
            canvas.drawCircle(rng.uniform(0, 720), rng.uniform(60, 1240), rng.uniform(0.5, 1.6), paint)

    light = np.dstack([scene, np.ones((h, w), np.float32)])
    dots = optics.paint(sparks, scale, gain=7.0)
    light[..., :3] += 0.7 * optics.lens_blur(dots, 15 * scale)[..., :3]
    picture = optics.develop(optics.bloom(light, scale, 0.2), 3, vignette=0.30, grain=0.005)
    return optics.reduce(picture, (720, 1280))
