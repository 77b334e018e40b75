"""What the tests of whole training runs share: the tiny task trained into a folder, and what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from services.training import run
from tests.tiny_task import TinyTask, tiny_recipe

PNG = b"\x89PNG" + bytes(50_000)
SAMPLES = [f"samples/epoch-{epoch:03}-step-{6 * epoch:06}.json" for epoch in range(3)]
FILES = ["adapter.safetensors", "adapter.yaml", "curve.csv", "curve.png", *SAMPLES, "training.json"]


@contextmanager
def saved_bytes() -> Iterator[list[int]]:
    """Takes the sizes of what autograd keeps for the way back, within it; a parameter counts as nothing."""
    saved: list[int] = []

    def keep(one: torch.Tensor) -> torch.Tensor:
        saved.append(0 if isinstance(one, torch.nn.Parameter) else one.numel() * one.element_size())
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        yield saved


def train(folder: Path, said: list[str] | None = None, *, recipe: dict | None = None, **task) -> Path:
    """Train the tiny task into `<folder>/out`."""
    made = tiny_recipe(folder / "out", **{"epochs": 2, **(recipe or {})})
    tell = (said if said is not None else []).append
    return run.train(made, say=tell, bar=None, open_task=lambda one: TinyTask(one, **task))


def beside(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def tree(folder: Path) -> list[str]:
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())


def weights(folder: Path) -> bytes:
    return (folder / "out" / "adapter.safetensors").read_bytes()
