"""哔哩哔哩直播开放平台 (open-live): the project is started by HTTP, its events come over a WebSocket.

Packets have a header of 16 bytes, big-endian: length (4), header length (2), version (2), operation
(4), sequence (4). Version 2 is zlib over further packets. The authentication goes first, then a
heartbeat every 30 s on the socket and every 20 s by HTTP. Requests are signed with HMAC-SHA256 over
the `x-bili-*` headers. (open-live.bilibili.com/document; github.com/xfgryujk/blivedm, MIT)
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import struct
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from livehost.chat import fields as read
from livehost.chat.events import Kind, Piece
from livehost.chat.source_settings import BliveRelay

KINDS = {
    "LIVE_OPEN_PLATFORM_DM": Kind.COMMENT,
    "LIVE_OPEN_PLATFORM_SUPER_CHAT": Kind.COMMENT,
    "LIVE_OPEN_PLATFORM_SEND_GIFT": Kind.GIFT,
    "LIVE_OPEN_PLATFORM_GUARD": Kind.SUBSCRIBE,
    "LIVE_OPEN_PLATFORM_LIKE": Kind.LIKE,
    "LIVE_OPEN_PLATFORM_LIVE_ROOM_ENTER": Kind.ENTER,
    "LIVE_OPEN_PLATFORM_LIVE_END": Kind.END,
}
HEADER = struct.Struct(">I2H2I")
ZLIB = 2
HEARTBEAT, EVENT, AUTH, AUTH_REPLY = 2, 5, 7, 8
SOCKET_BEAT_S = 30.0
PROJECT_BEAT_S = 20.0
MAX_UNPACKED = 4 * 1024 * 1024


class BliveRefused(Exception):
    """The platform does not take the project, its keys or the 身份码."""


def opened(value: Mapping[str, object]) -> list[Piece] | None:
    """The event of a command, or None where this is none of the open platform's."""
    word, data = value.get("cmd"), value.get("data")
    if (
        not isinstance(word, str)
        or not word.startswith("LIVE_OPEN_PLATFORM")
        or not isinstance(data, Mapping)
    ):
        return None
    kind = KINDS.get(word)
    count = max(1, read.whole(data.get("gift_num") or data.get("guard_num") or data.get("like_count")))
    value_fen: int | None = None
    text = ""
    if kind is Kind.GIFT:
        text = read.text_of(data.get("gift_name"))
        value_fen = count * read.whole(data.get("r_price") or data.get("price")) // 10  # 1000 are 1 元
    elif kind is Kind.SUBSCRIBE:
        value_fen = count * read.whole(data.get("price")) // 10
    elif word.endswith("SUPER_CHAT"):
        value_fen = 100 * read.whole(data.get("rmb"))
    counted = count if kind is not Kind.COMMENT else 1
    return [Piece(fields=data, word=word, platform="bilibili", text=text, count=counted, value_fen=value_fen)]


def packet(operation: int, body: bytes) -> bytes:
    """A packet to send."""
    return HEADER.pack(HEADER.size + len(body), HEADER.size, 1, operation, 1) + body


def unpacked(data: bytes) -> list[tuple[int, bytes]]:
    """Operation and body of each packet, those inside compressed ones included; what is torn ends it."""
    found: list[tuple[int, bytes]] = []
    left, budget = [data], MAX_UNPACKED
    while left:
        rest = left.pop(0)
        while len(rest) >= HEADER.size:
            length, header, version, operation, _ = HEADER.unpack_from(rest)
            if not HEADER.size <= header <= length <= len(rest):
                break
            body, rest = rest[header:length], rest[length:]
            if version != ZLIB:
                found.append((operation, body))
                continue
            with suppress(zlib.error):
                plain = zlib.decompressobj().decompress(body, budget) if budget > 0 else b""
                budget -= len(plain)
                if budget > 0:
                    left.append(plain)
    return found


