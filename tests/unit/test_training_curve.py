"""The curve: what it says in numbers, and that it is drawn with and without a Chinese font, with no warning."""

from __future__ import annotations

import csv
import io
import math

import pytest
from PIL import Image

from services.training import curve
from services.training.history import History, Look, Point


def history(steps: int = 60, *, rising: bool = True) -> History:
    made = History(looks=[Look(0, 0, 1.2)])
    for step in range(1, steps + 1):
        epoch = (step - 1) // 10 + 1
        made.points.append(Point(step, epoch, math.exp(-step / 30), 1e-4 * (1 - (step - 1) / steps), 0.5))
        if step % 10 == 0:
            held = 1.0 - 0.01 * step if step <= 30 or not rising else 0.7 + 0.01 * (step - 30)
            made.looks.append(Look(step, epoch, held))
    return made


def test_the_csv_has_a_row_a_step_and_the_validations_in_their_rows() -> None:
    rows = list(csv.DictReader(io.StringIO(curve.csv_of(history()).decode())))
    assert [int(row["step"]) for row in rows] == list(range(61))
    assert {int(row["step"]) for row in rows if row["validation"]} == {0, 10, 20, 30, 40, 50, 60}
    assert float(rows[30]["loss"]) == pytest.approx(math.exp(-1), rel=1e-4)
    assert float(rows[1]["smooth"]) == pytest.approx(float(rows[1]["loss"]))
    assert rows[0]["loss"] == ""


@pytest.mark.parametrize("font", ["there", "not there"])
@pytest.mark.parametrize(
    "made", [History(), History([Point(1, 1, 0.5, 1e-4, 1.0)]), history(), history(rising=False)],
    ids=["empty", "one step", "over-fitting", "good"],
)  # fmt: skip
def test_it_is_drawn_whatever_there_is(monkeypatch, font, made) -> None:
    if font == "not there":
        monkeypatch.setattr(curve, "FONTS", ())
    drawn = curve.png_of(made, title="棠妆 · visual · 1", best_step=30)
    with Image.open(io.BytesIO(drawn)) as picture:
        picture.load()
        assert picture.size == (1500, 1050)


def test_both_files_are_written_whole(tmp_path) -> None:
    curve.write_curve(tmp_path, history(), title="tang", best_step=30)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["curve.csv", "curve.png"]
