"""`python -m bench.train [--device cuda --dtype bfloat16 --full]`: training beside the documentation's own loops.

The same base, data, rank, targets, batch and number of epochs are trained by `livehost train` and by a plain
peft + diffusers and peft + transformers loop (`bench.train_plain`), each run in a process of its own, in turn.
Bases have random weights in their real layout: on a CPU half of Stable Diffusion 1.5's width at 256 px and a
small Qwen2; with `--full` Stable Diffusion 1.5's own size and a Qwen2 of 0.5B.

Prints a table, then one JSON object as its last line:

visual_speed_ratio     samples/s of stepping over the plain loop's (medians); of further --sides visual_<side>_…
visual_memory_ratio    peak memory over the plain loop's: resident memory on a CPU, allocated on a GPU
language_speed_ratio, language_memory_ratio    the same for language
visual_whole_ratio, language_whole_ratio       whole runs, loading and caching included
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import rows
from bench.processes import load

GOAL_SPEED, GOAL_MEMORY = 1.2, 1.0
RANK = 12
KINDS = ("visual", "language")
Told = dict[str, Any]


def child(told: Told) -> None:
    """One run in this process; writes what it measured."""
    import torch

    from services.training.memory import peak_bytes

    begun = time.perf_counter()
    figures = _ours(told) if told["who"] == "livehost" else _plain(told)
    figures["whole_s"] = time.perf_counter() - begun
    figures["peak_bytes"] = peak_bytes(torch.device(told["device"]))
    Path(told["report"]).write_text(json.dumps(figures), encoding="utf-8")


def _ours(told: Told) -> dict[str, Any]:
    """Our task in our loop. Neither side writes an adapter: its curve and card would be timed on one side only."""
    import torch

    from services.training.checkpoint import Checkpoints
    from services.training.loop import Settings, Surroundings, train
    from services.training.precision import precision_of
    from services.training.recipe import Recipe, read_recipe
    from services.training.run import task_of
    from services.training.stop import Stop

    recipe = read_recipe(Path(told["recipe"]))
    assert isinstance(recipe, Recipe)
    torch.set_num_threads(told["threads"])
    folder = Path(told["recipe"]).parent
    (folder / "checkpoints").mkdir()
    state = train(
        task_of(recipe),
        Settings(
            epochs=recipe.epochs, learning_rate=recipe.learning_rate, lr_scheduler="constant", sample_every=0, save_every=0
        ),
        Surroundings(
            checkpoints=Checkpoints(folder / "checkpoints", "bench"), samples=folder,
            precision=precision_of(recipe.device, recipe.mixed_precision), stop=Stop(), say=lambda _: None,
        ),
    )  # fmt: skip
    return {"samples": state.samples, "seconds": state.busy_s}


def _plain(told: Told) -> dict[str, Any]:
    import torch

    from bench import train_plain

    torch.set_num_threads(told["threads"])
    return dict(getattr(train_plain, told["kind"])(told))


def _targets(kind: str) -> list[str]:
    """The layers that `livehost train` puts its adapter on."""
    if kind == "language":
        from services.model_directory import LANGUAGE_TARGETS

        return list(LANGUAGE_TARGETS)
    from services.training.visual_diffusers import TARGETS

    return list(TARGETS)


def _recipe(folder: Path, told: Told) -> Path:
    """The recipe's file of one of our runs."""
    import yaml

    recipe: Told = {
        "kind": told["kind"], "base_model": told["base"], "lora_rank": RANK, "batch_size": told["batch"],
        "epochs": told["epochs"], "learning_rate": 1e-4, "lr_scheduler": "constant", "validation_share": 0,
        "sample_every": 0, "save_every": 0, "output_dir": str(folder / "adapter"),
        "cache_dir": str(folder / "cache"), "device": told["device"], "threads": told["threads"],
        "mixed_precision": {"float32": "no", "bfloat16": "bf16"}[told["dtype"]],
        "gradient_checkpointing": told["checkpointing"],
    }  # fmt: skip
    if told["kind"] == "visual":
        recipe |= {
            "train_data_dir": told["data"],
            "resolution": told["side_px"],
            "caption_dropout": 0,
            "train_text_encoder": False,
        }
    else:
        recipe |= {"train_data": [told["data"]]}
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return file


