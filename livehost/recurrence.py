"""When a slot starts: an RFC 5545 rule on naive local time, then resolved in the room's zone.

A wall-clock time that a change of clocks skips moves forward; one that happens twice is taken the
first time. Everything here is bounded: a rule is refused that matches nothing within 40 years.

    ScheduleError
    ├── SlotRefused         the slot can never be on, or its rule is not one that we play
    └── WindowTooLong       more than 92 days were asked for
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rruleset, rrulestr

from livehost.settings import Slot

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
PARTS = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH"}
    | {"BYSETPOS"}
)
EARLIEST = date(2000, 1, 1)
LATEST = date(2200, 1, 1)
MAX_DATES = 1000
_CHUNK_DAYS = 32


class ScheduleError(Exception):
    """A timetable could not be worked out."""


class SlotRefused(ScheduleError):
    """The slot can never be on, or its rule is not one that we play; `zh` says so in Chinese."""

    def __init__(self, cause: str, zh: str) -> None:
        super().__init__(cause)
        self.zh = zh


class WindowTooLong(ScheduleError):
    """More than 92 days were asked for; ask for less, several times."""


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone; raises SlotRefused for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SlotRefused(
            f"{name!r} is no IANA time zone, as Asia/Shanghai is",
            f"{name!r} 不是时区名，要写成 Asia/Shanghai 这样",
        ) from error


def check_slot(slot: Slot, zone: str) -> None:
    """Raise SlotRefused, with the cause, for a slot that cannot be played."""
    _checked(slot, zone)


def starts(slot: Slot, zone: str, after: datetime, before: datetime) -> Iterator[datetime]:
    """The instants (UTC) in [after, before) at which the slot starts, in order."""
    _checked(slot, zone)
    tz = zone_named(zone)
    first_day = (after - timedelta(days=2)).date().toordinal() // _CHUNK_DAYS
    last_day = (before + timedelta(days=2)).date().toordinal() // _CHUNK_DAYS
    found: set[datetime] = set()
    for chunk in range(first_day, last_day + 1):
        found.update(local.replace(tzinfo=tz).astimezone(UTC) for local in _local_starts(slot, zone, chunk))
    return (instant for instant in sorted(found) if after <= instant < before)


def rule_text(slot: Slot, zone: str) -> str | None:
    """The rule as RFC 5545 text without prefix, its UNTIL turned into naive local time."""
    if slot.rrule is None:
        return None
    parts = _parts(slot.rrule)
    if "UNTIL" in parts:
        parts["UNTIL"] = _until(parts["UNTIL"], zone).strftime("%Y%m%dT%H%M%S")
    return ";".join(f"{name}={value}" for name, value in parts.items())


@lru_cache(maxsize=8192)
def _local_starts(slot: Slot, zone: str, chunk: int) -> tuple[datetime, ...]:
    """The naive local starts whose date falls into a chunk of 32 days, counted from year 1."""
    begin = datetime.fromordinal(max(1, chunk * _CHUNK_DAYS))
    end = begin + timedelta(days=_CHUNK_DAYS)
    dates = _dates(slot, zone, near=begin)
    return tuple(dates.between(begin - timedelta(seconds=1), end - timedelta(microseconds=1)))


def _dates(slot: Slot, zone: str, *, near: datetime | None = None) -> rruleset:
    """The slot's set of naive local starts: all of them, or all from some way before `near` on."""
    dates = rruleset()
    text = rule_text(slot, zone)
    start = datetime.combine(slot.first, slot.at)
    if text is None:
        dates.rdate(start)
    else:
        dates.rrule(_rule(text, start if near is None else _nearer(_parts(text), start, near)))
    for day in slot.rdate:
        dates.rdate(datetime.combine(day, slot.at))
    for day in slot.exdate:
        dates.exdate(datetime.combine(day, slot.at))
    return dates


