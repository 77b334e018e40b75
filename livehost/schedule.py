"""Who is on at an instant, and what comes next: a pure function of timetable, override and time.

Overlapping slots: the higher priority is on, then the later start, then the lower id. Where no
slot is, the room's default persona is on, or nobody. An override is on until its instant, over
everything. All instants that come out are in UTC.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from livehost.recurrence import ScheduleError, SlotRefused, WindowTooLong, check_slot, starts
from livehost.settings import AdapterVersions, Override, Room, Slot

__all__ = [
    "OnAir",
    "Reason",
    "ScheduleError",
    "SlotRefused",
    "WindowTooLong",
    "check_slot",
    "expand",
    "next_change",
    "on_air",
]

MAX_WINDOW = timedelta(days=92)
LONGEST_SLOT = timedelta(days=7)


class Reason(StrEnum):
    """Why this is on."""

    OVERRIDE = "override"
    """Somebody put it on by hand."""
    SLOT = "slot"
    """The timetable says so."""
    DEFAULT = "default"
    """No slot is on; the room's default persona fills in."""
    GAP = "gap"
    """No slot is on, and the room has no default persona."""


@dataclass(frozen=True, kw_only=True)
class OnAir:
    """What is on from `since` to `until`; persona None is off air.

    `since` or `until` is None where it lies beyond the look-back (7 days) or the horizon (92 days).
    """

    persona: str | None
    rundown: str | None
    slot: str | None
    since: datetime | None
    until: datetime | None
    reason: Reason
    adapters: AdapterVersions | None = None

    @property
    def what(self) -> tuple[str | None, str | None]:
        """Persona and rundown: what viewers would see change."""
        return (self.persona, self.rundown)


@dataclass(frozen=True, kw_only=True)
class _Occurrence:
    slot: Slot
    start: datetime
    end: datetime

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sorts the occurrence that wins first."""
        return (-self.slot.priority, -self.start.timestamp(), self.slot.id)


def on_air(room: Room, slots: Iterable[Slot], override: Override | None, at: datetime) -> OnAir:
    """What is on at an instant, with the start and end of it."""
    at = _instant(at)
    slots = tuple(slots)
    begin = at - LONGEST_SLOT
    for reach in (timedelta(days=2), timedelta(days=16), MAX_WINDOW):
        tiles = _tiles(room, slots, override, begin, at + reach)
        index = next(i for i, tile in enumerate(tiles) if tile.until is None or at < tile.until)
        if index + 1 < len(tiles):
            break
    found = tiles[index]
    first, last = index == 0, index + 1 == len(tiles)
    return replace(found, since=None if first else found.since, until=None if last else found.until)


def expand(
    room: Room, slots: Iterable[Slot], override: Override | None, start: datetime, end: datetime
) -> tuple[OnAir, ...]:
    """The timetable from `start` to `end` without holes; raises WindowTooLong over 92 days."""
    start, end = _instant(start), _instant(end)
    if end - start > MAX_WINDOW:
        raise WindowTooLong(f"{(end - start).days} days were asked for, {MAX_WINDOW.days} are the most")
    return _tiles(room, tuple(slots), override, start, end) if start < end else ()


def next_change(
    room: Room, slots: Iterable[Slot], override: Override | None, after: datetime
) -> tuple[datetime, OnAir] | None:
    """When persona or rundown change next, and to what; None if not within 92 days."""
    after = _instant(after)
    slots = tuple(slots)
    for reach in (timedelta(days=2), timedelta(days=16), MAX_WINDOW):
        tiles = _tiles(room, slots, override, after, after + reach)
        for tile in tiles[1:]:
            if tile.what != tiles[0].what and tile.since is not None:
                return tile.since, on_air(room, slots, override, tile.since)
    return None


def _instant(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ScheduleError(f"{at} has no offset; say which instant is meant")
    return at.astimezone(UTC)


def _tiles(
    room: Room, slots: Sequence[Slot], override: Override | None, start: datetime, end: datetime
) -> tuple[OnAir, ...]:
    """Cut [start, end) at every change of occurrence; neighbours of the same occurrence are one."""
    tiles: list[OnAir] = []
    cursor = start
    if override is not None and start < (until := _instant(override.until)):
        cursor = min(until, end)
        tiles.append(_tile(room, override, start, cursor))
    for occurrence, begin, finish in _sweep(_occurrences(room, slots, cursor, end), cursor, end):
        tiles.append(_tile(room, occurrence, begin, finish))
    return tuple(tiles)


def _tile(room: Room, source: Override | _Occurrence | None, since: datetime, until: datetime) -> OnAir:
    adapters = None
    match source:
        case Override():
            persona, rundown, slot, reason = source.persona, source.rundown, None, Reason.OVERRIDE
            adapters = source.adapters
        case _Occurrence():
            persona, rundown = source.slot.persona, source.slot.rundown
            slot, reason, adapters = source.slot.id, Reason.SLOT, source.slot.adapters
        case None:
            persona, rundown, slot = room.default_persona, room.default_rundown, None
            reason = Reason.GAP if persona is None else Reason.DEFAULT
    rundown = None if persona is None else rundown or room.default_rundown
    return OnAir(
        persona=persona,
        rundown=rundown,
        slot=slot,
        since=since,
        until=until,
        reason=reason,
        adapters=adapters,
    )


def _occurrences(room: Room, slots: Sequence[Slot], start: datetime, end: datetime) -> list[_Occurrence]:
    """Every occurrence that touches [start, end), by start."""
    found = [
        _Occurrence(slot=slot, start=begin, end=begin + slot.duration)
        for slot in slots
        for begin in starts(slot, room.zone, start - slot.duration, end)
        if begin + slot.duration > start
    ]
    return sorted(found, key=lambda occurrence: occurrence.start)


def _sweep(
    occurrences: Sequence[_Occurrence], start: datetime, end: datetime
) -> list[tuple[_Occurrence | None, datetime, datetime]]:
    """Which occurrence wins, from start to end without holes."""
    cuts = {start, end}
    for occurrence in occurrences:
        cuts.update(cut for cut in (occurrence.start, occurrence.end) if start < cut < end)
    edges = sorted(cuts)
    active: list[tuple[tuple[int, float, str], int]] = []
    pending = 0
    pieces: list[tuple[_Occurrence | None, datetime, datetime]] = []
    for begin, finish in itertools.pairwise(edges):
        while pending < len(occurrences) and occurrences[pending].start <= begin:
            heapq.heappush(active, (occurrences[pending].rank, pending))
            pending += 1
        while active and occurrences[active[0][1]].end <= begin:
            heapq.heappop(active)
        winner = occurrences[active[0][1]] if active else None
        if pieces and pieces[-1][0] is winner:
            pieces[-1] = (winner, pieces[-1][1], finish)
        else:
            pieces.append((winner, begin, finish))
    return pieces
