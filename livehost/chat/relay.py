"""A relay's events from its WebSocket into the room, for ever: it reconnects, and says when it is silent.

Reading and storing are two tasks with a bounded queue between them: a slow store never stops the
reading (so silence and lost connections are seen), and costs the oldest events, counted, not memory.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
import structlog
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from livehost.alarms import Alarms
from livehost.chat import blive
from livehost.chat.events import Parsed
from livehost.chat.source_settings import (
    BarrageGrabRelay,
    BliveRelay,
    DycastRelay,
    ObaRelay,
    RelaySource,
)
from livehost.chat.tolerant import parse
from livehost.store.protocol import StoreError

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
STORE_RETRY_S = 2.0
WATCH_S = 1.0
SETTLED_S = 5.0  # a connection that lasts so long, or delivers, is one
MAX_HELD = 500  # frames that wait for the store; then the oldest is dropped
MAX_FRAME = 1_000_000
LOST = (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, EOFError)

_log = structlog.get_logger(__name__)

Sink = Callable[[Parsed], Coroutine[Any, Any, object]]


class Connection(Protocol):
    """Frames of JSON, one at a time."""

    async def recv(self) -> str | bytes:
        """The next frame; raises one of `LOST` when there are no more."""
        ...


Dial = Callable[[], AbstractAsyncContextManager[Connection]]


class Feed:
    """What one relay delivers, and whether it does; `kind` of its settings names it in alarms.

    `heeded` says whether somebody needs it now (a session is open): only then is silence an alarm.
    """

    def __init__(
        self,
        settings: RelaySource,
        sink: Sink,
        *,
        room: str,
        alarms: Alarms,
        heeded: Callable[[], bool] = lambda: True,
        platform: str = "",
    ) -> None:
        self.settings = settings
        self.kind = settings.kind
        self.connected = 0  # connections that are open (dycast may be open in two pages)
        self.events = 0
        self.dropped = 0
        self.unknown: dict[str, int] = {}
        self.last_error = ""
        self.last_event_at: datetime | None = None
        self._sink = sink
        self._room = room
        self._alarms = alarms
        self._heeded = heeded
        self._platform = platform
        self._own: set[str] = set()
        self._held: deque[Parsed] = deque()
        self._filled = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._away_since = self._heeded_since = self._clock()
        self._connected_at = self._frame_at = -math.inf

    @property
    def _key(self) -> str:
        return f"source:{self.kind}"

    def view(self) -> dict[str, Any]:
        """How it stands, for a person."""
        return {
            "kind": self.kind,
            "state": "connected" if self.connected else "away",
            "events": self.events,
            "dropped": self.dropped,
            "unknown": dict(self.unknown),
            "last_event_at": None if self.last_event_at is None else self.last_event_at.isoformat(),
            "error": "" if self.connected else self.last_error,
        }

    async def hear(self, connection: Connection) -> None:
        """Take every frame until the connection is lost (raises one of `LOST`)."""
        began = self._clock()
        self._connected_at = began if self.connected == 0 else self._connected_at
        self.connected += 1
        try:
            while True:
                self._take(await connection.recv())
        finally:
            self.connected -= 1
            if self.connected == 0 and (self._frame_at >= began or self._clock() - began >= SETTLED_S):
                self._away_since = self._clock()

    def _take(self, frame: str | bytes) -> None:
        now = datetime.now(UTC)
        parsed = parse(frame, now, own_names={*self.settings.own_names, *self._own}, platform=self._platform)
        self._own |= parsed.own_names
        if len(self._own) > 100:  # a room has few accounts; what tells of more is not believed
            self._own.clear()
        for word, count in parsed.unknown.items():
            if word in self.unknown or len(self.unknown) < 20:
                self.unknown[word] = self.unknown.get(word, 0) + count
        self.last_event_at = now
        self._frame_at = self._clock()
        if len(self._held) >= MAX_HELD:
            self.dropped += len(self._held.popleft().events)
        self._held.append(parsed)
        self._filled.set()

    async def deliver(self) -> None:
        """Hand what was read to the sink, in order, and again until it is taken."""
        while True:
            self._filled.clear()
            while self._held:
                parsed = self._held.popleft()
                try:
                    await self._sink(parsed)
                except StoreError as error:
                    _log.warning("relay not stored", room=self._room, source=self.kind, error=repr(error))
                    self._held.appendleft(parsed)
                    await asyncio.sleep(STORE_RETRY_S)
                except Exception:  # a fault of ours costs one frame, not the connection
                    _log.exception("a relay's frame is lost", room=self._room, source=self.kind)
                    self.dropped += len(parsed.events)
                else:
                    self.events += len(parsed.events)
            await self._filled.wait()

    async def watch(self) -> None:
        """Raise the alarm while it is silent or away and somebody needs it; clear it after."""
        while True:
            if not self._heeded():
                self._heeded_since = self._clock()
            if (limit_s := self.trouble_s()) is None:
                self._alarms.clear(self._room, self._key)
            else:
                self._tell(self._settled, limit_s)
            await asyncio.sleep(WATCH_S)

    @property
    def _settled(self) -> bool:
        """Whether it is connected and stays so; a server that takes and drops us at once is away."""
        heard = self._frame_at >= self._connected_at
        return self.connected > 0 and (heard or self._clock() - self._connected_at >= SETTLED_S)

    def trouble_s(self) -> float | None:
        """For how long at least it is silent or away, counted while it is needed; None while all is well."""
        settled = self._settled
        since = max(self._connected_at, self._frame_at) if settled else self._away_since
        limit_s = self.settings.silent_s if settled else self.settings.away_s
        return limit_s if self._clock() - max(since, self._heeded_since) >= limit_s else None

    def _tell(self, connected: bool, limit_s: float) -> None:
        cause_zh, cause_en, mend_zh, mend_en = _TOLD[connected]
        error = f"（{self.last_error}）" if self.last_error and not connected else ""
        self._alarms.raise_(
            self._room,
            self._key,
            f"{cause_zh.format(kind=self.kind, s=limit_s)}{error}"
            f" / {cause_en.format(kind=self.kind, s=limit_s)}",
            f"{mend_zh} / {mend_en}",
        )


_TOLD = {
    True: (
        "弹幕来源 {kind} 已连接，但 {s:g} 秒没有任何消息",
        "the source {kind} is connected and silent for {s:g} s",
        "检查该工具里的监听是否还开着、是否登录、是否对着这个直播间",
        "see that the tool still listens, is signed in, and reads this room",
    ),
    False: (
        "弹幕来源 {kind} 断开超过 {s:g} 秒",
        "the source {kind} is away for {s:g} s",
        "启动该工具并检查地址和端口；会自动重连",
        "start the tool, check address and port; it is tried again by itself",
    ),
}


class Relay(Feed):
    """A relay that we connect to."""

    def __init__(self, settings: RelaySource, sink: Sink, *, dial: Dial | None = None, **more: Any) -> None:
        super().__init__(settings, sink, **more)
        self._dial = dial or dial_of(settings)

    async def run(self) -> None:
        """Connect, hear, and connect again, for ever; the wait doubles up to 30 s and varies a little."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.deliver(), name=f"{self.kind}: deliver")
            tasks.create_task(self.watch(), name=f"{self.kind}: watch")
            await self._stay_connected()

    async def _stay_connected(self) -> None:
        wait_s = FIRST_RETRY_S
        while True:
            before = self._frame_at
            try:
                async with self._dial() as connection:
                    self.last_error = ""
                    await self.hear(connection)
            except (*LOST, InvalidURI, httpx.HTTPError, blive.BliveRefused) as error:
                self.last_error = _said(error)
                _log.info("relay lost", room=self._room, source=self.kind, error=self.last_error)
            if self._frame_at != before:
                wait_s = FIRST_RETRY_S
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))
            wait_s = min(2 * wait_s, LAST_RETRY_S)


