"""Whole runs of a tiny adapter: the exact files, refusals, two runs into one folder, full disks, crashes."""

from __future__ import annotations

import json
import math
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from services.lora.card import Consent, read_card
from services.training import run, whole_file
from services.training.faults import (
    DiskFull,
    FolderTaken,
    NotFinite,
    OutOfMemory,
    TrainingFailed,
)
from services.training.run_folder import run_folder
from services.training.schedule import seed_of
from tests.tiny_task import TinyTask, tiny_recipe
from tests.unit.training_runs import FILES, PNG, beside, train, tree, weights


@pytest.fixture(autouse=True)
def _no_drawing(request, monkeypatch) -> None:
    """A drawing takes half a second; one test draws. The last of a run, in the adapter's folder, is the largest file."""
    if request.function is not test_a_run_leaves_exactly_these_files:
        drawings = iter([b"\x89PNG"])
        monkeypatch.setattr("services.training.curve.png_of", lambda *_a, **_k: next(drawings, PNG))


def consent(folder: Path, **given) -> Path:
    told = Consent(
        subject="a character that nobody sat for",
        scope=("face",),
        document="tests",
        valid_from=date(2020, 1, 1),
        valid_until=date(2999, 1, 1),
    ).model_dump(mode="json")
    file = folder / "consent.yaml"
    file.write_text(yaml.safe_dump({**told, **given}), encoding="utf-8")
    return file


def test_a_run_leaves_exactly_these_files(tmp_path) -> None:
    folder = train(tmp_path)
    assert folder == tmp_path / "out"
    assert tree(folder) == FILES
    assert beside(tmp_path) == ["out"]
    with Image.open(folder / "curve.png") as picture:
        assert picture.size == (1500, 1050)


def test_exports_lie_beside_the_adapter(tmp_path) -> None:
    folder = train(tmp_path, recipe={"export": ["kohya", "diffusers"], "lora_alpha": 6})
    assert tree(folder) == sorted([*FILES, "adapter.kohya.safetensors", "adapter.diffusers.safetensors"])
    mine = load_file(folder / "adapter.safetensors")
    kohya = load_file(folder / "adapter.kohya.safetensors")
    key = "base_model.model.first"
    assert torch.equal(kohya["lora_unet_first.lora_down.weight"], mine[f"{key}.lora_A.weight"])
    assert float(kohya["lora_unet_first.alpha"]) == 6
    with safe_open(folder / "adapter.diffusers.safetensors", "pt") as file:
        assert "unet.first.lora_A.weight" in file.keys()  # noqa: SIM118 (no dict)
        assert "lora_adapter_metadata" in file.metadata()


def test_the_card_and_the_report_say_what_it_is(tmp_path) -> None:
    made = {"consent": consent(tmp_path), "trigger_words": ["棠妆"], "version": "2", "lora_alpha": 4}
    folder = train(tmp_path, recipe=made)
    card = read_card(folder)
    assert (card.persona, card.kind, card.version, card.parent) == ("tang", "visual", "2", None)
    assert (card.rank, card.alpha, card.target_modules, card.trigger_words) == (
        2,
        4,
        ("first", "last"),
        ("棠妆",),
    )
    assert card.consent is not None
    assert card.recipe["learning_rate"] == 0.03
    assert card.evaluation["validation_loss"] < card.evaluation["validation_loss_before"]
    assert {one.dtype for one in load_file(folder / "adapter.safetensors").values()} == {torch.float16}
    report = json.loads((folder / "training.json").read_text("utf-8"))
    assert report["sha256"] == card.sha256
    assert (report["steps"], report["samples"]) == (12, 48)
    assert report["samples_per_s"] > 0
    assert report["peak_memory_bytes"] > 10_000_000
    assert report["data_sha256"] == "d" * 64
    assert report["recipe"] == card.recipe
    assert len(report["seen"]) == 24
    TinyTask(tiny_recipe(tmp_path / "out", lora_alpha=4)).stage(folder)