def _nearer(parts: dict[str, str], start: datetime, near: datetime) -> datetime:
    """A later first start of the same daily or weekly rule, so that years past are not counted through."""
    period = {"DAILY": 1, "WEEKLY": 7}.get(parts["FREQ"], 0) * int(parts.get("INTERVAL", "1"))
    if not period or "COUNT" in parts or near <= start:
        return start
    return start + timedelta(days=(near - start).days // period * period)


@lru_cache(maxsize=4096)
def _refusal(slot: Slot, zone: str) -> tuple[str, str] | None:
    try:
        _check(slot, zone)
    except SlotRefused as refused:
        return str(refused), refused.zh
    return None


def _checked(slot: Slot, zone: str) -> None:
    refusal = _refusal(slot, zone)
    if refusal is not None:
        raise SlotRefused(*refusal)


def _check(slot: Slot, zone: str) -> None:
    zone_named(zone)
    if slot.at.tzinfo is not None:
        raise SlotRefused(
            "`at` is the room's wall-clock time and takes no offset", "at 是直播间当地的钟点，不要带时差"
        )
    for day in (slot.first, *slot.exdate, *slot.rdate):
        if not EARLIEST <= day < LATEST:
            raise SlotRefused(
                f"{day} is outside the years 2000 to 2199", f"日期 {day} 不在 2000 到 2199 年之间"
            )
    if len(slot.exdate) + len(slot.rdate) > MAX_DATES:
        raise SlotRefused(
            f"more than {MAX_DATES} single dates: write a rule, or several slots",
            f"单独的日期超过 {MAX_DATES} 个，请改写成规则或拆成几条排班",
        )
    text = rule_text(slot, zone)
    start = datetime.combine(slot.first, slot.at)
    if text is not None:
        _require_match(text, start)
    excluded = len(slot.exdate)
    dates = iter(_dates(slot, zone))
    if all(next(dates, None) is None for _ in range(excluded + 1)):
        raise SlotRefused(
            "the slot is never on: its rule ends before `first`, or `exdate` takes every date",
            "这条排班一次也不会播：规则在 first 之前就结束了，或者 exdate 去掉了所有日期",
        )


def _parts(text: str) -> dict[str, str]:
    """The rule's parts by name; raises SlotRefused for what is no rule, or one we do not play."""
    body = text.strip().upper().removeprefix("RRULE:")
    parts: dict[str, str] = {}
    for part in filter(None, body.split(";")):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise SlotRefused(
                f"{part!r} is no part of a recurrence rule, as FREQ=WEEKLY is",
                f"重复规则里的 {part!r} 看不懂，要写成 FREQ=WEEKLY 这样",
            )
        if name in parts:
            raise SlotRefused(f"{name} stands twice in the rule", f"重复规则里 {name} 写了两次")
        if name in {"BYHOUR", "BYMINUTE", "BYSECOND"}:
            raise SlotRefused(
                f"{name} is not taken: a slot starts at its `at`; use one slot a start",
                f"不支持 {name}：开始钟点写在 at 里，一天多次就写多条排班",
            )
        if name not in PARTS:
            raise SlotRefused(
                f"{name} is no part that a rule may have: {', '.join(sorted(PARTS))}",
                f"重复规则里不能有 {name}，可用的有：{'、'.join(sorted(PARTS))}",
            )
        parts[name] = value
    freq = parts.get("FREQ")
    if freq is None:
        raise SlotRefused(
            "the rule has no FREQ (DAILY, WEEKLY, MONTHLY or YEARLY)",
            "重复规则缺少 FREQ（DAILY、WEEKLY、MONTHLY 或 YEARLY）",
        )
    if freq not in FREQUENCIES:
        raise SlotRefused(
            f"FREQ={freq} is not taken: DAILY is the shortest; use one slot a start",
            f"不支持 FREQ={freq}：最短是 DAILY，一天多次就写多条排班",
        )
    if "COUNT" in parts and "UNTIL" in parts:
        raise SlotRefused("a rule ends by COUNT or by UNTIL, not by both", "COUNT 和 UNTIL 只能写一个")
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not (parts[name].isascii() and parts[name].isdigit() and int(parts[name]) > 0):
            raise SlotRefused(
                f"{name}={parts[name]} must be a whole number above 0",
                f"{name}={parts[name]} 要写大于 0 的整数",
            )
    if len(parts.get("INTERVAL", "")) > 6 or len(parts.get("COUNT", "")) > 6:
        raise SlotRefused("INTERVAL and COUNT are at most 999999", "INTERVAL 和 COUNT 不能超过 999999")
    return parts


def _until(value: str, zone: str) -> datetime:
    """UNTIL as naive local time: a bare date lasts to its end, a `Z` time is converted."""
    for form, whole_day in (("%Y%m%dT%H%M%SZ", False), ("%Y%m%dT%H%M%S", False), ("%Y%m%d", True)):
        try:
            until = datetime.strptime(value, form)
            if form.endswith("Z"):
                return until.replace(tzinfo=UTC).astimezone(zone_named(zone)).replace(tzinfo=None)
        except (ValueError, OverflowError):
            continue
        return datetime.combine(until.date(), time(23, 59, 59)) if whole_day else until
    raise SlotRefused(
        f"UNTIL={value} is no date, as 20261231 or 20261231T160000Z is",
        f"UNTIL={value} 不是日期，要写成 20261231 或 20261231T160000Z",
    )


def _rule(text: str, start: datetime) -> rrule:
    try:
        rule = rrulestr(text, dtstart=start)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise SlotRefused(f"the rule cannot be read: {error}", f"重复规则读不懂：{error}") from error
    if not isinstance(rule, rrule):
        raise SlotRefused("only a single rule is taken", "只能写一条重复规则")
    return rule


def _require_match(text: str, start: datetime) -> None:
    """Raise SlotRefused for a rule that matches nothing within 40 years.

    The library looks for a match up to the year 9999. So that a rule without one costs a moment
    and no minutes, it is tried on the same calendar near that end: a year of the last 28-year
    cycle that starts on the same weekday, at the same distance from a leap year.
    """
    endless = ";".join(part for part in text.split(";") if not part.startswith(("UNTIL=", "COUNT=")))
    mirror = next(
        year
        for year in range(9932, 9960)
        if year % 4 == start.year % 4 and calendar.weekday(year, 1, 1) == calendar.weekday(start.year, 1, 1)
    )
    day = 28 if (start.month, start.day) == (2, 29) and not calendar.isleap(mirror) else start.day
    if next(iter(_rule(endless, start.replace(year=mirror, day=day))), None) is None:
        raise SlotRefused("the rule matches no date within 40 years", "重复规则四十年内都对不上任何日期")
