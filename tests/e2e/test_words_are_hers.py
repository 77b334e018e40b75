"""What the language adapters are for: a persona's answers are the model's, and in her way of speaking.

Asks the fixtures' questions by `livehost ask --model`, which starts the real engine with the embedded
base. A classifier that has read the operator's lines tells whose words they are, and a persona who wears
another one's adapter speaks like that other one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import adapters
from tests.e2e.models import with_models
from tests.e2e.stage import a_stage
from tests.e2e.styles import WordsClassifier

pytestmark = pytest.mark.show  # the engine has a core to itself

MORNING, EVENING = "tang-morning", "tang-evening"
NOW = "2026-12-01T10:00:00+08:00"
LEAST_BY_THE_MODEL = 0.8
LEAST_HERS = 0.85


def _questions(root: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (root / "tests/data/questions.jsonl").read_text().splitlines()]
    return [row for row in rows if row["act"] == "answer"]


def _asked(root: Path, config: Path, persona: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [
            sys.executable, "-m", "livehost", "ask", "--config", str(config), "--persona", persona, "--model",
            "--catalog", str(root / "tests/data/catalog.yaml"), "--now", NOW, "--deadline-s", "20",
        ],
        input="\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        capture_output=True, text=True, cwd=root, timeout=300, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def _config(folder: Path, library: Path, language: str) -> Iterator[Path]:
    """A configuration whose personas wear that version of their language adapters."""
    folder.mkdir()
    with a_stage(folder) as stage:
        with_models(stage, library)
        config = yaml.safe_load(stage.config.read_text(encoding="utf-8"))
        file = next(Path(part) for part in config["include"] if part.endswith("personas.yaml"))
        personas = yaml.safe_load(file.read_text(encoding="utf-8"))
        for persona in personas["personas"]:
            persona["adapters"] = {"language": language}
            persona.pop("portrait", None)
        own = folder / "personas.yaml"
        own.write_text(yaml.safe_dump(personas, allow_unicode=True), encoding="utf-8")
        config["include"] = [str(own) if part == str(file) else part for part in config["include"]]
        stage.config.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
        yield stage.config


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, root: Path
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By (persona, whose adapter she wears): the fixtures' answers."""
    folder = tmp_path_factory.mktemp("words")
    library = adapters.copied(root, folder / "adapters")
    adapters.version(library, MORNING, "language", "other", of=EVENING)
    adapters.version(library, EVENING, "language", "other", of=MORNING)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    rows = _questions(root)
    with _config(folder / "own", library, "1") as config:
        found[MORNING, MORNING] = _asked(root, config, MORNING, rows)
        found[EVENING, EVENING] = _asked(root, config, EVENING, rows)
    with _config(folder / "exchanged", library, "other") as config:
        found[MORNING, EVENING] = _asked(root, config, MORNING, rows)
        found[EVENING, MORNING] = _asked(root, config, EVENING, rows)
    return found


@pytest.mark.parametrize("persona", [MORNING, EVENING])
def test_most_answers_are_the_models(
    answers: dict[tuple[str, str], list[dict[str, Any]]], persona: str
) -> None:
    rows = answers[persona, persona]
    spoken = [row for row in rows if row["answer"]["act"] == "answer"]
    by_model = [row for row in spoken if row["answer"]["path"] == "model"]
    assert len(spoken) >= 55
    assert len(by_model) / len(spoken) >= LEAST_BY_THE_MODEL, [row["answer"].get("why") for row in spoken]


@pytest.mark.parametrize("wears", [MORNING, EVENING])
@pytest.mark.parametrize("persona", [MORNING, EVENING])
def test_the_words_go_with_the_adapter(
    answers: dict[tuple[str, str], list[dict[str, Any]]], root: Path, persona: str, wears: str
) -> None:
    whose = WordsClassifier(root / "configs" / "personas.yaml")
    told = [
        whose.persona_of(row["answer"]["text"])
        for row in answers[persona, wears]
        if row["answer"]["path"] == "model"
    ]
    assert len(told) >= 40
    assert told.count(wears) / len(told) >= LEAST_HERS, {one: told.count(one) for one in set(told)}


def test_the_same_question_gets_each_ones_own_words(
    answers: dict[tuple[str, str], list[dict[str, Any]]],
) -> None:
    pairs = list(zip(answers[MORNING, MORNING], answers[EVENING, EVENING], strict=True))
    both = [(a, b) for a, b in pairs if a["answer"]["path"] == b["answer"]["path"] == "model"]
    assert len(both) >= 40
    assert sum(a["answer"]["text"] != b["answer"]["text"] for a, b in both) >= 0.95 * len(both)
