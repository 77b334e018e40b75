"""The show's end of an engine's socket, against engines that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from livehost.engines import EngineClient, EngineGone
from services import wire
from tests.conftest import wait_until

Answers = Callable[[wire.AnyMessage, asyncio.StreamWriter], Awaitable[None]]
READY = wire.EngineState(kind="language", ready=True)


async def stage_all(message: wire.AnyMessage, writer: asyncio.StreamWriter) -> None:
    """An engine that stages everything and writes nothing."""
    if isinstance(message, wire.Stage):
        writer.write(
            wire.encode(
                wire.Staged(request=message.request, adapter=message.adapter, ok=True, sha256="a" * 64)
            )
        )


@asynccontextmanager
async def engine(
    folder: Path, answers: Answers = stage_all, *, hello: wire.Hello | None = None
) -> AsyncIterator[list[wire.AnyMessage]]:
    """An engine on `folder/language.sock`; what it hears."""
    heard: list[wire.AnyMessage] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(wire.encode(hello or wire.Hello(role="language")))
        writer.write(wire.encode(READY))
        while (message := await wire.read(reader)) is not None:
            heard.append(message)
            await answers(message, writer)
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "language.sock")
    try:
        yield heard
    finally:
        server.close()
        for writer in writers:
            writer.close()
        (folder / "language.sock").unlink()


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[EngineClient]:
    """A client that connects for ever."""
    one = EngineClient(folder / "language.sock", role="language")
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_request_that_is_never_answered_ends_at_its_deadline(tmp_path: Path) -> None:
    """And one that nobody can take ends at once."""
    async with client(tmp_path) as show:
        with pytest.raises(EngineGone, match="no language engine"):
            await show.generate(room="r", user="一")
        async with engine(tmp_path):
            await wait_until(lambda: show.ready)
            with pytest.raises(EngineGone, match="did not answer"):
                await show.generate(room="r", user="一", deadline_s=0.01)


async def test_requests_fail_with_the_engine_that_had_them(tmp_path: Path) -> None:
    """At once, not at their deadline; the next engine has the adapters and pins before it is ready."""
    async with client(tmp_path) as show:
        async with engine(tmp_path) as heard:
            await wait_until(lambda: show.ready)
            await show.stage("tang.language.1", tmp_path)
            await show.pin("r", ["a" * 64, "", "a" * 64])
            waiting = asyncio.create_task(show.generate(room="r", user="一", deadline_s=60))
            await wait_until(lambda: any(isinstance(message, wire.Generate) for message in heard))
        with pytest.raises(EngineGone, match="went away"):
            await asyncio.wait_for(waiting, 2)
        assert not show.ready and not show.resident("a" * 64)
        async with engine(tmp_path) as heard:
            await wait_until(lambda: show.ready)
            await wait_until(lambda: any(isinstance(message, wire.Pin) for message in heard))
        staged = [message for message in heard if isinstance(message, wire.Stage)]
        pinned = [message for message in heard if isinstance(message, wire.Pin)]
        assert [message.adapter for message in staged] == ["tang.language.1"]
        assert [(message.room, message.adapters) for message in pinned] == [("r", ("a" * 64,))]


async def test_pins_told_while_there_is_no_engine_are_sent_later(tmp_path: Path) -> None:
    """The last ones, once for each room."""
    async with client(tmp_path) as show:
        await show.pin("r", ["a" * 64])
        await show.pin("r", ["b" * 64])
        async with engine(tmp_path) as heard:
            await wait_until(lambda: any(isinstance(message, wire.Pin) for message in heard))
            assert [m.adapters for m in heard if isinstance(m, wire.Pin)] == [("b" * 64,)]


@pytest.mark.parametrize("hello", [wire.Hello(role="vision"), wire.Hello(role="language", protocol=99)])
async def test_another_kind_or_build_is_never_taken_for_the_engine(tmp_path: Path, hello: wire.Hello) -> None:
    """It is hung up on, and tried again."""
    async with client(tmp_path) as show, engine(tmp_path, hello=hello) as heard:
        await wait_until(lambda: len([m for m in heard if isinstance(m, wire.Hello)]) >= 2)
        assert not show.connected and not show.ready


async def test_an_engine_without_its_base_is_not_ready(tmp_path: Path) -> None:
    """Its state is heard all the same."""

    async def tell(message: wire.AnyMessage, writer: asyncio.StreamWriter) -> None:
        state = wire.EngineState(kind="language", ready=False, error="no base", mend="name one")
        writer.write(wire.encode(state))

    async with client(tmp_path) as show, engine(tmp_path, tell):
        await wait_until(lambda: show.state is not None and show.state.error)
        assert show.connected and not show.ready
