"""How far painted pictures are from a persona's own, with nothing to download.

Posed pictures (drawn like a template): CIEDE2000 between the mean colours of hair, dress, skin and set.

Any pictures: the mean of three distances, each 0 (alike) to 1, to the few nearest of the persona's.
    colour      Hellinger distance of their Lab histograms (6 × 8 × 8 cells, blurred by one cell)
    lines       1 − cosine of their histograms of gradient directions, 8 in each of 4 × 6 fields
    masses      half of 1 − correlation of their lightness at 12 × 16 points: where light and dark lie
Its limits: it sees palette, light, hair and dress as masses, and framing. It does not know a face: two women
in one dress are near, one woman in two dresses is far. It tells a version of one persona from the next on the
same captions; it is no measure of likeness between people, and pictures need a common framing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from services.training.vision_measure import ciede2000
from services.vision.colour import Floats, to_lab
from services.vision.regions import REGIONS
from services.vision.template import Template

LEAST_LIKENESS = 0.35  # of lines; a picture of another pose reaches less
LEAST_SHARE = 0.004  # of the picture; a smaller region has no colour to compare
NEAREST = 3
_CELLS = (6, 8, 8)
_FIELDS = (4, 6)
_POINTS = (12, 16)


def fitted(picture: Floats, size: tuple[int, int]) -> Floats:
    """The middle of a picture [H, W, 3] in the shape of `size` (width, height), at that size."""
    height, width = picture.shape[:2]
    wide, high = min(width, height * size[0] / size[1]), min(height, width * size[1] / size[0])
    left, top = int((width - wide) / 2), int((height - high) / 2)
    part = picture[top : top + max(1, int(high)), left : left + max(1, int(wide))]
    how = cv2.INTER_AREA if part.shape[1] >= size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, size, interpolation=how), np.float32)


def posed_like(picture: Floats, templates: Sequence[Template]) -> int | None:
    """The number of the template whose lines lie where the picture's do; None where no one's do.

    The set behind the host may be any. `picture` is RGB 0..1 [H, W, 3].
    """
    size = (picture.shape[1], picture.shape[0])
    own = _strength(picture)
    found = []
    for one in templates:
        shown = cv2.resize(one.flat, size, interpolation=cv2.INTER_AREA)
        host = 1 - cv2.resize(one.regions["set"], size, interpolation=cv2.INTER_AREA)
        found.append(_correlation(own, _strength(shown), host))
    best = int(np.argmax(found))
    return best if found[best] >= LEAST_LIKENESS else None


def region_shares(template: Template, size: tuple[int, int]) -> dict[str, Floats]:
    """How far each pixel of a picture of that size (width, height) belongs to each region, 0..1."""
    return {name: cv2.resize(template.regions[name], size, interpolation=cv2.INTER_AREA) for name in REGIONS}


def region_distances(made: Floats, own: Floats, shares: Mapping[str, Floats]) -> dict[str, float]:
    """CIEDE2000 between the mean colours of each region of two pictures [H, W, 3]; a tiny region is left out."""
    out = {}
    one, two = to_lab(made), to_lab(own)
    for name, share in shares.items():
        mass = float(share.sum())
        if mass < LEAST_SHARE * share.size:
            continue
        means = [
            (lab * share[..., None]).sum(axis=(0, 1), dtype=np.float64)[None] / mass for lab in (one, two)
        ]
        out[name] = float(ciede2000(*means)[0])
    return out


def features(picture: Floats) -> tuple[Floats, Floats, Floats]:
    """What the distance of any pictures is worked out from: of colour, of lines, of masses."""
    lab = to_lab(picture)
    bounds = [(0, 100), (-60, 80), (-70, 80)]
    cells, _ = np.histogramdd(lab.reshape(-1, 3), bins=_CELLS, range=bounds)
    blurred = np.asarray(cells, np.float32)
    for axis in range(3):
        kernel = (0.25, 0.5, 0.25)
        blurred = np.apply_along_axis(np.convolve, axis, blurred, kernel, "same")
    colour = np.sqrt(blurred / max(float(blurred.sum()), 1e-9))
    return colour.ravel(), _directions(lab[..., 0]), _masses(lab[..., 0])


def picture_distance(
    made: tuple[Floats, Floats, Floats], own: Sequence[tuple[Floats, Floats, Floats]]
) -> float:
    """The distance of one picture's features from the nearest of a persona's, 0..1."""
    found = []
    for other in own:
        colour = np.sqrt(max(0.0, 1 - float(made[0] @ other[0])))
        lines = 1 - float(made[1] @ other[1])
        masses = (1 - float(made[2] @ other[2])) / 2
        found.append((colour + lines + masses) / 3)
    return float(np.mean(sorted(found)[:NEAREST]))


def spread(pictures: Floats) -> float:
    """The mean ΔE (CIE76) of pictures [N, H, W, 3] from one another, at 18 × 32 points; 0 for one."""
    labs = [to_lab(cv2.resize(one, (18, 32), interpolation=cv2.INTER_AREA)) for one in pictures]
    pairs = [
        float(np.linalg.norm(labs[i] - labs[j], axis=-1).mean())
        for i in range(len(labs))
        for j in range(i + 1, len(labs))
    ]
    return float(np.mean(pairs)) if pairs else 0.0


def _strength(picture: Floats) -> Floats:
    light = cv2.blur(to_lab(picture)[..., 0], (3, 3))
    down, across = np.gradient(light)
    return np.asarray(np.minimum(np.hypot(down, across), 8), np.float32)


def _correlation(one: Floats, two: Floats, weight: Floats) -> float:
    mass = max(float(weight.sum()), 1e-6)
    one, two = (part - float((part * weight).sum()) / mass for part in (one, two))
    power = float((one**2 * weight).sum()) * float((two**2 * weight).sum())
    return float((one * two * weight).sum()) / max(power**0.5, 1e-6)


def _directions(light: Floats) -> Floats:
    small = cv2.resize(light, (96, 144), interpolation=cv2.INTER_AREA)
    across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    direction = (np.arctan2(down, across) % np.pi * 8 / np.pi).astype(int) % 8
    high, wide = 144 // _FIELDS[1], 96 // _FIELDS[0]
    fields: NDArray[np.float64] = np.zeros((_FIELDS[1], _FIELDS[0], 8))
    ys, xs = np.mgrid[:144, :96]
    np.add.at(fields, (ys // high, xs // wide, direction), strength)
    return _unit(fields.ravel())


def _masses(light: Floats) -> Floats:
    points = cv2.resize(light, _POINTS, interpolation=cv2.INTER_AREA).ravel()
    return _unit(points - points.mean())


def _unit(values: NDArray[np.float64] | Floats) -> Floats:
    out: Floats = values / max(float(np.linalg.norm(values)), 1e-9)
    return out
