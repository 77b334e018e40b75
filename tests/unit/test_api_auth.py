"""Who may ask what: tokens, cookies, roles, Host, Origin, bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from livehost.api.keys import Keys, Role, host_is_ours, new_token, origin_is_ours
from livehost.settings import Token
from tests.fakes import TOKENS, FakeHouse, open_client


@pytest.mark.parametrize(
    ("role", "wanted", "may"),
    [
        ("viewer", "viewer", True),
        ("viewer", "operator", False),
        ("operator", "viewer", True),
        ("operator", "duty", False),
        ("duty", "operator", True),
        ("trainer", "viewer", True),
        ("trainer", "operator", False),
        ("duty", "trainer", False),
    ],
)
def test_roles_include_what_is_below_them(role: str, wanted: str, may: bool) -> None:
    assert Role(role).may(Role(wanted)) is may


def test_a_cookie_ends_with_its_time_and_with_its_token() -> None:
    now = [1_000_000.0]
    token = new_token()
    keys = Keys([Token.model_validate({"role": "duty", "token": token})], lambda: now[0])
    cookie = keys.cookie_for(token)
    assert cookie is not None and token not in cookie
    assert (found := keys.by_cookie(cookie)) and found.role is Role.DUTY
    assert Keys([]).by_cookie(cookie) is None
    assert keys.by_cookie(cookie[:-1] + ("0" if cookie[-1] != "0" else "1")) is None
    assert keys.by_cookie("9" + cookie) is None
    now[0] += 31 * 86_400
    assert keys.by_cookie(cookie) is None


@pytest.mark.parametrize("value", ["", ".", "..", "x.y.z", "999999999999999.a.b", "²²²²².a.b", "1.é.é"])
def test_a_cookie_that_is_none_is_nobody(value: str) -> None:
    keys = Keys([Token.model_validate({"role": "duty", "token": "a-token"})])
    assert keys.by_cookie(value) is None
    assert keys.by_bearer(f"Bearer {value}") is None


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("[::1]:8080", True),
        ("LIVE.example.com", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_host_names(host: str, ours: bool) -> None:
    assert host_is_ours(host, ["live.example.com"]) is ours


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.0.0.1:3000", False),
        ("https://evil.example", False),
        ("null", False),
        ("file://127.0.0.1:8080", False),
    ],
)
def test_origins(origin: str, ours: bool) -> None:
    assert origin_is_ours(origin, "127.0.0.1:8080") is ours


async def test_no_token_is_401_with_its_mend(house: FakeHouse) -> None:
    async with open_client(house, None) as client:
        answer = await client.get("/v1/rooms")
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "Bearer" in answer.json()["mend"]
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/metrics")).status_code == 401


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "status"),
    [
        ("viewer", "GET", "/v1/rooms", None, 200),
        ("trainer", "GET", "/v1/rooms", None, 200),
        ("viewer", "POST", "/v1/rooms/room-a/session", {"action": "open"}, 403),
        ("trainer", "POST", "/v1/rooms/room-a/session", {"action": "open"}, 403),
        ("operator", "POST", "/v1/rooms/room-a/session", {"action": "open"}, 200),
        ("operator", "POST", "/v1/rooms/room-a/say", {"text": "好"}, 403),
        ("duty", "POST", "/v1/rooms/room-a/say", {"text": "好"}, 200),
        ("operator", "POST", "/v1/rooms/room-a/control", {"action": "cut"}, 204),
        ("operator", "POST", "/v1/rooms/room-a/control", {"action": "uncut"}, 403),
        ("duty", "POST", "/v1/rooms/room-a/control", {"action": "uncut"}, 204),
        ("viewer", "POST", "/v1/rooms/room-a/questions", {"text": "多少钱"}, 403),
    ],
)
async def test_roles_at_the_door(
    house: FakeHouse, role: str, method: str, path: str, body: object, status: int
) -> None:
    async with open_client(house, role) as client:
        answer = await client.request(method, path, json=body)
        assert answer.status_code == status, answer.text


async def test_the_page_signs_in_with_a_cookie_that_scripts_cannot_read(house: FakeHouse) -> None:
    async with open_client(house, None) as client:
        assert (await client.post("/v1/login", json={"token": "wrong"})).status_code == 401
        answer = await client.post("/v1/login", json={"token": TOKENS["operator"]})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and TOKENS["operator"] not in cookie
        assert (await client.get("/v1/house")).json()["role"] == "operator"
        assert (await client.post("/v1/logout")).status_code == 204
        assert (await client.get("/v1/house")).status_code == 401


async def test_a_foreign_host_is_421_and_a_foreign_page_403(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/rooms", headers={"host": "evil.example"})).status_code == 421
    foreign = {"origin": "https://evil.example"}
    answer = await client.post("/v1/rooms/room-a/session", json={"action": "open"}, headers=foreign)
    assert answer.status_code == 403
    assert (await client.get("/v1/rooms", headers={"origin": "http://127.0.0.1:8080"})).status_code == 200
    assert (await client.get("/v1/rooms", headers={"sec-fetch-site": "cross-site"})).status_code == 403


async def test_a_body_over_the_limit_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/rooms/room-a/say", content=b"x" * 10_000_000)
    assert answer.status_code == 413
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b"x" * 65_536

    answer = await client.post("/v1/webhooks/generic/room-a", content=endless())
    assert answer.status_code == 413
    assert read < 2_000_000
    assert (await client.get("/v1/rooms", headers={"content-length": "9" * 50})).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe{}",
        b"{",
        b'{"text": NaN}',
        b'{"text": "a", "urgent": Infinity}',
        b"[" * 100_000,
        b'{"text": ' + b"9" * 5000 + b"}",
    ],
)
async def test_a_body_that_is_not_json_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/v1/rooms/room-a/say", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["mend"]


@pytest.mark.parametrize(
    "body",
    [
        {"text": "字" * 10_000},
        {"text": ""},
        {"text": "   "},
        {"text": 3},
        {"text": "好", "urgent": "maybe"},
        {"text": "好", "extra": 1},
        {"text": "\ud800"},
        [],
        "text",
        None,
    ],
)
async def test_a_wrong_text_is_422(house: FakeHouse, client: httpx.AsyncClient, body: object) -> None:
    import json

    content = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    answer = await client.post("/v1/rooms/room-a/say", content=content, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
    assert house.rooms["room-a"].asked == []


async def test_the_page_is_served_with_a_policy_and_nothing_of_others(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "default-src 'none'" in policy
    assert "connect-src 'self' http://127.0.0.1:8081;" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("app.js", "style.css", "mark.svg"):
        part = await client.get(f"/console/{name}")
        assert part.status_code == 200
        again = await client.get(f"/console/{name}", headers={"if-none-match": part.headers["etag"]})
        assert again.status_code == 304
    assert (await client.get("/console/..%2fapi%2fapp.py")).status_code == 404
    assert "://" not in answer.text.replace("http://www.w3.org", "")
