"""Who is on: tables for calendars and clocks, properties for everything else."""

from __future__ import annotations

import itertools
import time as clock
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from livehost.schedule import (
    OnAir,
    Reason,
    ScheduleError,
    SlotRefused,
    WindowTooLong,
    check_slot,
    expand,
    next_change,
    on_air,
)
from livehost.schedule_ics import to_ics
from livehost.settings import AdapterVersions, Override, Room, Slot

SHANGHAI = "Asia/Shanghai"


def room(zone: str = SHANGHAI, default: str | None = None, rundown: str | None = None) -> Room:
    return Room(id="r", zone=zone, default_persona=default, default_rundown=rundown)


def slot(
    name: str = "a", at: str = "06:00", hours: float = 6, rrule: str | None = "FREQ=DAILY", **more: object
) -> Slot:
    raw = {"id": name, "persona": name, "first": "2026-01-01", "at": at, "duration": timedelta(hours=hours)}
    return Slot.model_validate({**raw, "rrule": rrule, **more})


def local(text: str, zone: str = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def who(slots: list[Slot], at: str, zone: str = SHANGHAI, **more: str | None) -> str | None:
    return on_air(room(zone, **more), slots, None, local(at, zone)).persona


def spans(tiles: tuple[OnAir, ...], zone: str) -> list[tuple[str | None, str, str]]:
    """Persona, local start and local end of each tile."""
    tz = ZoneInfo(zone)
    shown = []
    for tile in tiles:
        assert tile.since is not None and tile.until is not None
        times = [at.astimezone(tz).strftime("%m-%d %H:%M") for at in (tile.since, tile.until)]
        shown.append((tile.persona, times[0], times[1]))
    return shown


# ---- a day in Shanghai

DAY = [slot("morning", "06:00"), slot("lady", "12:00"), slot("evening", "18:00")]


@pytest.mark.parametrize(
    ("at", "persona"),
    [
        ("2026-12-01T05:59:59", "night"),
        ("2026-12-01T06:00:00", "morning"),
        ("2026-12-01T11:59:59", "morning"),
        ("2026-12-01T12:00:00", "lady"),
        ("2026-12-01T23:59:59", "evening"),
        ("2026-12-02T00:00:00", "night"),
        ("2025-12-31T08:00:00", "night"),
    ],
)
def test_a_day(at: str, persona: str) -> None:
    assert who(DAY, at, default="night") == persona


def test_what_is_on_knows_its_ends_and_why() -> None:
    found = on_air(room(default="night", rundown="talk"), DAY, None, local("2026-12-01T07:30"))
    assert found == OnAir(
        persona="morning",
        rundown="talk",
        slot="morning",
        since=local("2026-12-01T06:00").astimezone(UTC),
        until=local("2026-12-01T12:00").astimezone(UTC),
        reason=Reason.SLOT,
    )
    gap = on_air(room(default="night"), DAY, None, local("2026-12-01T03:00"))
    assert (gap.reason, gap.slot, gap.persona) == (Reason.DEFAULT, None, "night")
    assert gap.until == local("2026-12-01T06:00")
    nobody = on_air(room(), DAY, None, local("2026-12-01T03:00"))
    assert (nobody.reason, nobody.persona, nobody.rundown) == (Reason.GAP, None, None)


def test_an_empty_timetable_has_no_ends() -> None:
    assert on_air(room(default="d"), [], None, local("2026-12-01T03:00")) == OnAir(
        persona="d", rundown=None, slot=None, since=None, until=None, reason=Reason.DEFAULT
    )
    assert next_change(room(default="d"), [], None, local("2026-12-01T03:00")) is None


def test_an_instant_needs_an_offset() -> None:
    with pytest.raises(ScheduleError, match="offset"):
        on_air(room(), DAY, None, datetime(2026, 12, 1))


# ---- days on which clocks change

NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"


@pytest.mark.parametrize(
    ("zone", "day", "at", "hours", "utc_start", "utc_end"),
    [
        # spring: 02:30 does not exist and moves forward to 03:30
        (NEW_YORK, "2026-03-08", "02:30", 2, "2026-03-08T07:30", "2026-03-08T09:30"),
        (BERLIN, "2026-03-29", "02:30", 2, "2026-03-29T01:30", "2026-03-29T03:30"),
        # spring: a duration is elapsed time, so 01:00 + 6 h ends at 08:00 on the clock
        (NEW_YORK, "2026-03-08", "01:00", 6, "2026-03-08T06:00", "2026-03-08T12:00"),
        # autumn: 01:30 and 02:30 happen twice; the first is taken
        (NEW_YORK, "2026-11-01", "01:30", 2, "2026-11-01T05:30", "2026-11-01T07:30"),
        (BERLIN, "2026-10-25", "02:30", 2, "2026-10-25T00:30", "2026-10-25T02:30"),
        # the same wall-clock start before and after
        (NEW_YORK, "2026-03-07", "06:00", 6, "2026-03-07T11:00", "2026-03-07T17:00"),
        (NEW_YORK, "2026-03-09", "06:00", 6, "2026-03-09T10:00", "2026-03-09T16:00"),
        (BERLIN, "2026-10-26", "06:00", 6, "2026-10-26T05:00", "2026-10-26T11:00"),
    ],
)
def test_change_days(zone: str, day: str, at: str, hours: int, utc_start: str, utc_end: str) -> None:
    begin = datetime.fromisoformat(utc_start).replace(tzinfo=UTC)
    found = on_air(room(zone), [slot(at=at, hours=hours)], None, begin)
    assert (found.persona, found.since) == ("a", begin)
    assert found.until == datetime.fromisoformat(utc_end).replace(tzinfo=UTC)
    assert begin.astimezone(ZoneInfo(zone)).date() == date.fromisoformat(day)
    assert on_air(room(zone), [slot(at=at, hours=hours)], None, begin - timedelta(seconds=1)).persona is None


def test_a_day_of_slots_has_no_hole_on_change_days() -> None:
    slots = [slot("m", "00:00", 12), slot("e", "12:00", 12)]
    spring = expand(
        room(NEW_YORK), slots, None, local("2026-03-08T00:00", NEW_YORK), local("2026-03-09T00:00", NEW_YORK)
    )
    # 12 elapsed hours from midnight end at 13:00, so the later start takes over at 12:00 already
    assert spans(spring, NEW_YORK) == [
        ("m", "03-08 00:00", "03-08 12:00"),
        ("e", "03-08 12:00", "03-09 00:00"),
    ]
    autumn = expand(
        room(NEW_YORK, "d"),
        slots,
        None,
        local("2026-11-01T00:00", NEW_YORK),
        local("2026-11-02T00:00", NEW_YORK),
    )
    assert spans(autumn, NEW_YORK) == [
        ("m", "11-01 00:00", "11-01 11:00"),
        ("d", "11-01 11:00", "11-01 12:00"),
        ("e", "11-01 12:00", "11-02 00:00"),
    ]


# ---- dates


def test_a_holiday_is_left_out_and_a_date_added() -> None:
    one = slot(rrule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", exdate=["2026-10-01"], rdate=["2026-10-10"])
    assert who([one], "2026-09-30T07:00") == "a"
    assert who([one], "2026-10-01T07:00") is None
    assert who([one], "2026-10-02T07:00") == "a"
    assert who([one], "2026-10-03T07:00") is None
    assert who([one], "2026-10-10T07:00") == "a"


def test_a_slot_without_a_rule_is_on_once() -> None:
    once = slot(rrule=None, first="2026-12-12")
    assert who([once], "2026-12-12T07:00") == "a"
    assert who([once], "2026-12-13T07:00") is None


@pytest.mark.parametrize(
    ("until", "last"),
    [("20261202", "2026-12-02"), ("20261202T060000", "2026-12-02"), ("20261201T220000Z", "2026-12-02")],
)
def test_until_is_inclusive_in_each_form(until: str, last: str) -> None:
    one = slot(rrule=f"FREQ=DAILY;UNTIL={until}")
    assert who([one], f"{last}T07:00") == "a"
    assert who([one], "2026-12-03T07:00") is None


def test_count_ends_a_rule_and_a_huge_interval_is_played() -> None:
    assert who([slot(rrule="FREQ=DAILY;COUNT=2")], "2026-01-02T07:00") == "a"
    assert who([slot(rrule="FREQ=DAILY;COUNT=2")], "2026-01-03T07:00") is None
    assert who([slot(rrule="FREQ=DAILY;INTERVAL=999999")], "2026-01-01T07:00") == "a"
    assert who([slot(rrule="FREQ=DAILY;INTERVAL=999999")], "2026-12-01T07:00") is None


def test_slots_over_midnight_and_over_a_week() -> None:
    night = slot("night", "22:00", 8)
    assert who([night], "2026-12-01T23:30") == who([night], "2026-12-02T05:59") == "night"
    assert who([night], "2026-12-02T06:00") is None
    long = slot("long", "00:00", 24 * 7, rrule=None, first="2026-12-01")
    found = on_air(room(), [long], None, local("2026-12-07T23:59:59"))
    assert (found.persona, found.since) == ("long", local("2026-12-01T00:00"))
    assert who([long], "2026-12-08T00:00") is None


# ---- overlaps


def test_priority_then_later_start_then_id() -> None:
    base, later = slot("base", "08:00", 8), slot("later", "10:00", 2)
    special = slot("special", "09:00", 4, priority=5, rrule=None, first="2026-12-12")
    day = expand(room(), [later, special, base], None, local("2026-12-12T08:00"), local("2026-12-12T16:00"))
    assert spans(day, SHANGHAI) == [
        ("base", "12-12 08:00", "12-12 09:00"),
        ("special", "12-12 09:00", "12-12 13:00"),
        ("base", "12-12 13:00", "12-12 16:00"),
    ]
    assert who([base, later], "2026-12-01T11:00") == "later"
    assert who([slot("b", "08:00"), slot("a", "08:00")], "2026-12-01T09:00") == "a"


def test_a_slot_without_persona_is_off_air_over_the_default() -> None:
    off = slot("pause", "12:00", 1, persona=None)
    found = on_air(room(default="d"), [off], None, local("2026-12-01T12:30"))
    assert (found.persona, found.slot, found.reason) == (None, "pause", Reason.SLOT)


# ---- overrides


def test_an_override_lasts_over_boundaries_until_its_instant() -> None:
    put = Override(persona="guest", until=local("2026-12-01T13:00"))
    tiles = expand(room(), DAY, put, local("2026-12-01T11:00"), local("2026-12-01T19:00"))
    assert spans(tiles, SHANGHAI) == [
        ("guest", "12-01 11:00", "12-01 13:00"),
        ("lady", "12-01 13:00", "12-01 18:00"),
        ("evening", "12-01 18:00", "12-01 19:00"),
    ]
    found = on_air(room(), DAY, put, local("2026-12-01T12:30"))
    assert (found.persona, found.reason, found.until) == ("guest", Reason.OVERRIDE, put.until)
    after = next_change(room(), DAY, put, local("2026-12-01T11:00"))
    assert after is not None and (after[0], after[1].persona) == (put.until, "lady")
    assert on_air(room(), DAY, put, local("2026-12-01T14:00")).persona == "lady"


def test_an_override_may_choose_other_adapters_and_a_slot_never_does() -> None:
    versions = AdapterVersions(visual="2")
    put = Override(persona="guest", adapters=versions, until=local("2026-12-01T13:00"))
    assert on_air(room(default="d"), [], put, local("2026-12-01T12:00")).adapters == versions
    assert on_air(room(default="d"), [], put, local("2026-12-01T14:00")).adapters is None


def test_an_override_can_put_the_room_off_air() -> None:
    put = Override(persona=None, until=local("2026-12-01T13:00"))
    found = on_air(room(default="d"), DAY, put, local("2026-12-01T12:30"))
    assert (found.persona, found.reason) == (None, Reason.OVERRIDE)


# ---- what comes next


def test_the_next_change_skips_equal_neighbours() -> None:
    slots = [slot("x", "06:00", 6), slot("y", "12:00", 6, persona="x"), slot("z", "18:00", 6)]
    change = next_change(room(), slots, None, local("2026-12-01T07:00"))
    assert change is not None
    assert (change[0], change[1].slot) == (local("2026-12-01T18:00"), "z")


def test_a_change_weeks_away_is_found() -> None:
    once = slot(rrule=None, first="2026-12-31")
    change = next_change(room(), [once], None, local("2026-12-01T07:00"))
    assert change is not None and change[0] == local("2026-12-31T06:00")
    assert next_change(room(), [once], None, local("2026-06-01T07:00")) is None


# ---- refusals and bounds


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("FREQ=HOURLY", "DAILY is the shortest"),
        ("FREQ=SECONDLY", "DAILY is the shortest"),
        ("INTERVAL=2", "no FREQ"),
        ("FREQ=DAILY;BYHOUR=3", "BYHOUR"),
        ("FREQ=DAILY;BYEASTER=0", "BYEASTER"),
        ("FREQ=DAILY;INTERVAL=0", "above 0"),
        ("FREQ=DAILY;COUNT=-1", "above 0"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "not by both"),
        ("FREQ=DAILY;UNTIL=soon", "no date"),
        ("FREQ=DAILY;UNTIL=20250101", "never on"),
        ("FREQ=DAILY;FREQ=WEEKLY", "twice"),
        ("FREQ=WEEKLY;BYDAY=XX", "cannot be read"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "no date within 40 years"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "no date within 40 years"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "no date within 40 years"),
        ("nonsense", "no part of a recurrence rule"),
        ("", "no FREQ"),
    ],
)
def test_rules_that_are_refused(rule: str, why: str) -> None:
    begun = clock.perf_counter()
    with pytest.raises(SlotRefused, match=why) as refused:
        check_slot(slot(rrule=rule), SHANGHAI)
    assert refused.value.zh
    assert clock.perf_counter() - begun < 5


