"""快手小玩法's push: one signed object with an array of comments, likes or gifts.

The platform wants HTTP 200 with `{"result": 1}` and sends again 5 s later, three times, where it
got none. `unique_message_id` stays the same, `message_id` does not. A gift's price is in 快币, ten to
the 元. (Shape from github.com/kongshui/danmu; no official page is public.)
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from livehost.chat import fields as read
from livehost.chat.events import Kind, Parsed, Piece
from livehost.chat.push import PushRefused, check_age, signed_with
from livehost.chat.source_settings import KuaishouPush
from livehost.chat.tolerant import not_too_many, read_pieces

KINDS = {"liveComment": Kind.COMMENT, "liveLike": Kind.LIKE, "giftSend": Kind.GIFT}
EVENT = "LIVE_INTERACTION_DATA"
TEST_IDS = ("stress_", "test_")
FEN_A_COIN = 10
TAKEN = {"result": 1}
WRONG_SIGNATURE = {"result": 11, "errorMsg": "签名错误"}
REFUSED = 10  # `result` of everything else that is not taken


def signature(body: bytes, secret: str) -> str:
    """The header `kwaisign`: lower-case hex MD5 over the raw body and the secret."""
    return hashlib.md5(body + secret.encode(), usedforsecurity=False).hexdigest()


def check(presented: str, body: bytes, settings: KuaishouPush, now: datetime) -> Mapping[str, Any]:
    """The body's object where it is signed, of now, and for this room; else raises PushRefused."""
    if not signed_with(presented, settings.secrets, lambda secret: signature(body, secret)):
        raise PushRefused("signature_wrong")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PushRefused("body_unreadable", str(error)) from error
    if not isinstance(value, Mapping):
        raise PushRefused("body_unreadable", "no object")
    check_age(value.get("timestamp"), now, settings.clock_skew_s)
    data = _data(value)
    for wanted, told in (
        (settings.app_id, value.get("app_id")),
        (settings.room_code, data.get("room_code")),
        (settings.author_open_id, data.get("author_open_id")),
    ):
        if wanted and read.text_of(told) != wanted:
            raise PushRefused("push_foreign", f"{read.text_of(told)[:60]} is not {wanted}")
    return value


def events(value: Mapping[str, Any], settings: KuaishouPush, now: datetime) -> Parsed:
    """The events of a checked object."""
    event, data = read.text_of(value.get("event")), _data(value)
    if not event.startswith(EVENT):
        return Parsed(unknown={event[: read.MAX_WORD] or "empty": 1})
    message = read.text_of(data.get("unique_message_id")).strip()
    test = event.endswith("_TEST") or message.startswith(TEST_IDS)
    word = read.text_of(data.get("push_type"))
    payload = data.get("payload")
    items = payload if isinstance(payload, list) else [payload]
    at = value.get("timestamp")
    rejected: Counter[str] = Counter()
    pieces = [
        _piece(item, place, message=message, word=word, test=test, at=at)
        for place, item in enumerate(not_too_many(items, rejected))
    ]
    return read_pieces(pieces, now, own_names=settings.own_names, platform="kuaishou", rejected=rejected)


def _data(value: Mapping[str, Any]) -> Mapping[str, Any]:
    data = value.get("data")
    return data if isinstance(data, Mapping) else {}


def _piece(item: object, place: int, *, message: str, word: str, test: bool, at: object) -> Piece:
    """One event of the payload; the same place of the same message is the same event."""
    if not isinstance(item, Mapping):
        return Piece(fields={})
    kind = KINDS.get(word)
    gift = kind is Kind.GIFT
    coins = read.whole(item.get("giftTotalPrice")) or (
        max(1, read.whole(item.get("giftCount"))) * read.whole(item.get("giftUnitPrice"))
    )
    return Piece(
        fields={"timestamp": at, **item},
        word=kind.value if kind else word,
        id=(message if place == 0 else f"{message}:{place}") if message else "",
        text=read.text_of(item.get("giftName")) if gift else "",
        value_fen=FEN_A_COIN * coins if gift else None,
        test=test,
    )
