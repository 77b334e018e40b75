"""The language engine as the show meets it: a process of its own behind a socket."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from livehost.engines import EngineClient, EngineGone
from services.engine import EngineSettings
from tests.conftest import ROOT, wait_until
from tests.tiny_language import write_adapter, write_base

START_S = 60.0
# Long enough that a request is still running when a test interferes: it never says the end's token.
ENDLESS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and three adapters."""
    folder = tmp_path_factory.mktemp("language")
    write_base(folder / "base")
    for seed, name in enumerate("abc", 1):
        write_adapter(folder / name, folder / "base", persona=f"tang-{name}", seed=seed)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an engine's socket that several tests use, each in a room of its own."""
    run = tmp_path_factory.mktemp("run")
    settings = EngineSettings(
        socket=str(run / "language.sock"), engine="transformers", base=str(folder / "base"), slots=3
    )
    (run / "language.json").write_bytes(msgspec.json.encode(settings))
    process = subprocess.Popen(
        [sys.executable, "-m", "services.language", str(run / "language.json")],
        cwd=ROOT, start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    yield run
    process.terminate()
    assert process.wait(10) == 0


@asynccontextmanager
async def engine(tmp_path: Path, **more: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """The engine's process on `tmp_path/language.sock`."""
    settings = EngineSettings(socket=str(tmp_path / "language.sock"), engine="transformers", **more)
    file = tmp_path / "language.json"
    file.write_bytes(msgspec.json.encode(settings))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.language", str(file), cwd=ROOT, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) in (0, -signal.SIGKILL)


@asynccontextmanager
async def client(tmp_path: Path) -> AsyncIterator[EngineClient]:
    """A show's client of that socket."""
    client = EngineClient(tmp_path / "language.sock", role="language")
    running = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_it_answers_by_adapter_and_keeps_answers_by_content(folder: Path, running: Path) -> None:
    """Stage, pin, ask with each adapter and with none; ask again from the cache."""
    async with client(running) as show:
        await wait_until(lambda: show.ready, START_S)
        a = await show.stage("tang-a.language.1", folder / "a")
        b = await show.stage("tang-b.language.1", folder / "b")
        assert a.ok and b.ok and not a.already
        assert (await show.stage("tang-a.language.1", folder / "a")).already
        assert show.state is not None
        before = show.state.served
        asked = [show.generate(room="r", user="洁面多少元", adapter=sha) for sha in (a.sha256, b.sha256, "")]
        first = await asyncio.gather(*asked)
        assert len({one.text for one in first}) == 3
        assert all(one.finish in ("stop", "length") and one.tokens for one in first)
        again = await show.generate(room="r", user="洁面多少元", adapter=a.sha256)
        assert again.text == first[0].text
        await wait_until(lambda: show.state is not None and show.state.served == before + 4)
        state = show.state
        assert state is not None and state.slots == 2, "one of three is the bare base's"
        assert state.base_sha256 and state.slot_bytes and state.rss_bytes
        assert [(one.adapter, one.sha256) for one in state.resident] == [
            ("tang-a.language.1", a.sha256), ("tang-b.language.1", b.sha256)
        ]  # fmt: skip
        assert not show.resident("f" * 64) and show.resident(b.sha256) and show.resident("")
        # A pinned adapter stays, the other makes room.
        await show.pin("r", [a.sha256])
        c = await show.stage("tang-c.language.1", folder / "c")
        assert c.ok
        await show.pin("r", [a.sha256, c.sha256])
        refused = await show.stage("tang-b.language.1", folder / "b")
        assert not refused.ok and "slots" in refused.errors[0]
        gone = await show.generate(room="r", user="洁面多少元", adapter=b.sha256)
        assert gone.finish == "error" and "stage it" in gone.error
        await show.pin("r", [])


async def test_deadlines_and_cancelled_generations_end_what_runs(running: Path) -> None:
    """A request ends in time with what there is; an older generation of that room alone is given up."""
    async with client(running) as show:
        await wait_until(lambda: show.ready, START_S)
        late = await show.generate(room="r", user="一", max_tokens=ENDLESS, deadline_s=0.02)
        assert late.finish in ("deadline", "stop")
        requests = [
            asyncio.create_task(
                show.generate(room=room, user=user, max_tokens=ENDLESS, generation=generation, deadline_s=30)
            )
            for room, generation in (("r", 1), ("r", 2), ("s", 1))
            for user in ("一", "二", "三", "元")
        ]
        await wait_until(lambda: show.state is not None)
        await asyncio.sleep(0)  # all are sent: the cancel goes after them on the same socket
        await show.cancel_below("r", 2)
        answers = await asyncio.gather(*requests)
        assert {one.finish for one in answers[:4]} <= {"cancelled", "stop", "length"}
        assert "cancelled" in {one.finish for one in answers[:4]}
        assert "cancelled" not in {one.finish for one in answers[4:]}


async def test_a_bad_adapter_is_refused_with_every_reason(
    folder: Path, running: Path, tmp_path: Path
) -> None:
    """Nothing resident changes; the engine goes on."""
    import shutil

    bad = shutil.copytree(folder / "a", tmp_path / "bad")
    data = bytearray((bad / "adapter.safetensors").read_bytes())
    data[-1] ^= 1
    (bad / "adapter.safetensors").write_bytes(data)
    async with client(running) as show:
        await wait_until(lambda: show.ready, START_S)
        staged = await show.stage("tang-a.language.1", bad)
        assert not staged.ok and any("SHA-256" in error for error in staged.errors)
        nowhere = await show.stage("tang-a.language.1", tmp_path / "nowhere")
        assert not nowhere.ok
        assert (await show.generate(room="r", user="一")).finish in ("stop", "length")


async def test_without_its_base_the_engine_is_up_and_says_what_to_do(tmp_path: Path) -> None:
    """The state carries cause and mend; requests are answered."""
    async with engine(tmp_path, base=str(tmp_path / "nowhere")), client(tmp_path) as show:
        await wait_until(lambda: show.state is not None and show.state.error, START_S)
        assert show.state is not None and "does not exist" in show.state.error and show.state.mend
        assert not show.ready
        answer = await show.generate(room="r", user="一")
        assert answer.finish == "error" and "does not exist" in answer.error
        assert not (await show.stage("tang-a.language.1", tmp_path / "a")).ok


async def test_an_engine_that_dies_fails_what_waits_and_gets_its_adapters_back(
    folder: Path, tmp_path: Path
) -> None:
    """Waiting requests fail at once; the next engine is ready only with the adapters and pins."""
    async with client(tmp_path) as show:
        with pytest.raises(EngineGone):
            await show.generate(room="r", user="一")
        async with engine(tmp_path, base=str(folder / "base")) as process:
            await wait_until(lambda: show.ready, START_S)
            a = await show.stage("tang-a.language.1", folder / "a")
            await show.pin("r", [a.sha256])
            waiting = asyncio.create_task(
                show.generate(room="r", user="二", max_tokens=ENDLESS, deadline_s=30)
            )
            await asyncio.sleep(0)
            process.kill()
            with suppress(EngineGone):
                assert (await asyncio.wait_for(waiting, 5)).finish == "stop"
            await wait_until(lambda: not show.connected)
            assert not show.ready and show.state is None
            await process.wait()
        async with engine(tmp_path, base=str(folder / "base")):
            await wait_until(lambda: show.ready, START_S)
            await wait_until(lambda: show.state is not None and show.state.resident)
            assert show.state is not None
            assert [(one.sha256, one.pinned) for one in show.state.resident] == [(a.sha256, True)]
            answer = await show.generate(room="r", user="一", adapter=a.sha256)
            assert answer.finish in ("stop", "length")