@pytest.mark.parametrize(
    "changes",
    [
        {"exdate": ["2026-12-12"], "rrule": None, "first": "2026-12-12"},
        {"exdate": ["2026-01-01", "2026-01-02"], "rrule": "FREQ=DAILY;COUNT=2"},
        {"at": "06:00+08:00"},
        {"first": "1900-01-01"},
    ],
)
def test_slots_that_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SlotRefused):
        check_slot(
            slot().model_copy(update=Slot.model_validate({**slot().model_dump(), **changes}).model_dump()),
            SHANGHAI,
        )


def test_an_unknown_zone_is_refused() -> None:
    for zone in ("Asia/Beijing", "../etc/passwd", ""):
        with pytest.raises(SlotRefused, match="time zone"):
            check_slot(slot(), zone)


def test_at_most_92_days_are_expanded() -> None:
    start = local("2026-01-01T00:00")
    assert expand(room(), DAY, None, start, start + timedelta(days=92))
    with pytest.raises(WindowTooLong):
        expand(room(), DAY, None, start, start + timedelta(days=92, seconds=1))
    assert expand(room(), DAY, None, start, start) == ()


def test_leap_days_come_every_four_years() -> None:
    leap = slot(rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")
    check_slot(leap, SHANGHAI)
    assert who([leap], "2028-02-29T07:00") == "a"


# ---- properties

RULES = ["FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=MONTHLY;BYDAY=-1FR", None]
some_slots = st.lists(
    st.builds(
        Slot,
        id=st.sampled_from("abcdef"),
        persona=st.sampled_from(["p", "q", None]),
        first=st.dates(date(2026, 2, 20), date(2026, 3, 20)),
        at=st.times().map(lambda t: t.replace(microsecond=0)),
        duration=st.integers(60, 7 * 86400).map(lambda s: timedelta(seconds=s)),
        rrule=st.sampled_from(RULES),
        priority=st.integers(-1, 1),
    ),
    max_size=5,
    unique_by=lambda one: one.id,
).filter(lambda slots: all(_playable(one) for one in slots))
instants = st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 31), timezones=st.just(UTC))


