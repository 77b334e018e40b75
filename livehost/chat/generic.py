"""The plain JSON webhook: one object or an array of `{"id","user","text","at"}`.

With a `kind` other than `comment` it tells of a gift, a like, an order and the like. One bad
message does not cost the others: each is taken or rejected with a reason.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from livehost.chat.events import ChatEvent, Kind
from livehost.chat.fields import made_id, text_of, whole
from livehost.store.protocol import MAX_ID, ChatMessage

MAX_MESSAGES = 1000
MAX_USER = 60
MAX_USER_ID = 120
EARLY = timedelta(minutes=5)
_KINDS = frozenset(kind.value for kind in Kind)


class Unreadable(ValueError):
    """The body is not JSON, neither an object nor an array, or over `MAX_MESSAGES` long."""


@dataclass(frozen=True)
class Parsed:
    """The messages and events of a body, and why others were rejected (by their place in it)."""

    messages: tuple[ChatMessage, ...]
    events: tuple[ChatEvent, ...] = ()
    rejected: Mapping[int, str] = field(default_factory=dict)


def parse(body: bytes, now: datetime) -> Parsed:
    """Read a webhook's body; raises Unreadable."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON in UTF-8: {error}") from error
    items = value if isinstance(value, list) else [value]
    if not isinstance(value, list | dict):
        raise Unreadable("the body is neither an object nor an array of objects")
    if len(items) > MAX_MESSAGES:
        raise Unreadable(f"{len(items)} messages at once, {MAX_MESSAGES} are the most")
    messages: list[ChatMessage] = []
    events: list[ChatEvent] = []
    rejected: dict[int, str] = {}
    for place, item in enumerate(items):
        taken = _taken(item, now) if isinstance(item, dict) else "not_an_object"
        match taken:
            case ChatMessage():
                messages.append(taken)
            case ChatEvent():
                events.append(taken)
            case reason:
                rejected[place] = reason
    return Parsed(tuple(messages), tuple(events), rejected)


def _taken(item: dict[str, Any], now: datetime) -> ChatMessage | ChatEvent | str:
    """The message or event, or why it cannot be taken."""
    kind = item.get("kind", "comment")
    if not isinstance(kind, str) or kind not in _KINDS:
        return "kind_unknown"
    text = item.get("text", "")
    if not isinstance(text, str) or (kind == Kind.COMMENT and not text.strip()):
        return "text_missing"
    who = [item.get(name, "") for name in ("user", "user_id")]
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in who):
        return "user_unusable"
    user, user_id = (_plain(str(one)) for one in who)
    at = _instant(item.get("at"), now)
    if at is None:
        return "at_unusable"
    text = _plain(text)
    given = item.get("id")
    if given is None:
        given = made_id(kind, user_id or user, text, at)
    if isinstance(given, bool) or not isinstance(given, str | int) or len(str(given)) > MAX_ID:
        return "id_unusable"
    ident = _plain(str(given)).strip()
    if not ident:
        return "id_unusable"
    event = ChatEvent(
        kind=Kind(kind),
        id=ident,
        user=user[:MAX_USER],
        user_id=user_id[:MAX_USER_ID],
        text=text,
        at=at,
        platform="generic",
        count=max(1, whole(item.get("count"))),
        value_fen=whole(item.get("value_fen")),
        product=text_of(item.get("product"))[:200],
        buyer=item.get("buyer") is True,
    )
    return event.as_message("generic") if kind == Kind.COMMENT else event


def _plain(text: str) -> str:
    """The text without control characters and lone surrogates."""
    sound = text.encode("utf-8", "replace").decode()
    return "".join(char for char in sound if char in "\n\t" or ord(char) >= 32)


def _instant(value: object, now: datetime) -> datetime | None:
    """RFC 3339, or Unix seconds or milliseconds; now if left out. A time in the future is now."""
    if value is None or value == "":
        return now
    try:
        if isinstance(value, str) and not value.strip().lstrip("-").replace(".", "", 1).isdigit():
            at = datetime.fromisoformat(value.strip())
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            if not math.isfinite(number) or number < 0:
                return None
            at = datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
        else:
            return None
        at = at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return now if at > now + EARLY else at


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def signature(body: bytes, secret: str) -> str:
    """The value of `X-Livehost-Signature` for a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signature_holds(body: bytes, secret: str, presented: str) -> bool:
    """Whether a presented signature is the body's."""
    wanted = signature(body, secret).encode()
    return bool(secret) and hmac.compare_digest(wanted, presented.strip().lower().encode(errors="replace"))
