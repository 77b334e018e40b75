"""What the show keeps: timetable, sessions, outputs, live product changes and the viewers' questions.

One protocol, two stores behind it (SQLite in one file, Redis), one contract suite over both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import SecretStr

from livehost.settings import Output, Override, Slot
from livehost.store.errors import (
    AlreadyThere,
    NotStored,
    SchemaTooNew,
    StoreError,
    StoreUnavailable,
    TransitionRefused,
    VersionConflict,
)
from livehost.store.question_types import (
    MAX_ID,
    MAX_TEXT,
    TRANSITIONS,
    UNSETTLED,
    Accepted,
    ChatMessage,
    Muted,
    Question,
    QuestionState,
    check_transition,
    refusal,
)

__all__ = [
    "MAX_ID", "MAX_TEXT", "TRANSITIONS", "UNSETTLED", "Accepted", "AlreadyThere", "ChatMessage", "FaqEntry",
    "InboxLimits", "Life", "Muted", "NotStored", "ProductChange", "Question", "QuestionState", "SchemaTooNew",
    "Session", "Store", "StoreError", "StoreUnavailable", "StoredOutput", "TransitionRefused",
    "VersionConflict", "VersionedSlot", "check_transition", "refusal",
]  # fmt: skip

DEFAULT_INBOX_LIMIT = 2000
DEFAULT_USER_LIMIT = 20
KEEP_SETTLED_DAYS = 7


class Life(StrEnum):
    """Where a room's session stands."""

    OFF = "off"
    REHEARSAL = "rehearsal"
    ON_AIR = "on_air"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class VersionedSlot:
    """A slot of the timetable and the version that an edit must name."""

    slot: Slot
    version: int


@dataclass(frozen=True, kw_only=True)
class Session:
    """A show from its opening to its end (场次); its id stamps journal, events and recordings."""

    id: str
    room: str
    mode: str
    life: Life
    opened_at: datetime
    closed_at: datetime | None = None
    epoch: int = 0


@dataclass(frozen=True, kw_only=True)
class ProductChange:
    """What was changed on air of a product: field name to value, over the catalogue's file."""

    values: Mapping[str, Any]
    version: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredOutput:
    """A destination as edited live; the key is a secret and prints as stars."""

    name: str
    url: str
    key: SecretStr
    enabled: bool
    version: int


@dataclass(frozen=True, kw_only=True)
class FaqEntry:
    """One of the operators' own answers, as JSON values; what they mean is `answers.faq_book`'s."""

    id: str
    values: Mapping[str, Any]
    version: int


@dataclass(frozen=True, kw_only=True)
class InboxLimits:
    """How many questions may wait in a room, and of one viewer."""

    room: int = DEFAULT_INBOX_LIMIT
    user: int = DEFAULT_USER_LIMIT


