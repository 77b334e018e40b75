"""The playout's two Unix sockets, mode 0600: control (wire messages) and media (bytes out).

Control: each side says Hello first. The show with the newest epoch is served; older ones are closed.
Media: the client sends one line, `flv`, `fmp4` or `jpg`, and gets the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services import wire
from services.playout.events import ShowJoined, ShowLeft
from services.playout.fanout import Fanout, Subscription
from services.playout.preview import Preview
from services.playout.program import Program

log = logging.getLogger("playout.server")

UNREAD_LIMIT_BYTES = 8 * 1024 * 1024
HELLO_LIMIT_S = 5.0


class Peer:
    """One control connection after its Hello."""

    def __init__(self, hello: wire.Hello, writer: asyncio.StreamWriter) -> None:
        self.hello = hello
        self._writer = writer

    def tell(self, message: wire.Message) -> None:
        """Send without waiting; a peer that does not read is cut off."""
        if self._writer.is_closing():
            return
        self._writer.write(wire.encode(message))
        if self._writer.transport.get_write_buffer_size() > UNREAD_LIMIT_BYTES:
            log.error("%s does not read: its connection is closed", self.hello.role)
            self._writer.transport.abort()

    def close(self) -> None:
        """End the connection."""
        self._writer.close()


class ControlServer:
    """Control connections; also the audience that the station tells."""

    def __init__(self, own: wire.Hello, program: Program) -> None:
        self._own = own
        self._program = program
        self._show: Peer | None = None
        self._observers: set[Peer] = set()
        self._epoch = 0
        self._take: Callable[[wire.AnyMessage], Awaitable[None]]
        self._greet: Callable[[], tuple[wire.Message, ...]] = tuple

    def serve(
        self,
        take: Callable[[wire.AnyMessage], Awaitable[None]],
        greet: Callable[[], tuple[wire.Message, ...]],
    ) -> None:
        """Where messages go, and what a show is told when it connects."""
        self._take = take
        self._greet = greet

    def tell_show(self, message: wire.Message) -> None:
        """To the newest show, if one is connected."""
        if self._show is not None:
            self._show.tell(message)

    def tell_all(self, message: wire.Message) -> None:
        """To the show and the observers."""
        self.tell_show(message)
        for peer in self._observers:
            peer.tell(message)

    def close(self) -> None:
        """End all connections."""
        for peer in (*self._observers, *([self._show] if self._show else [])):
            peer.close()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        peer: Peer | None = None
        try:
            writer.write(wire.encode(self._own))
            async with asyncio.timeout(HELLO_LIMIT_S):
                hello = await wire.read(reader)
            if not isinstance(hello, wire.Hello):
                return
            if hello.protocol != wire.PROTOCOL:
                log.error("%s speaks protocol %d; upgrade it", hello.role, hello.protocol)
                return
            peer = Peer(hello, writer)
            if not self._admit(peer):
                return
            while (message := await wire.read(reader)) is not None:
                if peer is self._show or peer in self._observers:
                    await self._take(message)
        except (wire.WireError, TimeoutError, ConnectionError) as error:
            log.error("a control connection was closed: %s", error)
        except asyncio.CancelledError:  # the process ends
            pass
        except Exception:
            log.exception("a control connection was closed by a fault of ours")
        finally:
            self._dismiss(peer)
            writer.close()

    def _admit(self, peer: Peer) -> bool:
        if peer.hello.role != "show":
            self._observers.add(peer)
            return True
        if peer.hello.epoch < self._epoch:
            log.warning("a show of epoch %d is fenced by epoch %d", peer.hello.epoch, self._epoch)
            return False
        older, self._show, self._epoch = self._show, peer, peer.hello.epoch
        if older is not None:
            log.warning("the show of epoch %d is replaced by epoch %d", older.hello.epoch, self._epoch)
            older.close()
        self._program.post(ShowJoined())
        for message in self._greet():
            peer.tell(message)
        return True

    def _dismiss(self, peer: Peer | None) -> None:
        if peer is None:
            return
        self._observers.discard(peer)
        if peer is self._show:
            self._show = None
            self._program.post(ShowLeft())


class MediaServer:
    """Media connections."""

    def __init__(self, program: Program, fanout: Fanout, preview: Preview) -> None:
        self._program = program
        self._fanout = fanout
        self._preview = preview

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client to its end."""
        writer.transport.set_write_buffer_limits(high=1024 * 1024)
        try:
            async with asyncio.timeout(HELLO_LIMIT_S):
                wanted = (await reader.readline()).strip()
            gone = asyncio.create_task(reader.read(1), name="media-gone")
            try:
                match wanted:
                    case b"jpg":
                        writer.write(await asyncio.to_thread(jpeg, self._program.snapshot()))
                        await writer.drain()
                    case b"flv" if self._program.on:
                        await _until(gone, self._flv(writer))
                    case b"fmp4" if self._program.on:
                        await _until(gone, self._fmp4(writer))
            finally:
                gone.cancel()
        except (ConnectionError, TimeoutError, ValueError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _flv(self, writer: asyncio.StreamWriter) -> None:
        available = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closing
                loop.call_soon_threadsafe(available.set)

        subscription = Subscription("viewer", wake)
        self._fanout.add(subscription)
        self._program.want_key()
        opened = False
        try:
            while True:
                available.clear()
                item = subscription.pop()
                if item is None:
                    if subscription.ended:
                        return
                    await available.wait()
                    continue
                if not opened:
                    writer.write(subscription.opening.written())
                    opened = True
                tag, ts_ms = item
                writer.write(tag.written(ts_ms))
                await writer.drain()
        finally:
            self._fanout.remove(subscription)

    async def _fmp4(self, writer: asyncio.StreamWriter) -> None:
        viewer = self._preview.join()
        try:
            while (piece := await viewer.pieces.get()) is not None:
                writer.write(piece)
                await writer.drain()
        finally:
            self._preview.leave(viewer)


async def _until(gone: asyncio.Task[bytes], serving: Awaitable[None]) -> None:
    """Serve until it ends or the client is gone."""
    task = asyncio.ensure_future(serving)
    try:
        await asyncio.wait({gone, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await task


def jpeg(canvas: NDArray[np.uint8]) -> bytes:
    """An I420 picture as JPEG."""
    picture = cv2.cvtColor(canvas, cv2.COLOR_YUV2BGR_I420)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return bytes(data)


@asynccontextmanager
async def unix_server(
    path: Path, handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[asyncio.AbstractServer]:
    """A Unix socket of mode 0600 at a path, removed at the end."""
    await asyncio.to_thread(_clear, path)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(handler, path)
    finally:
        os.umask(before)
    try:
        yield server
    finally:
        server.close()
        await asyncio.to_thread(_clear, path)


def _clear(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