def test_without_consent_it_is_written_and_said(tmp_path) -> None:
    said: list[str] = []
    assert read_card(train(tmp_path, said)).consent is None
    assert any("no consent: it is written, but cannot go on air" in line for line in said)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"valid_until": "2021-01-01"}, "ran out"),
        ({"scope": ["voice"]}, "does not cover"),
        ({"who": 1}, "who"),
    ],
)
def test_a_consent_that_does_not_hold_is_refused_before_training(tmp_path, given, told) -> None:
    def trained(_call, _loss):
        raise AssertionError("it trained")

    with pytest.raises(TrainingFailed, match=told):
        train(tmp_path, recipe={"consent": consent(tmp_path, **given)}, script=trained)
    assert beside(tmp_path) == ["consent.yaml"]


@pytest.mark.parametrize("name", ["adapter.safetensors", "my-notes.txt"])
def test_a_folder_with_something_in_it_is_never_written(tmp_path, name) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(FolderTaken):
        train(tmp_path)
    assert tree(tmp_path) == [f"out/{name}"]
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    assert tree(train(tmp_path)) == FILES


def test_a_second_run_into_the_folder_is_refused_and_the_first_goes_on(tmp_path) -> None:
    def meddle(call, loss):
        if call == 4:
            with pytest.raises(FolderTaken, match="another run is writing"):
                train(tmp_path)
        return loss

    assert tree(train(tmp_path, script=meddle)) == FILES


def test_what_comes_to_lie_in_the_folder_meanwhile_is_not_overwritten(tmp_path) -> None:
    def meddle(call, loss):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "mine").write_text("mine")
        return loss

    with pytest.raises(FolderTaken):
        train(tmp_path, script=meddle)
    assert tree(tmp_path / "out") == ["mine"]
    assert beside(tmp_path) == [".out.run", "out"]
    (tmp_path / "out" / "mine").unlink()
    assert tree(train(tmp_path)) == FILES


def test_nan_leaves_no_adapter_and_the_changed_recipe_begins_anew(tmp_path) -> None:
    with pytest.raises(NotFinite):
        train(tmp_path, script=lambda call, loss: loss * math.nan if call == 9 else loss)
    assert beside(tmp_path) == [".out.run"]
    assert tree(train(tmp_path, recipe={"learning_rate": 0.015})) == FILES


def test_a_run_that_came_to_nothing_begins_anew_at_another_length(tmp_path) -> None:
    with pytest.raises(NotFinite):
        train(tmp_path, script=lambda call, loss: loss * math.nan if call == 9 else loss)
    said: list[str] = []
    assert train(tmp_path, said, recipe={"epochs": 3})
    assert not any("going on" in line for line in said)


def test_out_of_memory_names_what_to_change_in_order(tmp_path) -> None:
    def greedy(call, _loss):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with pytest.raises(OutOfMemory) as failed:
        train(tmp_path, script=greedy, recipe={"resolution": 768, "lora_rank": 2})
    text = str(failed.value)
    order = [
        "batch_size: 4 → 2 at 768×768",
        "gradient_checkpointing: true",
        "mixed_precision: bf16",
        "resolution: 768×768 → 512×512",
    ]
    assert [text.index(one) for one in order] == sorted(text.index(one) for one in order)
    assert not (tmp_path / "out").exists()


