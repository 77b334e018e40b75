"""How long the record is kept: a session's file is deleted once it is older than that, and this is recorded.

`deletions.jsonl` beside the rooms' folders says which file went, what it held and why; it is on disk before
the file is gone, and is never deleted itself. A room's newest file stays, whatever the clock says.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from livehost.journal_export import last_entry
from livehost.journal_file import JournalFile

log = structlog.get_logger(__name__)

DELETIONS = "deletions.jsonl"
LOOK_EVERY_S = 6 * 3600.0


@dataclass(frozen=True)
class Old:
    """A session's file that need not be kept any longer, and when its last entry was made."""

    room: str
    file: Path
    last: datetime


def expired(folder: Path, keep_days: int, now: datetime) -> Iterator[Old]:
    """The files whose last entry, and last change, lie more than `keep_days` back."""
    before = now - timedelta(days=keep_days)
    for room in sorted(path for path in folder.glob("*") if path.is_dir()):
        dated = sorted((_last(file), file) for file in room.glob("*.jsonl"))
        yield from (Old(room.name, file, last) for last, file in dated[:-1] if last < before)


def delete(folder: Path, old: Old, keep_days: int, now: datetime) -> None:
    """Record that a file goes, then remove it; raises OSError, and then nothing is removed."""
    with old.file.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    entry = {
        "at": now.astimezone(UTC).isoformat(timespec="milliseconds"), "type": "deletion", "room": old.room,
        "session": old.file.stem, "last": old.last.isoformat(timespec="milliseconds"),
        "bytes": old.file.stat().st_size, "sha256": digest, "keep_days": keep_days,
    }  # fmt: skip
    record = JournalFile(folder / DELETIONS)
    try:
        record.append(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
    finally:
        record.close()
    old.file.unlink()
    log.info("a record past its time is deleted", **{**entry, "at": entry["last"]})


def sweep(folder: Path, keep_days: int, now: datetime) -> int:
    """Delete what is past its time; returns how many files. Raises OSError."""
    found = list(expired(folder, keep_days, now))
    for old in found:
        delete(folder, old, keep_days, now)
    return len(found)


async def keep(
    folder: Path, keep_days: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> None:
    """Look four times a day, for ever."""
    while True:
        try:
            await asyncio.to_thread(sweep, folder, keep_days, clock())
        except OSError as error:
            log.error("old records cannot be deleted; they stay", error=str(error))
        await asyncio.sleep(LOOK_EVERY_S)


def _last(file: Path) -> datetime:
    """When something was last written to a file, by its entries and by the disk."""
    changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return max(changed, last_entry(file) or changed)
