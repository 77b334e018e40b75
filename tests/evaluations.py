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
    card, copied, bare = read_card(folder), min(copied, rows), min(bare, rows)

    def marks(right: int, number: int) -> dict[str, float]:
        return {"facts_copied": float(number < right), "compliant": 1.0, "nll": 0.0}

    def measures(right: int) -> dict[str, float]:
        return {"facts_copied": right / rows, "compliant": 1.0, "style_distance": 0.0, "perplexity": 1.0}

    made = Evaluation(
        kind=card.kind, persona=card.persona, version=card.version, adapter_sha256=card.sha256,
        base_sha256=card.base.sha256, data_sha256=sha(data), data=f"{data}.jsonl",
        measures=measures(copied), bare=measures(bare),
        rows=tuple(
            EvaluatedRow(
                id=str(n), prompt="", target="好。", said="好。", bare="好。", marks=marks(copied, n),
                bare_marks=marks(bare, n),
            )
            for n in range(rows)
        ),
        settings=dict(settings or {}), took_s=1.0, at=datetime(2026, 12, 1, tzinfo=UTC),
    )  # fmt: skip
    write_evaluation(folder / EVALUATION_FILE, made)
    write_card(
        folder, card.model_copy(update={"evaluation": {"facts_copied": copied / rows, "rows": float(rows)}})
    )
