"""The room's record by date, streamed: what was said and done, for an inspection or for one's own files."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query
from fastapi.responses import StreamingResponse

from livehost.api.auth import Viewer
from livehost.api.ground import TheHouse, TheRoom, new_router
from livehost.api.keys import Role
from livehost.journal_export import MEDIA_TYPES, Format, Span, in_pieces, written
from livehost.refused import Refused

router = new_router("records")


@router.get(
    "/rooms/{room}/records",
    summary="The record by date, as JSON lines or CSV",
    response_class=StreamingResponse,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}, "description": "The record"}},
)
async def get_records(
    house: TheHouse,
    room: TheRoom,
    who: Viewer,
    first: Annotated[
        date | None, Query(alias="from", description="The first day, in the room's zone")
    ] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day, itself included")] = None,
    form: Annotated[Format, Query(alias="format")] = "jsonl",
) -> StreamingResponse:
    """Viewers' names are in it for operators and the person on duty; others get `***`."""
    zone = ZoneInfo(house.settings.room(room.id).zone)
    try:
        span = Span.of_days(first, last, zone)
    except ValueError as error:
        raise Refused(str(error), "对调 from 和 to / exchange `from` and `to`", 422) from error
    await house.journal.flush()
    entries = house.journal.records(room.id, span, names=who.role.may(Role.OPERATOR))
    days = "_".join(one.isoformat() for one in (first, last) if one is not None) or "all"
    name = f"{room.id}_{days}.{form}"
    return StreamingResponse(
        in_pieces(written(entries, form, zone)),
        media_type=MEDIA_TYPES[form],
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )
