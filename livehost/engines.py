"""The show's end of a model engine's socket (language or vision): connects for ever, never blocks.

A request is a future with a deadline. When the engine goes away every waiting request fails at
once; when it is back, nothing is taken for resident: the rooms' pins are sent again, what was staged is
staged again, and only then is the engine `ready`.

    EngineGone   there is no engine, it went away, or it did not answer in time; always retryable
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

import structlog

from services import wire

log = structlog.get_logger(__name__)

RETRY_S = 0.25
SEND_TIMEOUT_S = 2.0
STAGE_S = 60.0
LOOK_S = 300.0
GRACE_S = 0.5  # beyond a generation's own deadline, for the way there and back

Role = Literal["language", "vision"]
_Answer = TypeVar("_Answer", wire.Staged, wire.Generated, wire.LookMade)


class EngineGone(Exception):
    """The engine cannot answer now; the supervisor brings it back, and the client finds it again."""

    retryable = True


class EngineClient:
    """Asks an engine. `run` keeps the connection; `changed` is called when the state does.

    `state` is the last one heard, None while no engine is connected.
    """

    def __init__(self, socket: Path, *, role: Role, changed: Callable[[], None] = lambda: None) -> None:
        self._socket = socket
        self._role: Role = role
        self._changed = changed
        self._serial = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[str, asyncio.Future[wire.Staged | wire.Generated | wire.LookMade]] = {}
        self._folders: dict[str, str] = {}  # by the adapter's id, of what was staged well
        self._pins: dict[str, tuple[str, ...]] = {}
        self._restaged = False
        self.state: wire.EngineState | None = None

    @property
    def connected(self) -> bool:
        """Whether an engine is there."""
        return self._writer is not None

    @property
    def ready(self) -> bool:
        """Whether it has its base, and again all the adapters that were staged before it restarted."""
        return self.connected and self._restaged and self.state is not None and self.state.ready

    def resident(self, sha256: str) -> bool:
        """Whether an adapter is in the engine's bank, as far as the last state tells."""
        state = self.state
        return not sha256 or (state is not None and any(one.sha256 == sha256 for one in state.resident))

    async def stage(self, adapter_id: str, folder: Path, *, deadline_s: float = STAGE_S) -> wire.Staged:
        """Have an adapter's folder checked and made resident; it is again after each reconnect.

        Raises:
            EngineGone: no engine, or none that answers.
        """
        staged = await self._stage(adapter_id, str(folder), deadline_s)
        if staged.ok:
            self._folders[adapter_id] = str(folder)
        return staged

    async def pin(self, room: str, adapters: Iterable[str]) -> None:
        """Say which adapters (hashes) a room needs kept; remembered while there is no engine."""
        self._pins[room] = tuple(dict.fromkeys(sha for sha in adapters if sha))
        if self.connected:
            with suppress(EngineGone):  # then it is sent after the reconnect
                await self._send(wire.Pin(room=room, adapters=self._pins[room]))

    async def generate(
        self,
        *,
        room: str,
        user: str,
        system: str = "",
        adapter: str = "",
        generation: int = 0,
        max_tokens: int = 96,
        deadline_s: float = 2.5,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> wire.Generated:
        """Words from the base with one adapter (its hash).

        Raises:
            EngineGone: no engine, or none that answers within the deadline.
        """
        request = self._next()
        return await self._ask(
            wire.Generate(
                request=request,
                room=room,
                user=user,
                system=system,
                adapter=adapter,
                generation=generation,
                max_tokens=max_tokens,
                deadline_s=deadline_s,
                temperature=temperature,
                seed=seed,
            ),
            request,
            wire.Generated,
            deadline_s + GRACE_S,
        )

    async def cancel_below(self, room: str, generation: int) -> None:
        """Give up a room's older requests: each is answered `cancelled`."""
        if self.connected:
            with suppress(EngineGone):  # then they failed with the engine
                await self._send(wire.CancelBelow(room=room, generation=generation))

    async def make_look(
        self,
        *,
        room: str,
        template: Path,
        prompt: str,
        adapter: str = "",
        negative: str = "",
        seed: int = 0,
        strength: float = 1.0,
        guidance: float = 1.5,
        steps: int = 0,
        deadline_s: float = LOOK_S,
    ) -> wire.LookMade:
        """A look made from a posed template, or found in the engine's cache.

        Raises:
            EngineGone: no engine, or none that answers within the deadline.
        """
        request = self._next()
        return await self._ask(
            wire.MakeLook(
                request=request,
                room=room,
                template=str(template),
                prompt=prompt,
                adapter=adapter,
                negative=negative,
                seed=seed,
                strength=strength,
                guidance=guidance,
                steps=steps,
            ),
            request,
            wire.LookMade,
            deadline_s,
        )

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
            except* (ConnectionError, wire.WireError) as broken:
                log.warning("link to an engine broke", engine=self._role, error=str(broken.exceptions[0]))
            finally:
                writer.close()
                self._lost()
            await asyncio.sleep(RETRY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wire.encode(wire.Hello(role="show", pid=os.getpid())))
        hello = await wire.read(reader)
        if not isinstance(hello, wire.Hello) or hello.protocol != wire.PROTOCOL or hello.role != self._role:
            raise wire.MessageUnreadable(
                f"{self._socket} is not a {self._role} engine of this build; restart it"
            )
        self._writer = writer
        async with asyncio.TaskGroup() as tasks:
            again = tasks.create_task(self._restage(), name=f"stage again in the {self._role} engine")
            while (message := await wire.read(reader)) is not None:
                self._hear(message)
            again.cancel()

    def _hear(self, message: wire.AnyMessage) -> None:
        match message:
            case wire.EngineState():
                self.state = message
                self._changed()
            case wire.Staged() | wire.Generated() | wire.LookMade():
                waiting = self._waiting.pop(message.request, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            case _:
                log.warning("an engine sent what nobody asked for", message=type(message).__name__)

    async def _restage(self) -> None:
        """Make a fresh engine hold what the one before it held."""
        try:
            for room, adapters in tuple(self._pins.items()):  # first: what is needed is not evicted again
                await self._send(wire.Pin(room=room, adapters=adapters))
            for adapter_id, folder in tuple(self._folders.items()):
                staged = await self._stage(adapter_id, folder, STAGE_S)
                if not staged.ok:
                    log.error("an adapter cannot be staged again", adapter=adapter_id, errors=staged.errors)
        except EngineGone as error:
            log.warning("an engine did not take its adapters back", engine=self._role, error=str(error))
            if self._writer is not None:
                self._writer.close()
            return
        self._restaged = True
        self._changed()

    def _lost(self) -> None:
        self._writer, self.state, self._restaged = None, None, False
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(EngineGone(f"the {self._role} engine went away"))
        self._changed()

    def _next(self) -> str:
        return f"{os.getpid()}-{next(self._serial)}"

    async def _stage(self, adapter_id: str, folder: str, deadline_s: float) -> wire.Staged:
        request = self._next()
        message = wire.Stage(request=request, adapter=adapter_id, folder=folder)
        return await self._ask(message, request, wire.Staged, deadline_s)

    async def _ask(
        self, message: wire.Message, request: str, answered: type[_Answer], deadline_s: float
    ) -> _Answer:
        future = asyncio.get_running_loop().create_future()
        self._waiting[request] = future
        try:
            async with asyncio.timeout(deadline_s):
                await self._send(message)
                answer = await future
        except TimeoutError as error:
            raise EngineGone(
                f"the {self._role} engine did not answer a {type(message).__name__} in {deadline_s:g} s"
            ) from error
        finally:
            self._waiting.pop(request, None)
        if not isinstance(answer, answered):
            raise EngineGone(f"the {self._role} engine answered with a {type(answer).__name__}; restart it")
        return answer

    async def _send(self, message: wire.Message) -> None:
        writer = self._writer
        if writer is None:
            raise EngineGone(f"no {self._role} engine is connected; the supervisor starts it")
        try:
            writer.write(wire.encode(message))
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await writer.drain()
        except (ConnectionError, TimeoutError, RuntimeError) as error:
            writer.close()
            raise EngineGone(f"the {self._role} engine does not read its socket") from error
