"""Training of the embedded language base: a small Qwen3 that words given facts anew.

`train` runs a recipe; `train_language_base` takes the same as a plain dataclass and needs no recipe
reader. Loss on the answers' tokens only; every batch has fresh values in its rows' slots.

TrainingFailed   the loss is no number, or what it was told cannot be
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from services.language.loading import no_bars_in_logs
from services.language.tokenizer import END, MAX_LENGTH, PAD, vocabulary, write_tokenizer
from services.training.faults import TrainingFailed
from services.training.language_measure import Copying, measure
from services.training.language_rows import Batches, loader, read_rows

if TYPE_CHECKING:
    from services.training.recipe import BaseRecipe


@dataclass(frozen=True)
class BaseRun:
    """One run. It ends at `steps` or after `minutes`, whichever comes first; the rate falls with it."""

    rows: Path
    output_dir: Path
    held_rows: Path | None = None
    steps: int = 6000
    minutes: float | None = None
    batch_tokens: int = 32768
    learning_rate: float = 1.5e-3
    warmup: int = 200
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0
    seed: int = 1
    device: str = "auto"
    threads: int = 0
    workers: int = 0
    resume: bool = False
    start_from: Path | None = None  # a base's folder whose weights a new run begins with
    save_every: int = 1000
    measure_every: int = 1500
    measure_rows: int = 500
    sizes: dict[str, int] = field(default_factory=dict)


SIZES = {
    "hidden_size": 320,
    "intermediate_size": 832,
    "num_hidden_layers": 7,
    "num_attention_heads": 5,
    "num_key_value_heads": 5,
    "head_dim": 64,
}


def train(recipe: BaseRecipe) -> None:
    """Train the base that a recipe describes: rows to train on, then (optional) rows held out."""
    sizes = {key: int(value) for key, value in recipe.sizes.items()}
    held = recipe.train_data[1] if len(recipe.train_data) > 1 else None
    train_language_base(
        BaseRun(
            rows=recipe.train_data[0],
            held_rows=held,
            output_dir=recipe.output_dir,
            steps=recipe.steps,
            minutes=recipe.minutes,
            batch_tokens=recipe.batch_size * 160,
            learning_rate=recipe.learning_rate,
            warmup=recipe.warmup,
            max_grad_norm=recipe.max_grad_norm,
            seed=recipe.seed,
            device=recipe.device,
            threads=recipe.threads,
            workers=sizes.pop("workers", 0),
            resume=recipe.resume,
            start_from=recipe.base_model,
            save_every=recipe.save_every,
            sizes=sizes,
        )
    )


def train_language_base(run: BaseRun) -> dict[str, Any]:
    """Train, measure and save a base; returns its metrics, which also lie beside the weights.

    Raises:
        TrainingFailed: when the loss is no number.
        ValueError: when the rows cannot be read.
    """
    device = _device(run)
    torch.manual_seed(run.seed)
    pools, rows = read_rows(run.rows)
    held = read_rows(run.held_rows)[1] if run.held_rows else rows[-run.measure_rows :]
    if not run.held_rows:
        rows = rows[: -run.measure_rows]
    batches = Batches(pools, rows, way="plain", tokens=run.batch_tokens, seed=run.seed, steps=run.steps)
    model = _model(run).to(device)
    optimizer = _optimizer(model, run, device)
    checkpoint = run.output_dir / "checkpoint.pt"
    step, before_s, history = 0, 0.0, []
    if run.resume and checkpoint.exists():
        kept = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        step, before_s, history = kept["step"], kept["elapsed_s"], kept["history"]
    run.output_dir.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()

    def elapsed_s() -> float:
        return before_s + time.monotonic() - start

    def keep() -> None:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        _save_whole(checkpoint, {**state, "step": step, "elapsed_s": elapsed_s(), "history": history})

    first, tokens, total = step, 0, torch.zeros(())
    print(
        f"{sum(p.numel() for p in model.parameters())} parameters on {device}, {len(rows)} rows", flush=True
    )
    model.train()
    for arrays in loader(batches, step, run.workers):
        share = progress(step, run.steps, elapsed_s(), run.minutes)
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = run.learning_rate * rate(step, share, run.warmup)
        ids, starts, ends = (torch.from_numpy(a).to(device, torch.long, non_blocking=True) for a in arrays)
        loss = answer_loss(model, ids, starts, ends, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), run.max_grad_norm)
        optimizer.step()
        step += 1
        total = loss.detach() if step == first + 1 else total * 0.98 + loss.detach() * 0.02
        tokens += ids.numel()
        if step % 50 == 0 or step == first + 1:
            value = float(total)
            if not math.isfinite(value):
                raise TrainingFailed(f"the loss is {value} at step {step}; lower learning_rate")
            history.append({"step": step, "loss": round(value, 4), "elapsed_s": round(elapsed_s(), 1)})
            if step % 200 == 0 or step <= first + 100:
                print(
                    f"step {step} loss {value:.4f} {tokens / max(elapsed_s() - before_s, 1e-3):.0f} tokens/s",
                    flush=True,
                )
        if step % run.save_every == 0:
            keep()
        if step % run.measure_every == 0:
            found = measure(model, pools, held, way="plain", seed=5, count=96, device=device)
            history.append({"step": step, "copied": found.values, "whole": found.whole})
            print(f"step {step} copied {found.values:.3f} whole {found.whole:.3f}", flush=True)
    keep()
    return _finish(model, run, pools, held, device, step, elapsed_s(), tokens, history)


def progress(step: int, steps: int, elapsed_s: float, minutes: float | None) -> float:
    """How much of the run is done, 0 to 1: by steps or by time, whichever is further."""
    by_time = elapsed_s / (minutes * 60) if minutes else 0.0
    return max(step / steps, by_time)


def rate(step: int, share: float, warmup: int) -> float:
    """The learning rate's factor: a linear rise, then a cosine down to a fiftieth."""
    rise = min(1.0, (step + 1) / max(warmup, 1))
    return rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


