"""A playout that only talks: it asks, "plays" each phrase at once, takes looks, and remembers all of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from services import wire


@dataclass
class FakePlayout:
    """Speaks the control socket; `refuses` names looks that it cannot decode."""

    socket: Path
    room: str
    pid: int = field(default_factory=os.getpid)
    phrase_s: float = 0.03
    refuses: set[str] = field(default_factory=set)
    phrases: list[wire.Phrase] = field(default_factory=list)
    heard: list[wire.AnyMessage] = field(default_factory=list)
    looks: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    session: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One show's connection."""
        queue: asyncio.Queue[wire.Phrase] = asyncio.Queue()

        def tell(message: wire.Message) -> None:
            writer.write(wire.encode(message))

        async def play() -> None:
            serial = 0
            while True:
                if not self.session:
                    await asyncio.sleep(0.02)
                    continue
                serial += 1
                tell(wire.Want(serial=serial, held_s=0.1))
                with suppress(TimeoutError):
                    phrase = await asyncio.wait_for(queue.get(), 0.05)
                    self.phrases.append(phrase)
                    if phrase.look not in self.looks:
                        self.unknown.append(phrase.look)
                    tell(wire.Started(id=phrase.id, session=phrase.session, at=0))
                    await asyncio.sleep(self.phrase_s)
                    tell(
                        wire.Fated(
                            id=phrase.id, fate=wire.PhraseFate.FINISHED, kind=phrase.kind, at=0,
                            session=phrase.session, persona=phrase.persona, text=phrase.text,
                            trace=phrase.trace, heard_s=1.0, ended_unix_s=time.time(),
                        )
                    )  # fmt: skip

        tell(wire.Hello(role="playout", room=self.room, pid=self.pid))
        tell(wire.Status(session=self.session, mode=wire.SessionMode.OFF, position=0, frames=0))
        playing = asyncio.create_task(play())
        try:
            while (message := await wire.read(reader)) is not None:
                self.heard.append(message)
                match message:
                    case wire.Phrase():
                        queue.put_nowait(message)
                    case wire.PrepareLook(look=look, path=path):
                        ok = look not in self.refuses
                        if ok:
                            self.looks[look] = path
                        tell(wire.LookReady(look=look, ok=ok, error="" if ok else "no such layer"))
                    case wire.OpenSession(session=session, look=look, look_path=path):
                        self.session, self.looks[look] = session, path
                    case wire.CloseSession():
                        self.session = ""
                    case _:
                        pass
        finally:
            playing.cancel()
            writer.close()

    def restart(self) -> None:
        """From the next connection on it is another process, without looks."""
        self.pid += 1
        self.looks.clear()


@asynccontextmanager
async def fake_playout(socket: Path, room: str) -> AsyncIterator[FakePlayout]:
    """A fake playout that listens on a room's control socket."""
    playout = FakePlayout(socket, room)
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await playout.serve(reader, writer)

    playout.hang_up = lambda: [writer.close() for writer in writers]  # type: ignore[attr-defined]
    server = await asyncio.start_unix_server(connected, str(socket))
    try:
        yield playout
    finally:
        server.close()
        for writer in writers:
            writer.close()
