"""What a file's own header says of its training, held against the card.

diffusers keeps the peft configuration of each model as JSON under `lora_adapter_metadata`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.lora.card import Card

DIFFUSERS_KEY = "lora_adapter_metadata"
_REFUSED = {
    "use_dora": "DoRA", "use_qalora": "QALoRA", "lora_bias": "LoRA with a bias", "modules_to_save": "saved modules",
    "fan_in_fan_out": "transposed weights",
}  # fmt: skip


def metadata_problems(metadata: Mapping[str, str], card: Card) -> list[str]:
    """Where the file's own account of itself contradicts the card, or names what the bank refuses."""
    text = metadata.get(DIFFUSERS_KEY)
    if text is None:
        return []
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return [f"{DIFFUSERS_KEY} in its header is not JSON; export the adapter again"]
    if not isinstance(told, dict):
        return [f"{DIFFUSERS_KEY} in its header is no table; export the adapter again"]
    problems = []
    for key, value in told.items():
        name = str(key).rpartition(".")[2]
        if name in _REFUSED and value:
            problems.append(f"its header says {key}: {_REFUSED[name]}, which is refused; train a plain LoRA")
        elif name in (own := _own(card)) and value != own[name]:
            problems.append(f"its header says {key} is {value}, but the card {own[name]}; correct the card")
    return problems


def _own(card: Card) -> dict[str, Any]:
    return {"r": card.rank, "lora_alpha": card.alpha, "use_rslora": card.use_rslora}
