"""The timetable (排班): slots, what they come to, and what somebody put on by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Query, Response
from pydantic import AwareDatetime

from livehost import schedule
from livehost.api.auth import Operator, Viewer
from livehost.api.ground import Body, IfMatch, Page, TheHouse, TheRoom, etag, new_router, page_of
from livehost.api.ports import House
from livehost.api.problems import ProblemError
from livehost.schedule_ics import to_ics
from livehost.settings import Name, Override, Slot
from livehost.store.protocol import AlreadyThere, VersionedSlot

router = new_router("timetable")

YEARS = range(2000, 2200)

From = Annotated[
    AwareDatetime | None, Query(alias="from", description="RFC 3339; the start of the room's day if left out")
]
To = Annotated[AwareDatetime | None, Query(description="RFC 3339, at most 92 days on; a day if left out")]


class OverrideAsked(Body):
    """Put a persona on until an instant; `persona: null` is off air."""

    persona: Name | None
    until: AwareDatetime
    rundown: Name | None = None


def shown(versioned: VersionedSlot) -> dict[str, Any]:
    """A slot as the API shows it."""
    return {**versioned.slot.model_dump(mode="json"), "version": versioned.version}


@router.get("/rooms/{room}/slots", summary="The timetable's lines")
async def list_slots(house: TheHouse, room: TheRoom, _: Viewer, page: Page) -> dict[str, Any]:
    """In the order they were added; each with the version that an edit names."""
    slots, following = page_of(await house.store.slots(room.id), page, lambda one: one.slot.id)
    return {"items": [shown(one) for one in slots], "next": following}


@router.post("/rooms/{room}/slots", status_code=201, summary="Add a line to the timetable")
async def add_slot(
    house: TheHouse, room: TheRoom, _: Operator, asked: Slot, response: Response
) -> dict[str, Any]:
    """The timetable follows at once."""
    _check(house, room.id, asked)
    try:
        added = await house.store.add_slot(room.id, asked)
    except AlreadyThere as error:
        raise ProblemError("already_there", what="slot", id=asked.id) from error
    await room.reload_timetable()
    house.events.publish(room.id, "timetable", {"slot": asked.id})
    response.headers["etag"] = etag(added.version)
    response.headers["location"] = f"/v1/rooms/{room.id}/slots/{asked.id}"
    return shown(added)


@router.get("/rooms/{room}/slots/{slot}", summary="One line of the timetable")
async def get_slot(
    house: TheHouse, room: TheRoom, _: Viewer, slot: str, response: Response
) -> dict[str, Any]:
    """Its ETag is what an edit names in If-Match."""
    found = await _found(house, room.id, slot)
    response.headers["etag"] = etag(found.version)
    return shown(found)


@router.put("/rooms/{room}/slots/{slot}", summary="Change a line of the timetable")
async def put_slot(
    house: TheHouse, room: TheRoom, _: Operator, slot: str, asked: Slot, version: IfMatch, response: Response
) -> dict[str, Any]:
    """Takes the whole slot. The id stays; a slot of another id is added with POST."""
    await _found(house, room.id, slot)
    if asked.id != slot:
        raise ProblemError("slot_refused", why=f"id: {asked.id} ≠ {slot}")
    _check(house, room.id, asked)
    changed = await house.store.put_slot(room.id, asked, version)
    await room.reload_timetable()
    house.events.publish(room.id, "timetable", {"slot": slot})
    response.headers["etag"] = etag(changed.version)
    return shown(changed)


@router.delete("/rooms/{room}/slots/{slot}", status_code=204, summary="Take a line off the timetable")
async def delete_slot(house: TheHouse, room: TheRoom, _: Operator, slot: str, version: IfMatch) -> Response:
    """What is on changes at the next phrase if this slot was on."""
    await _found(house, room.id, slot)
    await house.store.delete_slot(room.id, slot, version)
    await room.reload_timetable()
    house.events.publish(room.id, "timetable", {"slot": slot})
    return Response(status_code=204)


@router.get("/rooms/{room}/schedule", summary="What the timetable comes to")
async def get_schedule(
    house: TheHouse, room: TheRoom, _: Viewer, start: From = None, to: To = None
) -> dict[str, Any]:
    """Without holes from `from` to `to`; `persona: null` is off air. Times carry the room's offset."""
    zone = ZoneInfo(house.settings.room(room.id).zone)
    start, to = _window(zone, start, to)
    return {
        "zone": zone.key,
        "from": start.astimezone(zone).isoformat(),
        "to": to.astimezone(zone).isoformat(),
        "items": [on_air_shown(one, zone) for one in await _expanded(house, room.id, start, to)],
    }


