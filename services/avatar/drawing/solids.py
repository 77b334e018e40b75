"""Packs, bottles and cups as lit solids: a stack of cross-sections met by one ray a pixel.

A solid is rows of (height, half width, half depth) from its foot up; its cross-section is a
superellipse (2 is round, large is a box), turned by `yaw`. Light is a small photo studio: a
large warm soft box at upper left, a thin cool strip at the right behind, a top light, a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.avatar.drawing.optics import Image

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Stuff:
    """What a part is made of. `clear` is how much light passes (glass), tinted by `colour`."""

    colour: tuple[float, float, float]
    rough: float = 0.25
    metal: float = 0.0
    gloss: float = 1.0
    clear: float = 0.0
    glow: float = 0.0


@dataclass(frozen=True)
class Studio:
    """The light that falls on the solids (linear, relative)."""

    key: tuple[float, float, float] = (1.55, 1.46, 1.32)
    rim: tuple[float, float, float] = (0.75, 0.92, 1.15)
    sky: tuple[float, float, float] = (0.52, 0.54, 0.58)
    floor: tuple[float, float, float] = (0.42, 0.40, 0.38)
    dark: tuple[float, float, float] = (0.10, 0.10, 0.11)
    reflections: float = 1.0


@dataclass(frozen=True)
class Solid:
    """A body. `parts` are (from height, stuff), lowest first; `label` is straight RGBA, linear
    colour, stretched over `label_box` = (arc left, bottom, arc right, top) of its front."""

    rows: tuple[tuple[float, float, float], ...]
    parts: tuple[tuple[float, Stuff], ...]
    power: float = 2.0
    yaw: float = 0.0
    label: Image | None = None
    label_box: tuple[float, float, float, float] = (0, 0, 0, 0)
    side_label: Image | None = None
    side_box: tuple[float, float, float, float] = (0, 0, 0, 0)
    label_metal: float = 0.0
    smooth: float = 0.8
    lip: Stuff | None = None


def _table(solid: Solid, steps: int) -> tuple[Image, Image, Image, float, float]:
    rows = np.array(solid.rows, np.float32)
    low, top = float(rows[0, 0]), float(rows[-1, 0])
    ys = np.linspace(low, top, steps, dtype=np.float32)
    sigma = solid.smooth * steps / (top - low)
    reach = max(1, int(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)

    def column(i: int) -> Image:
        values = np.interp(ys, rows[:, 0], rows[:, i])
        rounded = np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
        return np.asarray(rounded, np.float32)

    return ys, column(1), column(2), low, top


def _smooth(low: float, high: float, value: Image) -> Image:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _box(az: Image, el: Image, span: tuple[float, float, float, float], edge: float | Image) -> Image:
    a0, a1, e0, e1 = span

    def side(v: Image, at: float, sign: float) -> Image:
        t = np.clip(sign * (v - at) / edge * 0.5 + 0.5, 0, 1)
        return np.asarray(t * t * (3 - 2 * t), np.float32)

    return side(az, a0, 1) * side(az, a1, -1) * side(el, e0, 1) * side(el, e1, -1)


def _environment(direction: Image, rough: Image, studio: Studio) -> Image:
    """What a mirror sees in the studio along `direction`."""
    az = np.degrees(np.arctan2(direction[..., 0], direction[..., 2]))
    el = np.degrees(np.arcsin(np.clip(direction[..., 1], -1, 1)))
    edge = 5 + 55 * rough
    soft = _box(az, el, (-98, -38, -25, 62), edge) * 2.4
    card = _box(az, el, (38, 66, -30, 55), edge) * 0.34
    strip = _box(az, el, (96, 132, -40, 70), edge) * 2.0
    top = _box(el, el, (58, 200, -90, 200), edge) * 0.9
    up = _smooth(-0.3, 0.35, direction[..., 1])[..., None]
    base = up * np.array(studio.sky, np.float32) * 0.55 + (1 - up) * np.array(studio.floor, np.float32) * 0.8
    base = base * 0.8 + np.array(studio.dark, np.float32) * 0.4
    key, rim = np.array(studio.key, np.float32), np.array(studio.rim, np.float32)
    lit = (soft + card + top)[..., None] * key + strip[..., None] * rim * 1.3
    return np.asarray(base + lit * studio.reflections, np.float32)


def _sample(label: Image, box: tuple[float, float, float, float], u: Floats, v: Floats) -> Image:
    h, w = label.shape[:2]
    mx = ((u - box[0]) / (box[2] - box[0]) * w - 0.5).astype(np.float32)
    my = ((box[3] - v) / (box[3] - box[1]) * h - 0.5).astype(np.float32)
    count, wide = mx.size, 8192  # remap refuses rows longer than a short
    tall = -(-count // wide)
    mx, my = (np.pad(m.ravel(), (0, tall * wide - count)).reshape(tall, wide) for m in (mx, my))
    texels = cv2.remap(label, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(texels.reshape(-1, label.shape[2])[:count], np.float32)


def render(
    solid: Solid, scale: float, studio: Studio, tilt_deg: float = 6.0
) -> tuple[Image, tuple[float, float]]:
    """The solid as premultiplied linear RGBA, and where its foot's centre lies in the picture."""
    pad = 4.0
    ys, half_w, half_d, low, top = _table(solid, 1400)
    reach = float(max(half_w.max(), half_d.max())) * (1.45 if solid.power > 3 else 1.02)
    tilt = np.radians(tilt_deg)
    st, ct = float(np.sin(tilt)), float(np.cos(tilt))
    up_max, up_min = top * ct + reach * st + pad, low * ct - reach * st - pad
    w, h = int((2 * reach + 2 * pad) * scale), int((up_max - up_min) * scale)
    sx = ((np.arange(w, dtype=np.float32) + 0.5) / scale - reach - pad)[None, :].repeat(h, 0)
    su = (up_max - (np.arange(h, dtype=np.float32) + 0.5) / scale)[:, None].repeat(w, 1)
    cy, sy = float(np.cos(np.radians(solid.yaw))), float(np.sin(np.radians(solid.yaw)))
    last = len(ys) - 1
    inverse = last / (top - low)

    def inside(z: Image, x: Image, u: Image) -> Image:
        y = (u + z * st) / ct
        index = np.clip((y - low) * inverse, 0, last).astype(np.int32)
        lx, lz = x * cy - z * sy, x * sy + z * cy
        value = np.abs(lx / half_w[index]) ** solid.power + np.abs(lz / half_d[index]) ** solid.power - 1
        return np.asarray(np.where((y < low) | (y > top), 1.0, value), np.float32)

    steps = 150
    zs = np.linspace(reach, -reach, steps, dtype=np.float32)
    hit = np.full((h, w), np.nan, np.float32)
    todo = np.arange(h * w)
    fx, fu = sx.ravel(), su.ravel()
    flat = hit.ravel()
    for z in zs:
        value = inside(np.full(todo.shape, z, np.float32), fx[todo], fu[todo])
        found = value <= 0
        flat[todo[found]] = z
        todo = todo[~found]
    mask = ~np.isnan(flat)
    picked = np.flatnonzero(mask)
    near, far = flat[picked] + (zs[0] - zs[1]), flat[picked].copy()
    for _ in range(9):
        middle = (near + far) / 2
        within = inside(middle, fx[picked], fu[picked]) <= 0
        far = np.where(within, middle, far)
        near = np.where(within, near, middle)
    z, x, u = far, fx[picked], fu[picked]
    y = (u + z * st) / ct
    lx, lz = x * cy - z * sy, x * sy + z * cy
    position = np.clip((y - low) * inverse, 0, last).astype(np.int32)
    a, b = half_w[position], half_d[position]
    da, db = np.gradient(half_w, ys)[position], np.gradient(half_d, ys)[position]
    p = solid.power
    fxp, fzp = np.abs(lx / a) ** (p - 1) * np.sign(lx) / a, np.abs(lz / b) ** (p - 1) * np.sign(lz) / b
    fyp = -(np.abs(lx / a) ** p * da / a + np.abs(lz / b) ** p * db / b)
    nx, ny, nz = fxp * cy + fzp * sy, fyp, -fxp * sy + fzp * cy
    on_top = y > top - 1.5 * (zs[0] - zs[1]) * st / ct - 0.4
    flat_top = on_top & (np.abs(lx / a) ** p + np.abs(lz / b) ** p < 0.97)
    nx, ny, nz = np.where(flat_top, 0, nx), np.where(flat_top, 1, ny), np.where(flat_top, 0, nz)
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
    normal = np.stack([nx / length, ny / length, nz / length], -1).astype(np.float32)

    colour = np.zeros((len(picked), 3), np.float32)
    rough, metal, gloss, clear, shine = (np.zeros(len(picked), np.float32) for _ in range(5))
    for start, stuff in solid.parts:
        here = y >= start - 1e-3
        colour[here] = stuff.colour
        rough[here], metal[here], gloss[here] = stuff.rough, stuff.metal, stuff.gloss
        clear[here], shine[here] = stuff.clear, stuff.glow
    if solid.lip is not None:
        ring = flat_top & (np.abs(lx / a) ** p + np.abs(lz / b) ** p > 0.80)
        colour[ring], rough[ring], gloss[ring] = solid.lip.colour, solid.lip.rough, solid.lip.gloss
    front = lz > 0
    boxy = p > 3
    arc = lx if boxy else np.arctan2(lx / a, lz / b).astype(np.float32) * a
    if solid.label is not None:
        faces = front & (np.abs(fzp) >= np.abs(fxp)) if boxy else front
        texel = _sample(solid.label, solid.label_box, arc, y)
        share = texel[:, 3:] * (faces & ~flat_top)[:, None]
        colour = colour * (1 - share) + texel[:, :3] * share
        metal = metal * (1 - share[:, 0]) + solid.label_metal * share[:, 0]
        clear = clear * (1 - share[:, 0])
        rough = rough * (1 - share[:, 0]) + 0.32 * share[:, 0]
    if solid.side_label is not None:
        faces = np.abs(fxp) > np.abs(fzp)
        sign = 1.0 if solid.yaw < 0 else -1.0
        texel = _sample(solid.side_label, solid.side_box, -sign * lz, y)
        share = texel[:, 3:] * (faces & ~flat_top)[:, None]
        colour = colour * (1 - share) + texel[:, :3] * share

    view = np.array([0, st, ct], np.float32)
    facing = np.clip(normal @ view, 0, 1)
    mirror = 2 * (normal @ view)[:, None] * normal - view
    key_dir = np.array([-0.62, 0.55, 0.56], np.float32)
    rim_dir = np.array([0.86, 0.25, -0.44], np.float32)
    key = np.clip((normal @ key_dir + 0.25) / 1.25, 0, 1)[:, None] * np.array(studio.key, np.float32) * 0.54
    rim = np.clip((normal @ rim_dir + 0.1) / 1.1, 0, 1)[:, None] * np.array(studio.rim, np.float32) * 0.42
    up = normal[:, 1:2] * 0.5 + 0.5
    ambient = up * np.array(studio.sky, np.float32) + (1 - up) * np.array(studio.floor, np.float32)
    foot = np.clip((y - low) / (0.10 * (top - low)), 0, 1)[:, None]
    light = key + rim + ambient * 0.5 * (0.55 + 0.45 * foot)
    seen = _environment(mirror, rough, studio)
    f0 = 0.055 * gloss[:, None] * (1 - metal[:, None]) + colour * metal[:, None]
    fresnel = (
        f0 + (1 - f0) * ((1 - facing) ** 5)[:, None] * (0.25 + 0.75 * (1 - rough))[:, None] * gloss[:, None]
    )
    body = colour * (1 - metal[:, None]) * light
    depth = np.clip(lz / b.max(), 0, 1)[:, None]
    edge = ((1 - facing) ** 1.6)[:, None]
    across = x / a
    focus = np.exp(-(((across - 0.52) / 0.26) ** 2)) * 0.85 + np.exp(-(((across + 0.1) / 0.5) ** 2)) * 0.25
    lift = 0.55 + 0.45 * np.clip((y - low) / (top - low) * 1.6, 0, 1)
    through = np.power(np.maximum(colour, 1e-3), 0.60 + 0.55 * depth) * ((0.80 + focus) * lift)[:, None]
    through = through * (1 - 0.8 * _smooth(0.62, 0.98, np.abs(across))[:, None] * 0.8)
    body = body * (1 - clear[:, None]) + through * clear[:, None]
    rgb = body + seen * fresnel + colour * shine[:, None]
    alpha = 1 - clear * 0.14 * (1 - edge[:, 0])
    out = np.zeros((h * w, 4), np.float32)
    out[picked, :3] = rgb * alpha[:, None]
    out[picked, 3] = alpha
    soft = cv2.GaussianBlur(out.reshape(h, w, 4), (0, 0), 0.6)  # the silhouette's one-bit edge
    return np.asarray(soft, np.float32), ((reach + pad) * scale, up_max * scale)
