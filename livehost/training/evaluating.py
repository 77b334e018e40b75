"""One evaluation from card to measures: rows read and checked, words or pictures made, each marked."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livehost.training.evaluation import (
    EvaluatedRow,
    Evaluation,
    EvaluationFailed,
    now,
    place_told,
    rows_sha256,
)

if TYPE_CHECKING:
    from livehost.catalog import Catalog
    from services.lora import Card
    from services.training.samples import Sample

MAX_TOLD = 5

Say = Callable[[str], None]


def evaluated(
    folder: Path,
    data: Path,
    *,
    base: Path | None,
    catalog: Catalog | None,
    manner: tuple[str, ...],
    threads: int,
    sheet: Path,
    say: Say,
) -> Evaluation:
    """The evaluation of the adapter in a folder; see `livehost.training.evaluation.evaluate_adapter`."""
    from services.lora import CardProblems, read_card

    try:
        card = read_card(folder)
    except CardProblems as error:
        raise EvaluationFailed(*error.problems) from error
    match card.kind:
        case "language":
            return _language(folder, card, data, base, catalog, manner, threads, say)
        case "visual":
            from livehost.training.evaluating_visual import evaluated_visual

            return evaluated_visual(folder, card, data, base=base, threads=threads, sheet=sheet, say=say)


def _language(
    folder: Path,
    card: Card,
    data: Path,
    base: Path | None,
    catalog: Catalog | None,
    manner: tuple[str, ...],
    threads: int,
    say: Say,
) -> Evaluation:
    from livehost.training.language_marks import Judge, language_measures
    from services.language.loading import BaseUnusable
    from services.lora import StagingFailed
    from services.training.faults import TrainingFailed
    from services.training.held_out import sample_digest
    from services.training.language_evaluate import speak

    began = time.monotonic()
    samples = _samples(data)
    refuse_seen(folder, data, [(one.id, sample_digest(one)) for one in samples])
    try:
        spoken = speak(folder, samples, base=base, threads=threads, say=say)
    except BaseUnusable as error:
        raise EvaluationFailed(str(error)) from error
    except TrainingFailed as error:
        raise EvaluationFailed(str(error).replace("\n", " ")) from error
    except StagingFailed as error:
        raise EvaluationFailed(*error.errors) from error
    judge = Judge(catalog, manner)
    worn = [judge.marks(sample, said) for sample, said in zip(samples, spoken.worn, strict=True)]
    bare = [judge.marks(sample, said) for sample, said in zip(samples, spoken.bare, strict=True)]
    rows = tuple(
        EvaluatedRow(
            id=name, prompt=_asked(sample), target=sample.target, said=said.text, bare=plain.text,
            marks=marks, bare_marks=bare_marks,
        )
        for name, sample, said, plain, marks, bare_marks in zip(
            unique([one.id for one in samples]), samples, spoken.worn, spoken.bare, worn, bare, strict=True
        )
    )  # fmt: skip
    return Evaluation(
        kind="language", persona=card.persona, version=card.version, adapter_sha256=spoken.adapter_sha256,
        base_sha256=spoken.base_sha256, data_sha256=_content(samples), data=place_told(data),
        measures=language_measures(samples, spoken.worn, worn),
        bare=language_measures(samples, spoken.bare, bare), rows=rows,
        settings={
            "decoding": "greedy", "dtype": spoken.dtype, "catalogue": _catalogue(catalog), "style": _style(manner),
        },
        took_s=round(time.monotonic() - began, 2), at=now(),
    )  # fmt: skip


def _samples(data: Path) -> list[Sample]:
    from services.training.samples import SampleProblems, read_samples

    try:
        return read_samples([data])
    except SampleProblems as error:
        raise EvaluationFailed(*error.problems) from error


def _asked(sample: Sample) -> str:
    if sample.messages:
        return "\n".join(f"{role}: {content}" for role, content in sample.messages)
    return f"问：{sample.question}\n要点：{sample.core}" if sample.question else f"要点：{sample.core}"


def _content(samples: Sequence[Sample]) -> str:
    """The hash of what the rows say, whatever their names, weights and order."""
    from services.training.samples import samples_sha256

    return rows_sha256([samples_sha256([replace(one, id="", weight=1.0, source="qa")]) for one in samples])


def _catalogue(catalog: Catalog | None) -> str:
    """A digest of what a catalogue says, its stock aside; empty where there is none."""
    if catalog is None:
        return ""
    told = [catalog.shop, *sorted(catalog.products, key=lambda one: one.id)]
    return _digest([one.model_dump(mode="json", exclude={"stock", "restock"}) for one in told])


def _style(manner: Sequence[str]) -> str:
    return _digest(sorted(set(manner))) if manner else ""


def _digest(told: object) -> str:
    text = json.dumps(told, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unique(names: Iterable[str]) -> list[str]:
    """The names in their order, a repeated one with its number behind it."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return out


def refuse_seen(folder: Path, data: Path, rows: Sequence[tuple[str, str]]) -> None:
    """Refuses rows (name, digest) that the adapter in a folder was trained on.

    Raises:
        EvaluationFailed: with how many and which.
    """
    from services.training.held_out import seen_by

    try:
        known = seen_by(folder)
    except ValueError as error:
        raise EvaluationFailed(str(error)) from error
    seen = [name for name, digest in rows if digest in known]
    if seen:
        some = "、".join(seen[:MAX_TOLD]) + ("…" if len(seen) > MAX_TOLD else "")
        raise EvaluationFailed(
            f"{data}：{len(rows)} 行里有 {len(seen)} 行是训练用过的（{some}），请换成没见过的行 / "
            f"{len(seen)} of {len(rows)} rows were trained on; give rows that the adapter never saw"
        )
