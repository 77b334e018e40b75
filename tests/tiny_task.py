"""A task of a few hundred numbers with a real peft adapter, for tests of the training loop.

`python -m tests.tiny_task OUTPUT_DIR [key=value …]` trains it in a process of its own.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torch import Tensor, nn

from services.lora.layout import BankSpec, layout_of
from services.lora.staging import StagingFailed, stage_folder
from services.training.recipe import Recipe
from services.training.task import Kind, LoraFacts, SampleReport

BASE = "b" * 64
TARGETS = ("first", "last")


class Base(nn.Module):
    """Two layers with dropout between, so that every step draws from torch's generator."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.first = nn.Linear(8, width)
        self.last = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(nn.functional.dropout(torch.tanh(self.first(x)), self.dropout, self.training))


@dataclass
class TinyTask:
    """Learns a random linear map on `rows` points. `script` is called at every loss and may change or raise."""

    recipe: Recipe
    rows: int = 24
    held: bool = True
    width: int = 16
    noise: float = 0.01
    data_sha256: str = "d" * 64
    script: Callable[[int, Tensor], Tensor] = lambda _call, loss: loss
    validations: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    calls: int = 0
    change: float | None = None
    kind: Kind = "visual"

    def __post_init__(self) -> None:
        dice = torch.Generator().manual_seed(7)
        self.inputs = torch.randn(self.rows + 8, 8, generator=dice)
        self.targets = self.inputs @ torch.randn(8, 4, generator=dice)
        torch.manual_seed(3)
        self.base = Base(self.width, 0.2 if self.noise else 0.0)
        torch.manual_seed(self.recipe.seed)
        config = LoraConfig(
            r=self.recipe.lora_rank,
            lora_alpha=self.recipe.alpha,
            target_modules=list(TARGETS),
            lora_dropout=self.recipe.lora_dropout,
        )
        self.layout = layout_of(self.base, BankSpec(max_rank=16))
        self.model: Any = get_peft_model(self.base, config)

    def epoch(self, epoch: int) -> Sequence[Sequence[int]]:
        order = list(range(self.rows))
        random.Random(f"{self.recipe.seed} {epoch}").shuffle(order)
        size = self.recipe.batch_size
        return [order[at : at + size] for at in range(0, self.rows, size)]

    def loss(self, batch: Sequence[int]) -> Tensor:
        self.calls += 1
        rows = list(batch)
        noisy = self.inputs[rows] + self.noise * torch.randn(len(rows), 8)
        loss = nn.functional.mse_loss(self.model(noisy), self.targets[rows])
        return self.script(self.calls, loss)

    def validate(self) -> float | None:
        if not self.held:
            return None
        if self.validations:
            return self.validations.pop(0)
        return float(nn.functional.mse_loss(self.model(self.inputs[self.rows :]), self.targets[self.rows :]))

    def sample(self, folder: Path, stem: str) -> SampleReport:
        file = folder / f"{stem}.json"
        file.write_text(json.dumps(self.model(self.inputs[:2]).tolist()))
        return SampleReport(files=(file,), spread=self.spreads.pop(0) if self.spreads else 0.5)

    def state(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = get_peft_model_state_dict(self.model)
        return state

    def lora(self) -> LoraFacts:
        sizes = [one.numel() for one in self.model.parameters() if one.requires_grad]
        return LoraFacts(
            rank=self.recipe.lora_rank,
            alpha=self.recipe.alpha,
            target_modules=TARGETS,
            base_name="tiny",
            base_sha256=BASE,
            data_sha256=self.data_sha256,
            trainable=sum(sizes),
            total=sum(one.numel() for one in self.model.parameters()),
            rows=self.rows,
            held_rows=8 if self.held else 0,
            trigger_words=self.recipe.trigger_words,
        )

    def changed(self) -> float:
        if self.change is not None:
            return self.change
        with self.model.disable_adapter():
            before = self.model(self.inputs)
        return float((self.model(self.inputs) - before).abs().mean())

    def stage(self, folder: Path) -> None:
        try:
            stage_folder(folder, self.layout, base_sha256=BASE, kind=self.kind)
        except StagingFailed as failed:
            if left := tuple(error for error in failed.errors if "consent: is missing" not in error):
                raise StagingFailed(left) from failed

    def seen(self) -> list[str]:
        return [f"{row:016x}" for row in range(self.rows)]


def tiny_recipe(output_dir: Path, **given: Any) -> Recipe:
    """A recipe for the tiny task: 6 epochs of 6 steps."""
    told: dict[str, Any] = {
        "kind": "visual",
        "base_model": Path("tiny"),
        "persona": "tang",
        "lora_rank": 2,
        "epochs": 6,
        "learning_rate": 3e-2,
        "device": "cpu",
        "threads": 1,
        "output_dir": output_dir,
    }
    return Recipe.model_validate({**told, **given})


def main() -> int:
    """Train in this process, as the command line says."""
    from services.training import run

    given = dict(pair.split("=", 1) for pair in sys.argv[2:])
    recipe = tiny_recipe(Path(sys.argv[1]), **given)
    return run.exit_status(recipe, say=lambda text: print(text, flush=True), open_task=TinyTask)


if __name__ == "__main__":
    sys.exit(main())
