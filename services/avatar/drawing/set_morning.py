"""The morning set: white and mint, a large window, a shelf of bottles, sun on the wall."""

from __future__ import annotations

from typing import Any

import numpy as np
import skia

from services.avatar.drawing import optics
from services.avatar.drawing.foliage import leaf, spray
from services.avatar.drawing.optics import Image


def _fill(colour: int) -> Any:
    return skia.Paint(AntiAlias=True, Color=colour)


def _down(y0: float, y1: float, *colours: int) -> Any:
    return skia.Paint(
        AntiAlias=True, Shader=skia.GradientShader.MakeLinear([(0, y0), (0, y1)], list(colours))
    )


def _along(x0: float, x1: float, *colours: int) -> Any:
    return skia.Paint(
        AntiAlias=True, Shader=skia.GradientShader.MakeLinear([(x0, 0), (x1, 0)], list(colours))
    )


def _wall(scale: float) -> Image:
    def draw(canvas: Any) -> None:
        canvas.drawPaint(_along(0, 720, 0xFFEFF4F0, 0xFFE2EEE7, 0xFFD0E4DA))
        for x in range(318, 760, 58):  # fine panelling, a hint only
            canvas.drawRect(skia.Rect(x, 0, x + 2.2, 1280), _fill(0x30587A6B))
            canvas.drawRect(skia.Rect(x + 2.2, 0, x + 4, 1280), _fill(0x60FFFFFF))

    return optics.paint(draw, scale)


def _garden(scale: float) -> Image:
    """What is outside: sky, trees and their sunlit gaps, far out of focus."""
    rng = np.random.default_rng(41)

    def draw(canvas: Any) -> None:
        canvas.drawRect(
            skia.Rect(-60, 0, 330, 900), _down(40, 880, 0xFFE8F3F6, 0xFFDDEFE2, 0xFFB8D9A8, 0xFF9CC48E)
        )
        for _ in range(150):
            x, y = rng.uniform(-60, 320), rng.normal(640, 150)
            shade = rng.choice([0xFF8FBF7D, 0xFFA9D08F, 0xFF79AD74, 0xFFC6E0A6, 0xFF6A9C6C])
            canvas.drawCircle(x, y, rng.uniform(10, 42), _fill(int(shade)))

    base = optics.paint(draw, scale, gain=1.5)

    def sparks(canvas: Any) -> None:
        for _ in range(64):
            x, y = rng.uniform(-20, 300), rng.normal(520, 190)
            canvas.drawCircle(x, y, rng.uniform(1.2, 3.4), _fill(0xFFFFFBE6))

    optics.over(base, optics.paint(sparks, scale, gain=22.0))
    return base


def _window_frame(scale: float) -> Image:
    def draw(canvas: Any) -> None:
        shade = _along(-20, 300, 0xFFDDE6E2, 0xFFF4F8F5)
        for x, w in ((-30, 26), (120, 11), (276, 24)):
            canvas.drawRect(skia.Rect(x, 0, x + w, 880), shade)
            canvas.drawRect(skia.Rect(x + w - 2.5, 0, x + w, 880), _fill(0xFFB9CCC4))
        for y, h in ((300, 9), (560, 9), (866, 30)):
            canvas.drawRect(skia.Rect(-30, y, 300, y + h), _down(y, y + h, 0xFFF6FAF7, 0xFFC4D5CD))

    return optics.paint(draw, scale)


def _curtain(scale: float) -> Image:
    """Sheer cloth before the window: folds that the light comes through."""
    h, w = round(1280 * scale), round(720 * scale)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32) / scale
    sway = 10 * np.sin(yy / 260) + 5 * np.sin(yy / 97 + 1)
    out = np.zeros((h, w, 4), np.float32)
    for left, right, seed in ((-40, 74, 1), (232, 330, 2)):
        u = xx + sway * (0.4 if seed == 1 else -0.4) * (yy / 1280)
        inside = np.clip((u - left) / 8, 0, 1) * np.clip((right - u) / 14, 0, 1)
        phase = (u - left) / (right - left) * 2 * np.pi
        fold = (
            0.5
            + 0.28 * np.sin(phase * 4.0 + seed)
            + 0.16 * np.sin(phase * 7.3 + 2)
            + 0.08 * np.sin(phase * 13)
        )
        fade = np.clip((1130 - yy) / 60, 0, 1)
        cover = inside * fade * (0.58 + 0.30 * (1 - fold))
        light = (0.72 + 0.62 * fold)[..., None] * np.array([1.0, 0.985, 0.95], np.float32)
        layer = np.dstack([light * cover[..., None], cover]).astype(np.float32)
        optics.over(out, layer)
    return out


