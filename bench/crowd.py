"""A crowd's chat as 抖音 pushes it: signed arrays of comments, gifts and likes, each due at an instant.

No two comments have the same words: about four in ten are noise (greetings, laughter, flowers), three in ten
questions of the fixtures in other words, the rest what viewers tell each other. One array in twelve holds
gifts, one likes, and one is an earlier array that the platform sends again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

VIEWERS = 20_000
_AGAIN_AFTER = 50  # arrays that lie between one and its being sent again, at least
_NOISE = ("哈哈哈", "来了来了", "主播好美", "666", "冲冲冲", "打卡", "路过", "支持一下", "晚上好", "棒棒哒")
_FLOWERS = ("😂", "🌹", "❤️", "👍", "🎉", "[玫瑰]", "[鼓掌]", "~", "！", "。")
_BEFORE = ("", "主播", "姐姐", "老师", "请问", "想问下", "麻烦说下", "小姐姐 ")
_AFTER = ("", "呀", "呢", "啊", "？", "??", "哈", " 谢谢", "～", "🙏")
_SAID = (
    "我家有{n}只猫",
    "昨天看到第{n}集了",
    "我排第{n}个",
    "刚下班 坐了{n}站",
    "我表姐{n}岁",
    "楼上{n}号别刷了",
)


@dataclass(frozen=True)
class Batch:
    """One push: what it holds, and when it is due, in seconds from the first; `ids` as they are stored."""

    number: int
    kind: str
    due_s: float
    headers: dict[str, str]
    body: bytes
    ids: tuple[str, ...]
    again: bool = False


def signed(kind: str, body: bytes, *, nonce: str, at_ms: int, room: str, secret: str) -> dict[str, str]:
    """The headers of a push: Base64 of MD5 over the sorted headers, the body and the secret."""
    headers = {"x-msg-type": kind, "x-nonce-str": nonce, "x-roomid": room, "x-timestamp": str(at_ms)}
    text = "&".join(f"{name}={value}" for name, value in sorted(headers.items()))
    digest = hashlib.md5(text.encode() + body + secret.encode(), usedforsecurity=False).digest()
    return {
        **headers,
        "x-signature": base64.b64encode(digest).decode(),
        "content-type": "application/json",
    }


def stored_id(key: str) -> str:
    """The id under which a message of the platform is stored and journalled."""
    return f"douyin:{key}"


def comment(key: str, who: int, text: str, at_ms: int) -> dict[str, Any]:
    """A comment as the platform writes it."""
    return {
        "msg_id": key, "sec_openid": f"open-{who}", "nickname": f"观众{who}", "content": text,
        "avatar_url": "https://p3.example/avatar.jpeg", "timestamp": at_ms,
    }  # fmt: skip


def batches(
    questions: Sequence[str],
    *,
    seconds: float,
    per_s: float,
    size: int,
    begins_ms: int,
    room: str,
    secret: str,
) -> list[Batch]:
    """The pushes of so many seconds; `begins_ms` is the wall clock's instant of the first."""
    draw = random.Random(20)
    words = _words(draw, questions)
    every: list[Batch] = []
    for number in range(int(seconds * per_s / size)):
        due_s = number * size / per_s
        at_ms = begins_ms + int(due_s * 1000)
        if number % 12 == 7 and number > _AGAIN_AFTER:
            old = every[number - _AGAIN_AFTER]
            if old.kind == "live_comment":
                every.append(Batch(number, old.kind, due_s, old.headers, old.body, old.ids, True))
                continue
        kind = {3: "live_gift", 9: "live_like"}.get(number % 12, "live_comment")
        keys = [f"push-{number}-{place}" for place in range(size)]
        body = json.dumps(
            [_event(draw, kind, key, next(words), at_ms) for key in keys], ensure_ascii=False
        ).encode()
        headers = signed(kind, body, nonce=f"n{number}", at_ms=at_ms, room=room, secret=secret)
        every.append(Batch(number, kind, due_s, headers, body, tuple(map(stored_id, keys))))
    return every


def _event(draw: random.Random, kind: str, key: str, text: str, at_ms: int) -> dict[str, Any]:
    event = comment(key, draw.randrange(VIEWERS), text, at_ms)
    match kind:
        case "live_gift":
            del event["content"]
            event |= {"sec_gift_id": "rose", "gift_num": draw.randint(1, 9), "gift_value": 10, "test": False}
        case "live_like":
            del event["content"]
            event |= {"like_num": draw.randint(1, 30)}
    return event


def _words(draw: random.Random, questions: Sequence[str]) -> Iterator[str]:
    """Lines of chat for ever, none twice."""
    said: set[str] = set()
    while True:
        text = _line(draw, questions)
        while text in said:
            text += draw.choice(_AFTER[1:] + _FLOWERS)
        said.add(text)
        yield text


def _line(draw: random.Random, questions: Sequence[str]) -> str:
    kind = draw.random()
    if kind < 0.4:
        return draw.choice(_NOISE) + "".join(draw.choices(_FLOWERS, k=4))
    if kind < 0.7:
        return draw.choice(_BEFORE) + draw.choice(questions) + draw.choice(_AFTER)
    return draw.choice(_SAID).format(n=draw.randrange(100_000))
