"""Evaluations for tests, made without a model: so many rows right with the adapter, so many without it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from livehost.training.evaluation import EVALUATION_FILE, EvaluatedRow, Evaluation, write_evaluation
from services.lora.card import read_card, write_card
from tests.scripted_engines import sha


def evaluate(
    folder: Path,
    copied: int,
    *,
    bare: int = 10,
    rows: int = 24,
    data: str = "held",
    settings: Mapping[str, str] | None = None,
) -> None:
    """Keep an evaluation in which `copied` of the rows have their facts, and `bare` without the adapter."""
    card = read_card(folder)

    def marks(right: int, number: int) -> dict[str, float]:
        return {"facts_copied": float(number < right)}

    made = Evaluation(
        kind=card.kind, persona=card.persona, version=card.version, adapter_sha256=card.sha256,
        base_sha256=card.base.sha256, data_sha256=sha(data), data=f"{data}.jsonl",
        measures={"facts_copied": copied / rows}, bare={"facts_copied": bare / rows},
        rows=tuple(
            EvaluatedRow(
                id=str(n), prompt="", target="", said="", bare="", marks=marks(copied, n),
                bare_marks=marks(bare, n),
            )
            for n in range(rows)
        ),
        settings=dict(settings or {}), took_s=1.0, at=datetime(2026, 12, 1, tzinfo=UTC),
    )  # fmt: skip
    write_evaluation(folder / EVALUATION_FILE, made)
    write_card(folder, card.model_copy(update={"evaluation": made.measures | {"rows": float(rows)}}))
