"""Where hair, dress, skin and set lie on a look: the four regions that a picture model may colour.

Each layer of a look belongs to one region, to none (ornaments, eyes, lips, the table: they stay as drawn), or,
the body, to several: `regions.png` beside the layers says which of its pixels are dress, skin or jewellery.
A look without that file is parted by colour: what is near the face's skin is skin, the rest is dress.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

Picture = NDArray[np.float32]

REGIONS = ("hair", "dress", "skin", "set")
PLATE_W, PLATE_H = 720, 1280

# Layers of the picture at rest, back to front, with the region each belongs to ("" stays as drawn).
STACK: tuple[tuple[str, str], ...] = (
    ("set", "set"), ("back_hair", "hair"), ("body", "body"), ("head", "skin"), ("iris_l", ""), ("lash_l", ""),
    ("brow_l", ""), ("iris_r", ""), ("lash_r", ""), ("brow_r", ""), ("lip_upper", ""), ("lip_lower", ""),
    ("front_hair", "hair"), ("ornament", ""), ("table", ""),
)  # fmt: skip


class RegionError(Exception):
    """A look's layers cannot be parted; the message names the file and the mend."""


@dataclass(frozen=True)
class Placed:
    """A layer on the whole plate: straight RGBA, 0..1, [1280, 720, 4], and its region's name."""

    name: str
    region: str
    rgba: Picture


def read_stack(folder: Path) -> tuple[Placed, ...]:
    """A look's layers at rest, back to front.

    Raises:
        RegionError: look.yaml or a layer's picture cannot be read.
    """
    try:
        entries = yaml.safe_load((folder / "look.yaml").read_text(encoding="utf-8"))["layers"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise RegionError(f"{folder / 'look.yaml'} cannot be read ({error}); name a look's folder") from error
    out = []
    for name, region in STACK:
        if name not in entries:
            continue
        rgba = _place(folder, entries[name])
        if name.startswith("iris_") and f"eye_mask_{name[-1]}" in entries:
            rgba[..., 3] *= _place(folder, entries[f"eye_mask_{name[-1]}"])[..., 3]
        out.append(Placed(name, region, rgba))
    return tuple(out)


def _place(folder: Path, entry: Mapping[str, object]) -> Picture:
    """One layer's picture on the plate, straight RGBA."""
    file = folder / str(entry["file"])
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise RegionError(f"{file} cannot be read; put the layer's picture back")
    if picture.ndim != 3 or picture.shape[2] == 3:
        colour = picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
        picture = np.dstack([colour, np.full(colour.shape[:2], 255, np.uint8)])
    full = np.zeros((PLATE_H, PLATE_W, 4), np.float32)
    at = entry.get("at", (0, 0))
    x, y = (int(v) for v in at) if isinstance(at, (list, tuple)) else (0, 0)
    w, h = min(picture.shape[1], PLATE_W - x), min(picture.shape[0], PLATE_H - y)
    full[y : y + h, x : x + w] = picture[:h, :w, [2, 1, 0, 3]].astype(np.float32) / 255
    return full


def body_parts(folder: Path, stack: tuple[Placed, ...]) -> dict[str, Picture]:
    """How much of each body pixel is dress and how much skin, 0..1, [1280, 720]; the rest stays as drawn."""
    file = folder / "regions.png"
    if file.is_file():
        marks = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if marks is None or marks.shape[:2] != (PLATE_H, PLATE_W):
            raise RegionError(
                f"{file} is no picture of {PLATE_W}×{PLATE_H}; draw the look again or remove it"
            )
        return {
            "dress": marks[..., 2].astype(np.float32) / np.float32(255),
            "skin": marks[..., 1].astype(np.float32) / np.float32(255),
        }
    layers = {one.name: one.rgba for one in stack}
    if "body" not in layers or "head" not in layers:
        nowhere = np.zeros((PLATE_H, PLATE_W), np.float32)
        return {"dress": nowhere, "skin": nowhere}
    lab = cv2.cvtColor(layers["body"][..., :3], cv2.COLOR_RGB2LAB)
    face = cv2.cvtColor(layers["head"][..., :3], cv2.COLOR_RGB2LAB)[layers["head"][..., 3] > 0.9]
    middle = np.median(face, axis=0) if len(face) else np.array((80, 10, 15), np.float32)
    # Chroma tells skin from cloth better than lightness: the neck lies in shadow.
    far = np.hypot(lab[..., 1] - middle[1], lab[..., 2] - middle[2]) + np.abs(lab[..., 0] - middle[0]) * 0.25
    skin = cv2.GaussianBlur(np.clip((22 - far) / 6, 0, 1).astype(np.float32), (0, 0), 2)
    return {"dress": (1 - skin).astype(np.float32), "skin": np.asarray(skin, np.float32)}


def at_rest(folder: Path) -> Picture:
    """The look at rest as one picture, sRGB 0..1, [1280, 720, 3]."""
    plate = np.zeros((PLATE_H, PLATE_W, 3), np.float32)
    for one in read_stack(folder):
        alpha = one.rgba[..., 3:]
        plate = plate * (1 - alpha) + one.rgba[..., :3] * alpha
    return np.asarray(plate, np.float32)


def template(folder: Path, *, width: int, height: int) -> Picture:
    """The look at rest, reduced to what a small picture model is shown: sRGB 0..1, [height, width, 3]."""
    return np.asarray(cv2.resize(at_rest(folder), (width, height), interpolation=cv2.INTER_AREA), np.float32)
