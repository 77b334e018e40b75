"""`livehost journal`: a room's record by date, out of the files, also while a show runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from livehost.check import read_settings
from livehost.journal_export import MEDIA_TYPES, Span, in_pieces, records, written
from livehost.runtime import Places


class Wrong(ValueError):
    """What was asked for cannot be written; says why."""


def exported(
    config: Path, room: str, first: str | None, last: str | None, form: str, *, names: bool
) -> Iterator[bytes]:
    """The record in pieces; raises Wrong, SettingsProblems or OSError before or as it is read."""
    if form not in MEDIA_TYPES:
        raise Wrong(f"--format: 不认识 {form!r}，可用 jsonl 或 csv / jsonl or csv")
    settings = read_settings(config, review=False)
    try:
        of = settings.room(room)
    except KeyError as error:
        known = "、".join(one.id for one in settings.rooms)
        raise Wrong(f"--room: 没有直播间 {room!r}，有 {known} / no such room; there are {known}") from error
    try:
        zone = ZoneInfo(of.zone)
        span = Span.of_days(_day(first, "--from"), _day(last, "--to"), zone)
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong(f"--from, --to: {error}") from error
    folder = Places(settings.state_dir).journal
    entries = records(folder, room, span, names=names)
    return in_pieces(written(entries, "csv" if form == "csv" else "jsonl", zone))


def _day(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise Wrong(
            f"{option}: {text!r} 不是日期，写成 2026-11-26 / not a date; write it as 2026-11-26"
        ) from error
