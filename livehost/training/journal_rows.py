"""The journal read for training: lines with their fates, corrections, unsaid questions, in one pass.

Files are read entry by entry; only the lines that are being said are held, so that a journal of any
size needs the same memory. Torn lines, gaps and entries of other versions are counted and passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from livehost.lines import Trace

MAX_ENTRY_BYTES = 1 << 20
MAX_OPEN = 1000
OF_PEOPLE = (b'"user"', b'"complaint"', b'"correction"')


@dataclass(frozen=True)
class Span:
    """The instants from `since` up to, not with, `until`; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: str) -> bool:
        """Whether an entry's instant lies in it; one that cannot be read does not, unless all do."""
        if self.since is None and self.until is None:
            return True
        try:
            instant = datetime.fromisoformat(at)
        except ValueError:
            return False
        if instant.tzinfo is None:
            return False
        early = self.since is not None and instant < self.since
        return not early and (self.until is None or instant < self.until)


@dataclass(frozen=True)
class File:
    """A session's journal file."""

    room: str
    session: str
    path: Path


@dataclass(frozen=True)
class Said:
    """A line as it was said: its phrases joined, and whether every one of them was heard to its end."""

    room: str
    session: str
    key: str
    kind: str
    persona: str
    text: str
    core: str
    source: str
    act: str
    product: str | None
    facts: tuple[dict[str, str], ...]
    question: str
    asked: str
    user: str
    heard: bool
    phrases: tuple[str, ...] = ()  # their ids


@dataclass(frozen=True)
class Correction:
    """What a person on duty says is the right answer."""

    room: str
    persona: str
    question: str
    asked: str
    user: str
    answer: str
    core: str
    product: str | None
    facts: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Unsaid:
    """A question that was settled with nothing said."""

    room: str
    question: str
    user: str
    text: str
    state: str


@dataclass
class Seen:
    """What was met in the files: counts of entries, and of what could not be used."""

    sessions: int = 0
    entries: int = 0
    torn: int = 0
    gaps: int = 0
    lost: int = 0


@dataclass
class People:
    """Who is in the journal, and what they found fault with: the ids of phrases, lines, questions."""

    names: set[str] = field(default_factory=set)
    complained: set[tuple[str, str]] = field(default_factory=set)
    corrected: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class _Open:
    """A line that is being said."""

    first: dict[str, Any]
    total: int
    texts: dict[int, str] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    fates: dict[int, str] = field(default_factory=dict)


def journal_files(folder: Path, rooms: Iterable[str] | None, since: datetime | None) -> list[File]:
    """The sessions' files in order; those last written before `since` are left out."""
    wanted = None if rooms is None else set(rooms)
    found = []
    for room in sorted(path for path in folder.iterdir() if path.is_dir()):
        if wanted is not None and room.name not in wanted:
            continue
        for path in sorted(room.glob("*.jsonl")):
            if since is None or path.stat().st_mtime >= since.timestamp():
                found.append(File(room.name, path.stem, path))
    return found


def people(files: Iterable[File]) -> People:
    """A first pass: everybody's names, and what was complained of or corrected, whenever that was."""
    found = People()
    for file in files:
        for raw in _raw(file.path, Seen()):
            if not any(mark in raw for mark in OF_PEOPLE):
                continue
            entry = _entry(raw)
            if entry is None:
                continue
            found.names |= {name for name in (_text(entry, "user"), _text(entry, "by")) if name}
            kind = entry.get("type")
            if kind == "complaint":
                found.complained.add((file.room, _text(entry, "id")))
            elif kind == "correction" and _text(entry, "question"):
                found.corrected.add((file.room, _text(entry, "question")))
    return found


