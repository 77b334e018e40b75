"""`python -m bench.swap [--device cuda --dtype bf16] [--small]`: what switching an adapter costs.

An SD1.5-size UNet and a 0.5B language model of random weights, adapters of rank 12. The bank's switch
and fill are timed beside diffusers', transformers' and peft's, and beside one memory copy of the same
bytes, in one run. A switch counts only if the forward after it is peft's: the same in fp32; in half
precision as near to peft's in fp32 as peft's own in half precision is (`bench.swap_equal` has the rule).

Prints a table, then one JSON object as its last line, with the worse of the two models for each key (null
where a model had no switch that counts):

resident_switch_ms   publish a resident adapter and bind a batch to it
over_set_adapters    set_adapters' (peft's set_adapter for the LM) time over that
stage_over_copy      fill a slot with verified, packed bytes and publish, over a memory copy of them
over_hotswap         the libraries' hot swap of an adapter's file over our fill and publish
stage_total_ms       read, hash, check, pack, fill, canary forward, publish
mixed4_over_one      a batch of 4 rows with 4 adapters over a batch of 4 with one, binding included

Times are medians. What is compared by stage_over_copy, over_hotswap and mixed4_over_one are the fastest
of the rounds, which are taken in turn: memory and long forwards feel whatever else the machine does.
On a CPU the UNet runs on small latents (8x8 for a switch, 16x16 for batches), and the table says so.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging as diffusers_logging
from torch import nn
from transformers import logging as transformers_logging

from bench import rows, swap_equal, swap_rivals, swap_subjects
from bench.processes import load
from bench.swap_subjects import ADAPTERS, BASE_SHA, RANK, Subject
from services.lora import Bank, BankSpec, stage_folder
from services.lora.packing import Packed

GOALS = {"resident_switch_ms": 0.1, "stage_over_copy": 3.0, "mixed4_over_one": 1.1}
LEAST = {"over_set_adapters": 100.0}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Run:
    """One subject's timings, in ms, by what was done."""

    def __init__(self, subject: Subject, *, device: str, dtype: str, rounds: int) -> None:
        self.subject, self.device, self.dtype, self.rounds = subject, device, dtype, rounds
        self.ms: dict[str, list[float]] = defaultdict(list)
        self.inputs = 1 if dtype == "fp32" else swap_equal.INPUTS_IN_HALF
        self.verdicts: list[swap_equal.Verdict] = []

    def timed(self, what: str, action: Callable[[], object]) -> None:
        """Do it once and keep its time."""
        self.wait()
        start = time.perf_counter()
        action()
        self.wait()
        self.ms[what].append((time.perf_counter() - start) * 1e3)

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()

    def median(self, what: str) -> float:
        """The middle of its times."""
        return statistics.median(self.ms[what])


def measure(run: Run, folder: Path) -> dict[str, float]:
    """All figures of one subject."""
    torch.manual_seed(0)
    subject = run.subject
    model = subject.make().eval().to(run.device, DTYPES[run.dtype])
    bank = Bank.attach(model, spec=BankSpec(slots=ADAPTERS + 1, max_rank=RANK, targets=subject.targets))
    folders = swap_subjects.write_adapters(subject, bank, folder)
    with torch.inference_mode():
        base = subject.check(model, 1)
        for _ in range(3):
            run.timed("the canary's forward by the bare base", lambda: subject.check(model, 1))
        shas = [_stage(run, bank, model, one, base) for one in folders]
        bare = subject.proof(model, run.inputs)
        found = _switches(run, bank, model, shas)
        _mixed(run, bank, model, shas)
        _fills(run, bank, folders)
    figures = {"adapter_mb": bank.slot_bytes / 1e6, "arena_mb": bank.arena_bytes / 1e6}
    bank.detach()
    exact = None if run.dtype == "fp32" else _in_fp32(run, model, folders)
    with torch.no_grad():
        wanted = swap_rivals.run(
            subject, model, folders, rounds=run.rounds, inputs=run.inputs, timed=run.timed
        )
    counted = _count(run, found, wanted, bare, exact)
    set_adapters = "set_adapters" if subject.name == "unet" else "set_adapter (peft)"
    hotswap = "load_lora_weights(hotswap=True)" if subject.name == "unet" else "hotswap_adapter"
    switch = statistics.median(counted) if counted else float("nan")

    def least(what: str) -> float:
        return min(run.ms[what])

    return (
        figures
        | {
            "resident_switch_ms": switch,
            "over_set_adapters": run.median(set_adapters) / switch,
            "over_hotswap": least(hotswap) / least("fill a slot and publish"),
            "stage_over_copy": least("fill a slot and publish") / least("one memory copy"),
            "mixed4_over_one": least("4 rows, 4 adapters") / least("4 rows, 1 adapter"),
            "stage_total_ms": run.median("stage: everything, with a canary"),
        }
        | _likeness(run)
    )


