"""Destinations: push address (推流地址) and key (推流码). A key goes in and never comes out."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Response
from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from livehost.api.auth import Operator, Viewer
from livehost.api.ground import Body, IfMatch, Page, TheHouse, TheRoom, etag, new_router, page_of
from livehost.api.ports import House
from livehost.api.problems import ProblemError
from livehost.settings import Name, Output
from livehost.store.protocol import StoredOutput

router = new_router("outputs")


def _push_address(url: str) -> str:
    """Only rtmp and rtmps, a host, and nothing that an argument list or a log could trip over."""
    try:
        parts = urlsplit(url)
        ok = parts.scheme in ("rtmp", "rtmps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        ok = False
    if not ok or any(char.isspace() or ord(char) < 32 for char in url):
        raise ValueError(
            "推流地址须以 rtmp:// 或 rtmps:// 开头 / a push address begins with rtmp:// or rtmps://"
        )
    return url


Address = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=8, max_length=1000),
    AfterValidator(_push_address),
]
Key = Annotated[SecretStr, Field(max_length=1000)]


class OutputAsked(Body):
    """A destination. In a PUT, what is left out stays as it was (a new key alone is enough)."""

    url: Address | None = None
    key: Key | None = None
    enabled: bool | None = None


class NewOutput(Body):
    """A destination to add."""

    name: Name
    url: Address
    key: Key = SecretStr("")
    enabled: bool = True


@router.get("/rooms/{room}/outputs", summary="Where the stream goes")
async def list_outputs(house: TheHouse, room: TheRoom, _: Viewer, page: Page) -> dict[str, Any]:
    """With each destination's live state, and what it needs (`mend`) when it is not live."""
    states = await _states(room)
    outputs, following = page_of(await house.store.outputs(room.id), page, lambda one: one.name)
    return {"items": [shown(one, states) for one in outputs], "next": following}


@router.post("/rooms/{room}/outputs", status_code=201, summary="Add a destination")
async def add_output(
    house: TheHouse, room: TheRoom, _: Operator, asked: NewOutput, response: Response
) -> dict[str, Any]:
    """While on air it is pushed to at once."""
    if any(one.name == asked.name for one in await house.store.outputs(room.id)):
        raise ProblemError("already_there", what="output", id=asked.name)
    stored = await house.store.put_output(
        room.id, Output(name=asked.name, url=asked.url, key=_clean(asked.key), enabled=asked.enabled)
    )
    await room.reload_outputs()
    response.headers["etag"] = etag(stored.version)
    response.headers["location"] = f"/v1/rooms/{room.id}/outputs/{asked.name}"
    return shown(stored, {})


@router.get("/rooms/{room}/outputs/{output}", summary="One destination")
async def get_output(
    house: TheHouse, room: TheRoom, _: Viewer, output: str, response: Response
) -> dict[str, Any]:
    """Its ETag is what an edit names in If-Match."""
    found = await _found(house, room.id, output)
    response.headers["etag"] = etag(found.version)
    return shown(found, await _states(room))


@router.put("/rooms/{room}/outputs/{output}", summary="Change a destination, or just its key (换码)")
async def put_output(
    house: TheHouse,
    room: TheRoom,
    _: Operator,
    output: str,
    asked: OutputAsked,
    version: IfMatch,
    response: Response,
) -> dict[str, Any]:
    """Only this destination reconnects; the others do not notice."""
    found = await _found(house, room.id, output)
    changed = Output(
        name=output,
        url=asked.url if asked.url is not None else found.url,
        key=_clean(asked.key) if asked.key is not None else found.key,
        enabled=asked.enabled if asked.enabled is not None else found.enabled,
    )
    stored = await house.store.put_output(room.id, changed, found.version if version is None else version)
    await room.reload_outputs()
    response.headers["etag"] = etag(stored.version)
    return shown(stored, {})


@router.delete("/rooms/{room}/outputs/{output}", status_code=204, summary="Remove a destination")
async def delete_output(
    house: TheHouse, room: TheRoom, _: Operator, output: str, version: IfMatch
) -> Response:
    """Its stream ends; the others do not notice."""
    await _found(house, room.id, output)
    await house.store.delete_output(room.id, output, version)
    await room.reload_outputs()
    return Response(status_code=204)


def shown(output: StoredOutput, states: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A destination as the API shows it: whether it has a key, never the key, nor one within the address."""
    return {
        "name": output.name,
        "url": _without_secrets(output.url),
        "has_key": bool(output.key.get_secret_value()),
        "enabled": output.enabled,
        "version": output.version,
        "live": states.get(output.name),
    }


def _without_secrets(url: str) -> str:
    """Some platforms give one address that holds the key as a query, or a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}{'?***' if parts.query else ''}"


def _clean(key: SecretStr) -> SecretStr:
    text = key.get_secret_value().strip()
    if any(char.isspace() or ord(char) < 32 for char in text):
        raise ProblemError("invalid", first="key: 推流码里不能有空格或换行 / no spaces within a key")
    return SecretStr(text)


async def _states(room: TheRoom) -> dict[str, dict[str, Any]]:
    outputs = (await room.view()).get("outputs") or []
    return {one["name"]: one for one in outputs if "name" in one}


async def _found(house: House, room: str, name: str) -> StoredOutput:
    for one in await house.store.outputs(room):
        if one.name == name:
            return one
    raise ProblemError("unknown_thing", what="output", id=name)
