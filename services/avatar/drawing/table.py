"""The table in front of each host, with that persona's goods standing on it.

A table is drawn over a whole canvas so that light and shadow agree with the set, then cropped to
where it is opaque. Its back edge lies at `BACK_Y`; a viewer looks down on it at a slight angle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import skia

from services.avatar.drawing import optics
from services.avatar.drawing.foliage import blossom, leaf, shade, spray
from services.avatar.drawing.optics import Bytes, Image
from services.avatar.drawing.products import arrange, cup, stand, stuff
from services.avatar.drawing.set_evening import wood
from services.avatar.drawing.solids import Solid, Studio

BACK_Y = 1000.0
HORIZON_Y = 560.0
MORNING = Studio(
    key=(1.45, 1.42, 1.34), rim=(0.8, 0.95, 1.1), sky=(0.66, 0.70, 0.70), floor=(0.62, 0.64, 0.62)
)
EVENING = Studio(key=(1.35, 0.98, 0.58), rim=(0.42, 0.52, 0.85), sky=(0.26, 0.21, 0.17), floor=(0.30, 0.19, 0.11),
                 dark=(0.05, 0.035, 0.03), reflections=0.8)  # fmt: skip
TANG = Studio(key=(1.40, 1.08, 0.74), rim=(0.55, 0.58, 0.75), sky=(0.34, 0.25, 0.21), floor=(0.36, 0.12, 0.08),
              dark=(0.08, 0.03, 0.02), reflections=0.9)  # fmt: skip


def _plane(texture: Image, scale: float, tile: float) -> Image:
    """`texture` laid on the table's top in perspective, as an opaque canvas below the back edge."""
    h, w = round(1280 * scale), round(720 * scale)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32) / scale
    depth = 640.0 / np.maximum(yy - HORIZON_Y, 1.0)
    th, tw = texture.shape[:2]
    u = ((xx - 360) * depth / tile + 0.5) * tw
    v = ((3.2 - depth * 1.5) * 360 / tile) * th
    laid = cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    out = np.asarray(laid, np.float32)
    out[..., 3] = np.clip((yy - BACK_Y) * scale + 0.5, 0, 1)
    out[..., :3] *= out[..., 3:]
    return out


def _marble(scale: float) -> Image:
    h, w = round(900 * scale), round(900 * scale)
    warp = optics.noise((h, w), (260 * scale, 260 * scale), 91, 5)
    fine = optics.noise((h, w), (90 * scale, 90 * scale), 92, 5)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32) / scale
    vein = np.abs(np.sin((xx * 0.5 + yy * 0.9) / 120 + warp * 3.4))
    thin = np.exp(-vein * 26) * 0.5 + np.exp(-np.abs(fine + warp * 0.6) * 24) * 0.22
    tone = np.clip(0.94 + 0.05 * warp - 0.62 * thin, 0, 1)[..., None]
    colour = tone * np.array([0.80, 0.835, 0.815], np.float32) + (1 - tone) * np.array(
        [0.42, 0.52, 0.49], np.float32
    )
    return np.dstack([colour, np.ones((h, w), np.float32)]).astype(np.float32)


def _lacquer(scale: float) -> Image:
    """Red lacquer with a runner of gold brocade down its middle."""
    side = round(900 * scale)
    cloud = optics.noise((side, side), (300 * scale, 300 * scale), 14, 4)
    colour = optics.linear("#741611") * (1 + 0.14 * cloud[..., None])
    out = np.dstack([colour, np.ones((side, side), np.float32)]).astype(np.float32)
    unit = side / 760
    half = 190.0

    def cloth(canvas: Any) -> None:
        canvas.translate(380, 0)
        canvas.clipRect(skia.Rect(-half, 0, half, 760))
        silk = skia.GradientShader.MakeLinear([(-half, 0), (half, 0)], [0xFFA97A30, 0xFFC99A4A, 0xFFB5853A])
        canvas.drawRect(skia.Rect(-half, 0, half, 760), skia.Paint(Shader=silk))
        for shift, tone in ((1.2, 0x66F3D492), (0.0, 0x88804E17)):
            ink = skia.Paint(AntiAlias=True, Color=tone, Style=skia.Paint.kStroke_Style, StrokeWidth=1.7)
            for row in range(-1, 13):
                for column in range(-3, 4):
                    _roundel(canvas, ((column + (row % 2) / 2) * 76 + shift, row * 62 + shift), 26, ink)
        for sign in (-1, 1):
            for inset, width, tone in ((9, 18, 0xFF6A1510), (18.5, 2.4, 0xFFF0CF86), (3, 2.0, 0xFFF0CF86)):
                x = sign * (half - inset)
                canvas.drawLine(x, 0, x, 760, skia.Paint(AntiAlias=True, Color=tone, StrokeWidth=width))

    layer = optics.paint(cloth, unit, (760, 760))
    weave = optics.noise((side, side), (2.2 * scale, 70 * scale), 71, 2)
    folds = optics.noise((side, side), (170 * scale, 900 * scale), 72, 3)
    layer[..., :3] *= (1 + 0.10 * weave + 0.16 * folds)[: layer.shape[0], : layer.shape[1], None]
    optics.over(out, layer)
    return out


