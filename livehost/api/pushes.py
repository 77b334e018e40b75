"""Where platforms and forwarding tools post, each as it does it; and how a room's sources stand.

Every answer comes within the platform's limit: what is not stored in time is an honest error, so
that it is sent again.
"""

from __future__ import annotations

import hmac
import zlib
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response, WebSocket

from livehost.api.auth import Viewer
from livehost.api.ground import TheHouse, TheRoom, new_router
from livehost.api.keys import host_is_ours
from livehost.api.ports import House
from livehost.api.problems import ProblemError
from livehost.chat import douyin, kuaishou
from livehost.chat.push import PushRefused
from livehost.chat.source_settings import DouyinPush, DycastRelay, KuaishouPush, WxlivespyForward
from livehost.chat.tolerant import parse

router = new_router("webhooks")

STORE_WITHIN_S = 1.5  # Douyin gives up after 2 s
POLICY_VIOLATION = 1008

_ANY_JSON = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}


def _header(name: str, text: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name, "in": "header", "required": True, "description": text,
        "schema": {"type": "string", **schema},
    }  # fmt: skip


_DOUYIN = {
    **_ANY_JSON,
    "parameters": [
        _header("x-nonce-str", "A random text"),
        _header("x-timestamp", "When it was signed, in ms or s"),
        _header("x-roomid", "The platform's room"),
        _header("x-msg-type", "What the array holds", enum=list(douyin.KINDS)),
        _header("x-signature", "Base64 of MD5 over the sorted headers, the raw body and the secret"),
    ],
}
_KUAISHOU = {
    **_ANY_JSON,
    "parameters": [_header("kwaisign", "Lower-case hex MD5 over the raw body and the secret")],
}


@router.head("/webhooks/douyin/{room}", summary="抖音's self-test asks whether we are here")
@router.head("/webhooks/kuaishou/{room}", summary="快手's self-test asks whether we are here")
async def here(room: TheRoom) -> Response:
    """200, with nothing."""
    return Response()


@router.post(
    "/webhooks/douyin/{room}",
    summary="抖音直播小玩法's push: comments, gifts, likes, fan club",
    openapi_extra=_DOUYIN,
)
async def douyin_push(room: TheRoom, request: Request) -> dict[str, int]:
    """Signed by the platform with one of the secrets in the room's `sources`. 200 means: stored."""
    settings = room.sources.of(DouyinPush)
    if settings is None:
        raise ProblemError("no_source", room=room.id, kind="douyin")
    body, now = await request.body(), datetime.now(UTC)
    try:
        douyin.check(request.headers, body, settings, now)
        parsed = douyin.events(body, request.headers.get("x-msg-type", ""), settings, now)
    except PushRefused as refused:
        room.sources.refuse("douyin", refused.code)
        code = "push_signature_wrong" if refused.code == "signature_wrong" else refused.code
        raise ProblemError(code, why=refused.why) from refused
    return await room.sources.take(parsed, "douyin", within_s=STORE_WITHIN_S)


@router.post(
    "/webhooks/kuaishou/{room}",
    summary="快手小玩法's push: comments, likes, gifts",
    openapi_extra=_KUAISHOU,
)
async def kuaishou_push(room: TheRoom, request: Request) -> dict[str, Any]:
    """200 with `{"result": 1}` means: stored. What is refused has another `result`, and a cause."""
    settings = room.sources.of(KuaishouPush)
    if settings is None:
        raise ProblemError("no_source", room=room.id, kind="kuaishou")
    body, now = await request.body(), datetime.now(UTC)
    try:
        value = kuaishou.check(request.headers.get("kwaisign", ""), body, settings, now)
    except PushRefused as refused:
        room.sources.refuse("kuaishou", refused.code)
        if refused.code == "signature_wrong":
            return kuaishou.WRONG_SIGNATURE
        return {"result": kuaishou.REFUSED, "errorMsg": f"{refused.code}: {refused.why}"[:200]}
    parsed = kuaishou.events(value, settings, now)
    await room.sources.take(parsed, "kuaishou", within_s=STORE_WITHIN_S)
    return kuaishou.TAKEN


@router.post(
    "/webhooks/wxlivespy/{room}",
    summary="wxlivespy's forwarded events of a 视频号 room",
    openapi_extra=_ANY_JSON,
)
async def wxlivespy_forward(
    house: TheHouse, room: TheRoom, request: Request, token: Annotated[str, Query(max_length=200)] = ""
) -> dict[str, int]:
    """The tool can send no header: the token of the room's `sources` stands in the address."""
    settings = room.sources.of(WxlivespyForward)
    if settings is None:
        raise ProblemError("no_source", room=room.id, kind="wxlivespy")
    if not _is(token, settings.token.get_secret_value()):
        room.sources.refuse("wxlivespy", "relay_token_wrong")
        raise ProblemError("relay_token_wrong")
    body = await request.body()
    if request.headers.get("content-encoding", "").strip().lower() == "gzip":
        body = _unzipped(body, house.settings.api.max_body_bytes)
    parsed = parse(body, datetime.now(UTC), own_names=settings.own_names, platform="wechat")
    return await room.sources.take(parsed, "wxlivespy", within_s=STORE_WITHIN_S)


@router.get("/rooms/{room}/sources", summary="Where the room's events come from, and whether they do")
async def sources(room: TheRoom, _: Viewer) -> dict[str, Any]:
    """Each configured source: its state, counts, and what it sent that is not known."""
    return {"items": room.sources.view()}


@router.websocket("/relays/dycast/{room}")
async def dycast(websocket: WebSocket, room: str, token: str = "") -> None:
    """dycast connects here; it can send no header, so the token stands in the address."""
    house: House = websocket.app.state.house
    found = house.rooms.get(room)
    source = found.sources.of(DycastRelay) if found is not None else None
    if (
        found is None
        or source is None
        or not _is(token, source.token.get_secret_value())
        or not host_is_ours(websocket.headers.get("host", ""), house.settings.api.hosts)
    ):
        await websocket.close(POLICY_VIOLATION)
        return
    await websocket.accept()
    try:
        await found.sources.feed(source).hear(_Frames(websocket))
    except EOFError:
        return


class _Frames:
    """The frames of an accepted WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def recv(self) -> str | bytes:
        """The next frame; EOFError when the other side has gone."""
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            raise EOFError
        text: str | None = message.get("text")
        return text if text is not None else bytes(message.get("bytes") or b"")


def _is(presented: str, token: str) -> bool:
    """Whether it is the token, compared in constant time."""
    return bool(token) and hmac.compare_digest(presented.encode(errors="replace"), token.encode())


def _unzipped(body: bytes, limit: int) -> bytes:
    """The body of a gzipped request, at most `limit` bytes of it."""
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = reader.decompress(body, limit)
    except zlib.error as error:
        raise ProblemError("body_unreadable") from error
    if reader.unconsumed_tail:
        raise ProblemError("body_too_large", limit=limit)
    if not reader.eof:
        raise ProblemError("body_unreadable")
    return plain
