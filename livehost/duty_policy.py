"""Who is on duty, and what becomes of an answer: said, held for a person, or handed over. Pure.

A person counts as on duty while an open console of theirs gives a sign of life. A room without one for
`duty_absent_s` is unattended, and follows its policy until somebody is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from livehost.answers.facts import APPROVED
from livehost.compliance import Verdict
from livehost.desk import Mode
from livehost.lines import Draft

AWAY_AFTER_S = 75.0
"""A person whose console gave no sign of life for so long is not counted as there (a browser
lets a page that is not looked at work once a minute)."""

_FIXED_ACTS = ("handover", "disclose", "decline")
_ENTRY = (APPROVED, "faq.")
_NAMING = ("name", "link")


class Unattended(StrEnum):
    """What a room does while nobody is on duty."""

    ANSWER = "answer"
    """It answers as it would; the alarm alone tells."""
    FAQ_ONLY = "faq_only"
    """It answers with approved entries only, and hands everything else over."""
    SCRIPT_ONLY = "script_only"
    """It goes on with the script; questions wait, or expire."""
    OFF = "off"
    """Nobody is expected: no alarm, nothing changes."""


class Handling(StrEnum):
    """What becomes of an answer that is written and checked."""

    SAY = "say"
    HOLD = "hold"
    HAND_OVER = "hand_over"


@dataclass(frozen=True)
class Person:
    """Somebody on duty: since when, and when last seen."""

    name: str
    since: datetime
    seen: datetime


class Presence:
    """The signs of life of the people on duty in one room."""

    def __init__(self, *, absent_s: float, began: datetime) -> None:
        self._absent_s = absent_s
        self._last = began
        self._people: dict[str, Person] = {}

    def seen(self, name: str, now: datetime) -> None:
        """A console of that person is open at this instant."""
        before = self._people.get(name)
        stayed = before is not None and (now - before.seen).total_seconds() <= AWAY_AFTER_S
        since = before.since if before is not None and stayed else now
        self._people[name] = Person(name, since, now)
        self._last = max(self._last, now)

    def left(self, name: str) -> None:
        """That person's console was closed."""
        self._people.pop(name, None)

    def people(self, now: datetime) -> list[Person]:
        """Who is there now, in the order they came."""
        here = [one for one in self._people.values() if (now - one.seen).total_seconds() <= AWAY_AFTER_S]
        return sorted(here, key=lambda one: (one.since, one.name))

    def alone_s(self, now: datetime) -> float:
        """Seconds since anybody gave a sign of life."""
        return max(0.0, (now - self._last).total_seconds())

    def absent(self, now: datetime) -> bool:
        """Whether the room is unattended."""
        return self.alone_s(now) > self._absent_s

    def begin_anew(self, now: datetime) -> None:
        """A session begins: the time without a person counts from here."""
        self._last = max(self._last, now)


def approved_words(draft: Draft) -> bool:
    """Whether it says what an operator approved beforehand: an entry of the book, or a product's own FAQ."""
    fields = [fact.field for fact in draft.facts]
    if any(field.startswith(APPROVED) for field in fields):
        return True
    entries = [field for field in fields if field.startswith(_ENTRY)]
    return bool(entries) and all(field in entries or field in _NAMING for field in fields)


def handling(mode: Mode, policy: Unattended | None, verdict: Verdict, draft: Draft) -> Handling:
    """What becomes of an answer. `policy` is the unattended room's, None while somebody is there.

    Fixed words (the AI notice, a hand-over, a polite no) need nobody's approval, and words that the
    review leaves to a person are said only when one approves them: meanwhile the question is handed over.
    """
    if draft.act in _FIXED_ACTS:
        return Handling.SAY
    if policy is Unattended.FAQ_ONLY:
        return Handling.SAY if approved_words(draft) else Handling.HAND_OVER
    if mode in (Mode.REVIEW, Mode.MANUAL):
        return Handling.HOLD
    if verdict == "review" and not approved_words(draft):
        return Handling.HAND_OVER
    return Handling.SAY
