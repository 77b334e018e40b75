"""The language engine in front of a server that speaks vLLM's API: its names, its errors, its restarts."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from livehost.engines import EngineClient
from services import wire
from services.engine import EngineSettings
from services.language.remote import RemoteEngine
from tests.conftest import ROOT, free_port, wait_until
from tests.openai_server import BASE, KEY, Server, serving
from tests.tiny_language import write_adapter, write_base


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three adapters, one of them in a second version."""
    folder = tmp_path_factory.mktemp("language")
    base = write_base(folder / "base")
    for seed, name in enumerate(("a", "b", "c"), 1):
        write_adapter(folder / name, base, persona=f"tang-{name}", seed=seed)
    write_adapter(folder / "a2", base, persona="tang-a", version="2", seed=9)
    return folder


@asynccontextmanager
async def engine(server: Server | str, tmp_path: Path, **more: Any) -> AsyncIterator[RemoteEngine]:
    """An engine in this process."""
    url = server if isinstance(server, str) else server.url
    settings = EngineSettings(
        socket="", engine="openai", url=url, cache_dir=str(tmp_path / "cache"), **{"key": KEY, "model": BASE, **more}
    )  # fmt: skip
    engine = RemoteEngine(settings)
    looking = asyncio.create_task(engine.start())
    try:
        await wait_until(lambda: engine.state().ready or engine.state().error)
        yield engine
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await engine.close()


async def staged(engine: RemoteEngine, folder: Path, name: str) -> wire.Staged:
    """An adapter's folder staged."""
    answer = await engine.handle(
        wire.Stage(request="s", adapter=f"tang-{name}.language.1", folder=str(folder / name))
    )
    assert isinstance(answer, wire.Staged)
    return answer


async def said(engine: RemoteEngine, user: str = "多少钱", **more: Any) -> wire.Generated:
    """What comes back for a question."""
    answer = await engine.handle(wire.Generate(request="g", room="r", user=user, **more))
    assert isinstance(answer, wire.Generated)
    return answer


async def test_an_adapter_is_a_model_with_a_name_of_its_own_for_each_content(
    folder: Path, tmp_path: Path
) -> None:
    """Loaded under `<id>-<sha12>`, asked by that name; a new version gets another."""
    async with serving() as server, engine(server, tmp_path) as remote:
        first = await staged(remote, folder, "a")
        assert first.ok and not first.already
        name = f"tang-a.language.1-{first.sha256[:12]}"
        assert list(server.loras) == [name]
        assert (await staged(remote, folder, "a")).already
        second = await staged(remote, folder, "a2")
        assert second.ok and len(server.loras) == 2 and second.sha256 != first.sha256
        assert (await said(remote, adapter=first.sha256)).text == f"{name}：多少钱"
        assert (await said(remote)).text == f"{BASE}：多少钱"
        answer = await said(remote, "在吗", system="你是主播", adapter=first.sha256, max_tokens=7)
        body = server.asked[-1]
        assert answer.finish == "stop" and answer.tokens
        assert [m["role"] for m in body["messages"]] == ["system", "user"]
        assert body["max_tokens"] == 7 and body["temperature"] == 0
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
        count = len(server.asked)
        assert (
            await said(remote, "在吗", system="你是主播", adapter=first.sha256, max_tokens=7)
        ).text == answer.text
        assert len(server.asked) == count, "an answer is kept by the adapter's content"
        assert [one.sha256 for one in remote.state().resident] == [second.sha256, first.sha256]


async def test_slots_are_kept_for_who_is_pinned(folder: Path, tmp_path: Path) -> None:
    """The longest unused is unloaded; where all are needed the next is refused."""
    async with serving() as server, engine(server, tmp_path, slots=2) as remote:
        a, b = await staged(remote, folder, "a"), await staged(remote, folder, "b")
        await remote.handle(wire.Pin(room="r", adapters=(a.sha256,)))
        c = await staged(remote, folder, "c")
        assert c.ok and {name.split("-")[1][0] for name in server.loras} == {"a", "c"}
        assert (await said(remote, adapter=b.sha256)).finish == "error"
        await remote.handle(wire.Pin(room="s", adapters=(c.sha256,)))
        refused = await staged(remote, folder, "b")
        assert not refused.ok and "slots" in refused.errors[0]


async def test_a_server_that_was_restarted_gets_its_adapters_again(folder: Path, tmp_path: Path) -> None:
    """404 for a name that was loaded: load it, ask once more."""
    async with serving() as server, engine(server, tmp_path) as remote:
        a = await staged(remote, folder, "a")
        server.loras.clear()
        assert (await said(remote, adapter=a.sha256)).finish == "stop"
        assert len(server.loras) == 1


async def test_adapters_of_an_engine_before_are_taken_over(folder: Path, tmp_path: Path) -> None:
    """The server has the name already: that is the same content."""
    async with serving() as server:
        async with engine(server, tmp_path) as remote:
            assert (await staged(remote, folder, "a")).ok
        async with engine(server, tmp_path) as remote:
            assert (await staged(remote, folder, "a")).ok


