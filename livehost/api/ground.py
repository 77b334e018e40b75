"""What the routes stand on: strict JSON, the house and the room asked for, pages and versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, NoReturn, TypeVar, cast

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from livehost.api.ports import House, LiveRoom
from livehost.api.problems import ProblemError

MAX_PAGE = 200
_MAX_VERSION = 2**31

T = TypeVar("T")


class Body(BaseModel):
    """Base of every request body: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def loads_strictly(text: bytes | str) -> Any:
    """JSON without NaN and Infinity; raises ValueError."""

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


class _StrictRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            try:
                self._json = loads_strictly(await self.body())
            except ValueError as error:
                raise ProblemError("body_unreadable") from error
        return self._json


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


def new_router(tag: str) -> APIRouter:
    """A router whose bodies are strict JSON."""
    return APIRouter(tags=[tag], route_class=_StrictRoute)


# Coroutines, because FastAPI runs plain functions in a thread, for each push anew.
async def the_house(request: Request) -> House:
    """The house this API shows."""
    return cast(House, request.app.state.house)


TheHouse = Annotated[House, Depends(the_house)]


async def the_room(room: str, house: TheHouse) -> LiveRoom:
    """The room of the path; 404 if there is none."""
    found = house.rooms.get(room)
    if found is None:
        raise ProblemError("unknown_room", room=room)
    return found


TheRoom = Annotated[LiveRoom, Depends(the_room)]


class PageAsked(BaseModel):
    """Which page of a list: at most `limit` items, those that follow the cursor `after`."""

    limit: int
    after: str | None


def page_asked(
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="At most so many items")] = 50,
    after: Annotated[
        str | None, Query(max_length=300, description="`next` of the page before; leave out for the first")
    ] = None,
) -> PageAsked:
    """The page that a request asks for."""
    return PageAsked(limit=limit, after=after)


Page = Annotated[PageAsked, Depends(page_asked)]


def page_of(items: Sequence[T], asked: PageAsked, key: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The items after the cursor, and the next cursor. An item that has gone starts from the top."""
    start = 0
    if asked.after is not None:
        start = next((i + 1 for i, item in enumerate(items) if key(item) == asked.after), 0)
    taken = list(items[start : start + asked.limit])
    more = start + asked.limit < len(items)
    return taken, key(taken[-1]) if taken and more else None


def etag(version: int) -> str:
    """A version as an ETag."""
    return f'"{version}"'


def version_named(
    if_match: Annotated[
        str | None, Header(max_length=200, description='The ETag of what was read, e.g. "3", or *')
    ] = None,
) -> int | None:
    """The version that an edit rests on; None for `*`. An edit without If-Match gets 428."""
    text = (if_match or "").strip()
    if text == "*":
        return None
    number = text.removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdigit()):
        raise ProblemError("version_missing")
    return int(number) if len(number) < 10 else _MAX_VERSION


IfMatch = Annotated[int | None, Depends(version_named)]
