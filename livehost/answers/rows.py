"""JSON rows of questions answered, for `livehost ask`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime

from livehost.answers.reply import answer
from livehost.catalog import Catalog


def ask_rows(lines: Iterable[str], catalog: Catalog, now: datetime) -> Iterator[str]:
    """Each JSON line with its `answer` added; a line that is no JSON object raises ValueError."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise ValueError(f'line {number} is no question; write a JSON object with "text"')
        got = answer(
            row["text"], catalog=catalog, on_air=row.get("on_air"), now=now, platform=row.get("platform")
        )
        row["answer"] = {
            "act": got.act,
            "text": got.text,
            "product": got.product,
            "intent": got.intent,
            "facts": [asdict(f) for f in got.facts],
        }
        yield json.dumps(row, ensure_ascii=False)
