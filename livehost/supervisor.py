"""The first process: starts show and playouts, restarts what exits or stops making progress, and
serves the red button, which works while the show does not.

Children are siblings, each in its own session group, and are ended by their process ids within
`STOP_S`. On a small machine all but the playouts yield (nice); the model engines start once the show
answers, one after another, yield most, and are restarted more and more seldom where they cannot stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from livehost.child import Child
from livehost.engine_children import engine_children, watch_engine
from livehost.runtime import Places, write_private
from livehost.settings import Room, Settings
from livehost.tasks import Tasks
from services import wire

log = structlog.get_logger(__name__)

STOP_S = 4.0
FIRST_BACKOFF_S = 0.3
STEADY_S = 30.0
ENGINES_WAIT_S = 20.0


class AlreadyRunning(Exception):
    """Another livehost holds this state directory; stop it, or give another `state_dir`."""


class Supervisor:
    """`async with Supervisor(...)`: the children run inside the block and are gone after it."""

    def __init__(
        self,
        settings: Settings,
        *,
        show_command: list[str],
        env: dict[str, str],
        config_hash: str = "",
        watch_show: Callable[[], Any] | None = None,
    ) -> None:
        self._settings = settings
        self._places = Places(settings.state_dir)
        self._config_hash = config_hash
        self._stopping = False
        self._links: dict[str, asyncio.StreamWriter] = {}
        self._watch_show = watch_show
        self.children: dict[str, Child] = {}
        for room in settings.rooms:
            name = f"playout {room.id}"
            command = [sys.executable, "-m", "services.playout", str(self._playout_file(room))]
            self.children[name] = Child(name, command, env=dict(env))
        show = Child("show", show_command, nice=5, env=dict(env))
        self._engines = engine_children(settings, self._places, after=show.settled)
        self.children |= {name: child for name, (child, _) in self._engines.items()}
        self.children["show"] = show
        self._tasks = Tasks("supervisor")
        self._lock: int | None = None

    async def __aenter__(self) -> Self:
        self._take_lock()
        await self._tasks.__aenter__()
        for child in self.children.values():
            self._tasks.spawn(self._keep(child), child.name)
        for room in self._settings.rooms:
            self._tasks.keep(lambda room=room: self._watch_playout(room), f"watch {room.id}")  # type: ignore[misc]
        for name, (child, socket) in self._engines.items():
            self._tasks.keep(lambda child=child, socket=socket: watch_engine(child, socket), f"watch {name}")  # type: ignore[misc]
        self._tasks.spawn(self._watch_progress(), "progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        await asyncio.gather(*(self._stop(child) for child in reversed(self.children.values())))
        await self._tasks.__aexit__(kind, error, trace)
        if self._lock is not None:
            os.close(self._lock)

    async def cut(self, room: str, on: bool, by: str) -> bool:
        """The red button (and its undoing); says whether the playout was reached."""
        writer = self._links.get(room)
        if writer is None:
            return False
        writer.write(wire.encode(wire.Cut(reason=f"red button by {by}") if on else wire.Uncut()))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            return True
        return False

    # ---- one child

    async def _keep(self, child: Child) -> None:
        backoff_s = FIRST_BACKOFF_S
        if child.waits_for is not None:
            with contextlib.suppress(TimeoutError):  # a base that loads must not hold up the console
                await asyncio.wait_for(child.waits_for.wait(), ENGINES_WAIT_S)
        while not self._stopping:
            child.process = await asyncio.create_subprocess_exec(
                *child.command, env={**os.environ, **child.env}, start_new_session=True,
                preexec_fn=(lambda: os.nice(child.nice)) if child.nice else None,
            )  # fmt: skip
            child.started = child.progress = time.monotonic()
            code = await child.process.wait()
            _end_group(child.process.pid)
            if self._stopping:
                return
            if time.monotonic() - child.started > STEADY_S:
                backoff_s = FIRST_BACKOFF_S
            child.restarts += 1
            log.warning(
                "a process ended and is started again", process=child.name, code=code, after_s=backoff_s
            )
            await asyncio.sleep(backoff_s)
            backoff_s = min(child.last_backoff_s, backoff_s * 2)

    async def _stop(self, child: Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            log.warning("a process did not end in time and is killed", process=child.name)
            process.kill()
            await process.wait()
        finally:
            _end_group(process.pid)

    # ---- progress

    async def _watch_progress(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for child in self.children.values():
                allowed_s = child.progress_s if child.progress > child.started else child.start_s
                if child.pid and time.monotonic() - child.progress > allowed_s:
                    log.error("a process makes no progress and is killed", process=child.name)
                    child.progress = time.monotonic()
                    os.kill(child.pid, signal.SIGKILL)

    async def _watch_playout(self, room: Room) -> None:
        """Hear a playout's status; no frames during a session is no progress."""
        child = self.children[f"playout {room.id}"]
        try:
            reader, writer = await asyncio.open_unix_connection(
                self._places.run_dir(room.id) / "control.sock"
            )
        except OSError:
            return
        try:
            writer.write(wire.encode(wire.Hello(role="supervisor", room=room.id, pid=os.getpid())))
            self._links[room.id] = writer
            frames = -1
            while (message := await wire.read(reader)) is not None:
                if isinstance(message, wire.Status):
                    if message.mode is wire.SessionMode.OFF or message.frames != frames:
                        child.progress = time.monotonic()
                    frames = message.frames
        finally:
            self._links.pop(room.id, None)
            writer.close()

    def show_progressed(self) -> None:
        """The show answered (the watcher of its health calls this)."""
        self.children["show"].progress = time.monotonic()
        self.children["show"].settled.set()

    # ---- files

    def _playout_file(self, room: Room) -> Path:
        settings, run = self._settings, self._places.run_dir(room.id)
        own = self._places.playout(room.id)
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = {
            "room": room.id,
            "state_dir": str(own),
            "socket": str(run / "control.sock"),
            "media_socket": str(run / "media.sock"),
            **room.canvas.model_dump(),
            **room.encoder.model_dump(),
            "label": settings.ai_label,
            "font": str(settings.font) if settings.font else None,
            "show_prices": room.show_prices,
            "language": settings.language,
            "recording": room.recording,
            "recording_dir": str(self._places.recordings(room.id)),
            "recording_cap_gb": room.recording_cap_gb,
            "config_hash": self._config_hash,
        }
        return write_private(own / "settings.json", json.dumps(content, ensure_ascii=False).encode())

    def _take_lock(self) -> None:
        self._places.lock.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._places.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise AlreadyRunning(
                f"another livehost runs on {self._settings.state_dir}; stop it or set another state_dir"
            ) from error


def _end_group(pid: int) -> None:
    """End whatever a child left in its process group (ffmpeg, the speech worker)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
