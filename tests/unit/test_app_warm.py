"""What a show builds beside its loop before viewers write, and what it keeps out of collections."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from livehost import answers, app
from livehost.answers.likely import likely, packaged
from livehost.answers.properties import property_of
from livehost.chat import moderation
from livehost.settings import Settings
from tests import fakes
from tests.fakes import CATALOG, FakeHouse, settings
from tests.scripted import ScriptedVoices


async def test_the_rules_tables_are_built_in_a_thread_before_anybody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), encoding="utf-8")
    built: list[threading.Thread] = []
    understand = answers.meaning

    def meaning(*args: Any, **more: Any) -> Any:
        built.append(threading.current_thread())
        return understand(*args, **more)

    monkeypatch.setattr(answers, "meaning", meaning)
    packaged.cache_clear()
    likely.cache_clear()
    property_of.cache_clear()
    warmed = asyncio.Event()
    configured = settings(tmp_path, [{"id": "room-a"}])
    async with app.open_house(configured, voices=ScriptedVoices(), warmed=warmed.set):
        await asyncio.wait_for(warmed.wait(), 20)
    assert built and threading.main_thread() not in built
    assert packaged.cache_info().currsize == 2  # what is asked, and of which property


async def test_a_served_show_keeps_its_tables_out_of_collections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[int] = []

    @asynccontextmanager
    async def house(_: Settings, *, warmed: Callable[[], None]) -> AsyncIterator[FakeHouse]:
        async with fakes.open_house(tmp_path, [{"id": "room-a"}]) as made:
            warmed()
            yield made

    async def serve(*_: Any, **__: Any) -> None:
        served.append(gc.get_freeze_count())

    monkeypatch.setattr(app, "open_house", house)
    monkeypatch.setattr("uvicorn.Server.serve", serve)
    before = gc.get_freeze_count()
    try:
        await app.serve_show(settings(tmp_path, [{"id": "room-a"}]))
    finally:
        gc.unfreeze()
    assert served[0] > before + 10_000


def test_a_name_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "看过一次的名字"
    first = moderation.moderated_name(name)
    monkeypatch.setattr(moderation, "may_be_shown", lambda text: pytest.fail("looked at again"))
    assert moderation.moderated_name(name) == first
