"""From generated pictures to what each region's colour becomes: smooth fields, never their texture.

The generated pictures and the template are compared at the generated size, region by region and
cloth by cloth, so that whatever both share (blur, the codec's habits) falls out. What is left is the
change that the prompt asked for; it is smoothed inside the region, and its ripples are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.vision.backdrop import Backdrop, choose
from services.vision.colour import (
    Floats,
    linear,
    middle,
    smoothed,
    soft_range,
    to_lab,
    to_rgb,
)
from services.vision.template import GREY, Template


@dataclass(frozen=True, slots=True)
class Bounds:
    """How a region's field may vary: smoothing in plate pixels, and how far from its middle (L; a, b)."""

    sigma_px: float
    light: float
    chroma: float


BOUNDS = {
    "skin": Bounds(90, 5, 3),
    "hair": Bounds(70, 8, 6),
    "dress": Bounds(80, 9, 7),
    "set": Bounds(34, 40, 30),
}
LIGHT_SIGMA_PX = 160.0
UNDER_CLOTH = 0.32  # of the change that a white or grey cloth beside the main one takes: a tone of it
TEXTURE_SIGMA_PX = 14.0
LIGHT_LOG = (-0.7, 0.35)
OWN_CLOTH = 0.4  # of the dress: a cloth of less is a trim, and keeps its colour


@dataclass(frozen=True, slots=True)
class Field:
    """A region's colours on the plate: what the template's local colour is, and what it becomes (Lab)."""

    was: Floats  # (h, w, 3)
    becomes: Floats


@dataclass(frozen=True)
class Shifts:
    """Every region's field, the light on what keeps its own colour, and the generated set."""

    fields: dict[str, Field]
    light: Floats  # linear gain (h, w, 3) on the plate
    backdrop: Backdrop
    part: float  # 0..1: how much of the change is taken
    texture: Floats | None  # what a fine picture draws into light (L, about 0), on the plate


def low(template: Template, shape: tuple[int, int]) -> Floats:
    """The template's flat picture at a generated picture's size (rows, columns), RGB 0..1."""
    small: Floats = cv2.resize(template.flat, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return small


def shifts(
    template: Template,
    pictures: Floats,
    shown_as: Floats | None = None,
    *,
    part: float = 1.0,
    detail: bool = False,
) -> Shifts:
    """The fields that turn `template` into what `pictures` (n, h, w, 3; RGB 0..1) show of it.

    `shown_as` is the template as the generator itself shows it (through its codec), if it can; `part` (0..1)
    is how much of the change is taken; with `detail` the pictures are fine enough to lend the set and the
    dress their own drawing.
    """
    height, width = pictures.shape[1:3]
    after = to_lab(pictures.mean(axis=0))
    before = to_lab(low(template, (height, width)) if shown_as is None else shown_as)
    plate = template.size
    fields: dict[str, Field] = {}
    dress = float(template.regions["dress"].mean())
    for name, seen in template.shown.items():
        kind = "dress" if name.startswith("dress") else name
        if kind not in BOUNDS or kind == "set":
            continue
        share = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)
        if kind == "dress" and name != "dress0" and float(seen.mean()) < OWN_CLOTH * dress:
            continue
        taken = part * (
            UNDER_CLOTH if name != "dress0" and kind == "dress" and _is_grey(template, seen) else 1
        )
        fields[name] = _field(after, before, share, BOUNDS[kind], plate, taken)
    main = fields.get("dress0")
    if main is not None:
        for name, seen in template.shown.items():
            if name.startswith("dress") and name not in fields:
                fields[name] = _trim(template, name, seen, main)
    behind = cv2.resize(template.shown["set"], (width, height), interpolation=cv2.INTER_AREA)
    own = _whole_set(template)
    own_low = to_lab(cv2.resize(own, (width, height), interpolation=cv2.INTER_AREA))
    backdrop = choose(own, own_low, after, behind, plate, detail=detail)
    fields["set"] = _field(after, backdrop.drawn_low, behind, BOUNDS["set"], plate, part)
    texture = _texture(after, plate) if detail else None
    return Shifts(fields, _light(template, after, before), backdrop, part, texture)


def _is_grey(template: Template, seen: Floats) -> bool:
    """Whether a cloth is white, grey or black."""
    own = middle(to_lab(template.flat), seen)
    return float(np.hypot(own[1], own[2])) < GREY


def _texture(after: Floats, plate: tuple[int, int]) -> Floats:
    """Folds and weave of a fine picture: its light without what is wide."""
    light = cv2.resize(np.ascontiguousarray(after[..., 0]), plate, interpolation=cv2.INTER_CUBIC)
    fine: Floats = light - cv2.GaussianBlur(light, (0, 0), TEXTURE_SIGMA_PX)
    return fine


def _whole_set(template: Template) -> Floats:
    """The template's set on the whole plate."""
    sheet = template.layers["set"]
    plate = np.zeros((template.size[1], template.size[0], 3), np.float32)
    plate[sheet.rows, sheet.cols] = sheet.rgb
    return plate


def _field(
    after: Floats, before: Floats, share: Floats, bounds: Bounds, plate: tuple[int, int], part: float
) -> Field:
    height, width = share.shape
    cell = (plate[0] / width, plate[1] / height)
    sigma = (max(bounds.sigma_px / cell[0], 0.6), max(bounds.sigma_px / cell[1], 0.6))
    sure = (share**3).astype(np.float32)  # cells at an edge hold two colours
    change = after - before
    centre = middle(change, sure)
    limit = np.array([bounds.light, bounds.chroma, bounds.chroma], np.float32)
    ripple = change - centre
    ripple = np.where(np.abs(ripple) < limit, ripple, limit * np.tanh(ripple / limit)).astype(np.float32)
    field = smoothed(ripple, sure, sigma, prior=np.zeros(3, np.float32)) + centre
    was = smoothed(before, sure, sigma, prior=middle(before, sure))
    up = cv2.resize(field, plate, interpolation=cv2.INTER_CUBIC)
    ground = cv2.resize(was, plate, interpolation=cv2.INTER_CUBIC)
    becomes = ground + np.float32(part) * up
    becomes[..., 0] = soft_range(becomes[..., 0], 2, 98, 6)
    return Field(ground, becomes)


def _trim(template: Template, name: str, seen: Floats, main: Field) -> Field:
    """A trim keeps its own colour and takes a part of the main cloth's change in light."""
    lab = to_lab(template.flat)
    own = middle(lab, seen)
    was = np.broadcast_to(own, main.was.shape).astype(np.float32)
    change = (main.becomes - main.was) * np.array([0.3, 0.08, 0.08], np.float32)
    return Field(was, was + change)


def _light(template: Template, after: Floats, before: Floats) -> Floats:
    """The light on what keeps its own colour, told by how the table and the ornaments changed."""
    height, width = after.shape[:2]
    kept = template.shown["table"] + template.shown["ornament"]
    share = cv2.resize(kept, (width, height), interpolation=cv2.INTER_AREA) ** 3
    ratio = np.log((linear(to_rgb(after)) + 0.02) / (linear(to_rgb(before)) + 0.02)).astype(np.float32)
    centre = middle(ratio, share)
    ripple = np.clip(ratio - centre, -0.3, 0.3)
    sigma = (LIGHT_SIGMA_PX * width / template.size[0], LIGHT_SIGMA_PX * height / template.size[1])
    smooth = smoothed(ripple, share, sigma, prior=np.zeros(3, np.float32)) + centre
    gain = np.exp(np.clip(smooth, *LIGHT_LOG))
    wide: Floats = cv2.resize(gain.astype(np.float32), template.size, interpolation=cv2.INTER_LINEAR)
    return wide
