"""What comes out of a training and must not be used: each refusal leaves no adapter behind."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from services.training import output
from services.training.faults import AdapterRefused
from tests.tiny_task import TinyTask
from tests.unit.training_runs import FILES, PNG, beside, train, tree


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch) -> None:
    """A drawing takes half a second, and is tested elsewhere."""
    monkeypatch.setattr("services.training.curve.png_of", lambda *_a, **_k: PNG)


MORE = "train for longer or at a higher learning_rate"
GENTLER = "halve learning_rate"


def refused(folder: Path, **task) -> str:
    with pytest.raises(AdapterRefused) as failed:
        train(folder, **task)
    assert not (folder / "out").exists()
    assert not list(folder.glob(".out.part-*"))
    return str(failed.value)


def test_an_adapter_without_effect_is_refused(tmp_path) -> None:
    told = refused(tmp_path, change=0.0)
    assert "output does not change" in told and MORE in told


def test_an_adapter_whose_canary_is_no_number_is_refused(tmp_path) -> None:
    told = refused(tmp_path, change=math.nan)
    assert "output is NaN or Inf" in told and GENTLER in told and MORE not in told


def test_an_empty_adapter_is_refused(tmp_path, monkeypatch) -> None:
    def zeros(self):
        return {key: torch.zeros_like(one) for key, one in kept(self).items()}

    kept = TinyTask.state
    monkeypatch.setattr(TinyTask, "state", zeros)
    told = refused(tmp_path)
    assert "every B is zero" in told and MORE in told


def test_an_adapter_that_is_no_number_is_refused(tmp_path, monkeypatch) -> None:
    kept = TinyTask.state
    monkeypatch.setattr(TinyTask, "state", lambda self: {k: v * math.nan for k, v in kept(self).items()})
    told = refused(tmp_path)
    assert "a weight is NaN" in told and GENTLER in told and MORE not in told


def test_a_training_that_moved_nothing_is_refused(tmp_path) -> None:
    train(tmp_path / "parent", recipe={"version": "0"})
    with pytest.raises(AdapterRefused, match=f"changed no weight\n(.*){MORE}"):
        train(
            tmp_path,
            recipe={"init_from": tmp_path / "parent" / "out", "learning_rate": 1e-30, "weight_decay": 0},
        )


def test_a_file_over_the_limit_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(output, "MAX_BYTES", 500)
    told = refused(tmp_path)
    assert "lower lora_rank" in told and MORE not in told


def test_what_staging_refuses_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tests.tiny_task.TARGETS", ("first", "last", "elsewhere"))
    facts = TinyTask.lora

    def other_base(self):
        from dataclasses import replace

        return replace(facts(self), base_sha256="c" * 64)

    monkeypatch.setattr(TinyTask, "lora", other_base)
    told = refused(tmp_path)
    assert "train it on this base" in told and MORE not in told and GENTLER not in told


def test_after_a_refusal_the_run_can_be_looked_at_and_another_recipe_begins_anew(tmp_path) -> None:
    refused(tmp_path, change=0.0)
    assert (tmp_path / ".out.run" / "curve.csv").exists()
    said: list[str] = []
    train(tmp_path, said, recipe={"learning_rate": 0.02})
    assert not any("going on" in line for line in said)
    assert beside(tmp_path) == ["out"]


def test_after_a_refusal_a_longer_run_begins_anew(tmp_path) -> None:
    refused(tmp_path, change=0.0)
    said: list[str] = []
    train(tmp_path, said, recipe={"epochs": 3})
    assert not any("going on" in line for line in said)
    assert beside(tmp_path) == ["out"]


def test_a_refused_run_of_the_same_recipe_needs_no_training_again(tmp_path) -> None:
    refused(tmp_path, change=0.0)

    def trained(_call, _loss):
        raise AssertionError("it trained again")

    assert tree(train(tmp_path, script=trained)) == FILES
