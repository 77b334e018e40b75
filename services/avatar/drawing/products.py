"""The shop's goods as studio photographs: solids with printed labels on a lit sweep.

The only mark on them is the demonstration's own, 棠 in a ring; every printed word is the
catalogue's product name and pack size, so that no picture claims what the catalogue does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skia

from services.avatar.drawing import optics
from services.avatar.drawing.optics import Bytes, Image
from services.avatar.drawing.solids import Solid, Studio, Stuff, render

PRODUCTS = ("cleanser-01", "serum-02", "mask-03", "sunscreen-04", "melatonin-06", "tea-08")
STUDIO = Studio()


@dataclass(frozen=True)
class Placed:
    """A rendered thing with its foot's centre, in pixels at the scale it was made for."""

    image: Image
    foot: tuple[float, float]


def stuff(colour: str, **values: float) -> Stuff:
    r, g, b = (float(v) for v in optics.linear(colour))
    return Stuff((r, g, b), **values)


def _face(bold: bool, serif: bool) -> Any:
    family = "Noto Serif CJK SC" if serif else "Noto Sans CJK SC"
    return skia.Typeface(family, skia.FontStyle.Bold() if bold else skia.FontStyle.Normal())


def write(
    canvas: Any, text: str, at: tuple[float, float], size: float, colour: int,
    *, bold: bool = False, serif: bool = False, spacing: float = 0.0, centre: bool = True,
) -> None:  # fmt: skip
    """A line of text whose baseline starts (or is centred) at `at`."""
    font = skia.Font(_face(bold, serif), size)
    font.setSubpixel(True)
    font.setEdging(skia.Font.Edging.kAntiAlias)
    widths = [font.measureText(c) + spacing for c in text]
    x = at[0] - (sum(widths) - spacing) / 2 if centre else at[0]
    paint = skia.Paint(AntiAlias=True, Color=colour)
    for character, width in zip(text, widths, strict=True):
        canvas.drawString(character, x, at[1], font, paint)
        x += width


def mark(canvas: Any, at: tuple[float, float], radius: float, colour: int, *, filled: bool = False) -> None:
    """The demonstration's brand mark: 棠 in a fine double ring, or knocked out of a disc."""
    if filled:
        canvas.drawCircle(*at, radius, skia.Paint(AntiAlias=True, Color=colour))
        ink = 0xFFFFFFFF
    else:
        line = skia.Paint(
            AntiAlias=True, Color=colour, Style=skia.Paint.kStroke_Style, StrokeWidth=radius * 0.07
        )
        canvas.drawCircle(*at, radius, line)
        line.setStrokeWidth(radius * 0.03)
        canvas.drawCircle(*at, radius * 0.86, line)
        ink = colour
    write(canvas, "棠", (at[0], at[1] + radius * 0.40), radius * 1.12, ink, bold=True, serif=True)


def _label(size: tuple[float, float], draw: Callable[[Any], None]) -> Image:
    """A printed label as straight linear RGBA, six pixels a unit."""
    image = optics.paint(draw, 6.0, size)
    image[..., :3] /= np.maximum(image[..., 3:], 1e-3)
    return image


def _gradient(points: tuple[tuple[float, float], tuple[float, float]], colours: list[int]) -> Any:
    return skia.Paint(AntiAlias=True, Shader=skia.GradientShader.MakeLinear(list(points), colours))


# ---- the six packs ----------------------------------------------------------------------------


def _cleanser() -> list[tuple[Solid, float, float]]:
    def print_label(canvas: Any) -> None:
        green = 0xFF2F7F6C
        mark(canvas, (45, 34), 15, green)
        write(canvas, "氨基酸洁面乳", (45, 76), 11.4, 0xFF2B4D47, bold=True, spacing=1.4)
        canvas.drawLine(30, 85, 60, 85, skia.Paint(AntiAlias=True, Color=0x882F7F6C, StrokeWidth=0.7))
        write(canvas, "AMINO CLEANSER", (45, 95), 5.2, 0xFF5C827B, spacing=1.0)
        write(canvas, "120g", (45, 150), 6.2, 0xFF5C827B, spacing=0.6)
        for i, width in enumerate((26, 18, 10)):
            line = skia.Paint(AntiAlias=True, Color=0xAA5DB79C, StrokeWidth=0.8)
            canvas.drawLine(45 - width / 2, 118 + i * 5, 45 + width / 2, 118 + i * 5, line)

    rows = [
        (0, 25.5, 25.5),
        (1.6, 27, 27),
        (33, 28.2, 28.2),
        (34.4, 27.4, 27.4),
        (35, 26, 26),
        (36.5, 29, 29),
    ]
    for i in range(21):
        t = i / 20
        rows.append((40 + 158 * t, 30.5 + 15 * t**1.1, 30.5 * (1 - t**1.7) + 1.9))
    rows += [(199, 45.6, 1.9), (213, 45.8, 1.9), (214, 45.4, 1.5)]
    tube = Solid(
        tuple(rows),
        ((0, stuff("#7cc9b2", rough=0.22)), (35, stuff("#f3f7f4", rough=0.34)), (199, stuff("#e2ece8", rough=0.4))),
        yaw=-7, label=_label((90, 160), print_label), label_box=(-45, 38, 45, 198),
    )  # fmt: skip
    return [(tube, 0, 0)]


