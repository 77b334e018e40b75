"""One stream of events for all rooms."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from livehost.api.auth import Viewer
from livehost.api.ground import TheHouse, new_router
from livehost.api.keys import Role
from livehost.api.problems import ProblemError
from livehost.events import EventBus
from livehost.journal_export import without_names

router = new_router("events")

PING_S = 15


@router.get(
    "/events",
    summary="What happens, as server-sent events",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events until the caller leaves"}},
)
async def stream(
    house: TheHouse,
    who: Viewer,
    room: Annotated[str | None, Query(max_length=100, description="Only this room's")] = None,
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> EventSourceResponse:
    """A reader that reconnects gets what it missed; `missed` says that some is lost: read the rooms again.

    Viewers' names and contacts are in it for operators and the person on duty; others get `***`.
    """
    if room is not None and room not in house.rooms:
        raise ProblemError("unknown_room", room=room)
    known = last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit()
    after = int(last_event_id) if known and last_event_id else None
    return EventSourceResponse(
        _events(house.events, room, after, names=who.role.may(Role.OPERATOR)),
        ping=PING_S,
        headers={"x-accel-buffering": "no"},
    )


async def _events(
    bus: EventBus, room: str | None, after: int | None, *, names: bool = True
) -> AsyncIterator[ServerSentEvent]:
    with bus.subscribe(after) as listener:
        yield ServerSentEvent(event="hello", data="{}", retry=2000)
        async for event in listener:
            if missed := listener.take_missed():
                yield ServerSentEvent(event="missed", data=json.dumps({"count": missed}))
            if room in (None, event.room):
                told = event.as_dict()
                if not names:
                    told["data"] = without_names(event.data, asked=event.kind == "question")
                data = json.dumps(told, ensure_ascii=False, default=str)
                yield ServerSentEvent(id=str(event.id), event=event.kind, data=data)
