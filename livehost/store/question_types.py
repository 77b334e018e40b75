"""A viewer's message, the question that it becomes, and the steps that a question may take."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from livehost.chinese import folded
from livehost.store.errors import TransitionRefused

MAX_TEXT = 500
MAX_ID = 200
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a sign that show nothing


class QuestionState(StrEnum):
    """What became of a viewer's question."""

    ACCEPTED = "accepted"
    """It is stored and waits."""
    CLAIMED = "claimed"
    """Its answer is prepared; a restart gives it back to the queue."""
    SENT = "sent"
    """Its answer is with playout, which alone knows whether it was heard; a restart leaves it there."""
    HELD = "held"
    """Its answer waits for the person on duty; a restart leaves it there."""
    HEARD = "heard"
    """Its answer was said; it is never said again."""
    HANDED_OVER = "handed_over"
    """The host said that a person will answer."""
    EXPIRED = "expired"
    """It waited too long to be worth an answer."""
    BLOCKED = "blocked"
    """It, or its answer, broke a rule, or who asked it is muted."""
    IGNORED = "ignored"
    """Noise, or put aside by a person: nothing to say."""


_OPEN = frozenset({QuestionState.ACCEPTED, QuestionState.CLAIMED, QuestionState.SENT, QuestionState.HELD})

TRANSITIONS: Mapping[QuestionState, frozenset[QuestionState]] = {
    # Any step between the open states and out of them: a playout reports late what it said while the
    # show was down, and a person on duty may take a question at any time.
    **{state: frozenset(QuestionState) - {state} for state in _OPEN},
    # What was handed over may be answered by a person later, or put aside.
    QuestionState.HANDED_OVER: frozenset({QuestionState.SENT, QuestionState.HEARD, QuestionState.IGNORED}),
    QuestionState.HEARD: frozenset(),
    QuestionState.EXPIRED: frozenset(),
    QuestionState.BLOCKED: frozenset(),
    QuestionState.IGNORED: frozenset(),
}

UNSETTLED = tuple(sorted(state.value for state in _OPEN))


def check_transition(question_id: str, now: QuestionState, wished: QuestionState) -> bool:
    """Whether something changes; raises TransitionRefused where the table has no such step."""
    if wished == now:
        return False
    if wished not in TRANSITIONS[now]:
        raise TransitionRefused(f"question {question_id} is {now.value} and cannot become {wished.value}")
    return True


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """A viewer's message as a platform delivered it; `id` is unique within the room.

    `user` is the name that viewers see, `user_id` the platform's own id of who wrote it (empty: not
    told), `source` the way by which it came, `buyer` whether the viewer is known to have bought.
    """

    id: str
    user: str
    text: str
    at: datetime
    user_id: str = ""
    source: str = ""
    buyer: bool = False

    @property
    def who(self) -> str:
        """What tells viewers apart: the platform's id, else the name."""
        return self.user_id or self.user


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """How many messages were stored, were there already, were refused; and why, by message id.

    `stored` holds the ids of the accepted ones. Reasons: `inbox_full`, `user_full`, `muted`,
    `text_too_long`, `text_empty`, `text_unusable`, `id_unusable`; a room adds `noise` and
    `asked_already`.
    """

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)
    stored: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """A stored message and what became of it.

    `detail` is what goes with a state, as JSON values: of a held one the proposed answer's facts and
    checks, of a handed-over one why. `joined` is the id of the question with whose answer this one is
    answered (it asks the same); whatever becomes of that one becomes of this one. `together` are the ids
    of those that were settled with it just now.
    """

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
    user_id: str = ""
    source: str = ""
    buyer: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)
    joined: str = ""
    together: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        """What tells viewers apart: the platform's id, else the name."""
        return self.user_id or self.user


@dataclass(frozen=True, kw_only=True)
class Muted:
    """A viewer whose messages are not taken, by platform id or by name; `until` None: until unmuted."""

    who: str
    until: datetime | None
    by: str
    at: datetime


def name_key(name: str) -> str:
    """A name as it is compared: without spaces and unseen characters, width, case and traditional forms aside."""
    seen = "".join(
        c
        for c in folded(name)
        if not c.isspace() and unicodedata.category(c)[0] not in "CM" and c not in _BLANK
    )
    return seen or name


def is_viewer(who: str, *, user_id: str, user: str) -> bool:
    """Whether `who`, as somebody was muted by platform id or by name, is this viewer."""
    return user_id == who or name_key(user) == name_key(who)


def refusal(message: ChatMessage) -> str | None:
    """Why a message cannot be a question at all, or None."""
    if not message.id or len(message.id) > MAX_ID or not _sound(message.id):
        return "id_unusable"
    if not message.text.strip():
        return "text_empty"
    if len(message.text) > MAX_TEXT:
        return "text_too_long"
    if not _sound(message.text + message.user + message.user_id + message.source):
        return "text_unusable"
    return None


def _sound(text: str) -> bool:
    """Whether the text can be written as UTF-8 (no lone surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