def _bottle(
    canvas: Any, x: float, y: float, w: float, h: float, body: int, cap: int, neck: float = 0.45
) -> None:
    cap_h = h * 0.26
    canvas.drawRoundRect(skia.Rect(x - w / 2, y - h + cap_h, x + w / 2, y), w * 0.18, w * 0.18, _fill(body))
    canvas.drawRect(skia.Rect(x - w * neck / 2, y - h, x + w * neck / 2, y - h + cap_h + 2), _fill(cap))
    lit = _along(x - w / 2, x + w / 2, 0x70FFFFFF, 0x00FFFFFF, 0x00000000, 0x38203028)
    canvas.drawRoundRect(skia.Rect(x - w / 2, y - h + cap_h, x + w / 2, y), w * 0.18, w * 0.18, lit)
    canvas.drawRect(skia.Rect(x - w * 0.28, y - h * 0.50, x + w * 0.28, y - h * 0.24), _fill(0x66FFFFFF))


def _shelf(scale: float) -> Image:
    rng = np.random.default_rng(7)
    tones = [(0xFFF7F5EE, 0xFFD9C7A0), (0xFF9CCFBC, 0xFFF3F3EE), (0xFFE4B65E, 0xFF4A4138), (0xFFCBE5DC, 0xFFC7A96C),
             (0xFFF0D3CB, 0xFFF8F6F2), (0xFF86B8C0, 0xFFE9ECE9), (0xFFFFFFFF, 0xFFA9CDBE)]  # fmt: skip

    def draw(canvas: Any) -> None:
        canvas.drawRect(skia.Rect(468, 120, 760, 880), _down(120, 880, 0xFFE4EEE8, 0xFFCFDFD7))
        canvas.drawRect(skia.Rect(468, 120, 480, 880), _along(468, 480, 0x66395B4E, 0x00395B4E))
        for y in (318, 506, 694, 872):
            glow = _down(y - 186, y - 120, 0xBBFFF2D2, 0x00FFF2D2)
            canvas.drawRect(skia.Rect(468, y - 176, 760, y - 100), glow)
            canvas.drawRect(skia.Rect(464, y, 760, y + 13), _down(y, y + 13, 0xFFE0C7A1, 0xFFB18F63))
            canvas.drawRect(
                skia.Rect(468, y + 13, 760, y + 34), _down(y + 13, y + 34, 0x55304A40, 0x00304A40)
            )
            x = 494.0
            while x < 730:
                w, h = rng.uniform(20, 40), rng.uniform(54, 122)
                kind = rng.random()
                if kind < 0.72:
                    body, cap = tones[int(rng.integers(len(tones)))]
                    _bottle(canvas, x + w / 2, y, w, h, body, cap, 0.4 + 0.5 * rng.random())
                elif kind < 0.86:  # a folded towel pile
                    for i in range(4):
                        tone = (0xFFF3EFE6, 0xFFDCEBE3, 0xFFEFE2D2, 0xFFC9E0D6)[i]
                        canvas.drawRoundRect(
                            skia.Rect(x, y - 15 * (i + 1), x + 56, y - 15 * i), 7, 7, _fill(tone)
                        )
                    w = 56
                x += w + rng.uniform(6, 18)
        leaves = np.random.default_rng(5)
        canvas.drawRoundRect(skia.Rect(640, 262, 690, 318), 8, 8, _down(262, 318, 0xFFFFFFFF, 0xFFD5DDD8))
        for _ in range(26):
            leaf(canvas, (665 + leaves.normal(0, 8), 262), leaves.normal(-90, 44), leaves.uniform(34, 80), 10,
                 leaves.choice([0xFF6FA57C, 0xFF8DBD8C, 0xFF4F8A67]))  # fmt: skip

    return optics.paint(draw, scale)