def _stage(run: Run, bank: Bank, model: nn.Module, folder: Path, base: torch.Tensor) -> str:
    """Stage as an engine does, canary included; returns the adapter's hash."""
    sha = ""

    def whole() -> None:
        nonlocal sha
        start = time.perf_counter()
        staged = stage_folder(folder, bank.layout, base_sha256=BASE_SHA)
        run.ms["stage: read, hash, check, pack"].append((time.perf_counter() - start) * 1e3)
        bank.fill(staged.packed, sha256=staged.sha256)
        sha = staged.sha256
        with bank.rows([sha]):
            canary = run.subject.check(model, 1)
        assert torch.isfinite(canary).all() and not torch.equal(canary, base), "the canary failed"
        bank.publish("room", sha)

    run.timed("stage: everything, with a canary", whole)
    return sha


def _switches(
    run: Run, bank: Bank, model: nn.Module, shas: Sequence[str]
) -> list[tuple[int, float, torch.Tensor]]:
    """Switch, and keep what the next forwards say: (adapter, ms, outputs)."""
    found = []
    for round in range(max(run.rounds, len(shas))):
        number = round % len(shas)
        run.wait()
        start = time.perf_counter()
        bank.publish("room", shas[number])
        published = time.perf_counter()
        with bank.rows([bank.live("room")]):
            took = (time.perf_counter() - start) * 1e3
            output = run.subject.proof(model, run.inputs)
        run.ms["publish a resident one"].append((published - start) * 1e3)
        run.ms["publish a resident one and bind"].append(took)
        found.append((number, took, output))
    return found


def _mixed(run: Run, bank: Bank, model: nn.Module, shas: Sequence[str]) -> None:
    """Batches of 4, taken in turn so that what else the machine does meets all alike."""
    kinds = {
        "4 rows, bare base": [""] * 4,
        "4 rows, 1 adapter": [shas[1]] * 4,
        "4 rows, 4 adapters": list(shas[:4]),
    }

    def batch(adapters: list[str]) -> None:
        with bank.rows(adapters):
            run.subject.batch(model, 4)

    batch(kinds["4 rows, 4 adapters"])
    for round in range(run.rounds):
        order = list(kinds) if round % 2 else list(reversed(kinds))
        for kind in order:
            run.timed(kind, lambda kind=kind: batch(kinds[kind]))


def _fills(run: Run, bank: Bank, folders: Sequence[Path]) -> None:
    """Verified, packed bytes into a slot, and the same bytes into a plain vector, in turn."""
    packed: list[Packed] = [stage_folder(f, bank.layout, base_sha256=BASE_SHA).packed for f in folders]
    plain = torch.zeros(
        ADAPTERS + 2, packed[0].vector.numel(), dtype=packed[0].vector.dtype, device=run.device
    )

    def fill(number: int) -> None:
        sha = f"{number:064x}"
        bank.fill(packed[number % len(packed)], sha256=sha)
        bank.publish("room", sha)

    def copy(number: int) -> None:
        plain[number % len(plain)].copy_(packed[number % len(packed)].vector)

    for number in range(40 + 2 * len(plain)):
        warm = number < 2 * len(plain)
        for what, action in (("one memory copy", copy), ("fill a slot and publish", fill)):
            if warm:
                action(number)
            else:
                run.timed(what, lambda action=action, number=number: action(number))


def _in_fp32(run: Run, model: nn.Module, folders: list[Path]) -> list[torch.Tensor]:
    """Each adapter's outputs by peft on a copy of the model in fp32, which is gone afterwards."""

    def untimed(_: str, action: Callable[[], object]) -> None:
        action()

    with torch.no_grad(), swap_equal.full_fp32():
        wide = copy.deepcopy(model).float()
        exact = swap_rivals.run(run.subject, wide, folders, rounds=0, inputs=run.inputs, timed=untimed)
    del wide
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return exact


