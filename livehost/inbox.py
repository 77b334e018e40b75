"""One room's inbox: what viewers write is stored, waits in order, and is given out turn by turn.

At the door, what can want no answer and what many ask already in the same words is turned away and
counted by reason, so that a flood costs neither room in the queue nor memory.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from livehost.answers import Meaning, meaning
from livehost.catalog import Catalog
from livehost.chat.events import ChatEvent, Kind
from livehost.chat.inbox import asks, is_noise, sense
from livehost.chat.queue import Queue, Turn
from livehost.store.patient import PatientStore
from livehost.store.protocol import (
    Accepted,
    ChatMessage,
    NotStored,
    Question,
    QuestionState,
    StoreUnavailable,
    TransitionRefused,
)

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

SAME_WORDS = 20  # questions in the very same words that wait at once; more add nothing
NEARLY_FULL = 0.75  # of the inbox: from here on only what looks like a question is taken
LOOKS = 4  # at what waits, before each turn
FOLLOW_UP = timedelta(seconds=120)  # how long a viewer's last product is what "it" means
UNCERTAIN_S = 20.0  # playout tells a fate sooner than that: a phrase lasts six seconds at the most
_REMEMBERED = 5000
_IGNORED_AT_ONCE = 20
_CLOSED_STATES = frozenset(QuestionState) - {
    QuestionState.ACCEPTED,
    QuestionState.CLAIMED,
    QuestionState.SENT,
    QuestionState.HELD,
}


class Inbox:
    """What viewers of one room wrote.

    `settled` hears of every question that is over without an answer; `dropped` of how many messages
    were turned away, and why. `booked` says whether the operators' book answers a line (given the
    product on air): such a line wants an answer, however short it is.
    """

    def __init__(
        self,
        store: PatientStore,
        *,
        room: str,
        limit: int,
        expires_s: float,
        catalog: Callable[[], Catalog],
        on_air: Callable[[], str | None],
        clock: Callable[[], datetime],
        settled: Callable[[Question], None],
        dropped: Callable[[str, int], None],
        booked: Callable[[str, str | None], bool] = lambda text, on_air: False,
    ) -> None:
        self._store = store
        self._room = room
        self._limit = limit
        self._expires = timedelta(seconds=expires_s)
        self._catalog = catalog
        self._on_air = on_air
        self._clock = clock
        self._settled = settled
        self._dropped = dropped
        self._booked = booked
        self._queue = Queue()
        self._understood_by: Catalog | None = None
        self._turns: OrderedDict[str, Turn] = OrderedDict()  # claimed and not settled, by the first's id
        self._joinable: set[str] = set()  # those of them that late askers may share
        self._last_product: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._buyers: OrderedDict[str, None] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()  # ids that were in the queue once
        self._loaded = False

    def __len__(self) -> int:
        return len(self._queue)

    # ---- in

    async def take(self, messages: Sequence[ChatMessage]) -> Accepted:
        """Store what may want an answer; raises StoreUnavailable: not stored yet, to be sent again.

        What comes while the store is away waits in memory and is answered; sent again, it counts once.
        """
        at_door: dict[str, str] = {}
        known = (replace(one, buyer=True) if one.who in self._buyers else one for one in messages)
        admitted = [one for one in known if not self._turned_away(one, at_door)]
        if not admitted:
            return self._counted(len(messages), Accepted(), at_door)
        if self._store.away:
            admitted = [one for one in admitted if one.id not in self._known]
            places = max(0, self._limit - len(self._queue))
            if len(admitted) > places:
                self._dropped("inbox_full", len(admitted) - places)
            admitted = admitted[:places]
        try:
            stored = await self._store.accept(admitted)
        except StoreUnavailable:
            for one in admitted:
                if len(self._queue) < self._limit:
                    self._wait(one)
            raise
        names = frozenset(stored.stored)
        for one in admitted:
            if one.id in names:
                self._wait(one)
        return self._counted(len(messages), stored, at_door)

    def _turned_away(self, message: ChatMessage, reasons: dict[str, str]) -> bool:
        if message.id in self._queue:
            return False  # sent again: the store says so
        if is_noise(message.text) and not self._booked(message.text, self._on_air()):
            reasons[message.id] = "noise"
        elif self._queue.asked_already(message.text) >= SAME_WORDS:
            reasons[message.id] = "asked_already"
        elif len(self._queue) >= NEARLY_FULL * self._limit and not self._looks_like_one(message.text):
            reasons[message.id] = "inbox_full"
        return message.id in reasons

    def _looks_like_one(self, text: str) -> bool:
        return asks(text) or self._booked(text, self._on_air())

    def _counted(self, number: int, stored: Accepted, at_door: dict[str, str]) -> Accepted:
        reasons = {**at_door, **stored.reasons}
        for reason, count in Counter(reasons.values()).items():
            self._dropped(reason, count)
        if stored.duplicate:
            self._dropped("duplicate", stored.duplicate)
        rejected = number - stored.accepted - stored.duplicate
        return replace(stored, rejected=rejected, reasons=reasons)

    def _wait(self, message: ChatMessage) -> None:
        self._enter(
            Question(
                id=message.id, room=self._room, user=message.user, text=message.text, at=message.at,
                state=QuestionState.ACCEPTED, updated_at=self._clock(), user_id=message.user_id,
                source=message.source, buyer=message.buyer,
            ),
            self._on_air(),
        )  # fmt: skip

    def _enter(self, question: Question, on_air: str | None) -> None:
        """A question comes into the queue, once: it may be told of by who sent it and by the store."""
        if question.id in self._known:
            return
        _remember(self._known, question.id, None, max(_REMEMBERED, 2 * self._limit))
        self._queue.add(question, on_air)

    def seen(self, events: Iterable[ChatEvent]) -> None:
        """Remember who bought."""
        for event in events:
            who = event.user_id or event.user
            if event.kind is Kind.ORDER and event.buyer and who and not event.test:
                _remember(self._buyers, who, None)

    # ---- out

    async def next(self) -> Turn | None:
        """The next turn, claimed; None: nothing waits that is worth an answer."""
        await self._load()
        catalog, now = self._catalog(), self._clock()
        if catalog is not self._understood_by:
            self._understood_by = catalog
            self._queue.forget_meanings()
            self._joinable.clear()  # what is being said may stand on an old fact
        while True:
            for _ in range(LOOKS):
                await self._ignore(self._queue.understand(self._meaning))
                await asyncio.sleep(0)  # acknowledgements wait for one look only, not for all of them
            if not await self._join():
                continue
            turn = self._queue.next(now, self._on_air())
            if turn is None:
                return None
            taken = await self._store.claim(turn.all, answered_with=turn.first.id)
            if not taken:  # the first waits no longer (muted, or settled by a person): the others go on
                self._queue.drop([turn.first.id])
                continue
            self._queue.drop(one.id for one in turn.all)
            turn = replace(turn, first=taken[0], others=tuple(taken[1:]))
            self._queue.answered(turn, now)
            self._remember_product(turn)
            _remember(self._turns, turn.first.id, turn)
            self._joinable.add(turn.first.id)
            return turn

    async def _ignore(self, noise: list[Question]) -> None:
        for one in noise[:_IGNORED_AT_ONCE]:
            await self.settle(one, QuestionState.IGNORED, note="noise")

    async def _join(self) -> bool:
        """Whoever asks what is being prepared, held or said already gets that answer.

        False where some could not share it after all and wait again.
        """
        joined_all = True
        self._joinable &= self._turns.keys()
        for turn in [self._turns[one] for one in self._joinable]:
            late = self._queue.same_as(turn)
            if late:
                joined = await self._store.claim(late, answered_with=turn.first.id)
                if not joined:
                    self._turns.pop(turn.first.id, None)
                    joined_all = False
                    continue
                self._queue.drop(one.id for one in late)
                if (current := self._turns.get(turn.first.id)) is not None:
                    # where that answer is given up, they wait again with the rest
                    self._turns[turn.first.id] = replace(current, others=(*current.others, *joined))
                else:  # it was given up, or is over, while they were claimed
                    await self.look_again()
                    joined_all = False
        return joined_all

    def _meaning(self, question: Question, on_air: str | None) -> Meaning:
        found = meaning(
            question.text, catalog=self._catalog(), on_air=on_air, previous=self.previous_product(question)
        )
        if found.intents == ("noise",) and self._booked(question.text, on_air):
            about = (on_air,) if on_air is not None else ()
            return replace(found, intents=("book",), products=about, detail=question.text)
        return found

    def is_shared(self, question: Question) -> bool:
        """Whether others are to get a claimed question's answer, too."""
        turn = self._turns.get(question.id)
        return turn is not None and bool(turn.others)

    def turn_of(self, question: Question) -> Turn:
        """The turn that a claimed question was given out with."""
        known = self._turns.get(question.id)
        if known is not None:
            return known
        on_air = self._on_air()
        asked = self._meaning(question, on_air)
        return Turn(question, (), asked, sense(question.text, asked), on_air)

    # ---- follow-ups

    def previous_product(self, question: Question) -> str | None:
        """The product that the viewer's last question named, while it may still be meant."""
        product, at = self._last_product.get(question.who, ("", datetime.min))
        return product if product and question.who and question.at - at < FOLLOW_UP else None

    def _remember_product(self, turn: Turn) -> None:
        """Follow-ups are about what a line named, or went on about."""
        for one in turn.all:
            goes_on = self.previous_product(one) in turn.meaning.products
            if one.who and turn.meaning.products and (turn.meaning.named or goes_on):
                _remember(self._last_product, one.who, (turn.meaning.products[0], one.at))

    # ---- what becomes of them

    async def settle(
        self,
        question: Question,
        state: QuestionState,
        *,
        note: str = "",
        answer: str = "",
        trace: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Question | None:
        """Say what became of a question and of those with it; None where it is settled otherwise."""
        self._queue.drop([question.id])
        try:
            done = await self._store.settle(
                question.id, state, note, answer=answer, trace=trace, detail=detail
            )
        except (TransitionRefused, NotStored) as refused:
            log.info("a question keeps its state", question=question.id, why=str(refused))
            self._turns.pop(question.id, None)
            return None
        if state is QuestionState.ACCEPTED:
            turn = self._turns.pop(question.id, None)
            for one in turn.all if turn is not None else (question,):
                self._queue.add(replace(one, state=state, joined=""), turn.on_air if turn else self._on_air())
        self.changed(done)
        self._settled(done)
        return done

    def changed(self, question: Question) -> None:
        """A question was settled elsewhere (its answer was heard, a person took it, it was muted)."""
        if question.state in _CLOSED_STATES:
            self._turns.pop(question.id, None)
            if (turn := self._turns.get(question.joined)) is not None:
                left = tuple(one for one in turn.others if one.id != question.id)
                self._turns[question.joined] = replace(turn, others=left)
        if question.state is not QuestionState.ACCEPTED:
            self._queue.drop([question.id, *question.together])

    async def expire(self) -> None:
        """Let go what waited too long to be worth an answer."""
        before = self._clock() - self._expires
        if self._store.away:
            for one in self._queue.older_than(before, _IGNORED_AT_ONCE):
                for question in self._queue.drop([one]):
                    await self.settle(question, QuestionState.EXPIRED)
            return
        for question in await self._store.expire(before):
            self._queue.drop([question.id])
            self._settled(question)

    async def reload(self) -> None:
        """Read anew what waits: what was claimed went back to the queue."""
        self._loaded = False
        self._turns.clear()
        await self._load()

    async def look_again(self) -> None:
        """Take up what waits in the store and not here: it was given back by others than this inbox."""
        on_air = self._on_air()
        for question in await self._store.waiting(self._limit):
            if question.id not in self._queue:
                self._known.pop(question.id, None)
                self._enter(question, on_air)

    async def _load(self) -> None:
        """What waited before this show began."""
        if self._loaded or self._store.away:
            return
        for question in await self._store.recent(_REMEMBERED):
            _remember(self._known, question.id, None)  # sent again while the store is away, it counts once
        await self.look_again()
        self._loaded = not self._store.away  # else it is read when the store is back

    async def close_uncertain(self) -> None:
        """Settle what an earlier show gave to playout and of which playout does not tell.

        Its answer may have begun in the very milliseconds in which that show ended, so it is not said
        again: it expires, and the record says why.
        """
        before = await self._store.sent(_REMEMBERED)
        await asyncio.sleep(UNCERTAIN_S)
        for question in before:
            now = await self._store.question(question.id)
            if now is not None and now.state is QuestionState.SENT and not now.joined:
                await self.settle(now, QuestionState.EXPIRED, note="whether its answer was heard is unknown")


def _remember(kept: OrderedDict[str, _T], name: str, value: _T, most: int = _REMEMBERED) -> None:
    """Keep the newest."""
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > most:
        kept.popitem(last=False)
