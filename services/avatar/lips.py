"""The mouth, drawn small: jaw and chin drawn down, the mouth's inside, and both lips in shape.

The lips are strips between two contours. A shape gives the contours a new place; each column of
a strip is then stretched from where its contours were to where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.avatar.looks import Landmarks
from services.avatar.mouth import MouthShape
from services.avatar.warp import Bytes, Floats, Rect, curve, faded, moved, over, remapped

COLUMNS = 97


@dataclass(frozen=True, slots=True)
class MouthArt:
    """A look's mouth pieces, cut to the lower face (`rect`); `inner` is the lips' own part of it."""

    rect: Rect
    lips: Rect  # within rect
    skin: Bytes  # the head under the lips, with the chin's edge
    behind: Bytes | None  # hair seen beside the jaw, which does not move with it
    fringe: Bytes | None  # hair that falls over the lower face
    cavity: Bytes
    teeth_upper: Bytes
    teeth_lower: Bytes
    tongue: Bytes
    lip_upper: Bytes
    lip_lower: Bytes
    xs: Floats
    ys: Floats
    chin: Floats  # how much of the jaw's drop each pixel of the skin takes part in
    cheek: Floats  # and of the corners' move, outward
    middle: float
    half: float
    level: float  # the corners' height
    upper_out: Floats
    upper_in: Floats
    lower_in: Floats
    lower_out: Floats
    inner_half: float
    teeth_top: float  # the lower teeth's edge, a row of the lips' part
    tongue_top: float
    teeth_low: float  # the upper teeth's edge, and where it belongs: a little under the closed lips' line
    teeth_low_at: float

    def draw(self, mouth: MouthShape, smile: float) -> Bytes:
        """The lower face with this mouth, pre-multiplied BGRA."""
        jaw, wide, rnd, close, teeth, _ = mouth.values()
        full = 2 * self.half
        # Teeth show by a little in s and i; for f the lower lip comes up to the upper ones.
        open_px = full * (0.385 * jaw * (1 - 0.25 * rnd) + 0.10 * teeth * (1 - 0.7 * jaw)) * (1 - close)
        drop = max(full * 0.22 * jaw * (1 - 0.6 * close), 0.66 * open_px)
        spread = wide - 0.5
        stretch = 1 + (0.26 if spread > 0 else 0.22) * spread - 0.29 * rnd * (1 - 0.3 * jaw) - 0.07 * jaw
        stretch += 0.10 * smile + 0.02 * close
        skin = remapped(
            self.skin,
            self.xs - self.cheek * np.float32(self.half * (stretch - 1)),
            self.ys - self.chin * np.float32(drop) + np.abs(self.cheek) * np.float32(0.04 * full * smile),
        )
        at = self.lips
        whole = skin[at.rows, at.cols]
        skin[at.rows, at.cols] = self._mouth(whole, mouth, smile, open_px, stretch)
        if self.behind is not None:
            skin = over(self.behind, skin)
        return skin if self.fringe is None else over(skin, self.fringe)

    def _mouth(self, under: Bytes, mouth: MouthShape, smile: float, open_px: float, stretch: float) -> Bytes:
        """The lips and what is seen between them, over the skin of their part."""
        jaw, wide, rnd, close, teeth, _ = mouth.values()
        at = self.lips
        full = 2 * self.half
        x = np.arange(at.w, dtype=np.float32) + np.float32(at.x)
        y = (np.arange(at.h, dtype=np.float32) + np.float32(at.y))[:, None]
        half = self.half * stretch
        s = (x - self.middle) / half  # -1 at the left corner, 1 at the right
        # Rounded lips gather: their middle takes up more of what is left of the width.
        gathered = np.sign(s) * np.minimum(np.abs(s), 1) ** (1 + 0.38 * rnd)
        column = (gathered + 1) / 2 * (COLUMNS - 1)

        def read(line: Floats) -> Floats:
            values: Floats = np.interp(column, np.arange(COLUMNS), line).astype(np.float32)
            return values

        upper_out, upper_in, lower_in, lower_out = map(
            read, (self.upper_out, self.upper_in, self.lower_in, self.lower_out)
        )
        edge = np.minimum(np.abs(s), 1)
        reach = self.inner_half * (1 - 0.20 * rnd) / self.half
        ins = np.clip(1 - np.minimum(edge / reach, 1) ** (2.0 + 0.5 * rnd), 0, 1)
        lift = np.float32(0.20 + 0.10 * max(0.0, wide - 0.5) + 0.22 * teeth * (1 - jaw))
        corner = np.float32(0.20 * open_px - full * 0.09 * smile) * edge**1.6
        belly = np.float32(full * 0.012 * smile) * (1 - edge**2)
        top_in = upper_in + corner + belly - lift * open_px * ins ** (0.9 - 0.3 * rnd)
        low_in = lower_in + corner + belly + (1 - lift) * open_px * ins ** (0.72 - 0.22 * rnd)
        pucker = 0.26 * rnd - 0.20 * max(0.0, wide - 0.5) - 0.08 * smile
        tuck = min(1.0, 4.0 * teeth * close) * (1 - close)  # the lower lip under the teeth, for f
        press = 0.22 * close * close
        # Gathered lips bulge: their outline nears an ellipse.
        bulge = np.sqrt(np.maximum(1 - edge**2, 0))
        thick_up, thick_low = upper_in - upper_out, lower_out - lower_in
        thick_up = thick_up + (thick_up.max() * bulge - thick_up) * np.float32(0.45 * rnd)
        thick_low = thick_low + (thick_low.max() * bulge - thick_low) * np.float32(0.75 * rnd)
        top_out = top_in - thick_up * np.float32(1 + pucker - 0.10 * jaw - press - 0.08 * tuck)
        low_out = low_in + thick_low * np.float32(1 + pucker - 0.14 * jaw - press - 0.35 * tuck)

        ends = np.where(np.abs(s) > 1, (np.abs(s) - 1) * half * np.sign(s), 0)
        source_x = self.middle + gathered * self.half + ends - at.x
        columns = np.broadcast_to(source_x.astype(np.float32), (at.h, at.w)).copy()
        upper = remapped(self.lip_upper, columns, _strip(y, top_out, top_in, upper_out, upper_in) - at.y)
        lower = remapped(self.lip_lower, columns, _strip(y, low_in, low_out, lower_in, lower_out) - at.y)

        gap = low_in - top_in
        if float(gap.max()) > 0.6:
            between = np.clip(y - top_in + 1.6, 0, 1) * np.clip(low_in - y + 1.6, 0, 1)
            seen = between * np.clip(gap - 0.3, 0, 1)
            inside = self._inside(mouth, float(gap.max()), float(low_in[np.argmax(gap)]) - at.y, open_px)
            shade = 1 - 0.50 * np.exp(-np.maximum(y - top_in, 0) / np.float32(0.035 * full))
            shade *= 1 - 0.5 * edge**2.4
            lit = np.multiply(inside[..., :3], shade[..., None])
            inside[..., :3] = lit.astype(np.uint8)
            under = over(under, faded(inside, seen.astype(np.float32)))
        return over(over(under, lower), upper)

    def _inside(self, mouth: MouthShape, gap: float, low: float, open_px: float) -> Bytes:
        """Cavity, tongue and teeth. The upper teeth stay with the skull; tongue and lower teeth go
        with the jaw and stand behind the lower lip, `low` being the row of its edge."""
        inside = moved(self.cavity, 0.0, 0.45 * open_px)
        inside[..., 3] = 255
        bare = (1.0 - mouth.round) ** 1.5
        up = low - gap * (0.34 + 0.40 * mouth.tongue)
        inside = over(inside, moved(self.tongue, 0.0, up - self.tongue_top))
        up = low - gap * (0.10 + 0.45 * mouth.teeth * (1 - mouth.jaw)) * (1 - mouth.close) ** 3
        inside = over(inside, faded(moved(self.teeth_lower, 0.0, up - self.teeth_top), float(bare)))
        teeth = moved(self.teeth_upper, 0.0, self.teeth_low_at - self.teeth_low)
        return over(inside, faded(teeth, float(bare)))


def _strip(y: Floats, first: Floats, last: Floats, was_first: Floats, was_last: Floats) -> Floats:
    """The row that each pixel of a strip is read from: stretched inside it, carried along outside."""
    height = np.maximum(last - first, 0.35)
    part = (y - first) / height
    stretched = was_first + part * (was_last - was_first)
    below = np.where(part > 1, was_last + (y - last), stretched)
    row: Floats = np.where(part < 0, was_first + (y - first), below)
    return row


def mouth_rects(marks: Landmarks, width: int, height: int) -> tuple[Rect, Rect]:
    """The lower face and, within it, the lips' own part."""
    left, right = marks.lip_outer[0], marks.lip_outer[6]
    full = right[0] - left[0]
    middle = (left[0] + right[0]) / 2
    top = min(p[1] for p in marks.lip_outer)
    low = max(p[1] for p in marks.lip_outer)
    chin = max(p[1] for p in marks.jaw)
    face = Rect(
        int(middle - 1.5 * full), int(top - 0.42 * full), int(3.0 * full), int(chin - top + 0.85 * full)
    ).grown(0, 2, width, height)
    lips = Rect(
        int(middle - 0.72 * full), int(top - 0.26 * full), int(1.44 * full), int(low - top + 0.74 * full)
    ).grown(0, 2, width, height)
    low_edge = min(lips.y + lips.h, face.y + face.h)
    lips = Rect(lips.x, max(lips.y, face.y), lips.w, low_edge - max(lips.y, face.y))
    return face, lips.inside(face)