def _count(
    run: Run,
    found: list[tuple[int, float, torch.Tensor]],
    wanted: list[torch.Tensor],
    base: torch.Tensor,
    exact: list[torch.Tensor] | None,
) -> list[float]:
    """The times of the switches whose next forwards are peft's."""
    verdicts = [
        swap_equal.judge(output, by_peft=wanted[number], base=base, exact=exact[number] if exact else None)
        for number, _, output in found
    ]
    run.verdicts = swap_equal.judge_all(verdicts, DTYPES[run.dtype])
    return [took for (_, took, _), verdict in zip(found, run.verdicts, strict=True) if verdict.equal]


def _likeness(run: Run) -> dict[str, float]:
    """How like peft's the forwards were: the worst of the verdicts, and the distances over all of them."""
    figures = {
        "error_over_output": max(verdict.error for verdict in run.verdicts),
        "effect_over_output": min(verdict.effect for verdict in run.verdicts),
        "switches_unequal": sum(not verdict.equal for verdict in run.verdicts),
    }
    bank, peft = swap_equal.distances(run.verdicts)
    if bank is not None and peft is not None:
        figures |= {"bank_to_fp32": bank, "peft_to_fp32": peft}
    return figures


def _worst(parts: dict[str, dict[str, float]]) -> dict[str, float]:
    """Each key's worse value of the two models."""
    keys = ("resident_switch_ms", "over_set_adapters", "over_hotswap", "stage_over_copy", "mixed4_over_one", "stage_total_ms")  # fmt: skip
    worst = {}
    for key in keys:
        values = [part[key] for part in parts.values()]
        none = any(math.isnan(value) for value in values)
        worst[key] = math.nan if none else min(values) if key.startswith("over_") else max(values)
    return worst


def _plain(value: Any) -> Any:
    """For JSON: five digits of a number, null for none."""
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else float(f"{value:.5g}")


def _print(runs: Sequence[Run], parts: dict[str, dict[str, float]]) -> None:
    for run in runs:
        print(f"\n{run.subject.label}; {run.device}, {run.dtype}; rank {RANK}, median and fastest of n")
        copy = run.median("one memory copy")
        for what, times in run.ms.items():
            print(f"  {what:38} {statistics.median(times):12.4f} {min(times):12.4f} ms  {statistics.median(times) / copy:10.2f} x copy  n={len(times)}")  # fmt: skip
        for key, value in parts[run.subject.name].items():
            goal = (
                f"goal <= {GOALS[key]}" if key in GOALS else f"goal >= {LEAST[key]}" if key in LEAST else ""
            )
            print(f"  {key:38} {value:12.6g}     {goal}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.swap", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--small", action="store_true", help="tiny models, to see that it works")
    parser.add_argument("--only", choices=("unet", "lm"), help="one model")
    parser.add_argument(
        "--rounds", type=int, default=0, help="of each measure (default: 6 on a CPU, 30 else)"
    )
    given = parser.parse_args(arguments)
    transformers_logging.set_verbosity_error()
    diffusers_logging.set_verbosity_error()
    on_cpu = given.device == "cpu"
    rounds = given.rounds or (4 if given.small else 6 if on_cpu else 30)
    subjects = [
        swap_subjects.unet(small=given.small, latents=16 if on_cpu else 64, device=given.device),
        swap_subjects.lm(small=given.small, tokens=16 if on_cpu else 128, device=given.device),
    ]
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name(given.device) if not on_cpu else "cpu", "dtype": given.dtype,
        "small": given.small, "cpus": len(os.sched_getaffinity(0)), "load_before": round(load(), 2),
    }  # fmt: skip
    runs, parts = [], {}
    for subject in subjects:
        if given.only in (None, subject.name):
            run = Run(subject, device=given.device, dtype=given.dtype, rounds=rounds)
            with tempfile.TemporaryDirectory() as folder:
                parts[subject.name] = measure(run, Path(folder))
            runs.append(run)
            print(f"measured: {subject.label}", file=sys.stderr, flush=True)
            gc.collect()
    rows.write(
        "swap",
        ("model", "device", "dtype", "what", "round", "ms"),
        [
            (run.subject.name, run.device, run.dtype, what, number, f"{ms:.6f}")
            for run in runs
            for what, times in run.ms.items()
            for number, ms in enumerate(times)
        ],
    )
    _print(runs, parts)
    figures |= _worst(parts)
    figures |= {f"{name}_{key}": value for name, part in parts.items() for key, value in part.items()}
    print(json.dumps({key: _plain(value) for key, value in figures.items()}, allow_nan=False))


if __name__ == "__main__":
    main()
