"""On which side of an export a question falls: to train on, or held out to judge by.

A question's side follows from a hash of its normal form, so that it is the same in every export; what an
earlier export held out stays held out, and what it gave to train on is never held out to fill a set up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from livehost.training.export_folder import FILES
from livehost.training.export_rows import group_of
from livehost.training.worse import MIN_ROWS

HELD_SHARE = 0.2
HELD_LEAST = MIN_ROWS["language"]  # what a promotion takes
HELD_LEAST_OF = 100  # answers from which on so many are held out, be they more than the share


def held_out(group: str, share: float) -> bool:
    """Whether a group is held out at a share; one that is stays so at every larger share."""
    return int(group[:12], 16) < share * 16**12


def topped_up(
    spool: IO[str], share: float, held_before: frozenset[str], trained_before: frozenset[str]
) -> frozenset[str]:
    """The groups beyond the share, in the order of their hashes, that make `HELD_LEAST` held-out answers.

    What an earlier export gave to train on is none of them. Told by the spool, whose answers are all kept.
    """
    counts: Counter[str] = Counter()
    spool.seek(0)
    for line in spool:
        found = json.loads(line)
        if found["kind"] in ("answer", "correction"):
            counts[found["group"]] += 1
    held = sum(n for group, n in counts.items() if group in held_before or held_out(group, share))
    more = set()
    for group in sorted(counts.keys() - held_before - trained_before):
        if held >= HELD_LEAST:
            break
        if not held_out(group, share):
            more.add(group)
            held += counts[group]
    return frozenset(more)


def sides_before(folder: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The groups that an earlier export held out, and those that it gave to train on."""
    held, trained = (
        frozenset(
            group_of(row.get("question"), str(row.get("core", ""))) for row in _rows_before(folder, names)
        )
        for names in (FILES[1:2], FILES[:1])
    )
    return held, trained


def words_before(folder: Path) -> Iterator[str]:
    """What an earlier export's rows ask and say."""
    for row in _rows_before(folder, FILES[:2]):
        yield f"{row.get('question') or ''} {row.get('core', '')}"


def _rows_before(folder: Path, names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of an earlier export; a file that is not there or a line that is none gives nothing."""
    for name in names:
        try:
            with (folder / name).open(encoding="utf-8") as file:
                for line in file:
                    try:
                        row = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(row, dict):
                        yield row
        except OSError:
            continue
