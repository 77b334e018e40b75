"""A posed template as the vision engine sees it: its layers, its flat picture, and which region
(hair, skin, dress, set, ornament, table) each pixel shows.

services.avatar.looks.LookError    the template's folder cannot be used
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.avatar.looks import LookError, LookFile, read_look_file
from services.vision.colour import Bytes, Floats, to_lab

STACK = (
    "set", "back_hair", "body", "head", "iris_l", "iris_r", "lash_l", "lash_r", "brow_l", "brow_r",
    "lip_lower", "lip_upper", "front_hair", "ornament", "table",
)  # fmt: skip
FEATURES = ("iris_l", "iris_r", "lash_l", "lash_r", "brow_l", "brow_r", "lip_lower", "lip_upper")
MARKS = "regions.png"  # beside the layers: which of the body is dress (red), skin (green), jewellery (blue)
CLOTHS = 6
SAME_HUE_DEG = 22.0  # colours nearer than this are one cloth in light and shadow
GREY = 9.0  # chroma below which a colour has no hue to speak of
SEED = 7


@dataclass(frozen=True, slots=True)
class Sheet:
    """One layer: RGB 0..1 (not multiplied) and alpha 0..1, and its corner on the plate."""

    rgb: Floats
    alpha: Floats
    at: tuple[int, int]

    @property
    def rows(self) -> slice:
        """Its rows on the plate."""
        return slice(self.at[1], self.at[1] + self.alpha.shape[0])

    @property
    def cols(self) -> slice:
        """Its columns on the plate."""
        return slice(self.at[0], self.at[0] + self.alpha.shape[1])


@dataclass(frozen=True)
class Template:
    """A template read whole. Its parts are worked out once, when first asked for."""

    folder: Path
    spec: LookFile
    layers: dict[str, Sheet]
    sha256: str  # of every file's content

    @property
    def size(self) -> tuple[int, int]:
        """The plate's width and height."""
        return self.spec.size

    def spread(self, name: str) -> Floats:
        """A layer's alpha on the whole plate; zeros where there is no such layer."""
        plate = np.zeros((self.size[1], self.size[0]), np.float32)
        if name in self.layers:
            sheet = self.layers[name]
            plate[sheet.rows, sheet.cols] = sheet.alpha
        return plate

    @cached_property
    def flat(self) -> Floats:
        """The picture at rest, RGB 0..1 of the plate's size."""
        plate = np.zeros((self.size[1], self.size[0], 3), np.float32)
        for name in STACK:
            if name not in self.layers:
                continue
            sheet = self.layers[name]
            alpha = sheet.alpha
            if name.startswith("iris"):
                alpha = alpha * self.spread(f"eye_mask_{name[-1]}")[sheet.rows, sheet.cols]
            part = plate[sheet.rows, sheet.cols]
            part += (sheet.rgb - part) * alpha[..., None]
        return plate

    @cached_property
    def bare_skin(self) -> Floats:
        """How far the body layer is skin (neck and chest), 0..1 on the plate."""
        marks = self._marks
        return _bare_skin(self) if marks is None else marks[..., 1]

    @cached_property
    def jewellery(self) -> Floats:
        """How far the body layer is jewellery, which stays as drawn, 0..1 on the plate."""
        marks = self._marks
        return np.zeros_like(self.bare_skin) if marks is None else marks[..., 2]

    @cached_property
    def _marks(self) -> Floats | None:
        """What `regions.png` says of the body: dress, skin, jewellery; None where there is no such file."""
        file = self.folder / MARKS
        picture = cv2.imread(str(file), cv2.IMREAD_COLOR) if file.is_file() else None
        if picture is None or picture.shape[:2] != (self.size[1], self.size[0]):
            return None
        parts = picture[..., ::-1].astype(np.float32)
        # A sheer cloth is marked as faintly as it is drawn: only the shares count.
        shares: Floats = parts / np.maximum(parts.sum(axis=-1, keepdims=True), 1)
        return shares

    @cached_property
    def cloths(self) -> list[Floats]:
        """The dress parted into its cloths by colour, each 0..1 on the plate, the largest first."""
        return _cloths(self)

    @cached_property
    def shown(self) -> dict[str, Floats]:
        """What is seen where, a share 0..1 for each region and cloth; they sum to 1."""
        clear = np.ones((self.size[1], self.size[0]), np.float32)

        def take(name: str) -> Floats:
            nonlocal clear
            alpha = self.spread(name)
            seen = clear * alpha
            clear = clear * (1 - alpha)
            return seen

        shown = {"table": take("table"), "ornament": take("ornament"), "hair": take("front_hair")}
        shown["feature"] = sum((take(name) for name in FEATURES if "iris" not in name), np.zeros_like(clear))
        eyes = np.maximum(self.spread("eye_mask_l"), self.spread("eye_mask_r"))
        head = take("head")
        shown["feature"] = shown["feature"] + head * eyes
        shown["skin"] = head * (1 - eyes)
        body = take("body")
        shown["skin"] = shown["skin"] + body * self.bare_skin
        shown["ornament"] = shown["ornament"] + body * self.jewellery
        for k, cloth in enumerate(self.cloths):
            shown[f"dress{k}"] = body * cloth
        shown["hair"] = shown["hair"] + take("back_hair")
        shown["set"] = clear
        return shown

    @cached_property
    def regions(self) -> dict[str, Floats]:
        """The four regions that are generated, as they are seen on the plate: hair, skin, dress, set."""
        dress = sum(
            (v for k, v in self.shown.items() if k.startswith("dress")), np.zeros_like(self.shown["set"])
        )
        return {
            "hair": self.shown["hair"],
            "skin": self.shown["skin"],
            "dress": dress,
            "set": self.shown["set"],
        }


