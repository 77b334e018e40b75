"""An adapter's folder as peft and vLLM read it: `adapter_config.json`, `adapter_model.safetensors`. No torch."""

from __future__ import annotations

import json
import os
from pathlib import Path

from services.lora.card import Card, CardProblems
from services.lora.header import read_header

PREFIX = "base_model.model."


def lay_out(card: Card, data: bytes, folder: Path) -> Path:
    """Write an adapter's bytes (peft's keys) and its settings into `folder`, whole; returns it.

    Raises:
        CardProblems: the file is not in peft's format, or the folder cannot be written.
    """
    header = read_header(data)
    problems = list(header.problems)
    if not problems and not all(key.startswith(PREFIX) for key in header.entries):
        problems.append("its keys are not peft's; convert it, a server reads no other format")
    if problems:
        raise CardProblems([f"{card.id}: {problem}" for problem in problems])
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": card.base.name,
        "r": card.rank,
        "lora_alpha": card.alpha,
        "use_rslora": card.use_rslora,
        "rank_pattern": card.rank_pattern,
        "alpha_pattern": card.alpha_pattern,
        "target_modules": list(card.target_modules),
        "bias": "none",
        "lora_dropout": 0.0,
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "adapter_config.json", json.dumps(config, indent=1).encode())
        _write(folder / "adapter_model.safetensors", data)
    except OSError as error:
        raise CardProblems(
            [f"{folder}: cannot be written ({error.strerror}); set a state_dir that can"]
        ) from error
    return folder.resolve()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; left alone where the same bytes are there."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)
