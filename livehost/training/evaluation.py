"""What an adapter does on rows that it never saw, kept beside it as `evaluation.json`.

    evaluated = evaluate_adapter(folder, rows)       # runs the base with the adapter and without it
    read_evaluation(folder)                          # the last one that was kept, or None
    worse(new, old)                                  # every measure that fell by more than chance

The words come the way they do on air (base, bank, greedy decoding); so do the pictures (the vision
engine's painter). Every row is kept with what was said or painted, so that `report` needs no run.

EvaluationFailed    an adapter cannot be evaluated; `problems` has a sentence for each reason
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from livehost.training.worse import MEASURES, Measure, worse

if TYPE_CHECKING:
    from livehost.catalog import Catalog

__all__ = [
    "EvaluatedRow",
    "Evaluation",
    "EvaluationFailed",
    "evaluate_adapter",
    "kept",
    "read_evaluation",
    "unsound",
    "worse",
]

ROUNDED = 1e-3  # measures and marks are kept with three to five places
EVALUATION_FILE = "evaluation.json"
SHEET_FILE = "evaluation.jpg"  # a visual adapter's pictures: the persona's, with the adapter, without it


class EvaluationFailed(Exception):
    """An adapter cannot be evaluated; `problems` has a sentence for each reason, with its mend."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class EvaluatedRow(_Part):
    """One row: what was asked, what the persona would say, what was said with the adapter and without.

    A picture's row has its caption as `prompt`, the picture's name as `target`, and its place on the
    contact sheet (counted from 0) as `said` and `bare`. `marks` and `bare_marks` are the row's measures.
    """

    id: str
    prompt: str
    target: str
    said: str
    bare: str
    marks: dict[str, float]
    bare_marks: dict[str, float]


class Evaluation(_Part):
    """Measures of one adapter on one set of held-out rows; `bare` are the base's own on the same rows.

    `data_sha256` is over the rows' content, whatever file they stood in: equal hashes mean equal rows.
    `settings` of a language adapter hold digests of the catalogue and of her style that answers were judged by.
    """

    kind: Literal["language", "visual"]
    persona: str
    version: str
    adapter_sha256: str
    base_sha256: str
    data_sha256: str
    data: str
    measures: dict[str, float]
    bare: dict[str, float]
    rows: tuple[EvaluatedRow, ...]
    settings: dict[str, str | float] = {}
    took_s: float
    at: AwareDatetime


def read_evaluation(folder: Path) -> Evaluation | None:
    """The evaluation that lies in a version's folder; None where there is none.

    Raises:
        EvaluationFailed: the file is there and cannot be read.
    """
    file = folder / EVALUATION_FILE
    try:
        return Evaluation.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise EvaluationFailed(
            f"{file} 读不出，请重新评估 / cannot be read ({type(error).__name__}); evaluate the adapter again"
        ) from error


def unsound(evaluation: Evaluation) -> list[str]:
    """What is missing or does not fit of an evaluation, of the adapter's own and of the bare base's side.

    Each measure of the kind must be there with its mark on every row, and be what the rows come to.
    """
    rows = evaluation.rows
    ids = {row.id for row in rows}
    out = [] if len(ids) == len(rows) > 0 else ["没有行，或有同名的行 / no rows, or rows of one name"]
    if any(("colour_distance" in row.marks) != ("colour_distance" in row.bare_marks) for row in rows):
        out.append("有的行只有一边有色差 / rows have the colour distance on one side alone")
    for side, measures, marks, said in (
        ("", evaluation.measures, [row.marks for row in rows], [row.said for row in rows]),
        ("bare_", evaluation.bare, [row.bare_marks for row in rows], [row.bare for row in rows]),
    ):
        for measure in MEASURES:
            if measure.kind != evaluation.kind:
                continue
            needed = [_is_needed(measure, row) for row in rows]
            name = f"{side}{measure.name}"
            if measure.name not in measures:
                if any(needed) or not rows:
                    out.append(f"缺少{measure.zh} / {name} is missing")
            elif any(must and measure.mark not in one for must, one in zip(needed, marks, strict=True)):
                out.append(f"有的行没有{measure.zh} / rows are without {name}")
            elif not _comes_to(measure, measures[measure.name], marks, said, [row.target for row in rows]):
                out.append(f"{measure.zh}和各行对不上 / {name} is not what its rows come to")
    return out