def _playable(one: Slot) -> bool:
    try:
        check_slot(one, NEW_YORK)
    except SlotRefused:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(
    slots=some_slots,
    start=instants,
    length=st.integers(1, 20 * 86400),
    at=st.floats(0, 1, exclude_max=True),
    until=st.none() | instants,
)
def test_expansion_tiles_the_window_and_agrees_with_each_instant(
    slots: list[Slot], start: datetime, length: int, at: float, until: datetime | None
) -> None:
    end = start + timedelta(seconds=length)
    place = room(NEW_YORK, "d")
    put = None if until is None else Override(persona="guest", until=until)
    tiles = expand(place, slots, put, start, end)
    assert tiles[0].since == start and tiles[-1].until == end
    for one, following in itertools.pairwise(tiles):
        assert one.until == following.since
        assert one.since is not None and one.until is not None and one.since < one.until
    instant = start + timedelta(seconds=int(length * at))
    found = on_air(place, slots, put, instant)
    (tile,) = [t for t in tiles if t.since and t.until and t.since <= instant < t.until]
    assert (found.persona, found.slot, found.reason) == (tile.persona, tile.slot, tile.reason)
    assert tile.since is not None and tile.until is not None
    assert found.since is None or found.since == tile.since or (tile.since == start and found.since < start)
    assert found.until is None or found.until == tile.until or (tile.until == end and found.until > end)
    change = next_change(place, slots, put, instant)
    if change is not None:
        before = on_air(place, slots, put, change[0] - timedelta(microseconds=1))
        assert change[0] > instant and before.what == found.what != change[1].what


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=13",
        "FREQ=DAILY;INTERVAL=7",
        "FREQ=WEEKLY",
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,FR,SU",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=-1",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=DAILY;COUNT=3000",
        "FREQ=DAILY;INTERVAL=2;UNTIL=20261215",
    ],
)
def test_years_of_history_do_not_shift_a_rule(rule: str) -> None:
    one = slot(rrule=rule, first="2019-03-07", hours=1)
    naive = rrulestr(rule.replace("UNTIL=20261215", "UNTIL=20261215T235959"), dtstart=datetime(2019, 3, 7, 6))
    wanted = naive.between(datetime(2026, 12, 1), datetime(2027, 1, 31))
    tiles = expand(room(), [one], None, local("2026-12-01T00:00"), local("2027-01-31T00:00"))
    found = [tile.since.astimezone(ZoneInfo(SHANGHAI)) for tile in tiles if tile.persona and tile.since]
    assert [instant.replace(tzinfo=None) for instant in found] == wanted