async def test_deadlines_and_cancels_close_the_request(tmp_path: Path) -> None:
    """The server hears that nobody waits any more."""
    async with serving() as server, engine(server, tmp_path) as remote:
        server.delay_s = 5.0
        assert (await said(remote, deadline_s=0.1)).finish == "deadline"
        await wait_until(lambda: server.dropped == 1)
        running = asyncio.create_task(said(remote, "二", generation=3, deadline_s=30))
        other = asyncio.create_task(said(remote, "三", generation=4, deadline_s=30))
        await wait_until(lambda: len(server.asked) == 3)
        await remote.handle(wire.CancelBelow(room="r", generation=4))
        assert (await running).finish == "cancelled"
        await wait_until(lambda: server.dropped == 2)
        server.delay_s = 0.0
        assert (await other).finish == "stop"


async def test_what_went_wrong_is_said_and_only_a_hiccup_is_tried_again(tmp_path: Path) -> None:
    """503 once: again. 500: no. Half an answer is no answer; thoughts are not said."""
    async with serving() as server, engine(server, tmp_path) as remote:
        server.fail = [503]
        assert (await said(remote, "一")).finish == "stop" and len(server.asked) == 2
        server.fail = [500]
        answer = await said(remote, "二")
        assert answer.finish == "error" and "500" in answer.error and len(server.asked) == 3
        server.fail = [503, 503]
        assert "busy" in (await said(remote, "三")).error
        server.finish = "length"
        assert (await said(remote, "四")).finish == "length"
        server.finish, server.thinks = "stop", True
        assert (await said(remote, "五")).text == f"{BASE}：五"


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"model": "another"}, "no model 'another'"), ({"key": "sk-wrong"}, "key"), ({}, "cannot be reached")],
)
async def test_a_server_that_cannot_be_used_leaves_the_engine_up(
    change: dict[str, str], expected: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Cause and mend stand in the state; the key stands nowhere."""
    caplog.set_level(logging.DEBUG)
    async with serving() as server:
        where: Server | str = server if change else f"http://127.0.0.1:{free_port()}/v1"
        async with engine(where, tmp_path, **change) as remote:
            state = remote.state()
            assert not state.ready and expected in state.error and state.mend
            assert (await said(remote)).finish == "error" or change
    assert "sk-" not in caplog.text and "sk-" not in f"{state}"


async def test_what_a_server_cannot_load_is_refused_with_the_mend(folder: Path, tmp_path: Path) -> None:
    """A server without run-time adapters; an adapter whose bytes changed; one without consent."""
    import shutil

    async with serving() as server, engine(server, tmp_path) as remote:
        server.runtime_loras = False
        refused = await staged(remote, folder, "a")
        assert not refused.ok and "--enable-lora" in refused.errors[0]
        server.runtime_loras = True
        changed = shutil.copytree(folder / "a", tmp_path / "a")
        data = bytearray((changed / "adapter.safetensors").read_bytes())
        data[-1] ^= 1
        (changed / "adapter.safetensors").write_bytes(data)
        card = (changed / "adapter.yaml").read_text().split("consent:")[0]
        (changed / "adapter.yaml").write_text(card)
        refused = await staged(remote, tmp_path, "a")
        assert not refused.ok and len(refused.errors) == 2 and not server.loras


def of_process(pid: int, name: str) -> bytes:
    """What Linux tells of a process."""
    return Path(f"/proc/{pid}/{name}").read_bytes()


async def test_its_process_never_loads_torch(folder: Path, tmp_path: Path) -> None:
    """As a child behind its socket, with an adapter staged and words generated."""
    async with serving() as server:
        settings = EngineSettings(
            socket=str(tmp_path / "language.sock"), engine="openai", url=server.url, key=KEY, model=BASE,
            cache_dir=str(tmp_path / "cache"),
        )  # fmt: skip
        file = tmp_path / "language.json"
        file.write_bytes(msgspec.json.encode(settings))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.language", str(file), cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        show = EngineClient(tmp_path / "language.sock", role="language")
        running = asyncio.create_task(show.run())
        try:
            await wait_until(lambda: show.ready, 30)
            a = await show.stage("tang-a.language.1", folder / "a")
            assert a.ok and (await show.generate(room="r", user="一", adapter=a.sha256)).finish == "stop"
            if sys.platform == "linux":
                assert b"torch" not in of_process(process.pid, "maps")
                assert KEY.encode() not in of_process(process.pid, "cmdline")
        finally:
            running.cancel()
            process.terminate()
            _, log = await process.communicate()
        assert process.returncode == 0 and KEY.encode() not in log
        assert os.listdir(tmp_path / "cache") == [f"tang-a.language.1-{a.sha256[:12]}"]