def signed(body: bytes, key_id: str, secret: str, *, nonce: str, at_s: int) -> dict[str, str]:
    """The headers of a request: the sorted `x-bili-*` lines under HMAC-SHA256."""
    headers = {
        "x-bili-accesskeyid": key_id,
        "x-bili-content-md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "x-bili-signature-method": "HMAC-SHA256",
        "x-bili-signature-nonce": nonce,
        "x-bili-signature-version": "1.0",
        "x-bili-timestamp": str(at_s),
    }
    lines = "\n".join(f"{name}:{value}" for name, value in headers.items())
    sign = hmac.new(secret.encode(), lines.encode(), hashlib.sha256).hexdigest()
    return {
        **headers,
        "Authorization": sign,
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


class Wire(Protocol):
    """A WebSocket, as far as it is used here."""

    async def send(self, data: bytes) -> None:
        """Send one frame."""
        ...

    async def recv(self) -> str | bytes:
        """The next frame."""
        ...


@dataclass
class Stream:
    """The events of a started project, one JSON text at a time."""

    wire: Wire
    _held: list[str] = field(default_factory=list)

    async def recv(self) -> str | bytes:
        """The next event; raises BliveRefused where the authentication failed."""
        while not self._held:
            data = await self.wire.recv()
            for operation, body in unpacked(data if isinstance(data, bytes) else data.encode()):
                if operation == AUTH_REPLY and _code(body) != 0:
                    raise BliveRefused(f"authentication refused with code {_code(body)}")
                if operation == EVENT:
                    self._held.append(body.decode("utf-8", "replace"))
        return self._held.pop(0)


@asynccontextmanager
async def project(settings: BliveRelay, http: httpx.AsyncClient) -> AsyncIterator[tuple[str, str]]:
    """Start the project; yields the socket's address and the authentication to send. Ends it after."""
    told = await _ask(
        settings, http, "/v2/app/start", {"code": settings.code.get_secret_value(), "app_id": settings.app_id}
    )
    try:
        game = str(told["game_info"]["game_id"] or "")
        socket = told["websocket_info"]
        address, auth = str(socket["wss_link"][0]), str(socket["auth_body"])
    except (KeyError, IndexError, TypeError) as error:
        raise BliveRefused(f"an answer of an unknown shape: {error!r}") from error
    beat = asyncio.create_task(_beat(settings, http, game), name="bilibili project heartbeat")
    try:
        yield address, auth
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)
        if game:
            with suppress(httpx.HTTPError, BliveRefused):
                await _ask(settings, http, "/v2/app/end", {"app_id": settings.app_id, "game_id": game})


async def keep_awake(wire: Wire) -> None:
    """Send the socket's heartbeat for ever."""
    while True:
        await wire.send(packet(HEARTBEAT, b""))
        await asyncio.sleep(SOCKET_BEAT_S)


async def _beat(settings: BliveRelay, http: httpx.AsyncClient, game: str) -> None:
    while game:
        await asyncio.sleep(PROJECT_BEAT_S)
        with suppress(httpx.HTTPError, BliveRefused):  # the socket closes where it did not arrive
            await _ask(settings, http, "/v2/app/heartbeat", {"game_id": game})


async def _ask(
    settings: BliveRelay, http: httpx.AsyncClient, path: str, asked: Mapping[str, object]
) -> Mapping[str, Any]:
    """The `data` of a signed request's answer; raises BliveRefused or httpx.HTTPError."""
    body = json.dumps(asked).encode()
    headers = signed(
        body,
        settings.access_key_id.get_secret_value(),
        settings.access_key_secret.get_secret_value(),
        nonce=secrets.token_hex(8),
        at_s=int(time.time()),
    )
    answer = await http.post(settings.api + path, content=body, headers=headers)
    answer.raise_for_status()
    try:
        told = answer.json()
    except ValueError as error:
        raise BliveRefused("an answer that is not JSON") from error
    if not isinstance(told, dict) or told.get("code") != 0:
        code = told.get("code") if isinstance(told, dict) else told
        message = told.get("message") if isinstance(told, dict) else ""
        raise BliveRefused(f"code {code}: {message}")
    data = told.get("data")
    return data if isinstance(data, dict) else {}


def _code(body: bytes) -> int:
    """The code of an authentication's answer: 0 is well."""
    try:
        told = json.loads(body)
    except ValueError:
        return -1
    code = told.get("code", 0) if isinstance(told, dict) else -1
    return code if isinstance(code, int) else -1
