"""Floors of the figures of `python -m bench.answers`: the fixtures, sets that nothing was tuned on, and sets by
strangers whose misses were mended by their causes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import answers as bench
from livehost.answers import Answer, Fact, answer
from livehost.answers.rows import ask_rows
from livehost.catalog import Catalog

DATA = Path(__file__).parents[1] / "data"
UNSEEN = DATA / "unseen"
CATALOG = Catalog.load(DATA / "catalog.yaml")
ROWS: list[dict[str, Any]] = bench.read_rows(DATA / "questions.jsonl")


def scored(folder: Path, name: str) -> tuple[dict[str, Any], list[str]]:
    """The figures of one of a folder's sets, and its rows that fall short."""
    match name:
        case "questions":
            found, figures = bench.questions(
                bench.read_rows(folder / "questions.jsonl"), Catalog.load(folder / "catalog.yaml")
            )
        case "lines":
            found, figures = bench.lines(bench.read_rows(folder / "lines.jsonl"))
        case _:
            found, figures = bench.readings(bench.read_rows(folder / "readings.jsonl"))
    return figures, [f"{one.text} -> {one.said or one.got}: {one.faults}" for one in found if one.faults]


def test_questions() -> None:
    figures, short = scored(DATA, "questions")
    assert figures["right"] >= 0.97, short
    assert figures["said_forbidden"] == 0, short
    assert figures["unfounded"] == 0, short


def test_lines() -> None:
    figures, short = scored(DATA, "lines")
    assert figures["block_recall"] >= 0.97, short
    assert figures["false_block"] <= 0.03, short


def test_readings() -> None:
    figures, short = scored(DATA, "readings")
    assert figures["readings_right"] >= 0.97, short


# Two catalogues of other goods, with 150 questions and 80 lines each, that no rule and no phrase was written for.
@pytest.mark.parametrize("number", ["one", "two"])
def test_unseen_questions(number: str) -> None:
    figures, short = scored(UNSEEN / number, "questions")
    assert figures["questions"] == 150
    assert figures["right"] >= 0.95, short
    assert figures["said_forbidden"] == 0, short
    assert figures["unfounded"] == 0, short


@pytest.mark.parametrize("number", ["one", "two"])
def test_unseen_lines(number: str) -> None:
    figures, short = scored(UNSEEN / number, "lines")
    assert figures["lines"] == 80
    assert figures["block_recall"] >= 0.97, short
    assert figures["false_block"] <= 0.03, short


@pytest.mark.parametrize("folder", sorted((DATA / "strangers").iterdir()), ids=lambda folder: folder.name)
def test_sets_by_strangers(folder: Path) -> None:
    figures, short = scored(folder, "questions")
    assert figures["questions"] == 150
    assert figures["right"] >= 0.95, short
    assert figures["said_forbidden"] == 0, short
    assert figures["unfounded"] == 0, short
    figures, short = scored(folder, "lines")
    assert figures["block_recall"] >= 0.97, short
    assert figures["false_block"] <= 0.03, short


@pytest.mark.parametrize(
    ("act", "text", "fault"),
    [
        ("answer", "现在是59元", ""),
        ("answer", "现在是５９ 元", ""),
        ("handover", "现在是59元", "act"),
        ("answer", "现在是69元", "lacks"),
        ("answer", "59元,以前是39元", "says"),
        ("answer", "", "said nothing"),
    ],
)
def test_a_row_is_judged_as_its_format_says(act: Any, text: str, fault: str) -> None:
    row = {"act": "answer", "all": ["59元"], "any": ["现在|以前"], "none": ["39元"]}
    found = bench.question_faults(row, Answer(act, text))
    assert any(one.startswith(fault) for one in found) if fault else not found


def test_silence_is_right_where_nothing_is_to_be_said() -> None:
    row = {"act": "ignore", "all": [], "any": [], "none": []}
    assert bench.question_faults(row, Answer("ignore", "")) == ()
    assert bench.question_faults(row, Answer("ignore", "好的")) == ("spoke",)


def test_a_number_without_a_fact_is_told() -> None:
    facts = (Fact("cleanser-01", "price", "68.00"),)
    assert not bench.unfounded(Answer("answer", "现在是68元", "cleanser-01", facts=facts), CATALOG)
    assert bench.unfounded(Answer("answer", "现在是67元", "cleanser-01", facts=facts), CATALOG)


def test_product_is_the_one_asked_about() -> None:
    wrong = [
        row["text"]
        for row in ROWS
        if row["act"] in ("answer", "handover")
        and answer(row["text"], catalog=CATALOG, on_air=row["on_air"], now=bench.NOW).product
        != row["product"]
    ]
    assert not wrong


def test_rows_keep_what_they_had_and_add_an_answer() -> None:
    out = [json.loads(line) for line in ask_rows([json.dumps(ROWS[0]), "\n"], CATALOG, bench.NOW)]
    assert len(out) == 1
    assert out[0]["id"] == ROWS[0]["id"]
    assert set(out[0]["answer"]) == {"act", "text", "product", "intent", "facts", "path"}


def test_a_row_that_is_no_question() -> None:
    with pytest.raises(ValueError, match="line 1"):
        list(ask_rows(["[]"], CATALOG, bench.NOW))
