"""A language adapter from a recipe's file to a folder that the bank takes, on a tiny base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from services.lora.card import read_card
from services.training.recipe import read_recipe
from services.training.recipe_fields import Recipe
from services.training.run import train
from services.training.samples import Sample, write_samples
from tests.tiny_language import write_base


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ground")
    write_base(folder / "base")
    rows = [
        Sample(f"s{n}", "answer", "价格？", f"洁面是{n}元", f"今天洁面是{n}元的") for n in range(20)
    ]  # fmt: skip
    write_samples(folder / "samples.jsonl", rows)
    return folder


def _recipe(ground: Path, name: str, **more: object) -> Recipe:
    told = {
        "base_model": "base",
        "train_data": "samples.jsonl",
        "output_dir": name,
        "persona": "tang",
        "lora_rank": 4,
        "batch_size": 4,
        "epochs": 3,
        "learning_rate": "5e-3",
        "device": "cpu",
        "threads": 1,
        **more,
    }
    file = ground / f"{name}.yaml"
    file.write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    recipe = read_recipe(file)
    assert isinstance(recipe, Recipe)
    return recipe


def _validation(folder: Path) -> list[float]:
    lines = (folder / "curve.csv").read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("validation")
    return [float(cells[column]) for cells in (line.split(",") for line in lines[1:]) if cells[column]]


def test_a_recipe_becomes_an_adapter_and_the_next_goes_on_from_it(ground: Path) -> None:
    first = train(_recipe(ground, "one"), say=lambda _: None, bar=None)
    card = read_card(first)
    assert (card.kind, card.rank, card.parent) == ("language", 4, None)
    losses = _validation(first)
    assert losses[-1] < losses[0]
    samples = sorted((first / "samples").glob("*.json"))
    assert samples and all(row["said"] is not None for row in json.loads(samples[-1].read_text("utf-8")))

    second = train(
        _recipe(ground, "two", init_from="one", version="2", epochs=1), say=lambda _: None, bar=None
    )
    assert read_card(second).parent == "1"
    assert _validation(second)[0] == pytest.approx(min(losses), rel=0.05)
    assert set(load_file(second / "adapter.safetensors")) == set(load_file(first / "adapter.safetensors"))


def test_gradient_checkpointing_gives_the_same_adapter(ground: Path) -> None:
    plain, saved = (
        load_file(
            train(
                _recipe(ground, f"steps-{on}", gradient_checkpointing=on, epochs=1, sample_every=0),
                say=lambda _: None,
                bar=None,
            )
            / "adapter.safetensors"
        )
        for on in (False, True)
    )
    assert all((plain[name] - saved[name]).abs().max() < 2e-3 for name in plain)
