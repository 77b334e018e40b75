"""Model engines as children of the supervisor: started after the show, watched, restarted, ended in time."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from livehost import supervisor as module
from livehost.engine_children import engine_settings
from livehost.engines import EngineClient
from livehost.runtime import Places
from livehost.settings import Settings, VisionModel
from livehost.supervisor import Supervisor
from services.engine import read_engine_settings
from tests.conftest import wait_until
from tests.fakes import settings

IDLE = [sys.executable, "-c", "import signal; signal.pause()"]


def with_models(folder: Path, base: str = "base", **more: Any) -> Settings:
    language = {"engine": "transformers", "base": str(folder / base), "threads": 1, **more}
    plain = settings(folder)
    return Settings.model_validate({**plain.model_dump(), "models": {"language": language}})


@asynccontextmanager
async def supervised(configured: Settings) -> AsyncIterator[Supervisor]:
    """A supervisor whose show and playout idle and whose engine is the fake one."""
    supervisor = Supervisor(configured, show_command=IDLE, env={})
    for name, child in supervisor.children.items():
        child.command = IDLE
        if name in ("language", "vision"):
            file = Places(configured.state_dir).engine(name) / "settings.json"
            child.command = [sys.executable, "-m", "tests.fake_engine", str(file)]
    async with supervisor:
        yield supervisor


@asynccontextmanager
async def client(configured: Settings) -> AsyncIterator[EngineClient]:
    link = EngineClient(Places(configured.state_dir).engine_socket("language"), role="language")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        yield link
        running.cancel()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_an_engine_waits_for_the_show_and_yields_to_playout(tmp_path: Path) -> None:
    configured = with_models(tmp_path)
    async with supervised(configured) as supervisor, client(configured) as link:
        child = supervisor.children["language"]
        await wait_until(lambda: supervisor.children["show"].pid)
        assert child.pid == 0
        supervisor.show_progressed()
        await wait_until(lambda: link.ready, 20)
        words = (await link.generate(room="r", user="x", deadline_s=5)).text.split()
        assert words == [str(child.pid), "10", "1"]
        pid, ended = child.pid, time.monotonic()
    assert time.monotonic() - ended < 5 and not alive(pid)


async def test_the_engines_load_one_after_another(tmp_path: Path) -> None:
    plain = with_models(tmp_path)
    models = plain.models.model_copy(
        update={"vision": VisionModel(engine="diffusers", base=tmp_path / "base")}
    )
    async with supervised(plain.model_copy(update={"models": models})) as supervisor:
        language, vision = (supervisor.children[name] for name in ("language", "vision"))
        supervisor.show_progressed()
        await wait_until(lambda: vision.pid, 20)
        assert language.settled.is_set() and language.progress > language.started


async def test_an_engine_that_is_killed_comes_back_with_its_adapters(tmp_path: Path) -> None:
    configured = with_models(tmp_path)
    async with supervised(configured) as supervisor, client(configured) as link:
        supervisor.show_progressed()
        await wait_until(lambda: link.ready, 20)
        await link.stage("tang.language.1", tmp_path)
        first = supervisor.children["language"].pid
        os.kill(first, signal.SIGKILL)
        await wait_until(lambda: supervisor.children["language"].pid not in (0, first), 20)
        await wait_until(lambda: link.ready and link.state is not None and link.state.resident, 20)


async def test_an_engine_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    configured = with_models(tmp_path)
    async with supervised(configured) as supervisor, client(configured) as link:
        child = supervisor.children["language"]
        child.progress_s = 2.0
        supervisor.show_progressed()
        await wait_until(lambda: link.ready, 20)
        first = child.pid
        await wait_until(lambda: child.progress > child.started, 10)
        os.kill(first, signal.SIGSTOP)
        await wait_until(lambda: child.pid not in (0, first), 20)
        await wait_until(lambda: link.ready, 20)


async def test_an_engine_that_cannot_stay_is_tried_more_and_more_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.05)
    configured = with_models(tmp_path, "fails")
    async with supervised(configured) as supervisor:
        supervisor.show_progressed()
        child = supervisor.children["language"]
        await wait_until(lambda: child.restarts >= 4, 30)
        begun = time.monotonic()
        await wait_until(lambda: child.restarts >= 5, 30)
        assert time.monotonic() - begun > 0.35  # 0.05, 0.1, 0.2, 0.4 s: doubled each time
        assert child.last_backoff_s == 60.0
        assert supervisor.children["show"].restarts == 0


def test_the_settings_file_is_private_and_whole(tmp_path: Path) -> None:
    openai = {"engine": "openai", "url": "http://127.0.0.1:1/v1", "key": "secret", "model": "q"}
    configured = with_models(tmp_path, **openai)
    Supervisor(configured, show_command=IDLE, env={})
    file = Places(tmp_path).engine("language") / "settings.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = read_engine_settings(file)
    assert (told.engine, told.url, told.key, told.model) == ("openai", "http://127.0.0.1:1/v1", "secret", "q")


def test_an_embedded_base_is_the_packages_own(tmp_path: Path) -> None:
    plain = settings(tmp_path)
    models = {"language": {"engine": "embedded"}, "vision": {"engine": "embedded", "cache_mb": 100}}
    configured = Settings.model_validate({**plain.model_dump(), "models": models})
    places = Places(tmp_path)
    language = engine_settings(configured, "language", places)
    vision = engine_settings(configured, "vision", places)
    assert (language.engine, Path(language.base).parts[-3:]) == (
        "transformers",
        ("services", "language", "base"),
    )
    assert (vision.engine, Path(vision.base).parts[-3:]) == ("embedded", ("services", "vision", "base"))
    assert vision.cache_mb == 100 and vision.cache_dir != language.cache_dir


def test_no_engine_is_started_where_pytorch_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livehost.wardrobe.importlib.util.find_spec", lambda name: None)
    assert "language" not in Supervisor(with_models(tmp_path), show_command=IDLE, env={}).children
