"""Callers that leave before their request is whole: no traceback, and no line for each."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from starlette.types import Message, Scope

from livehost.api import create_api, handlers
from tests.fakes import open_house

GONE = 20


async def test_who_leaves_early_is_told_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(handlers, "seconds", lambda: clock[0])

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    async def drop(_: Message) -> None:
        return None

    async with open_house(tmp_path) as house:
        app = create_api(house)

        async def called(path: str) -> None:
            headers = [(b"host", b"127.0.0.1:8080"), (b"content-length", b"900000")]
            scope: Scope = {
                "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
                "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
                "headers": headers, "client": ("127.0.0.1", 5000), "server": ("127.0.0.1", 8080),
            }  # fmt: skip
            await app(scope, leave, drop)  # raises nothing: the server would write what is raised

        with structlog.testing.capture_logs() as told:
            for _ in range(GONE):
                await called("/v1/login")
                await called("/v1/webhooks/generic/room-a")
            clock[0] += handlers.GONE_TOLD_EVERY_S
            await called("/v1/webhooks/generic/room-a")
    assert all(one["log_level"] == "info" and "exc_info" not in one for one in told)
    assert [one["count"] for one in told] == [1, GONE]