def _roundel(canvas: Any, at: tuple[float, float], radius: float, ink: Any) -> None:
    """A woven roundel (团花): a ring of petals about a flower."""
    canvas.save()
    canvas.translate(*at)
    canvas.drawCircle(0, 0, radius, ink)
    canvas.drawCircle(0, 0, radius * 0.2, ink)
    for _ in range(8):
        canvas.rotate(45)
        canvas.drawOval(skia.Rect(radius * 0.24, -radius * 0.17, radius * 0.62, radius * 0.17), ink)
        canvas.drawOval(skia.Rect(radius * 0.66, -radius * 0.26, radius * 0.96, radius * 0.26), ink)
    canvas.restore()
    for dx in (-38, 38):
        x, y = at[0] + dx, at[1]
        canvas.drawLine(x - 6, y, x, y - 6, ink)
        canvas.drawLine(x, y - 6, x + 6, y, ink)
        canvas.drawLine(x + 6, y, x, y + 6, ink)
        canvas.drawLine(x, y + 6, x - 6, y, ink)


def _light(image: Image, scale: float, key: tuple[float, float, float], floor: float) -> None:
    """Key light from upper left, the host's soft shadow at the back, a lens that drops the front."""
    h, w = image.shape[:2]
    pool = optics.glow((h, w), scale, (150, 1010), (520, 330))[..., None]
    host = optics.glow((h, w), scale, (372, BACK_Y - 4), (215, 46))[..., None]
    image[..., :3] *= (floor + (1 - floor) * pool * np.array(key, np.float32)) * (1 - 0.55 * host)


def _edge(image: Image, scale: float, colour: tuple[float, float, float]) -> None:
    """The bright line where the table's back edge catches the light."""
    h, w = image.shape[:2]
    yy = np.arange(h, dtype=np.float32)[:, None, None] / scale
    line = np.exp(-(((yy - BACK_Y - 1.6) / 1.5) ** 2))
    across = np.clip(1 - np.abs(np.arange(w, dtype=np.float32) / scale - 110) / 620, 0.1, 1)[None, :, None]
    image[..., :3] += line * across * np.array(colour, np.float32) * image[..., 3:]


def _sheen(image: Image, scale: float, at: tuple[float, float], colour: tuple[float, float, float]) -> None:
    """The set's light mirrored in a polished top."""
    h, w = image.shape[:2]
    image[..., :3] += (
        optics.glow((h, w), scale, at, (130, 210), 1.7)[..., None]
        * np.array(colour, np.float32)
        * image[..., 3:]
    )


def _foreground(image: Image, scale: float) -> None:
    """The nearest part of the table is a little out of focus."""
    h = image.shape[0]
    yy = np.arange(h, dtype=np.float32)[:, None, None] / scale
    share = np.clip((yy - 1175) / 90, 0, 1)
    image[:] = image * (1 - share) + optics.lens_blur(image, 4 * scale) * share


def _morning(scale: float) -> Image:
    top = _plane(_marble(scale), scale, 760)
    _light(top, scale, (1.08, 1.05, 0.98), 0.86)
    _sheen(top, scale, (160, 1030), (0.16, 0.16, 0.15))
    _edge(top, scale, (0.5, 0.5, 0.48))

    def put(product: str, x: float, y: float, size: float) -> None:
        arrange(top, product, scale, (x * scale, y * scale), MORNING, size=size, shadow=0.42, reflection=0.20)

    put("sunscreen-04", 158, 1072, 0.90)
    put("serum-02", 232, 1112, 0.86)
    put("cleanser-01", 78, 1118, 1.05)
    put("mask-03", 618, 1090, 0.98)
    rng = np.random.default_rng(64)
    sprig = optics.paint(lambda c: spray(c, (392, 1206), -10, 190, 13, 0xFF9CC4AC, rng), scale)
    dark = optics.soften(
        np.roll(np.ascontiguousarray(sprig[..., 3]), (round(6 * scale), round(7 * scale)), (0, 1)), 4 * scale
    )
    top[..., :3] *= 1 - 0.34 * dark[..., None]
    optics.over(top, sprig)
    return top


