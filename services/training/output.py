"""The finished adapter: put together beside its place, refused if it is of no use, then there by one rename.

AdapterRefused    (services.training.faults) too large, empty, not finite, without effect, or staging says no
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from services.lora.card import Base, Card, Consent
from services.training.curve import write_curve
from services.training.faults import AdapterRefused
from services.training.held_out import SEEN, TRAINING_FILE
from services.training.history import History
from services.training.precision import Precision
from services.training.recipe_fields import ExportFormat
from services.training.run_folder import RunFolder
from services.training.task import Task
from services.training.whole_file import flush_folder, flush_tree, write_whole, writing

MAX_BYTES = 100 * 1000 * 1000
LEAST_CHANGE = 1e-6  # of a canary's output, below which it is rounding
_MORE = "训练得更久或提高 learning_rate / train for longer or at a higher learning_rate"
_GENTLER = (
    "把 learning_rate 减半，加长 warmup；用 fp16 时改 mixed_precision: bf16 / halve learning_rate, lengthen "
    "warmup; with fp16 set mixed_precision: bf16"
)
_SMALLER = "降低 lora_rank / lower lora_rank"
_OTHER_BASE = "换一个底座 / use another base_model"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the card says beside the task's own facts."""

    persona: str
    version: str
    parent: str | None
    consent: Consent | None
    recipe: Mapping[str, Any]
    export: Sequence[ExportFormat] = ()


def card_of(task: Task, told: Told, *, evaluation: Mapping[str, float] | None = None) -> Card:
    """The adapter's card. Its hash is zeros: writing the weights sets it, and before there are any a card finds
    faults early."""
    facts = task.lora()
    return Card(
        kind=task.kind,
        persona=told.persona,
        version=told.version,
        base=Base(name=facts.base_name, sha256=facts.base_sha256),
        rank=facts.rank,
        alpha=facts.alpha,
        target_modules=facts.target_modules,
        trigger_words=facts.trigger_words,
        sha256="0" * 64,
        parent=told.parent,
        recipe=dict(told.recipe),
        evaluation=dict(evaluation or {}),
        consent=told.consent,
    )


def publish(
    task: Task,
    folder: RunFolder,
    told: Told,
    *,
    history: History,
    best_step: int | None,
    measures: Mapping[str, float],
    report: Mapping[str, Any],
    start: Mapping[str, Tensor],
    precision: Precision,
) -> Path:
    """Write the adapter into its folder, whole or not at all; returns the folder.

    `start` are the weights before the first step; `measures` go into the card, `report` into training.json.

    Raises:
        AdapterRefused: it must not be used; everything that is wrong with it.
        DiskFull: it cannot be written.
        FolderTaken: its place was taken meanwhile.
    """
    tensors = task.state()
    task.model.eval()
    with torch.no_grad(), precision.cast():
        change = task.changed()
    if found := _useless(tensors, task.model, start, change):
        raise AdapterRefused((found[0],), found[1])
    card = card_of(task, told, evaluation={**measures, "output_change": round(change, 6)})
    part = folder.part()
    try:
        with writing(part):
            card = _write_weights(part, tensors, card, task, told.export)
            _copy_samples(folder.samples, part / "samples", history)
        title = f"{card.persona} · {card.kind} · {card.version}"
        write_curve(part, history, title=title, best_step=best_step)
        whole = {"id": card.id, "sha256": card.sha256, **report, SEEN: task.seen()}
        write_whole(part / TRAINING_FILE, (json.dumps(whole, ensure_ascii=False, indent=1) + "\n").encode())
        _check_files(task, part)
        with writing(part):
            flush_tree(part)
        folder.publish(part)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    flush_folder(folder.output_dir.parent)
    return folder.output_dir


def storage_dtype(model: nn.Module) -> torch.dtype:
    """What the adapter is stored in: bf16 for a base in bf16 that is a language model, else fp16."""
    frozen = {one.dtype for one in model.parameters() if not one.requires_grad}
    return torch.bfloat16 if torch.bfloat16 in frozen else torch.float16


def _useless(
    tensors: Mapping[str, Tensor], model: nn.Module, start: Mapping[str, Tensor], change: float
) -> tuple[str, str] | None:
    """Why these weights are of no use, and the mend; None where they are of some."""
    if not tensors:
        return "适配器里没有权重 / the adapter has no weights", _OTHER_BASE
    if not all(bool(one.isfinite().all()) for one in tensors.values()):
        return "权重中有 NaN 或 Inf / a weight is NaN or Inf", _GENTLER
    if not any(bool(one.any()) for key, one in tensors.items() if "lora_B" in key):
        return "所有 B 都是零，适配器没有作用 / every B is zero, so the adapter does nothing", _MORE
    if all(
        torch.equal(one.detach().cpu(), start[name])
        for name, one in model.named_parameters()
        if name in start
    ):
        return "训练没有改变任何权重 / the training changed no weight", _MORE
    if not math.isfinite(change):
        return (
            "戴上适配器，基座的输出是 NaN 或 Inf / with the adapter the base's output is NaN or Inf",
            _GENTLER,
        )
    if change <= LEAST_CHANGE:
        return f"基座的输出没有改变（{change:g}）/ the base's output does not change ({change:g})", _MORE
    return None


def _check_files(task: Task, part: Path) -> None:
    """Refuse files that are too large, or that the bank's staging does not take; its errors name their mends.

    Raises:
        AdapterRefused: every reason.
    """
    large = _too_large(part)
    if reasons := [*large, *_staging(task, part)]:
        raise AdapterRefused(tuple(reasons), _SMALLER if large else "")


def _write_weights(
    part: Path, tensors: Mapping[str, Tensor], card: Card, task: Task, export: Sequence[ExportFormat]
) -> Card:
    from services.lora.card import WEIGHTS_FILE
    from services.lora.formats import write_adapter
    from services.lora.names import Format
    from services.lora.packing import Lora

    loras = {module: Lora(a, b) for module, (a, b) in _pairs(tensors).items()}
    dtype = storage_dtype(task.model) if task.kind == "language" else torch.float16
    written = write_adapter(part, loras, card, dtype=dtype)
    for name in export if task.kind == "visual" else ():
        elsewhere = part / "export"
        write_adapter(elsewhere, loras, card, format=Format(name), dtype=dtype)
        (elsewhere / WEIGHTS_FILE).rename(part / f"adapter.{name}.safetensors")
        shutil.rmtree(elsewhere)
    return written


def _pairs(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    modules = [key.removesuffix(".lora_A.weight") for key in tensors if key.endswith(".lora_A.weight")]
    return {
        module.removeprefix("base_model.model."): (
            tensors[f"{module}.lora_A.weight"],
            tensors[f"{module}.lora_B.weight"],
        )
        for module in modules
    }


def _copy_samples(source: Path, target: Path, history: History) -> None:
    """The samples that the history names: what a killed run left half-written is not among them."""
    target.mkdir()
    for name in history.files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _too_large(part: Path) -> list[str]:
    return [
        f"{file.name} 有 {file.stat().st_size / 1e6:.0f} MB，超过 {MAX_BYTES / 1e6:.0f} MB / "
        f"is over {MAX_BYTES / 1e6:.0f} MB"
        for file in sorted(part.glob("*.safetensors"))
        if file.stat().st_size > MAX_BYTES
    ]


def _staging(task: Task, part: Path) -> list[str]:
    """What the bank's staging says against the folder."""
    from services.lora.staging import StagingFailed

    try:
        task.stage(part)
    except StagingFailed as failed:
        return [f"试装被拒 / staging refuses it: {error.replace(f'{part}/', '')}" for error in failed.errors]
    return []
