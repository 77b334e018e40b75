"""`python -m bench.swap --small` runs through: every switch counts as peft's unless the adapter is wrong."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import rows, swap, swap_equal, swap_subjects
from services.lora import StagedAdapter, stage_folder
from services.lora.packing import Packed

Bench = Callable[..., dict[str, Any]]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Runs the small bench and returns its last line's figures."""
    monkeypatch.setattr(rows, "OUT", tmp_path)

    def run(*arguments: str) -> dict[str, Any]:
        swap.main(["--small", "--rounds", "2", *arguments])
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_the_swap_bench_runs_through(bench: Bench, tmp_path: Path) -> None:
    figures = bench()
    for key in ("resident_switch_ms", "over_set_adapters", "over_hotswap", "stage_over_copy", "mixed4_over_one", "stage_total_ms"):  # fmt: skip
        assert figures[key] > 0
    for model in ("unet", "lm"):
        assert figures[f"{model}_switches_unequal"] == 0
        assert figures[f"{model}_effect_over_output"] >= 100 * figures[f"{model}_error_over_output"]
        assert f"{model}_bank_to_fp32" not in figures
    with (tmp_path / "swap.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert {row["model"] for row in found} == {"unet", "lm"}
    assert all(float(row["ms"]) > 0 for row in found)


def test_in_bf16_rounding_is_no_difference(bench: Bench) -> None:
    figures = bench("--dtype", "bf16")
    assert figures["resident_switch_ms"] > 0
    for model in ("unet", "lm"):
        assert figures[f"{model}_switches_unequal"] == 0
        assert 0 < figures[f"{model}_bank_to_fp32"] < 0.02
        assert 0 < figures[f"{model}_peft_to_fp32"] < 0.02


def test_in_bf16_a_wrong_scale_is_a_difference(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets_alpha(folder: Path, *others: Any, **options: Any) -> StagedAdapter:
        staged = stage_folder(folder, *others, **options)
        scale = swap_subjects.ALPHA / swap_subjects.RANK
        vector = staged.packed.vector / math.sqrt(scale)  # of A and B alike, so once of their product
        return replace(staged, packed=Packed(vector, staged.packed.layout))

    monkeypatch.setattr(swap, "stage_folder", forgets_alpha)
    figures = bench("--dtype", "bf16")
    for model in ("unet", "lm"):
        assert figures[f"{model}_switches_unequal"] == swap_subjects.ADAPTERS
        assert figures[f"{model}_resident_switch_ms"] is None
    assert figures["resident_switch_ms"] is None
    assert figures["over_set_adapters"] is None
    assert figures["mixed4_over_one"] > 0


def test_one_models_missing_figure_is_not_hidden_by_the_others() -> None:
    worst = swap._worst(
        {
            name: dict.fromkeys((*swap.GOALS, *swap.LEAST, "over_hotswap", "stage_total_ms"), value)
            for name, value in (("unet", 1.0), ("lm", math.nan))
        }
    )
    assert all(math.isnan(value) for value in worst.values())


ULP = torch.finfo(torch.bfloat16).eps
EXACT = torch.tensor([[1.0, 0.0], [1.0, 0.0]])


def off(*by: float) -> torch.Tensor:
    """Two inputs' outputs in bf16 that are so far from EXACT."""
    return torch.tensor([[1.0, by[0]], [1.0, by[-1]]], dtype=torch.bfloat16)


@pytest.mark.parametrize(
    ("bank", "peft", "effect", "equal"),
    [
        ((0.1,), (0.1,), 1.0, True),
        ((0.3, 0.1), (0.1, 0.3), 1.0, True),
        ((0.19,), (0.1,), 1.0, True),
        ((0.21,), (0.1,), 1.0, False),
        ((1.5 * ULP,), (0.0,), 1.0, True),
        ((3.0 * ULP,), (0.0,), 1.0, False),
        ((0.1,), (0.1,), 0.15, False),
        ((math.nan, 0.1), (0.1,), 1.0, False),
    ],
)
def test_in_half_precision_a_switch_may_be_about_as_far_from_fp32_as_peft(
    bank: tuple[float, ...], peft: tuple[float, ...], effect: float, equal: bool
) -> None:
    verdict = swap_equal.judge(off(*bank), by_peft=off(*peft), base=off(effect), exact=EXACT)
    mean = math.sqrt(bank[0] * bank[-1])
    assert verdict.bank_to_fp32 == pytest.approx(mean, rel=0.01, nan_ok=True)
    assert verdict.equal is equal


@pytest.mark.parametrize(
    ("bank", "equal"), [((0.10, 0.11), True), ((0.17, 0.08), True), ((0.13, 0.13), False)]
)
def test_in_half_precision_all_switches_together_may_hardly_be_farther(
    bank: tuple[float, float], equal: bool
) -> None:
    verdicts = [swap_equal.judge(off(one), by_peft=off(0.1), base=off(1.0), exact=EXACT) for one in bank]
    assert all(verdict.equal for verdict in verdicts)
    assert [v.equal for v in swap_equal.judge_all(verdicts, torch.bfloat16)] == [equal] * 2


def test_in_fp32_it_must_be_pefts_output() -> None:
    def equal(output: torch.Tensor, base: torch.Tensor) -> bool:
        verdict = swap_equal.judge(output, by_peft=by_peft, base=base, exact=None)
        return swap_equal.judge_all([verdict], torch.float32)[0].equal

    by_peft = torch.ones(1, 8)
    assert equal(by_peft * (1 + 5e-5), torch.zeros(1, 8))
    assert not equal(by_peft * (1 + 2e-4), torch.zeros(1, 8))
    assert not equal(by_peft * (1 + 5e-5), by_peft * (1 - 1e-3))


def test_the_fp32_reference_is_made_without_tf32() -> None:
    before = torch.backends.cudnn.allow_tf32
    with swap_equal.full_fp32():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32 is before
