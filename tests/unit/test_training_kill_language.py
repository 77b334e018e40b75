"""`python -m services.training` on a tiny language base: killed, it goes on to the very same adapter."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

from services.training import run
from services.training.recipe import Recipe, read_recipe
from tests.tiny_language import write_base

ROOT = Path(__file__).parents[2]
RECIPE = """
kind: language
train_data: [samples.jsonl]
base_model: base
output_dir: {out}
lora_rank: 4
lora_dropout: 0.1
batch_size: 8
epochs: 6
learning_rate: 2e-3
device: cpu
threads: 1
sample_every: 0
save_every_steps: 5
"""


def prepare(folder: Path) -> None:
    write_base(folder / "base")
    dice = random.Random(1)
    rows = []
    for number in range(80):
        what, price = dice.choice(["洁面", "精华"]), dice.randint(10, 999)
        rows.append(
            {
                "id": f"s{number}",
                "kind": "answer",
                "question": f"{what}价格？{number}",
                "core": f"{what}{price}元。",
                "target": f"是的，{what}价格是{price}元。",
                "facts": [],
                "weight": 1.0,
                "source": "qa",
            }
        )
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "samples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("straight", "broken"):
        (folder / f"{name}.yaml").write_text(RECIPE.format(out=name), encoding="utf-8")


def train(file: Path, said: list[str]) -> bytes:
    recipe = read_recipe(file)
    assert isinstance(recipe, Recipe)
    return (run.train(recipe, say=said.append) / "adapter.safetensors").read_bytes()


def test_a_killed_run_of_a_language_adapter_goes_on_to_the_same_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("services.training.curve.png_of", lambda *_a, **_k: b"png")
    prepare(tmp_path)
    command = [sys.executable, "-m", "services.training", str(tmp_path / "broken.yaml")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        watch = threading.Timer(120, process.kill)  # only ever reached by a run that hangs
        watch.start()
        assert process.stdout and process.stderr
        assert any("epoch 2 ·" in line for line in process.stdout), process.stderr.read()
        process.kill()
        assert process.wait() == -signal.SIGKILL
        watch.cancel()
    assert not (tmp_path / "broken").exists()
    said: list[str] = []
    assert train(tmp_path / "broken.yaml", said) == train(tmp_path / "straight.yaml", [])
    assert any("going on from step" in line for line in said)