def _serum() -> list[tuple[Solid, float, float]]:
    def print_label(canvas: Any) -> None:
        ink = 0xFF5C3207
        mark(canvas, (40, 22), 12, ink)
        write(canvas, "维C紧致精华液", (40, 52), 8.4, ink, bold=True, spacing=0.5)
        canvas.drawLine(26, 59, 54, 59, skia.Paint(AntiAlias=True, Color=0xAA5C3207, StrokeWidth=0.6))
        write(canvas, "VITAMIN C SERUM", (40, 67), 4.6, ink, spacing=0.8)
        write(canvas, "30ml", (40, 88), 5.4, ink, spacing=0.5)

    rows = [(0, 33, 33), (1.2, 36, 36), (4, 38.4, 38.4), (8, 39, 39), (104, 39, 39), (112, 37.6, 37.6),
            (119, 33, 33), (124, 26, 26), (127, 20, 20), (131, 18.6, 18.6), (132, 21.5, 21.5), (133, 22, 22),
            (157, 22, 22), (158, 21.2, 21.2), (159, 15, 15), (162, 14.4, 14.4), (183, 13.2, 13.2),
            (191, 11.4, 11.4), (196, 8, 8), (198.5, 3, 3)]  # fmt: skip
    bottle = Solid(
        tuple(rows),
        ((0, stuff("#f5b324", rough=0.04, clear=0.97, gloss=1.9)),
            (107, stuff("#f7d68a", rough=0.04, clear=0.97, gloss=2.2)), (131.5, stuff("#d9b676", rough=0.2, metal=1.0)),
         (158.5, stuff("#f6f0e4", rough=0.42))),
        label=_label((80, 96), print_label), label_box=(-40, 6, 40, 102),
    )  # fmt: skip
    return [(bottle, 0, 0)]


def _mask() -> list[tuple[Solid, float, float]]:
    def water(canvas: Any, w: float, h: float) -> None:
        canvas.drawRect(
            skia.Rect(0, 0, w, h), _gradient(((0, 0), (w * 0.4, h)), [0xFFF7FCFD, 0xFFCBE9F0, 0xFF7FC3D8])
        )
        rng = np.random.default_rng(3)
        for _ in range(46):
            x, y = rng.uniform(0, w), h * (0.5 + 0.5 * rng.random() ** 0.7)
            r = rng.uniform(0.6, 5.2)
            canvas.drawCircle(x, y, r, skia.Paint(AntiAlias=True, Color=0x30FFFFFF))
            canvas.drawCircle(x, y, r, skia.Paint(AntiAlias=True, Color=0x90FFFFFF, StrokeWidth=0.4,
                                                  Style=skia.Paint.kStroke_Style))  # fmt: skip
            canvas.drawCircle(
                x - r * 0.3, y - r * 0.35, r * 0.22, skia.Paint(AntiAlias=True, Color=0xDDFFFFFF)
            )

    def box(canvas: Any) -> None:
        water(canvas, 116, 160)
        mark(canvas, (58, 36), 17, 0xFF1F6E8C)
        write(canvas, "玻尿酸补水面膜", (58, 79), 12.2, 0xFF174E66, bold=True, spacing=1.2)
        write(canvas, "HYALURONIC MASK", (58, 91), 5.6, 0xFF2C6B84, spacing=1.2)
        write(canvas, "1盒5片", (58, 148), 7, 0xFFFFFFFF, bold=True, spacing=0.6)

    def side(canvas: Any) -> None:
        canvas.drawRect(skia.Rect(0, 0, 34, 160), _gradient(((0, 0), (0, 160)), [0xFF9FD3E1, 0xFF4F9DB8]))
        mark(canvas, (17, 30), 8, 0xFFFFFFFF)

    def sachet(canvas: Any) -> None:
        water(canvas, 84, 112)
        mark(canvas, (42, 30), 12, 0xFF1F6E8C)
        write(canvas, "玻尿酸补水面膜", (42, 58), 8.4, 0xFF174E66, bold=True, spacing=0.7)

    carton = stuff("#e9f5f8", rough=0.3)
    return [
        (Solid(((0, 57.6, 16.6), (0.5, 58, 17), (159.5, 58, 17), (160, 57.6, 16.6)), ((0, carton),), power=26, yaw=24,
               label=_label((116, 160), box), label_box=(-58, 0, 58, 160), side_label=_label((34, 160), side),
               side_box=(-17, 0, 17, 160)), -16, 0),
        (Solid(((0, 41, 0.5), (2, 42, 1.0), (12, 42, 1.8), (56, 42, 5.2), (100, 42, 1.8), (110, 42, 1.0), (112, 41, 0.5)),
               ((0, stuff("#dfe9ec", rough=0.2, metal=0.35)),), power=4.5, yaw=-14,
               label=_label((84, 112), sachet), label_box=(-42, 0, 42, 112), label_metal=0.12), 40, -15),
    ]  # fmt: skip


