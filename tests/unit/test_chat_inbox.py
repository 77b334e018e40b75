"""Cleaning, merging and ordering viewers' words, and reading the plain webhook."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehost.answers import Meaning
from livehost.chat import moderation
from livehost.chat.generic import Unreadable, parse, signature, signature_holds
from livehost.chat.inbox import (
    cleaned,
    is_noise,
    points,
    sense,
    shown_name,
    shown_text,
)
from livehost.chat.moderation import named_askers

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
        ("请问油皮能用吗谢谢主播啦", "主播，油皮可以用吗？", "suitable", True),
        ("不，能用吗", "不能用吗", "suitable", False),
        ("1.5升的多少钱", "15升的多少钱", "price", False),
        ("可能不能用", "可能用", "suitable", False),
        ("主播用吗", "用吗", "usage", False),
        ("你好用吗", "用吗", "usage", False),
        ("这是毛呢吗", "这是毛吗", "ingredients", False),
        ("请问洗面奶适合油皮用吗谢谢主播啦", "请问洗面奶适合干皮用吗谢谢主播啦", "suitable", False),
        ("我对椰油过敏可以用这个洗面奶吗主播", "我对羊油过敏可以用这个洗面奶吗主播", "adverse", False),
        ("西安发不发货", "西藏发不发货", "where_from", False),
        ("能退吗", "超过一个月能退吗", "returns", False),
        ("什么成分", "成分有毒吗", "ingredients", False),
        ("有赠品吗", "赠品坏了吗", "gifts", False),
        ("怎么联系客服", "怎么投诉客服", "contact", False),
        ("是真的吗", "是假的吗", "authentic", False),
    ],
)
def test_what_one_answer_serves(one: str, other: str, intent: str, same: bool) -> None:
    meaning = meant(intent)
    assert sense(one, meaning).same(sense(other, meaning)) is same
    assert sense(other, meaning).same(sense(one, meaning)) is same
    elsewhere = meant(intent, products=("another",))
    assert not sense(one, meaning).same(sense(other, elsewhere))


WORDS = [
    "酒精",
    "香精",
    "椰油",
    "羊油",
    "维生素C",
    "维生素E",
    "油皮",
    "干皮",
    "高血压",
    "高血脂",
    "孕早期",
    "孕晚期",
    "孕妇",
    "儿童",
    "老人",
    "北京",
    "南京",
    "西安",
    "西藏",
    "早上",
    "晚上",
    "饭前",
    "饭后",
    "大瓶",
    "小瓶",
    "三天",
    "十天",
    "1.5升",
    "15升",
    "5%",
    "50%",
    "不",
    "没",
    "别",
    "真",
    "假",
    "毛呢",
    "毛",
    "酒吧",
    "酒",
    "🥜",
    "🍑",
    "A2",
    "A",
    "AAA",
]
FRAMES = (
    "{}过敏能用吗", "有{}吗", "有没有{}的呀", "{}用吗", "请问{}可以用吗", "发{}吗", "{}发不发货", "这款{}多少钱", "主播{}能不能用",
    "{}", "能{}用吗", "我家里人一直都是{}的情况你们这个洗面奶真的可以放心给他用吗",
)  # fmt: skip
FIRST = ("", "请问", "你好，", "主播 ", "在吗？", "想问一下", "亲，请问")
LAST = ("", "呀", "？？", "谢谢", "谢谢主播啦", "，主播", "😂", "~")


@given(
    st.sampled_from(FRAMES), st.lists(st.sampled_from(WORDS), min_size=2, max_size=2, unique=True),
    st.sampled_from(FIRST), st.sampled_from(FIRST), st.sampled_from(LAST), st.sampled_from(LAST),
)  # fmt: skip
def test_one_word_of_content_keeps_two_lines_apart(
    frame: str, words: list[str], first: str, second: str, last: str, latest: str
) -> None:
    meaning = meant("suitable")
    one, other = (frame.format(word) for word in words)
    assert not sense(first + one + last, meaning).same(sense(second + other + latest, meaning))
    assert sense(first + one + last, meaning).same(sense(second + one + latest, meaning))


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


def test_of_many_who_ask_two_names_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(moderation, "moderated_name", lambda user: looked.append(user) or user)
    many = [f"{first}{n}" for n, first in enumerate("小阿木林风" * 40)]
    assert named_askers(many, "zh") == "小某、阿某和几位朋友都在问，"
    assert looked == many[:2]


def test_what_may_not_be_shown_of_a_name_is_not_said_either() -> None:
    for name in ("王八蛋", "操你妈", "习近平", "法轮功", "傻逼", "傻\u200b逼", "客服", "官方客服小李"):
        assert named_askers([name, "Tom"], "zh") == "好几位朋友都在问，", name


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
    for told in (
        '"2026-12-01T01:00:00"',
        '"1796086800"',
        "1796086800000",
        "1796086800000000",
    ):  # no offset: UTC
        (message,) = parse(b'{"id": "1", "text": "b", "at": %b}' % told.encode(), NOW).messages
        assert message.at == datetime(2026, 12, 1, 1, 0, tzinfo=UTC), told
    unseen = b'{"id": "1", "text": "b\\u0007\\ud800", "user": 7, "user_id": "u\\u007f"}'
    (message,) = parse(unseen, NOW).messages
    assert (message.text, message.user, message.user_id) == ("b?", "7", "u")


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