def test_another_runtime_error_is_not_taken_for_memory(tmp_path) -> None:
    def broken(_call, _loss):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        train(tmp_path, script=broken)


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """The system refuses to write files past a size, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 3000, 12_000, 40_000])
def test_a_disk_that_is_full_is_said_and_leaves_nothing_half_written(tmp_path, size) -> None:
    with file_limit(size), pytest.raises(DiskFull, match="磁盘已满"):
        train(tmp_path)
    assert not (tmp_path / "out").exists()
    assert not [one for one in tree(tmp_path) if ".part" in one]
    assert tree(train(tmp_path)) == FILES
    assert beside(tmp_path) == ["out"]


class Died(BaseException):
    """The process ends here."""


def test_whenever_it_dies_while_writing_it_goes_on_to_the_same_adapter(tmp_path, monkeypatch) -> None:
    train(tmp_path / "whole")
    writes = [0]
    real_replace, real_rename = Path.replace, Path.rename

    def die_at(number):
        def count():
            writes[0] += 1
            if writes[0] == number:
                raise Died

        def replace(self, target):
            count()
            done = real_replace(self, target)
            count()
            return done

        def rename(self, target):
            count()
            done = real_rename(self, target)
            count()
            return done

        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(Path, "rename", rename)

    monkeypatch.setattr(run, "CURVE_EVERY_S", 0.0)
    monkeypatch.setattr(whole_file, "_flush", lambda _place: None)
    number, died = 1, 0
    while True:
        folder = tmp_path / str(number)
        writes[0] = 0
        die_at(number)
        try:
            train(folder)
        except Died:
            died += 1
        else:
            break
        writes[0] = -(10**9)
        if (folder / "out").exists():
            with pytest.raises(FolderTaken, match="finished adapter"):
                train(folder)
        else:
            train(folder)
        assert tree(folder / "out") == FILES
        assert weights(folder) == weights(tmp_path / "whole")
        assert beside(folder) == ["out"], number
        number += 3
    assert died > 5


def test_over_fitting_is_shown_with_advice_and_the_best_step_is_written(tmp_path) -> None:
    said: list[str] = []
    folder = train(
        tmp_path,
        said,
        recipe={"epochs": 6},
        validations=[9.0, 5.0, 4.0, 4.4, 4.6, 4.9, 5.2],
        spreads=[0.6, 0.6, 0.6, 0.55, 0.2, 0.1, 0.1],
    )
    text = "\n".join(said)
    assert "validation loss rose from 4.0000 at step 12" in text
    assert "learning_rate: 3e-2 → 2.25e-2, epochs: 6 → 4, lora_dropout: 0 → 0.2" in text
    assert "writing the weights of step 12" in text
    report = json.loads((folder / "training.json").read_text("utf-8"))
    assert report["written_step"] == 12
    assert any("samples collapse" in one for one in report["overfitting"])


def test_a_lock_on_a_folder_that_went_away_is_not_taken_for_one(tmp_path, monkeypatch) -> None:
    import fcntl

    real, calls = fcntl.flock, [0]

    def flock(handle, how):
        calls[0] += 1
        if calls[0] == 1:  # the run before tidies up between our open and our lock
            (tmp_path / ".out.run" / "lock").unlink()
            (tmp_path / ".out.run").rmdir()
        return real(handle, how)

    monkeypatch.setattr("services.training.run_folder.fcntl.flock", flock)
    with run_folder(tmp_path / "out", digest="d", content={}, resume="auto") as folder:
        assert (folder.path / "lock").exists()
    assert calls[0] == 2


def test_a_stale_part_of_a_killed_run_is_cleared(tmp_path) -> None:
    (tmp_path / ".out.part-1").mkdir()
    (tmp_path / ".out.part-1" / "adapter.safetensors").write_bytes(b"half")
    train(tmp_path)
    assert beside(tmp_path) == ["out"]


def test_a_folder_that_may_not_be_written_is_a_clear_problem(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskFull, match="could not be written"):
        train(tmp_path / "file")


def test_the_exit_status_and_message_of_a_failure(tmp_path, capsys) -> None:
    recipe = tiny_recipe(tmp_path / "out", epochs=1)
    failing = lambda one: TinyTask(one, script=lambda _call, loss: loss * math.nan)  # noqa: E731
    assert run.exit_status(recipe, say=lambda _text: None, open_task=failing) == 1
    told = capsys.readouterr().err
    assert "at step 1" in told
    assert "Traceback" not in told


def test_seeds_do_not_depend_on_pythons_hash() -> None:
    assert seed_of(5, "step", 0) == 1964267063585921065


def test_nothing_is_left_open(tmp_path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    train(tmp_path)
    assert set(os.listdir("/proc/self/fd")) == before
