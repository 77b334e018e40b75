"""What the model engines share: their settings file, their socket, and their life beside the show.

An engine is a process of its own (`python -m services.language FILE`, `python -m services.vision
FILE`). It loads a base once, answers the messages of `services/wire_engines.py` on a Unix socket to
any number of shows, and tells its `EngineState` each second. What is slow runs in threads of its
own, so that the socket always answers.

SettingsUnreadable   the settings file is missing, not JSON, or holds a value that cannot be
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from services import wire

log = logging.getLogger(__name__)

STATE_EVERY_S = 1.0
PARENT_LOOK_S = 0.5
EXIT_SETTINGS = 2


class SettingsUnreadable(Exception):
    """The settings file cannot be used; the message says what to change."""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One engine: which base, how much room for adapters, where it listens. Written by the supervisor
    with mode 0600, for it may hold the key of a remote server."""

    socket: str
    engine: str  # language: transformers | openai; vision: embedded | diffusers
    base: str = ""  # a model directory on this disk
    slots: int = 8
    max_rank: int = 16
    device: str = "auto"  # auto | cpu | cuda | cuda:N
    dtype: str = "auto"  # auto | float32 | bfloat16 | float16
    threads: int = 1
    cache_dir: str = ""
    cache_mb: int = 512
    url: str = ""  # an OpenAI-compatible server's address, as http://127.0.0.1:8000/v1
    key: str = ""
    model: str = ""
    with_parent: bool = True


class Engine(Protocol):
    """What a process serves. `handle` answers one message; None where it has no answer."""

    role: Literal["language", "vision"]

    async def start(self) -> None:
        """Load the base; a failure is kept in the state with its mend, not raised."""
        ...

    async def handle(self, message: wire.AnyMessage) -> wire.Message | None:
        """Answer a request; never raises for what a request holds."""
        ...

    def state(self) -> wire.EngineState:
        """The figures of this moment."""
        ...

    async def close(self) -> None:
        """End its threads."""
        ...


def read_engine_settings(path: Path) -> EngineSettings:
    """The settings in a file.

    Raises:
        SettingsUnreadable: with the cause and what to change.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=EngineSettings)
    except OSError as error:
        raise SettingsUnreadable(f"{path} cannot be read: {error.strerror}; give a readable file") from error
    except msgspec.MsgspecError as error:
        raise SettingsUnreadable(f"{path}: {error}; correct that field") from error


def rss_bytes() -> int:
    """Memory that this process holds now, in bytes; its peak where the system tells no more."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


class _Peer:
    """One connected show."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._turn = asyncio.Lock()

    async def send(self, message: wire.Message) -> None:
        """Send, and forget a peer that is gone."""
        async with self._turn:
            try:
                self._writer.write(wire.encode(message))
                await self._writer.drain()
            except (ConnectionError, RuntimeError):
                self.close()

    async def tell(self, message: wire.Message) -> None:
        """Send, and hang up on a peer that does not read: the others must not wait for it."""
        try:
            async with asyncio.timeout(STATE_EVERY_S):
                await self.send(message)
        except TimeoutError:
            log.error("a peer does not read and is cut off")
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def serve(engine: Engine, socket: Path, *, stop: asyncio.Event) -> None:
    """Serve `engine` on `socket` until `stop` is set. The base loads while the socket answers."""
    peers: set[_Peer] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _Peer(writer)
        await peer.send(wire.Hello(role=engine.role, pid=os.getpid()))
        await peer.send(engine.state())
        peers.add(peer)
        try:
            async with asyncio.TaskGroup() as requests:
                while (message := await wire.read(reader)) is not None:
                    if isinstance(message, wire.Hello):
                        if message.protocol != wire.PROTOCOL:
                            log.error("a peer speaks protocol %s, not %s", message.protocol, wire.PROTOCOL)
                            break
                        continue
                    requests.create_task(_answer(engine, message, peer), name=type(message).__name__)
        except* wire.WireError as errors:
            log.error("a peer is cut off: %s", errors.exceptions[0])
        except* asyncio.CancelledError:  # the engine ends with requests under way; asyncio would log a fault
            log.info("a peer is left: the engine ends")
        finally:
            peers.discard(peer)
            writer.close()

    async def tell() -> None:
        while True:
            await asyncio.sleep(STATE_EVERY_S)
            state = engine.state()
            await asyncio.gather(*(peer.tell(state) for peer in tuple(peers)))

    _clear(socket)
    mask = os.umask(0o177)  # the socket is this user's alone from its first moment
    try:
        server = await asyncio.start_unix_server(connected, path=socket)
    finally:
        os.umask(mask)
    async with server, asyncio.TaskGroup() as tasks:
        chores = [
            tasks.create_task(engine.start(), name="load the base"),
            tasks.create_task(tell(), name="tell the state"),
        ]
        await stop.wait()
        for chore in chores:
            chore.cancel()
        await engine.close()
        server.close()
        for peer in tuple(peers):
            peer.close()
    _clear(socket)


def _clear(socket: Path) -> None:
    """Make way for the socket: its folder is there, an old one is not."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)


async def _answer(engine: Engine, message: wire.AnyMessage, peer: _Peer) -> None:
    try:
        answer = await engine.handle(message)
    except Exception as error:  # one bad request must not end the engine
        log.exception("a %s was not handled", type(message).__name__)
        answer = _failed(message, f"{type(error).__name__}: {error}")
    if isinstance(message, wire.Stage | wire.Pin):
        await peer.send(engine.state())  # before the answer: who asked knows then what is resident
    if answer is not None:
        await peer.send(answer)


def _failed(message: wire.AnyMessage, error: str) -> wire.Message | None:
    """The answer that a request gets when the engine itself failed."""
    match message:
        case wire.Stage():
            return wire.Staged(request=message.request, adapter=message.adapter, ok=False, errors=(error,))
        case wire.Generate():
            return wire.Generated(request=message.request, finish="error", error=error)
        case wire.MakeLook():
            return wire.LookMade(request=message.request, ok=False, errors=(error,))
        case _:
            return None


def run(make: Callable[[EngineSettings], Engine]) -> int:
    """The command line of an engine: one settings file; returns the exit status."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    if len(sys.argv) != 2:
        print(f"usage: python -m {sys.argv[0]} SETTINGS.json", file=sys.stderr)
        return EXIT_SETTINGS
    try:
        settings = read_engine_settings(Path(sys.argv[1]))
    except SettingsUnreadable as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    # Nothing is ever fetched: models are directories on this disk.
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    asyncio.run(_run(make(settings), settings))
    return 0


async def _run(engine: Engine, settings: EngineSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.create_task(_watch_parent(stop), name="watch parent") if settings.with_parent else None
    try:
        await serve(engine, Path(settings.socket), stop=stop)
    finally:
        if watching is not None:
            watching.cancel()


async def _watch_parent(stop: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_LOOK_S)
    log.warning("the parent process is gone: ending")
    stop.set()
