"""Cleaning, merging and ordering viewers' words, and reading the plain webhook."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehost.answers import Meaning
from livehost.chat.generic import Unreadable, parse, signature, signature_holds
from livehost.chat.inbox import (
    cleaned,
    is_noise,
    named_askers,
    points,
    sense,
    shown_name,
    shown_text,
)

NOW = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("@小棠 油皮能用吗", "油皮能用吗"),
        ("看 https://x.example/a?b=1 这个", "看 这个"),
        ("多少钱啊啊啊啊啊", "多少钱啊"),
        ("在吗在吗在吗在吗", "在吗"),
        ("😂😂😂", ""),
        ("好", ""),
        ("3", "3"),
        ("666", "666"),
        ("1000", "1000"),
        ("ＡＢＣ１２３", "ABC123"),
        ("！！！", ""),
        ("  几号   链接 ", "几号 链接"),
        ("\x00多少\u200b钱", "多少 钱"),
    ],
)
def test_cleaning(said: str, left: str) -> None:
    assert cleaned(said) == left


@given(st.text(max_size=300))
def test_cleaning_takes_anything_and_is_stable(text: str) -> None:
    once = cleaned(text)
    assert len(cleaned(once)) <= len(once)
    assert len(shown_text(text)) <= 24
    assert len(shown_name(text)) <= 4


def test_what_the_picture_shows_names_nobody() -> None:
    assert shown_name("山里的风") == "山**风"
    assert shown_name("小鹿") == "小*"
    assert shown_name("加微信abc12345") == "观众"
    assert shown_name("13800138000") == "观众"
    assert "13800138000" not in shown_text("联系13800138000买")


def meant(*intents: str, products: tuple[str, ...] = ("p",), named: bool = False) -> Meaning:
    return Meaning(intents, products, sensitive="pregnancy" in intents, price="price" in intents, named=named)


@pytest.mark.parametrize(
    ("one", "other", "intent", "same"),
    [
        ("多少钱", "这个什么价格呀", "price", True),
        ("小黄车里这个多少钱", "多少钱", "price", True),
        ("一盒多少钱", "两盒多少钱", "price", False),
        ("大瓶多少钱", "小瓶多少钱", "price", False),
        ("3号多少钱", "5号多少钱", "price", False),
        ("油皮能用吗", "敏感肌能用吗", "suitable", False),
        ("油皮能用吗", "油皮能用吗？？？", "suitable", True),
        ("新疆包邮吗", "西藏包邮吗", "free_shipping", False),
        ("会不会过敏啊", "会不会过敏", "adverse", True),
    ],
)
def test_what_one_answer_serves(one: str, other: str, intent: str, same: bool) -> None:
    meaning = meant(intent)
    assert sense(one, meaning).same(sense(other, meaning)) is same
    assert sense(other, meaning).same(sense(one, meaning)) is same
    elsewhere = meant(intent, products=("another",))
    assert not sense(one, meaning).same(sense(other, elsewhere))


def test_what_is_due_first() -> None:
    def due(meaning: Meaning, *, waited_s: float = 0.0, buyer: bool = False, askers: int = 1) -> float:
        return points(meaning, on_air="p", buyer=buyer, askers=askers, waited_s=waited_s)

    order = [
        due(meant("pregnancy")),
        due(meant("usage"), buyer=True),
        due(meant("usage"), askers=2),
        due(meant("usage"), waited_s=10),
        due(meant("usage")),
        due(meant("usage", products=("q",))),
        due(meant("unknown", products=())),
        due(meant("injection", products=())),
    ]
    assert order == sorted(order, reverse=True) and len(set(order)) == len(order)
    assert due(meant("price", products=("q",))) > due(meant("usage"), buyer=True)
    assert due(meant("usage"), waited_s=180) > due(meant("price"))


def test_who_asks_is_named_by_one_character() -> None:
    assert named_askers(["小鹿"], "zh") == ""
    assert named_askers(["小鹿", "阿琳"], "zh") == "小某和阿某都在问，"
    assert named_askers(["小鹿", "Tom", "阿琳", "木木"], "zh") == "小某、阿某和几位朋友都在问，"
    assert named_askers(["Tom", "13800138000"], "zh") == "好几位朋友都在问，"
    assert named_askers(["Tom", "Ann"], "en").startswith("Several")
    assert named_askers(["全网第一", "加微信abc123", "😂", ""], "zh") == "好几位朋友都在问，"


@given(st.lists(st.text(max_size=40), min_size=2, max_size=5))
def test_no_name_is_said_in_full(users: list[str]) -> None:
    said = named_askers(users, "zh")
    assert len(said) <= 14
    assert not any(len(user.strip()) > 2 and user.strip() in said for user in users)


@pytest.mark.parametrize("text", ["哈哈哈哈", "666666", "😂😂😂", "主播好美", "来了来了", "！！！", ""])
def test_noise(text: str) -> None:
    assert is_noise(text)


@pytest.mark.parametrize("text", ["多少钱", "孕妇能用吗", "3号", "价", "券", "怎么买"])
def test_what_may_want_an_answer_is_no_noise(text: str) -> None:
    assert not is_noise(text)


def test_reading_the_webhook() -> None:
    body = '{"id": 12345678901234567890, "user": "小鹿", "text": "好用吗", "at": 1764554400}'.encode()
    (message,) = parse(body, NOW).messages
    assert message.id == "12345678901234567890"
    assert message.at == datetime(2025, 12, 1, 2, 0, tzinfo=UTC)
    without = b'{"user": "a", "text": "b", "at": "2026-12-01T10:00:00+08:00"}'
    assert parse(without, NOW).messages[0].id == parse(without, NOW).messages[0].id != ""
    future = b'{"id": "1", "text": "b", "at": "2036-12-01T10:00:00+08:00"}'
    assert parse(future, NOW).messages[0].at == NOW
    wrong = b'[{"id": "1", "text": "b", "at": "yesterday"}, {"id": "", "text": "b"}, {"id": "3"}]'
    assert dict(parse(wrong, NOW).rejected) == {0: "at_unusable", 1: "id_unusable", 2: "text_missing"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse(body, NOW)
    except Unreadable as error:
        assert str(error)


def test_signatures() -> None:
    known = "sha256=" + "c6b2e5cb7c5b8eec5f3e8b5a0d0f8c1e" * 2
    assert signature_holds(b"body", "secret", signature(b"body", "secret"))
    assert not signature_holds(b"body", "", signature(b"body", ""))
    assert not signature_holds(b"body", "secret", known)
    assert not signature_holds(b"body", "secret", "é")
