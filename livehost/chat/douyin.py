"""抖音直播小玩法's push: signed headers over the raw body, arrays of comments, gifts, likes, fan club.

The platform wants 2xx within 2 s; ten failures in a row make it drop data for seconds. It sends
some events twice: `msg_id` is the same. (developer.open-douyin.com, live-room-scope/data-open)
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from livehost.chat import fields as read
from livehost.chat.events import Kind, Parsed, Piece
from livehost.chat.push import PushRefused, check_age, signed_with
from livehost.chat.source_settings import DouyinPush
from livehost.chat.tolerant import not_too_many, read_pieces

SIGNED = ("x-msg-type", "x-nonce-str", "x-roomid", "x-timestamp")  # in the order in which they are signed
KINDS = {
    "live_comment": Kind.COMMENT,
    "live_gift": Kind.GIFT,
    "live_like": Kind.LIKE,
    "live_fansclub": Kind.FANS_CLUB,
}
_FANS_CLUB = {1: "升级", 2: "加入"}


def signature(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """Base64 of MD5 over the sorted `key=value` of the signed headers, the raw body and the secret."""
    signed = "&".join(f"{name}={headers.get(name, '')}" for name in SIGNED)
    digest = hashlib.md5(signed.encode() + body + secret.encode(), usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def check(headers: Mapping[str, str], body: bytes, settings: DouyinPush, now: datetime) -> None:
    """Raise PushRefused unless it is signed for this room, and now. `headers` have lower-case names."""
    secrets = settings.secrets_of(headers.get("x-msg-type", ""))
    presented = headers.get("x-signature", "")
    if not signed_with(presented, secrets, lambda secret: signature(headers, body, secret)):
        raise PushRefused("signature_wrong")
    check_age(headers.get("x-timestamp"), now, settings.clock_skew_s)
    room = headers.get("x-roomid", "")
    if settings.room_id and room != settings.room_id:
        raise PushRefused("push_foreign", f"x-roomid {room}")


def events(body: bytes, msg_type: str, settings: DouyinPush, now: datetime) -> Parsed:
    """The events of a checked body; raises PushRefused where it is not JSON."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PushRefused("body_unreadable", str(error)) from error
    items = value if isinstance(value, list) else [value]
    kind = KINDS.get(msg_type)
    word = kind.value if kind else msg_type
    rejected: Counter[str] = Counter()
    pieces = [_piece(item, kind, word) for item in not_too_many(items, rejected)]
    return read_pieces(pieces, now, own_names=settings.own_names, platform="douyin", rejected=rejected)


def _piece(item: object, kind: Kind | None, word: str) -> Piece:
    """One event of the array; what is no object is a piece without fields, and so rejected."""
    if not isinstance(item, Mapping):
        return Piece(fields={})
    match kind:
        case Kind.GIFT:
            text = read.text_of(item.get("sec_gift_id"))
        case Kind.FANS_CLUB:
            text = _FANS_CLUB.get(read.whole(item.get("fansclub_reason_type")), "")
        case _:
            text = ""
    level = max(1, read.whole(item.get("fansclub_level"))) if kind is Kind.FANS_CLUB else None
    return Piece(fields=item, word=word, text=text, count=level)
