"""The finish: a region's new colour under the template's crisp drawing, as a look that can go on air.

Skin, lids and what lies on them take one gain in linear light, a smooth function of the place on
the plate, so that a lid closes without a seam. Hair and cloth keep their strands and folds and take
the new colour's lightness and hue. Eyes, lips, brows, ornaments and the table stay as drawn, with a
part of the light. The set becomes a soft-focus picture in the generated colours. Landmarks never move.
"""

from __future__ import annotations

import cv2
import numpy as np

from services.vision.colour import Floats, delinear, linear, soft_range, to_lab, to_rgb
from services.vision.shift import Field, Shifts
from services.vision.template import Sheet, Template

VERSION = "1"  # part of a look's key: a better finish makes looks anew

TEXTURE = 0.4  # of what a fine picture draws into a dress
SET_FOCUS_PX = 3.0
SET_CHROMA = 66.0
# How much of the skin's gain each layer on the face takes, where it darkens and where it lightens.
FACE_PARTS = {
    "head": (1.0, 1.0), "lid_half": (1.0, 1.0), "lid_closed": (1.0, 1.0), "lid_smile": (1.0, 1.0),
    "lash": (1.0, 1.0), "lip_upper": (0.62, 0.35), "lip_lower": (0.62, 0.35), "brow": (0.7, 0.2),
}  # fmt: skip
EYE_LIGHT, MOUTH_LIGHT = 0.5, 0.6  # of the light on what keeps its colour
SKIN_GAIN = (0.04, 1.9)
SKIN_LIGHT = (18.0, 87.0)  # L of the face's skin: beyond, its modelling drowns or burns out
SKIN_CHROMA = 0.85  # of the template's, at least
SKIN_HUE = (28.0, 64.5)  # degrees in Lab: from rosy to golden
FILL = 0.5  # how much of the room's dimming or glare a fill light takes off the host's skin


def finish(template: Template, shifts: Shifts) -> dict[str, Sheet]:
    """Every layer of the template in its new colours; alpha and places are the template's own."""
    gain, light = _skin_gain(template, shifts), shifts.light
    eyes = np.maximum(template.spread("eye_mask_l"), template.spread("eye_mask_r"))
    done: dict[str, Sheet] = {}
    for name, sheet in template.layers.items():
        kind = name.removesuffix("_l").removesuffix("_r")
        if name == "set":
            rgb = _set(template, sheet, shifts)
        elif kind in ("front_hair", "back_hair"):
            rgb = _kept_detail(sheet, shifts.fields.get("hair"))
        elif name == "body":
            rgb = _body(template, sheet, shifts, gain)
        elif kind in FACE_PARTS:
            darker, lighter = (np.float32(part) for part in FACE_PARTS[kind])
            own = gain[sheet.rows, sheet.cols]
            own = np.where(own < 1, own**darker, own**lighter)
            if name == "head":
                white = eyes[sheet.rows, sheet.cols, None]
                own = own * (1 - white) + light[sheet.rows, sheet.cols] ** np.float32(EYE_LIGHT) * white
            rgb = _lit(sheet.rgb, own)
        elif name in ("table", "ornament"):
            rgb = _lit(sheet.rgb, light[sheet.rows, sheet.cols])
        elif kind in ("iris", "teeth_upper", "teeth_lower", "tongue", "mouth_cavity"):
            rgb = _lit(sheet.rgb, light[sheet.rows, sheet.cols] ** np.float32(MOUTH_LIGHT))
        else:
            rgb = sheet.rgb
        done[name] = Sheet(rgb, sheet.alpha, sheet.at)
    return done


def _lit(rgb: Floats, gain: Floats) -> Floats:
    """A picture under other light."""
    return delinear(linear(rgb) * gain)


def _skin_gain(template: Template, shifts: Shifts) -> Floats:
    """The skin's gain for each channel, on the plate."""
    field = shifts.fields.get("skin")
    if field is None:
        return np.ones((template.size[1], template.size[0], 3), np.float32)
    small = (slice(None, None, 4), slice(None, None, 4))
    bounded = field.becomes[small].copy()
    bounded[..., 0] = soft_range(bounded[..., 0], *SKIN_LIGHT, 8)
    # Even porcelain has blood in it: with less colour a face on a screen is plaster, with less red wax.
    own = field.was[small][..., 1:]
    least = SKIN_CHROMA * np.hypot(own[..., 0], own[..., 1])
    chroma = np.hypot(bounded[..., 1], bounded[..., 2])
    # A trace of colour has no hue to trust: it takes the template's.
    sure = np.clip((chroma - 3) / 6, 0, 1)[..., None]
    aim = bounded[..., 1:] * sure + own * (1 - sure)
    hue = np.radians(soft_range(np.degrees(np.arctan2(aim[..., 1], aim[..., 0])), *SKIN_HUE, 6))
    chroma = np.maximum(chroma, least)
    bounded[..., 1], bounded[..., 2] = chroma * np.cos(hue), chroma * np.sin(hue)
    was, becomes = linear(to_rgb(field.was[small])), linear(to_rgb(bounded))
    room = shifts.light[small] @ np.array([0.21, 0.72, 0.07], np.float32)
    gain = (becomes + 0.004) / (was + 0.004) / room[..., None] ** np.float32(FILL)
    gain = np.clip(gain, *SKIN_GAIN).astype(np.float32)
    smooth: Floats = cv2.resize(gain, template.size, interpolation=cv2.INTER_CUBIC)
    return np.maximum(smooth, np.float32(SKIN_GAIN[0]))


