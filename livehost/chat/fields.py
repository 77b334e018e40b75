"""Reads single fields of foreign JSON: alias tables, ids that exceed 2^53, times in three units.

Nothing here raises, whatever the JSON holds; what cannot be read is empty, or now.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from livehost.store.protocol import MAX_ID

MAX_NAME = 60
MAX_USER_ID = 120
MAX_WORD = 40
MAX_COUNT = 10**9
EARLY = timedelta(minutes=5)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
FIRST_YEAR_S = 1_000_000_000  # a smaller number is no instant of a livestream (2001)

# in order: what names the thing best comes first; keys are compared without case, `_` and `-`
ID = ("msgid", "uniquemessageid", "messageid", "commentid", "eventid", "uniqueno", "id", "uuid", "seq")
USER_ID = (
    "decodedopenid", "secopenid", "openid", "userid", "secuid", "uid", "useropenid",
)  # fmt: skip
USER = ("nickname", "nick", "uname", "username", "user", "name", "sender", "from")
TEXT = ("content", "text", "msg", "message", "comment", "danmu", "body")
WORD = ("msgtype", "pushtype", "decodedtype", "eventtype", "type", "method", "cmd", "kind", "event", "action")
AT = ("timestamp", "msgtime", "at", "createtime", "orderts", "sendtime", "time", "ts")
COUNT = (
    "giftnum", "giftcount", "likenum", "likecount", "comboproductcount", "guardnum", "count", "num", "total",
)  # fmt: skip
VALUE_FEN = ("valuefen", "giftvalue")
PRODUCT = ("producttitle", "productname", "product", "productid")
PERSON = ("user", "userinfo", "sender", "author", "fromuser", "from")
PERSON_ID = ("secuid", "openid", "secopenid", "userid", "id", "idstr", "uid")
PERSON_NAME = ("nickname", "username", "nick", "name", "uname")


@lru_cache(maxsize=1024)
def key_of(name: str) -> str:
    """A key as it is compared: `MsgId`, `msg_id` and `msg-id` are one."""
    return name.replace("_", "").replace("-", "").lower()


def folded(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields under their compared keys; of two spellings the first stands."""
    out: dict[str, object] = {}
    for name, value in fields.items():
        out.setdefault(key_of(str(name)[:MAX_NAME]), value)
    return out


def text_of(value: object) -> str:
    """A text or whole number as text without control characters and lone surrogates; else empty."""
    if isinstance(value, str) and value.isprintable():  # nearly all; the rest is looked at by character
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    try:
        sound = str(value).encode("utf-8", "replace").decode()
    except ValueError:  # a number of more digits than Python writes
        return ""
    return "".join(char for char in sound if char in "\n\t" or (ord(char) >= 32 and ord(char) != 127))


def first_text(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of the names that holds some text."""
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        found = text_of(value).strip()
        if found:
            return found
    return ""


def first_id(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of the names that holds an id; 0 is none."""
    return next((found for name in names if (found := first_text(fields, (name,))) not in ("", "0")), "")


def whole(value: object) -> int:
    """A count as a whole number from 0 to `MAX_COUNT`; 0 where there is none. `1.2万` is 12,000."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, str):
        digits, unit = value.strip().replace(",", ""), 1
        if digits.endswith(("万", "w", "W")):
            digits, unit = digits[:-1], 10_000
        try:
            value = float(digits) * unit
        except ValueError:
            return 0
    if isinstance(value, int | float) and (isinstance(value, int) or math.isfinite(value)):
        return int(min(max(value, 0), MAX_COUNT))
    return 0


def first_count(fields: Mapping[str, object], names: tuple[str, ...]) -> int:
    """The first of the names that holds a count above 0, else 0."""
    return next((found for name in names if (found := whole(fields.get(name)))), 0)


def instant(value: object, now: datetime) -> datetime:
    """The instant that is told, else now: a time of day without a zone says nothing certain."""
    at = told_instant(value)
    return now if at is None else not_ahead(at, now)


def told_instant(value: object, *, zone: tzinfo | None = None) -> datetime | None:
    """Seconds, milliseconds or microseconds since 1970, or RFC 3339; None where it is none of these.

    `zone` is where a time without an offset is; without it such a time is none.
    """
    try:
        if isinstance(value, str):
            text = value.strip()
            if not _NUMBER.fullmatch(text):
                at = datetime.fromisoformat(text)
                at = at if at.tzinfo or zone is None else at.replace(tzinfo=zone)
                return at.astimezone(UTC) if at.tzinfo else None
            value = text
        elif isinstance(value, bool) or not isinstance(value, int | float):
            return None
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds):
        return None
    while seconds > 1e11:
        seconds /= 1000
    return None if seconds < FIRST_YEAR_S else datetime.fromtimestamp(seconds, UTC)


def not_ahead(at: datetime, now: datetime) -> datetime:
    """The instant; a time in the future is now."""
    return now if at > now + EARLY else at


def usable_id(given: str) -> str:
    """The id as it is kept: one that is too long is hashed."""
    given = given.strip()
    if len(given) <= MAX_ID:
        return given
    return "long-" + hashlib.sha256(given.encode()).hexdigest()


def made_id(kind: str, user: str, text: str, at: datetime | None = None) -> str:
    """An id where none came: the same words of the same viewer within ten seconds are one event."""
    bucket = int(at.timestamp()) // 10 if at else ""
    return "made-" + hashlib.sha256(f"{kind}\0{user}\0{text}\0{bucket}".encode()).hexdigest()[:24]
