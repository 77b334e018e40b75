"""The show's end of the Unix socket to a room's playout: connects for ever, never blocks the show."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from services import wire

log = structlog.get_logger(__name__)

RETRY_S = 0.25
SEND_TIMEOUT_S = 2.0


class PlayoutLink:
    """Sends to and hears from a playout; `run` keeps the connection.

    `attached` is awaited after each Hello (send the wanted state there), `heard` for each message.
    """

    def __init__(
        self,
        socket: Path,
        *,
        room: str,
        epoch: int,
        attached: Callable[[wire.Hello], Awaitable[None]],
        heard: Callable[[wire.AnyMessage], Awaitable[None]],
        lost: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._room = room
        self._epoch = epoch
        self._attached = attached
        self._heard = heard
        self._lost = lost
        self._writer: asyncio.StreamWriter | None = None
        self._wanted = asyncio.Event()
        self._want: wire.Want | None = None
        self._answered = -1
        self.pid = 0

    @property
    def connected(self) -> bool:
        """Whether playout is there."""
        return self._writer is not None

    async def want(self) -> wire.Want:
        """The next `Want` that was not answered yet."""
        await self._wanted.wait()
        self._wanted.clear()
        assert self._want is not None
        return self._want

    async def send(self, message: wire.Message) -> None:
        """Send one message; raises ConnectionError when playout is not there or does not read.

        A phrase answers the `Want` that stands: its repetitions are not heard any more.
        """
        writer = self._writer
        if writer is None:
            raise ConnectionError("playout is not connected; the supervisor restarts it")
        if isinstance(message, wire.Phrase) and self._want is not None:
            self._answered = self._want.serial
        writer.write(wire.encode(message))
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await writer.drain()
        except TimeoutError as error:
            writer.close()
            raise ConnectionError("playout does not read its socket") from error

    async def tell(self, message: wire.Message) -> bool:
        """Send if playout is there; says whether it was. State is sent again when it comes back."""
        try:
            await self.send(message)
        except ConnectionError:
            return False
        return True

    async def run(self) -> None:
        """Connect, read until the end, connect again."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._socket)
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            try:
                await self._serve(reader, writer)
            except (ConnectionError, wire.WireError) as error:
                log.warning("link to playout broke", room=self._room, error=str(error))
            finally:
                self._writer = None
                self._wanted.clear()
                writer.close()
                self._lost()
            await asyncio.sleep(RETRY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            wire.encode(wire.Hello(role="show", epoch=self._epoch, room=self._room, pid=os.getpid()))
        )
        hello = await wire.read(reader)
        if not isinstance(hello, wire.Hello) or hello.protocol != wire.PROTOCOL:
            raise wire.MessageUnreadable(f"playout of {self._room} speaks another protocol; restart it")
        self.pid = hello.pid
        self._answered = -1
        self._writer = writer
        await self._attached(hello)
        while (message := await wire.read(reader)) is not None:
            if isinstance(message, wire.Want):
                if message.serial > self._answered:
                    self._want = message
                    self._wanted.set()
            else:
                await self._heard(message)
