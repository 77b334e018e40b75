"""A look made ready for the clock: layers decoded, scaled to the canvas, and composed where still.

What stands still is composed once: set, body and table at each depth of breath, and the head with
its hair at rest. Each frame then redraws only the eyes' and the mouth's small patches and moves
the head as one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from services.avatar.eyes import EyeArt, eye_art, eye_rect
from services.avatar.lips import MouthArt, mouth_art, mouth_rects
from services.avatar.looks import Eye, Landmarks, Layer, LookError, LookFile, Pivots
from services.avatar.mouth import REST
from services.avatar.warp import (
    Bytes,
    Floats,
    HeadField,
    Planes,
    Rect,
    backdrop,
    faded,
    lay_over,
    masked,
    over,
    remapped,
    to_i420,
)  # fmt: skip

BREATH_LEVELS = 14
BREATH_PX = 3.2
HEAD_MARGIN_PX = 20
HAIR_FREE_PX = 150  # how far below the chin hair still swings; lower it lies on the body
BELOW_PX = 8  # rows kept below the head's region, for breath to draw up


@dataclass(frozen=True, slots=True)
class Depth:
    """The still picture at one depth of breath: the body's part, and what stands behind the head."""

    body: Bytes  # I420 of Look.body_rect
    behind: Planes  # of Look.head_rect
    rise_px: float


