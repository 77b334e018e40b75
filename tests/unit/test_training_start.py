"""Continuing from an adapter: its effect carries over, and whatever does not fit is said."""

from __future__ import annotations

import pytest

from services.lora.card import read_card
from services.training.faults import CannotStart, TrainingFailed
from tests.unit.training_runs import PNG, beside, train


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch) -> None:
    """A drawing takes half a second, and is tested elsewhere."""
    monkeypatch.setattr("services.training.curve.png_of", lambda *_a, **_k: PNG)


def test_init_from_goes_on_where_the_parent_stood(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7"})
    said: list[str] = []
    child = train(tmp_path, said, recipe={"init_from": parent, "version": "8"})
    card = read_card(child)
    assert card.parent == "7"
    assert card.evaluation["validation_loss_before"] == pytest.approx(
        read_card(parent).evaluation["validation_loss"], rel=1e-2
    )
    assert card.evaluation["validation_loss"] < read_card(parent).evaluation["validation_loss"]


def test_init_from_of_another_alpha_has_the_same_effect(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7", "lora_alpha": 2})
    child = train(tmp_path, recipe={"init_from": parent, "version": "8", "lora_alpha": 8})
    assert read_card(child).evaluation["validation_loss_before"] == pytest.approx(
        read_card(parent).evaluation["validation_loss"], rel=1e-2
    )


@pytest.mark.parametrize("name", ["kohya", "diffusers"])
def test_init_from_reads_other_formats_too(tmp_path, name) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7", "export": [name]})
    (parent / f"adapter.{name}.safetensors").replace(parent / "adapter.safetensors")
    child = train(tmp_path, recipe={"init_from": parent, "version": "8"})
    assert read_card(child).evaluation["validation_loss_before"] == pytest.approx(
        read_card(parent).evaluation["validation_loss"], rel=1e-2
    )


def test_init_from_of_another_rank_says_which_rank_to_set(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7"})
    with pytest.raises(CannotStart, match="it is of rank 2; set lora_rank: 2"):
        train(tmp_path, recipe={"init_from": parent, "version": "8", "lora_rank": 4})
    assert beside(tmp_path) == ["parent"]


def test_init_from_lists_every_misfit(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7"})
    card = (parent / "adapter.yaml").read_text("utf-8")
    (parent / "adapter.yaml").write_text(
        card.replace("kind: visual", "kind: language").replace("b" * 64, "c" * 64)
    )
    with pytest.raises(CannotStart) as failed:
        train(tmp_path, recipe={"init_from": parent, "version": "8", "lora_rank": 4})
    for told in ("a language adapter", "of another base", "lora_rank: 2"):
        assert told in str(failed.value)


def test_init_from_that_is_broken_is_a_clear_problem(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7"})
    (parent / "adapter.safetensors").write_bytes(b"nothing")
    with pytest.raises(CannotStart, match="cannot be read"):
        train(tmp_path, recipe={"init_from": parent, "version": "8"})
    (parent / "adapter.yaml").unlink()
    with pytest.raises(CannotStart, match="every adapter needs one"):
        train(tmp_path, recipe={"init_from": parent, "version": "8"})


def test_init_from_its_own_version_is_refused(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7"})
    with pytest.raises(TrainingFailed, match="version of init_from itself"):
        train(tmp_path, recipe={"init_from": parent, "version": "7"})


def test_another_personas_adapter_can_be_begun_from_without_being_its_parent(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"persona": "other"})
    assert read_card(train(tmp_path, recipe={"init_from": parent})).parent is None


def test_a_start_from_another_persona_names_no_parent_and_says_so(tmp_path) -> None:
    parent = train(tmp_path / "parent", recipe={"version": "7", "persona": "mei"})
    said: list[str] = []
    child = train(tmp_path, said, recipe={"init_from": parent, "version": "8"})
    assert read_card(child).parent is None
    assert any("persona: mei" in one and "no parent" in one for one in said)
