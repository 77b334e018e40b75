"""An eye with its brow, drawn small: iris under the lids, lids where they are, brow on top."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.avatar.looks import Eye
from services.avatar.warp import Bytes, Floats, Rect, curve, faded, masked, moved, over, remapped

FOLDED = 0.86  # from here on the painted shut lid takes over from the lowered one


@dataclass(frozen=True, slots=True)
class EyeArt:
    """One eye's pieces, all cut to `rect`."""

    rect: Rect
    skin: Bytes
    fringe: Bytes | None
    core: Rect  # within rect: the opening and a little around it
    iris: Bytes  # of core, as are the next two
    opening: Bytes  # a mask
    shade: Bytes  # what the lid throws on the eyeball
    fall: float  # how far that goes when the lid shuts
    lash: Bytes
    lid: Bytes
    lid_smile: Bytes | None
    brow: Bytes
    xs: Floats
    ys: Floats
    upper: Floats  # the open lid's line, a height for each column
    travel: Floats  # how far that line goes to shut
    crease: Floats  # where only the lid's fold and its shadow are, which shutting smooths out
    above: Floats  # how far a pixel above the line goes with it (the crease stays behind)
    iris_r: float

    def draw(self, gaze: tuple[float, float], shut: float, smile: float, brow: float) -> Bytes:
        """The eye as it looks to `gaze` (-1..1), its lids `shut` (0..1), its brow raised (-1..1)."""
        gx, gy = gaze
        r = self.iris_r
        eye = self.skin.copy()
        ball = eye[self.core.rows, self.core.cols]
        iris = masked(moved(self.iris, gx * 0.62 * r, gy * 0.36 * r), self.opening)
        shade = masked(moved(self.shade, 0.0, self.fall * shut), self.opening)
        ball[...] = over(over(ball, iris), shade)
        if smile > 0.02 and self.lid_smile is not None:
            eye = over(eye, faded(self.lid_smile, min(1.0, smile)))
        still = abs(shut) < 0.004
        eye = over(eye, self.lash) if still else over(self._lid(eye, shut), self._lashes(shut))
        eye = over(eye, moved(self.brow, 0.0, -brow * 0.34 * r))
        return eye if self.fringe is None else over(eye, self.fringe)

    def _lid(self, eye: Bytes, shut: float) -> Bytes:
        """The upper lid's skin over the eye, down to where the lid has come."""
        if shut <= 0:
            return eye
        line = self.upper + self.travel * np.float32(shut)
        cover = np.clip(line - self.ys + 0.5, 0, 1) * np.float32(min(1.0, shut / 0.12))
        if shut > FOLDED:
            cover = np.maximum(cover, np.float32((shut - FOLDED) / (1 - FOLDED)))
        return over(eye, faded(self.lid, cover))

    def _lashes(self, shut: float) -> Bytes:
        """The open lid's lashes, gone down with its edge; its fold is smoothed out on the way."""
        fold = np.float32(min(1.0, 1.5 * max(0.0, shut - 0.15)))
        lash = faded(self.lash, 1 - self.crease * fold) if fold else self.lash
        lash = remapped(lash, self.xs, self.ys - self.above * np.float32(shut))
        return faded(lash, 1 - (shut - FOLDED) / (1 - FOLDED)) if shut > FOLDED else lash


def eye_rect(eye: Eye, brow: list[tuple[float, float]], layers: list[Rect], width: int, height: int) -> Rect:
    """The part of the plate that an eye and its brow may change."""
    xs = [p[0] for p in eye.contour] + [p[0] for p in brow]
    ys = [p[1] for p in eye.contour] + [p[1] for p in brow]
    rect = Rect(int(min(xs)), int(min(ys)), int(max(xs) - min(xs)) + 1, int(max(ys) - min(ys)) + 1)
    for layer in layers:
        rect = rect.joined(layer)
    return rect.grown(max(4, round(eye.iris_r * 0.5)), 2, width, height)


def eye_art(eye: Eye, rect: Rect, pieces: dict[str, Bytes]) -> EyeArt:
    """Prepare an eye; every piece is already cut to `rect`."""
    points = [(x - rect.x, y - rect.y) for x, y in eye.contour]
    grid_x, grid_y = np.meshgrid(np.arange(rect.w, dtype=np.float32), np.arange(rect.h, dtype=np.float32))
    row = np.arange(rect.w, dtype=np.float32)
    upper = curve(points[:5], row)
    lower = curve([points[0], *reversed(points[5:]), points[4]], row)
    # Lids meet where the lower one stands.
    tall = max(4.0, float((lower - upper).max()))
    travel = np.maximum(1.02 * (lower - upper), 0) + 0.11 * eye.iris_r
    above = np.clip(1 - (upper - grid_y - 0.12 * tall) / (0.55 * tall), 0.0, 1.0)
    core = Rect(
        int(points[0][0]) - 6, int(upper.min()) - 8, int(points[4][0] - points[0][0]) + 12, int(tall) + 16
    )  # fmt: skip
    left, top = max(core.x, 0), max(core.y, 0)
    core = Rect(
        left, top, min(core.x + core.w, rect.w) - left, min(core.y + core.h, rect.h) - top
    )  # fmt: skip
    mask = pieces["eye_mask"][core.rows, core.cols, 3]
    depth = np.exp(-np.maximum(grid_y - upper, 0) / (0.42 * eye.iris_r)) * 76
    shade = np.zeros((core.h, core.w, 4), np.uint8)
    shade[..., 3] = depth[core.rows, core.cols]
    return EyeArt(
        rect=rect, skin=pieces["skin"], fringe=pieces.get("fringe"), core=core,
        iris=pieces["iris"][core.rows, core.cols].copy(), opening=cv2.merge([mask] * 4), shade=shade,
        fall=0.8 * tall, lash=pieces["lash"], lid=pieces["lid_closed"], lid_smile=pieces.get("lid_smile"),
        brow=pieces["brow"], xs=grid_x, ys=grid_y, upper=upper.astype(np.float32),
        travel=travel.astype(np.float32), above=(above * travel).astype(np.float32), iris_r=eye.iris_r,
        crease=np.clip(
            np.maximum((upper - grid_y) / (0.30 * tall) - 0.45, (grid_y - upper) / (0.14 * eye.iris_r) - 1), 0, 1
        ).astype(np.float32),
    )  # fmt: skip
