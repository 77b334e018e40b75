"""The platforms' webhooks over HTTP, and dycast's socket: who is let in, what is answered, in time."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from livehost.api import create_api, pushes
from livehost.chat import douyin, kuaishou
from livehost.chat import intake as intakes
from livehost.chat.events import Kind
from livehost.store.protocol import Accepted, StoreUnavailable
from livehost.tasks import Tasks
from tests.conftest import free_port, wait_until
from tests.fakes import FakeHouse, FakeRoom, open_client, open_house

SAMPLES = Path(__file__).parent.parent / "data" / "chat"
TOKEN = "0123456789abcdef-token"
SOURCES = [
    {"kind": "douyin", "secrets": ["s3cret"], "gift_secrets": ["g1ft"], "room_id": "7001"},
    {"kind": "kuaishou", "secrets": ["s3cret"], "app_id": "ks1"},
    {"kind": "wxlivespy", "token": TOKEN},
    {"kind": "dycast", "token": TOKEN},
    {"kind": "oba", "url": "ws://127.0.0.1:9"},
]
DOUYIN, KUAISHOU, WX = (f"/v1/webhooks/{kind}/room-a" for kind in ("douyin", "kuaishou", "wxlivespy"))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[FakeHouse]:
    async with open_house(tmp_path, [{"id": "room-a", "sources": SOURCES}, {"id": "room-b"}]) as house:
        yield house


@pytest.fixture
async def client(house: FakeHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(house, None) as client:
        yield client


def signed(
    body: bytes, msg_type: str = "live_comment", secret: str = "s3cret", **more: str
) -> dict[str, str]:
    """The headers of a Douyin push that is signed now."""
    told = {
        "x-nonce-str": "n", "x-timestamp": str(int(time.time() * 1000)), "x-roomid": "7001",
        "x-msg-type": msg_type, **more,
    }  # fmt: skip
    return {**told, "x-signature": douyin.signature(told, body, secret), "content-type": "application/json"}


def comments(*numbers: int) -> bytes:
    """An array of Douyin comments."""
    return json.dumps(
        [
            {
                "msg_id": str(one), "sec_openid": f"o{one}", "content": f"{one}号多少钱", "nickname": "小鹿",
                "timestamp": int(time.time()),
            }
            for one in numbers
        ],
        ensure_ascii=False,
    ).encode()  # fmt: skip


def from_kuaishou(line: int, **changed: Any) -> bytes:
    """A recorded push of Kuaishou, sent now."""
    told = json.loads((SAMPLES / "kuaishou.jsonl").read_text(encoding="utf-8").splitlines()[line])
    return json.dumps({**told, "timestamp": int(time.time() * 1000), **changed}, ensure_ascii=False).encode()


def results(house: FakeHouse) -> dict[str, float]:
    """The counter of messages by result."""
    metric = next(iter(house.metrics.webhook_messages_total.collect()))
    return {
        one.labels["result"]: one.value for one in metric.samples if one.name.endswith("_total") and one.value
    }


async def test_the_self_test_by_head(client: httpx.AsyncClient) -> None:
    for path in (DOUYIN, KUAISHOU):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await client.head("/v1/webhooks/douyin/nowhere")).status_code == 404


async def test_douyins_comments_are_stored_once(house: FakeHouse, client: httpx.AsyncClient) -> None:
    body = comments(1, 2)
    answer = await client.post(DOUYIN, content=body, headers=signed(body))
    assert answer.status_code == 200 and answer.json()["accepted"] == 2
    again = comments(2, 3)
    assert (await client.post(DOUYIN, content=again, headers=signed(again))).json()["duplicate"] == 1
    asked = await house.store.questions("room-a")
    assert sorted((one.id, one.user_id, one.source) for one in asked) == [
        ("douyin:1", "o1", "douyin"), ("douyin:2", "o2", "douyin"), ("douyin:3", "o3", "douyin"),
    ]  # fmt: skip
    assert results(house) == {"accepted": 3, "duplicate": 1}


async def test_two_sources_may_use_the_same_number(house: FakeHouse, client: httpx.AsyncClient) -> None:
    told = {"id": "777", "user": "甲", "text": "怎么用"}
    headers = {"authorization": f"Bearer {house.settings.room('room-a').webhook.token.get_secret_value()}"}
    generic = "/v1/webhooks/generic/room-a"
    body = comments(777)
    for counted in ("accepted", "duplicate"):
        plain = await client.post(generic, json=told, headers=headers)
        pushed = await client.post(DOUYIN, content=body, headers=signed(body))
        assert plain.json()[counted] == pushed.json()[counted] == 1
    assert {one.id for one in await house.store.questions("room-a")} == {"777", "douyin:777"}


async def test_gifts_likes_and_the_fan_club_are_told_once_and_never_asked(
    house: FakeHouse, client: httpx.AsyncClient
) -> None:
    sample = json.loads((SAMPLES / "douyin.json").read_text(encoding="utf-8"))
    for _ in range(2):
        for msg_type in ("live_gift", "live_like", "live_fansclub"):
            body = json.dumps(sample[msg_type]).encode()
            secret = "g1ft" if msg_type == "live_gift" else "s3cret"
            answer = await client.post(DOUYIN, content=body, headers=signed(body, msg_type, secret))
            assert answer.status_code == 200, answer.text
    seen = house.rooms["room-a"].seen
    assert [one.kind for one in seen] == [
        Kind.GIFT, Kind.GIFT, Kind.LIKE, Kind.FANS_CLUB, Kind.FANS_CLUB,
    ]  # fmt: skip
    assert [one.test for one in seen] == [False, True, False, False, False]
    assert await house.store.questions("room-a") == []


@pytest.mark.parametrize(
    "changed",
    [
        {"x-signature": "x"},
        {"x-signature": ""},
        {"x-msg-type": "live_like"},  # signed with the same secret as comments are
        {"x-roomid": "7002"},
        {"x-timestamp": str(int(time.time() * 1000) - 60_000)},  # young enough, and another than was signed
        {"x-nonce-str": "m"},
    ],
)
async def test_what_is_not_signed_for_this_room_is_refused(
    house: FakeHouse, client: httpx.AsyncClient, changed: dict[str, str]
) -> None:
    body = comments(1)
    answer = await client.post(DOUYIN, content=body, headers={**signed(body), **changed})
    assert answer.status_code == 401 and answer.json()["mend"]
    assert (await client.post(DOUYIN, content=body + b" ", headers=signed(body))).status_code == 401
    assert await house.store.questions("room-a") == [] and results(house) == {"signature_wrong": 2}


async def test_a_signed_push_of_another_room_an_old_one_and_one_without_json(
    client: httpx.AsyncClient,
) -> None:
    body = comments(1)
    other = await client.post(DOUYIN, content=body, headers=signed(body, **{"x-roomid": "7002"}))
    assert (other.status_code, "7002" in other.json()["title"]) == (403, True)
    old = await client.post(DOUYIN, content=body, headers=signed(body, **{"x-timestamp": "1700000000"}))
    assert old.status_code == 401 and "NTP" in old.json()["mend"]
    assert (await client.post(DOUYIN, content=b"[", headers=signed(b"["))).status_code == 400
    for path in ("douyin", "kuaishou", "wxlivespy"):
        answer = await client.post(f"/v1/webhooks/{path}/room-b", content=body)
        assert (answer.status_code, path in answer.json()["mend"]) == (404, True)


async def test_kuaishous_answers(house: FakeHouse, client: httpx.AsyncClient) -> None:
    body = from_kuaishou(0)
    headers = {"kwaisign": kuaishou.signature(body, "s3cret")}
    for _ in range(2):  # it sends again what it thinks lost
        answer = await client.post(KUAISHOU, content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"result": 1})
    wrong = await client.post(KUAISHOU, content=body + b" ", headers=headers)
    assert (wrong.status_code, wrong.json()) == (200, {"result": 11, "errorMsg": "签名错误"})
    foreign = from_kuaishou(0, app_id="other")
    answer = await client.post(
        KUAISHOU, content=foreign, headers={"kwaisign": kuaishou.signature(foreign, "s3cret")}
    )
    assert answer.json()["result"] == 10 and "push_foreign" in answer.json()["errorMsg"]
    assert {one.id for one in await house.store.questions("room-a")} == {"kuaishou:u1", "kuaishou:u1:1"}


async def test_test_traffic_is_told_of_and_never_asked(house: FakeHouse, client: httpx.AsyncClient) -> None:
    for line in (3, 4):
        body = from_kuaishou(line)
        sign = kuaishou.signature(body, "s3cret")
        assert (await client.post(KUAISHOU, content=body, headers={"kwaisign": sign})).json() == {"result": 1}
    seen = house.rooms["room-a"].seen
    assert [(one.kind, one.test) for one in seen] == [(Kind.COMMENT, True)] * 2
    assert await house.store.questions("room-a") == [] and results(house)["test"] == 2


# ---- a store that is slow or away


class Slow:
    """A room's `messages` that waits until it is told to go on."""

    def __init__(self, room: FakeRoom, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on = asyncio.Event()
        self._room = room
        monkeypatch.setattr(room.sources.intake, "_messages", self)
        monkeypatch.setattr(pushes, "STORE_WITHIN_S", 0.02)

    async def __call__(self, messages: list[Any]) -> Accepted:
        await self.go_on.wait()
        return await self._room.store.accept(self._room.id, messages)


@pytest.mark.parametrize("platform", ["douyin", "kuaishou"])
async def test_a_slow_store_is_an_honest_error_in_time_and_nothing_is_lost_or_asked_twice(
    house: FakeHouse, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    slow = Slow(house.rooms["room-a"], monkeypatch)
    body = comments(1) if platform == "douyin" else from_kuaishou(0)
    headers = signed(body) if platform == "douyin" else {"kwaisign": kuaishou.signature(body, "s3cret")}
    path = f"/v1/webhooks/{platform}/room-a"
    answer = await client.post(path, content=body, headers=headers)
    assert answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
    again = asyncio.create_task(client.post(path, content=body, headers=headers))
    slow.go_on.set()
    assert (await again).status_code == 200
    await wait_until(lambda: not house.rooms["room-a"].sources.intake._storing)
    ids = [one.id for one in await house.store.questions("room-a")]
    assert len(ids) == len(set(ids)) == (1 if platform == "douyin" else 2)


async def test_more_than_can_be_stored_is_refused_at_once(
    house: FakeHouse, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(house.rooms["room-a"], monkeypatch)
    monkeypatch.setattr(intakes, "MAX_STORING", 10)
    intake = house.rooms["room-a"].sources.intake
    for number in range(8):
        body = comments(number, number + 100)
        assert (await client.post(DOUYIN, content=body, headers=signed(body))).status_code == 503
        assert len(intake._storing) <= 5
    slow.go_on.set()
    await wait_until(lambda: not intake._storing)


async def test_a_store_that_is_away_is_503_and_gifts_wait_for_it(
    house: FakeHouse, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: list[Any]) -> Accepted:
        raise StoreUnavailable("redis is away")

    room, body = house.rooms["room-a"], (SAMPLES / "wxlivespy.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(room.sources.intake, "_messages", away)
        answer = await client.post(WX, params={"token": TOKEN}, content=body)
        assert answer.status_code == 503 and "redis is away" in answer.json()["title"]
        assert room.seen == []
    for _ in range(2):  # the whole is sent again
        assert (await client.post(WX, params={"token": TOKEN}, content=body)).status_code == 200
    assert [one.kind for one in room.seen].count(Kind.GIFT) == 2
    assert len(await house.store.questions("room-a")) == 1


# ---- forwarding tools


async def test_wxlivespy_forwards_plain_and_gzipped(house: FakeHouse, client: httpx.AsyncClient) -> None:
    body = (SAMPLES / "wxlivespy.json").read_bytes()
    plain = await client.post(WX, params={"token": TOKEN}, content=body)
    assert plain.status_code == 200
    assert {name: plain.json()[name] for name in ("accepted", "own", "unknown")} == {
        "accepted": 5, "own": 1, "unknown": 1,
    }  # fmt: skip
    packed = {"content-encoding": "gzip"}
    again = await client.post(WX, params={"token": TOKEN}, content=gzip.compress(body), headers=packed)
    assert again.json()["duplicate"] == 5
    assert [one.text for one in await house.store.questions("room-a")] == ["油皮能用吗"]
    for token in ("", "wrong", TOKEN + "x"):
        assert (await client.post(WX, params={"token": token}, content=body)).status_code == 401
    bomb = gzip.compress(b" " * 20_000_000)
    assert (await client.post(WX, params={"token": TOKEN}, content=bomb, headers=packed)).status_code == 413
    for torn in (b"\x1f", gzip.compress(body)[:-4]):
        answer = await client.post(WX, params={"token": TOKEN}, content=torn, headers=packed)
        assert answer.status_code == 400, torn


@asynccontextmanager
async def served(house: FakeHouse) -> AsyncIterator[int]:
    """The API on a real port; yields it."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(create_api(house), port=port, log_level="critical", lifespan="off")
    )
    serving = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


async def test_dycast_connects_to_us(house: FakeHouse) -> None:
    room = house.rooms["room-a"]
    frames = (SAMPLES / "dycast.jsonl").read_text(encoding="utf-8").splitlines()
    async with served(house) as port, Tasks("test") as tasks:
        (work,) = [run for name, run in room.sources.work() if name == "source dycast"]
        tasks.keep(work, "dycast")
        address = f"ws://127.0.0.1:{port}/v1/relays/dycast"
        for wrong in ("room-a", "room-a?token=", "room-a?token=wrong", f"room-b?token={TOKEN}", "x?token=a"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{address}/{wrong}", proxy=None)
            assert refused.value.response.status_code == 403
        with pytest.raises(InvalidStatus):
            foreign = {"Host": "evil.example"}
            await connect(f"{address}/room-a?token={TOKEN}", proxy=None, additional_headers=foreign)
        async with connect(f"{address}/room-a?token={TOKEN}", proxy=None) as socket:
            for frame in frames[:3]:
                await socket.send(frame)
            await socket.send(frames[3].encode())
            await socket.send("no json")
            await wait_until(lambda: len(room.seen) == 3)
            (shown,) = [one for one in room.sources.view() if one["kind"] == "dycast"]
            assert (shown["state"], shown["events"]) == ("connected", 4)
        await wait_until(lambda: room.sources.view()[3]["state"] == "away")
    assert [one.text for one in await house.store.questions("room-a")] == ["油皮能用吗"]


async def test_pushes_that_are_refused_in_a_row_are_an_alarm(
    house: FakeHouse, client: httpx.AsyncClient
) -> None:
    body = comments(1)
    for refused in range(10):
        assert house.alarms.current("room-a") == (), refused
        await client.post(DOUYIN, content=body, headers={**signed(body), "x-signature": "x"})
    (alarm,) = house.alarms.current("room-a")
    assert alarm.key == "source:douyin" and "signature_wrong" in alarm.cause
    assert house.rooms["room-a"].sources.view()[0]["error"] == "signature_wrong"
    await client.post(DOUYIN, content=body, headers=signed(body))
    shown = house.rooms["room-a"].sources.view()[0]
    assert (shown["events"], shown["refused"], shown["error"]) == (1, 10, "")
    assert house.alarms.current("room-a") == ()


async def test_the_sources_are_shown_to_who_may_see_them(house: FakeHouse) -> None:
    async with open_client(house, "viewer") as client:
        told = (await client.get("/v1/rooms/room-a/sources")).json()["items"]
        assert [(one["kind"], one["state"]) for one in told] == [
            ("douyin", "push"), ("kuaishou", "push"), ("wxlivespy", "push"), ("dycast", "away"), ("oba", "away"),
            ("generic", "push"),
        ]  # fmt: skip
        assert TOKEN not in json.dumps(told)
        others = (await client.get("/v1/rooms/room-b/sources")).json()["items"]
        assert [one["kind"] for one in others] == ["generic"]
    async with open_client(house, None) as client:
        assert (await client.get("/v1/rooms/room-a/sources")).status_code == 401


async def test_the_plain_webhook_is_among_the_sources(house: FakeHouse, client: httpx.AsyncClient) -> None:
    at = "/v1/webhooks/generic/room-b"
    token = house.settings.room("room-b").webhook.token.get_secret_value()

    def shown() -> tuple[int, int, str]:
        (one,) = house.rooms["room-b"].sources.view()
        return one["events"], one["refused"], one["error"]

    refused = await client.post(at, json={"text": "多少钱"}, headers={"authorization": "Bearer x"})
    assert refused.status_code == 401 and shown() == (0, 1, "signature_wrong")
    told = [{"id": "1", "text": "多少钱"}, {"id": "2", "kind": "like"}]
    await client.post(at, json=told, headers={"authorization": f"Bearer {token}"})
    assert shown() == (2, 1, "")


async def test_a_room_without_a_webhook_shows_none(tmp_path: Path) -> None:
    rooms = [{"id": "bare", "webhook": {}}]
    async with open_house(tmp_path, rooms) as house:
        assert house.rooms["bare"].sources.view() == []


async def test_the_plain_webhook_takes_events_too(house: FakeHouse) -> None:
    lines = [
        {"id": "1", "user": "小鹿", "user_id": "u1", "text": "多少钱", "buyer": True},
        {"id": "2", "kind": "order", "user": "老李", "product": "氨基酸洁面乳", "buyer": True},
        {"id": "3", "kind": "gift", "user": "阿星", "count": 3, "value_fen": 30},
        {"id": "4", "kind": "poke", "user": "阿星"},
        "rubbish",
    ]
    async with open_client(house, "operator") as client:
        answer = (await client.post("/v1/webhooks/generic/room-a", json=lines)).json()
        again = (await client.post("/v1/webhooks/generic/room-a", json=lines)).json()
    assert (answer["accepted"], answer["rejected"]) == (3, 2)
    assert answer["reasons"] == {"3": "kind_unknown", "4": "not_an_object"}
    assert (again["accepted"], again["duplicate"]) == (0, 3)
    (asked,) = await house.store.questions("room-a")
    assert (asked.user_id, asked.source, asked.buyer) == ("u1", "generic", True)
    assert [(one.kind, one.count, one.product) for one in house.rooms["room-a"].seen] == [
        (Kind.ORDER, 1, "氨基酸洁面乳"), (Kind.GIFT, 3, ""),
    ]  # fmt: skip
