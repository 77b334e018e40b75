"""Training of a persona's language adapter: LoRA by peft on the frozen base, from rows in its way.

`train` runs a recipe and writes the adapter with its card; `train_language_adapter` takes a plain
dataclass, writes the weights and what was measured, and needs neither recipe nor card reader.

TrainingFailed   (services.training.language_base) the adapter came out empty, not finite or without effect
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from services.language.loading import no_bars_in_logs
from services.training.faults import TrainingFailed
from services.training.language_base import answer_loss, progress, rate
from services.training.language_measure import answers, judged
from services.training.language_rows import Batches, Row, loader, read_rows, wording
from services.training.language_values import Pools

if TYPE_CHECKING:
    from services.training.recipe import BaseRecipe

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
WEIGHTS_FILE = "adapter.safetensors"
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class AdapterRun:
    """One run on a base's folder; `way` names the targets of the rows that hold the persona's words."""

    base: Path
    rows: Path
    output_dir: Path
    way: str
    held_rows: Path | None = None
    rank: int = 16
    alpha: float = 32.0
    steps: int = 800
    minutes: float | None = None
    batch_tokens: int = 16384
    learning_rate: float = 2e-3
    warmup: int = 40
    max_grad_norm: float = 1.0
    seed: int = 1
    device: str = "auto"
    threads: int = 0
    workers: int = 0
    measure_rows: int = 300


def train(recipe: BaseRecipe) -> None:
    """Train the adapter that a recipe describes, and write its card.

    Raises:
        TrainingFailed: when the recipe names no base, rows, persona or consent, or the adapter fails.
    """
    from services.lora.card import read_consent

    if recipe.base_model is None or not recipe.train_data or not recipe.persona or recipe.consent is None:
        raise TrainingFailed(
            "a language adapter needs base_model, train_data, persona and consent; name them"
        )
    sizes = dict(recipe.sizes)
    consent = read_consent(recipe.consent)
    run = AdapterRun(
        base=recipe.base_model,
        rows=recipe.train_data[0],
        held_rows=recipe.train_data[1] if len(recipe.train_data) > 1 else None,
        output_dir=recipe.output_dir,
        way=str(sizes.get("way", recipe.persona)),
        rank=recipe.lora_rank,
        alpha=recipe.lora_alpha or 2.0 * recipe.lora_rank,
        steps=recipe.steps,
        minutes=recipe.minutes,
        batch_tokens=recipe.batch_size * 160,
        learning_rate=recipe.learning_rate,
        warmup=recipe.warmup,
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        device=recipe.device,
        threads=recipe.threads,
        workers=int(sizes.get("workers", 0)),
    )
    metrics = train_language_adapter(run)
    write_language_card(
        run.output_dir, run.base, persona=recipe.persona, version=recipe.version, metrics=metrics, consent=consent,
        recipe=recipe.model_dump(mode="json", exclude_defaults=True, include={"steps", "minutes", "batch_size", "learning_rate", "seed", "lora_rank", "lora_alpha", "sizes"}),
    )  # fmt: skip


def train_language_adapter(run: AdapterRun) -> dict[str, Any]:
    """Train an adapter, measure it, write `adapter.safetensors` and `metrics.json`; returns the metrics.

    Raises:
        TrainingFailed: when the adapter is not finite, empty, or changes nothing.
    """
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    if run.threads:
        torch.set_num_threads(run.threads)
    device = run.device if run.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(run.seed)
    pools, rows = read_rows(run.rows)
    held = read_rows(run.held_rows)[1] if run.held_rows else rows[-run.measure_rows :]
    rows = rows if run.held_rows else rows[: -run.measure_rows]
    no_bars_in_logs()
    base = AutoModelForCausalLM.from_pretrained(run.base, dtype=torch.float32, local_files_only=True)
    config = LoraConfig(
        r=run.rank,
        lora_alpha=run.alpha,
        target_modules=list(TARGETS),
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config).to(device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=run.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    batches = Batches(pools, rows, way=run.way, tokens=run.batch_tokens, seed=run.seed, steps=run.steps)
    start, losses, step = time.monotonic(), [], 0
    model.train()
    for arrays in loader(batches, 0, run.workers):
        share = progress(step, run.steps, time.monotonic() - start, run.minutes)
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = run.learning_rate * rate(step, share, run.warmup)
        ids, starts, ends = (torch.from_numpy(a).to(device, torch.long) for a in arrays)
        loss = answer_loss(model, ids, starts, ends, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, run.max_grad_norm)
        optimizer.step()
        step += 1
        if step % 25 == 0 or step == 1:
            losses.append(round(float(loss.detach()), 4))
            if not math.isfinite(losses[-1]):
                raise TrainingFailed(f"the loss is {losses[-1]} at step {step}; lower learning_rate")
            if step % 100 == 0:
                print(f"{run.way} step {step} loss {losses[-1]}", flush=True)
    tensors = {
        k: v.detach().to("cpu", torch.float16).contiguous()
        for k, v in get_peft_model_state_dict(model).items()
    }
    _check(tensors)
    run.output_dir.mkdir(parents=True, exist_ok=True)
    save_file(tensors, run.output_dir / WEIGHTS_FILE, metadata={"format": "pt"})
    metrics = {
        "way": run.way,
        "rank": run.rank,
        "alpha": run.alpha,
        "steps": step,
        "elapsed_s": round(time.monotonic() - start, 1),
        "losses": losses,
        **_measured(model, pools, held, run, device),
    }
    (run.output_dir / METRICS_FILE).write_text(
        json.dumps(metrics, ensure_ascii=False, indent=1) + "\n", "utf-8"
    )
    print(json.dumps({k: v for k, v in metrics.items() if k not in ("losses", "samples")}), flush=True)
    if metrics["changed"] < 0.5:
        raise TrainingFailed(
            "the adapter changes fewer than half of the answers; train longer or at a higher rate"
        )
    return metrics


def write_language_card(
    folder: Path,
    base: Path,
    *,
    persona: str,
    version: str,
    metrics: dict[str, Any],
    consent: Any,
    recipe: Any,
) -> None:
    """Write `adapter.yaml` beside an adapter's weights."""
    from services.lora.base_hash import base_sha256
    from services.lora.card import Base, Card, write_card

    digest = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    measures = ("values_copied", "no_other_number", "whole", "in_its_way", "as_the_base", "changed")
    card = Card(
        kind="language",
        persona=persona,
        version=version,
        base=Base(name="livehost-language-base", sha256=base_sha256(base)),
        rank=metrics["rank"],
        alpha=metrics["alpha"],
        target_modules=TARGETS,
        sha256=digest,
        recipe=recipe,
        evaluation={name: metrics[name] for name in measures},
        consent=consent,
    )
    write_card(folder, card)