def answer_loss(
    model: Any, ids: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor, device: str
) -> torch.Tensor:
    """Mean cross entropy of the answers' tokens; ids [rows, length], padded right (so no mask)."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=device.startswith("cuda")):
        hidden = base.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        places = torch.arange(1, ids.shape[1], device=ids.device)[None]
        wanted = (places >= starts[:, None]) & (places < ends[:, None])
        logits = base.lm_head(hidden[wanted])
    loss: torch.Tensor = functional.cross_entropy(logits.float(), ids[:, 1:][wanted])
    return loss


def _finish(
    model: Any,
    run: BaseRun,
    pools: Any,
    held: Any,
    device: str,
    step: int,
    elapsed_s: float,
    tokens: int,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    """Save the weights in bf16, measure what was saved, write the metrics."""
    saved = model.to(torch.bfloat16)
    saved.config.dtype = torch.bfloat16
    saved.save_pretrained(run.output_dir)
    write_tokenizer(run.output_dir)
    found: Copying = measure(
        saved.float(), pools, held, way="plain", seed=7, count=run.measure_rows, device=device
    )
    metrics = {
        "steps": step,
        "elapsed_s": round(elapsed_s, 1),
        "tokens": tokens,
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else "cpu",
        "parameters": sum(p.numel() for p in model.parameters()),
        "measured_rows": found.rows,
        "values_copied": round(found.values, 4),
        "no_other_number": round(found.numbers, 4),
        "whole": round(found.whole, 4),
        "history": history,
        "run": {key: str(v) if isinstance(v, Path) else v for key, v in asdict(run).items()},
    }
    (run.output_dir / "metrics.json").write_text(
        json.dumps(metrics, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    lines = [f"{prompt}\n  wanted: {wanted}\n  said:   {said}\n" for prompt, wanted, said in found.samples]
    (run.output_dir / "samples.txt").write_text("\n".join(lines), encoding="utf-8")
    print(json.dumps({k: v for k, v in metrics.items() if k not in ("history", "run")}), flush=True)
    return metrics


def _model(run: BaseRun) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    table = vocabulary()
    config = Qwen3Config(
        **{**SIZES, **run.sizes},
        vocab_size=len(table),
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        pad_token_id=table[PAD],
        eos_token_id=table[END],
        bos_token_id=None,
        attn_implementation="sdpa",
    )
    model = Qwen3ForCausalLM(config)
    if run.start_from:
        no_bars_in_logs()
        model = Qwen3ForCausalLM.from_pretrained(run.start_from, config=config, dtype=torch.float32)
    model.generation_config.eos_token_id = table[END]
    model.generation_config.pad_token_id = table[PAD]
    model.generation_config.bos_token_id = None
    return model


def _optimizer(model: Any, run: BaseRun, device: str) -> torch.optim.AdamW:
    weights = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return torch.optim.AdamW(
        [{"params": weights, "weight_decay": run.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=run.learning_rate,
        betas=(0.9, 0.98),
        fused=device.startswith("cuda"),
    )


def _device(run: BaseRun) -> str:
    if run.threads:
        torch.set_num_threads(run.threads)
    if run.device != "auto":
        return run.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _save_whole(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside its place, then put it there: a torn one never stands."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)
