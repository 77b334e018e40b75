"""Rooms, sessions, saying, steering, questions, transcript, health."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from livehost.refused import Refused
from livehost.store.protocol import Life, Session, StoreError
from tests.fakes import FakeHouse


async def test_rooms_are_listed_in_pages(client: httpx.AsyncClient) -> None:
    first = (await client.get("/v1/rooms", params={"limit": 1})).json()
    assert [one["id"] for one in first["items"]] == ["room-a"]
    second = (await client.get("/v1/rooms", params={"limit": 1, "after": first["next"]})).json()
    assert [one["id"] for one in second["items"]] == ["room-b"]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=99999999999999999999", "limit=NaN"]
)
async def test_a_wrong_page_is_422(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/v1/rooms?{query}")).status_code == 422


async def test_a_room_shows_what_an_operator_needs(house: FakeHouse, client: httpx.AsyncClient) -> None:
    house.alarms.raise_("room-a", "output:dy", "key refused", "get a new key")
    room = (await client.get("/v1/rooms/room-a")).json()
    for key in ("life", "session", "on_air", "next", "playout", "outputs", "counters", "mode", "cut", "zone"):
        assert key in room
    assert room["alarms"][0]["mend"] == "get a new key"
    assert (await client.get("/v1/alarms")).json()["items"][0]["room"] == "room-a"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/session"),
        ("GET", "/slots"),
        ("GET", "/schedule"),
        ("GET", "/schedule.ics"),
        ("PUT", "/override"),
        ("POST", "/say"),
        ("POST", "/control"),
        ("GET", "/products"),
        ("GET", "/questions"),
        ("GET", "/transcript"),
        ("GET", "/outputs"),
        ("GET", "/recordings"),
        ("GET", "/preview.mp4"),
        ("GET", "/snapshot.jpg"),
    ],
)
async def test_an_unknown_room_is_404(client: httpx.AsyncClient, method: str, path: str) -> None:
    bodies = {
        "/session": {"action": "open"},
        "/say": {"text": "好"},
        "/control": {"action": "cut"},
        "/override": {"persona": None, "until": "2099-01-01T00:00:00Z"},
    }
    answer = await client.request(method, f"/v1/rooms/nowhere{path}", json=bodies.get(path))
    assert answer.status_code == 404, answer.text
    assert answer.json()["type"] == "urn:livehost:problem:unknown-room"


async def test_problems_speak_the_readers_language(client: httpx.AsyncClient) -> None:
    zh = await client.get("/v1/rooms/x")
    en = await client.get("/v1/rooms/x", headers={"accept-language": "en-GB,en;q=0.9"})
    assert zh.json()["title"] == "没有直播间 x"
    assert en.json()["title"] == "There is no room x"
    assert (await client.get("/nothing")).json()["mend"]
    assert (await client.delete("/v1/rooms")).status_code == 405


@pytest.mark.parametrize(
    ("action", "life"), [("rehearse", "rehearsal"), ("open", "on_air"), ("close", "ended")]
)
async def test_sessions(house: FakeHouse, client: httpx.AsyncClient, action: str, life: str) -> None:
    answer = await client.post("/v1/rooms/room-a/session", json={"action": action})
    assert answer.status_code == 200
    assert answer.json()["life"] == life
    assert house.rooms["room-a"].asked == [(action,)]


async def test_a_refusal_says_why_and_what_to_do(house: FakeHouse, client: httpx.AsyncClient) -> None:
    house.rooms["room-a"].refuses = Refused("已在直播", "不用再点", details={"hits": ["最佳"]})
    answer = await client.post("/v1/rooms/room-a/session", json={"action": "open"})
    assert answer.status_code == 409
    assert answer.json()["title"] == "已在直播" and answer.json()["mend"] == "不用再点"
    assert answer.json()["hits"] == ["最佳"]


async def test_a_fault_of_ours_is_500_without_its_inside(house: FakeHouse, client: httpx.AsyncClient) -> None:
    house.rooms["room-a"].fails = RuntimeError("secret inside")
    answer = await client.post("/v1/rooms/room-a/session", json={"action": "open"})
    assert answer.status_code == 500
    assert "secret" not in answer.text and answer.json()["mend"]
    house.rooms["room-a"].fails = StoreError("disk is full")
    answer = await client.post("/v1/rooms/room-a/session", json={"action": "open"})
    assert answer.status_code == 503


async def test_say_goes_to_the_room_with_who_said_it(house: FakeHouse, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/rooms/room-a/say", json={"text": "  今天包邮 ", "urgent": True})
    assert answer.json()["verdict"] == "pass"
    what, text, urgent, by = house.rooms["room-a"].asked[0]
    assert (what, text, urgent) == ("say", "今天包邮", True)
    assert by.startswith("duty-")
    await client.post("/v1/rooms/room-a/say", json={"text": "今天包邮", "confirmed": True})
    assert house.rooms["room-a"].asked[1][-1] == "confirmed"


@pytest.mark.parametrize(
    "action", ["next_product", "skip", "pause", "resume", "script_only", "auto", "cut", "uncut"]
)
async def test_control(house: FakeHouse, client: httpx.AsyncClient, action: str) -> None:
    assert (await client.post("/v1/rooms/room-a/control", json={"action": action})).status_code == 204
    assert house.rooms["room-a"].asked[0][:2] == ("control", action)


async def test_an_unknown_action_is_422(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/rooms/room-a/control", json={"action": "dance"})).status_code == 422
    assert (await client.post("/v1/rooms/room-a/session", json={"action": "OPEN"})).status_code == 422


async def test_questions_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(5):
        answer = await client.post("/v1/rooms/room-a/questions", json={"text": f"问题{number}"})
        assert answer.status_code == 202
    seen: list[str] = []
    after = None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = (await client.get("/v1/rooms/room-a/questions", params=query)).json()
        seen += [one["text"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [f"问题{number}" for number in (4, 3, 2, 1, 0)]
    waiting = await client.get("/v1/rooms/room-a/questions", params={"state": "heard"})
    assert waiting.json()["items"] == []
    assert (await client.get("/v1/rooms/room-a/questions?state=odd")).status_code == 422


async def test_the_transcript_goes_on_where_it_ended(house: FakeHouse, client: httpx.AsyncClient) -> None:
    empty = (await client.get("/v1/rooms/room-a/transcript")).json()
    assert empty == {"session": None, "items": [], "next": None}
    now = datetime.now(UTC)
    session = Session(id="s1", room="room-a", mode="on_air", life=Life.ON_AIR, opened_at=now)
    await house.store.save_session(session)
    house.journal.entries["room-a", "s1"] = [{"seq": n + 1, "text": str(n)} for n in range(3)]
    first = (await client.get("/v1/rooms/room-a/transcript?limit=2")).json()
    assert first["session"] == "s1" and len(first["items"]) == 2
    second = (await client.get(f"/v1/rooms/room-a/transcript?limit=2&after={first['next']}")).json()
    assert [one["text"] for one in second["items"]] == ["2"]
    assert (await client.get("/v1/rooms/room-a/transcript?after=x")).status_code == 422


async def test_ready_says_what_is_missing(house: FakeHouse, client: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ready", "rooms": 2}
    house.rooms["room-b"].shown["playout"] = {"connected": False}
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "room-b" in answer.json()["title"] and answer.json()["mend"]


async def test_metrics_are_text(house: FakeHouse, client: httpx.AsyncClient) -> None:
    house.metrics.questions_total.labels("room-a", "heard").inc()
    answer = await client.get("/metrics")
    assert 'livehost_questions_total{room="room-a",state="heard"} 1.0' in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