def _sunscreen() -> list[tuple[Solid, float, float]]:
    def print_label(canvas: Any) -> None:
        mark(canvas, (40, 26), 12.5, 0xFFD98A2B)
        write(canvas, "水感防晒乳", (40, 60), 12, 0xFF3D5A6C, bold=True, spacing=1.4)
        write(canvas, "SPF50+  PA+++", (40, 75), 7.2, 0xFFD98A2B, bold=True, spacing=0.4)
        write(canvas, "50ml", (40, 128), 6, 0xFF5B7686, spacing=0.5)
        for i in range(4):
            line = skia.Paint(AntiAlias=True, Color=0xCCE9A94D, StrokeWidth=1.0)
            canvas.drawLine(28 - i * 2, 92 + i * 6, 52 + i * 2, 92 + i * 6, line)

    rows = [(0, 34, 17), (1.5, 37, 20), (4, 38.6, 21.4), (120, 38.6, 21.4), (130, 37, 20.4), (137, 32, 18.6),
            (141, 24, 17.4), (142, 21, 17.2), (143, 21.5, 17.8), (144, 21.8, 18), (178, 21, 17.3), (180.5, 19.6, 16),
            (181.6, 16, 13)]  # fmt: skip
    bottle = Solid(
        tuple(rows),
        ((0, stuff("#fbfaf4", rough=0.2)), (142.5, stuff("#f2b14a", rough=0.24))),
        power=2.4, yaw=-12, smooth=2.0, label=_label((80, 136), print_label), label_box=(-38, 2, 38, 134),
    )  # fmt: skip
    return [(bottle, 0, 0)]


def _melatonin() -> list[tuple[Solid, float, float]]:
    def print_label(canvas: Any) -> None:
        canvas.drawRect(skia.Rect(0, 0, 190, 92), _gradient(((0, 0), (0, 92)), [0xFFF7F3FA, 0xFFE3DDF0]))
        canvas.drawRect(skia.Rect(0, 70, 190, 92), _gradient(((0, 70), (0, 92)), [0xFF51478F, 0xFF3B3275]))
        canvas.drawRect(skia.Rect(0, 69, 190, 70), skia.Paint(Color=0xFFC9A961))
        mark(canvas, (95, 18), 11.5, 0xFF4A4088)
        write(canvas, "褪黑素维生素B6片", (95, 47), 9.6, 0xFF2F2960, bold=True, spacing=0.4)
        write(canvas, "MELATONIN & B6", (95, 59), 5.2, 0xFF6A62A0, spacing=0.9)
        write(canvas, "60片", (95, 84), 8, 0xFFFFFFFF, bold=True, spacing=1)

    rows = [(0, 40, 40), (1.5, 43, 43), (5, 45, 45), (104, 45, 45), (112, 43.4, 43.4), (119, 39, 39), (124, 34, 34),
            (126, 33, 33), (126.6, 37, 37), (128, 38, 38), (158, 37.4, 37.4), (160.5, 36, 36), (161.4, 33, 33)]  # fmt: skip
    jar = Solid(
        tuple(rows),
        ((0, stuff("#3d357e", rough=0.1)), (126.3, stuff("#f1eee8", rough=0.36))),
        label=_label((190, 92), print_label), label_box=(-95, 10, 95, 102),
    )  # fmt: skip
    return [(jar, 0, 0)]