class Store(Protocol):
    """Durable state of all rooms. Each method is done when it returns, and whole.

    `accept` of many hundred messages may be done in parts, each of them whole.
    """

    async def slots(self, room: str) -> list[VersionedSlot]:
        """The room's timetable, in the order it was added."""
        ...

    async def add_slot(self, room: str, slot: Slot) -> VersionedSlot:
        """Add a slot; raises AlreadyThere."""
        ...

    async def put_slot(self, room: str, slot: Slot, if_version: int | None = None) -> VersionedSlot:
        """Replace or add a slot; with `if_version`, only that one (VersionConflict, NotStored)."""
        ...

    async def delete_slot(self, room: str, slot_id: str, if_version: int | None = None) -> None:
        """Remove a slot; raises NotStored or VersionConflict."""
        ...

    async def seed_slots(self, room: str, slots: Sequence[Slot]) -> bool:
        """Take over the configured slots, once in the room's life; says whether it did."""
        ...

    async def override(self, room: str) -> Override | None:
        """What somebody put on by hand, also when it is over."""
        ...

    async def set_override(self, room: str, override: Override | None) -> None:
        """Put something on by hand, or take it away."""
        ...

    async def session(self, room: str) -> Session | None:
        """The room's last session."""
        ...

    async def save_session(self, session: Session) -> None:
        """Keep the session as the room's last one."""
        ...

    async def next_epoch(self, room: str) -> int:
        """A number higher than any before; the newest epoch fences older shows."""
        ...

    async def product_changes(self, room: str) -> dict[str, ProductChange]:
        """All live changes, by product id."""
        ...

    async def change_product(
        self, room: str, product: str, values: Mapping[str, Any], if_version: int | None = None
    ) -> ProductChange:
        """Merge fields into a product's change; version 0 means that none was made yet."""
        ...

    async def outputs(self, room: str) -> list[StoredOutput]:
        """The room's destinations, in the order they were added."""
        ...

    async def put_output(self, room: str, output: Output, if_version: int | None = None) -> StoredOutput:
        """Replace or add a destination (VersionConflict, NotStored with `if_version`)."""
        ...

    async def delete_output(self, room: str, name: str, if_version: int | None = None) -> None:
        """Remove a destination; raises NotStored or VersionConflict."""
        ...

    async def seed_outputs(self, room: str, outputs: Sequence[Output]) -> bool:
        """Take over the configured outputs, once in the room's life; says whether it did."""
        ...

    async def room_state(self, room: str) -> dict[str, Any]:
        """The rundown's position, the duty mode and the like; empty at first."""
        ...

    async def save_room_state(self, room: str, state: Mapping[str, Any]) -> None:
        """Keep the room's state, whole."""
        ...

    async def accept(self, room: str, messages: Sequence[ChatMessage]) -> Accepted:
        """Store messages as waiting questions before returning, within the room's `InboxLimits`."""
        ...

    async def waiting(self, room: str, limit: int) -> list[Question]:
        """The questions that wait, oldest first."""
        ...

    async def claim(self, room: str, ids: Sequence[str], *, answered_with: str = "") -> list[Question]:
        """Take these questions, in this order, as far as they wait still; nobody else gets them.

        With `answered_with`, all but that one share its answer and its fate; nothing is taken unless
        that one is among them, or in work already (claimed, sent or held).
        """
        ...

    async def settle(
        self,
        room: str,
        question_id: str,
        state: QuestionState,
        note: str = "",
        *,
        answer: str = "",
        trace: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Question:
        """Say what became of a question; the same state again changes nothing.

        Those that share its answer move with it (`together`). Raises NotStored, or TransitionRefused
        where `TRANSITIONS` has no such step.
        """
        ...

    async def requeue_claimed(self, room: str) -> int:
        """Give back what a stopped show had claimed and not sent to playout; returns how many."""
        ...

    async def expire(self, room: str, before: datetime, limit: int = 200) -> list[Question]:
        """Expire waiting questions that were sent before an instant, the oldest `limit` at most."""
        ...

    async def question(self, room: str, question_id: str) -> Question | None:
        """One question, or None where it was never stored or is forgotten."""
        ...

    async def questions(
        self, room: str, limit: int = 50, before: str | None = None, state: QuestionState | None = None
    ) -> list[Question]:
        """Newest first; `before` is the id of the last question of the page before."""
        ...

    async def mute(self, room: str, who: str, until: datetime | None = None, by: str = "") -> list[Question]:
        """Take no more messages of a viewer, named by platform id or by name; again changes the term.

        What of theirs is open and not with playout is blocked, and returned; others who were to share
        the answer of one of these wait again.
        """
        ...

    async def unmute(self, room: str, who: str) -> None:
        """Take a viewer's messages again; raises NotStored where nobody of that id or name is muted."""
        ...

    async def muted(self, room: str) -> list[Muted]:
        """Who is muted now, in the order it was done; those whose term is over are left out."""
        ...

    async def faq_entries(self) -> list[FaqEntry]:
        """The operators' own answers, of all rooms, in the order they were added."""
        ...

    async def put_faq_entry(
        self, entry_id: str, values: Mapping[str, Any], if_version: int | None = None
    ) -> FaqEntry:
        """Replace or add an entry (VersionConflict, NotStored with `if_version`)."""
        ...

    async def put_faq_entries(self, entries: Mapping[str, Mapping[str, Any]]) -> list[FaqEntry]:
        """Replace or add several entries at once, all or none."""
        ...

    async def delete_faq_entry(self, entry_id: str, if_version: int | None = None) -> None:
        """Remove an entry; raises NotStored or VersionConflict."""
        ...
