"""A look's folder: `look.yaml`, checked field by field, and where the built-in looks stand.

LookError    a look cannot be used; says the file, the field, the cause and the mend
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

if TYPE_CHECKING:
    from services.avatar.bake import Look

BUILTIN_DIR = Path(__file__).parent / "looks"
PLATE_SIZE = (720, 1280)

Point = tuple[float, float]

REQUIRED_LAYERS = (
    "set", "body", "head", "iris_l", "iris_r", "eye_mask_l", "eye_mask_r", "lash_l", "lash_r",
    "lid_closed_l", "lid_closed_r", "brow_l", "brow_r", "mouth_cavity", "teeth_upper", "lip_upper",
    "lip_lower",
)  # fmt: skip


class LookError(Exception):
    """A look cannot be used; the message says the file, the field, the cause and the mend."""

    def __init__(self, file: Path, field: str, cause: str, mend: str) -> None:
        super().__init__(f"{file}: {field}: {cause}; {mend}")
        self.file, self.field, self.cause, self.mend = file, field, cause, mend


class Layer(msgspec.Struct, frozen=True):
    """One picture of the stack: its file and where its top-left corner lies on the plate."""

    file: str
    at: tuple[int, int] = (0, 0)


class Eye(msgspec.Struct, frozen=True):
    """An eye: eight points around its opening from the left corner clockwise, and the pupil."""

    contour: list[Point]
    pupil: Point
    iris_r: float


class Landmarks(msgspec.Struct, frozen=True):
    """Where the face's parts lie on the plate, in plate pixels; `_l` is left on the picture."""

    lip_outer: list[Point]
    lip_inner: list[Point]
    jaw: list[Point]
    eye_l: Eye
    eye_r: Eye
    face_oval: list[Point] = []
    brow_l: list[Point] = []
    brow_r: list[Point] = []
    nose_tip: Point | None = None
    shoulders: list[Point] = []


class Pivots(msgspec.Struct, frozen=True):
    """The points that the head turns about: its middle and the root of the neck."""

    head: Point
    neck: Point


class LookFile(msgspec.Struct, frozen=True):
    """What `look.yaml` holds. Fields that only the drawing tools read are left alone."""

    version: int
    name: str
    layers: dict[str, Layer]
    landmarks: Landmarks
    pivots: Pivots
    size: tuple[int, int] = PLATE_SIZE
    palette: dict[str, Any] = {}


def builtin_names() -> tuple[str, ...]:
    """The looks that the repository ships, by name."""
    return tuple(sorted(p.parent.name for p in BUILTIN_DIR.glob("*/look.yaml")))


def builtin_look(name: str) -> Path:
    """The folder of a built-in look.

    Raises:
        LookError: there is no built-in look of that name.
    """
    folder = BUILTIN_DIR / name
    if "/" in name or not (folder / "look.yaml").is_file():
        raise LookError(
            folder / "look.yaml", "look", f"there is no built-in look {name!r}",
            f"use one of {', '.join(builtin_names()) or '(none is installed)'}, or give a folder's path",
        )  # fmt: skip
    return folder


def read_look_file(folder: Path) -> LookFile:
    """`look.yaml` of a look's folder, checked.

    Raises:
        LookError: it is missing, unreadable, or a field is wrong.
    """
    file = folder / "look.yaml"
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        cause = f"cannot be read ({error.strerror})"
        raise LookError(file, "(file)", cause, "check the look's path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LookError(file, "(file)", f"is not YAML ({error})", "mend the line it names") from error
    try:
        look = msgspec.convert(raw, LookFile, strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        cause, _, where = text.partition(" - at `$")
        field = where.rstrip("`").lstrip(".") or "(top)"
        raise LookError(file, field, cause, "write it as docs/host/look.md shows") from error
    _check(file, look)
    return look


def _check(file: Path, look: LookFile) -> None:
    """Raise `LookError` for the first field whose value cannot be drawn with."""
    if look.version != 1:
        raise LookError(file, "version", f"is {look.version}", "this build reads version 1")
    if look.size[0] < 64 or look.size[1] < 64:
        raise LookError(file, "size", f"is {look.size}", "give the plate's width and height, 720 and 1280")
    for name in REQUIRED_LAYERS:
        if name not in look.layers:
            raise LookError(file, f"layers.{name}", "is missing", "every look needs this layer")
    for name, layer in look.layers.items():
        if not (file.parent / layer.file).resolve().is_relative_to(file.parent.resolve()):
            raise LookError(file, f"layers.{name}.file", "lies outside the look", "keep layers in its folder")
    marks = look.landmarks
    counts: list[tuple[str, list[Point], int]] = [
        ("lip_outer", marks.lip_outer, 12),
        ("lip_inner", marks.lip_inner, 8),
        ("jaw", marks.jaw, 9),
        ("eye_l.contour", marks.eye_l.contour, 8),
        ("eye_r.contour", marks.eye_r.contour, 8),
    ]
    for name, points, wanted in counts:
        if len(points) != wanted:
            raise LookError(file, f"landmarks.{name}", f"has {len(points)} points", f"give {wanted}")
    for name, points, _ in (counts[0], counts[1], *counts[3:]):
        half = len(points) // 2
        upper, lower = points[: half + 1], [points[0], *reversed(points[half:])]
        if any(b[0] <= a[0] for line in (upper, lower) for a, b in pairwise(line)):
            raise LookError(
                file, f"landmarks.{name}", "does not run clockwise from its left corner",
                "list the left corner, the upper points, the right corner, the lower points",
            )  # fmt: skip


def load_look(folder: Path, *, width: int = PLATE_SIZE[0], height: int = PLATE_SIZE[1]) -> Look:
    """The look of a folder, decoded and baked for a canvas: off the clock, a second or so.

    Raises:
        LookError: a field of `look.yaml` or a layer's picture is wrong.
    """
    from services.avatar.bake import bake  # cv2 loads when a look is first drawn with

    return bake(folder, read_look_file(folder), width, height)