def _tea() -> list[tuple[Solid, float, float]]:
    def front(canvas: Any) -> None:
        canvas.drawRect(skia.Rect(0, 0, 112, 156), _gradient(((0, 0), (60, 156)), [0xFFA8322A, 0xFF7C1D1E]))
        gold = skia.Paint(AntiAlias=True, Color=0xFFDDB877, Style=skia.Paint.kStroke_Style, StrokeWidth=0.8)
        canvas.drawRect(skia.Rect(6, 6, 106, 150), gold)
        gold.setStrokeWidth(0.35)
        canvas.drawRect(skia.Rect(8.4, 8.4, 103.6, 147.6), gold)
        canvas.drawRect(skia.Rect(36, 18, 76, 122), skia.Paint(AntiAlias=True, Color=0xFFF6E9CF))
        mark(canvas, (56, 35), 11.5, 0xFF9A2A25)
        for i, character in enumerate("桂圆红枣枸杞茶"):
            write(canvas, character, (56, 62 + i * 9.4), 8.8, 0xFF5A1B16, bold=True, serif=True)
        write(canvas, "10g×15袋", (56, 138), 7.4, 0xFFF1D9A6, spacing=0.5)

    def side(canvas: Any) -> None:
        canvas.drawRect(skia.Rect(0, 0, 64, 156), _gradient(((0, 0), (0, 156)), [0xFF8C2522, 0xFF641617]))
        mark(canvas, (32, 40), 13, 0xFFDDB877)

    box = Solid(((0, 55.5, 31.5), (0.6, 56, 32), (155.4, 56, 32), (156, 55.5, 31.5)),
                ((0, stuff("#8c2522", rough=0.34)),), power=28, yaw=27,
                label=_label((112, 156), front), label_box=(-56, 0, 56, 156),
                side_label=_label((64, 156), side), side_box=(-32, 0, 32, 156))  # fmt: skip
    items: list[tuple[Solid, float, float]] = [(box, -22, 0)]
    items.append((cup(), 58, -16))
    for x, z, yaw, r in ((4, -38, 20, 9.5), (26, -44, 80, 9.0), (-16, -45, 130, 8.6)):
        items.append((jujube(r, yaw), x, z))
    for i in range(7):
        items.append((goji(i), 40 + 9 * i - 4 * (i % 3), -42 - 5 * ((i * 5) % 3)))
    return items


def cup(glaze: str = "#f4efe4", tea: str = "#8a3512") -> Solid:
    """A small porcelain cup of tea."""
    rows = ((0, 13, 13), (2, 14.5, 14.5), (5, 14.5, 14.5), (7, 18, 18), (14, 25, 25), (24, 30, 30), (35, 32.5, 32.5),
            (40, 33.4, 33.4), (40.6, 33, 33))  # fmt: skip
    body = stuff(glaze, rough=0.12)
    return Solid(rows, ((0, body), (39.8, stuff(tea, rough=0.08, gloss=0.7))), smooth=2.2, lip=body)


def jujube(radius: float, yaw: float) -> Solid:
    """A dried red date lying on its side."""
    rows = tuple(
        (radius * 0.8 * (1 - np.cos(np.pi * i / 24)), radius * 1.35 * np.sin(np.pi * i / 24) + 0.05,
         radius * np.sin(np.pi * i / 24) + 0.05)
        for i in range(25)
    )  # fmt: skip
    return Solid(
        tuple((float(a), float(b), float(c)) for a, b, c in rows),
        ((0, stuff("#7a1712", rough=0.3)),),
        yaw=yaw,
    )


def goji(index: int) -> Solid:
    """A goji berry."""
    rows = tuple(
        (2.4 * (1 - float(np.cos(np.pi * i / 16))), 5.6 * float(np.sin(np.pi * i / 16)) + 0.05,
         2.5 * float(np.sin(np.pi * i / 16)) + 0.05)
        for i in range(17)
    )  # fmt: skip
    return Solid(rows, ((0, stuff("#c2341c", rough=0.26)),), yaw=37.0 * index)


_PACKS: dict[str, Callable[[], list[tuple[Solid, float, float]]]] = {
    "cleanser-01": _cleanser,
    "serum-02": _serum,
    "mask-03": _mask,
    "sunscreen-04": _sunscreen,
    "melatonin-06": _melatonin,
    "tea-08": _tea,
}


# ---- putting things down ----------------------------------------------------------------------