@router.get(
    "/rooms/{room}/schedule.ics",
    summary="The timetable for a calendar",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {}}}},
)
async def get_calendar(house: TheHouse, room: TheRoom, _: Viewer) -> Response:
    """RFC 5545: an event for each slot, with its recurrence, in the room's zone."""
    slots = [one.slot for one in await house.store.slots(room.id)]
    settings = house.settings
    content = to_ics(settings.room(room.id), slots, settings.personas, stamp=datetime.now(UTC))
    name = f"{room.id}.ics"
    return Response(
        content, media_type="text/calendar", headers={"content-disposition": f'attachment; filename="{name}"'}
    )


@router.get("/rooms/{room}/override", summary="What was put on by hand")
async def get_override(house: TheHouse, room: TheRoom, _: Viewer) -> dict[str, Any]:
    """`override: null` when the timetable rules."""
    override = await house.store.override(room.id)
    stands = override is not None and override.until > datetime.now(UTC)
    return {"override": override.model_dump(mode="json") if override and stands else None}


@router.put("/rooms/{room}/override", summary="Put a persona on by hand")
async def put_override(house: TheHouse, room: TheRoom, _: Operator, asked: OverrideAsked) -> dict[str, Any]:
    """It rules over the timetable until its instant, at most 92 days on."""
    _known(house, asked.persona, asked.rundown)
    now = datetime.now(UTC)
    if not now < asked.until <= now + schedule.MAX_WINDOW:
        raise ProblemError("slot_refused", why="until: 须在未来 92 天内 / within the next 92 days")
    override = Override(persona=asked.persona, rundown=asked.rundown, until=asked.until)
    await house.store.set_override(room.id, override)
    await room.reload_timetable()
    house.events.publish(room.id, "timetable", {"override": override.model_dump(mode="json")})
    return {"override": override.model_dump(mode="json")}


@router.delete("/rooms/{room}/override", status_code=204, summary="Let the timetable rule again")
async def delete_override(house: TheHouse, room: TheRoom, _: Operator) -> Response:
    """Nothing happens if none stands."""
    await house.store.set_override(room.id, None)
    await room.reload_timetable()
    house.events.publish(room.id, "timetable", {"override": None})
    return Response(status_code=204)


def on_air_shown(one: schedule.OnAir, zone: ZoneInfo) -> dict[str, Any]:
    """A stretch of the timetable as the API shows it."""
    return {
        "persona": one.persona,
        "rundown": one.rundown,
        "slot": one.slot,
        "since": one.since.astimezone(zone).isoformat() if one.since else None,
        "until": one.until.astimezone(zone).isoformat() if one.until else None,
        "reason": one.reason.value,
    }


async def _expanded(house: House, room: str, start: datetime, to: datetime) -> list[schedule.OnAir]:
    slots = [one.slot for one in await house.store.slots(room)]
    override = await house.store.override(room)
    settings, now = house.settings.room(room), min(max(datetime.now(UTC), start), to)
    try:  # an override is known by its end alone: it is shown from now on
        past = schedule.expand(settings, slots, None, start, now)
        return [*past, *schedule.expand(settings, slots, override, now, to)]
    except schedule.ScheduleError as error:
        raise ProblemError("slot_refused", why=str(error)) from error


def _window(zone: ZoneInfo, start: datetime | None, to: datetime | None) -> tuple[datetime, datetime]:
    if start is None:
        start = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if start.year not in YEARS or (to is not None and to.year not in YEARS):
        raise ProblemError("slot_refused", why="from, to: 2000–2199")
    to = to or start + timedelta(days=1)
    if not timedelta(0) < to - start <= schedule.MAX_WINDOW:
        raise ProblemError("slot_refused", why="from < to ≤ from + 92 d")
    return start, to


async def _found(house: House, room: str, slot: str) -> VersionedSlot:
    for one in await house.store.slots(room):
        if one.slot.id == slot:
            return one
    raise ProblemError("unknown_thing", what="slot", id=slot)


def _check(house: House, room: str, slot: Slot) -> None:
    _known(house, slot.persona, slot.rundown)
    try:
        schedule.check_slot(slot, house.settings.room(room).zone)
    except schedule.ScheduleError as error:
        raise ProblemError("slot_refused", why=str(error)) from error


def _known(house: House, persona: str | None, rundown: str | None) -> None:
    """Refuse a persona or a rundown that is not configured."""
    if persona is not None and persona not in {one.id for one in house.settings.personas}:
        raise ProblemError("slot_refused", why=f"persona: {persona} ?")
    if rundown is not None and rundown not in {one.id for one in house.settings.rundowns}:
        raise ProblemError("slot_refused", why=f"rundown: {rundown} ?")
