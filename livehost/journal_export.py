"""The record of a room by date, as JSON lines or as a table: what the law asks to be kept can be handed out.

Sessions follow each other by their first entry, entries by their number. A day is the room's own. Nothing
is held in memory but one line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal

from livehost.chat.inbox import shown_text
from livehost.journal_file import read_entry

Format = Literal["jsonl", "csv"]
MEDIA_TYPES: dict[Format, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
HIDDEN = "***"
COLUMNS = (
    "at", "session", "seq", "type", "kind", "persona", "user", "asked", "text", "act", "answer", "source",
    "product", "facts", "fate", "heard_s", "state", "action", "by", "note", "why", "discloses", "question",
    "id", "line", "trace", "recording", "recording_s",
)  # fmt: skip
LOCAL = "local_time"  # of `at` by the room's clock, as a spreadsheet reads it
REST = "rest"  # what has no column of its own, as JSON
_NAMES = ("user", "user_id", "who")
_FREE = ("text", "asked", "answer", "why", "note", "proposed", "said", "blocked", "checks")  # may say a name
_FORMULA = tuple("=+-@＝＋－＠")
_TAIL_BYTES = 65_536


@dataclass(frozen=True)
class Span:
    """From one instant up to another, or open at an end."""

    begins: datetime | None = None
    ends: datetime | None = None

    @classmethod
    def of_days(cls, first: date | None, last: date | None, zone: tzinfo) -> Span:
        """Both days and all between; raises ValueError where the last is before the first."""
        if first is not None and last is not None and last < first:
            raise ValueError("结束日期早于开始日期 / the last day is before the first")
        try:
            after = None if last is None else datetime.combine(last + timedelta(days=1), time(), zone)
        except OverflowError:
            after = None
        return cls(None if first is None else datetime.combine(first, time(), zone), after)

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return (self.begins is None or at >= self.begins) and (self.ends is None or at < self.ends)


def records(folder: Path, room: str, span: Span, *, names: bool = True) -> Iterator[dict[str, Any]]:
    """A room's entries of a span, oldest session first, each with its `session`.

    `names=False` takes out what tells who a viewer is.
    """
    for _, file in sorted(_of_span(folder / room, span)):
        with file.open("rb") as lines:
            for line in lines:
                entry = read_entry(line)
                at = instant(entry)
                if entry is not None and at is not None and span.holds(at):
                    found = {"session": file.stem, **entry}
                    yield found if names else without_names(found)


def without_names(entry: Mapping[str, Any], *, asked: bool = False) -> dict[str, Any]:
    """The entry without the viewer's name, also where its words say it, and without contacts in the viewer's words.

    `asked`: its `text` is a viewer's, as it is in an entry of the type `question`.
    """
    hidden = dict(entry)
    for words in ("asked", "text") if asked or entry.get("type") == "question" else ("asked",):
        if isinstance(hidden.get(words), str):
            hidden[words] = shown_text(hidden[words], limit=10_000)
    names = {str(entry[name]) for name in _NAMES if entry.get(name)}
    said = sorted(
        (name for name in names if len(name) > 1), key=len, reverse=True
    )  # 好 would hide all of 好的
    for words in _FREE:
        if words in hidden:
            hidden[words] = _unnamed(hidden[words], said)
    for name in _NAMES:
        if hidden.get(name):
            hidden[name] = HIDDEN
    return hidden


def _unnamed(value: Any, names: Sequence[str]) -> Any:
    match value:
        case str():
            for name in names:
                value = value.replace(name, HIDDEN)
            return value
        case list() | tuple():
            return [_unnamed(one, names) for one in value]
        case Mapping():
            return {key: _unnamed(one, names) for key, one in value.items()}
    return value


def written(entries: Iterable[Mapping[str, Any]], form: Format, zone: tzinfo = UTC) -> Iterator[bytes]:
    """The entries in a format, in UTF-8: JSON lines, or CSV that Excel opens as it is.

    The table has the time by the room's clock (`zone`) beside the recorded one.
    """
    if form == "jsonl":
        for entry in entries:
            yield json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"
        return
    yield b"\xef\xbb\xbf" + _row((COLUMNS[0], LOCAL, *COLUMNS[1:], REST))
    for entry in entries:
        rest = {name: value for name, value in entry.items() if name not in COLUMNS}
        first, *others = (_cell(entry.get(name)) for name in COLUMNS)
        yield _row((first, _local(entry, zone), *others, _cell(rest or None)))


def _local(entry: Mapping[str, Any], zone: tzinfo) -> str:
    try:
        at = instant(entry)
        return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    except OverflowError:  # the first and the last day there is
        return ""


def in_pieces(lines: Iterable[bytes], *, at_least: int = 65_536) -> Iterator[bytes]:
    """The same bytes in fewer pieces, for a stream."""
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= at_least:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def instant(entry: Mapping[str, Any] | None) -> datetime | None:
    """When an entry was made; None where that cannot be read."""
    try:
        at = datetime.fromisoformat(str((entry or {}).get("at")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def last_entry(file: Path) -> datetime | None:
    """When the last entry of a file was made."""
    with file.open("rb") as opened:
        size = opened.seek(0, io.SEEK_END)
        opened.seek(max(0, size - _TAIL_BYTES))
        tail = opened.read().splitlines(keepends=True)
    return next((at for line in reversed(tail) if (at := instant(read_entry(line))) is not None), None)


def _first_entry(file: Path) -> datetime | None:
    with file.open("rb") as lines:
        return next((at for line in lines if (at := instant(read_entry(line))) is not None), None)


def _of_span(folder: Path, span: Span) -> Iterator[tuple[datetime, Path]]:
    """The files that may hold entries of a span, with their first entry's instant."""
    for file in folder.glob("*.jsonl"):
        first, last = _first_entry(file), last_entry(file)
        if first is None or (span.ends is not None and first >= span.ends):
            continue
        if span.begins is None or last is None or last >= span.begins:
            yield first, file


def _cell(value: object) -> str:
    """A value in a table; what a spreadsheet would take for a formula is marked as text."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            begins = value[:1]
            hidden = begins.isspace() or not begins.isprintable()  # cut off before a sheet looks for "="
            return f"'{value}" if begins and (hidden or begins in _FORMULA) else value
    return json.dumps(value, ensure_ascii=False, default=str)


def _row(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8", "replace")