def stand(
    ground: Image, solid: Solid, scale: float, foot: tuple[float, float], studio: Studio,
    *, tilt_deg: float = 8.0, shadow: float = 0.5, reflection: float = 0.16,
) -> None:  # fmt: skip
    """Render `solid` with its foot at `foot` (pixels) on `ground`, with shadow and reflection."""
    image, (ax, ay) = render(solid, scale, studio, tilt_deg)
    h = image.shape[0]
    x, y = round(foot[0] - ax), round(foot[1] - ay)
    alpha = np.ascontiguousarray(image[..., 3])
    height = h / scale
    _cast(ground, alpha, (ax, ay), foot, scale, height, shadow)
    if reflection > 0:
        below = np.ascontiguousarray(image[::-1])
        fade = np.clip(1 - np.arange(h, dtype=np.float32) / (0.5 * h), 0, 1) ** 1.5
        below = optics.soften(below * fade[:, None, None] * reflection, 1.3 * scale)
        base = round(solid.rows[0][2] * np.sin(np.radians(tilt_deg)) * scale)
        optics.over(ground, below, (x, round(foot[1] + base * 2 - (h - ay))))
    optics.over(ground, image, (x, y))


def _cast(
    ground: Image, alpha: Image, anchor: tuple[float, float], foot: tuple[float, float], scale: float,
    height: float, strength: float,
) -> None:  # fmt: skip
    """Two shadows: long and soft away from the key light, short and dark where things touch."""
    gh, gw = ground.shape[:2]
    shear, squash = 0.72, 0.20
    move = np.array(
        [[1, -shear, foot[0] - anchor[0] + shear * anchor[1]], [0, squash, foot[1] - squash * anchor[1]]],
        np.float32,
    )
    laid = np.asarray(cv2.warpAffine(alpha, move, (gw, gh)), np.float32)
    long = optics.soften(laid, (3 + 0.035 * height) * scale)
    ground[..., :3] *= 1 - strength * 0.62 * np.clip(long, 0, 1)[..., None]
    row = alpha[min(int(anchor[1]), alpha.shape[0] - 1)]
    half = max(2.0, float((row > 0.5).sum()) / 2)
    touch = np.zeros((gh, gw), np.float32)
    axes = (int(half * 1.02), int(max(2.0, half * 0.20)))
    cv2.ellipse(touch, (round(foot[0] + 1.5 * scale), round(foot[1] + 0.5 * scale)), axes, 0, 0, 360, 1.0, -1)
    touch = optics.soften(touch, 2.6 * scale) * 0.75 + optics.soften(touch, 8 * scale) * 0.45
    ground[..., :3] *= 1 - strength * np.clip(touch, 0, 1)[..., None]


def arrange(ground: Image, product: str, scale: float, foot: tuple[float, float], studio: Studio = STUDIO,
            *, size: float = 1.0, shadow: float = 0.5, reflection: float = 0.16) -> None:  # fmt: skip
    """Put a product's pack (all its pieces, far ones first) on `ground`; scale includes `size`."""
    s = scale * size
    for solid, x, z in sorted(_PACKS[product](), key=lambda item: -item[2]):
        at = (foot[0] + x * s, foot[1] - z * 0.42 * s)
        stand(ground, solid, s, at, studio, shadow=shadow, reflection=reflection)


_SWEEPS = {
    "cleanser-01": ("#e9f4ef", "#b9ddd0", 1.62, -2),
    "serum-02": ("#fbf0dc", "#e8c48b", 2.0, 0),
    "mask-03": ("#eaf6fa", "#a9d4e2", 1.86, 6),
    "sunscreen-04": ("#fdf6e6", "#c6e0ea", 1.86, 0),
    "melatonin-06": ("#e6e2f3", "#8f86bd", 2.0, 0),
    "tea-08": ("#f7e7d2", "#cf9a6b", 1.86, 2),
}


def draw_product(product: str, size: int = 480, supersample: int = 3) -> Bytes:
    """The product's square picture (RGBA, opaque) on a soft gradient with shadow and reflection."""
    light, deep, zoom, shift = _SWEEPS[product]
    n = size * supersample
    unit = n / 480
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32) / unit
    pool = np.exp(-(((xx - 205) / 240) ** 2 + ((yy - 205) / 250) ** 2))[..., None]
    floor = np.clip((yy - 318) / 70, 0, 1)[..., None]
    floor = floor * floor * (3 - 2 * floor)
    ground = optics.linear(deep) * (1 - pool) * 0.86 + optics.linear(light) * pool * 1.02
    ground = ground * (1 - 0.12 * floor) + optics.linear(light) * 0.10 * floor
    ground = np.ascontiguousarray(ground, np.float32)
    arrange(
        ground, product, unit, ((240 + shift) * unit, 412 * unit), size=zoom, shadow=0.55, reflection=0.22
    )
    ground = optics.bloom(ground, unit, 0.10)
    picture = optics.develop(ground, 11, vignette=0.10, grain=0.004)
    return optics.reduce(picture, (size, size))
