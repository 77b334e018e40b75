"""A room's own way to the store: a store that is away stops neither the picture nor the answers.

What cannot be written is owed, in order, and written when the store is back (the newest 10,000 of it);
meanwhile it is taken as done. Only `accept` says no, so that a platform is told that its messages are not
stored yet; it owes them all the same.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog

from livehost.store.protocol import (
    Accepted,
    ChatMessage,
    NotStored,
    Question,
    QuestionState,
    Store,
    StoredOutput,
    StoreUnavailable,
    TransitionRefused,
)

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

PATIENCE_S = 1.5  # a store that answers later than that is away
RETRY_S = 1.0
_OWED = 10_000
_KNOWN = 1000

Debt = Callable[[], Awaitable[object]]


class PatientStore:
    """One room's questions and state, kept now or as soon as the store is back.

    `alarm` hears why the store is away, and None when it is back.
    """

    def __init__(self, store: Store, room: str, *, alarm: Callable[[str | None], None]) -> None:
        self._store = store
        self._room = room
        self._alarm = alarm
        self._owed: deque[Debt] = deque(maxlen=_OWED)
        self._state: Mapping[str, Any] | None = None
        self._known: OrderedDict[str, Question] = OrderedDict()
        self._outputs: list[StoredOutput] = []
        self._gone = asyncio.Event()

    @property
    def away(self) -> bool:
        """Whether the store cannot be reached now, as far as is known."""
        return self._gone.is_set()

    async def run(self) -> None:
        """Try again for ever while the store is away, and pay what is owed."""
        while True:
            await self._gone.wait()
            await asyncio.sleep(RETRY_S)
            if await self._paid():
                self._gone.clear()
                self._alarm(None)
                log.info("the store is back", room=self._room)

    async def _paid(self) -> bool:
        """Whether all that is owed is written."""
        while self._owed:
            debt = self._owed[0]
            try:
                await self._within(debt())
            except StoreUnavailable:
                return False
            except (TransitionRefused, NotStored) as refused:
                log.info("a question keeps its state", room=self._room, why=str(refused))
            if self._owed and self._owed[0] is debt:
                self._owed.popleft()
        try:
            if self._state is not None:
                await self._within(self._store.save_room_state(self._room, self._state))
                self._state = None
            else:
                await self._within(self._store.room_state(self._room))
        except StoreUnavailable:
            return False
        return not self._owed

    async def _within(self, work: Awaitable[_T]) -> _T:
        """The work's result; raises StoreUnavailable also where it takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await work
        except TimeoutError as error:
            raise StoreUnavailable(f"the store did not answer within {PATIENCE_S:g} s") from error

    def _lose(self, error: StoreUnavailable) -> None:
        if not self.away:
            log.error("the store is away", room=self._room, error=str(error))
        self._gone.set()
        self._alarm(str(error))

    # ---- what a platform waits for

    async def accept(self, messages: Sequence[ChatMessage]) -> Accepted:
        """Store messages; raises StoreUnavailable, and stores them later all the same."""
        if not self.away:
            try:
                return await self._store.accept(self._room, messages)
            except StoreUnavailable as error:
                self._lose(error)
        if messages:
            self._owed.append(lambda: self._store.accept(self._room, messages))
        raise StoreUnavailable("the store is away; send the messages again")

    # ---- what the show goes on with

    async def outputs(self) -> list[StoredOutput]:
        """The room's destinations; as they were last read, while the store is away."""
        self._outputs = await self._read(lambda: self._store.outputs(self._room), self._outputs)
        return self._outputs

    async def waiting(self, limit: int) -> list[Question]:
        """What waits; nothing is known while the store is away."""
        return await self._read(lambda: self._store.waiting(self._room, limit), [])

    async def recent(self, limit: int) -> list[Question]:
        """The newest questions, whatever became of them."""
        return await self._read(lambda: self._store.questions(self._room, limit), [])

    async def sent(self, limit: int) -> list[Question]:
        """What was given to playout and has no fate yet."""
        return await self._read(
            lambda: self._store.questions(self._room, limit, state=QuestionState.SENT), []
        )

    async def question(self, question_id: str) -> Question | None:
        """One question, if the store can tell."""
        return await self._read(lambda: self._store.question(self._room, question_id), None)

    async def claim(self, questions: Sequence[Question], *, answered_with: str) -> list[Question]:
        """Take these questions; while the store is away all of them are taken as got."""
        ids = [one.id for one in questions]
        try:
            taken = await self._write(lambda: self._store.claim(self._room, ids, answered_with=answered_with))
        except StoreUnavailable:
            taken = [
                replace(
                    one,
                    state=QuestionState.CLAIMED,
                    joined="" if one.id == answered_with else answered_with,
                )
                for one in questions
            ]
        for one in taken:
            self._know(one)
        return taken

    async def settle(
        self,
        question_id: str,
        state: QuestionState,
        note: str = "",
        *,
        answer: str = "",
        trace: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Question:
        """Say what became of a question; raises NotStored or TransitionRefused."""
        try:
            settled = await self._write(
                lambda: self._store.settle(
                    self._room, question_id, state, note, answer=answer, trace=trace, detail=detail
                )
            )
        except StoreUnavailable:
            settled = replace(
                self._remembered(question_id), state=state, note=note, answer=answer, trace=trace,
                detail=dict(detail or {}),
            )  # fmt: skip
        self._know(settled)
        return settled

    async def expire(self, before: datetime) -> list[Question]:
        """Expire what waited too long; nothing while the store is away."""
        return await self._read(lambda: self._store.expire(self._room, before), [])

    async def requeue_claimed(self) -> int:
        """Give back what was claimed and not sent; later, if the store is away."""
        try:
            return await self._write(lambda: self._store.requeue_claimed(self._room))
        except StoreUnavailable:
            return 0

    async def save_room_state(self, state: Mapping[str, Any]) -> None:
        """Keep the room's state, whole; the newest, if the store is away."""
        if self.away:
            self._state = state
            return
        try:
            await self._within(self._store.save_room_state(self._room, state))
        except StoreUnavailable as error:
            self._state = state
            self._lose(error)

    async def _write(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do it now, or owe it and raise StoreUnavailable."""
        if not self.away:
            try:
                return await self._within(work())
            except StoreUnavailable as error:
                self._lose(error)
        self._owed.append(work)
        raise StoreUnavailable("the store is away; this is written later")

    async def _read(self, work: Callable[[], Awaitable[_T]], otherwise: _T) -> _T:
        if self.away:
            return otherwise
        try:
            return await self._within(work())
        except StoreUnavailable as error:
            self._lose(error)
            return otherwise

    def _know(self, question: Question) -> None:
        self._known[question.id] = question
        self._known.move_to_end(question.id)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    def _remembered(self, question_id: str) -> Question:
        now = datetime.now(UTC)
        nobody = Question(
            id=question_id, room=self._room, user="", text="", at=now, state=QuestionState.CLAIMED,
            updated_at=now,
        )  # fmt: skip
        return self._known.get(question_id, nobody)
