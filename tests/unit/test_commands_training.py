"""The commands that make a persona: what they take, what they say, and their exit status."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import services.training.__main__ as module
from livehost.__main__ import app
from services.training import launch as launching
from services.training.recipe import read_recipe
from tests.conftest import ROOT
from tests.unit.training_recipes import album, lines, recipe


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_a_wrong_recipe_ends_with_two_and_all_its_problems(tmp_path: Path) -> None:
    file = recipe(tmp_path, "lora_rnk: 4\nepochs: x")
    code, out, told = run("train", "--config", str(file), "--set", "seed=y")
    assert (code, out) == (2, "")
    assert "did you mean lora_rank?" in told and "epochs = x" in told and "--set: seed = y" in told
    assert "3 处问题" in told


@pytest.mark.parametrize("change", ["seed", "=1", " =1"])
def test_a_change_without_a_key_or_a_value_is_wrong_use(tmp_path: Path, change: str) -> None:
    code, _, told = run("train", "--config", str(recipe(tmp_path)), "--set", change)
    assert code == 2 and "KEY=VALUE" in told


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, _, told = run("train", "--config", str(tmp_path / "no.yaml"))
    assert code == 2 and "no.yaml" in told and "name a recipe" in told


def test_packages_that_are_missing_are_one_sentence_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("torch", "peft") else find(name)
    )
    code, _, told = run("train", "--config", str(recipe(tmp_path)))
    assert code == 1
    assert told.count("\n") == 1 and "torch" in told and "peft" in told and "make setup-train" in told


def test_the_command_line_reaches_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def take(recipe: Any, *, say: Any) -> int:
        seen.append(recipe)
        return 130

    monkeypatch.setattr("services.training.run.exit_status", take)
    file = recipe(tmp_path)
    code, _, _ = run("train", "--config", str(file), "--set", "rank=2", "--set", "lr=2e-4", "--no-resume")
    assert code == 130
    assert (seen[0].lora_rank, seen[0].learning_rate, seen[0].resume) == (2, 2e-4, False)
    run("train", "--config", str(file))
    run("train", "--config", str(file), "--resume")
    assert [one.resume for one in seen] == [False, "auto", True]


def test_the_engines_own_command_takes_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(module, "launch", lambda file, **known: seen.append((file, known["changes"])) or 1)
    file = recipe(tmp_path)
    monkeypatch.setattr(sys, "argv", ["x", str(file), "--set", "seed=3", "--set", "lr=2e-4", "--no-resume"])
    assert module.main() == 1
    assert seen == [(file, {"seed": "3", "lr": "2e-4", "resume": "false"})]
    monkeypatch.setattr(sys, "argv", ["x", str(file), "--set", "seed"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 2


def test_a_shipped_models_run_that_fails_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "kind: language-ways\noutput_dir: out\nbase_model: ../base\nsteps: 1"
    file = lines(tmp_path / "train/r.yaml", told)
    (tmp_path / "base").mkdir()
    said: list[str] = []
    assert launching.launch(file, changes={}, say=said.append, complain=said.append) == 1
    assert len(said) == 1 and "consent" in said[0]


def test_texts_become_samples_and_a_report(tmp_path: Path) -> None:
    lines(tmp_path / "in/lines.txt", "姐妹们晚上好呀\n姐妹们晚上好呀\n这款面霜质地轻盈哦\n")
    before = (tmp_path / "in/lines.txt").read_bytes()
    code, out, _ = run("dataset", "build", str(tmp_path / "in"), "--out", str(tmp_path / "set"))
    assert code == 0
    rows = [json.loads(row) for row in (tmp_path / "set/samples.jsonl").read_text("utf-8").splitlines()]
    assert [row["target"] for row in rows] == ["姐妹们晚上好呀", "这款面霜质地轻盈哦"]
    assert "2" in out.splitlines()[0] and "samples.jsonl" in out
    assert (tmp_path / "in/lines.txt").read_bytes() == before


def test_a_personas_style_and_catalogue_come_from_a_configuration(tmp_path: Path) -> None:
    lines(tmp_path / "qa.csv", "question,answer\n现在几号链接是面霜,姐妹们看一号链接哦\n")
    known = ("--config", str(ROOT / "configs/demo.yaml"), "--persona", "tang-lady")
    code, _, told = run("dataset", "build", str(tmp_path / "qa.csv"), "--out", str(tmp_path / "set"), *known)
    assert code == 0, told
    code, _, told = run(
        "dataset", "build", str(tmp_path / "qa.csv"), "--out", str(tmp_path / "b"), *known[:3], "nobody"
    )
    assert code == 1 and "tang-lady" in told
    code, _, told = run(
        "dataset", "build", str(tmp_path / "qa.csv"), "--out", str(tmp_path / "c"), "--persona", "x"
    )
    assert code == 2 and "--config" in told


def test_sources_that_cannot_be_are_told_together(tmp_path: Path) -> None:
    album(tmp_path / "a")
    album(tmp_path / "b")
    words = [str(tmp_path / one) for one in ("a", "b", "gone", "a/0.png")]
    code, _, told = run("dataset", "build", *words, "--out", str(tmp_path / "set"))
    assert code == 1
    assert "does not exist" in told and "one folder of pictures" in told and "name the folder" in told
    assert not (tmp_path / "set").exists()
    lines(tmp_path / "notes.docx", "x")
    code, _, told = run("dataset", "build", str(tmp_path / "notes.docx"), "--out", str(tmp_path / "set"))
    assert code == 1 and "notes.docx" in told


def test_a_sub_folder_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines(tmp_path / "in/lines.txt", "姐妹们晚上好呀\n")
    locked = tmp_path / "in/locked"
    locked.mkdir()

    def refusing(listing: Any) -> Any:
        def listed(path: Any = ".") -> Any:
            if Path(path) == locked:
                raise PermissionError(13, "Permission denied", str(path))
            return listing(path)

        return listed

    for name in ("listdir", "scandir"):  # a test that runs as root is kept out of nothing
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    code, out, told = run("dataset", "build", str(tmp_path / "in"), "--out", str(tmp_path / "set"))
    assert (code, out) == (1, "") and told.count("\n") == 1
    assert f"{locked}：" in told and "cannot be read (Permission denied)" in told
    assert not (tmp_path / "set").exists()


def test_pictures_become_captions_and_a_report(tmp_path: Path) -> None:
    album(tmp_path / "pictures")
    lines(tmp_path / "lines.txt", "姐妹们晚上好呀\n")
    before = sorted((one, one.stat().st_mtime_ns) for one in (tmp_path / "pictures").iterdir())
    words = (str(tmp_path / "pictures"), str(tmp_path / "lines.txt"), "--trigger", "唐妆", "--min-side", "32")
    code, out, told = run("dataset", "build", *words, "--out", str(tmp_path / "set"))
    assert code == 0, told
    assert (tmp_path / "set/pictures/report.json").is_file()
    assert (tmp_path / "set/text/samples.jsonl").is_file()
    assert "metadata.csv" in out and "samples.jsonl" in out
    file = lines(
        tmp_path / "r.yaml", "train_data_dir: set/pictures\nbase_model: embedded\noutput_dir: out/tang-lady"
    )
    assert read_recipe(file).kind == "visual"  # what was built is what a recipe takes
    file = lines(
        tmp_path / "l.yaml", "train_data_dir: set/text\nbase_model: embedded\noutput_dir: out/tang-lady"
    )
    assert read_recipe(file).kind == "language"
    assert sorted((one, one.stat().st_mtime_ns) for one in (tmp_path / "pictures").iterdir()) == before


@pytest.mark.parametrize("words", [("--since", "yesterday"), ("--until", "2026-13-01")])
def test_a_day_that_is_none_is_wrong_use(tmp_path: Path, words: tuple[str, str]) -> None:
    code, _, told = run("export", "--out", str(tmp_path / "x"), "--journal", str(tmp_path), *words)
    assert code == 2 and "2026-03-08" in told


def test_an_export_of_nothing_says_why(tmp_path: Path) -> None:
    code, _, told = run("export", "--out", str(tmp_path / "x"))
    assert code == 1 and "--config" in told
    code, _, told = run("export", "--out", str(tmp_path / "x"), "--config", str(tmp_path / "no.yaml"))
    assert code == 1 and "no.yaml" in told
    assert not (tmp_path / "x").exists()


def test_the_adapters_commands_are_there() -> None:
    code, out, _ = run("adapters", "--help")
    assert code == 0 and "promote" in out and "rollback" in out
    code, _, told = run("adapters", "promote")
    assert code == 2 and told


def test_no_command_loads_heavy_parts_before_it_runs() -> None:
    code = (
        "import sys\nimport livehost.__main__\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'yaml', 'cv2', 'PIL', 'services'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_a_held_out_set_practises_nothing_unless_told(tmp_path: Path) -> None:
    lines(
        tmp_path / "qa.csv", "question,answer,product\n保质期多久,姐妹们听好，保质期36个月哦。,cleanser-01\n"
    )
    catalog = ("--catalog", str(ROOT / "tests/data/catalog.yaml"))

    def built(name: str, *words: str) -> list[dict[str, object]]:
        out = tmp_path / name
        code, _, told = run("dataset", "build", str(tmp_path / "qa.csv"), "--out", str(out), *catalog, *words)
        assert code == 0, told
        return [json.loads(row) for row in (out / "samples.jsonl").read_text("utf-8").splitlines()]

    assert len(built("train")) == 5
    assert len(built("held", "--held")) == 1
    more = built("more", "--practice-share", "6", "--seed", "3")
    assert len(more) == 7 and built("other", "--practice-share", "6", "--seed", "4") != more
    (kept,) = built("kept", "--as-written")
    assert kept["target"] == "姐妹们听好，保质期36个月哦。"


def test_captions_of_another_file_are_taken(tmp_path: Path) -> None:
    album(tmp_path / "pictures")
    rows = "".join(f"{number}.png,唐妆女主播，黑发，青色长裙，竹帘前{number}\n" for number in range(4))
    lines(tmp_path / "mine.csv", "file_name,text\n" + rows)
    words = (str(tmp_path / "pictures"), "--metadata", str(tmp_path / "mine.csv"), "--trigger", "唐妆")
    code, _, told = run("dataset", "build", *words, "--min-side", "32", "--out", str(tmp_path / "set"))
    assert code == 0, told
    assert "青色长裙" in (tmp_path / "set/metadata.csv").read_text("utf-8")
