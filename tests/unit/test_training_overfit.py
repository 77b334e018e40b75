"""Over-fitting: when it is said, when it is not, and what is advised."""

from __future__ import annotations

import pytest

from services.training.history import History, Look, Point
from services.training.overfit import Knobs, advice, findings, short


def history(validations, *, losses=None, spreads=(), collapses=()) -> History:
    made = History()
    for epoch, held in enumerate(validations, start=1):
        loss = losses[epoch - 1] if losses else 1.0 / epoch
        made.points.append(Point(epoch, epoch, loss, 1e-4, 1.0))
        spread = spreads[epoch - 1] if epoch <= len(spreads) else None
        collapse = collapses[epoch - 1] if epoch <= len(collapses) else None
        made.looks.append(Look(epoch, epoch, held, spread, collapse, (f"{epoch}.jpg",)))
    return made


def test_two_looks_above_the_best_while_the_loss_falls_is_over_fitting() -> None:
    (found,) = findings(history([1.0, 0.8, 0.9, 1.0]), "visual")
    assert found.step == 3
    assert "过拟合" in found.text
    assert "from 0.8000 at step 2 to 1.0000" in found.text


@pytest.mark.parametrize(
    ("validations", "losses"),
    [
        ([1.0, 0.9, 0.8, 0.7], None),  # it learns
        ([1.0, 0.8, 0.9], None),  # one look is not enough
        ([1.0, 0.8, 0.803, 0.805], None),  # within noise
        ([1.0, 0.8, 0.9, 1.0], [1.0, 0.9, 1.0, 1.1]),  # the training loss rises too: not by heart
        ([1.0, 0.8, 0.9, 0.79], None),  # it came back
        ([None, None, None, None], None),  # no split
        ([], None),
    ],
)
def test_what_is_not_over_fitting(validations, losses) -> None:
    assert findings(history(validations, losses=losses), "visual") == []


def test_samples_that_grow_alike_are_said() -> None:
    (found,) = findings(history([None] * 4, spreads=[0.4, 0.5, 0.45, 0.2]), "visual")
    assert found.step == 4
    assert "spread 0.20 at step 4, it was 0.50" in found.text


def test_a_face_that_broke_is_said_in_the_kinds_words() -> None:
    collapsed = history([None] * 2, collapses=[None, "flat grey pictures"])
    assert findings(collapsed, "visual")[0].text == "样图脸崩：flat grey pictures"
    assert findings(collapsed, "language")[0].text == "样例回答崩坏：flat grey pictures"


def test_a_base_whose_own_samples_are_broken_is_not_over_fitted() -> None:
    assert findings(history([None] * 3, collapses=["repeats"] * 3), "language") == []


def test_the_advice_lowers_rate_and_epochs_and_adds_dropout() -> None:
    knobs = Knobs(kind="visual", learning_rate=2e-4, epochs=15, lora_dropout=0.0)
    assert advice(knobs) == (
        "可改 / change learning_rate: 2e-4 → 1.5e-4, epochs: 15 → 10, lora_dropout: 0 → 0.2"
    )
    few = Knobs(kind="visual", learning_rate=1e-3, epochs=1, lora_dropout=0.3)
    assert advice(few) == "可改 / change learning_rate: 1e-3 → 7.5e-4"


@pytest.mark.parametrize(
    ("rate", "told"), [(2e-4, "2e-4"), (1.5e-4, "1.5e-4"), (1.0, "1e0"), (0.00123, "1.23e-3")]
)
def test_rates_are_written_as_people_write_them(rate, told) -> None:
    assert short(rate) == told
