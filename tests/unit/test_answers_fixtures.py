"""The fixtures' questions, judged as their README says, and rows for the command line."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from livehost.answers import Answer, answer
from livehost.answers.rows import ask_rows
from livehost.catalog import Catalog

DATA = Path(__file__).parents[1] / "data"
NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
CATALOG = Catalog.load(DATA / "catalog.yaml")
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "questions.jsonl").read_text("utf-8").splitlines()
]


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def faults(row: dict[str, Any], got: Answer) -> list[str]:
    text = plain(got.text)

    def holds(words: str) -> bool:
        return any(plain(w) in text for w in words.split("|") if w)

    found = [] if got.act == row["act"] else [f"act {got.act}"]
    if row["act"] == "ignore":
        return found + (["spoke"] if text else [])
    found += [f"lacks {w}" for w in row["all"] if not holds(w)]
    if row["any"] and not any(holds(w) for w in row["any"]):
        found.append(f"lacks any of {row['any']}")
    return found + [f"says {w}" for w in row["none"] if holds(w)]


def test_at_least_ninety_five_of_a_hundred_and_nothing_forbidden() -> None:
    bad = {}
    for row in ROWS:
        wrong = faults(row, answer(row["text"], catalog=CATALOG, on_air=row["on_air"], now=NOW))
        if wrong:
            bad[row["text"]] = wrong
    assert len(bad) <= len(ROWS) * 0.05, bad
    assert not [w for wrong in bad.values() for w in wrong if w.startswith("says")]


def test_product_is_the_one_asked_about() -> None:
    wrong = [
        row["text"]
        for row in ROWS
        if row["act"] in ("answer", "handover")
        and answer(row["text"], catalog=CATALOG, on_air=row["on_air"], now=NOW).product != row["product"]
    ]
    assert not wrong


def test_rows_keep_what_they_had_and_add_an_answer() -> None:
    out = [json.loads(line) for line in ask_rows([json.dumps(ROWS[0]), "\n"], CATALOG, NOW)]
    assert len(out) == 1
    assert out[0]["id"] == ROWS[0]["id"]
    assert set(out[0]["answer"]) == {"act", "text", "product", "intent", "facts", "path"}


def test_a_row_that_is_no_question() -> None:
    with pytest.raises(ValueError, match="line 1"):
        list(ask_rows(["[]"], CATALOG, NOW))
