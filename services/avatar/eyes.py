"""An eye with its brow, drawn small: iris under the lids, lids where they are, brow on top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.avatar.looks import Eye
from services.avatar.warp import Bytes, Floats, Rect, curve, faded, moved, over, remapped

FOLDED = 0.86  # from here on the painted shut lid takes over from the lowered one


@dataclass(frozen=True, slots=True)
class EyeArt:
    """One eye's pieces, all cut to `rect`."""

    rect: Rect
    skin: Bytes
    fringe: Bytes | None
    iris: Bytes
    opening: Floats
    lash: Bytes
    lid: Bytes
    lid_smile: Bytes | None
    brow: Bytes
    xs: Floats
    ys: Floats
    upper: Floats  # the open lid's line, a height for each column
    travel: Floats  # how far that line goes to shut
    above: Floats  # how much a pixel above the line goes with it (the crease stays behind)
    iris_r: float
    outward: float  # +1 where the outer corner is on the right

    def draw(self, gaze: tuple[float, float], shut: float, smile: float, brow: float) -> Bytes:
        """The eye as it looks to `gaze` (-1..1), its lids `shut` (0..1), its brow raised (-1..1)."""
        gx, gy = gaze
        r = np.float32(self.iris_r)
        ball = faded(moved(self.iris, float(gx * 0.62 * r), float(gy * 0.36 * r)), self.opening)
        eye = over(self.skin, ball)
        line = self.upper + self.travel * np.float32(shut)
        shadow = np.exp(-np.maximum(self.ys - line, 0) / (0.42 * r)) * self.opening * np.float32(0.30)
        eye[..., :3] = (eye[..., :3] * (1 - shadow[..., None])).astype(np.uint8)
        if smile > 0.02 and self.lid_smile is not None:
            eye = over(eye, faded(self.lid_smile, float(min(1.0, smile))))
        if abs(shut) < 0.004:
            eye = over(eye, self.lash)
        else:
            if shut > 0.004:
                cover = np.clip(line - self.ys + 0.5, 0, 1) * np.float32(min(1.0, shut / 0.12))
                if shut > FOLDED:
                    cover = np.maximum(cover, np.float32((shut - FOLDED) / (1 - FOLDED)))
                eye = over(eye, faded(self.lid, cover.astype(np.float32)))
            lash = remapped(self.lash, self.xs, self.ys - self.above * (self.travel * np.float32(shut)))
            if shut > FOLDED:
                lash = faded(lash, float(1 - (shut - FOLDED) / (1 - FOLDED)))
            eye = over(eye, lash)
        eye = over(eye, moved(self.brow, 0.0, -float(brow * 0.34 * r)))
        return eye if self.fringe is None else over(eye, self.fringe)


def eye_rect(eye: Eye, brow: list[tuple[float, float]], layers: list[Rect], width: int, height: int) -> Rect:
    """The part of the plate that an eye and its brow may change."""
    xs = [p[0] for p in eye.contour] + [p[0] for p in brow]
    ys = [p[1] for p in eye.contour] + [p[1] for p in brow]
    rect = Rect(int(min(xs)), int(min(ys)), int(max(xs) - min(xs)) + 1, int(max(ys) - min(ys)) + 1)
    for layer in layers:
        rect = rect.joined(layer)
    return rect.grown(max(4, round(eye.iris_r * 0.5)), 2, width, height)


def eye_art(eye: Eye, rect: Rect, pieces: dict[str, Bytes], *, outward: float) -> EyeArt:
    """Prepare an eye; every piece is already cut to `rect`."""
    points = [(x - rect.x, y - rect.y) for x, y in eye.contour]
    grid_x, grid_y = np.meshgrid(np.arange(rect.w, dtype=np.float32), np.arange(rect.h, dtype=np.float32))
    row = np.arange(rect.w, dtype=np.float32)
    upper = curve(points[:5], row)
    lower = curve([points[0], *reversed(points[5:]), points[4]], row)
    # Lids meet a little above where the lower one stood.
    travel = np.maximum(upper + 0.88 * (lower - upper) - upper, 0)
    tall = max(4.0, float((lower - upper).max()))
    above = np.clip(1 - (upper - grid_y - 0.12 * tall) / (0.55 * tall), 0.0, 1.0)
    mask = pieces["eye_mask"][..., 3].astype(np.float32) / 255
    return EyeArt(
        rect=rect, skin=pieces["skin"], fringe=pieces.get("fringe"), iris=pieces["iris"], opening=mask,
        lash=pieces["lash"], lid=pieces["lid_closed"], lid_smile=pieces.get("lid_smile"),
        brow=pieces["brow"], xs=grid_x, ys=grid_y, upper=upper.astype(np.float32),
        travel=travel.astype(np.float32), above=above.astype(np.float32), iris_r=eye.iris_r, outward=outward,
    )  # fmt: skip
