"""The plain JSON webhook: one object or an array of `{"id","user","text","at"}`.

One bad message does not cost the others: each is taken or rejected with a reason.
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

from livehost.store.protocol import MAX_ID, ChatMessage

MAX_MESSAGES = 1000
MAX_USER = 60
EARLY = timedelta(minutes=5)


class Unreadable(ValueError):
    """The body is not one JSON object, nor an array of at most `MAX_MESSAGES`."""


@dataclass(frozen=True)
class Parsed:
    """The messages of a body, and why others were rejected (by their place in it)."""

    messages: tuple[ChatMessage, ...]
    rejected: Mapping[int, str] = field(default_factory=dict)


def parse(body: bytes, now: datetime) -> Parsed:
    """Read a webhook's body; raises Unreadable."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON in UTF-8: {error}") from error
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise Unreadable("the body is neither an object nor an array of objects")
    if len(items) > MAX_MESSAGES:
        raise Unreadable(f"{len(items)} messages at once, {MAX_MESSAGES} are the most")
    messages: list[ChatMessage] = []
    rejected: dict[int, str] = {}
    for place, item in enumerate(items):
        read = _message(item, now)
        if isinstance(read, str):
            rejected[place] = read
        else:
            messages.append(read)
    return Parsed(tuple(messages), rejected)


def _message(item: dict[str, Any], now: datetime) -> ChatMessage | str:
    """The message, or why it cannot be taken."""
    text, user = item.get("text"), item.get("user", "")
    if not isinstance(text, str) or not text.strip():
        return "text_missing"
    if not (isinstance(user, str | int) and not isinstance(user, bool)):
        return "user_unusable"
    user = _plain(str(user))[:MAX_USER]
    at = _instant(item.get("at"), now)
    if at is None:
        return "at_unusable"
    text = _plain(text)
    given = item.get("id")
    if given is None:
        given = _made_id(user, text, at)
    if isinstance(given, bool) or not isinstance(given, str | int) or len(str(given)) > MAX_ID:
        return "id_unusable"
    ident = _plain(str(given)).strip()
    return ChatMessage(id=ident, user=user, text=text, at=at) if ident else "id_unusable"


def _plain(text: str) -> str:
    """The text without control characters and lone surrogates."""
    sound = text.encode("utf-8", "replace").decode()
    return "".join(char for char in sound if char in "\n\t" or ord(char) >= 32)


def _made_id(user: str, text: str, at: datetime) -> str:
    """An id for a message that came without one: the same words of the same viewer within ten seconds."""
    bucket = int(at.timestamp()) // 10
    return "made-" + hashlib.sha256(f"{user}\0{text}\0{bucket}".encode()).hexdigest()[:24]


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
