"""Puts a look together: all layers, the landmarks, the resting picture, and the folder on disk."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from services.avatar.drawing import brows, dress, eyes, figure, hair, head, lips, ornament
from services.avatar.drawing.canvas import PLATE_H, PLATE_W, Array, Layer, Points, Region, polygon, reduce
from services.avatar.drawing.sets import draw_set
from services.avatar.drawing.spec import Face, Host
from services.avatar.drawing.table import draw_table


def layers(host: Host) -> dict[str, Layer]:
    """Every layer of a look, back to front."""
    region = head.HEAD
    over_face = hair.front_mask(host, region)
    shift = np.roll(over_face, (6 * 3, 4 * 3), (0, 1))
    cast = np.clip(region.blur(np.maximum(shift, over_face), 5) * 0.85, 0, 1)
    parts = head.render(host, cast)
    out: dict[str, Layer] = {"set": backdrop(host), "back_hair": reduce(hair.HAIR, hair.back(host))}
    out["body"] = bust(host)
    out["head"] = reduce(region, parts.face)
    for name in ("l", "r"):
        side = eyes.side_of(name)
        out[f"iris_{name}"] = reduce(region, eyes.iris(region, host, side))
        out[f"eye_mask_{name}"] = reduce(region, eyes.eye_mask(region, host, side))
        out[f"lash_{name}"] = reduce(region, eyes.lashes(region, host, side))
        out[f"lid_half_{name}"] = reduce(region, eyes.lid_patch(region, host, parts.half, side, 0.5))
        out[f"lid_closed_{name}"] = reduce(region, eyes.lid_patch(region, host, parts.closed, side, 1.0))
        out[f"lid_smile_{name}"] = reduce(region, eyes.smile_patch(region, host, parts.bare, side))
        out[f"brow_{name}"] = reduce(region, brows.brow(region, host, side))
    out["mouth_cavity"] = reduce(region, lips.cavity(region, host))
    out["teeth_upper"] = reduce(region, lips.teeth(region, host, upper=True))
    out["teeth_lower"] = reduce(region, lips.teeth(region, host, upper=False))
    out["tongue"] = reduce(region, lips.tongue(region, host))
    out["lip_upper"] = reduce(region, lips.cut(region, parts.lips, host, upper=True))
    out["lip_lower"] = reduce(region, lips.cut(region, parts.lips, host, upper=False))
    out["front_hair"] = reduce(hair.HAIR, edge_light(hair.HAIR, hair.front(host), host, 1.0))
    out["ornament"] = reduce(ornament.REGION, ornament.on_head(host))
    out["table"] = table(host)
    return out


def bust(host: Host) -> Layer:
    """The body: worked out lower on the plate and lifted, so that the neck has its right length."""
    z = figure.relief(host)
    shadow = figure.jaw_shadow(host, head.outline(host.face, 200) + (0, figure.RISE))
    bare = figure.skin(host, z, shadow)
    _, clothed = figure.dress(host, z, bare, dress.pieces(host))
    clothed = ornament.on_body(host, figure.BODY, clothed)
    region = figure.BODY
    lifted = Region(region.x, region.y - figure.RISE, region.w, region.h, region.scale)
    hair_over = hair.front_mask(host, lifted)
    cast = lifted.blur(np.roll(hair_over, (10, 14), (0, 1)), 7) * 0.5
    clothed[..., :3] *= 1 - cast[..., None] * np.asarray((0.8, 0.95, 1.0), np.float32)
    return reduce(lifted, edge_light(lifted, clothed, host, 0.8))


def regions(host: Host) -> NDArray[np.uint8]:
    """What covers the bust, on the whole plate: red is the dress, green bare skin, blue jewellery."""
    region = figure.BODY
    z = figure.relief(host)
    skin = np.zeros((*z.shape, 4), np.float32)
    cloth, worn = skin.copy(), ornament.on_body(host, region, skin)[..., 3]
    for piece in dress.pieces(host):
        mask = region.blur(region.mask(partial(figure.cover, polygon(piece.shape))), piece.edge_soft)
        cloth[..., 3] = 1 - (1 - cloth[..., 3]) * (1 - mask * piece.alpha)
    torso = region.mask(partial(figure.cover, polygon(figure.torso_shape(host.face.cx))))
    parts = np.stack([cloth[..., 3] * (1 - worn), torso * (1 - cloth[..., 3]) * (1 - worn), worn], axis=2)
    small = cv2.resize(parts, (region.w, region.h), interpolation=cv2.INTER_AREA)
    plate = np.zeros((PLATE_H, PLATE_W, 3), np.uint8)
    top = region.y - figure.RISE
    plate[top : top + region.h] = (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)
    return plate


def edge_light(region: Region, picture: Array, host: Host, strength: float) -> Array:
    """The set's light along an outline: the cool rim on the right, the key's warm edge on the left."""
    alpha = picture[..., 3]
    soft = region.blur(alpha, 2.4)
    reach = round(5 * region.scale)
    right = alpha * np.clip(1 - np.roll(soft, (reach // 2, -reach), (0, 1)), 0, 1)
    left = alpha * np.clip(1 - np.roll(soft, (reach, reach), (0, 1)), 0, 1)
    out = picture.copy()
    rim, key = np.asarray(host.light.rim_colour, np.float32), np.asarray(host.light.key_colour, np.float32)
    glow = right[..., None] * rim * host.light.rim_power * 0.34 + left[..., None] * key * 0.16
    out[..., :3] = 1 - (1 - np.clip(out[..., :3], 0, 1)) * (1 - np.clip(glow * strength, 0, 1))
    return out


def backdrop(host: Host) -> Layer:
    """The set behind the host."""
    picture = np.asarray(draw_set(host.name, 2.0), np.uint8)
    small = cv2.resize(picture, (PLATE_W, PLATE_H), interpolation=cv2.INTER_AREA)
    return Layer(np.asarray(small, np.uint8), 0, 0)


def table(host: Host) -> Layer:
    """The table in front."""
    pixels, (x, y) = draw_table(host.name, 2.0)
    full = np.zeros((PLATE_H * 2, PLATE_W * 2, 4), np.float32)
    full[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels / np.float32(255)
    return reduce(Region(0, 0, PLATE_W, PLATE_H, 2), full)


def _pick(line: Points, count: int) -> list[list[float]]:
    at = np.linspace(0, len(line) - 1, count).round().astype(int)
    return [[round(float(x), 1), round(float(y), 1)] for x, y in line[at]]


def landmarks(f: Face) -> dict[str, Any]:
    """The landmarks of the contract, in plate pixels; clockwise from the left."""
    up, low, inner = lips.upper_edge(f), lips.lower_edge(f), lips.seam(f)
    marks: dict[str, Any] = {
        "lip_outer": _pick(up, 7) + _pick(low[::-1], 7)[1:-1],
        "lip_inner": _pick(inner[3:-3], 5) + _pick(inner[3:-3][::-1] + (0, 0.6), 5)[1:-1],
        "face_oval": _pick(head.outline(f, 120)[:-9], 12),
        "nose_tip": [f.cx, f.nose_y],
        "shoulders": [[f.cx - 230, 734.0], [f.cx + 230, 734.0]],
    }
    ring = head.outline(f, 240)
    angles = np.linspace(180, 0, 9)
    at = [int((a + 180) / 360 * 240) % 240 for a in angles]
    marks["jaw"] = [[round(float(v), 1) for v in ring[i]] for i in at]
    for name in ("l", "r"):
        side = eyes.side_of(name)
        top, bottom = eyes.upper(f, side), eyes.lower(f, side)
        if side < 0:
            top, bottom = top[::-1], bottom[::-1]
        px, py = eyes.pupil(f, side)
        marks[f"eye_{name}"] = {
            "contour": _pick(top, 5) + _pick(bottom[::-1], 5)[1:-1],
            "pupil": [round(px, 1), round(py, 1)],
            "iris_r": f.iris_r,
        }
        line = brows.brow_line(f, side)
        marks[f"brow_{name}"] = _pick(line if side > 0 else line[::-1], 3)
    return marks


def save(host: Host, folder: Path) -> None:
    """Draws a look into a folder: one PNG a layer (the set as JPEG), regions.png and look.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for name, layer in layers(host).items():
        file = f"{name}.jpg" if name == "set" else f"{name}.png"
        picture = cv2.cvtColor(layer.pixels, cv2.COLOR_RGBA2BGRA)
        if name == "set":
            cv2.imwrite(str(folder / file), picture[..., :3], [cv2.IMWRITE_JPEG_QUALITY, 94])
        else:
            cv2.imwrite(str(folder / file), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        entries[name] = {"file": file, "at": [layer.x, layer.y]}
    mark_regions(host, folder)
    f = host.face
    doc = {
        "version": 1,
        "name": host.name,
        "title": host.title,
        "size": [PLATE_W, PLATE_H],
        "layers": entries,
        "landmarks": landmarks(f),
        "pivots": {"head": [f.cx, f.chin_y - 40.0], "neck": [f.cx, 672.0]},
        "palette": dict(host.palette),
    }
    (folder / "look.yaml").write_text(
        yaml.safe_dump(doc, sort_keys=False, allow_unicode=True, default_flow_style=None), encoding="utf-8"
    )


def mark_regions(host: Host, folder: Path) -> None:
    """Writes `regions.png` beside the layers: which of the body's pixels are dress and which are skin."""
    masks = cv2.cvtColor(regions(host), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "regions.png"), masks, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def at_rest(folder: Path, *, blink: str = "", open_px: float = 0.0) -> Array:
    """The picture of a saved look at rest, with lids down (`half`, `closed`, `smile`), or mouth open."""
    doc = yaml.safe_load((folder / "look.yaml").read_text(encoding="utf-8"))
    plate = np.zeros((PLATE_H, PLATE_W, 3), np.float32)

    def read(name: str) -> tuple[Array, int, int]:
        entry = doc["layers"][name]
        picture = cv2.imread(str(folder / entry["file"]), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise FileNotFoundError(f"{folder / entry['file']} is missing; draw the look again")
        if picture.shape[2] == 3:
            picture = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA).astype(np.float32) / 255, *entry["at"]

    def lay(picture: Array, x: int, y: int) -> None:
        h, w = picture.shape[:2]
        a = picture[..., 3:]
        spot = plate[y : y + h, x : x + w]
        spot[:] = spot * (1 - a) + picture[..., :3] * a

    def full(name: str) -> Array:
        picture, x, y = read(name)
        out = np.zeros((PLATE_H, PLATE_W, 4), np.float32)
        out[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
        return out

    for name in ("set", "back_hair", "body", "head"):
        lay(*read(name))
    for s in ("l", "r"):
        iris = full(f"iris_{s}")
        iris[..., 3] *= full(f"eye_mask_{s}")[..., 3]
        lay(iris, 0, 0)
        if blink != "closed":
            lay(*read(f"lash_{s}"))
        if blink:
            lay(*read(f"lid_{blink}_{s}"))
        lay(*read(f"brow_{s}"))
    if open_px:
        _open_mouth(doc, plate, full, lay, open_px)
    lay(*read("lip_upper"))
    lower, x, y = read("lip_lower")
    lay(lower, x, y + round(open_px))
    for name in ("front_hair", "ornament", "table"):
        lay(*read(name))
    return plate


def _open_mouth(doc: Any, plate: Array, full: Any, lay: Any, open_px: float) -> None:
    """A rough opening for judging the mouth's inside: clip to the gap between the lips."""
    inner = np.asarray(doc["landmarks"]["lip_inner"])
    top = inner[:5]
    depth = open_px * np.sin(np.linspace(0, np.pi, 5)) ** 0.6
    gap = np.vstack([top, (top + np.stack([np.zeros(5), depth + 2], 1))[::-1]])
    clip = np.zeros((PLATE_H, PLATE_W), np.uint8)
    cv2.fillPoly(clip, [np.round(gap * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    for name in ("mouth_cavity", "tongue", "teeth_lower", "teeth_upper"):
        part = full(name)
        part[..., 3] *= cv2.GaussianBlur(clip, (0, 0), 0.8) / np.float32(255)
        lay(part, 0, 0)
