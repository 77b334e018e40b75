"""Webhooks, events, media and recordings."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from livehost.api.events import _events
from livehost.chat.generic import signature
from livehost.events import EventBus
from tests.conftest import wait_until
from tests.fakes import TOKENS, WEBHOOK_SECRET, WEBHOOK_TOKEN, FakeHouse, fake_media, open_client

HOOK = "/v1/webhooks/generic/room-a"


# ---- webhooks


async def test_a_signed_body_is_stored_once(house: FakeHouse) -> None:
    body = json.dumps(
        [{"id": "1", "user": "小鹿", "text": "油皮能用吗", "at": "2026-12-01T10:00:00+08:00"}]
    ).encode()
    async with open_client(house, None) as client:
        headers = {"x-livehost-signature": signature(body, WEBHOOK_SECRET)}
        first = await client.post(HOOK, content=body, headers=headers)
        assert first.status_code == 202
        assert first.json() == {"accepted": 1, "duplicate": 0, "rejected": 0}
        again = await client.post(HOOK, content=body, headers=headers)
        assert again.json() == {"accepted": 0, "duplicate": 1, "rejected": 0}
    assert (await house.store.questions("room-a"))[0].text == "油皮能用吗"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-livehost-signature": "sha256=00"}, 401),
        ({"x-livehost-signature": ""}, 401),
        ({"x-livehost-signature": "sha256=00", "authorization": f"Bearer {WEBHOOK_TOKEN}"}, 401),
        ({"authorization": f"Bearer {WEBHOOK_TOKEN}"}, 202),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Bearer {TOKENS['viewer']}"}, 401),
        ({"authorization": f"Bearer {TOKENS['operator']}"}, 202),
    ],
)
async def test_who_may_post(house: FakeHouse, headers: dict[str, str], status: int) -> None:
    async with open_client(house, None) as client:
        answer = await client.post(HOOK, json={"id": "1", "text": "多少钱"}, headers=headers)
        assert answer.status_code == status


async def test_one_bad_message_does_not_cost_the_others(client: httpx.AsyncClient) -> None:
    messages = [
        {"id": "1", "text": "好用吗"},
        {"id": "2", "text": ""},
        {"id": "3", "text": "字" * 10_000},
        {"id": {"x": 1}, "text": "好"},
        {"id": "5", "text": 5},
        None,
        ["6"],
        {"id": 9007199254740993, "user": 7, "text": "大数", "at": 1700000000000},
    ]
    answer = await client.post(HOOK, json=messages)
    assert answer.status_code == 202
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (2, 6)
    asked = (await client.get("/v1/rooms/room-a/questions")).json()["items"]
    assert {one["id"] for one in asked} == {"1", "9007199254740993"}


@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"3", b'"x"', b'{"text": NaN}', b"[" * 50_000])
async def test_a_body_that_holds_no_messages_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post(HOOK, content=body)).status_code == 400


async def test_an_unknown_rooms_webhook_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/webhooks/generic/x", json={"text": "a"})).status_code == 404


# ---- events


async def test_events_are_told_as_they_happen() -> None:
    bus = EventBus()
    stream = _events(bus, None, None)
    assert (await anext(stream)).event == "hello"
    bus.publish("room-a", "phrase", {"text": "大家好"})
    told = await anext(stream)
    assert told.event == "phrase" and told.id == "1"
    assert json.loads(str(told.data))["data"] == {"text": "大家好"}
    bus.close()
    assert [one async for one in stream] == []
    assert not bus._listeners


async def test_one_rooms_events_only() -> None:
    bus = EventBus()
    stream = _events(bus, "room-b", None)
    await anext(stream)
    bus.publish("room-a", "status", {})
    bus.publish("room-b", "status", {})
    assert json.loads(str((await anext(stream)).data))["room"] == "room-b"
    bus.close()
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("names", [True, False])
async def test_names_and_contacts_are_for_those_who_answer_viewers(names: bool) -> None:
    bus = EventBus()
    stream = _events(bus, None, None, names=names)
    await anext(stream)
    asked = "我是小鹿乱撞，加我微信abc123或13812345678"
    for kind, data in (
        ("question", {"id": "q1", "user": "小鹿乱撞", "text": asked, "answer": "小鹿乱撞，59元", "note": ""}),
        ("duty", {"action": "edit", "question": "q1", "user": "小鹿乱撞", "asked": asked}),
        ("duty", {"action": "mute", "by": "李雷", "user": "小鹿乱撞"}),
        ("viewer", {"kind": "gift", "user": "小鹿乱撞", "count": 1}),
    ):
        bus.publish("room-a", kind, data)
        told = str((await anext(stream)).data)
        assert ("小鹿乱撞" in told) is names and ("***" in told) is not names
        assert ("13812345678" in told or "abc123" in told) is (names and asked in data.values())
        assert json.loads(told)["data"].keys() == data.keys() and data["user"] == "小鹿乱撞"
    bus.close()
    await stream.aclose()  # type: ignore[attr-defined]


async def test_who_lags_loses_the_oldest_and_is_told() -> None:
    bus = EventBus(queued=3)
    stream = _events(bus, None, None)
    await anext(stream)
    for number in range(10):
        bus.publish("room-a", "status", {"n": number})
    missed = await anext(stream)
    assert missed.event == "missed" and json.loads(str(missed.data))["count"] == 7
    assert json.loads(str((await anext(stream)).data))["data"] == {"n": 7}
    bus.close()
    await stream.aclose()  # type: ignore[attr-defined]


async def test_who_comes_back_gets_what_was_missed() -> None:
    bus = EventBus(kept=4)
    for number in range(1, 7):
        bus.publish("room-a", "status", {"n": number})
    with bus.subscribe(after=4) as listener:
        bus.close()
        assert [event.id async for event in listener] == [5, 6]
    with bus.subscribe(after=0) as late:
        assert late.missed == 2


async def test_the_stream_is_for_known_rooms(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/events?room=x")).status_code == 404


# ---- media


async def test_the_picture_is_handed_through(house: FakeHouse, client: httpx.AsyncClient) -> None:
    socket = house.rooms["room-a"].media_socket
    parts = {"fmp4": [b"ftyp", b"moov"], "flv": [b"FLV"], "jpg": [b"\xff\xd8picture"]}
    async with fake_media(socket, parts) as wished:
        movie = await client.get("/v1/rooms/room-a/preview.mp4")
        assert movie.headers["content-type"] == "video/mp4" and movie.content == b"ftypmoov"
        assert (await client.get("/v1/rooms/room-a/live.flv")).content == b"FLV"
        picture = await client.get("/v1/rooms/room-a/snapshot.jpg")
        assert picture.content == b"\xff\xd8picture" and picture.headers["cache-control"] == "no-store"
    assert wished == ["fmp4", "flv", "jpg"]


@pytest.mark.parametrize("name", ["preview.mp4", "live.flv", "snapshot.jpg"])
async def test_no_picture_is_503_with_when_to_ask_again(
    house: FakeHouse, client: httpx.AsyncClient, name: str
) -> None:
    assert (await client.get(f"/v1/rooms/room-a/{name}")).status_code == 503
    async with fake_media(house.rooms["room-a"].media_socket, {}):
        answer = await client.get(f"/v1/rooms/room-a/{name}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2" and answer.json()["mend"]


async def test_recordings_are_listed_and_read_by_range(house: FakeHouse, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/rooms/room-a/recordings")).json() == {"items": [], "next": None}
    folder = house.recordings / "room-a"
    folder.mkdir(parents=True)
    (folder / "20261123-18.mp4").write_bytes(b"0123456789")
    (folder / "notes.txt").write_text("x")
    (house.recordings / "secret.mp4").write_text("x")
    items = (await client.get("/v1/rooms/room-a/recordings")).json()["items"]
    assert [(one["name"], one["bytes"]) for one in items] == [("20261123-18.mp4", 10)]
    part = await client.get("/v1/rooms/room-a/recordings/20261123-18.mp4", headers={"range": "bytes=2-4"})
    assert part.status_code == 206 and part.content == b"234"
    for name in ("notes.txt", "..%2fsecret.mp4", "nothing.mp4", ".mp4"):
        assert (await client.get(f"/v1/rooms/room-a/recordings/{name}")).status_code == 404


async def test_a_viewer_who_leaves_frees_the_socket(house: FakeHouse) -> None:
    """The proxy closes playout's side when the page goes away mid-stream."""
    from livehost.api.media import _streamed

    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"head")
        if await reader.read() == b"":
            left.set()
        writer.close()

    room = house.rooms["room-a"]
    async with await asyncio.start_unix_server(serve, str(room.media_socket)):
        response = await _streamed(room, "fmp4", "video/mp4")
        body = response.body_iterator
        assert await anext(aiter(body)) == b"head"
        await body.aclose()  # type: ignore[union-attr]
        await wait_until(left.is_set)