def _pot() -> list[Solid]:
    body = ((0, 24, 24), (2, 27, 27), (4, 30, 30), (16, 45, 45), (32, 52, 52), (48, 50, 50), (62, 39, 39), (70, 29, 29),
            (72, 30, 30), (75, 29, 29), (80, 20, 20), (84, 8, 8), (86, 6, 6), (92, 9, 9), (97, 7, 7), (99, 2, 2))  # fmt: skip
    return [Solid(body, ((0, stuff("#7c4026", rough=0.34)),), smooth=1.6)]


def _tube(canvas: Any, path: Any, thick: tuple[float, float], colour: int) -> None:
    """A rounded tube along a path, from one radius to another, lit from upper left."""
    measure = skia.PathMeasure(path, False)
    length = measure.getLength()
    for i in range(121):
        t = i / 120
        r = thick[0] + (thick[1] - thick[0]) * t**0.8
        point, _ = measure.getPosTan(length * t)
        tones = [shade(colour, 1.75), colour, shade(colour, 0.34)]
        light = skia.GradientShader.MakeRadial((point.x() - r * 0.35, point.y() - r * 0.5), r * 1.5, tones)
        canvas.drawCircle(point.x(), point.y(), r, skia.Paint(AntiAlias=True, Shader=light))


def _spout(canvas: Any) -> None:
    """The teapot's spout and handle; its body is a solid."""
    spout = skia.Path()
    spout.moveTo(-34, -32)
    spout.cubicTo(-66, -30, -58, -62, -82, -76)
    _tube(canvas, spout, (17, 5.0), 0xFF7C4026)
    canvas.save()
    canvas.translate(-83, -77.5)
    canvas.rotate(-52)
    canvas.drawOval(skia.Rect(-5.6, -2.4, 5.6, 2.4), skia.Paint(AntiAlias=True, Color=0xFF9A5736))
    canvas.drawOval(skia.Rect(-4.0, -1.4, 4.0, 1.4), skia.Paint(AntiAlias=True, Color=0xFF2A120A))
    canvas.restore()
    loop = skia.Path()
    loop.moveTo(40, -64)
    loop.cubicTo(98, -80, 92, -14, 42, -20)
    _tube(canvas, loop, (5.4, 4.8), 0xFF7C4026)


def _evening(scale: float) -> Image:
    h, w = round(900 * scale), round(900 * scale)
    top = _plane(wood((h, w), scale, 33, ("#3c2214", "#7d4c2a"), upright=False), scale, 760)
    _light(top, scale, (1.25, 0.92, 0.58), 0.20)
    _sheen(top, scale, (120, 1040), (0.24, 0.13, 0.05))
    _sheen(top, scale, (600, 1040), (0.012, 0.018, 0.04))
    _edge(top, scale, (0.42, 0.24, 0.10))

    def put(product: str, x: float, y: float, size: float) -> None:
        arrange(top, product, scale, (x * scale, y * scale), EVENING, size=size, shadow=0.72, reflection=0.14)

    put("tea-08", 104, 1092, 1.02)
    put("melatonin-06", 232, 1108, 0.78)

    def extras(canvas: Any) -> None:
        canvas.translate(588, 1098)
        canvas.scale(1.12, 1.12)
        _spout(canvas)

    pieces = optics.paint(extras, scale)
    pieces[..., :3] *= np.array([1.0, 0.80, 0.56], np.float32)
    optics.over(top, pieces)
    for solid in _pot():
        stand(top, solid, scale * 1.12, (588 * scale, 1098 * scale), EVENING, shadow=0.7, reflection=0.14)
    stand(
        top, cup("#d9cdb4"), scale * 0.92, (668 * scale, 1140 * scale), EVENING, shadow=0.7, reflection=0.12
    )
    stand(
        top, cup("#d9cdb4"), scale * 0.92, (498 * scale, 1152 * scale), EVENING, shadow=0.7, reflection=0.12
    )
    steam = np.zeros(top.shape, np.float32)
    yy, xx = np.mgrid[0 : top.shape[0], 0 : top.shape[1]].astype(np.float32) / scale
    for x, y in ((668, 1100), (498, 1112)):
        rise = np.clip((y - yy) / 130, 0, 1)
        sway = x + 10 * np.sin((y - yy) / 24) * rise
        wisp = (
            np.exp(-(((xx - sway) / (5 + 16 * rise)) ** 2))
            * np.clip((y - yy) / 14, 0, 1)
            * (1 - rise) ** 1.5
            * 0.13
        )
        steam = np.maximum(steam, np.dstack([wisp * 0.95, wisp * 0.86, wisp * 0.75, wisp]))
    optics.over(top, optics.soften(steam, 3 * scale))
    return top


