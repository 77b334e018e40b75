"""The evening set: lamp light on wood, books, a night window with the city out of focus."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import skia

from services.avatar.drawing import optics
from services.avatar.drawing.foliage import shade
from services.avatar.drawing.optics import Image


def _fill(colour: int) -> Any:
    return skia.Paint(AntiAlias=True, Color=colour)


def _ramp(a: tuple[float, float], b: tuple[float, float], *colours: int) -> Any:
    return skia.Paint(AntiAlias=True, Shader=skia.GradientShader.MakeLinear([a, b], list(colours)))


def wood(
    shape: tuple[int, int], scale: float, seed: int, tones: tuple[str, str], upright: bool = True
) -> Image:
    """Wood grain as opaque linear RGBA; the grain runs up, or across."""
    h, w = shape if upright else shape[::-1]
    broad = optics.noise((h, w), (46 * scale, 900 * scale), seed, 3)
    fine = optics.noise((h, w), (5 * scale, 240 * scale), seed + 1, 3)
    pores = optics.noise((h, w), (2.2 * scale, 60 * scale), seed + 2, 2)
    rings = 0.5 + 0.5 * np.sin((broad * 5 + fine * 0.5) * 1.9)
    mix = np.clip(0.30 * rings + 0.30 * (fine * 0.8 + 0.5) + 0.22, 0, 1)[..., None]
    colour = optics.linear(tones[0]) * (1 - mix) + optics.linear(tones[1]) * mix
    colour = colour * (1 - 0.20 * np.clip(pores, 0, 1)[..., None])
    out = np.dstack([colour, np.ones((h, w), np.float32)]).astype(np.float32)
    return out if upright else np.ascontiguousarray(out.transpose(1, 0, 2))


def _wall(scale: float) -> Image:
    h, w = round(1280 * scale), round(720 * scale)
    wall = wood((h, w), scale, 60, ("#4a2d1b", "#77492a"))

    def slats(canvas: Any) -> None:
        for x in range(-10, 740, 34):
            canvas.drawRect(skia.Rect(x, 0, x + 9, 1280), _ramp((x, 0), (x + 9, 0), 0xD0120906, 0x80120906))
            canvas.drawRect(skia.Rect(x + 9, 0, x + 12, 1280), _fill(0x28FFD9A8))
            canvas.drawRect(
                skia.Rect(x + 28, 0, x + 34, 1280), _ramp((x + 28, 0), (x + 34, 0), 0x00000000, 0x70000000)
            )

    optics.over(wall, optics.paint(slats, scale))
    return wall


def _night(scale: float) -> Image:
    """The city at night: dusk above, thousands of lights below."""
    rng = np.random.default_rng(77)

    def sky(canvas: Any) -> None:
        canvas.drawRect(
            skia.Rect(440, 0, 760, 900),
            _ramp((0, 60), (0, 860), 0xFF0C1631, 0xFF1C2E55, 0xFF3B456B, 0xFF1B2138),
        )
        for _ in range(26):
            x, top = rng.uniform(440, 740), rng.uniform(430, 640)
            canvas.drawRect(
                skia.Rect(x, top, x + rng.uniform(22, 60), 900),
                _fill(int(rng.choice([0xFF141B33, 0xFF1A2240]))),
            )

    base = optics.paint(sky, scale, gain=0.9)

    def lights(canvas: Any) -> None:
        tones = [0xFFFFC27A, 0xFFFFD9A0, 0xFFFF9A57, 0xFFBFD4FF, 0xFFFF7A6A, 0xFFFFE9C9]
        for _ in range(120):
            x, y = rng.uniform(440, 740), rng.normal(690, 105)
            canvas.drawCircle(x, y, rng.uniform(0.6, 2.3), _fill(int(rng.choice(tones))))

    optics.over(base, optics.paint(lights, scale, gain=26.0))
    return base


def _books(canvas: Any, x0: float, x1: float, y: float, tall: float, rng: np.random.Generator) -> None:
    tones = [
        0xFF7A2E22,
        0xFF2F4A45,
        0xFFB98A4B,
        0xFFE3D3B5,
        0xFF3E3A57,
        0xFF8C5A34,
        0xFFCDB491,
        0xFF54301F,
        0xFF6D7B63,
    ]
    x = x0
    while x < x1 - 8:
        w, h = rng.uniform(9, 23), tall * rng.uniform(0.68, 1.0)
        tone = int(rng.choice(tones))
        canvas.drawRect(
            skia.Rect(x, y - h, x + w, y), _ramp((x, 0), (x + w, 0), shade(tone, 1.15), shade(tone, 0.7))
        )
        band = y - h * rng.uniform(0.62, 0.84)
        canvas.drawRect(skia.Rect(x + 1, band, x + w - 1, band + 3), _fill(0xAAE8CF98))
        canvas.drawRect(skia.Rect(x + w, y - h, x + w + 1.3, y), _fill(0xB0100804))
        x += w + 1.3


def _shelves(scale: float) -> Image:
    rng = np.random.default_rng(19)

    def draw(canvas: Any) -> None:
        canvas.drawRect(skia.Rect(-10, 60, 408, 1010), _ramp((0, 60), (408, 60), 0xFF2A1710, 0xFF21120C))
        for y in (214, 402, 590, 778, 966):
            canvas.drawRect(
                skia.Rect(-10, y - 172, 408, y - 60), _ramp((0, y - 172), (0, y - 70), 0xFFB97A3C, 0x00B97A3C)
            )
            canvas.drawRect(
                skia.Rect(-10, y, 412, y + 16), _ramp((0, y), (0, y + 16), 0xFF9A6238, 0xFF4E2D18)
            )
            canvas.drawRect(skia.Rect(-10, y + 16, 412, y + 24), _fill(0xA0100804))
        for x in (188, 404):
            canvas.drawRect(
                skia.Rect(x, 60, x + 13, 1010), _ramp((x, 0), (x + 13, 0), 0xFF8A5731, 0xFF45270F)
            )
        for y, a, b in ((214, 10, 128), (214, 216, 400), (402, 208, 320), (590, 270, 400), (778, 205, 330), (778, 4, 110),
                        (966, 205, 400)):  # fmt: skip
            _books(canvas, a, b, y, 142, rng)
        jar = _ramp((330, 0), (396, 0), 0xFFF0E2C6, 0xFFB89A6D, 0xFF5E4428)
        canvas.drawOval(skia.Rect(334, 318, 394, 402), jar)
        canvas.drawRect(skia.Rect(352, 304, 376, 330), jar)
        canvas.drawOval(skia.Rect(212, 520, 262, 590), _ramp((212, 0), (262, 0), 0xFF9DB5A6, 0xFF3F5A50))
        canvas.drawOval(skia.Rect(338, 700, 398, 778), _ramp((338, 0), (398, 0), 0xFFCF7F4A, 0xFF6A3016))

    return optics.paint(draw, scale)


def _strips(scale: float) -> Image:
    def draw(canvas: Any) -> None:
        for y in (230, 418, 606, 794):
            canvas.drawRect(skia.Rect(6, y + 7, 184, y + 9.5), _fill(0xFFFFC884))
            canvas.drawRect(skia.Rect(206, y + 7, 400, y + 9.5), _fill(0xFFFFC884))

    return optics.paint(draw, scale, gain=5.0)


def _lamp(scale: float) -> Image:
    """A paper lamp at upper left, the key light of the set."""

    def draw(canvas: Any) -> None:
        shade_path = skia.Path()
        shade_path.moveTo(34, 372)
        shade_path.lineTo(186, 372)
        shade_path.lineTo(212, 548)
        shade_path.lineTo(8, 548)
        shade_path.close()
        canvas.drawPath(shade_path, _ramp((8, 0), (212, 0), 0xFFE9A75A, 0xFFFFE2AE, 0xFFFFEBC4, 0xFFF0B468))

    glow = optics.paint(draw, scale, gain=1.9)

    def ribs(canvas: Any) -> None:
        for i in range(15):
            t = i / 14
            canvas.drawLine(
                34 + 152 * t,
                372,
                8 + 204 * t,
                548,
                skia.Paint(AntiAlias=True, Color=0x48A5642A, StrokeWidth=1.4),
            )
        for y0, x0, x1 in ((369, 33, 187), (545, 8, 212)):
            canvas.drawRect(skia.Rect(x0, y0, x1, y0 + 6), _fill(0xFF8C5B2C))
        canvas.drawRect(skia.Rect(103, 551, 117, 800), _ramp((103, 0), (117, 0), 0xFFE0B070, 0xFF5E3A1C))
        canvas.drawOval(skia.Rect(62, 786, 158, 816), _ramp((62, 0), (158, 0), 0xFFB98850, 0xFF3B2312))

    optics.over(glow, optics.paint(ribs, scale))
    return glow


def _pampas(scale: float) -> Image:
    rng = np.random.default_rng(31)

    def draw(canvas: Any) -> None:
        canvas.drawRoundRect(
            skia.Rect(604, 858, 700, 1030),
            42,
            42,
            _ramp((604, 0), (700, 0), 0xFFB07A4E, 0xFF6E4428, 0xFF2E1B12),
        )
        for _ in range(9):
            lean, top = rng.uniform(-96, 50), rng.uniform(500, 690)
            for i in range(260):
                t = rng.random() ** 0.7
                x = 652 + lean * t * t + rng.normal(0, 2)
                y = 862 + (top - 862) * t
                if t < 0.42:
                    if i % 9 == 0:
                        canvas.drawLine(652 + lean * t * t, y, 652 + lean * (t + 0.05) ** 2, y - 18,
                                        skia.Paint(AntiAlias=True, Color=0xFF9A7848, StrokeWidth=1.6))  # fmt: skip
                    continue
                width = 21 * np.sin(np.pi * min(1, (t - 0.38) / 0.64)) + 3
                tone = shade(0xFFD9B98A, rng.uniform(0.55, 1.2))
                paint = skia.Paint(AntiAlias=True, Color=tone, StrokeWidth=0.9)
                canvas.drawLine(
                    x, y, x + rng.normal(lean * 0.08, width * 0.6), y + rng.uniform(-26, 4), paint
                )

    return optics.paint(draw, scale)


def draw(scale: float) -> Image:
    """The whole set in linear light, without the table."""
    h, w = round(1280 * scale), round(720 * scale)
    far = _wall(scale)
    shelves = _shelves(scale)
    grain = optics.noise((h, w), (6 * scale, 200 * scale), 8, 3)
    shelves[..., :3] *= (1 + 0.10 * grain)[..., None]
    optics.over(far, shelves)
    lamp = optics.glow((h, w), scale, (110, 470), (330, 400), 1.3)
    fill = optics.glow((h, w), scale, (240, 520), (620, 860))
    warm = np.array([1.0, 0.66, 0.34], np.float32)
    light = (
        0.34 + 0.62 * fill[..., None] * np.array([1.0, 0.8, 0.58], np.float32) + 1.75 * lamp[..., None] * warm
    )
    far[..., :3] *= light
    strips = _strips(scale)
    optics.over(far, strips)
    far[..., :3] += 0.16 * optics.soften(np.ascontiguousarray(strips[..., :3]), 30 * scale)
    scene = optics.lens_blur(far, 10 * scale)

    city = optics.lens_blur(_night(scale), 19 * scale)
    pane = optics.paint(lambda c: c.drawRect(skia.Rect(446, -10, 760, 846), _fill(0xFFFFFFFF)), scale)
    mask = optics.soften(np.ascontiguousarray(pane[..., 3]), 3 * scale)[..., None]
    scene[..., :3] = scene[..., :3] * (1 - mask) + city[..., :3] * mask

    def frame(canvas: Any) -> None:
        for x, width in ((430, 22), (578, 12)):
            canvas.drawRect(
                skia.Rect(x, -10, x + width, 850), _ramp((x, 0), (x + width, 0), 0xFF8A5530, 0xFF2B170D)
            )
        for y, height in ((262, 10), (546, 10), (840, 30)):
            canvas.drawRect(
                skia.Rect(430, y, 760, y + height), _ramp((0, y), (0, y + height), 0xFF7A4A2A, 0xFF28150B)
            )

    bars = optics.paint(frame, scale)
    bars[..., :3] *= 0.5 + 0.9 * lamp[..., None]
    optics.over(scene, optics.lens_blur(bars, 8 * scale))
    reflected = np.ascontiguousarray(cv2.flip(_lamp(scale), 1))
    shift = np.array([[0.6, 0, 120 * scale], [0, 0.6, 160 * scale]], np.float32)
    mirrored = np.asarray(cv2.warpAffine(reflected, shift, (w, h)), np.float32)
    ghost = optics.lens_blur(mirrored, 13 * scale)
    scene[..., :3] += 0.10 * ghost[..., :3] * mask

    optics.over(scene, optics.lens_blur(_lamp(scale), 6 * scale))
    near = _pampas(scale)
    near[..., :3] *= 0.40 + 0.55 * fill[..., None] + 0.8 * lamp[..., None]
    optics.over(scene, optics.lens_blur(near, 4.5 * scale))
    halo = optics.glow((h, w), scale, (110, 460), (420, 470), 1.25)[..., None]
    scene[..., :3] += 0.15 * halo * warm
    return optics.bloom(scene, scale, 0.34, 0.8)
