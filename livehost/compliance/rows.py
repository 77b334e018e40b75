"""JSON rows of script lines reviewed, for `livehost review`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from livehost.compliance.review import review


def review_rows(lines: Iterable[str]) -> Iterator[str]:
    """Each JSON line with its `review` added; a line that is no JSON object raises ValueError."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise ValueError(f'line {number} is no script line; write a JSON object with "text"')
        got = review(row["text"], category=row.get("category") or "other")
        row["review"] = {"verdict": got.verdict, "hits": [asdict(h) for h in got.hits]}
        yield json.dumps(row, ensure_ascii=False)
