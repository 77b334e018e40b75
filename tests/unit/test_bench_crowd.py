"""The benches' crowd: signed as the platform signs, due in order, no words twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

from bench.crowd import batches, comment, signed
from livehost.chat import douyin
from livehost.chat.source_settings import DouyinPush

QUESTIONS = ("多少钱", "油皮能用吗", "几号链接")


def test_signed_as_the_platform_signs() -> None:
    event = {
        "msg_id": "1", "sec_openid": "o1", "content": "油皮能用吗", "avatar_url": "", "nickname": "小鹿",
        "timestamp": 1700000000000,
    }  # fmt: skip
    body = json.dumps([event], ensure_ascii=False, separators=(",", ":")).encode()
    headers = signed("live_comment", body, nonce="n1", at_ms=1700000000000, room="7001", secret="s3cret")
    assert headers["x-signature"] == "bFyRQDuRm5a6yv1usS0XQA=="
    assert set(comment("1", 1, "", 0)) == set(event)


def test_a_minute_of_a_crowd() -> None:
    crowd = batches(
        QUESTIONS, seconds=6, per_s=2000, size=20, begins_ms=1700000000000, room="7001", secret="s"
    )
    assert len(crowd) == 600
    assert all(later.due_s > sooner.due_s for sooner, later in pairwise(crowd))
    once = [event for each in crowd if not each.again for event in json.loads(each.body)]
    said = [event["content"] for event in once if "content" in event]
    assert len(said) == len(set(said)) > 9000
    assert len({event["msg_id"] for event in once}) == len(once)
    known = {each.ids for each in crowd if not each.again}
    assert all(each.ids in known for each in crowd if each.again)
    assert any(each.again for each in crowd)
    assert {each.kind for each in crowd} == {"live_comment", "live_gift", "live_like"}


def test_the_ids_are_those_under_which_the_messages_are_stored() -> None:
    crowd = batches(
        ["多少钱"], seconds=2, per_s=100, size=10, begins_ms=1_764_554_400_000, room="7", secret="s"
    )
    settings, now = DouyinPush(kind="douyin"), datetime(2026, 12, 1, tzinfo=UTC)
    for each in crowd:
        if each.kind == "live_comment":
            read = douyin.events(each.body, each.kind, settings, now)
            assert tuple(one.as_message("douyin").id for one in read.events) == each.ids
