"""Cleaning, merging and ordering viewers' words, and reading the plain webhook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehost.chat.generic import Unreadable, parse, signature, signature_holds
from livehost.chat.inbox import Waiting, by_turn, cleaned, merged, priority, shown_name, shown_text

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


def waiting(number: int, text: str, age_s: float = 0.0) -> Waiting:
    return Waiting(str(number), "u", text, NOW - timedelta(seconds=age_s))


def test_the_same_question_is_answered_once() -> None:
    groups = merged(
        [
            waiting(1, "油皮能用吗", 3),
            waiting(2, "油皮能用吗？？？", 2),
            waiting(3, "3号链接多少钱"),
            waiting(4, "5号链接多少钱"),
        ]
    )
    assert [(first.id, [one.id for one in others]) for first, others in groups] == [
        ("1", ["2"]),
        ("3", []),
        ("4", []),
    ]


def test_whoever_wants_to_buy_comes_first_and_nobody_waits_for_ever() -> None:
    order = by_turn([waiting(1, "主播今天真好看"), waiting(2, "油皮能用吗"), waiting(3, "多少钱")], NOW)
    assert [first.id for first, _ in order] == ["3", "2", "1"]
    assert priority(waiting(1, "主播今天真好看", 200), NOW) > priority(waiting(3, "多少钱"), NOW)


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
