"""A playout process for tests: settings, its two sockets, and phrases of synthetic speech."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from services import wire
from tests.conftest import wait_until

_T = TypeVar("_T")
ROOT = Path(__file__).resolve().parent.parent


def tone(seconds: float, hz: float = 300.0, level: float = 0.25) -> bytes:
    """A sine as s16le mono."""
    t = np.arange(round(seconds * wire.SAMPLE_RATE_HZ)) / wire.SAMPLE_RATE_HZ
    return (level * 32767 * np.sin(2 * np.pi * hz * t)).astype("<i2").tobytes()


def phrase(phrase_id: str, seconds: float = 1.0, **fields: Any) -> wire.Phrase:
    """A phrase of a sine with a mouth that opens and shuts."""
    steps = range(0, round(seconds * wire.SAMPLE_RATE_HZ), 4410)
    visemes = tuple(wire.Viseme(at, "aa" if k % 2 else "PP", jaw=0.6 * (k % 2)) for k, at in enumerate(steps))
    given: dict[str, Any] = {
        "id": phrase_id,
        "kind": wire.PhraseKind.SCRIPT,
        "text": f"第{phrase_id}句",
        "caption": f"第{phrase_id}句",
        "pcm": tone(seconds),
        "persona": "lin",
        "look": "morning",
        "visemes": visemes,
        **fields,
    }
    return wire.Phrase(**given)


class Playout:
    """A playout process and a show's connection to it."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.settings = {
            "room": "test",
            "state_dir": str(directory / "state"),
            "socket": str(directory / "c.sock"),
            "media_socket": str(directory / "m.sock"),
            "width": 360,
            "height": 640,
            "preset": "ultrafast",
            "video_kbps": 600,
            **settings,
        }
        directory.mkdir(parents=True, exist_ok=True)
        self._socket = directory / "m.sock"
        self.process: subprocess.Popen[bytes] | None = None
        self.heard: list[wire.AnyMessage] = []
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and wait for its sockets (a killed one leaves its own behind)."""
        self._socket.unlink(missing_ok=True)
        path = self.directory / "settings.json"
        path.write_text(json.dumps(self.settings))
        log = (self.directory / "log.txt").open("ab")
        with log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                [sys.executable, "-m", "services.playout", str(path)], stderr=log, cwd=ROOT
            )
        await wait_until(lambda: self._socket.exists() or self.ended(), 20)
        if self.ended():
            raise AssertionError(self.log())

    def ended(self) -> bool:
        """Whether the process ended."""
        return self.process is None or self.process.poll() is not None

    def log(self) -> str:
        """The end of what it logged."""
        return (self.directory / "log.txt").read_text()[-5000:]

    async def connect(self, epoch: int = 1) -> None:
        """Connect as the show; what it says gathers in `heard`."""
        reader, self._writer = await asyncio.open_unix_connection(self.settings["socket"])
        self.send(wire.Hello(role="show", epoch=epoch, room="test"))
        self._listener = asyncio.create_task(self._listen(reader), name="test-show")

    def send(self, *messages: wire.Message) -> None:
        """Say something to the playout."""
        assert self._writer is not None
        for message in messages:
            self._writer.write(wire.encode(message))

    def open(self, mode: wire.SessionMode = wire.SessionMode.REHEARSAL, **fields: Any) -> None:
        """Open the session `s1`."""
        given = {"session": "s1", "look": "morning", "look_path": "builtin:morning", **fields}
        self.send(wire.OpenSession(mode=mode, **given))

    def all(self, kind: type[_T], where: Callable[[_T], object] = lambda _: True) -> list[_T]:
        """What was heard of a kind."""
        return [message for message in self.heard if isinstance(message, kind) and where(message)]

    def status(self) -> wire.Status:
        """The newest status."""
        found = self.all(wire.Status)
        nothing = wire.Status(session="", mode=wire.SessionMode.OFF, position=0, frames=0)
        return found[-1] if found else nothing

    async def disconnect(self) -> None:
        """Leave, as a show that crashes."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def media(self, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A media connection."""
        reader, writer = await asyncio.open_unix_connection(self.settings["media_socket"])
        writer.write(kind.encode() + b"\n")
        return reader, writer

    def recordings(self) -> list[Path]:
        """The recorded files, oldest first."""
        return sorted((self.directory / "state" / "recordings").glob("*.mp4"))

    def kill(self) -> None:
        """End the process without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def stop(self) -> float:
        """Ask the process to end; how long it took."""
        await self.disconnect()
        if self.process is None:
            return 0.0
        began = time.monotonic()
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        try:
            await asyncio.to_thread(self.process.wait, 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (message := await wire.read(reader)) is not None:
            self.heard.append(message)
