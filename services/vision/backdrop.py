"""The set of a look: which drawn set the generated one is, in which colours, or the generated one itself.

A small base paints a place as a few soft shapes. Where those are the shapes of a set that somebody
drew, the template's own or another built-in look's, that drawing is taken in the generated colours;
else the generated picture stands, out of focus.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from services.avatar.looks import BUILTIN_DIR, builtin_names
from services.vision.colour import Floats, filled, smoothed, to_lab, to_rgb

ALIKE = (0.5, 0.65)  # correlation of the light's ups and downs: below, another set; above, the same
LIGHT_SIGMA_PX, CHROMA_SIGMA_PX = 24.0, 45.0
EDGE_PX = 12.0  # how far from the host a generated set is believed, in plate pixels
FOCUS_PX = 2.0
OWN_FIRST = 0.06  # another drawn set must fit by this much better than the template's own


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What a set is made of."""

    drawn: Floats  # the drawn set, RGB 0..1 on the plate, to be recoloured
    drawn_low: Floats  # the same at the generated size, Lab
    alike: float  # 0..1: how far it, rather than `made`, is shown
    made: Floats  # the set as it was generated, RGB 0..1 on the plate, spread under the host


def choose(
    own: Floats, own_low: Floats, after: Floats, behind: Floats, plate: tuple[int, int], *, detail: bool
) -> Backdrop:
    """The backdrop for a generated picture.

    Args:
        own: the template's set on the plate, RGB 0..1; `own_low` is it at the generated size, Lab.
        after: the generated picture, Lab.
        behind: how much of the set is seen, 0..1, at the generated size.
        plate: width and height of the plate.
        detail: whether the generated picture is fine enough to be the set itself.
    """
    if detail:
        return Backdrop(own, own_low, 0.0, _made(after, behind, plate))
    best, best_low, fit = own, own_low, _fit(after, own_low, behind)
    for drawn in _drawn_sets(plate):
        small = to_lab(cv2.resize(drawn, (after.shape[1], after.shape[0]), interpolation=cv2.INTER_AREA))
        if (other := _fit(after, small, behind)) > fit + OWN_FIRST:
            best, best_low, fit = drawn, small, other
    alike = float(np.clip((fit - ALIKE[0]) / (ALIKE[1] - ALIKE[0]), 0, 1))
    return Backdrop(best, best_low, alike, _made(after, behind, plate))


@lru_cache(maxsize=2)
def _drawn_sets(plate: tuple[int, int]) -> tuple[Floats, ...]:
    """The sets of the built-in looks."""
    sets = []
    for name in builtin_names():
        picture = cv2.imread(str(BUILTIN_DIR / name / "set.jpg"), cv2.IMREAD_COLOR)
        if picture is not None:
            fitted = cv2.resize(picture[..., ::-1], plate, interpolation=cv2.INTER_AREA)
            sets.append(fitted.astype(np.float32) / 255)
    return tuple(sets)


def _made(after: Floats, behind: Floats, plate: tuple[int, int]) -> Floats:
    sure: Floats = np.clip((behind - 0.85) / 0.1, 0, 1).astype(np.float32)
    if float(sure.sum()) < 4:
        sure = behind**3
    cell = plate[0] / after.shape[1]
    # A base moves the host's outline by some pixels, or lets her colours bleed: keep off it.
    margin = round(2 * EDGE_PX / cell) | 1
    sure = cv2.erode(sure, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin)))
    sure = cv2.GaussianBlur(sure, (0, 0), max(0.5, EDGE_PX / 3 / cell))
    whole = filled(after, sure)
    if cell > 2:  # a small picture is rough from cell to cell: only what is wide in it was meant
        whole = np.dstack(
            [
                cv2.GaussianBlur(whole[..., :1], (0, 0), LIGHT_SIGMA_PX / cell),
                cv2.GaussianBlur(whole[..., 1:], (0, 0), CHROMA_SIGMA_PX / cell),
            ]
        )
    rgb = to_rgb(cv2.resize(whole, plate, interpolation=cv2.INTER_CUBIC))
    soft: Floats = cv2.GaussianBlur(rgb, (0, 0), 0.8 * cell if cell > 2 else FOCUS_PX)
    return soft


def _fit(after: Floats, before: Floats, behind: Floats) -> float:
    """How far two sets are one drawing in other colours: the correlation of their light, -1..1, less
    what is even over a wide field."""
    sure = (behind > 0.9).astype(np.float32)
    if float(sure.sum()) < 16:
        return 1.0
    sigma = (max(1.0, after.shape[1] / 12), max(1.0, after.shape[0] / 20))
    parts = []
    for lab in (after, before):
        light = np.ascontiguousarray(lab[..., :1], np.float32)
        wide = smoothed(light, sure, sigma, prior=np.zeros(1, np.float32))
        # A lamp must not outweigh everything else.
        parts.append((np.tanh((light - wide) / 12)[..., 0] * sure).ravel())
    power = float(np.linalg.norm(parts[0]) * np.linalg.norm(parts[1]))
    return float(parts[0] @ parts[1]) / power if power > 1e-3 else 0.0
