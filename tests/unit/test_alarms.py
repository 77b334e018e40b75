"""Alarms: what stands, and telling it to a chat group once, until it was heard."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from livehost.alarm_push import ChatPush, NotTold, format_of
from livehost.alarms import Alarm, Alarms
from livehost.events import EventBus
from livehost.metrics import Metrics
from tests.conftest import wait_until

ALARM = Alarm(
    "room-a", "output:ks", "快手推流码已失效", "取新码后点【换码】", datetime(2026, 11, 23, tzinfo=UTC)
)


class Listening:
    """Remembers what it was told; fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.heard: list[tuple[str, bool]] = []
        self.failures = failures

    async def tell(self, alarm: Alarm, *, over: bool) -> None:
        if self.failures:
            self.failures -= 1
            raise NotTold("the chat is down")
        self.heard.append((alarm.key, over))


def test_an_alarm_stands_once_and_keeps_its_time() -> None:
    events = EventBus()
    alarms = Alarms(events, Metrics())
    with events.subscribe() as listener:
        alarms.raise_("room-a", "k", "cause", "mend")
        since = alarms.current()[0].since
        alarms.raise_("room-a", "k", "cause", "mend")
        alarms.raise_("room-a", "k", "worse", "mend")
        alarms.raise_("room-b", "k", "cause", "mend")
        assert [(one.room, one.cause) for one in alarms.current()] == [
            ("room-a", "worse"),
            ("room-b", "cause"),
        ]
        assert alarms.current("room-a")[0].since == since
        alarms.clear("room-a", "k")
        alarms.clear("room-a", "k")
        alarms.clear("room-b", "k")
        assert alarms.current() == ()
        told = [(event.room, event.data["over"]) for event in listener._held]
    assert told == [
        ("room-a", False),
        ("room-a", False),
        ("room-b", False),
        ("room-a", True),
        ("room-b", True),
    ]


async def test_alarms_are_told_and_again_when_over() -> None:
    place = Listening()
    async with Alarms(EventBus(), told=[place]) as alarms:
        alarms.raise_("room-a", "k", "cause", "mend")
        await wait_until(lambda: place.heard == [("k", False)])
        alarms.clear("room-a", "k")
        await wait_until(lambda: place.heard == [("k", False), ("k", True)])


async def test_what_was_not_heard_is_told_again() -> None:
    place = Listening(failures=2)
    async with Alarms(EventBus(), told=[place], retry_s=0.01) as alarms:
        alarms.raise_("room-a", "k", "cause", "mend")
        await wait_until(lambda: place.heard == [("k", False)])


async def test_a_flapping_alarm_is_told_once_in_a_while() -> None:
    place, now = Listening(), [0.0]
    async with Alarms(EventBus(), told=[place], quiet_s=60, retry_s=0.01, clock=lambda: now[0]) as alarms:
        alarms.raise_("room-a", "k", "cause", "mend")
        await wait_until(lambda: len(place.heard) == 1)
        alarms.clear("room-a", "k")
        await wait_until(lambda: len(place.heard) == 2)
        for _ in range(5):
            alarms.raise_("room-a", "k", "cause", "mend")
            alarms.clear("room-a", "k")
        alarms.raise_("room-a", "k", "cause", "mend")
        alarms.raise_("room-a", "other", "cause", "mend")
        await wait_until(lambda: ("other", False) in place.heard)
        assert place.heard.count(("k", False)) == 1
        now[0] = 61
        alarms.raise_("room-a", "third", "cause", "mend")
        await wait_until(lambda: place.heard.count(("k", False)) == 2)


def answering(
    answers: list[httpx.Response], asked: list[httpx.Request]
) -> Callable[[httpx.Request], httpx.Response]:
    """A chat service that gives these answers in turn."""

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1]

    return handle


@pytest.mark.parametrize(
    ("url", "format"),
    [
        ("https://open.feishu.cn/open-apis/bot/v2/hook/x", "feishu"),
        ("https://oapi.dingtalk.com/robot/send?access_token=x", "dingtalk"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x", "wecom"),
        ("https://alarms.example/x", "json"),
    ],
)
async def test_each_chat_gets_its_format(url: str, format: str) -> None:
    assert format_of(url) == format
    asked: list[httpx.Request] = []
    transport = httpx.MockTransport(answering([httpx.Response(200, json={"errcode": 0, "code": 0})], asked))
    async with httpx.AsyncClient(transport=transport) as client:
        await ChatPush(client, url, secret="s3cret", now=lambda: 1_700_000_000.0).tell(ALARM, over=False)
    body = json.loads(asked[0].content)
    text = {
        "feishu": lambda: body["content"]["text"],
        "dingtalk": lambda: body["text"]["content"],
        "wecom": lambda: body["text"]["content"],
        "json": lambda: body["text"],
    }[format]()
    assert "快手推流码已失效" in text and "取新码后点【换码】" in text and "room-a" in text
    if format == "feishu":
        sign = hmac.new(b"1700000000\ns3cret", b"", hashlib.sha256).digest()
        assert body["sign"] == base64.b64encode(sign).decode() and body["timestamp"] == "1700000000"
    if format == "dingtalk":
        sign = hmac.new(b"s3cret", b"1700000000000\ns3cret", hashlib.sha256).digest()
        assert asked[0].url.params["sign"] == base64.b64encode(sign).decode()
        assert asked[0].url.params["access_token"] == "x"


async def test_a_refusal_inside_a_200_is_tried_again() -> None:
    asked: list[httpx.Request] = []
    answers = [
        httpx.Response(200, json={"errcode": 310000, "errmsg": "sign not match"}),
        httpx.Response(502),
        httpx.Response(200, json={"errcode": 0}),
    ]
    async with httpx.AsyncClient(transport=httpx.MockTransport(answering(answers, asked))) as client:
        push = ChatPush(client, "https://oapi.dingtalk.com/robot/send", wait_initial_s=0.001)
        await push.tell(ALARM, over=True)
        assert len(asked) == 3
        assert "已恢复" in json.loads(asked[-1].content)["text"]["content"]
        asked.clear()
        with pytest.raises(NotTold, match="310000"):
            await ChatPush(client, "https://oapi.dingtalk.com/x", attempts=1).tell(ALARM, over=False)
