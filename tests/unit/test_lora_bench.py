"""`python -m bench.swap --small` runs through: every switch equals peft's, the last line is the figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from bench import rows, swap


def test_the_swap_bench_runs_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rows, "OUT", tmp_path)
    swap.main(["--small", "--rounds", "2"])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    for key in ("resident_switch_ms", "over_set_adapters", "over_hotswap", "stage_over_copy", "mixed4_over_one", "stage_total_ms"):  # fmt: skip
        assert figures[key] > 0
    for model in ("unet", "lm"):
        assert figures[f"{model}_switches_unequal"] == 0
        assert figures[f"{model}_effect_over_output"] >= 100 * figures[f"{model}_error_over_output"]
    with (tmp_path / "swap.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert {row["model"] for row in found} == {"unet", "lm"}
    assert all(float(row["ms"]) > 0 for row in found)