def test_a_look_at_the_timetable_is_quick() -> None:
    at = local("2026-12-01T07:00")
    many = [slot(f"s{i}", f"{i % 24:02}:00", 1) for i in range(48)]
    on_air(room(), many, None, at)
    begun = clock.perf_counter()
    for i in range(10):
        on_air(room(), many, None, at + timedelta(seconds=i))
    assert (clock.perf_counter() - begun) / 10 < 0.1


# ---- the calendar file


def test_the_calendar_says_what_the_timetable_says() -> None:
    slots = [
        slot(
            "a",
            "02:30",
            24,
            rrule="FREQ=WEEKLY;BYDAY=SU;UNTIL=20261231",
            exdate=["2026-11-01"],
            rdate=["2026-05-05"],
        ),
        slot("off", persona=None, rrule=None),
    ]
    data = to_ics(room(NEW_YORK), slots, stamp=local("2026-01-01T00:00"))
    calendar = Calendar.from_ical(data)
    assert [str(part["TZID"]) for part in calendar.walk("VTIMEZONE")] == [NEW_YORK]
    events: list[Any] = calendar.walk("VEVENT")
    weekly, off = events
    assert weekly["DTSTART"].dt == local("2026-01-01T02:30", NEW_YORK)
    assert b"DURATION:PT24H" in data
    assert b"DTSTART;TZID=America/New_York:20260101T023000" in data
    assert b"EXDATE;TZID=America/New_York:20261101T023000" in data
    assert b"RDATE;TZID=America/New_York:20260505T023000" in data
    assert weekly["RRULE"]["BYDAY"] == ["SU"] and b"UNTIL=20270101T045959Z" in data
    assert str(off["SUMMARY"]) == "停播" and "RRULE" not in off