def mouth_art(
    marks: Landmarks, rect: Rect, lips: Rect, *, skin: Bytes, behind: Bytes, fringe: Bytes | None,
    pieces: dict[str, Bytes],
) -> MouthArt:  # fmt: skip
    """Prepare a mouth: `skin`, `behind` and `fringe` are cut to `rect`, the pieces to `lips` within it."""
    outer = [(x - rect.x, y - rect.y) for x, y in marks.lip_outer]
    inner = [(x - rect.x, y - rect.y) for x, y in marks.lip_inner]
    left, right = outer[0], outer[6]
    middle, half = (left[0] + right[0]) / 2, (right[0] - left[0]) / 2
    xs = np.linspace(left[0], right[0], COLUMNS, dtype=np.float32)
    upper_out, lower_out = curve(outer[:7], xs), curve([outer[0], *reversed(outer[7:]), outer[6]], xs)
    upper_in = curve([outer[0], *inner[:5], outer[6]], xs)
    lower_in = curve([outer[0], inner[0], *reversed(inner[5:]), inner[4], outer[6]], xs)
    seam = (upper_in + lower_in) / 2  # the neutral mouth is shut
    grid_x, grid_y = np.meshgrid(
        np.arange(rect.w, dtype=np.float32), np.arange(rect.h, dtype=np.float32), copy=True
    )
    full = 2 * half
    level = float(seam.mean())
    lip_low = max(p[1] for p in outer)
    chin_y = max(p[1] for p in marks.jaw) - rect.y
    aside = np.clip(np.abs(grid_x - middle) / (1.42 * full), 0, 1)
    fall = (1 - aside**2) ** 2
    # Below the mouth the skin goes with the lip; towards the cheeks it is drawn out over the whole jaw.
    away = np.clip((np.abs(grid_x - middle) - 0.35 * full) / (0.75 * full), 0, 1)
    away = away * away * (3 - 2 * away)
    start = level - 0.02 * full - away * 0.35 * full
    height = (lip_low - level) * (1 - away) + (chin_y - level + 0.35 * full) * away
    rise = np.clip((grid_y - start) / height, 0, 1)
    chin = (rise * rise * (3 - 2 * rise) * fall).astype(np.float32)
    span = (grid_x - middle) / half
    tall = np.where(grid_y < level, 0.30, 0.42) * full
    near = np.exp(-((np.maximum(np.abs(span) - 1, 0) / 0.6) ** 2) - np.abs((grid_y - level) / tall) ** 3)
    # The face's outline does not go with the corners: calm before each row's edge.
    rows = np.arange(rect.h, dtype=np.float32)
    sides = [sorted(((y - rect.y, x - rect.x) for x, y in part)) for part in (marks.jaw[:5], marks.jaw[4:])]
    left_edge, right_edge = (curve(side, rows)[:, None] for side in sides)
    room = np.minimum(grid_x - left_edge, right_edge - grid_x)
    calm = np.clip((room - 0.08 * full) / (0.42 * full), 0, 1)
    calm = calm * calm * (3 - 2 * calm)
    cheek = (np.clip(2 * span, -1, 1) * near * calm).astype(np.float32)
    return MouthArt(
        rect=rect, lips=lips, skin=skin, behind=behind if behind[..., 3].any() else None, fringe=fringe,
        cavity=pieces["mouth_cavity"],
        teeth_upper=pieces["teeth_upper"], teeth_lower=pieces["teeth_lower"], tongue=pieces["tongue"],
        lip_upper=pieces["lip_upper"], lip_lower=pieces["lip_lower"], xs=grid_x, ys=grid_y,
        chin=chin, cheek=cheek, middle=middle, half=half, level=level,
        upper_out=np.minimum(upper_out, seam), upper_in=seam, lower_in=seam,
        lower_out=np.maximum(lower_out, seam), inner_half=(inner[4][0] - inner[0][0]) / 2,
        teeth_top=_top(pieces["teeth_lower"]), tongue_top=_top(pieces["tongue"]),
        teeth_low=lips.h - _top(pieces["teeth_upper"][::-1]),
        teeth_low_at=float(seam[COLUMNS // 2]) - lips.y + 0.05 * full,
    )  # fmt: skip


def _top(piece: Bytes) -> float:
    """The first row of a piece that is more there than not."""
    rows = np.flatnonzero(piece[..., 3].max(axis=1) > 127)
    return float(rows[0]) if rows.size else 0.0