def _sun(scale: float) -> Image:
    """The window's light thrown on the wall: slanted panes with the shadow of leaves."""

    def draw(canvas: Any) -> None:
        canvas.save()
        canvas.concat(skia.Matrix.MakeAll(1, 0.0, 0, 0.42, 1, 0, 0, 0, 1))
        for x in (236, 356, 476):
            for y in (96, 274, 452):
                canvas.drawRect(skia.Rect(x, y, x + 106, y + 162), _fill(0xFFFFFFFF))
        canvas.restore()

    mask = optics.paint(draw, scale)[..., 3]

    def shadow(canvas: Any) -> None:
        rng = np.random.default_rng(12)
        for _ in range(3):
            spray(
                canvas,
                (rng.uniform(300, 600), rng.uniform(120, 260)),
                rng.uniform(30, 120),
                320,
                22,
                0xFFFFFFFF,
                rng,
            )

    leaves = optics.paint(shadow, scale)[..., 3]
    soft = optics.soften(mask, 7 * scale) * (1 - 0.72 * optics.soften(leaves, 5 * scale))
    return np.asarray(soft, np.float32)


def draw(scale: float) -> Image:
    """The whole set in linear light, without the table."""
    h, w = round(1280 * scale), round(720 * scale)
    wall = _wall(scale)
    optics.over(wall, _shelf(scale))
    key = optics.glow((h, w), scale, (60, 330), (620, 900))
    wall[..., :3] *= 0.60 + 0.44 * key[..., None] * np.array([1.05, 1.01, 0.94], np.float32)
    wall[..., :3] *= 1 + 0.62 * _sun(scale)[..., None] * np.array([1.0, 0.9, 0.70], np.float32)
    scene = optics.lens_blur(wall, 9 * scale)
    garden = optics.lens_blur(_garden(scale), 22 * scale)
    mask = optics.soften(
        optics.paint(lambda c: c.drawRect(skia.Rect(-20, -10, 288, 868), _fill(0xFFFFFFFF)), scale), 3 * scale
    )
    scene[..., :3] = scene[..., :3] * (1 - mask[..., 3:]) + garden[..., :3] * mask[..., 3:]
    frame = _window_frame(scale)
    frame[..., :3] *= 0.82
    optics.over(scene, optics.lens_blur(frame, 7 * scale))
    curtain = _curtain(scale)
    optics.over(scene, optics.lens_blur(curtain, 4 * scale))

    rng = np.random.default_rng(23)

    def plants(canvas: Any) -> None:
        for angle, length in (
            (-104, 330),
            (-86, 470),
            (-70, 330),
            (-95, 400),
            (-78, 420),
            (-58, 250),
            (-116, 240),
        ):
            spray(canvas, (22, 1060), angle, length, 22, 0xFF93BFA0, rng)
        vase = _along(626, 716, 0xFFFFFFFF, 0xFFF1F4F1, 0xFFC7D3CC)
        canvas.drawRoundRect(skia.Rect(626, 846, 712, 1010), 34, 34, vase)
        for angle, length in ((-118, 210), (-96, 300), (-76, 260), (-106, 250), (-60, 190)):
            spray(canvas, (669, 850), angle, length, 15, 0xFFA3C6AE, rng)

    near = optics.paint(plants, scale)
    near[..., :3] *= 0.58 + 0.62 * optics.glow((h, w), scale, (20, 480), (460, 700))[..., None]
    optics.over(scene, optics.lens_blur(near, 4.2 * scale))
    beam = optics.glow((h, w), scale, (-60, 200), (560, 640), 1.6)[..., None]
    scene[..., :3] += 0.11 * beam * np.array([1.0, 0.95, 0.84], np.float32)
    return optics.bloom(scene, scale, 0.30, 0.95)
