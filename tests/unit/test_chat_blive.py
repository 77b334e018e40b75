"""哔哩哔哩's open platform: packets, signatures, and a whole session against a scripted platform."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect

from livehost.alarms import Alarms
from livehost.chat import blive
from livehost.chat.events import ChatEvent, Parsed
from livehost.chat.relay import Relay
from livehost.chat.source_settings import BliveRelay
from livehost.events import EventBus
from livehost.tasks import Tasks
from tests.conftest import free_port, wait_until
from tests.virtual_time import run_virtual

COMMANDS = [
    line.encode()
    for line in (Path(__file__).parent.parent / "data" / "chat" / "blive.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def raw(operation: int, version: int, body: bytes) -> bytes:
    """A packet as the platform sends it."""
    return blive.HEADER.pack(blive.HEADER.size + len(body), blive.HEADER.size, version, operation, 0) + body


def test_packets_side_by_side_and_inside_each_other() -> None:
    one, two, three = (raw(blive.EVENT, 0, body) for body in COMMANDS[:3])
    packed = raw(blive.EVENT, blive.ZLIB, zlib.compress(two + three))
    assert [body for _, body in blive.unpacked(one + packed)] == COMMANDS[:3]
    assert blive.unpacked(one + two[:20]) == [(blive.EVENT, COMMANDS[0])]
    bomb = raw(blive.EVENT, blive.ZLIB, zlib.compress(b"\0" * (blive.MAX_UNPACKED * 3)))
    assert blive.unpacked(bomb + one) == [(blive.EVENT, COMMANDS[0])]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_any_bytes_are_unpacked_or_dropped(body: bytes, version: int, length: int) -> None:
    blive.unpacked(body)
    blive.unpacked(raw(blive.EVENT, version, body))
    blive.unpacked(blive.HEADER.pack(length, 16, version, 5, 0) + body)


def test_a_request_is_signed_over_its_sorted_headers() -> None:
    body = b'{"a":1}'
    told = blive.signed(body, "key", "secret", nonce="n", at_s=1700000000)
    lines = (
        "x-bili-accesskeyid:key\n"
        f"x-bili-content-md5:{hashlib.md5(body).hexdigest()}\n"
        "x-bili-signature-method:HMAC-SHA256\nx-bili-signature-nonce:n\n"
        "x-bili-signature-version:1.0\nx-bili-timestamp:1700000000"
    )
    assert told["Authorization"] == hmac.new(b"secret", lines.encode(), hashlib.sha256).hexdigest()


@dataclass
class Platform:
    """A platform that takes one project; remembers what it was asked and sent."""

    port: int
    refuses: int = 0  # starts that are refused with code 7007
    auth_code: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    operations: list[int] = field(default_factory=list)
    signatures_hold: bool = True

    def app(self) -> FastAPI:
        app = FastAPI()

        async def answer(request: Request) -> dict[str, Any]:
            body = await request.body()
            self._check(request, body)
            name = request.url.path.rpartition("/")[2]
            self.asked.append((name, json.loads(body)))
            if name == "start" and self.refuses:
                self.refuses -= 1
                return {"code": 7007, "message": "身份码错误", "data": {}}
            data = {
                "game_info": {"game_id": "g1"},
                "websocket_info": {
                    "auth_body": '{"roomid":1,"key":"k"}', "wss_link": [f"ws://127.0.0.1:{self.port}/sub"],
                },
                "anchor_info": {"room_id": 1},
            }  # fmt: skip
            return {"code": 0, "message": "ok", "data": data if name == "start" else {}}

        async def sub(websocket: WebSocket) -> None:
            await websocket.accept()
            (operation, auth), *_ = blive.unpacked(await websocket.receive_bytes())
            self.operations.append(operation)
            assert json.loads(auth) == {"roomid": 1, "key": "k"}
            await websocket.send_bytes(raw(blive.AUTH_REPLY, 1, b'{"code":%d}' % self.auth_code))
            events = [raw(blive.EVENT, 0, body) for body in COMMANDS]
            await websocket.send_bytes(raw(blive.EVENT, blive.ZLIB, zlib.compress(b"".join(events[:4]))))
            await websocket.send_bytes(raw(3, 1, b"\0\0\0\1") + b"".join(events[4:]))
            try:
                while True:
                    self.operations += [
                        operation for operation, _ in blive.unpacked(await websocket.receive_bytes())
                    ]
            except WebSocketDisconnect:
                return

        app.add_api_route("/v2/app/{name}", answer, methods=["POST"])
        app.add_api_websocket_route("/sub", sub)
        return app

    def _check(self, request: Request, body: bytes) -> None:
        names = sorted(name for name in request.headers if name.startswith("x-bili-"))
        lines = "\n".join(f"{name}:{request.headers[name]}" for name in names)
        wanted = hmac.new(b"secret", lines.encode(), hashlib.sha256).hexdigest()
        md5 = hashlib.md5(body).hexdigest()
        holds = request.headers["authorization"] == wanted and request.headers["x-bili-content-md5"] == md5
        self.signatures_hold = self.signatures_hold and holds


@asynccontextmanager
async def platform(**more: Any) -> AsyncIterator[tuple[Platform, BliveRelay]]:
    """A running platform, and the settings that reach it."""
    told = Platform(free_port(), **more)
    config = uvicorn.Config(told.app(), port=told.port, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started)
    yield (
        told,
        BliveRelay.model_validate(
            {
                "kind": "blive",
                "app_id": 5,
                "access_key_id": "key",
                "access_key_secret": "secret",
                "code": "C0DE",
                "api": f"http://127.0.0.1:{told.port}",
            }
        ),
    )
    server.should_exit = True
    await serving


async def test_a_session_from_start_to_end() -> None:
    events: list[ChatEvent] = []

    async def sink(parsed: Parsed) -> None:
        events.extend(parsed.events)

    async with platform(refuses=1) as (told, configured):
        async with Tasks("test") as tasks:
            relay = Relay(configured, sink, room="room", alarms=Alarms(EventBus()))
            tasks.keep(relay.run, "relay")
            await wait_until(lambda: "身份码错误" in relay.last_error)
            await wait_until(lambda: len(events) == 7)
            await wait_until(lambda: told.operations == [blive.AUTH, blive.HEARTBEAT])
            assert relay.unknown == {"LIVE_OPEN_PLATFORM_SUPER_CHAT_DEL": 1}
        assert [name for name, _ in told.asked] == ["start", "start", "end"]
        assert told.asked[0][1] == {"code": "C0DE", "app_id": 5}
        assert told.asked[2][1] == {"app_id": 5, "game_id": "g1"}
        assert told.signatures_hold


async def test_a_refused_authentication_is_said() -> None:
    async def sink(_: Parsed) -> None:
        raise AssertionError("nothing may come")

    async with platform(auth_code=-101) as (_, configured), Tasks("test") as tasks:
        relay = Relay(configured, sink, room="room", alarms=Alarms(EventBus()))
        tasks.keep(relay.run, "relay")
        await wait_until(lambda: "-101" in relay.last_error)


def test_both_heartbeats_go_on() -> None:
    sent: list[bytes] = []

    class Socket:
        async def send(self, data: bytes) -> None:
            sent.append(data)

        async def recv(self) -> bytes:
            raise EOFError

    async def an_hour() -> None:
        beat = asyncio.create_task(blive.keep_awake(Socket()))
        await asyncio.sleep(3599)
        beat.cancel()

    run_virtual(an_hour())
    assert len(sent) == 120
    assert {operation for data in sent for operation, _ in blive.unpacked(data)} == {blive.HEARTBEAT}


@pytest.mark.parametrize(
    "answer", [b"[]", b"no json", b'{"code":0,"data":{}}', b'{"code":0,"data":{"game_info":3}}']
)
async def test_an_answer_of_another_shape_is_a_refusal(answer: bytes) -> None:
    import httpx

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
    configured = BliveRelay.model_validate(
        {"kind": "blive", "app_id": 5, "access_key_id": "k", "access_key_secret": "s", "code": "c"}
    )
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(blive.BliveRefused):
            async with blive.project(configured, http):
                pass
