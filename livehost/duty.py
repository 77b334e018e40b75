"""The person on duty of one room: what waits for one, and what one does about it.

An answer that may not be said by itself waits as a held question (`QuestionState.HELD`) with the words
that are proposed, the facts that they stand on and what the review found; a question that was handed
over waits for a person's own words. All of that is in the store, so that a restart loses nothing of
it. Whoever does something is named in the journal.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from livehost.attendance import Attendance
from livehost.compliance import Hit, Verdict
from livehost.desk import Mode
from livehost.duty_policy import Handling, Unattended, handling
from livehost.duty_record import DutyRecord
from livehost.duty_view import QueueView
from livehost.duty_words import Words, confirmed_by, proposed
from livehost.lines import Draft, Line
from livehost.refused import Refused
from livehost.store.protocol import NotStored, Question, QuestionState
from livehost.writer import handed_over

if TYPE_CHECKING:
    from livehost.room import Room

HELD_AT_ONCE = 12
"""Answers that wait for a person at once; more are not prepared until one of them is decided."""
MUTE_MINUTES = 24 * 60
_PROPOSALS = 500
_WATCH_S = 1.0
_CARRIED_OUT = timedelta(seconds=60)

Way = Literal["spoken", "text"]


class Duty:
    """Holds answers, and does what the person on duty decides."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._record = DutyRecord(room)
        self.attendance = Attendance(room, told=self._record.did, changed=self.mode_changed)
        self.view = QueueView(room, self)
        self._words = Words(room)
        self._held: dict[str, Question] = {}
        self._proposals: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._in_hand: dict[str, str] = {}
        self._anew: set[str] = set()  # a person asked for another proposal: it is held in every mode
        self._coming: dict[str, datetime] = {}

    # ---- what the preparer asks

    def takes(self) -> bool:
        """Whether questions are to be taken from the inbox now."""
        match self._room.desk.leads:
            case Mode.AUTO:
                return True
            case Mode.REVIEW:
                return len(self._held) < HELD_AT_ONCE
            case _:
                return False

    def holds(self, question: Question, draft: Draft, hits: tuple[Hit, ...]) -> str:
        """Why an answer waits for a person, in a word; empty: it is said."""
        if any(hit.verdict == "block" for hit in hits):
            blocked_words = {"blocked": "".join(draft.texts), "hits": [asdict(hit) for hit in hits]}
            self._keep(question.id, {**blocked_words, "why": "blocked", "intent": draft.intent})
            return ""
        verdict: Verdict = "review" if hits else "pass"
        leads = Mode.REVIEW if question.id in self._anew else self._room.desk.leads
        match handling(leads, self.attendance.policy, verdict, draft):
            case Handling.SAY:
                return ""
            case Handling.HOLD:
                return "checks" if hits else "mode"
            case Handling.HAND_OVER:
                return "unattended" if self.attendance.policy is Unattended.FAQ_ONLY else "review"

    @property
    def held(self) -> int:
        """How many answers wait for a person."""
        return len(self._held)

    # ---- what becomes of questions

    def changed(self, question: Question) -> None:
        """A question has another state; one whose answer is left to a person is handed over meanwhile."""
        was = self._held.pop(question.id, None)
        self._coming.pop(question.id, None)
        if question.state is not QuestionState.CLAIMED:
            self._anew.discard(question.id)
        if question.state is QuestionState.HELD:
            self._held[question.id] = question
            self._remember(question)
            if question.note in ("review", "unattended"):
                self._coming[question.id] = self._room.now()  # decided about once it is handed over
                words = handed_over(self._room.desk.cast)
                self._room.questions.prepare(question, approved=words)
        elif question.state is not QuestionState.HANDED_OVER and was is None:
            return
        self._record.tell(question, waits=question.state in _WAITS)

    def proposal(self, question_id: str) -> Mapping[str, Any]:
        """What was proposed for a question, to be kept with its next state."""
        return self._proposals.get(question_id, {})

    def _remember(self, question: Question) -> None:
        self._keep(question.id, {**question.detail, "proposed": question.answer})

    def _keep(self, question_id: str, proposal: Mapping[str, Any]) -> None:
        self._proposals[question_id] = proposal
        if len(self._proposals) > _PROPOSALS:
            self._proposals.popitem(last=False)

    # ---- what is shown

    @property
    def log(self) -> Iterable[dict[str, Any]]:
        """Who did what lately."""
        return self._record.log

    def summary(self) -> dict[str, Any]:
        """How the room is led and watched."""
        return self.view.summary()

    async def items(self) -> list[dict[str, Any]]:
        """What waits for a person."""
        return await self.view.items()

    def seen(self, by: str) -> None:
        """An open console of that person gives a sign of life."""
        self.attendance.seen(by)

    def left(self, by: str) -> None:
        """That person's console was closed."""
        self.attendance.left(by)

    # ---- what a person does

    async def approve(self, question_id: str, by: str) -> Question:
        """Have the proposed answer said as it stands, if its facts still hold."""
        with self._hand(question_id, by):
            question = await self._waiting(question_id)
            draft = self._proposed(question)
            if draft is None:
                raise Refused(
                    "还没有拟好的回答 / no answer is proposed", "用自己的话回答 / answer in your own words"
                )
            if not self._room.true_now(draft):
                await self._again(question)
                raise Refused(
                    "商品信息刚变了，正在重拟 / the facts changed: it is written anew",
                    "稍后再看 / look again soon",
                )
            await self._say(question, draft, by)
            self._record.did("approve", by, question, answer="".join(draft.texts))
            return await self._one(question_id)

    async def answer(
        self, question_id: str, text: str, by: str, *, way: Way = "spoken", confirmed: bool = False
    ) -> dict[str, Any]:
        """Answer in a person's words (the proposal edited, or their own), reviewed like all words.

        Raises Refused where the review blocks them, or leaves them to a person who has not `confirmed`.
        `text`: the answer was given in writing, and is recorded only.
        """
        with self._hand(question_id, by):
            question = await self._waiting(question_id)
            before = self._proposed(question)
            draft = self._words.own(text, question, self._detail(question), by)
            review = self._words.reviewed(text, draft, confirmed=confirmed)
            if way == "spoken":
                await self._say(question, draft, by)
            else:
                await self._settle(question, QuestionState.HEARD, note=f"text: {by}", answer=text)
            self._room.record.corrected(question, draft, by)
            self._record.did(
                "edit" if before is not None else "answer", by, question, answer=text, way=way,
                proposed="".join(before.texts) if before is not None else "", **confirmed_by(text, review, by),
            )  # fmt: skip
            return {"verdict": review.verdict, "hits": [asdict(hit) for hit in review.hits], "way": way}

    async def propose(self, question_id: str, by: str) -> Question:
        """Have an answer written for a question that waits; it is held for a person."""
        with self._hand(question_id, by):
            question = await self._waiting(question_id)
            if question.state is not QuestionState.ACCEPTED:
                return question
            await self._again(question)
            self._record.did("propose", by, question)
            return await self._one(question_id)

    async def reject(self, question_id: str, by: str, why: str = "") -> Question:
        """Put a question aside: nothing is said to it."""
        with self._hand(question_id, by):
            question = await self._waiting(question_id)
            done = await self._settle(question, QuestionState.IGNORED, note=f"{by}: {why}" if why else by)
            self._record.did("reject", by, question, why=why)
            return done

    async def hand_over(self, question_id: str, by: str) -> Question:
        """Have the host say that a person will answer."""
        with self._hand(question_id, by):
            question = await self._waiting(question_id)
            if question.state is QuestionState.HANDED_OVER:
                raise Refused("已经转人工了 / it is handed over already", "直接回答 / answer it")
            await self._say(question, handed_over(self._room.desk.cast), by)
            self._record.did("hand_over", by, question)
            return await self._one(question_id)

    async def mute(self, who: str, by: str, minutes: int | None = MUTE_MINUTES) -> dict[str, Any]:
        """Take no more of a viewer's messages (None: until unmuted); what waits of theirs is put away."""
        room = self._room
        until = room.now() + timedelta(minutes=minutes) if minutes is not None else None
        gone = await room.reception.mute(who, until, by)
        self._record.did("mute", by, user=who, until=until.isoformat(timespec="seconds") if until else None)
        return {"who": who, "until": until, "by": by, "blocked": len(gone)}

    async def unmute(self, who: str, by: str) -> None:
        """Take a viewer's messages again; raises NotStored."""
        await self._room.house.store.unmute(self._room.id, who)
        self._record.did("unmute", by, user=who)

    async def correct(
        self, question_id: str, text: str, by: str, *, confirmed: bool = False
    ) -> dict[str, Any]:
        """Put right what was answered wrongly: the record has it, and the host says so at once."""
        room = self._room
        question = await self._one(question_id)
        draft = self._words.own(text, question, self._detail(question), by)
        review = self._words.reviewed(text, draft, confirmed=confirmed)
        said = await room.steering.insert(draft, urgent=True, by=by) if room.is_open else None
        self._room.record.corrected(question, draft, by)
        self._record.did("correct", by, question, answer=text, **confirmed_by(text, review, by))
        return {"verdict": review.verdict, "said": said}

    def complain(self, about: str, why: str, by: str) -> None:
        """Somebody found fault with what was said: `about` names a phrase, a line or a question."""
        self._record.complaint(about, why, by)

    def mode_changed(self) -> None:
        """Answers that nobody approved and that are not begun are held where the mode that leads now wants it.

        What is held stays held whatever the mode becomes: it is said when a person approves it.
        """
        room = self._room
        for line in [one for one in room.desk.answers if not one.by and one.sent == 0]:
            held = handling(room.desk.leads, self.attendance.policy, "pass", line.draft) is Handling.HOLD
            if held and line.question is not None:
                room.desk.answers.remove(line)
                room.spawn(self._hold(line.question, line), f"hold {line.question.id}")
        room.questions.wake.set()
        room.desk.changed.set()

    # ---- watching

    async def watch(self) -> None:
        """For ever: whether somebody is there, and what has waited too long for one."""
        await self._restore()
        waited = 0
        while True:
            self.attendance.look()
            await self._expire()
            waits = len(self._room.inbox) if self._room.desk.leads is Mode.MANUAL else 0
            if waits != waited:
                self._record.more()
            waited = waits
            await asyncio.sleep(_WATCH_S)

    async def _restore(self) -> None:
        """What was held when an earlier show ended waits on."""
        room = self._room
        for question in await room.house.store.questions(room.id, HELD_AT_ONCE * 4, state=QuestionState.HELD):
            if not question.joined:
                self._held.setdefault(question.id, question)
                self._remember(question)

    async def _expire(self) -> None:
        before = self._room.now() - timedelta(seconds=self._room.settings.review_expires_s)
        for question in [one for one in self._held.values() if one.updated_at < before]:
            still = self._held.get(question.id) is question  # a person may decide while others are given up
            if still and question.id not in self._in_hand:
                self._held.pop(question.id, None)
                await self._room.inbox.settle(question, QuestionState.EXPIRED, note="nobody decided in time")

    def is_coming(self, question_id: str) -> bool:
        """Whether what was handed over is being answered by a person's decision."""
        at = self._coming.get(question_id)
        return at is not None and self._room.now() - at < _CARRIED_OUT

    def expires_at(self, question: Question) -> datetime:
        """When a held answer is given up."""
        return question.updated_at + timedelta(seconds=self._room.settings.review_expires_s)

    # ---- inside

    @contextmanager
    def _hand(self, question_id: str, by: str) -> Iterator[None]:
        """One person at a time decides about a question."""
        if question_id in self._in_hand:
            raise Refused(
                f"{self._in_hand[question_id]} 正在处理这一条 / somebody is at it",
                "看下一条 / take the next one",
            )
        self._in_hand[question_id] = by
        try:
            yield
        finally:
            del self._in_hand[question_id]

    async def _one(self, question_id: str) -> Question:
        question = await self._room.house.store.question(self._room.id, question_id)
        if question is None:
            raise NotStored(question_id)
        return question

    async def _waiting(self, question_id: str) -> Question:
        question = await self._one(question_id)
        if question.state not in _WAITS:
            raise Refused(
                f"这一条已经处理过了（{question.state.value}）/ it is settled: {question.state.value}",
                "看下一条 / take the next one",
            )
        if self.is_coming(question_id):
            raise Refused("已经排入，马上就说 / it is queued to be said", "看下一条 / take the next one")
        return question

    def _detail(self, question: Question) -> Mapping[str, Any]:
        """What is known of its answer: as it was proposed, and as it was said."""
        return {**self.proposal(question.id), **question.detail}

    def _proposed(self, question: Question) -> Draft | None:
        return proposed(question, self._detail(question), self._room.desk.cast.persona.language)

    async def _say(self, question: Question, draft: Draft, by: str) -> None:
        room = self._room
        if not room.is_open:
            raise Refused("没有进行中的场次 / no session is open", "先开播或彩排 / open or rehearse first")
        if room.desk.mode is Mode.PAUSED or room.desk.leads is Mode.SCRIPT_ONLY:
            raise Refused(
                "现在不说回答（暂停或只念稿）/ no answer is said now",
                "先切回自动、审核或人工 / change the mode first",
            )
        await self._take(question)
        room.questions.prepare(question, approved=replace(draft, why=""), by=by)

    async def _again(self, question: Question) -> None:
        self._anew.add(question.id)
        await self._take(question)
        self._room.questions.prepare(question)

    async def _take(self, question: Question) -> None:
        """Its answer is prepared from here on; raises Refused where it is in work elsewhere."""
        room = self._room
        match question.state:
            case QuestionState.ACCEPTED:
                taken = await room.store.claim([question], answered_with=question.id)
                if not taken:
                    raise Refused("别处已经在答了 / it is being answered", "看下一条 / take the next one")
                room.inbox.changed(taken[0])
            case QuestionState.HELD:
                await self._settle(question, QuestionState.CLAIMED, note="")
            case _:
                self._coming[question.id] = room.now()

    async def _hold(self, question: Question, line: Line) -> None:
        await self._room.questions.hold(question, line.draft, (), "mode")

    async def _settle(
        self, question: Question, state: QuestionState, *, note: str, answer: str = ""
    ) -> Question:
        self._held.pop(question.id, None)
        done = await self._room.inbox.settle(question, state, note=note, answer=answer)
        if done is None:
            raise Refused("这一条已经处理过了 / it is settled", "看下一条 / take the next one")
        return done


_WAITS = (QuestionState.ACCEPTED, QuestionState.HELD, QuestionState.HANDED_OVER)
