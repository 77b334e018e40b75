"""Where a room's viewers come in: their messages go to the inbox, what else they do is counted and told."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from livehost.chat.events import ChatEvent, Kind
from livehost.chat.moderation import moderated_name
from livehost.inbox import Inbox
from livehost.lines import Line
from livehost.store.patient import PatientStore
from livehost.store.protocol import (
    Accepted,
    ChatMessage,
    NotStored,
    Question,
    QuestionState,
    TransitionRefused,
)
from livehost.store.question_types import is_viewer

if TYPE_CHECKING:
    from livehost.room import Room

log = structlog.get_logger(__name__)

TOLD_ONE_BY_ONE = frozenset({Kind.GIFT, Kind.ORDER, Kind.FANS_CLUB, Kind.SUBSCRIBE, Kind.END})
"""What an operator wants to see of each viewer; the rest is counted."""

GIFTS_A_SECOND = 10  # so many are told one by one: nobody reads more, and each name has to be moderated


class Reception:
    """One room's way in for what viewers do, and its own patient way to the store."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._gifts = (0, 0)  # a second, and how many gifts it had
        self._book = room.house.faq.book()
        self.store = PatientStore(room.house.store, room.id, alarm=self._store_alarm)
        self.inbox = Inbox(
            self.store, room=room.id, limit=room.settings.inbox_limit,
            expires_s=room.settings.question_expires_s, catalog=room.catalog, on_air=room.product_on_air,
            clock=room.now, settled=lambda question: room.record.question_changed(question),
            dropped=self._dropped, booked=self._booked,
        )  # fmt: skip
        room.house.metrics.inbox_waiting.labels(room.id).set_function(lambda: len(self.inbox))

    async def messages(self, messages: list[ChatMessage]) -> Accepted:
        """Store viewers' messages and wake who answers them; raises StoreUnavailable (send them again)."""
        try:
            return await self.inbox.take(messages)
        finally:
            self._room.questions.wake.set()

    def events(self, events: list[ChatEvent]) -> None:
        """Viewers did something else than write: buyers are remembered, all is counted, some is told."""
        self.inbox.seen(events)
        house, room = self._room.house, self._room.id
        for kind, count in Counter(event.kind.value for event in events if not event.test).items():
            house.metrics.viewer_events_total.labels(room, kind).inc(count)
        for event in events:
            if event.kind in TOLD_ONE_BY_ONE and self._tells(event):
                house.events.publish(
                    room,
                    "viewer",
                    {
                        "kind": event.kind.value, "user": moderated_name(event.user), "count": event.count,
                        "value_fen": event.value_fen, "product": event.product, "test": event.test,
                    },
                )  # fmt: skip

    def _tells(self, event: ChatEvent) -> bool:
        """Whether there is room for one more to be told of in this second: only gifts come in floods."""
        if event.kind is not Kind.GIFT:
            return True
        second = int(self._room.now().timestamp())
        if second != self._gifts[0]:
            self._gifts = (second, 0)
        self._gifts = (second, self._gifts[1] + 1)
        return self._gifts[1] <= GIFTS_A_SECOND

    async def begins(self, line: Line) -> bool:
        """An answer goes to playout: a show that dies from here on leaves the question to its fate.

        False where the question is settled already: nothing is answered twice.
        """
        assert line.question is not None
        try:
            await self.store.settle(
                line.question.id, QuestionState.SENT, answer="".join(line.draft.texts), trace=line.trace(0)
            )
        except NotStored:
            return True
        except TransitionRefused as refused:
            log.info("an answer is not said", question=line.question.id, why=str(refused))
            return False
        return True

    async def mute(self, who: str, until: datetime | None, by: str) -> list[Question]:
        """Take no more of a viewer's messages; their open questions are blocked, and returned.

        Who asks the same is answered all the same: their shared answer is said, or they wait again. What
        was handed over to a person stays with that person.
        """
        room, desk = self._room, self._room.desk
        gone = await room.house.store.mute(room.id, who, until, by)
        for question in gone:
            room.record.question_changed(question)
        blocked = {question.id for question in gone}
        alone: list[Question] = []
        for line in list(desk.answers):
            line.others = tuple(one for one in line.others if one.id not in blocked)
            asked = line.question
            if asked is None or not is_viewer(who, user_id=asked.user_id, user=asked.user):
                continue
            if asked.id in blocked:
                desk.answers.remove(line)
            elif line.sent == 0 and not self.inbox.is_shared(asked):
                desk.answers.remove(line)
                alone.append(asked)
        for asked in alone:  # the desk moves on meanwhile
            done = await self.inbox.settle(asked, QuestionState.BLOCKED, note="muted")
            gone += [done] if done is not None else []
        await self.inbox.look_again()
        room.questions.wake.set()
        return gone

    def _store_alarm(self, cause: str | None) -> None:
        """An operator hears that the store is away; the show goes on with what it has."""
        house, room = self._room.house, self._room.id
        house.metrics.store_away.labels(room).set(cause is not None)
        if cause is None:
            house.alarms.clear(room, "store")
            return
        house.alarms.raise_(
            room, "store", f"状态存储暂不可用，直播照常 / the store is away, the show goes on: {cause}",
            "检查 Redis 或磁盘 / check Redis, or the disk",
        )  # fmt: skip

    def _booked(self, text: str, on_air: str | None) -> bool:
        return self._book.knows(text, product=on_air, persona=self._room.desk.cast.persona.id)

    def _dropped(self, reason: str, count: int) -> None:
        self._room.house.metrics.inbox_dropped_total.labels(self._room.id, reason).inc(count)
