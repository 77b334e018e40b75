"""The timetable as a calendar file (RFC 5545) that phones and calendars subscribe to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vDuration, vRecur

from livehost.recurrence import rule_text, zone_named
from livehost.settings import Persona, Room, Slot


class _Elapsed(vDuration):
    """A duration in hours, minutes and seconds: `P1D` would mean a calendar day, `PT24H` elapsed time."""

    def to_ical(self) -> bytes:
        """The duration as text, without days."""
        seconds = int(self.td.total_seconds())
        hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
        parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else "", f"{rest}S" if rest else ""]
        return f"PT{''.join(parts) or '0S'}".encode()


def to_ics(room: Room, slots: Iterable[Slot], personas: Iterable[Persona] = (), *, stamp: datetime) -> bytes:
    """The room's slots as events in its zone; `stamp` says when this was written."""
    names = {persona.id: persona.name for persona in personas}
    calendar = Calendar()
    calendar.add("prodid", "-//livehost//timetable//ZH")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", room.title or room.id)
    calendar.add("x-wr-timezone", room.zone)
    for slot in slots:
        calendar.add_component(_event(room, slot, names, stamp))
    calendar.add_missing_timezones()
    data: bytes = calendar.to_ical()
    return data


def _event(room: Room, slot: Slot, names: dict[str, str], stamp: datetime) -> Event:
    zone = zone_named(room.zone)
    event = Event()
    event.add("uid", f"{room.id}.{slot.id}@livehost")
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("dtstart", datetime.combine(slot.first, slot.at, zone))
    event["duration"] = _Elapsed(slot.duration)
    event.add("summary", "停播" if slot.persona is None else names.get(slot.persona, slot.persona))
    lines = (slot.persona and f"persona: {slot.persona}", slot.rundown and f"rundown: {slot.rundown}")
    event.add("description", "\n".join((*filter(None, lines), f"priority: {slot.priority}")))
    rule = rule_text(slot, room.zone)
    if rule is not None:
        event.add("rrule", _in_utc(rule, zone))
    for name, days in (("exdate", slot.exdate), ("rdate", slot.rdate)):
        if days:
            event.add(name, [datetime.combine(day, slot.at, zone) for day in days])
    return event


def _in_utc(rule: str, zone: ZoneInfo) -> vRecur:
    """The rule with its UNTIL in UTC, as the RFC wants it beside a DTSTART with a zone."""
    parts = vRecur(vRecur.from_ical(rule))
    if "UNTIL" in parts:
        parts["UNTIL"] = [until.replace(tzinfo=zone).astimezone(UTC) for until in parts["UNTIL"]]
    return parts
