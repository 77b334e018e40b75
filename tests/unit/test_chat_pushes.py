"""The platforms' signatures, windows and shapes: known answers first, then what must be refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.chat import douyin, kuaishou
from livehost.chat.events import Kind
from livehost.chat.push import PushRefused
from livehost.chat.source_settings import DouyinPush, KuaishouPush

SAMPLES = Path(__file__).parent.parent / "data" / "chat"
NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # 1700000000
SENT = datetime(2025, 11, 26, 12, 15, tzinfo=UTC)  # 1764159300
DOUYIN_BODY = (
    '[{"msg_id":"1","sec_openid":"o1","content":"油皮能用吗","avatar_url":"","nickname":"小鹿",'
    '"timestamp":1700000000000}]'
).encode()
KUAISHOU_BODY = (
    '{"message_id":"m1","event":"LIVE_INTERACTION_DATA","app_id":"ks1","timestamp":1700000000000,"data":'
    '{"unique_message_id":"u1","author_open_id":"a1","room_code":"r1","push_type":"liveComment","payload":'
    '[{"content":"油皮能用吗","userInfo":{"userId":"u9","userName":"小鹿","headUrl":""}}]}}'
).encode()


def headers(**changed: str) -> dict[str, str]:
    """Signed headers of the known answer, with some changed."""
    told = {
        "x-nonce-str": "n1", "x-timestamp": "1700000000000", "x-roomid": "7001",
        "x-msg-type": "live_comment", "x-signature": "bFyRQDuRm5a6yv1usS0XQA==",
    }  # fmt: skip
    return {**told, **{name.replace("_", "-"): value for name, value in changed.items()}}


def push(**more: Any) -> DouyinPush:
    return DouyinPush.model_validate({"kind": "douyin", "secrets": ["s3cret"], **more})


def ks(**more: Any) -> KuaishouPush:
    return KuaishouPush.model_validate({"kind": "kuaishou", "secrets": ["s3cret"], **more})


# ---- Douyin


@pytest.mark.parametrize(
    ("msg_type", "sign"),
    [("live_gift", "PDcKhdlsrKEJif6uMKD2dw=="), ("user_group", "GAkalGmhzqlUGQO/TgvMug==")],
)
def test_the_official_samples_signatures(msg_type: str, sign: str) -> None:
    told = {"x-nonce-str": "123456", "x-timestamp": "456789", "x-roomid": "268", "x-msg-type": msg_type}
    assert douyin.signature(told, "abc123你好".encode(), "123abc") == sign


def test_a_comment_signed_with_the_rooms_secret_is_taken() -> None:
    douyin.check(headers(), DOUYIN_BODY, push(room_id="7001"), NOW)
    (event,) = douyin.events(DOUYIN_BODY, "live_comment", push(), NOW).events
    assert (event.kind, event.id, event.user_id, event.user) == (Kind.COMMENT, "1", "o1", "小鹿")
    assert (event.text, event.at, event.platform, event.test) == ("油皮能用吗", NOW, "douyin", False)


@pytest.mark.parametrize("secrets", [["old", "s3cret"], ["s3cret", "new"]])
def test_two_secrets_hold_while_one_replaces_the_other(secrets: list[str]) -> None:
    douyin.check(headers(), DOUYIN_BODY, push(secrets=secrets), NOW)
    kuaishou.check("a2023f765a326825f1d44ab6649632c7", KUAISHOU_BODY, ks(secrets=secrets), NOW)


def test_a_message_type_has_its_own_secret() -> None:
    douyin.check(headers(), DOUYIN_BODY, push(secrets=["x"], comment_secrets=["s3cret"]), NOW)
    with pytest.raises(PushRefused):
        douyin.check(headers(), DOUYIN_BODY, push(comment_secrets=["other"]), NOW)


@pytest.mark.parametrize(
    ("changed", "settings", "at", "code"),
    [
        ({"x_signature": ""}, {}, NOW, "signature_wrong"),
        ({"x_signature": "é"}, {}, NOW, "signature_wrong"),
        ({"x_signature": "bFyRQDuRm5a6yv1usS0XQQ=="}, {}, NOW, "signature_wrong"),
        ({"x_msg_type": "live_gift"}, {}, NOW, "signature_wrong"),
        ({"x_roomid": "7002"}, {}, NOW, "signature_wrong"),
        ({"x_timestamp": "1700000000001"}, {}, NOW, "signature_wrong"),
        ({}, {"secrets": ["other"]}, NOW, "signature_wrong"),
        ({}, {"secrets": []}, NOW, "signature_wrong"),
        ({}, {"secrets": [""]}, NOW, "signature_wrong"),
        ({}, {"room_id": "7002"}, NOW, "push_foreign"),
        ({}, {}, NOW + timedelta(seconds=301), "push_stale"),
        ({}, {}, NOW - timedelta(seconds=301), "push_stale"),
        ({}, {"clock_skew_s": 60}, NOW + timedelta(seconds=361), "push_stale"),
    ],
)
def test_what_is_refused(changed: dict[str, str], settings: dict[str, Any], at: datetime, code: str) -> None:
    with pytest.raises(PushRefused) as refused:
        douyin.check(headers(**changed), DOUYIN_BODY, push(**settings), at)
    assert refused.value.code == code


def test_the_window_is_300_s_and_the_clocks_skew() -> None:
    douyin.check(headers(), DOUYIN_BODY, push(), NOW + timedelta(seconds=300))
    douyin.check(headers(), DOUYIN_BODY, push(clock_skew_s=60), NOW - timedelta(seconds=359))


@pytest.mark.parametrize("stamp", ["", "nan", "inf", "now", "1e400", "-1", "١٧٠٠٠٠٠٠٠٠"])
def test_a_signed_timestamp_that_is_none_is_stale(stamp: str) -> None:
    told = headers(x_timestamp=stamp)
    told["x-signature"] = douyin.signature(told, DOUYIN_BODY, "s3cret")
    if stamp == "١٧٠٠٠٠٠٠٠٠":  # digits of another script are digits: the same instant
        douyin.check(told, DOUYIN_BODY, push(), NOW)
        return
    with pytest.raises(PushRefused, match=r"ago|timestamp"):
        douyin.check(told, DOUYIN_BODY, push(), NOW)


def test_seconds_and_milliseconds_are_both_a_timestamp() -> None:
    told = headers(x_timestamp="1700000000")
    told["x-signature"] = douyin.signature(told, DOUYIN_BODY, "s3cret")
    douyin.check(told, DOUYIN_BODY, push(), NOW)


def test_every_type_of_message() -> None:
    sample = json.loads((SAMPLES / "douyin.json").read_text(encoding="utf-8"))
    found = {
        name: douyin.events(json.dumps(body).encode(), name, push(), datetime.now(UTC)).events
        for name, body in sample.items()
    }
    comment, later = found["live_comment"]
    assert (comment.at, later.at) == (SENT, SENT + timedelta(milliseconds=456))
    gift, test = found["live_gift"]
    assert (gift.kind, gift.count, gift.value_fen, gift.test, test.test) == (Kind.GIFT, 3, 30, False, True)
    (like,) = found["live_like"]
    assert (like.kind, like.count) == (Kind.LIKE, 12)
    joined, rose = found["live_fansclub"]
    assert [(one.kind, one.user_id, one.text, one.count) for one in (joined, rose)] == [
        (Kind.FANS_CLUB, "o-lu", "加入", 1), (Kind.FANS_CLUB, "o-lao", "升级", 5),
    ]  # fmt: skip
    assert douyin.events(b'[{"msg_id":"1"}]', "live_new", push(), NOW).unknown == {"live_new": 1}


def test_one_bad_item_does_not_cost_the_array() -> None:
    body = b'[3, {"msg_id":"1","content":"a b"}, null, {"msg_id":"2"}]'
    parsed = douyin.events(body, "live_comment", push(), NOW)
    assert [one.id for one in parsed.events] == ["1"]
    assert parsed.rejected == {"empty": 2, "text_missing": 1}
    with pytest.raises(PushRefused):
        douyin.events(b"[", "live_comment", push(), NOW)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([*douyin.KINDS, "x"]), st.text(max_size=30))
def test_nothing_unsigned_is_taken_and_everything_signed_is_read(
    body: bytes, msg_type: str, presented: str
) -> None:
    told = headers(x_msg_type=msg_type, x_signature=presented)
    with pytest.raises(PushRefused):
        douyin.check(told, body, push(), NOW)
    told["x-signature"] = douyin.signature(told, body, "s3cret")
    douyin.check(told, body, push(), NOW)
    for place in range(16):  # a signature with one bit turned
        turned = bytearray(base64.b64decode(told["x-signature"]))
        turned[place] ^= 1
        wrong = {**told, "x-signature": base64.b64encode(bytes(turned)).decode()}
        with pytest.raises(PushRefused):
            douyin.check(wrong, body, push(), NOW)
    try:
        douyin.events(body, msg_type, push(), NOW)
    except PushRefused as refused:
        assert refused.code == "body_unreadable"


# ---- Kuaishou


def test_kuaishous_known_answer() -> None:
    assert kuaishou.signature(KUAISHOU_BODY, "s3cret") == "a2023f765a326825f1d44ab6649632c7"
    settings = ks(app_id="ks1", room_code="r1", author_open_id="a1")
    value = kuaishou.check("a2023f765a326825f1d44ab6649632c7", KUAISHOU_BODY, settings, NOW)
    (event,) = kuaishou.events(value, settings, NOW).events
    assert (event.kind, event.id, event.user_id, event.user) == (Kind.COMMENT, "u1", "u9", "小鹿")
    assert (event.text, event.at, event.platform) == ("油皮能用吗", NOW, "kuaishou")


@pytest.mark.parametrize(
    ("presented", "body", "settings", "at", "code"),
    [
        ("", KUAISHOU_BODY, {}, NOW, "signature_wrong"),
        ("A2023F765A326825F1D44AB6649632C7", KUAISHOU_BODY, {}, NOW, "signature_wrong"),
        (None, KUAISHOU_BODY, {"secrets": ["other"]}, NOW, "signature_wrong"),
        (None, KUAISHOU_BODY, {"app_id": "ks2"}, NOW, "push_foreign"),
        (None, KUAISHOU_BODY, {"room_code": "r2"}, NOW, "push_foreign"),
        (None, KUAISHOU_BODY, {"author_open_id": "a2"}, NOW, "push_foreign"),
        (None, KUAISHOU_BODY, {}, NOW + timedelta(seconds=301), "push_stale"),
        (None, b'{"event": "LIVE_INTERACTION_DATA"}', {}, NOW, "push_stale"),
        (None, b"[]", {}, NOW, "body_unreadable"),
        (None, b"\xff", {}, NOW, "body_unreadable"),
        (None, b"[" * 50_000, {}, NOW, "body_unreadable"),
    ],
)
def test_what_kuaishou_is_refused(
    presented: str | None, body: bytes, settings: dict[str, Any], at: datetime, code: str
) -> None:
    sign = kuaishou.signature(body, "s3cret") if presented is None else presented
    with pytest.raises(PushRefused) as refused:
        kuaishou.check(sign, body, ks(**settings), at)
    assert refused.value.code == code


def test_every_kuaishou_push() -> None:
    lines = (SAMPLES / "kuaishou.jsonl").read_text(encoding="utf-8").splitlines()
    found = [kuaishou.events(json.loads(line), ks(), datetime.now(UTC)) for line in lines]
    assert [one.id for one in found[0].events] == ["u1", "u1:1"]
    assert [one.text for one in found[0].events] == ["油皮能用吗", "几号链接"]
    (like,), (gift,) = found[1].events, found[2].events
    assert (like.kind, like.count, like.at) == (Kind.LIKE, 6, SENT + timedelta(seconds=1))
    assert (gift.kind, gift.text, gift.count, gift.value_fen) == (Kind.GIFT, "棒棒糖", 2, 200)
    assert [one.test for parsed in found[:3] for one in parsed.events] == [False] * 4
    assert [one.test for parsed in found[3:5] for one in parsed.events] == [True, True]
    assert found[5].unknown == {"liveShare": 1}
    assert kuaishou.events({"event": "OTHER"}, ks(), NOW).unknown == {"OTHER": 1}


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["payload", "push_type", "unique_message_id", "userInfo", "content", "count"]
                ),
                inner,
            )
        ),
        max_leaves=10,
    )
)
def test_any_signed_data_of_kuaishou_is_read(data: object) -> None:
    value = {"event": "LIVE_INTERACTION_DATA", "timestamp": 1700000000, "data": data}
    body = json.dumps(value).encode()
    read = kuaishou.check(kuaishou.signature(body, "s3cret"), body, ks(), NOW)
    kuaishou.events(read, ks(), NOW)
