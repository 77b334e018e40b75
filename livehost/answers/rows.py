"""JSON rows of questions answered, for `livehost ask`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from livehost.answers.faq_book import FaqBook
from livehost.answers.reply import answer
from livehost.catalog import Catalog


def questions(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The row of each JSON line; a line that is no JSON object with a text raises ValueError."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise ValueError(f'line {number} is no question; write a JSON object with "text"')
        yield row


def ask_rows(
    lines: Iterable[str], catalog: Catalog, now: datetime, book: FaqBook | None = None
) -> Iterator[str]:
    """Each JSON line with its `answer` by the book and the templates added; no model is asked."""
    for row in questions(lines):
        got = answer(
            row["text"], catalog=catalog, on_air=row.get("on_air"), now=now, platform=row.get("platform"),
            book=book, persona=str(row.get("persona") or ""),
        )  # fmt: skip
        if book is not None:
            book.used(got.facts, now)
        row["answer"] = {
            "act": got.act,
            "text": got.text,
            "product": got.product,
            "intent": got.intent,
            "facts": [asdict(f) for f in got.facts],
            "path": "template",
        }
        yield json.dumps(row, ensure_ascii=False)
