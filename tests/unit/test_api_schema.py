"""Requests made from the OpenAPI description: none may be a fault of ours, every error is a problem."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from livehost import app
from livehost.api import create_api
from livehost.house import House
from livehost.runtime import Places
from livehost.settings import Settings
from tests.conftest import free_port, wait_until
from tests.fake_playout import fake_playout
from tests.fakes import CATALOG, TOKENS, open_house
from tests.fakes import settings as settings_of
from tests.scripted import ScriptedVoices

EXAMPLES = int(os.environ.get("LIVEHOST_EXAMPLES", "6"))
ENDLESS = ("/v1/events", "/v1/rooms/{room}/preview.mp4", "/v1/rooms/{room}/live.flv")
# Honest errors: no playout runs beside this server.
AWAY = ("/readyz", "/v1/rooms/{room}/snapshot.jpg")
SOURCES = [
    {"kind": "douyin", "secrets": ["s3cret"]},
    {"kind": "kuaishou", "secrets": ["s3cret"]},
    {"kind": "wxlivespy", "token": "t0ken"},
]
NEEDED = (
    "duty",
    "faq",
    "sources",
    "records",
    "webhooks/douyin",
    "webhooks/kuaishou",
    "webhooks/wxlivespy",
    "questions",
)


@asynccontextmanager
async def real_house(folder: Path) -> AsyncIterator[House]:
    """A whole show on air, with a playout that only talks."""
    configured = {**settings_of(folder, [{"id": "room", "sources": SOURCES}]).model_dump(exclude={"api"})}
    configured["api"] = {"tokens": [{"role": role, "token": token} for role, token in TOKENS.items()]}
    (folder / "catalog.yaml").write_text(json.dumps(CATALOG), "utf-8")
    parsed = Settings.model_validate(configured)
    socket = Places(parsed.state_dir).run_dir("room") / "control.sock"
    async with (
        fake_playout(socket, "room"),
        app.open_house(parsed, voices=ScriptedVoices()) as house,
    ):
        room = house.rooms["room"]
        await wait_until(lambda: room.link.connected)
        await room.open()
        yield house


@pytest.fixture(scope="module", params=["scripted rooms", "a whole show"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server of the API in a thread of its own."""
    port = free_port()
    stop, ready = threading.Event(), threading.Event()

    async def serve() -> None:
        folder = Path(tmp_path_factory.mktemp("house"))
        scripted = request.param == "scripted rooms"
        opened: Any = (
            open_house(folder, [{"id": "room", "sources": SOURCES}]) if scripted else real_house(folder)
        )
        async with opened as house:
            config = uvicorn.Config(create_api(house), port=port, log_level="critical", lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)
            server.should_exit = True
            await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    yield f"http://127.0.0.1:{port}"
    stop.set()
    thread.join(10)


def operations(address: str) -> Iterator[schemathesis.APIOperation]:
    """Everything that the description offers, but what never ends."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in ENDLESS:
            yield operation


def tried(operation: schemathesis.APIOperation, mode: GenerationMode, address: str) -> int:
    """Make requests of one operation in the real room; returns how many."""
    room = {"room": "room"} if "{room}" in operation.path else None
    headers = {"Authorization": f"Bearer {TOKENS['duty']}", "Host": "127.0.0.1"}
    count = 0

    @given(case=operation.as_strategy(mode, path_parameters=room))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def check(case: schemathesis.Case) -> None:
        nonlocal count
        count += 1
        answer = case.call(base_url=address, headers=headers, timeout=10)
        away = operation.path in AWAY and answer.status_code == 503
        assert answer.status_code < 500 or away, (answer.status_code, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]
            assert answer.json()["mend"]

    check()
    return count


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_is_a_fault_of_ours(address: str, mode: GenerationMode) -> None:
    total, paths = 0, set[str]()
    for operation in operations(address):
        try:
            total += tried(operation, mode, address)
        except Unsatisfiable:
            continue  # nothing wrong can be said to an operation without parameters
        paths.add(operation.path)
    assert len(paths) > 25 and total > 150
    if mode is GenerationMode.POSITIVE:
        assert all(any(part in path for path in paths) for part in NEEDED), paths
