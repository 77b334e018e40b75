"""One parser for whatever relays and readers send: it takes what it can and counts the rest.

An object, an array, or JSON in a string; each tool's wrapping is opened by that tool's file, what
is left is read by alias tables (`fields.py`). It never raises on any JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from livehost.chat import barrage_grab, blive, dycast, oba, wxlivespy
from livehost.chat import fields as read
from livehost.chat.events import ChatEvent, Kind, Parsed, Piece

_T = TypeVar("_T")

MAX_EVENTS = 1000
MAX_DEPTH = 6
SURE_DIGITS = 10  # a number so long is a platform's id, a shorter one may be a tool's counter
MAX_UNKNOWN = 20  # different words that are counted by name; the rest are `other`
_INSIDE = ("data", "messages", "events", "items", "list", "payload", "msgs")
_PAID = ("已付款", "已支付", "paid")

_WORDS: dict[str, Kind] = {
    **{read.key_of(kind.value): kind for kind in Kind},
    **{
        read.key_of(word): kind
        for kinds in (oba.KINDS, dycast.KINDS, wxlivespy.KINDS, blive.KINDS)
        for word, kind in kinds.items()
    },
    **dict.fromkeys(("chat", "danmu", "danmaku", "dm", "message", "text", "弹幕", "评论"), Kind.COMMENT),
    **dict.fromkeys(("礼物", "present"), Kind.GIFT),
    **dict.fromkeys(("点赞", "digg"), Kind.LIKE),
    **dict.fromkeys(("关注", "social"), Kind.FOLLOW),
    **dict.fromkeys(("粉丝团", "fansclub"), Kind.FANS_CLUB),
    **dict.fromkeys(("进入", "进场", "member", "join"), Kind.ENTER),
    **dict.fromkeys(("下单", "订单"), Kind.ORDER),
    **dict.fromkeys(("分享",), Kind.SHARE),
}


def parse(
    value: object,
    now: datetime,
    *,
    own_names: Collection[str] = (),
    platform: str = "",
) -> Parsed:
    """Every event in `value` (JSON that was read, or JSON as text or bytes).

    `own_names` are names or ids of the room's account: its comments are dropped and counted.
    `platform` is what an event's is where neither it nor its wrapping says.
    """
    told: set[str] = set()
    rejected: Counter[str] = Counter()
    pieces = not_too_many(_pieces(value, 0, told, rejected), rejected)
    found = read_pieces(
        pieces, now, own_names={*own_names, *told}, platform=platform, rejected=rejected, sure_ids=False
    )
    return replace(found, own_names=found.own_names | told)


def not_too_many(items: Iterable[_T], rejected: Counter[str]) -> list[_T]:
    """The first `MAX_EVENTS` items; the rest is counted as rejected."""
    rest = iter(items)
    taken = list(islice(rest, MAX_EVENTS))
    if more := sum(1 for _ in rest):
        rejected["too_many"] += more
    return taken


def read_pieces(
    pieces: Collection[Piece],
    now: datetime,
    *,
    own_names: Collection[str] = (),
    platform: str = "",
    rejected: Counter[str],
    sure_ids: bool = True,
) -> Parsed:
    """The events of pieces whose wrapping was opened already; `rejected` counts what was left out before.

    Without `sure_ids` a short number is no id by itself: a tool that counts from 1 at each start
    would have its first viewers of the day taken for yesterday's.
    """
    unknown: Counter[str] = Counter()
    events: list[ChatEvent] = []
    own = 0
    names = {name.strip().casefold() for name in own_names} - {""}
    told: set[str] = set()
    for piece in pieces:
        told |= piece.own
        event = _event(piece, now, platform, sure_ids)
        if isinstance(event, ChatEvent):
            ours = names | {name.casefold() for name in piece.own}
            if event.kind is Kind.COMMENT and {event.user.casefold(), event.user_id.casefold()} & ours:
                own += 1
            else:
                events.append(event)
        elif event.startswith("?"):
            word = event[1:]
            unknown[word if word in unknown or len(unknown) < MAX_UNKNOWN else "other"] += 1
        else:
            rejected[event] += 1
    return Parsed(
        events=tuple(events), unknown=dict(unknown), rejected=dict(rejected), own=own,
        own_names=frozenset(told),
    )  # fmt: skip


def _pieces(value: object, depth: int, told: set[str], rejected: Counter[str]) -> Iterator[Piece]:
    """Open the wrappings, whoever's they are, down to single events."""
    if depth > MAX_DEPTH:
        rejected["too_deep"] += 1
    elif isinstance(value, str | bytes | bytearray):
        found = _loaded(value)
        if isinstance(found, list | Mapping):
            yield from _pieces(found, depth + 1, told, rejected)
        else:
            rejected["no_json"] += 1
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _pieces(item, depth + 1, told, rejected)
    elif isinstance(value, Mapping):
        yield from _of_object(value, depth, told, rejected)
    else:
        rejected["no_object"] += 1


