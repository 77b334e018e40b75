"""May this look go on air? Measures of a finished picture against its template, and the verdict.

Each fault is a sentence for the person on duty. A look with a fault is not announced; the last good
one stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.vision.colour import Floats, delta_e, middle, to_lab
from services.vision.template import Sheet, Template

FACE_LEAST = 0.75  # of the face's drawing (its gradients) that must still be there
SKIN_MOST = 50.0  # ΔE of the face's skin against the template's
SKIN_LIGHT = (32.0, 97.0)  # L: darker or lighter is no skin on screen
SKIN_HUE = (10.0, 95.0)  # degrees in Lab; outside, skin is green, blue or violet
# ΔE that colour may wander within a region, beyond what its drawing explains; a set may hold lamps.
MOTTLING_MOST = {"hair": 3.0, "skin": 1.5, "dress": 2.5, "set": 8.0}


@dataclass(frozen=True)
class Verdict:
    """What was measured, and every reason against the look."""

    measures: dict[str, float]
    faults: tuple[str, ...]


def judge_generated(
    pictures: Floats, template_low: Floats, template: Template, *, face_least: float
) -> Verdict:
    """What the base made, before any finish: pictures (n, h, w, 3) against the template at that size.

    `face_least` is how far the face must be drawn as the template's is: a base that lost it lost the pose.
    """
    if not np.isfinite(pictures).all():
        fault = "the picture holds values that are no numbers; the adapter or the base is broken"
        return Verdict({}, (fault,))
    lab = to_lab(pictures.mean(axis=0))
    light, spread = float(lab[..., 0].mean()), float(lab[..., 0].std())
    measures = {"light": light, "contrast": spread}
    faults = []
    if light < 4:
        faults.append(f"the picture is black (mean L {light:.1f}); try another seed or less guidance")
    elif light > 97:
        faults.append(f"the picture is blown out (mean L {light:.1f}); try another seed or less guidance")
    elif spread < 3:
        faults.append(f"the picture is flat (contrast {spread:.1f}); try another seed or less guidance")
    size = (lab.shape[1], lab.shape[0])
    face = _reduced(template.shown["skin"] + template.shown["feature"], size) > 0.95
    same = _alike(lab[..., 0], to_lab(template_low)[..., 0], _face(template, *size), face)
    measures["generated_face"] = same
    if not faults and same < face_least:
        faults.append(
            f"the face left the template (likeness {same:.2f}, at least {face_least}); lower the strength"
        )
    skin = _reduced(template.shown["skin"], size) ** 3
    becomes = middle(lab, skin)
    for name, value in zip(("light", "a", "b"), becomes, strict=True):
        measures[f"generated_skin_{name}"] = float(value)
    if not faults:
        faults += _skin_faults(middle(to_lab(template_low), skin), becomes)
    return Verdict(measures, tuple(faults))


def judge_finished(template: Template, done: Mapping[str, Sheet]) -> Verdict:
    """The finished layers: face, skin, mottling."""
    after = Template(template.folder, template.spec, dict(done), "")
    before_flat, after_flat = template.flat, after.flat
    faults: list[str] = []
    if not np.isfinite(after_flat).all():
        return Verdict({}, ("the finished look holds values that are no numbers; report this",))
    # Half the size tells as much, in a quarter of the time.
    half = (template.size[0] // 2, template.size[1] // 2)
    before, now = (
        to_lab(cv2.resize(p, half, interpolation=cv2.INTER_AREA)) for p in (before_flat, after_flat)
    )
    skin = _reduced(template.shown["skin"] + template.shown["feature"], half)
    measures = {"face": _alike(now[..., 0], before[..., 0], _face(template, *half), skin > 0.98)}
    if measures["face"] < FACE_LEAST:
        faults.append(
            f"the face is not the template's any more (likeness {measures['face']:.2f} of {FACE_LEAST})"
        )
    for name, seen in template.regions.items():
        share = _reduced(seen, half)
        was, becomes = middle(before, share), middle(now, share)
        measures[f"delta_e_{name}"] = float(delta_e(was, becomes))
        if name == "skin":
            faults += _skin_faults(was, becomes)
        # Trims keep their colours while the cloth changes: a dress is judged by its main cloth.
        share = _reduced(template.shown["dress0"], half) if name == "dress" else share
        measures[f"mottling_{name}"] = _mottling(now, before, share)
        if measures[f"mottling_{name}"] > MOTTLING_MOST[name]:
            faults.append(
                f"the {name} is blotched (colour wanders by {measures[f'mottling_{name}']:.1f}, "
                f"at most {MOTTLING_MOST[name]}); try another seed"
            )
    return Verdict(measures, tuple(faults))


def _reduced(mask: Floats, size: tuple[int, int]) -> Floats:
    small: Floats = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    return small


def _skin_faults(was: Floats, becomes: Floats) -> list[str]:
    light, a, b = (float(v) for v in becomes)
    faults = []
    apart = float(delta_e(was, becomes))
    hue = float(np.degrees(np.arctan2(b, a)))
    if apart > SKIN_MOST:
        faults.append(f"the skin is far from the template's (ΔE {apart:.0f}, at most {SKIN_MOST:.0f})")
    if not SKIN_LIGHT[0] <= light <= SKIN_LIGHT[1]:
        faults.append(f"the skin is too dark or too light to be seen (L {light:.0f})")
    if np.hypot(a, b) > 5 and not SKIN_HUE[0] <= hue <= SKIN_HUE[1]:
        faults.append(f"the skin has no skin's hue ({hue:.0f} degrees)")
    return faults


def _face(template: Template, width: int, height: int) -> tuple[slice, slice]:
    """The face's rows and columns on a picture of that size."""
    marks = template.spec.landmarks
    xs = [p[0] for p in marks.jaw]
    ys = [p[1] for p in (*marks.jaw, *marks.brow_l, *marks.brow_r, *marks.eye_l.contour)]
    sx, sy = width / template.size[0], height / template.size[1]
    rows = slice(max(0, int(min(ys) * sy) - 1), min(height, int(max(ys) * sy) + 2))
    cols = slice(max(0, int(min(xs) * sx) - 1), min(width, int(max(xs) * sx) + 2))
    return rows, cols