def _kept_detail(sheet: Sheet, field: Field | None, texture: Floats | None = None) -> Floats:
    """Hair or cloth in a field's colour, with its own drawing upon it, and a part of a base's."""
    if field is None:
        return sheet.rgb
    place = (sheet.rows, sheet.cols)
    rgb = _recoloured(sheet.rgb, field.was[place], field.becomes[place])
    if texture is not None:
        lab = to_lab(rgb)
        lab[..., 0] = soft_range(lab[..., 0] + np.float32(TEXTURE) * texture[place], 1, 99, 16)
        rgb = to_rgb(lab)
    return rgb


def _recoloured(rgb: Floats, was: Floats, becomes: Floats, *, hue_kept: float = 0.6) -> Floats:
    """`rgb` whose local colour `was` becomes another. Contrast follows the lightness: what is drawn
    on a dark ground would glare on it if it were only lifted, and drown if it were only lowered."""
    lab = to_lab(rgb)
    detail = lab - was
    ratio = (becomes[..., :1] + 8) / (was[..., :1] + 8)
    contrast = np.clip(np.where(ratio > 1, ratio**0.14, ratio**0.55), 0.55, 1.4)
    was_chroma = np.hypot(was[..., 1], was[..., 2])[..., None]
    chroma = np.hypot(becomes[..., 1], becomes[..., 2])[..., None]
    # Chroma's detail fades where the new colour is a grey, else a trace of the old hue stays in every fold.
    tint = np.clip((chroma + 6) / (was_chroma + 6), 0.25, 1.0)
    out = np.empty_like(lab)
    out[..., 0] = soft_range(becomes[..., 0] + detail[..., 0] * contrast[..., 0], 1, 99, 16)
    shade = out[..., :1] / np.maximum(becomes[..., :1], 4)
    # A fold's shadow loses chroma with its light, its edge gains none beyond the cloth's.
    out[..., 1:] = becomes[..., 1:] * np.clip(shade, 0.35, 1.15) + detail[..., 1:] * tint * np.float32(
        hue_kept
    )
    return to_rgb(out)


def _body(template: Template, sheet: Sheet, shifts: Shifts, gain: Floats) -> Floats:
    """The body: each cloth in its field, neck and chest in the face's gain."""
    rows, cols = sheet.rows, sheet.cols
    bare = template.bare_skin[rows, cols][..., None]
    total = np.zeros_like(sheet.rgb)
    mass = np.zeros(sheet.alpha.shape + (1,), np.float32)
    for k, cloth in enumerate(template.cloths):
        field = shifts.fields.get(f"dress{k}")
        share = cloth[rows, cols][..., None]
        if field is None or not share.any():
            continue
        total += share * _kept_detail(sheet, field, shifts.texture)
        mass += share
    skin = _lit(sheet.rgb, gain[rows, cols])
    rest = np.clip(1 - bare - mass, 0, 1)
    jewels = _lit(sheet.rgb, shifts.light[rows, cols])
    return (total + bare * skin + rest * jewels) / np.maximum(mass + bare + rest, 1e-3)


def _set(template: Template, sheet: Sheet, shifts: Shifts) -> Floats:
    """The set out of focus: a drawn one in the generated colours, or the generated one."""
    rows, cols = sheet.rows, sheet.cols
    backdrop, field = shifts.backdrop, shifts.fields["set"]
    made = backdrop.made[rows, cols]
    if backdrop.alike > 0:
        soft = cv2.GaussianBlur(backdrop.drawn[rows, cols], (0, 0), SET_FOCUS_PX * template.size[0] / 720)
        own = _recoloured(soft, field.was[rows, cols], field.becomes[rows, cols], hue_kept=0.9)
        made = own * np.float32(backdrop.alike) + made * np.float32(1 - backdrop.alike)
    if shifts.part < 1:
        made = sheet.rgb + np.float32(shifts.part) * (made - sheet.rgb)
    made = _receding(made)
    # A trace of grain: a soft gradient would band in eight bits and in the encoder.
    noise = np.random.default_rng(1).normal(0, 0.006, made.shape[:2]).astype(np.float32)
    return np.clip(made + cv2.GaussianBlur(noise, (0, 0), 0.6)[..., None] * 1.6, 0, 1)


def _receding(rgb: Floats) -> Floats:
    """A set's strongest colours calmed: it stands behind the host."""
    lab = to_lab(rgb)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    # What glows tires the eye soonest.
    most = SET_CHROMA - 0.5 * np.maximum(lab[..., 0] - 55, 0)
    calm = most * np.tanh(chroma / most)
    lab[..., 1:] *= (calm / np.maximum(chroma, 1e-3))[..., None]
    return to_rgb(lab)
