"""What the show keeps: timetable, sessions, outputs, live product changes and the viewers' questions.

One protocol, two stores behind it (SQLite in one file, Redis), one contract suite over both.

    StoreError
    ├── AlreadyThere        the id is taken
    ├── NotStored           there is nothing of that id
    ├── VersionConflict     somebody else changed it since it was read (If-Match)
    ├── TransitionRefused   a question may not go from its state to the wished one
    ├── StoreUnavailable    it cannot be reached now (retryable)
    └── SchemaTooNew        the data was written by a newer livehost
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import SecretStr

from livehost.settings import Output, Override, Slot

DEFAULT_INBOX_LIMIT = 2000
MAX_TEXT = 500
MAX_ID = 200
KEEP_SETTLED_DAYS = 7


class StoreError(Exception):
    """Something could not be kept or read."""

    retryable = False


class AlreadyThere(StoreError):
    """The id is taken; choose another or change the one there."""


class NotStored(StoreError):
    """There is nothing of that id."""


class VersionConflict(StoreError):
    """It was changed since it was read; read it again and repeat the change."""

    def __init__(self, what: str, *, wanted: int, current: int) -> None:
        super().__init__(f"{what} is at version {current}, not {wanted}: read it again, then change it")
        self.wanted = wanted
        self.current = current


class TransitionRefused(StoreError):
    """A question may not go from its state to the wished one."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or written now; try again."""

    retryable = True


class SchemaTooNew(StoreError):
    """The data was written by a newer livehost: run that version, or give another place."""


class Life(StrEnum):
    """Where a room's session stands."""

    OFF = "off"
    REHEARSAL = "rehearsal"
    ON_AIR = "on_air"
    ENDED = "ended"


class QuestionState(StrEnum):
    """What became of a viewer's question."""

    ACCEPTED = "accepted"
    """It is stored and waits."""
    CLAIMED = "claimed"
    """The director prepares its answer; a restart gives it back to the queue."""
    HEARD = "heard"
    """Its answer was said to the end; it is never said again."""
    HANDED_OVER = "handed_over"
    """The host said that a person will answer."""
    EXPIRED = "expired"
    """It waited too long to be worth an answer."""
    BLOCKED = "blocked"
    """It, or its answer, broke a rule."""
    IGNORED = "ignored"
    """Noise: nothing to say."""


TRANSITIONS: Mapping[QuestionState, frozenset[QuestionState]] = {
    # heard or handed over while it waits: a playout reports late what it said while the show was down
    QuestionState.ACCEPTED: frozenset(
        {
            QuestionState.CLAIMED,
            QuestionState.HEARD,
            QuestionState.HANDED_OVER,
            QuestionState.EXPIRED,
            QuestionState.BLOCKED,
            QuestionState.IGNORED,
        }
    ),
    QuestionState.CLAIMED: frozenset(
        {
            QuestionState.ACCEPTED,
            QuestionState.HEARD,
            QuestionState.HANDED_OVER,
            QuestionState.EXPIRED,
            QuestionState.BLOCKED,
            QuestionState.IGNORED,
        }
    ),
    QuestionState.HEARD: frozenset(),
    QuestionState.HANDED_OVER: frozenset(),
    QuestionState.EXPIRED: frozenset(),
    QuestionState.BLOCKED: frozenset(),
    QuestionState.IGNORED: frozenset(),
}


def check_transition(question_id: str, now: QuestionState, wished: QuestionState) -> bool:
    """Whether something changes; raises TransitionRefused where the table has no such step."""
    if wished == now:
        return False
    if wished not in TRANSITIONS[now]:
        raise TransitionRefused(f"question {question_id} is {now.value} and cannot become {wished.value}")
    return True


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
class ChatMessage:
    """A viewer's message as a platform delivered it; `id` is unique within the room."""

    id: str
    user: str
    text: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """How many messages were stored, were there already, were refused; and why, by message id.

    Reasons: `inbox_full`, `text_too_long`, `text_empty`, `id_unusable`.
    """

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A stored message and what became of it."""

    id: str
    room: str
    user: str
    text: str
    at: datetime
    state: QuestionState
    updated_at: datetime
    note: str = ""
    answer: str = ""
    trace: str = ""


def refusal(message: ChatMessage) -> str | None:
    """Why a message cannot be a question at all, or None."""
    if not message.id or len(message.id) > MAX_ID:
        return "id_unusable"
    if not message.text.strip():
        return "text_empty"
    if len(message.text) > MAX_TEXT:
        return "text_too_long"
    return None


class Store(Protocol):
    """Durable state of all rooms. Each method is atomic, and done when it returns."""

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
        """Store messages as waiting questions before returning; at most the room's inbox limit wait."""
        ...

    async def claim(self, room: str, limit: int) -> list[Question]:
        """Take the oldest waiting questions; nobody else gets the same ones."""
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
    ) -> Question:
        """Say what became of a question; the same state again changes nothing."""
        ...

    async def requeue_claimed(self, room: str) -> int:
        """Give back what a stopped show had claimed and not said; returns how many."""
        ...

    async def expire(self, room: str, before: datetime) -> int:
        """Expire waiting questions that were sent before an instant; returns how many."""
        ...

    async def questions(
        self, room: str, limit: int = 50, before: str | None = None, state: QuestionState | None = None
    ) -> list[Question]:
        """Newest first; `before` is the id of the last question of the page before."""
        ...
