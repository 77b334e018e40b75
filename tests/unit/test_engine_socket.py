"""The socket of an engine's process, whatever a peer sends and whoever hangs up."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from services import wire
from services.engine import EngineSettings, serve
from tests.conftest import wait_until
from tests.fake_engine import FakeEngine


class SlowEngine(FakeEngine):
    """Answers a `Generate` when it is told to."""

    def __init__(self) -> None:
        super().__init__(EngineSettings(socket="", engine="none"))
        self.asked: list[asyncio.Task[Any] | None] = []
        self.go = asyncio.Event()

    async def handle(self, message: wire.AnyMessage) -> wire.Message | None:
        if isinstance(message, wire.Generate):
            self.asked.append(asyncio.current_task())
            await self.go.wait()
        return await super().handle(message)


async def test_a_peer_that_speaks_nonsense_is_cut_off_and_the_others_are_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine, stop, faults = SlowEngine(), asyncio.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    socket = tmp_path / "e.sock"
    serving = asyncio.create_task(serve(engine, socket, stop=stop))
    await wait_until(socket.exists)
    _, bad = await asyncio.open_unix_connection(socket)
    reader, good = await asyncio.open_unix_connection(socket)
    with caplog.at_level(logging.ERROR):
        bad.write(wire.encode(wire.Generate(request="1", room="r", user="x")))
        good.write(wire.encode(wire.Generate(request="2", room="r", user="x")))
        await wait_until(lambda: len(engine.asked) == 2)
        bad.write(b"\x00\x00\x00\x01\xc1")
        await wait_until(lambda: any(task is not None and task.cancelled() for task in engine.asked))
        engine.go.set()
        while not isinstance(answer := await wire.read(reader), wire.Generated):
            assert answer is not None
    assert answer.request == "2"
    assert "a peer is cut off" in caplog.text and not faults
    stop.set()
    await serving
    for writer in (bad, good):
        writer.close()


def test_work_that_nobody_waits_for_does_not_end_the_thread_of_forwards() -> None:
    from services.language.owner import Owner

    class NoRows:
        rows: tuple[()] = ()

        def clear(self) -> None:
            """Nothing runs."""

    class NoAdapters:
        def holds(self, sha256: str) -> bool:
            return False

        def in_flight(self, adapters: set[str]) -> None:
            """Nothing runs."""

    owner = Owner(None, NoRows(), NoAdapters())  # type: ignore[arg-type]
    try:
        begun: Future[None] = Future()
        go: Future[None] = Future()

        def wait() -> None:
            begun.set_result(None)
            go.result(10)

        first = owner.call(wait)
        begun.result(10)
        given_up = owner.call(lambda: None)
        assert given_up.cancel()
        go.set_result(None)
        first.result(10)
        assert owner.call(lambda: 7).result(10) == 7
    finally:
        owner.close()
