"""A run that was stopped goes on: to the same weights, at another length, and not by another recipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.training.faults import CannotResume, Interrupted
from tests.unit.training_runs import PNG, beside, train, weights


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch) -> None:
    """A drawing takes half a second, and is tested elsewhere."""
    monkeypatch.setattr("services.training.curve.png_of", lambda *_a, **_k: PNG)


def stopped(folder: Path, at: int = 8, **given) -> None:
    """Stop the run at a step, as a signal does."""
    import signal

    def ask(call, loss):
        if call == at:
            signal.raise_signal(signal.SIGINT)
        return loss

    with pytest.raises(Interrupted, match=f"saved at step {at} of 12; run the same recipe again"):
        train(folder, script=ask, **given)


def test_ctrl_c_saves_and_the_same_recipe_goes_on_to_the_same_weights(tmp_path) -> None:
    stopped(tmp_path / "a")
    assert beside(tmp_path / "a") == [".out.run"]
    said: list[str] = []
    train(tmp_path / "a", said)
    train(tmp_path / "b")
    assert any("going on from step 8 of 12" in line for line in said)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert (tmp_path / "a/out/curve.csv").read_bytes() == (tmp_path / "b/out/curve.csv").read_bytes()


def test_another_recipe_does_not_take_a_stopped_run(tmp_path) -> None:
    stopped(tmp_path)
    with pytest.raises(CannotResume, match=r"batch_size 4 → 2(.|\n)*resume: false"):
        train(tmp_path, recipe={"batch_size": 2})
    said: list[str] = []
    train(tmp_path, said, recipe={"batch_size": 2, "resume": False})
    assert not any("going on" in line for line in said)


CONSTANT = {"lr_scheduler": "constant", "warmup": 3}


@pytest.mark.parametrize(
    ("began", "goes_on", "told"),
    [
        ({"minutes": 30}, {"minutes": 90}, "minutes 30.0 → 90.0"),
        ({"minutes": 30}, {}, "minutes 30.0 → None"),
        (CONSTANT, {**CONSTANT, "epochs": 3}, "epochs 2 → 3"),
        ({**CONSTANT, "epochs": 9, "steps": 12}, {**CONSTANT, "epochs": 9, "steps": 15}, "steps 12 → 15"),
        ({"epochs": 9, "steps": 12}, {"steps": 12}, "epochs 9 → 2"),  # either way 12 steps
    ],
)
def test_a_stopped_run_takes_another_length_and_ends_as_one_that_always_had_it(
    tmp_path, began, goes_on, told
) -> None:
    stopped(tmp_path / "a", recipe=began)
    said: list[str] = []
    train(tmp_path / "a", said, recipe=goes_on)
    train(tmp_path / "b", recipe=goes_on)
    assert any("going on from step 8" in line for line in said)
    assert any(told in line for line in said)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert (tmp_path / "a/out/curve.csv").read_bytes() == (tmp_path / "b/out/curve.csv").read_bytes()


@pytest.mark.parametrize(
    ("longer", "told"), [({"epochs": 3}, "epochs 2 → 3"), ({"steps": 10}, "steps None → 10")]
)
def test_a_length_that_bends_the_rates_of_steps_that_are_done_is_refused(tmp_path, longer, told) -> None:
    stopped(tmp_path)
    said: list[str] = []
    with pytest.raises(CannotResume, match=r"other learning rates\n(.*)set epochs and steps back"):
        train(tmp_path, said, recipe=longer)
    assert any(told in line for line in said)
    train(tmp_path, said)
    assert any("going on from step 8 of 12" in line for line in said)


def test_a_cap_that_is_over_already_ends_the_run_at_once(tmp_path) -> None:
    stopped(tmp_path)
    train(tmp_path, recipe={"minutes": 1e-6}, script=lambda _call, _loss: pytest.fail("it trained on"))
    assert json.loads((tmp_path / "out/training.json").read_text("utf-8"))["steps"] == 8


def test_resume_true_wants_something_to_resume(tmp_path) -> None:
    with pytest.raises(CannotResume, match="no checkpoint to go on from"):
        train(tmp_path, recipe={"resume": True})
    assert beside(tmp_path) == []


def test_a_stopped_run_on_changed_data_is_refused(tmp_path) -> None:
    stopped(tmp_path)
    with pytest.raises(CannotResume, match="other data or another base"):
        train(tmp_path, data_sha256="e" * 64)
