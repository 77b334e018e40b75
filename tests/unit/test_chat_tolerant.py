"""The one parser over recorded shapes of every tool, over mixed and broken ones, and over any JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.chat.events import ChatEvent, Kind, Parsed
from livehost.chat.tolerant import MAX_EVENTS, parse
from livehost.store.protocol import MAX_ID

SAMPLES = Path(__file__).parent.parent / "data" / "chat"
NOW = datetime(2026, 11, 26, 13, 0, tzinfo=UTC)
SENT = datetime(2025, 11, 26, 12, 15, tzinfo=UTC)  # 1764159300


def read(name: str, *own_names: str) -> tuple[list[ChatEvent], dict[str, int], int]:
    """Events, unknown words and own comments of a sample, frame by frame as a relay reads it."""
    events: list[ChatEvent] = []
    unknown: dict[str, int] = {}
    own, told = 0, set(own_names)
    text = (SAMPLES / name).read_text(encoding="utf-8")
    for frame in text.splitlines() if name.endswith(".jsonl") else [text]:
        parsed = parse(frame, NOW, own_names=told)
        assert not parsed.rejected
        told |= parsed.own_names
        events += parsed.events
        unknown.update(parsed.unknown)
        own += parsed.own
    return events, unknown, own


def said(events: list[ChatEvent]) -> list[tuple[str, str, str]]:
    return [(one.user_id, one.user, one.text) for one in events if one.kind is Kind.COMMENT]


def kinds(events: list[ChatEvent]) -> list[str]:
    return [one.kind.value for one in events]


def test_oba_live_tool() -> None:
    events, unknown, own = read("oba.jsonl", "棠小铺")
    assert said(events) == [
        ("", "小鹿", "油皮能用吗"), ("o9hHn5", "老李", "几号链接"), ("5f", "momo", "敏感肌可以吗"),
        ("22", "t**7", "包邮吗"),
    ]  # fmt: skip
    assert kinds(events)[1:8] == ["enter", "like", "follow", "subscribe", "fans_club", "order", "order"]
    ordered, paid = (one for one in events if one.kind is Kind.ORDER)
    assert (ordered.text, ordered.buyer, paid.text, paid.buyer) == ("已下单", False, "已付款", True)
    assert paid.product == "氨基酸洁面乳" and paid.at == SENT + timedelta(seconds=30)
    assert events[0].at == NOW  # a time of day without a zone says nothing
    assert [one.platform for one in events[-3:]] == ["wechat", "xiaohongshu", "taobao"]
    assert (unknown, own) == ({"live_rank": 1}, 1)


def test_douyin_barrage_grab() -> None:
    events, unknown, own = read("barrage_grab.jsonl")
    assert kinds(events) == [
        "comment", "like", "enter", "follow", "gift", "stats", "fans_club", "share", "end",
    ]  # fmt: skip
    assert said(events) == [("MS4wLjABAAAAlu", "小鹿", "油皮能用吗")]
    assert events[0].id == "7441234567890123456"  # beyond 2^53, to the last digit
    like, gift, stats = events[1], events[4], events[5]
    assert (like.count, gift.text, gift.count, gift.value_fen, stats.count) == (5, "小心心", 3, 30, 120)
    assert (unknown, own) == ({"Type 12": 1}, 1)


def test_dycast() -> None:
    events, unknown, own = read("dycast.jsonl")
    assert said(events) == [("MS4wLjABAAAAb", "吃柠檬", "油皮能用吗")]
    assert kinds(events) == ["enter", "comment", "gift", "like", "follow", "fans_club", "stats", "end"]
    gift, stats = events[2], events[6]
    assert (gift.text, gift.count, gift.value_fen, stats.count) == ("小心心", 10, 100, 318)
    assert (unknown, own) == ({"WebcastRoomRankMessage": 1}, 1)


def test_wxlivespy() -> None:
    events, unknown, own = read("wxlivespy.json")
    assert said(events) == [("o9hHn5-long", "小鹿", "油皮能用吗")]
    assert kinds(events) == ["comment", "enter", "gift", "gift", "like"]
    assert (events[2].count, events[2].value_fen, events[3].count) == (2, 200, 5)
    assert events[0].at == SENT + timedelta(milliseconds=123)
    assert (unknown, own) == ({"levelup": 1}, 1)


def test_bilibili() -> None:
    events, unknown, _ = read("blive.jsonl")
    assert said(events) == [
        ("39b8fedb-60a5", "小鹿", "油皮能用吗"),
        ("39b8fedb-60a6", "老李", "什么时候发货"),
    ]
    assert kinds(events) == ["comment", "gift", "comment", "subscribe", "like", "enter", "end"]
    assert (events[1].text, events[1].count, events[1].value_fen) == ("小花花", 10, 100)
    assert (events[2].value_fen, events[3].user, events[3].value_fen) == (3000, "阿星", 19800)
    assert events[0].at == SENT and list(unknown) == ["LIVE_OPEN_PLATFORM_SUPER_CHAT_DEL"]


@pytest.mark.parametrize(
    "value",
    [
        {"id": "a1", "user": "小鹿", "text": "多少钱"},
        {"msgId": "a1", "nickName": "小鹿", "content": "多少钱"},
        {"message_id": "a1", "user": {"nickname": "小鹿"}, "msg": "多少钱", "type": "chat"},
        {"type": "danmu", "data": {"id": "a1", "uname": "小鹿", "comment": "多少钱"}},
        {"code": 0, "data": {"list": [{"commentId": "a1", "nick": "小鹿", "text": "多少钱"}]}},
        {"type": "message", "data": '{"id": "a1", "name": "小鹿", "content": "多少钱"}'},
        '[{"id": "a1", "user": "小鹿", "text": "多少钱"}]',
        b'"{\\"id\\": \\"a1\\", \\"user\\": \\"\\u5c0f\\u9e7f\\", \\"text\\": \\"\\u591a\\u5c11\\u94b1\\"}"',
    ],
)
def test_whatever_the_fields_are_called(value: object) -> None:
    if isinstance(value, bytes):
        value = json.loads(value)
    (event,) = parse(value, NOW).events
    assert (event.kind, event.id, event.user, event.text) == (Kind.COMMENT, "a1", "小鹿", "多少钱")


@pytest.mark.parametrize(
    ("told", "at"),
    [
        (1764159300, SENT),
        ("1764159300", SENT),
        (1764159300000, SENT),
        ("1764159300000", SENT),
        (1764159300000000, SENT),
        (1764159300.5, SENT + timedelta(seconds=0.5)),
        ("2025-11-26T20:15:00+08:00", SENT),
        ("2025-11-26 20:15:00", NOW),
        ("20:15:00", NOW),
        (0, NOW),
        (-5, NOW),
        (True, NOW),
        (1e300, NOW),
        (10**400, NOW),
        (4102444800, NOW),
        ({}, NOW),
        (None, NOW),
    ],
)
def test_times(told: object, at: datetime) -> None:
    assert parse({"id": "1", "text": "多少钱", "timestamp": told}, NOW).events[0].at == at


def test_the_same_words_without_an_id_are_one_event_for_ten_seconds() -> None:
    def ident(user: str, text: str, at: datetime) -> str:
        return parse({"user": user, "text": text}, at).events[0].id

    assert ident("小鹿", "多少钱", NOW) == ident("小鹿", "多少钱", NOW + timedelta(seconds=9))
    others = [("小鹿", "多少钱", 10), ("老李", "多少钱", 0), ("小鹿", "多少", 0)]
    made = {ident(user, text, NOW + timedelta(seconds=later)) for user, text, later in others}
    assert len(made | {ident("小鹿", "多少钱", NOW)}) == 4


def test_a_tool_that_counts_from_one_loses_nobody() -> None:
    yesterday = parse({"id": 7, "user": "小鹿", "text": "多少钱"}, NOW).events[0]
    today = parse({"id": 7, "user": "老李", "text": "包邮吗"}, NOW).events[0]
    again = parse({"id": 7, "user": "老李", "text": "包邮吗"}, NOW + timedelta(hours=1)).events[0]
    assert yesterday.id != today.id == again.id


def test_the_hosts_own_comments_are_dropped_by_name_or_id() -> None:
    lines = [
        {"id": "a", "user": " 棠小铺", "text": "上链接"},
        {"id": "b", "user": "x", "user_id": "shop-1", "text": "上链接"},
        {"id": "c", "user": "小鹿", "text": "棠小铺在哪"},
    ]
    parsed = parse(lines, NOW, own_names=["棠小铺", "SHOP-1", ""])
    assert ([one.id for one in parsed.events], parsed.own) == (["c"], 2)


def test_what_cannot_be_used_is_counted_and_costs_nothing_else() -> None:
    lines = [{"id": "1", "text": "好用吗"}, 3, None, "no json", {}, {"type": "comment"}, [{"text": "包邮吗"}]]
    parsed = parse(lines, NOW)
    assert [one.text for one in parsed.events] == ["好用吗", "包邮吗"]
    assert parsed.rejected == {"no_object": 2, "no_json": 1, "empty": 1, "text_missing": 1}
    flood = parse([{"type": f"new-{number}"} for number in range(100)], NOW)
    assert sum(flood.unknown.values()) == 100 and len(flood.unknown) <= 21 and flood.unknown["other"] == 80
    many = parse([{"text": str(number)} for number in range(MAX_EVENTS + 5)], NOW)
    assert len(many.events) == MAX_EVENTS and many.rejected == {"too_many": 5}
    deep: Any = {"text": "a"}
    for _ in range(50):
        deep = [deep]
    assert parse(deep, NOW).rejected == {"too_deep": 1}
    assert parse("[" * 100_000, NOW).rejected == {"no_json": 1}


def test_test_traffic_is_marked() -> None:
    assert parse({"type": "gift", "id": "g", "test": True}, NOW).events[0].test


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["msg_type", "Type", "Data", "method", "cmd", "data", "events", "decoded_data", "host_info",
                 "user", "User", "Onwer", "gift", "room", "content", "text", "id", "msg_id", "timestamp", "payload",
                 "roomId", "nickname", "status", "count", "GiftCount", "giftNum", "nick_name", "order_status"]
            )
            | st.text(max_size=5),
            inner | st.sampled_from(["comment", "WebcastGiftMessage", "LIVE_OPEN_PLATFORM_DM", "live_order", 5]),
            max_size=6,
        )
    ),
    max_leaves=12,
)  # fmt: skip


def holds(parsed: Parsed) -> None:
    """What every answer of the parser keeps to."""
    for event in parsed.events:
        assert 0 < len(event.id) <= MAX_ID and event.id == event.id.strip()
        assert event.at.tzinfo is not None and event.at <= NOW + timedelta(minutes=5)
        assert (
            event.count >= (event.kind is not Kind.STATS) and event.value_fen >= 0 and len(event.user) <= 60
        )
        assert event.text or event.kind is not Kind.COMMENT
        (event.id + event.user + event.user_id + event.text + event.product).encode()
    assert len(parsed.unknown) <= 21


@settings(max_examples=400, deadline=None)
@given(ANY_JSON)
def test_any_json_is_read_or_counted(value: object) -> None:
    parsed = parse(value, NOW)
    holds(parsed)
    assert parse(value, NOW) == parsed


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_counted(value: str | bytes) -> None:
    holds(parse(value, NOW))


FRAMES = [
    json.loads(line)
    for name in ("oba", "barrage_grab", "dycast", "blive")
    for line in (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FRAMES), st.data())
def test_a_frame_with_anything_in_any_place_is_read_or_counted(frame: Any, data: st.DataObject) -> None:
    frame = json.loads(json.dumps(frame))
    item = frame[0] if isinstance(frame, list) else frame
    inside = item.get("data") if isinstance(item.get("data"), dict) else item
    inside[data.draw(st.sampled_from(sorted(inside)))] = data.draw(ANY_JSON)
    holds(parse(frame, NOW))
