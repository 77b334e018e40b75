"""What changed between two versions of an adapter on the same rows: measures, rows won and lost, examples.

    changed = report(old_folder, new_folder)          # from the kept evaluations, nothing runs again
    changed = report(old_folder, new_folder, data)    # evaluates both on these rows
    changed.markdown(), changed.model_dump_json()

A row is better or worse first by what it may not lose (rules, facts, faithfulness, its own end; a
picture's geometry), then by how near it is to the persona's own line or picture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from livehost.training.evaluation import (
    EvaluatedRow,
    Evaluation,
    EvaluationFailed,
    evaluate_adapter,
    read_evaluation,
)
from livehost.training.worse import MEASURES, alike, worse

if TYPE_CHECKING:
    from livehost.catalog import Catalog

EXAMPLES = 5  # of each sort in the text; the JSON has every row
MUSTS = ("compliant", "facts_copied", "faithful", "finished", "geometry_kept")
# Marks of nearness, the first that a row has: whether higher is nearer, and what makes a difference.
NEARNESS = (("likeness", True, 0.05), ("colour_distance", False, 1.0), ("picture_distance", False, 0.02))

Way = Literal["better", "worse", "same"]
_WORDS: dict[Way, str] = {"better": "变好 / better", "worse": "变差 / worse", "same": "不变 / same"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ChangedMeasure(_Part):
    """A measure of the bare base, the old version and the new; `way` by sign, whether chance or not."""

    name: str
    zh: str
    en: str
    bare: float | None
    old: float
    new: float
    way: Way


class ChangedRow(_Part):
    """One row side by side."""

    id: str
    prompt: str
    target: str
    old: str
    new: str
    old_marks: dict[str, float]
    new_marks: dict[str, float]
    way: Way


class Report(_Part):
    """The comparison; `fallen` are the falls that chance does not explain, a sentence each."""

    persona: str
    kind: str
    old: str
    new: str
    data: str
    measures: tuple[ChangedMeasure, ...]
    fallen: tuple[str, ...]
    rows: tuple[ChangedRow, ...]

    def count(self, way: Way) -> int:
        """How many rows changed that way."""
        return sum(row.way == way for row in self.rows)

    def markdown(self) -> str:
        """The report to read: Chinese first."""
        head = [
            f"# {self.persona} · {self.kind}：{self.old} → {self.new}",
            "",
            f"{len(self.rows)} 行未见过的数据（{self.data}）：变好 {self.count('better')}，变差 {self.count('worse')}，"
            f"不变 {self.count('same')} / {len(self.rows)} held-out rows: {self.count('better')} better, "
            f"{self.count('worse')} worse, {self.count('same')} the same",
            "",
            f"| 指标 / measure | 裸底模 / bare base | {_cell(self.old)} | {_cell(self.new)} | |",
            "|---|---|---|---|---|",
        ]
        for one in self.measures:
            bare = "–" if one.bare is None else f"{one.bare:.4g}"
            head.append(
                f"| {one.zh} / {one.en} | {bare} | {one.old:.4g} | {one.new:.4g} | {_WORDS[one.way]} |"
            )
        verdict = [f"- {sentence}" for sentence in self.fallen] or [
            "- 没有超出偶然的退步 / nothing fell by more than chance"
        ]
        text = [*head, "", "## 退步 / falls", "", *verdict]
        for way in ("worse", "better"):
            text += self._examples(way)
        return "\n".join(text) + "\n"

    def _examples(self, way: Literal["better", "worse"]) -> list[str]:
        rows = [row for row in self.rows if row.way == way]
        if not rows:
            return []
        out = ["", f"## {_WORDS[way]}（{len(rows)}）"]
        for row in rows[:EXAMPLES]:
            prompt = _line(row.prompt)
            out += ["", f"**{row.id}** {prompt}", "", f"- 人设 / persona: {_line(row.target)}"]
            if self.kind == "language":
                out += [f"- {self.old}: {_line(row.old)}", f"- {self.new}: {_line(row.new)}"]
            changed = [
                f"{name} {row.old_marks[name]:.4g} → {value:.4g}"
                for name, value in row.new_marks.items()
                if name in row.old_marks and row.old_marks[name] != value
            ]
            out += [f"- {'; '.join(changed)}"]
        if len(rows) > EXAMPLES:
            out += ["", f"……另有 {len(rows) - EXAMPLES} 行 / {len(rows) - EXAMPLES} more in the JSON"]
        return out


def report(
    old_folder: Path,
    new_folder: Path,
    data: Path | None = None,
    *,
    base: Path | None = None,
    catalog: Catalog | None = None,
    manner: tuple[str, ...] = (),
    threads: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """What changed between the versions in two folders; see `evaluate_adapter` for the options.

    Without `data` the kept evaluations are compared and nothing is run; with it both are evaluated on it,
    and their folders stay as they are.

    Raises:
        EvaluationFailed: there are no evaluations on the same rows, or they cannot be made.
    """
    if data is None:
        old, new = read_evaluation(old_folder), read_evaluation(new_folder)
        missing = [folder for folder, one in ((old_folder, old), (new_folder, new)) if one is None]
        if missing or old is None or new is None:
            names = "、".join(str(one) for one in missing)
            raise EvaluationFailed(f"{names} 还没有评估过，请给出数据 / not evaluated yet; name the rows")
        return compared(old, new)
    with tempfile.TemporaryDirectory(prefix="livehost-report-") as place:
        made = [
            evaluate_adapter(
                folder, data, base=base, catalog=catalog, manner=manner, threads=threads, say=say,
                out=Path(place) / f"{number}.json",
            )
            for number, folder in enumerate((old_folder, new_folder))
        ]  # fmt: skip
    return compared(made[0], made[1])


def compared(old: Evaluation, new: Evaluation) -> Report:
    """Two evaluations of the same rows side by side.

    Raises:
        EvaluationFailed: they do not have the same rows, or were not judged by the same catalogue or style.
    """
    by_id = {row.id: row for row in old.rows}
    if problems := alike(new, old):
        raise EvaluationFailed(*problems)
    rows = tuple(_changed(by_id[row.id], row) for row in new.rows)
    measures = tuple(
        ChangedMeasure(
            name=one.name, zh=one.zh, en=one.en, bare=new.bare.get(one.name), old=old.measures[one.name],
            new=new.measures[one.name],
            way=_sign(new.measures[one.name] - old.measures[one.name], higher=one.higher),
        )
        for one in MEASURES
        if one.name in old.measures and one.name in new.measures
    )  # fmt: skip
    return Report(
        persona=new.persona, kind=new.kind, old=old.version, new=new.version, data=new.data, measures=measures,
        fallen=tuple(worse(new, old)), rows=rows,
    )  # fmt: skip


def _changed(old: EvaluatedRow, new: EvaluatedRow) -> ChangedRow:
    return ChangedRow(
        id=new.id, prompt=new.prompt, target=new.target, old=old.said, new=new.said, old_marks=old.marks,
        new_marks=new.marks, way=row_way(old.marks, new.marks),
    )  # fmt: skip


def row_way(old: dict[str, float], new: dict[str, float]) -> Way:
    """Whether a row is better or worse by its marks."""
    kept = sum(new[name] - old[name] for name in MUSTS if name in old and name in new)
    if kept:
        return "better" if kept > 0 else "worse"
    for name, higher, least in NEARNESS:
        if name in old and name in new:
            return _sign(new[name] - old[name], higher=higher, least=least)
    return "same"


def _sign(difference: float, *, higher: bool, least: float = 0.0) -> Way:
    if abs(difference) <= least:
        return "same"
    return "better" if (difference > 0) == higher else "worse"


def _line(text: str) -> str:
    return " ".join(text.split()) or "（无 / nothing）"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
