"""Every committed look has the contract's layers, on the plate, with landmarks where a face has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

LOOKS = Path(__file__).parents[2] / "services" / "avatar" / "looks"
NAMES = ("morning", "evening", "tangzhuang")
PAIRED = ("iris", "eye_mask", "lash", "lid_half", "lid_closed", "lid_smile", "brow")
SINGLE = (
    "set", "back_hair", "body", "head", "mouth_cavity", "teeth_upper", "teeth_lower", "tongue", "lip_upper",
    "lip_lower", "front_hair", "ornament", "table",
)  # fmt: skip
LAYERS = SINGLE + tuple(f"{name}_{side}" for name in PAIRED for side in "lr")


def _doc(name: str) -> dict[str, Any]:
    doc = yaml.safe_load((LOOKS / name / "look.yaml").read_text(encoding="utf-8"))
    assert isinstance(doc, dict)
    return doc


@pytest.mark.parametrize("name", NAMES)
def test_layers_exist_and_lie_on_the_plate(name: str) -> None:
    doc = _doc(name)
    assert doc["size"] == [720, 1280]
    assert set(doc["layers"]) == set(LAYERS)
    for layer, entry in doc["layers"].items():
        picture = cv2.imread(str(LOOKS / name / entry["file"]), cv2.IMREAD_UNCHANGED)
        assert picture is not None, layer
        x, y = entry["at"]
        assert x >= 0 and y >= 0, layer
        assert x + picture.shape[1] <= 720 and y + picture.shape[0] <= 1280, layer
        if layer != "set":
            assert picture.shape[2] == 4, layer


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_lie_on_the_head(name: str) -> None:
    doc = _doc(name)
    marks, head = doc["landmarks"], doc["layers"]["head"]
    picture = cv2.imread(str(LOOKS / name / head["file"]), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    x0, y0 = head["at"]
    points = [*marks["lip_outer"], *marks["lip_inner"], marks["nose_tip"], *marks["brow_l"], *marks["brow_r"]]
    for eye in ("eye_l", "eye_r"):
        points += [*marks[eye]["contour"], marks[eye]["pupil"]]
    for x, y in points:
        assert picture[round(y - y0), round(x - x0), 3] == 255, (x, y)
    assert (len(marks["lip_outer"]), len(marks["lip_inner"]), len(marks["jaw"])) == (12, 8, 9)


@pytest.mark.parametrize("name", NAMES)
def test_parts_stand_in_the_order_of_a_face(name: str) -> None:
    marks = _doc(name)["landmarks"]
    brows = np.mean([marks["brow_l"], marks["brow_r"]], axis=(0, 1))
    eyes = np.mean([marks["eye_l"]["pupil"], marks["eye_r"]["pupil"]], axis=0)
    mouth = np.mean(marks["lip_outer"], axis=0)
    chin = max(marks["jaw"], key=lambda p: p[1])
    assert brows[1] < eyes[1] < marks["nose_tip"][1] < mouth[1] < chin[1]
    assert 400 <= eyes[1] <= 430
    assert marks["eye_l"]["pupil"][0] < marks["nose_tip"][0] < marks["eye_r"]["pupil"][0]
    assert marks["lip_outer"][0][0] < marks["lip_outer"][6][0]


def test_all_looks_together_stay_small() -> None:
    total = sum(file.stat().st_size for name in NAMES for file in (LOOKS / name).iterdir())
    assert total <= 12 * 1024 * 1024