def _of_object(
    value: Mapping[str, object], depth: int, told: set[str], rejected: Counter[str]
) -> Iterator[Piece]:
    if (names := dycast.of_the_room(value)) is not None:
        told |= names
        return
    data = value.get("Data")
    found = barrage_grab.opened(value, _loaded(data) if isinstance(data, str) else data)
    for open_one in (wxlivespy.opened, blive.opened, dycast.opened, oba.opened):
        found = open_one(value) if found is None else found
    if found is not None:
        yield from found
        return
    fields = read.folded(value)
    if not read.first_text(fields, read.TEXT):
        for name in _INSIDE:
            inside = fields.get(name)
            inside = _loaded(inside) if isinstance(inside, str) else inside
            if isinstance(inside, list | Mapping) and inside:
                yield from _pieces(inside, depth + 1, told, rejected)
                return
    yield Piece(fields=value)


def _loaded(value: str | bytes | bytearray) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _event(piece: Piece, now: datetime, platform: str, sure_ids: bool) -> ChatEvent | str:
    """The event; or why it cannot be used, `?word` for a kind that is not known."""
    fields = read.folded(piece.fields)
    text = piece.text or read.first_text(fields, read.TEXT)
    word = piece.word or read.first_text(fields, read.WORD)
    kind = _WORDS.get(read.key_of(word)) if word else (Kind.COMMENT if text else None)
    if kind is None:
        return f"?{word[: read.MAX_WORD]}" if word else "empty"
    user_id, user = _who(fields)
    if kind is Kind.COMMENT and not text:
        return "text_missing"
    at = next((read.instant(fields[name], now) for name in read.AT if fields.get(name)), now)
    counted = read.first_count(fields, read.COUNT) if kind is not Kind.COMMENT else 1
    count = piece.count if piece.count is not None else max(1, counted)
    given = read.usable_id(piece.id or read.first_id(fields, read.ID))
    value = read.first_count(fields, read.VALUE_FEN) if piece.value_fen is None else piece.value_fen
    words = f"{text}\0{count}"
    if not given:
        given = read.made_id(kind.value, user_id or user, words, at)
    elif not sure_ids and given.isdecimal() and len(given) < SURE_DIGITS:
        given = f"{given}-" + read.made_id(kind.value, user_id or user, words)
    return ChatEvent(
        kind=kind,
        id=given,
        user_id=user_id,
        user=user,
        text=text,
        at=at,
        platform=piece.platform or read.first_text(fields, ("platform",))[: read.MAX_WORD] or platform,
        test=piece.test or fields.get("test") is True,
        count=count,
        value_fen=min(value, read.MAX_COUNT),
        product=read.first_text(fields, read.PRODUCT)[:200] if kind is Kind.ORDER else "",
        buyer=fields.get("buyer") is True or (kind is Kind.ORDER and text.lower() in _PAID),
    )


def _who(fields: Mapping[str, object]) -> tuple[str, str]:
    """Id and name of the viewer, from the event itself or from the person inside it."""
    person = next((held for name in read.PERSON if isinstance(held := fields.get(name), Mapping)), None)
    inside = read.folded(person) if person is not None else {}
    user_id = read.first_id(inside, read.PERSON_ID) or read.first_id(fields, read.USER_ID)
    user = read.first_text(inside, read.PERSON_NAME) or read.first_text(fields, read.USER)
    return user_id[: read.MAX_USER_ID], user[: read.MAX_NAME]
