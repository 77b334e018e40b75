"""The plain JSON webhook: one object or an array of `{"id","user","text","at"}`.

With a `kind` other than `comment` it tells of a gift, a like, an order and the like. One bad
message does not cost the others: each is taken or rejected with a reason.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from livehost.chat.events import WEBHOOK, ChatEvent, Kind
from livehost.chat.fields import MAX_NAME, MAX_USER_ID, made_id, not_ahead, text_of, told_instant, whole
from livehost.store.protocol import MAX_ID, ChatMessage

MAX_MESSAGES = 1000
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
    user, user_id = map(text_of, who)
    at = _instant(item.get("at"), now)
    if at is None:
        return "at_unusable"
    text = text_of(text)
    given = item.get("id")
    if given is None:
        given = made_id(kind, user_id or user, text, at)
    if isinstance(given, bool) or not isinstance(given, str | int) or len(str(given)) > MAX_ID:
        return "id_unusable"
    ident = text_of(given).strip()
    if not ident:
        return "id_unusable"
    event = ChatEvent(
        kind=Kind(kind),
        id=ident,
        user=user[:MAX_NAME],
        user_id=user_id[:MAX_USER_ID],
        text=text,
        at=at,
        platform=WEBHOOK,
        count=max(1, whole(item.get("count"))),
        value_fen=whole(item.get("value_fen")),
        product=text_of(item.get("product"))[:200],
        buyer=item.get("buyer") is True,
    )
    return event.as_message(WEBHOOK) if kind == Kind.COMMENT else event


def _instant(value: object, now: datetime) -> datetime | None:
    """When it was said; now if left out, None where no instant can be read (without an offset: UTC)."""
    if value is None or value == "":
        return now
    at = told_instant(value, zone=UTC)
    return None if at is None else not_ahead(at, now)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def signature(body: bytes, secret: str) -> str:
    """The value of `X-Livehost-Signature` for a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signature_holds(body: bytes, secret: str, presented: str) -> bool:
    """Whether a presented signature is the body's."""
    wanted = signature(body, secret).encode()
    return bool(secret) and hmac.compare_digest(wanted, presented.strip().lower().encode(errors="replace"))