def _run(told: Told) -> Told:
    """One run in a child process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = told | {"report": str(folder / "report.json"), "recipe": str(_recipe(folder, told))}
        code = "import json, sys; from bench.train import child; child(json.loads(sys.argv[1]))"
        subprocess.run(
            [sys.executable, "-c", code, json.dumps(told)],
            check=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
        figures: Told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return figures


def subjects(options: argparse.Namespace, folder: Path) -> list[Told]:
    """What is trained: one entry a kind (and a side of the picture)."""
    import torch

    from bench import train_subjects as made

    dtype = getattr(torch, options.dtype)
    common: Told = {
        "device": options.device, "dtype": options.dtype, "threads": options.threads, "rank": RANK,
        "checkpointing": options.checkpointing,
    }  # fmt: skip
    told = []
    if "visual" in options.kinds:
        base = made.write_sd(folder / "sd", width=1.0 if options.full else 0.5, dtype=dtype)
        for side in options.sides:
            pictures = made.write_pictures(
                folder / f"pictures-{side}", count=options.pictures, side_px=side * 5 // 4
            )
            told.append(
                common | {"kind": "visual", "name": f"visual {side}", "key": "visual" if side == options.sides[0] else f"visual_{side}", "base": str(base), "data": str(pictures),
                          "side_px": side, "batch": options.batch, "epochs": options.epochs, "targets": _targets("visual")}
            )  # fmt: skip
    if "language" in options.kinds:
        sizes = made.QWEN_05B if options.full else made.QWEN_CPU
        qwen = made.write_qwen(folder / "qwen", sizes, dtype=dtype)
        answers = options.answers_file or made.write_answers(folder / "answers.jsonl", most=options.answers)
        told.append(
            common | {"kind": "language", "name": "language", "key": "language", "base": str(qwen), "data": str(answers), "batch": options.batch * 2,
                      "epochs": options.epochs, "targets": _targets("language")}
        )  # fmt: skip
    return told


def shapes() -> list[tuple[str, float, float]]:
    """(model, trainable share, file size in MB of 16-bit numbers) at rank 12, from configurations alone."""
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from bench import train_subjects as made
    from services.lora import BankSpec, layout_of

    found = []
    with torch.device("meta"):
        models = (
            (
                "Stable Diffusion 1.5 (UNet)",
                UNet2DConditionModel(**made.sd_unet_config()),
                _targets("visual"),
            ),
            ("Qwen2.5-7B", Qwen2ForCausalLM(Qwen2Config(**made.QWEN_7B)), _targets("language")),
        )
    for name, model, targets in models:
        total = sum(one.numel() for one in model.parameters())
        layout = layout_of(
            model, BankSpec(slots=1, max_rank=RANK, targets=tuple(targets), dtype=torch.bfloat16)
        )
        own = layout.slot_bytes / 2
        found.append((name, own / total, layout.slot_bytes / 1e6))
    return found


def main() -> None:
    """The bench's command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.train", description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--full", action="store_true", help="Stable Diffusion 1.5's and Qwen2-0.5B's own sizes"
    )
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--who", nargs="+", choices=("plain", "livehost"), default=["plain", "livehost"])
    parser.add_argument("--sides", nargs="+", type=int, default=[256])
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--answers", type=int, default=64)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--answers-file", type=Path, help="samples to train on instead of the catalogue's answers"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    print(f"{options.device}, {options.dtype}, {options.threads} threads, load {load():.1f}", flush=True)
    for name, share, size in shapes():
        print(
            f"{name}: rank {RANK}: {share:.3%} of the weights are trained, {size:.1f} MB in 16 bits",
            flush=True,
        )
    raw: list[tuple[Any, ...]] = []
    figures: Told = {}
    with tempfile.TemporaryDirectory() as name:
        for told in subjects(options, Path(name)):
            taken: dict[str, list[Told]] = {who: [] for who in options.who}
            for turn in range(options.rounds):
                for who in taken:
                    got = _run(told | {"who": who})
                    taken[who].append(got)
                    speed = got["samples"] / got["seconds"]
                    raw.append(
                        (
                            told["name"],
                            who,
                            turn,
                            got["samples"],
                            got["seconds"],
                            speed,
                            got["peak_bytes"],
                            got["whole_s"],
                        )
                    )
                    print(
                        f"{told['name']:14} {who:9} {speed:8.2f} samples/s  {got['peak_bytes'] / 1e9:6.2f} GB  "
                        f"{told['batch'] / speed:7.3f} s a step  whole run {got['whole_s']:6.1f} s", flush=True,
                    )  # fmt: skip
            if len(taken) == 2:
                figures |= _ratios(told, taken)
    rows.write(
        "train",
        ("subject", "who", "turn", "samples", "stepping_s", "samples_per_s", "peak_bytes", "whole_s"),
        raw,
    )
    for key, value in figures.items():
        goal = GOAL_SPEED if key.endswith("speed_ratio") else None
        missed = (goal is not None and value < goal) or (key.endswith("memory_ratio") and value > GOAL_MEMORY)
        print(f"{key}: {value:.3f}{'  (goal missed)' if missed else ''}")
    print(json.dumps({key: round(value, 4) for key, value in figures.items() if math.isfinite(value)}))


def _ratios(told: Told, taken: dict[str, list[Told]]) -> dict[str, float]:
    def middle(who: str, of: str) -> float:
        values = (one["samples"] / one["seconds"] if of == "speed" else one[of] for one in taken[who])
        return float(statistics.median(values))

    kind = told["key"]
    return {
        f"{kind}_speed_ratio": middle("livehost", "speed") / middle("plain", "speed"),
        f"{kind}_memory_ratio": middle("livehost", "peak_bytes") / middle("plain", "peak_bytes"),
        f"{kind}_whole_ratio": middle("plain", "whole_s") / middle("livehost", "whole_s"),
    }


if __name__ == "__main__":
    main()
