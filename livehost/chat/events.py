"""What viewers do, as one kind of value whatever platform or tool told of it.

A comment becomes a question of the inbox; everything else (gifts, likes, orders, …) is told to the
room, which counts it and remembers who bought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from livehost.chat.fields import usable_id
from livehost.store.protocol import ChatMessage

WEBHOOK = "generic"  # how the plain webhook is named among the sources


class Kind(StrEnum):
    """What a viewer did."""

    COMMENT = "comment"
    """Wrote a line of chat."""
    GIFT = "gift"
    """Sent a gift; `count` of them, `value_fen` in all."""
    LIKE = "like"
    """Liked the stream, `count` times."""
    FOLLOW = "follow"
    """Followed the account."""
    FANS_CLUB = "fans_club"
    """Joined the fan club (粉丝团), or rose in it."""
    ENTER = "enter"
    """Came into the room."""
    ORDER = "order"
    """Ordered or paid for `product`; `buyer` once it is paid."""
    SHARE = "share"
    """Shared the room."""
    SUBSCRIBE = "subscribe"
    """Became a member of the brand."""
    STATS = "stats"
    """The platform's count of viewers (`count`)."""
    END = "end"
    """The platform says that the stream is over."""


@dataclass(frozen=True, kw_only=True)
class ChatEvent:
    """One thing that a viewer did. `value_fen` is in 分; `test` marks the platform's own test traffic.

    `id` is unique within its source and at most `store.protocol.MAX_ID` long; the same event told
    again has the same id.
    """

    kind: Kind
    id: str
    user_id: str = ""
    user: str = ""
    text: str = ""
    at: datetime
    platform: str = ""
    test: bool = False
    count: int = 1
    value_fen: int = 0
    product: str = ""
    buyer: bool = False

    def as_message(self, source: str) -> ChatMessage:
        """The comment as the inbox takes it: each source counts its ids for itself.

        The plain webhook's ids stand as they were given, for who sends them looks for them.
        """
        ident = self.id if source == WEBHOOK else usable_id(f"{source}:{self.id}")
        return ChatMessage(
            id=ident, user=self.user, text=self.text, at=self.at,
            user_id=self.user_id, source=source, buyer=self.buyer,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What was read, and how much was passed over and why.

    `unknown` counts event types that this version does not know; `rejected` counts what cannot be
    used, by reason; `own` counts the host's own comments. `own_names` are names and ids of the
    room's account that the data itself told of.
    """

    events: tuple[ChatEvent, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    own: int = 0
    own_names: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One event's fields as a tool wrote them, and what its wrapping says of them.

    `word` is the tool's own word for the kind. What is left empty is looked for in `fields`.
    """

    fields: Mapping[str, object]
    word: str = ""
    id: str = ""
    platform: str = ""
    text: str = ""
    count: int | None = None
    value_fen: int | None = None
    test: bool = False
    own: frozenset[str] = frozenset()