def rows(file: File, span: Span, seen: Seen) -> Iterator[Said | Correction | Unsaid]:
    """What a session's file holds of a span of time; a line counts by its first phrase."""
    seen.sessions += 1
    lines: dict[str, _Open] = {}
    owners: dict[str, tuple[str, int]] = {}
    for raw in _raw(file.path, seen):
        entry = _entry(raw)
        if entry is None:
            seen.torn += 1
            continue
        seen.entries += 1
        match entry.get("type"):
            case "say":
                _open(entry, lines, owners, span)
                if len(lines) > MAX_OPEN:
                    key = next(iter(lines))
                    yield _closed(file, key, lines.pop(key), owners)
            case "fate":
                key, index = owners.get(_text(entry, "id"), ("", 0))
                line = lines.get(key)
                if line is not None:
                    line.fates[index] = _text(entry, "fate")
                    if len(line.fates) == line.total and "dropped" not in line.fates.values():
                        yield _closed(file, key, lines.pop(key), owners)
            case "correction" if span.holds(_text(entry, "at")):
                yield _correction(file, entry)
            case "question" if span.holds(_text(entry, "at")):
                yield Unsaid(
                    file.room, _text(entry, "id"), _text(entry, "user"), _text(entry, "text"),
                    _text(entry, "state"),
                )  # fmt: skip
            case "gap":
                seen.gaps += 1
                lost = entry.get("lost")
                seen.lost += lost if isinstance(lost, int) else 0
            case _:
                pass
    for key in list(lines):
        yield _closed(file, key, lines.pop(key), owners)


def _open(
    entry: dict[str, Any], lines: dict[str, _Open], owners: dict[str, tuple[str, int]], span: Span
) -> None:
    """A phrase goes out: of a line that is there already, or of a new one."""
    trace = Trace.read(_text(entry, "trace"))
    key = _text(entry, "line") or f"{trace.kind}:{trace.key}"
    line = lines.get(key)
    if line is None:
        if not span.holds(_text(entry, "at")):
            return
        line = lines[key] = _Open(first=entry, total=max(1, trace.total))
    if line.ids.get(trace.index) not in (None, entry.get("id")):
        owners.pop(line.ids[trace.index], None)
    line.texts[trace.index] = _text(entry, "text")
    line.ids[trace.index] = _text(entry, "id")
    line.fates.pop(trace.index, None)
    owners[_text(entry, "id")] = (key, trace.index)


def _closed(file: File, key: str, line: _Open, owners: dict[str, tuple[str, int]]) -> Said:
    for phrase in line.ids.values():
        owners.pop(phrase, None)
    first = line.first
    whole = set(range(line.total))
    product = first.get("product")
    return Said(
        room=file.room,
        session=file.session,
        key=key,
        kind=_text(first, "kind"),
        persona=_text(first, "persona"),
        text="".join(line.texts[index] for index in sorted(line.texts)),
        core=_text(first, "core"),
        source=_text(first, "source"),
        act=_text(first, "act"),
        product=product if isinstance(product, str) else None,
        facts=_facts(first),
        question=_text(first, "question"),
        asked=_text(first, "asked"),
        user=_text(first, "user"),
        heard=all(line.fates.get(index) == "finished" for index in whole) and set(line.texts) == whole,
        phrases=tuple(line.ids.values()),
    )


def _correction(file: File, entry: dict[str, Any]) -> Correction:
    product = entry.get("product")
    return Correction(
        room=file.room,
        persona=_text(entry, "persona"),
        question=_text(entry, "question"),
        asked=_text(entry, "asked"),
        user=_text(entry, "user"),
        answer=_text(entry, "answer"),
        core=_text(entry, "core"),
        product=product if isinstance(product, str) else None,
        facts=_facts(entry),
    )


def _facts(entry: dict[str, Any]) -> tuple[dict[str, str], ...]:
    facts = entry.get("facts")
    return tuple(
        {name: str(fact.get(name, "")) for name in ("product", "field", "value")}
        for fact in (facts if isinstance(facts, list) else ())
        if isinstance(fact, dict)
    )


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _raw(path: Path, seen: Seen) -> Iterator[bytes]:
    """The file's whole lines; a torn end and a line longer than any entry are counted and left."""
    with path.open("rb") as file:
        while raw := file.readline(MAX_ENTRY_BYTES):
            if raw.endswith(b"\n"):
                yield raw
                continue
            seen.torn += 1
            while (raw := file.readline(MAX_ENTRY_BYTES)) and not raw.endswith(b"\n"):
                pass


def _entry(raw: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None
