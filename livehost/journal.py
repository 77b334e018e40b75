"""Every word said, and why: JSON lines by room and session, append-only.

`append` returns at once; a thread of the journal's own writes and syncs what gathered, about every
50 ms. A disk that is full or gone stops nothing: entries wait in memory, bounded, an alarm is
raised, and writing goes on when it can. What had to be given up then stands in the record as a gap.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from livehost.journal_export import Span, records
from livehost.journal_file import JournalFile, entries_after

log = structlog.get_logger(__name__)

GATHER_S = 0.05
RETRY_S = 1.0
MAX_WAITING = 50_000
MAX_SEEN = 50_000
MIN_SECRET = 6
STARS = "***"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass
class _Record:
    """A session's file, the number of its last entry, and the phrases whose fates it holds."""

    file: JournalFile
    seq: int
    fates: dict[str, None]
    waiting: deque[bytes] = field(default_factory=deque)
    lost: int = 0


class Journal:
    """The append-only record of all rooms under one folder; use it as an async context manager.

    `alarm(cause)` is called when entries cannot be written, `alarm(None)` when they can again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secrets: Iterable[str] = (),
        alarm: Callable[[str | None], None] = lambda cause: None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._folder = folder
        self._secrets = sorted({one for one in secrets if len(one) >= MIN_SECRET}, key=len, reverse=True)
        self._alarm = alarm
        self._max_waiting = max_waiting
        self._records: dict[tuple[str, str], _Record] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._wake = asyncio.Event()
        self._round = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._cause: str | None = None

    async def __aenter__(self) -> Self:
        """Repair the last session of every room and begin to write."""
        loop = asyncio.get_running_loop()
        for room, session in await loop.run_in_executor(self._thread, _newest, self._folder):
            file, last, fates = await loop.run_in_executor(self._thread, self._load, room, session)
            self._records[room, session] = _Record(file=file, seq=last, fates=fates)
        self._writer = asyncio.create_task(self._write_for_ever(), name="journal")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, then close."""
        if self._writer is not None:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        if not await self.flush():
            log.error("the journal closes with entries that could not be written", cause=self._cause)
        for record in self._records.values():
            record.file.close()
        self._thread.shutdown()

    @property
    def cause(self) -> str | None:
        """Why entries cannot be written now, or None."""
        return self._cause

    def append(self, room: str, session: str, entry: Mapping[str, Any]) -> int:
        """Add an entry, with its number, the instant and a trace; returns the number."""
        record = self._record(room, session)
        record.seq += 1
        line = {"seq": record.seq, "at": _now(), "trace": "", **self._without_secrets(entry)}
        if line.get("type") == "fate":
            record.fates[str(line.get("id"))] = None
            if len(record.fates) > MAX_SEEN:
                del record.fates[next(iter(record.fates))]
        record.waiting.append(json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n")
        if len(record.waiting) > self._max_waiting:
            record.waiting.popleft()
            record.lost += 1
        self._wake.set()
        return record.seq

    def phrase_seen(self, room: str, session: str, phrase: str) -> bool:
        """Whether the fate of that phrase stands in the session's record already."""
        return phrase in self._record(room, session).fates

    async def flush(self) -> bool:
        """Wait until all entries so far are on disk; False when they cannot be written now."""
        async with self._round:
            return await self._write_waiting()

    async def transcript(
        self, room: str, session: str, after: int = 0, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The session's entries numbered above `after`, oldest first."""
        file = self._path(room, session)
        return await asyncio.to_thread(entries_after, file, after, limit)

    async def sessions(self, room: str) -> list[str]:
        """The room's sessions that have a record, newest first."""
        _checked(room)
        return await asyncio.to_thread(lambda: [file.stem for file in _by_age(self._folder / room)])

    def records(self, room: str, span: Span, *, names: bool = True) -> Iterator[dict[str, Any]]:
        """The room's entries of a span that are on disk, read as they are asked for."""
        return records(self._folder, _checked(room), span, names=names)

    # ---- writing

    async def _write_for_ever(self) -> None:
        """Write what gathers; after a failure try again every second."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            async with self._round:
                written = await self._write_waiting()
            if not written:
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _write_waiting(self) -> bool:
        """One round over all sessions with waiting entries: the place where work leaves the loop."""
        loop = asyncio.get_running_loop()
        failure: str | None = None
        for record in list(self._records.values()):
            if not record.waiting:
                continue
            batch = tuple(record.waiting)
            lost, record.lost = record.lost, 0
            record.waiting.clear()
            gap = (_gap(record.seq - len(batch), lost),) if lost else ()
            writing = loop.run_in_executor(self._thread, record.file.append, b"".join((*gap, *batch)))
            try:
                await asyncio.shield(writing)
            except OSError as error:
                record.waiting.extendleft(reversed(batch))
                record.lost += lost
                failure = error.strerror or str(error)
            except asyncio.CancelledError:
                await asyncio.wait((writing,))
                if writing.exception() is not None:
                    record.waiting.extendleft(reversed(batch))
                    record.lost += lost
                raise
        self._say(failure)
        return failure is None

    def _say(self, cause: str | None) -> None:
        if cause == self._cause:
            return
        self._cause = cause
        if cause is None:
            log.info("the journal is written again")
        else:
            log.error("the journal cannot be written; entries wait in memory", cause=cause)
        self._alarm(cause)

    # ---- records

    def _record(self, room: str, session: str) -> _Record:
        """The session's record; one of an older session is read here, once."""
        key = (room, session)
        if key not in self._records:
            file, last, fates = self._load(room, session)
            self._records[key] = _Record(file=file, seq=last, fates=fates)
        return self._records[key]

    def _load(self, room: str, session: str) -> tuple[JournalFile, int, dict[str, None]]:
        file = JournalFile(self._path(room, session))
        last, fates = file.repair()
        return file, last, fates

    def _path(self, room: str, session: str) -> Path:
        return self._folder / _checked(room) / f"{_checked(session)}.jsonl"

    def _without_secrets(self, value: Any) -> Any:
        """The value with every known secret replaced by stars, at any depth."""
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, STARS)
            return value
        if isinstance(value, Mapping):
            return {self._without_secrets(key): self._without_secrets(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._without_secrets(inner) for inner in value]
        return value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _gap(seq: int, lost: int) -> bytes:
    """A line in place of the `lost` entries up to number `seq`, which had to be given up."""
    return json.dumps({"seq": seq, "at": _now(), "trace": "", "type": "gap", "lost": lost}).encode() + b"\n"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a journal: letters, digits, '.', '-' and '_' only")
    return name


def _by_age(folder: Path) -> list[Path]:
    """A room's files, newest first."""
    return sorted(folder.glob("*.jsonl"), key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)


def _newest(folder: Path) -> list[tuple[str, str]]:
    """Each room with its last session: the one that a restart goes on with."""
    if not folder.is_dir():
        return []
    rooms = sorted(path for path in folder.iterdir() if path.is_dir())
    return [(room.name, files[0].stem) for room in rooms if (files := _by_age(room))]
