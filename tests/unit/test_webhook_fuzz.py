"""Ten thousand mutated bodies at every address that platforms post to: no fault of ours, nothing unsigned taken.

Half of the bodies are signed as they are (what the platform itself might send one day), half are changed
after they were signed. The requests go straight into the application, as a server would hand them over.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from livehost.api import create_api
from livehost.chat import douyin, kuaishou
from tests.conftest import ROOT
from tests.fakes import FakeHouse, open_house

SECRET, TOKEN = "s3cret-of-the-push", "token-of-the-forward"
EACH = 2500
SAMPLES = ROOT / "tests" / "data" / "chat"
SOURCES = [
    {"kind": "douyin", "secrets": [SECRET]},
    {"kind": "kuaishou", "secrets": [SECRET]},
    {"kind": "wxlivespy", "token": TOKEN},
]
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1e308, -0.0, "", "\u0000", "\ud800", "9" * 400, [], {}, [[]], {"": {}},
    "👩‍👩‍👧" * 50, "1e9999", ["x"] * 300, {"a": {"b": {"c": [1]}}}, "\u202e价格", "' OR 1=1 --", "{{7*7}}",
)  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """What the application answered."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def post(app: FastAPI, path: str, body: bytes, headers: dict[str, str], query: str = "") -> Reply:
    """One request, handed to the application as a server would."""
    told = {"host": "127.0.0.1", "content-type": "application/json", **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in told.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080), "app": app,
    }  # fmt: skip
    parts: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        parts.append(message)

    await app(scope, receive, send)
    return Reply(parts[0]["status"], b"".join(part.get("body", b"") for part in parts[1:]))


def mutated(value: Any, chance: random.Random) -> Any:
    """The value with something in it replaced, renamed, doubled or taken away."""
    if chance.random() < 0.12:
        return chance.choice(JUNK)
    match value:
        case dict():
            kept = {}
            for name, inner in value.items():
                drawn = chance.random()
                if drawn < 0.06:
                    continue
                kept[name.swapcase() if drawn < 0.1 else name] = mutated(inner, chance)
            return kept
        case list():
            out = [mutated(one, chance) for one in value if chance.random() > 0.05]
            return out * chance.choice((1, 1, 1, 2, 40)) if len(out) < 5 else out
        case str() if chance.random() < 0.3:
            at = chance.randrange(len(value) + 1)
            return value[:at] + chr(chance.choice((0, 10, 34, 92, 0x202E, 0x4E00, 0x1F600))) + value[at:]
        case int() | float() if chance.random() < 0.3:
            return chance.choice((-value, value * 1000, str(value), value / 3))
    return value


def as_bytes(value: Any, chance: random.Random) -> bytes:
    """A body; now and then its bytes are damaged."""
    body = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    drawn = chance.random()
    if drawn < 0.1 and body:
        at = chance.randrange(len(body))
        return body[:at] + bytes((chance.randrange(256),)) + body[at + 1 :]
    if drawn < 0.14:
        return body[: chance.randrange(len(body) + 1)]
    if drawn < 0.16:
        return chance.randbytes(chance.randrange(200))
    return b"[" * 3000 if drawn < 0.162 else body


def douyin_headers(body: bytes, msg_type: str) -> dict[str, str]:
    told = {
        "x-nonce-str": "n",
        "x-timestamp": str(int(time.time() * 1000)),
        "x-roomid": "7",
        "x-msg-type": msg_type,
    }
    return {**told, "x-signature": douyin.signature(told, body, SECRET)}


def samples(platform: str) -> list[Any]:
    """Recorded shapes of a platform, as of now where its bodies are dated."""
    match platform:
        case "douyin":
            return list(json.loads((SAMPLES / "douyin.json").read_text("utf-8")).items())
        case "wxlivespy":
            return [json.loads((SAMPLES / "wxlivespy.json").read_text("utf-8"))]
        case "kuaishou":
            lines = (SAMPLES / "kuaishou.jsonl").read_text("utf-8").splitlines()
            return [{**json.loads(line), "timestamp": int(time.time() * 1000)} for line in lines]
    comment = {"id": "1", "user": "小鹿", "user_id": "9", "text": "多少钱", "at": "2026-11-26T10:00:00+08:00"}
    return [comment, [comment, {**comment, "kind": "gift", "count": 3, "value_fen": 10}]]


def signed(platform: str, body: bytes, msg_type: str) -> dict[str, str]:
    """The headers that say who posts it."""
    match platform:
        case "douyin":
            return douyin_headers(body, msg_type)
        case "kuaishou":
            return {"kwaisign": kuaishou.signature(body, SECRET)}
        case "generic":
            digest = hmac.new(b"webhook-secret", body, hashlib.sha256).hexdigest()
            return {"x-livehost-signature": f"sha256={digest}"}
    return {}


def refused(platform: str, reply: Reply) -> bool:
    """Whether nothing of it was taken, in the platform's own way of saying so."""
    if platform == "kuaishou":  # it wants 200 whatever happens
        return reply.status == 200 and reply.json["result"] == 11
    return reply.status == 401


def taken(house: FakeHouse) -> int:
    """How many messages and events the room got."""
    room = house.rooms["room"]
    return len(room.seen) + sum(int(one[1]) for one in room.asked if one[0] == "messages")


@pytest.mark.parametrize("platform", ["douyin", "kuaishou", "generic", "wxlivespy"])
async def test_mutated_bodies(platform: str, tmp_path: Path) -> None:
    chance = random.Random(f"mutated {platform}")
    found: Counter[int] = Counter()
    shapes = samples(platform)
    async with open_house(tmp_path, [{"id": "room", "sources": SOURCES}]) as house:
        app = create_api(house)
        path = f"/v1/webhooks/{platform}/room"
        for number in range(EACH):
            shape = chance.choice(shapes)
            msg_type, shape = shape if platform == "douyin" else ("", shape)
            body = as_bytes(mutated(shape, chance), chance)
            headers = signed(platform, body, msg_type)
            query = f"token={TOKEN}" if platform == "wxlivespy" else ""
            if number % 2 == 0:
                reply = await post(app, path, body, headers, query)
                found[reply.status] += 1
                assert reply.status < 500, (reply, body)
                continue
            before = taken(house)
            spoilt: tuple[tuple[bytes, dict[str, str], str], ...] = (
                (body + b" ", headers, "token=" + TOKEN[:-1]),
                (body[:-1] + b"\t" if body else b"x", headers, ""),
                (body, {}, ""),
                (body, {name: value[:-1] + "~" for name, value in headers.items()}, "token=~"),
                (body, dict.fromkeys(headers, ""), "token="),
            )
            reply = await post(app, path, *chance.choice(spoilt))
            assert refused(platform, reply) and taken(house) == before, (reply, body)
        assert found[200] + found[202] > EACH // 10, found
        assert taken(house) > EACH // 10