def _alike(
    first: Floats, second: Floats, place: tuple[slice, slice], where: NDArray[np.bool_] | None = None
) -> float:
    """How far two pictures are drawn alike there: the correlation of their gradients, -1..1."""
    lines = []
    whole = np.ones(first.shape, np.float32) if where is None else where.astype(np.float32)
    inside = cv2.erode(whole, np.ones((3, 3), np.uint8))[place]
    for picture in (first, second):
        part = np.ascontiguousarray(picture[place], np.float32)
        across, down = cv2.Sobel(part, cv2.CV_32F, 1, 0), cv2.Sobel(part, cv2.CV_32F, 0, 1)
        lines.append(np.concatenate([(across * inside).ravel(), (down * inside).ravel()]))
    power = float(np.linalg.norm(lines[0]) * np.linalg.norm(lines[1]))
    return float(lines[0] @ lines[1]) / power if power > 1e-6 else 0.0


def _mottling(now: Floats, before: Floats, share: Floats) -> float:
    """How far chroma wanders from place to place in a region for no reason that the drawing gives.

    Blotches are 15 to 60 plate pixels wide: a band between two blurs, inside the region only. What a
    linear map of the template's own band explains (folds, strands, patterns in other colours) is drawn.
    """
    sure = (share > 0.95).astype(np.float32)
    if float(sure.sum()) < 50:
        return 0.0
    kept = cv2.erode(sure, np.ones((9, 9), np.uint8))
    kept = sure if float(kept.sum()) < 50 else kept

    def band(lab: Floats) -> Floats:
        def local(sigma: float) -> Floats:
            mass = cv2.GaussianBlur(sure, (0, 0), sigma)[..., None]
            mean: Floats = cv2.GaussianBlur(lab * sure[..., None], (0, 0), sigma) / np.maximum(mass, 1e-3)
            return mean

        rows: Floats = (local(4) - local(16))[kept > 0]
        return rows

    drawn, seen = band(before), band(now)
    # Its light explains chroma too: what lies in a fold is less coloured.
    drawn = np.hstack([drawn, seen[:, :1]])
    fit = np.linalg.lstsq(drawn, seen[:, 1:], rcond=None)[0]
    left = seen[:, 1:] - drawn @ fit
    return float(np.sqrt((left**2).sum(axis=-1).mean()))