@dataclass(frozen=True, slots=True)
class Look:
    """A look baked for one canvas size; nothing in it changes any more."""

    name: str
    width: int
    height: int
    scale: float
    resting: Bytes  # the whole canvas, I420, head and all
    depths: tuple[Depth, ...]
    body_rect: Rect
    head_rect: Rect
    head: Bytes  # the head at rest with hair and ornament, pre-multiplied, of head_rect and a bit below
    eyes: tuple[EyeArt, EyeArt]
    mouth: MouthArt
    neck: tuple[float, float]
    face: tuple[float, float]
    face_r: float
    chin_y: float
    rises: Floats

    def field(self) -> HeadField:
        """A field to move this head with; each renderer has its own, as it works in place."""
        return HeadField(
            self.head_rect, pivot=self.neck, face=self.face, face_r=self.face_r, chin_y=self.chin_y,
            scale=self.scale, rises=self.rises,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Cut:
    """A layer's picture on the canvas."""

    picture: Bytes
    rect: Rect

    def on(self, rect: Rect) -> Bytes:
        """The layer cut to `rect`, clear where it has nothing."""
        out = np.zeros((rect.h, rect.w, 4), np.uint8)
        left, top = max(rect.x, self.rect.x), max(rect.y, self.rect.y)
        right = min(rect.x + rect.w, self.rect.x + self.rect.w)
        low = min(rect.y + rect.h, self.rect.y + self.rect.h)
        if right > left and low > top:
            out[top - rect.y : low - rect.y, left - rect.x : right - rect.x] = self.picture[
                top - self.rect.y : low - self.rect.y, left - self.rect.x : right - self.rect.x
            ]
        return out


def bake(folder: Path, spec: LookFile, width: int, height: int) -> Look:
    """Decode and compose a look for a canvas of `width` x `height`.

    Raises:
        LookError: a layer's picture is missing or not a picture.
        ValueError: the canvas is not of even size.
    """
    if width % 2 or height % 2 or width < 64 or height < 64:
        raise ValueError(f"a canvas of {width}x{height} cannot be I420; give even sides of at least 64")
    fit = _Fit(spec.size, width, height)
    cuts = {name: fit.layer(folder, name, layer) for name, layer in spec.layers.items()}
    marks, pivots = fit.landmarks(spec.landmarks), fit.pivots(spec.pivots)
    whole = Rect(0, 0, width, height)

    chin_y = max(p[1] for p in marks.jaw)
    head_rect = _crown(cuts, chin_y, fit.scale, whole)
    source = Rect(head_rect.x, head_rect.y, head_rect.w, min(head_rect.h + BELOW_PX, height - head_rect.y))
    body_rect = cuts["body"].rect.grown(4, 2, width, height)
    depths, resting, rises = _depths(cuts, whole, body_rect, head_rect, marks, fit.scale)
    bare = cuts["head"].on(source)
    nape = _behind_body(cuts, source) if "back_hair" in cuts else np.zeros_like(bare)
    skull = over(nape, bare)
    fringe = np.zeros_like(bare)
    for name in ("front_hair", "ornament"):
        if name in cuts:
            fringe = over(fringe, cuts[name].on(source))

    def part_of_head(rect: Rect) -> tuple[Bytes, Bytes | None]:
        place = rect.inside(head_rect)
        over_it = fringe[place.rows, place.cols].copy()
        return skull[place.rows, place.cols].copy(), over_it if over_it[..., 3].any() else None

    left = _eye(cuts, "l", marks.eye_l, marks.brow_l, head_rect, part_of_head)
    right = _eye(cuts, "r", marks.eye_r, marks.brow_r, head_rect, part_of_head)
    rect, lips = mouth_rects(marks, width, height)
    rect = _within(rect, head_rect)
    lips = _within(Rect(lips.x + rect.x, lips.y + rect.y, lips.w, lips.h), rect).inside(rect)
    place = rect.inside(head_rect)
    skin, behind = bare[place.rows, place.cols].copy(), nape[place.rows, place.cols].copy()
    lips_at = Rect(lips.x + rect.x, lips.y + rect.y, lips.w, lips.h)
    none = np.zeros((lips.h, lips.w, 4), np.uint8)
    pieces = {
        name: cuts[name].on(lips_at) if name in cuts else none
        for name in ("mouth_cavity", "teeth_upper", "teeth_lower", "tongue", "lip_upper", "lip_lower")
    }
    hair = part_of_head(rect)[1]
    mouth = mouth_art(marks, rect, lips, skin=skin, behind=behind, fringe=hair, pieces=pieces)

    face_x = (marks.jaw[0][0] + marks.jaw[-1][0]) / 2
    eye_y = (marks.eye_l.pupil[1] + marks.eye_r.pupil[1]) / 2
    head = over(skull, fringe)
    for art in (left, right):
        place = art.rect.inside(head_rect)
        head[place.rows, place.cols] = art.draw((0.0, 0.0), 0.0, 0.0, 0.0)
    place = mouth.rect.inside(head_rect)
    head[place.rows, place.cols] = mouth.draw(REST, 0.3)
    lay_over(depths[0].behind, np.ascontiguousarray(head[: head_rect.h]), resting, head_rect)
    return Look(
        name=spec.name, width=width, height=height, scale=fit.scale, resting=resting, depths=depths,
        body_rect=body_rect, head_rect=head_rect, head=head, eyes=(left, right), mouth=mouth,
        neck=pivots.neck, face=(face_x, (eye_y + chin_y) / 2),
        face_r=abs(marks.jaw[-1][0] - marks.jaw[0][0]) / 2, chin_y=chin_y, rises=rises[head_rect.rows],
    )  # fmt: skip


def _within(rect: Rect, outer: Rect) -> Rect:
    """`rect` cut to `outer`."""
    x, y = max(rect.x, outer.x), max(rect.y, outer.y)
    return Rect(
        x, y, min(rect.x + rect.w, outer.x + outer.w) - x, min(rect.y + rect.h, outer.y + outer.h) - y
    )


def _eye(
    cuts: dict[str, _Cut], side: str, eye: Eye, brow: list[tuple[float, float]], head_rect: Rect,
    part: Callable[[Rect], tuple[Bytes, Bytes | None]],
) -> EyeArt:  # fmt: skip
    names = ("iris", "eye_mask", "lash", "lid_closed", "lid_smile", "lid_half", "brow")
    own = {name: cuts[f"{name}_{side}"] for name in names if f"{name}_{side}" in cuts}
    right, low = head_rect.x + head_rect.w, head_rect.y + head_rect.h
    rect = _within(eye_rect(eye, brow, [cut.rect for cut in own.values()], right, low), head_rect)
    pieces = {name: cut.on(rect) for name, cut in own.items()}
    skin, fringe = part(rect)
    pieces["skin"] = skin
    if fringe is not None:
        pieces["fringe"] = fringe
    return eye_art(eye, rect, pieces)


def _behind_body(cuts: dict[str, _Cut], rect: Rect) -> Bytes:
    """The back hair that the body does not hide, to move with the head."""
    hair = cuts["back_hair"].on(rect)
    body = cuts["body"].on(rect)[..., 3]
    clear = 255 - body
    return masked(hair, cv2.merge([clear] * 4))


def _crown(cuts: dict[str, _Cut], chin_y: float, scale: float, whole: Rect) -> Rect:
    """The region that moves with the head: head, hair and ornament, down to where hair lies still."""
    rect = cuts["head"].rect
    for name in ("front_hair", "ornament", "back_hair"):
        if name in cuts:
            rect = rect.joined(cuts[name].rect)
    low = min(rect.y + rect.h, round(chin_y + HAIR_FREE_PX * scale))
    rect = Rect(rect.x, rect.y, rect.w, low - rect.y)
    return rect.grown(round(HEAD_MARGIN_PX * scale), 8, whole.w, whole.h)


def _depths(
    cuts: dict[str, _Cut], whole: Rect, body_rect: Rect, head_rect: Rect, marks: Landmarks, scale: float
) -> tuple[tuple[Depth, ...], Bytes, Floats]:
    """The still picture at every depth of breath, the whole canvas without the head, and how much
    of the breath each row takes part in."""
    ground = cuts["set"].on(whole)
    ground[..., 3] = 255
    cut_y = head_rect.y + head_rect.h
    if "back_hair" in cuts:
        ground = over(ground, _kept_hair(cuts["back_hair"].on(whole), cut_y, scale))
    body = cuts["body"].on(whole)
    if "front_hair" in cuts:  # what lies on the chest belongs to the body
        lying = cuts["front_hair"].on(whole)
        lying[:cut_y] = 0
        body = over(body, lying)
    table = cuts["table"].on(whole) if "table" in cuts else None
    shoulder_y = min((p[1] for p in marks.shoulders), default=max(p[1] for p in marks.jaw) + 90 * scale)
    grid_x, grid_y = np.meshgrid(
        np.arange(whole.w, dtype=np.float32), np.arange(whole.h, dtype=np.float32), copy=True
    )
    down = np.clip((np.arange(whole.h) - shoulder_y - 30 * scale) / (330 * scale), 0, 1)
    rises: Floats = (1 - down * down * (3 - 2 * down)).astype(np.float32)
    depths = []
    first: Bytes | None = None
    for k in range(BREATH_LEVELS):
        rise = BREATH_PX * scale * k / (BREATH_LEVELS - 1)
        raised = grid_y + rises[:, None] * np.float32(rise)
        still = over(ground, remapped(body, grid_x, raised) if k else body)
        if table is not None:
            still = over(still, table)
        bgr = np.ascontiguousarray(still[..., :3])
        first = bgr if first is None else first
        depths.append(
            Depth(
                body=to_i420(np.ascontiguousarray(bgr[body_rect.rows, body_rect.cols])),
                behind=backdrop(np.ascontiguousarray(bgr[head_rect.rows, head_rect.cols])),
                rise_px=rise,
            )
        )
    assert first is not None
    return tuple(depths), to_i420(first), rises


def _kept_hair(hair: Bytes, cut_y: int, scale: float) -> Bytes:
    """The back hair that stays where it is: whole where it lies still, and above that drawn in
    inside its own outline, so that none of it shows when the head sways."""
    size = round(17 * scale) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    alpha = hair[..., 3]
    inner = cv2.GaussianBlur(cv2.erode(alpha, kernel), (0, 0), max(0.8, 2.0 * scale))
    part = np.minimum(inner, alpha)
    rows = np.arange(hair.shape[0])
    still = np.clip((rows - cut_y + 60 * scale) / (60 * scale), 0, 1)[:, None]
    kept = (part * (1 - still) + alpha * still) / np.maximum(alpha, 1)
    return faded(hair, kept)


class _Fit:
    """How the plate lies on the canvas: scaled to cover it, its middle kept."""

    def __init__(self, plate: tuple[int, int], width: int, height: int) -> None:
        self._plate = plate
        self.scale = max(width / plate[0], height / plate[1])
        self._dx = (width - plate[0] * self.scale) / 2
        self._dy = (height - plate[1] * self.scale) / 2
        self._alike = self.scale == 1 and self._dx == 0 and self._dy == 0

    def point(self, p: tuple[float, float]) -> tuple[float, float]:
        """A plate's point on the canvas."""
        return p[0] * self.scale + self._dx, p[1] * self.scale + self._dy

    def points(self, ps: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Points of the plate on the canvas."""
        return [self.point(p) for p in ps]

    def landmarks(self, marks: Landmarks) -> Landmarks:
        """The landmarks on the canvas."""

        def eye(e: Eye) -> Eye:
            return Eye(self.points(e.contour), self.point(e.pupil), e.iris_r * self.scale)

        return Landmarks(
            lip_outer=self.points(marks.lip_outer), lip_inner=self.points(marks.lip_inner),
            jaw=self.points(marks.jaw), eye_l=eye(marks.eye_l), eye_r=eye(marks.eye_r),
            face_oval=self.points(marks.face_oval), brow_l=self.points(marks.brow_l),
            brow_r=self.points(marks.brow_r), shoulders=self.points(marks.shoulders),
        )  # fmt: skip

    def pivots(self, pivots: Pivots) -> Pivots:
        """The pivots on the canvas."""
        return Pivots(head=self.point(pivots.head), neck=self.point(pivots.neck))

    def layer(self, folder: Path, name: str, layer: Layer) -> _Cut:
        """A layer decoded, multiplied by its alpha and placed on the canvas."""
        file = folder / layer.file
        field = f"layers.{name}.file"
        try:
            raw = np.frombuffer(file.read_bytes(), np.uint8)
        except OSError as error:
            raise LookError(
                folder / "look.yaml", field, f"{layer.file} cannot be read ({error.strerror})",
                "put the picture beside look.yaml",
            ) from error  # fmt: skip
        image: Bytes | None = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if raw.size else None
        if image is None or image.dtype != np.uint8:
            raise LookError(
                folder / "look.yaml", field, f"{layer.file} is not an 8-bit picture", "save it as PNG"
            )
        if image.ndim == 2:
            if not name.startswith("eye_mask"):
                image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
            else:
                image = cv2.merge([image, image, image, image])
        if image.shape[2] == 3:
            if name != "set":
                raise LookError(folder / "look.yaml", field, f"{layer.file} has no alpha", "save it as RGBA")
            image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
        alpha = image[..., 3:4].astype(np.float32) / 255
        picture: Bytes = np.dstack([np.rint(image[..., :3] * alpha), image[..., 3]]).astype(np.uint8)
        x, y = layer.at
        picture, dx, dy = _trimmed(picture)
        x, y = x + dx, y + dy
        if self._alike:
            return _Cut(picture, Rect(x, y, picture.shape[1], picture.shape[0]))
        left, top = self.point((x, y))
        rect = Rect(
            int(np.floor(left)), int(np.floor(top)),
            int(np.ceil(picture.shape[1] * self.scale)) + 1, int(np.ceil(picture.shape[0] * self.scale)) + 1,
        )  # fmt: skip
        if self.scale < 0.6:
            picture = cv2.GaussianBlur(picture, (0, 0), 0.45 / self.scale)
        matrix = np.array([[self.scale, 0, left - rect.x], [0, self.scale, top - rect.y]], np.float32)
        border = cv2.BORDER_REPLICATE if name == "set" else cv2.BORDER_CONSTANT
        scaled = cv2.warpAffine(picture, matrix, (rect.w, rect.h), flags=cv2.INTER_LINEAR, borderMode=border)
        return _Cut(scaled, rect)


def _trimmed(picture: Bytes) -> tuple[Bytes, int, int]:
    """A picture without its clear border, and how far its corner moved."""
    rows, cols = np.flatnonzero(picture[..., 3].any(axis=1)), np.flatnonzero(picture[..., 3].any(axis=0))
    if not rows.size:
        return picture[:0, :0], 0, 0
    return picture[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].copy(), int(cols[0]), int(rows[0])
