"""Adapter libraries for tests: a copy of the repository's, with spoiled and exchanged versions in it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from services.lora import Card, read_card, write_card

Weights = dict[str, torch.Tensor]
WEIGHTS = "adapter.safetensors"


def copied(root: Path, to: Path) -> Path:
    """The repository's library in a folder of the test's own."""
    shutil.copytree(root / "adapters", to)
    return to


def version(
    library: Path,
    persona: str,
    kind: str,
    name: str,
    change: Callable[[Weights], Weights] = lambda weights: weights,
    *,
    of: str | None = None,
    **card: object,
) -> Path:
    """Another version of a persona's adapter: `of`'s weights (her own), changed, with a card that fits."""
    source, target = library / (of or persona) / kind / "1", library / persona / kind / name
    target.mkdir()
    save_file(change(load_file(source / WEIGHTS)), target / WEIGHTS)
    own: Card = read_card(source).model_copy(
        update={"persona": persona, "version": name, "sha256": sha256_of(target), **card}
    )
    write_card(target, own)
    return target


def sha256_of(folder: Path) -> str:
    """The hash of an adapter's weights as they lie there."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def weaker(weights: Weights) -> Weights:
    """Sound, and other bytes than before."""
    return {name: value * 0.9 if "lora_B" in name else value for name, value in weights.items()}


def with_nan(weights: Weights) -> Weights:
    """One number that is none."""
    name = next(name for name in weights if "lora_B" in name)
    return {**weights, name: weights[name].index_fill(0, torch.tensor([0]), float("nan"))}


def wrong_shape(weights: Weights) -> Weights:
    """One matrix that is a column short."""
    name = next(name for name in weights if "lora_A" in name)
    return {**weights, name: weights[name][:, :-1].contiguous()}


def corrupted(folder: Path) -> None:
    """Flip a byte in the middle of the weights, as a bad disk does."""
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / WEIGHTS).write_bytes(data)