def _is_needed(measure: Measure, row: EvaluatedRow) -> bool:
    """Whether a row must have a measure's mark: a conversation has none of faithfulness, some pictures no colour."""
    if measure.name == "faithful":
        return row.prompt.startswith(("问：", "要点："))
    return measure.sort != "set" and measure.name != "colour_distance"


def _comes_to(
    measure: Measure, value: float, marks: list[dict[str, float]], said: list[str], target: list[str]
) -> bool:
    """Whether a measure is what the rows come to, as far as they hold it."""
    if measure.sort == "set":
        from livehost.training.style import style_distance

        return abs(style_distance(said, target) - value) <= ROUNDED
    values = [one[measure.mark] for one in marks if measure.mark in one]
    if not values or (measure.sort == "share" and not all(0 <= one <= 1 for one in values)):
        return False
    if measure.name == "perplexity":  # over tokens, whose number the rows do not hold
        low, high = (math.exp(min(one, 50.0)) for one in (min(values), max(values)))
        return low * (1 - ROUNDED) <= value <= high * (1 + ROUNDED)
    return abs(sum(values) / len(values) - value) <= ROUNDED


@contextmanager
def kept(file: Path) -> Iterator[None]:
    """Turns the disk's refusal to keep a file of an evaluation into a sentence.

    Raises:
        EvaluationFailed: with the file, the cause and the mend.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise EvaluationFailed(
            f"{file} 写不了（{why}），请检查目录权限和磁盘空间，再评估一次 / cannot be written ({why}); check the "
            "folder's permissions and the disk's room, then evaluate again"
        ) from error


def write_evaluation(file: Path, evaluation: Evaluation) -> Path:
    """Writes an evaluation whole or not at all; returns the file.

    Raises:
        EvaluationFailed: the disk does not take it.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}")
    text = json.dumps(evaluation.model_dump(mode="json"), ensure_ascii=False, indent=1)
    with kept(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(file)
        finally:
            with suppress(OSError):
                part.unlink()
    return file


def evaluate_adapter(
    folder: Path,
    data: Path,
    *,
    base: Path | None = None,
    out: Path | None = None,
    catalog: Catalog | None = None,
    manner: tuple[str, ...] = (),
    config: Path | None = None,
    threads: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Evaluates the adapter in `folder` on held-out rows and keeps the result.

    Args:
        folder: a version's folder with its card and weights.
        data: language: a file of samples; visual: a folder of pictures with `metadata.csv`, or that file.
        base: the base's directory; None is the packaged base of the card's kind.
        out: where the result is written; None is `evaluation.json` in `folder`, and then the card takes
            the main measures too. With `out` the adapter's own folder is left as it is.
        catalog: whose names the faithfulness check knows; None knows numbers and general words only.
        manner: the persona's own lines (`Persona.own_words`), which she may use around facts.
        config: the configuration that catalogue and manner are of; named in commands that are told later.
        threads: CPU threads; 0 is all of them.
        say: takes progress lines.

    Raises:
        EvaluationFailed: no card, another base, rows that the adapter was trained on, no usable rows, or the
            disk does not take what is kept.
    """
    from livehost.training.evaluating import evaluated

    evaluation = evaluated(
        folder, data, base=base, catalog=catalog, manner=manner, threads=threads,
        sheet=(out.with_suffix(".jpg") if out else folder / SHEET_FILE), say=say,
    )  # fmt: skip
    if config is not None:
        told = {"config": place_told(config)}
        evaluation = evaluation.model_copy(update={"settings": evaluation.settings | told})
    write_evaluation(out or folder / EVALUATION_FILE, evaluation)
    if out is None:
        _into_card(folder, evaluation)
    return evaluation


def _into_card(folder: Path, evaluation: Evaluation) -> None:
    """The card with the main measures, `bare_…` for the base's own; other measures of the card stay."""
    from services.lora import read_card, write_card
    from services.lora.card import CARD_FILE

    card = read_card(folder)
    bare = {f"bare_{name}": value for name, value in evaluation.bare.items()}
    measures = card.evaluation | evaluation.measures | bare | {"rows": float(len(evaluation.rows))}
    with kept(folder / CARD_FILE):
        write_card(folder, card.model_copy(update={"evaluation": measures}))


def place_told(path: Path) -> str:
    """A path as it is kept, so that a command with it can be run again: from the current folder where it lies below."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def now() -> datetime:
    """This moment, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def rows_sha256(digests: list[str]) -> str:
    """The hash of a set of rows by the digests of its rows, in whatever order."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
