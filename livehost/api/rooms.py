"""Rooms: how they stand, their sessions, and what the person on duty does."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import Response
from pydantic import Field, StringConstraints

from livehost.api.auth import Duty, Operator, Viewer
from livehost.api.ground import Body, Page, TheHouse, TheRoom, new_router, page_of
from livehost.api.keys import Role
from livehost.api.ports import House, LiveRoom
from livehost.api.problems import ProblemError

router = new_router("rooms")

SpokenText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class SessionAsked(Body):
    """What is to become of the room's session (场次)."""

    action: Literal["rehearse", "open", "close"]


class SayAsked(Body):
    """A text to be said by the host; `urgent` goes before all else and drops what is queued.

    `confirmed`: the person stands by what the review left to a person.
    """

    text: SpokenText
    urgent: bool = False
    confirmed: bool = False


class ControlAsked(Body):
    """What the person on duty wants now."""

    action: Literal[
        "next_product", "skip", "pause", "resume", "script_only", "auto", "review", "manual", "take_over",
        "hand_back", "cut", "uncut",
    ]  # fmt: skip


_OF_DUTY = ("uncut", "take_over", "hand_back")


@router.get("/house", summary="What the page needs to know first")
async def get_house(house: TheHouse, who: Viewer) -> dict[str, Any]:
    """Language, the red button's port, who is asking, and the names of personas and rundowns."""
    settings = house.settings
    return {
        "language": settings.language,
        "label": settings.ai_label,
        "red_button_port": urlsplit(house.red_button_url).port,
        "role": who.role.value,
        "can": [role.value for role in Role if who.role.may(role)],
        "personas": [{"id": one.id, "name": one.name} for one in settings.personas],
        "rundowns": [one.id for one in settings.rundowns],
    }


@router.get("/rooms", summary="All rooms, as they stand")
async def list_rooms(house: TheHouse, _: Viewer, page: Page) -> dict[str, Any]:
    """Each as `GET /rooms/{room}` shows it."""
    rooms, following = page_of(list(house.rooms.values()), page, lambda one: one.id)
    return {"items": [await _shown(house, room) for room in rooms], "next": following}


@router.get("/rooms/{room}", summary="A room: life, session, on air, next, playout, outputs, counters")
async def get_room(house: TheHouse, room: TheRoom, _: Viewer) -> dict[str, Any]:
    """What an operator sees at a glance."""
    return await _shown(house, room)


async def _shown(house: House, room: LiveRoom) -> dict[str, Any]:
    settings = house.settings.room(room.id)
    return {
        "id": room.id,
        "title": settings.title or room.id,
        "platform": settings.platform,
        "zone": settings.zone,
        "canvas": {"width": settings.canvas.width, "height": settings.canvas.height},
        **await room.view(),
        "alarms": [alarm.as_dict() for alarm in house.alarms.current(room.id)],
    }


@router.post("/rooms/{room}/session", summary="Rehearse (彩排), open (开播) or close (下播)")
async def change_session(house: TheHouse, room: TheRoom, _: Operator, asked: SessionAsked) -> dict[str, Any]:
    """Returns the room as it then stands. Opening a room that is on air changes nothing."""
    match asked.action:
        case "rehearse":
            await room.rehearse()
        case "open":
            await room.open()
        case "close":
            await room.close()
    return await _shown(house, room)


@router.post("/rooms/{room}/say", summary="Have a text said (插播)")
async def say(room: TheRoom, who: Duty, asked: SayAsked) -> dict[str, Any]:
    """The text is reviewed like every other; a refused one comes back with what broke which rule.

    What is in doubt comes back with 409 and `confirm: true`, and is said when sent again as `confirmed`.
    """
    return await room.say(asked.text, asked.urgent, who.name, confirmed=asked.confirmed)


@router.post("/rooms/{room}/control", status_code=204, summary="Steer the room, or cut it")
async def control(room: TheRoom, who: Operator, asked: ControlAsked) -> Response:
    """`cut` shows the holding picture within a second; `uncut`, `take_over` and `hand_back` are for duty.

    `auto | review | manual`: questions are answered as they come, each once it is approved, or by the
    person on duty alone. In a room that was taken over only that person's words are said.
    """
    if asked.action in _OF_DUTY and not who.role.may(Role.DUTY):
        raise ProblemError("role_too_low", wanted=Role.DUTY.value, role=who.role.value)
    await room.control(asked.action, who.name)
    return Response(status_code=204)


class AlarmsShown(Body):
    """The alarms that stand."""

    items: list[dict[str, Any]] = Field(default_factory=list)


@router.get("/alarms", summary="What needs a person, with cause and mend")
async def list_alarms(house: TheHouse, _: Viewer) -> AlarmsShown:
    """Oldest first; an alarm that is over is no longer here."""
    return AlarmsShown(items=[alarm.as_dict() for alarm in house.alarms.current()])