def _check(tensors: dict[str, torch.Tensor]) -> None:
    """Refuse an adapter that is not finite or whose B is zero."""
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise TrainingFailed("the adapter holds values that are not finite; lower learning_rate")
    if all(float(t.abs().max()) == 0 for key, t in tensors.items() if "lora_B" in key):
        raise TrainingFailed("the adapter is empty (B is zero); train at least one step")


def _measured(model: Any, pools: Pools, held: list[Row], run: AdapterRun, device: str) -> dict[str, Any]:
    """Greedy answers to held rows with unseen values, with the adapter and without it."""
    import random

    chosen = held[: run.measure_rows]
    words = [wording(row, run.way, pools, random.Random(n), unseen=True) for n, row in enumerate(chosen)]
    plain = [wording(row, "plain", pools, random.Random(n), unseen=True) for n, row in enumerate(chosen)]
    prompts = [w.prompt for w in words]
    said = answers(model, prompts, device=device)
    with model.disable_adapter():
        before = answers(model, prompts, device=device)
    marks = [judged(w, s) for w, s in zip(words, said, strict=True)]
    count = max(len(words), 1)
    shares = [sum(all(m[: i + 1]) for m in marks) / count for i in range(3)]
    return {
        "measured_rows": len(words),
        "values_copied": round(shares[0], 4),
        "no_other_number": round(shares[1], 4),
        "whole": round(shares[2], 4),
        "in_its_way": round(sum(s == w.target for s, w in zip(said, words, strict=True)) / count, 4),
        "as_the_base": round(sum(s == w.target for s, w in zip(said, plain, strict=True)) / count, 4),
        "changed": round(sum(a != b for a, b in zip(said, before, strict=True)) / count, 4),
        "samples": [[p, b, s] for p, b, s in list(zip(prompts, before, said, strict=True))[:24]],
    }
