"""The duty over REST: one queue of all rooms, decisions by role, mutes, complaints, signs of life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from livehost.refused import Refused
from tests.fakes import FakeHouse, open_client, open_house

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[FakeHouse]:
    async with open_house(tmp_path) as house:
        for room, ident, state, age_s in (
            ("room-a", "a1", "handed_over", 90), ("room-a", "a/2 #", "held", 20), ("room-b", "b1", "held", 40),
        ):  # fmt: skip
            at = (NOW - timedelta(seconds=age_s)).isoformat()
            item = {"id": ident, "user": "小鹿", "who": "u1", "text": "多少钱", "state": state, "at": at}
            house.rooms[room].duty.add(item)
        yield house


@pytest.fixture
async def client(house: FakeHouse) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(house) as client:
        yield client


async def test_the_queue_is_one_list_held_first_and_the_oldest_first(client: httpx.AsyncClient) -> None:
    first = (await client.get("/v1/duty/queue", params={"limit": 2})).json()
    assert [one["id"] for one in first["items"]] == ["b1", "a/2 #"] and first["total"] == 3
    second = (await client.get("/v1/duty/queue", params={"limit": 2, "after": first["next"]})).json()
    assert [one["id"] for one in second["items"]] == ["a1"] and second["next"] is None
    own = (await client.get("/v1/duty/queue", params={"room": "room-b"})).json()
    assert [one["id"] for one in own["items"]] == ["b1"]
    assert (await client.get("/v1/duty/queue", params={"room": "nowhere"})).status_code == 404


@pytest.mark.parametrize(
    ("decision", "remembered"),
    [
        ({"action": "approve"}, {}),
        ({"action": "reject", "why": "重复"}, {"why": "重复"}),
        ({"action": "hand_over"}, {}),
        ({"action": "propose"}, {}),
        ({"action": "answer", "text": " 有货 "}, {"answer": "有货", "way": "spoken"}),
        ({"action": "answer", "text": "有货", "way": "text"}, {"answer": "有货", "way": "text"}),
    ],
)
async def test_a_decision_is_taken_once_and_who_took_it_is_kept(
    client: httpx.AsyncClient, decision: dict[str, Any], remembered: dict[str, str]
) -> None:
    asked = {**decision, "question": "a/2 #"}
    assert (await client.post("/v1/rooms/room-a/duty", json=asked)).status_code == 200
    assert (await client.post("/v1/rooms/room-a/duty", json=asked)).status_code == 404
    (entry,) = (await client.get("/v1/duty")).json()["log"]
    assert entry["action"] == decision["action"] and entry["by"].startswith("duty-")
    assert remembered.items() <= entry.items()


async def test_words_in_doubt_are_confirmed_and_blocked_ones_are_not_taken(client: httpx.AsyncClient) -> None:
    asked = {"action": "answer", "question": "b1", "text": "首选这一支"}
    doubt = await client.post("/v1/rooms/room-b/duty", json=asked)
    assert doubt.status_code == 409 and doubt.json()["confirm"] is True
    blocked = await client.post("/v1/rooms/room-b/duty", json={**asked, "text": "全网第一"})
    assert blocked.status_code == 422 and "第一" in blocked.json()["title"]
    assert (await client.post("/v1/rooms/room-b/duty", json={**asked, "confirmed": True})).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"action": "approve"}, {"action": "shout", "question": "b1"}, {"action": "answer", "question": "b1"},
        {"action": "answer", "question": "b1", "text": " "}, {"action": "approve", "question": ""},
        {"action": "approve", "question": "b1", "more": 1}, {"action": "reject", "question": "x" * 201},
    ],
)  # fmt: skip
async def test_a_decision_that_makes_no_sense_is_422(
    client: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    assert (await client.post("/v1/rooms/room-b/duty", json=wrong)).status_code == 422


async def test_what_cannot_be_done_now_says_why(house: FakeHouse, client: httpx.AsyncClient) -> None:
    house.rooms["room-b"].duty.refuses = Refused("李雷 正在处理这一条", "看下一条")
    answer = await client.post("/v1/rooms/room-b/duty", json={"action": "approve", "question": "b1"})
    assert answer.status_code == 409 and answer.json()["mend"] == "看下一条"


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("trainer", 403), ("operator", 403), ("duty", 200)]
)
async def test_only_the_person_on_duty_decides(house: FakeHouse, role: str, status: int) -> None:
    async with open_client(house, role) as client:
        decision = {"action": "approve", "question": "b1"}
        assert (await client.post("/v1/rooms/room-b/duty", json=decision)).status_code == status
        assert (await client.post("/v1/rooms/room-b/mutes", json={"who": "u1"})).status_code == status
        taken = await client.post("/v1/rooms/room-b/control", json={"action": "take_over"})
        assert taken.status_code == (204 if status == 200 else 403)
        assert (await client.get("/v1/duty/queue")).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "trainer", "operator"])
async def test_viewers_names_are_for_those_who_answer_viewers(
    house: FakeHouse, client: httpx.AsyncClient, role: str
) -> None:
    words = {"text": "小鹿问多少钱 13812345678", "proposed": "小鹿，59元", "said": "小鹿好"}
    house.rooms["room-a"].duty.waiting[0] |= words
    answered = {"action": "answer", "question": "b1", "text": "小鹿，有货"}
    assert (await client.post("/v1/rooms/room-b/duty", json=answered)).status_code == 200
    put = {"action": "reject", "question": "a/2 #", "why": "小鹿问过了"}
    assert (await client.post("/v1/rooms/room-a/duty", json=put)).status_code == 200
    await house.store.mute("room-a", "小鹿", None, "李雷")
    async with open_client(house, role) as other:
        paths = ("/v1/duty/queue", "/v1/duty", "/v1/rooms/room-a/mutes")
        told = [(await other.get(path)).text for path in paths]
    assert all(("小鹿" in one) is (role == "operator") for one in told)
    assert all(("***" in one) is (role != "operator") for one in told)
    assert ("u1" in told[0]) is (role == "operator")
    assert role == "operator" or "13812345678" not in told[0]


async def test_signs_of_life_come_from_who_may_act(house: FakeHouse) -> None:
    async with open_client(house, "viewer") as client:
        assert (await client.post("/v1/duty/heartbeat", json={})).status_code == 403
    async with open_client(house, "operator") as client:
        assert (await client.post("/v1/duty/heartbeat", json={"rooms": ["room-a"]})).status_code == 204
        rooms = (await client.get("/v1/duty")).json()["rooms"]
        assert [len(one["people"]) for one in rooms] == [1, 0]
        assert (await client.request("DELETE", "/v1/duty/heartbeat")).status_code == 204
        rooms = (await client.get("/v1/duty")).json()["rooms"]
        assert [len(one["people"]) for one in rooms] == [0, 0]


async def test_a_viewer_is_muted_listed_and_heard_again(house: FakeHouse, client: httpx.AsyncClient) -> None:
    asked_at = datetime.now(UTC)
    told = (await client.post("/v1/rooms/room-a/mutes", json={"who": "u1", "minutes": 10})).json()
    assert told["blocked"] == 2
    (one,) = (await client.get("/v1/rooms/room-a/mutes")).json()["items"]
    assert one["who"] == "u1" and one["by"].startswith("duty-")
    until = datetime.fromisoformat(one["until"])
    assert timedelta(minutes=9) < until - asked_at < timedelta(minutes=11)
    for_ever = await client.post("/v1/rooms/room-a/mutes", json={"who": "木木", "minutes": None})
    assert for_ever.json()["until"] is None
    muted = (await client.get("/v1/rooms/room-a/mutes")).json()["items"]
    assert [(one["who"], bool(one["until"])) for one in muted] == [("u1", True), ("木木", False)]
    assert (await client.get("/v1/rooms/room-b/mutes")).json()["items"] == []
    for status in (204, 404):
        gone = await client.delete("/v1/rooms/room-a/mutes", params={"viewer": "u1"})
        assert gone.status_code == status
    assert [one["who"] for one in (await client.get("/v1/rooms/room-a/mutes")).json()["items"]] == ["木木"]
    assert (await client.post("/v1/rooms/room-a/mutes", json={"who": "u1", "minutes": 0})).status_code == 422


async def test_what_was_wrong_is_noted(house: FakeHouse, client: httpx.AsyncClient) -> None:
    noted = await client.post("/v1/rooms/room-a/complaints", json={"about": "p1", "why": "价格说错了"})
    assert noted.status_code == 204
    assert house.rooms["room-a"].duty.log[-1]["why"] == "价格说错了"
    put = {"action": "correct", "question": "q9", "text": "更正：到手49元"}
    assert (await client.post("/v1/rooms/room-a/duty", json=put)).status_code == 200
