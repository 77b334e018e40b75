"""Adapters in peft's, diffusers' and kohya's files, to and from one neutral form: {module path: Lora}.

The alpha of a peft file stands in its configuration, here in the card; diffusers repeats it in the
header's metadata; kohya stores one number a layer. `write_adapter` keeps all three true.

FormatProblems    a file's tensors are not a plain LoRA for these layers; `problems` has every fault
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save

from services.lora.card import WEIGHTS_FILE, Card, write_card
from services.lora.metadata import DIFFUSERS_KEY
from services.lora.names import Format, parse
from services.lora.packing import Lora

_KOHYA_MODEL = {"unet": "lora_unet", "text_encoder": "lora_te", "text_encoder_2": "lora_te2", "": "lora_unet"}
_TEXT_MODELS = ("text_encoder", "text_encoder_2")


class FormatProblems(Exception):
    """Tensors are not a plain LoRA for these layers; `problems` has a sentence for every fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def read_loras(
    tensors: Mapping[str, torch.Tensor], *, known: Collection[str], models: Sequence[str] = ("",)
) -> dict[str, Lora]:
    """The neutral form of a file's tensors, for a base with the layers `known`.

    Raises:
        FormatProblems: with everything in it that is not a plain LoRA of those layers.
    """
    parsed = parse(tensors, known=known, models=models)
    if parsed.problems:
        raise FormatProblems(parsed.problems)
    return {
        pair.module: Lora(
            tensors[pair.a], tensors[pair.b], float(tensors[pair.alpha]) if pair.alpha else None
        )
        for pair in parsed.pairs
    }


def to_peft(loras: Mapping[str, Lora]) -> dict[str, torch.Tensor]:
    """peft's keys. What a card or an adapter_config.json holds must say rank and alpha."""
    return {
        f"base_model.model.{module}.lora_{side}.weight": tensor
        for module, lora in loras.items()
        for side, tensor in (("A", lora.a), ("B", lora.b))
    }


def to_diffusers(loras: Mapping[str, Lora], *, model: str = "unet") -> dict[str, torch.Tensor]:
    """diffusers' keys; `model` is the name of a bank's single, unnamed model."""
    return {
        f"{name}.{path}.lora_{side}.weight": tensor
        for module, lora in loras.items()
        for name, path in (_named(module, model),)
        for side, tensor in (("A", lora.a), ("B", lora.b))
    }


def to_kohya(
    loras: Mapping[str, Lora], alphas: Mapping[str, float], *, model: str = "unet"
) -> dict[str, torch.Tensor]:
    """kohya's keys; `alphas` are what its loaders divide by the rank (never alpha for rsLoRA)."""
    two = any(_named(module, model)[0] == "text_encoder_2" for module in loras)
    tensors = {}
    for module, lora in loras.items():
        name, path = _named(module, model)
        start = "lora_te1" if two and name == "text_encoder" else _KOHYA_MODEL[name]
        key = f"{start}_{path.replace('.', '_')}"
        tensors[f"{key}.lora_down.weight"] = lora.a
        tensors[f"{key}.lora_up.weight"] = lora.b
        tensors[f"{key}.alpha"] = torch.tensor(float(alphas[module]))
    return tensors


def write_adapter(
    folder: Path,
    loras: Mapping[str, Lora],
    card: Card,
    *,
    format: Format = Format.PEFT,
    model: str = "unet",
    dtype: torch.dtype | None = None,
) -> Card:
    """Write `adapter.safetensors` and then its card, each whole or not at all; returns the card.

    The card's `sha256` is set to the file's. kohya's loaders know no rsLoRA: for them it is turned
    into plain alphas of the same effect. `dtype` is what the numbers are stored in (theirs by default).
    """
    loras = {module: _stored(lora, dtype) for module, lora in loras.items()}
    metadata = {"format": "pt"}
    match format:
        case Format.PEFT:
            tensors = to_peft(loras)
        case Format.DIFFUSERS:
            tensors = to_diffusers(loras, model=model)
            metadata[DIFFUSERS_KEY] = json.dumps(diffusers_metadata(loras, card, model=model))
        case Format.KOHYA:
            card = _without_rslora(card, loras)
            tensors = to_kohya(loras, {module: card.alpha_of(module) for module in loras}, model=model)
    data = save(tensors, metadata)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / WEIGHTS_FILE
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(file)
    card = card.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    write_card(folder, card)
    return card


def diffusers_metadata(
    loras: Mapping[str, Lora], card: Card, *, model: str = "unet"
) -> dict[str, str | int | float | bool | list[str] | dict[str, int] | dict[str, float]]:
    """The peft configuration of each model, as diffusers keeps it in the header."""
    names = sorted({_named(module, model)[0] for module in loras})
    told: dict[str, str | int | float | bool | list[str] | dict[str, int] | dict[str, float]] = {}
    for name in names:
        told |= {
            f"{name}.r": card.rank,
            f"{name}.lora_alpha": card.alpha,
            f"{name}.use_rslora": card.use_rslora,
            f"{name}.target_modules": list(card.target_modules),
            f"{name}.rank_pattern": dict(card.rank_pattern),
            f"{name}.alpha_pattern": dict(card.alpha_pattern),
        }
    return told


def _named(module: str, model: str) -> tuple[str, str]:
    """A module's model and path, in the names that files use."""
    name, _, path = module.partition(".")
    if name not in ("unet", *_TEXT_MODELS):
        name, path = model, module
    if name in _TEXT_MODELS and path.startswith("encoder."):
        path = f"text_model.{path}"  # transformers 5 dropped it; files everywhere have it
    return name, path


def _stored(lora: Lora, dtype: torch.dtype | None) -> Lora:
    a, b = (tensor.detach().cpu().to(dtype or tensor.dtype).contiguous() for tensor in (lora.a, lora.b))
    return replace(lora, a=a, b=b)


def _without_rslora(card: Card, loras: Mapping[str, Lora]) -> Card:
    if not card.use_rslora:
        return card
    alphas = {f"^{module}": card.scale_of(module) * card.rank_of(module) for module in loras}
    plain = card.alpha * card.rank**0.5
    patterns = {key: alpha for key, alpha in alphas.items() if alpha != plain}
    return card.model_copy(update={"use_rslora": False, "alpha": plain, "alpha_pattern": patterns})