class Inbound(Feed):
    """A relay that connects to us; the API hands it each connection by `hear`."""

    async def run(self) -> None:
        """Store what comes and watch for silence, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.deliver(), name=f"{self.kind}: deliver")
            tasks.create_task(self.watch(), name=f"{self.kind}: watch")


def dial_of(settings: RelaySource) -> Dial:
    """How a source is reached."""
    match settings:
        case ObaRelay() | BarrageGrabRelay():
            return lambda: _websocket(settings.url)
        case BliveRelay():
            return lambda: _bilibili(settings)
        case DycastRelay():
            raise ValueError("dycast connects to us")


@asynccontextmanager
async def _websocket(url: str) -> AsyncIterator[Connection]:
    """A WebSocket whose end is noticed within 40 s, also where nobody says so."""
    async with open_websocket(
        url,
        max_size=MAX_FRAME,
        open_timeout=10,
        close_timeout=2,
        ping_interval=20,
        ping_timeout=20,
        proxy=None,
    ) as socket:
        yield socket


@asynccontextmanager
async def _bilibili(settings: BliveRelay) -> AsyncIterator[Connection]:
    """A started project's events."""
    async with (
        httpx.AsyncClient(timeout=10) as http,
        blive.project(settings, http) as (address, auth),
        open_websocket(address, max_size=MAX_FRAME, open_timeout=10, close_timeout=2) as socket,
    ):
        await socket.send(blive.packet(blive.AUTH, auth.encode()))
        beat = asyncio.create_task(blive.keep_awake(socket), name="bilibili heartbeat")
        try:
            yield blive.Stream(socket)
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)


def _said(error: Exception) -> str:
    """A short cause without an address (it may hold a token)."""
    if isinstance(error, ConnectionClosed):
        return f"closed with code {error.rcvd.code if error.rcvd else 1006}"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, blive.BliveRefused):
        return str(error)[:200]
    return type(error).__name__