def _tangzhuang(scale: float) -> Image:
    top = _plane(_lacquer(scale), scale, 760)

    _light(top, scale, (1.25, 1.0, 0.7), 0.30)
    _sheen(top, scale, (90, 1040), (0.20, 0.07, 0.035))
    _sheen(top, scale, (640, 1050), (0.07, 0.03, 0.02))
    _edge(top, scale, (0.6, 0.38, 0.15))

    def put(product: str, x: float, y: float, size: float) -> None:
        arrange(top, product, scale, (x * scale, y * scale), TANG, size=size, shadow=0.66, reflection=0.16)

    put("tea-08", 118, 1096, 1.08)
    box = ((0, 40, 40), (2, 44, 44), (6, 46, 46), (26, 47, 47), (27.5, 48.5, 48.5), (29, 48.5, 48.5), (30.5, 47, 47),
           (40, 45, 45), (50, 36, 36), (56, 22, 22), (58, 10, 10), (60, 6, 6), (66, 7, 7), (70, 4, 4), (71, 1, 1))  # fmt: skip
    parts = ((0, stuff("#cfe3da", rough=0.14)), (26.5, stuff("#d8a94e", rough=0.2, metal=1.0)),
             (30.5, stuff("#cfe3da", rough=0.14)), (58, stuff("#d8a94e", rough=0.2, metal=1.0)))  # fmt: skip
    stand(
        top,
        Solid(box, parts, smooth=1.5),
        scale * 1.02,
        (604 * scale, 1094 * scale),
        TANG,
        shadow=0.66,
        reflection=0.2,
    )
    stand(
        top, cup("#d7e6dd", "#a5672a"), scale, (676 * scale, 1142 * scale), TANG, shadow=0.66, reflection=0.16
    )
    rng = np.random.default_rng(9)

    def petals(canvas: Any) -> None:
        for x, y, r in ((506, 1150, 15), (540, 1176, 11), (226, 1172, 13)):
            canvas.save()
            canvas.translate(x, y)
            canvas.scale(1, 0.6)
            blossom(canvas, (0, 0), r, 0xFFF0A3A8, rng)
            canvas.restore()
        for _ in range(9):
            leaf(
                canvas,
                (rng.uniform(190, 560), rng.uniform(1100, 1240)),
                rng.uniform(0, 360),
                10,
                7,
                0xFFF2B4B4,
            )

    fallen = optics.paint(petals, scale)
    dark = optics.soften(
        np.roll(np.ascontiguousarray(fallen[..., 3]), (round(4 * scale), round(4 * scale)), (0, 1)),
        2.4 * scale,
    )
    top[..., :3] *= 1 - 0.5 * dark[..., None]
    fallen[..., :3] *= 0.8
    optics.over(top, fallen)
    return top


TABLES: dict[str, Callable[[float], Image]] = {
    "morning": _morning,
    "evening": _evening,
    "tangzhuang": _tangzhuang,
}


def draw_table(name: str, scale: float = 2.0) -> tuple[Bytes, tuple[int, int]]:
    """The table called `name` (straight RGBA, cropped) and where its corner lies, in pixels at `scale`."""
    image = TABLES[name](scale)
    _foreground(image, scale)
    image = optics.bloom(image, scale, 0.10)
    image[..., :3] *= image[..., 3:] > 0
    vignette = 0.06 if name == "morning" else 0.22
    pixels = optics.develop(image, seed=40 + len(name), vignette=vignette, grain=0.005)
    first = int(np.flatnonzero(pixels[..., 3].any(axis=1))[0])
    return np.ascontiguousarray(pixels[first:]), (0, first)
