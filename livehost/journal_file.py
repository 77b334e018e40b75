"""A session's file of JSON lines: appended whole, repaired when torn, read from the middle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

TAIL_BYTES = 8 * 1024 * 1024


class JournalFile:
    """One file; only the journal's thread appends to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def append(self, data: bytes) -> None:
        """Write the lines and sync them, all or nothing; raises OSError."""
        fd = self._open()
        size = os.fstat(fd).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fdatasync(fd)
        except OSError:
            self._undo(fd, size)
            raise

    def repair(self) -> tuple[int, dict[str, None]]:
        """Cut a torn end off; returns the last entry's number and the phrases whose fates are there."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = file.seek(max(0, size - TAIL_BYTES))
                tail = file.read()
        except FileNotFoundError:
            return 0, {}
        if start:
            cut = tail.find(b"\n") + 1
            start, tail = start + cut, tail[cut:]
        at, end, last, fates = 0, 0, 0, dict[str, None]()
        for line in tail.splitlines(keepends=True):
            at += len(line)
            entry = read_entry(line)
            if entry is None:
                continue
            end = at
            last = max(last, int(entry.get("seq", 0)))
            if entry.get("type") == "fate":
                fates[str(entry.get("id"))] = None
        if start + end < size:
            os.truncate(self._path, start + end)
        return last, fates

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        """The file for appending; made again where somebody moved it away."""
        if self._fd is not None and not self._path.exists():
            self.close()
        if self._fd is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        return self._fd

    def _undo(self, fd: int, size: int) -> None:
        """After a failed write: no torn line stays, and the next try opens the file anew."""
        try:
            os.ftruncate(fd, size)
        finally:
            self.close()


def entries_after(path: Path, after: int, limit: int) -> list[dict[str, Any]]:
    """The entries numbered above `after`, at most `limit`, found by halving the file."""
    found: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            low, high = 0, file.seek(0, os.SEEK_END)
            while high - low > 65_536:
                middle = (low + high) // 2
                file.seek(middle)
                file.readline()
                seq = _seq(file.readline())
                if seq is None or seq > after:
                    high = middle
                else:
                    low = middle
            file.seek(low)
            if low:
                file.readline()
            for line in file:
                entry = read_entry(line)
                if entry is not None and int(entry.get("seq", 0)) > after:
                    found.append(entry)
                    if len(found) >= limit:
                        break
    except FileNotFoundError:
        return []
    return found


def _seq(line: bytes) -> int | None:
    entry = read_entry(line)
    return None if entry is None else int(entry.get("seq", 0))


def read_entry(line: bytes) -> dict[str, Any] | None:
    """The line's entry; None for one that is torn or not an entry."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
