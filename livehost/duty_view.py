"""What waits for the person on duty, as the API and the console show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from livehost.answers import Fact, still_true
from livehost.desk import Mode
from livehost.store.protocol import Question, QuestionState

if TYPE_CHECKING:
    from livehost.attendance import Attendance
    from livehost.room import Room

SHOWN = 50
"""Questions of one state that are shown of a room; more than anybody decides in ten minutes."""

HANDED_OVER_SHOWN = timedelta(hours=1)
"""How long a question that was handed over is worth a late answer in the room."""


class Holds(Protocol):
    """What the view asks of the duty."""

    attendance: Attendance

    @property
    def held(self) -> int:
        """How many answers wait."""
        ...

    def is_coming(self, question_id: str) -> bool:
        """Whether a person's decision about it is being carried out."""
        ...

    def proposal(self, question_id: str) -> Mapping[str, Any]:
        """What was proposed for a question."""
        ...

    def expires_at(self, question: Question) -> datetime:
        """When a held answer is given up."""
        ...


class QueueView:
    """One room's queue."""

    def __init__(self, room: Room, duty: Holds) -> None:
        self._room = room
        self._duty = duty

    def summary(self) -> dict[str, Any]:
        """How the room is led and watched, without its questions."""
        room, now = self._room, self._room.now()
        presence = self._duty.attendance.presence
        return {
            "room": room.id,
            "title": room.settings.title or room.id,
            "mode": room.desk.mode.value,
            "leads": room.desk.leads.value,
            "taken_by": room.desk.taken_by,
            "held": self._duty.held,
            "unattended": self._duty.attendance.alone,
            "policy": room.settings.unattended,
            "alone_s": round(presence.alone_s(now)),
            "absent_s": room.settings.duty_absent_s,
            "people": [
                {"name": one.name, "since": one.since.isoformat(timespec="seconds")}
                for one in presence.people(now)
            ],
        }

    async def items(self) -> list[dict[str, Any]]:
        """Held answers first, then what was handed over lately in this session, then what waits for a person.

        What was made an entry of the book is not among what was handed over any more.
        Within each the oldest first; a question that shares another's answer is counted, not listed.
        """
        room, store = self._room, self._room.house.store
        held = await store.questions(room.id, 4 * SHOWN, state=QuestionState.HELD)
        handed = await store.questions(room.id, 4 * SHOWN, state=QuestionState.HANDED_OVER)
        since = room.now() - HANDED_OVER_SHOWN
        if room.session is not None:
            since = max(since, room.session.opened_at)
        kept = room.house.faq.kept  # the book answers it from now on
        handed = [one for one in handed if one.updated_at >= since and not kept(one)]
        waiting: list[Question] = []
        if room.desk.leads is Mode.MANUAL:
            waiting = await store.waiting(room.id, SHOWN)
        coming = await store.questions(room.id, 4 * SHOWN, state=QuestionState.CLAIMED)
        together = Counter(one.joined for one in (*held, *handed, *coming) if one.joined)
        found = []
        for some in (list(reversed(held)), list(reversed(handed)), waiting):
            own = [one for one in some if not one.joined and not self._duty.is_coming(one.id)]
            found += [self.item(one, together[one.id]) for one in own[-SHOWN:]]
        return found

    def item(self, question: Question, together: int = 0) -> dict[str, Any]:
        """A question, what is proposed for it, on which facts, and what the review found."""
        room = self._room
        detail = {**self._duty.proposal(question.id), **question.detail}
        held = question.state is QuestionState.HELD
        facts = tuple(Fact(**fact) for fact in detail.get("facts", ()))
        product = room.catalog().get(detail.get("product") or None)
        proposed = question.answer if held else detail.get("proposed", "")
        return {
            "id": question.id,
            "room": room.id,
            "user": question.user,
            "who": question.who,
            "text": question.text,
            "at": question.at.isoformat(),
            "state": question.state.value,
            "why": detail.get("why", "")
            or ("handed_over" if question.state is QuestionState.HANDED_OVER else ""),
            "proposed": proposed,
            "blocked": detail.get("blocked", ""),
            "said": question.answer if question.state is QuestionState.HANDED_OVER else "",
            "intent": detail.get("intent", ""),
            "product": {"id": product.id, "name": product.name, "link": product.link} if product else None,
            "facts": [
                {"product": one.product, "field": one.field, "value": one.value, "version": one.version}
                for one in facts
            ],
            "true": still_true(facts, room.catalog(), room.now()),
            "checks": list(detail.get("hits", ())),
            "until": self._duty.expires_at(question).isoformat() if held else None,
            "buyer": question.buyer,
            "together": together,
        }