def read_template(folder: Path) -> Template:
    """The posed look in a folder.

    Raises:
        LookError: a field of `look.yaml` or a layer's picture is wrong.
    """
    spec = read_look_file(folder)
    whole = hashlib.sha256((folder / "look.yaml").read_bytes())
    layers = {}
    for name, layer in sorted(spec.layers.items()):
        try:
            raw = (folder / layer.file).read_bytes()
        except OSError as error:
            raise LookError(
                folder / "look.yaml", f"layers.{name}.file", f"{layer.file} cannot be read ({error.strerror})",
                "put the picture beside look.yaml",
            ) from error  # fmt: skip
        whole.update(hashlib.sha256(raw).digest())
        layers[name] = _sheet(folder, name, raw, layer.at, spec.size)
    if (folder / MARKS).is_file():
        whole.update((folder / MARKS).read_bytes())
    return Template(folder, spec, layers, whole.hexdigest())


def _sheet(folder: Path, name: str, raw: bytes, at: tuple[int, int], size: tuple[int, int]) -> Sheet:
    picture: Bytes | None = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED) if raw else None
    field = f"layers.{name}.file"
    if picture is None or picture.dtype != np.uint8:
        raise LookError(folder / "look.yaml", field, "is not an 8-bit picture", "save it as PNG")
    if picture.ndim == 2:
        grey = picture.astype(np.float32) / 255
        alpha = grey if name.startswith("eye_mask") else np.ones_like(grey)
        rgb = cv2.merge([grey, grey, grey])
    else:
        rgb = cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        alpha = np.ones(rgb.shape[:2], np.float32)
        if picture.shape[2] == 4:
            alpha = picture[..., 3].astype(np.float32) / 255
        elif name != "set":
            raise LookError(folder / "look.yaml", field, "has no alpha", "save it as RGBA")
    x, y = at
    inside = x >= 0 and y >= 0 and x + alpha.shape[1] <= size[0] and y + alpha.shape[0] <= size[1]
    if not inside:
        raise LookError(folder / "look.yaml", field, "reaches beyond the plate", "cut it to the plate's size")
    return Sheet(rgb, alpha, at)


