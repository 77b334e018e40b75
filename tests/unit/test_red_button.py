"""The red button's server: who may press it, from which page, and what it says."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from livehost.api.keys import origin_is_ours
from livehost.check import read_settings
from livehost.red_button import create_red_button
from livehost.settings import Token

VIEWER, DUTY = "viewer-token-of-tests", "duty-token-of-the-tests"


@pytest.fixture
def pressed() -> list[tuple[str, bool, str]]:
    return []


@pytest.fixture
def client(root: Path, pressed: list[tuple[str, bool, str]]) -> httpx.AsyncClient:
    settings = read_settings(root / "configs/demo.yaml", review=False)
    tokens = (
        Token(role="viewer", token=SecretStr(VIEWER)),
        Token(role="duty", token=SecretStr(DUTY)),
    )
    settings = settings.model_copy(
        update={"api": settings.api.model_copy(update={"tokens": tokens, "port": 8080})}
    )

    async def cut(room: str, on: bool, by: str) -> bool:
        pressed.append((room, on, by))
        return len(pressed) < 3

    transport = httpx.ASGITransport(app=create_red_button(settings, cut))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081")


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_duty_cuts_and_takes_it_back(
    client: httpx.AsyncClient, pressed: list[tuple[str, bool, str]]
) -> None:
    assert (await client.post("/v1/rooms/demo/cut", headers=_bearer(DUTY))).json() == {
        "room": "demo",
        "cut": True,
    }
    assert (await client.post("/v1/rooms/demo/uncut", headers=_bearer(DUTY))).json()["cut"] is False
    assert [(room, on) for room, on, _ in pressed] == [("demo", True), ("demo", False)]
    gone = await client.post("/v1/rooms/demo/cut", headers=_bearer(DUTY))
    assert gone.status_code == 503
    assert gone.json()["mend"]


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, "/v1/rooms/demo/cut", 401),
        (_bearer(VIEWER), "/v1/rooms/demo/cut", 403),
        (_bearer(DUTY), "/v1/rooms/nowhere/cut", 404),
        (_bearer(DUTY) | {"Host": "evil.example"}, "/v1/rooms/demo/cut", 421),
        (_bearer(DUTY) | {"Origin": "http://evil.example"}, "/v1/rooms/demo/cut", 403),
        (_bearer(DUTY) | {"Origin": "http://127.0.0.1:9999"}, "/v1/rooms/demo/cut", 403),
        (_bearer(DUTY) | {"Origin": "http://["}, "/v1/rooms/demo/cut", 403),
        (_bearer(DUTY) | {"Sec-Fetch-Site": "cross-site"}, "/v1/rooms/demo/cut", 403),
        (_bearer(DUTY) | {"Origin": "http://127.0.0.1:8080"}, "/v1/rooms/demo/cut", 200),
    ],
)
async def test_who_may_press(
    client: httpx.AsyncClient, headers: dict[str, str], path: str, status: int
) -> None:
    assert (await client.post(path, headers=headers)).status_code == status


def test_an_origin_that_is_no_address_is_foreign() -> None:
    assert not origin_is_ours("http://[", "127.0.0.1:8080")
    assert origin_is_ours("http://127.0.0.1:8080", "127.0.0.1:8080")