def _bare_skin(template: Template) -> Floats:
    """Skin among the body's pixels: near the chin, in the colours of the head's lower part."""
    body, head = template.layers["body"], template.layers["head"]
    width, height = template.size
    lab = to_lab(body.rgb)
    chin_x, chin_y = template.spec.landmarks.jaw[4]
    wide = template.spec.landmarks.jaw[-1][0] - template.spec.landmarks.jaw[0][0]
    # What is surely skin: the neck under the chin. Its colours, and the face's, say what else is.
    ys, xs = np.mgrid[body.rows, body.cols]
    neck = (np.abs(xs - chin_x) < 0.2 * wide) & (ys > chin_y - 0.1 * wide) & (ys < chin_y + 0.35 * wide)
    neck &= body.alpha > 0.95
    face = to_lab(head.rgb)[head.alpha > 0.98]
    known = np.concatenate([lab[neck], face[:: max(1, len(face) // 4000)]])
    if not neck.any():
        return np.zeros((height, width), np.float32)
    centre, spread = known.mean(axis=0), np.cov(known.T) + np.diag([30.0, 4.0, 4.0])
    apart = lab - centre
    distance = np.einsum("...i,ij,...j->...", apart, np.linalg.inv(spread), apart)
    near = (distance < 7.5) & (body.alpha > 0.5)
    near[(ys > chin_y + 1.15 * wide)] = False
    tidy = cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels = cv2.connectedComponents(tidy)
    under = labels[neck]
    under = under[under > 0]
    if not under.size:
        return np.zeros((height, width), np.float32)
    own = (labels == np.bincount(under).argmax()).astype(np.uint8)
    # What lies upon the skin, a chain or a shadow, goes with it.
    own = cv2.morphologyEx(own, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25)))
    soft = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 1.0)
    plate = np.zeros((height, width), np.float32)
    plate[body.rows, body.cols] = soft
    return plate


def _cloths(template: Template) -> list[Floats]:
    body = template.layers["body"]
    rows, cols = body.rows, body.cols
    cloth = np.clip(1 - template.bare_skin[rows, cols] - template.jewellery[rows, cols], 0, 1)
    smooth = cv2.bilateralFilter(to_lab(body.rgb), 7, 12, 4)
    sure = (cloth > 0.9) & (body.alpha > 0.95)
    if int(sure.sum()) < 400:
        return [_on_plate(cloth, template)]
    scale = np.array([0.45, 1.0, 1.0], np.float32)  # folds change the light more than the hue
    points = np.ascontiguousarray(smooth[sure] * scale)
    some = points[:: max(1, len(points) // 12000)]
    cv2.setRNGSeed(SEED)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    _, labels, centres = cv2.kmeans(
        some, CLOTHS, np.zeros(len(some), np.int32), stop, 3, cv2.KMEANS_PP_CENTERS
    )
    apart = ((smooth[..., None, :] * scale - centres) ** 2).sum(axis=-1)
    sizes = np.bincount(np.asarray(labels).ravel(), minlength=len(centres))
    groups = _groups(np.asarray(centres) / scale, sizes)
    nearest = groups[apart.argmin(axis=-1)]
    count = int(groups.max()) + 1
    shares = np.stack([(nearest == k).astype(np.float32) for k in range(count)], axis=-1)
    shares = cv2.GaussianBlur(shares, (0, 0), 1.0).reshape(*nearest.shape, count) * cloth[..., None]
    order = np.argsort(-(shares * body.alpha[..., None]).sum(axis=(0, 1)))
    return [_on_plate(shares[..., k], template) for k in order]


def _groups(centres: Floats, sizes: NDArray[np.int64]) -> NDArray[np.intp]:
    """Which cloth each colour belongs to, the largest naming it: a hue is one cloth, however its folds
    are lit; so is a grey."""
    chroma = np.hypot(centres[:, 1], centres[:, 2])
    hue = np.degrees(np.arctan2(centres[:, 2], centres[:, 1]))
    strength = chroma / (centres[:, 0] + 5)  # stays the same as a fold's light goes
    group = np.full(len(centres), -1)
    leads: list[int] = []
    for i in np.argsort(-sizes):
        for number, lead in enumerate(leads):
            turn = abs((hue[i] - hue[lead] + 180) % 360 - 180)
            pair = sorted((strength[i], strength[lead]))
            coloured = min(chroma[i], chroma[lead]) > GREY and pair[0] > 0.6 * pair[1]
            grey = max(chroma[i], chroma[lead]) <= GREY and abs(centres[i, 0] - centres[lead, 0]) < 30
            if grey or (coloured and turn < SAME_HUE_DEG) or np.linalg.norm(centres[i] - centres[lead]) < 12:
                group[i] = number
                break
        if group[i] < 0:
            group[i] = len(leads)
            leads.append(int(i))
    return group


def _on_plate(part: Floats, template: Template) -> Floats:
    body = template.layers["body"]
    plate = np.zeros((template.size[1], template.size[0]), np.float32)
    plate[body.rows, body.cols] = part
    return plate
