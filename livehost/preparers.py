"""Beside the main loop: what keeps candidates written, checked and voiced ahead.

ScriptPreparer      the rundown's next lines, about `AHEAD_S` of them
QuestionPreparer    viewers' questions by their turn, a few at a time
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import structlog

from livehost.catalog import Catalog
from livehost.chat.moderation import named_askers
from livehost.chat.queue import Turn
from livehost.compliance import Hit, Review
from livehost.desk import Desk, Mode
from livehost.inbox import Inbox
from livehost.lines import Cast, Draft, Line, Place
from livehost.progress import Progress, after, product_at
from livehost.settings import Segment
from livehost.store.protocol import Question, QuestionState
from livehost.voicing import Voicer
from livehost.writer import Writer, handed_over, reviewed
from services import wire

log = structlog.get_logger(__name__)

AHEAD_S = 25.0
TYPICAL_PHRASE_S = 2.5
ANSWERS_AHEAD = 3
_PLACES = 100  # far more than are prepared at once
IDLE_S = 0.5

Spawn = Callable[[Coroutine[Any, Any, None], str], None]
Card = Callable[[str | None], wire.ProductCard | None]
Clock = Callable[[], datetime]


class ScriptPreparer:
    """Writes and voices the rundown ahead of what is said, each segment in a fresh wording."""

    def __init__(
        self,
        desk: Desk,
        writer: Writer,
        voicer: Voicer,
        progress: Progress,
        *,
        catalog: Callable[[], Catalog],
        clock: Clock,
        card: Card,
        spawn: Spawn,
        running: Callable[[], bool],
        greeted: Callable[[], bool] = lambda: False,
        left_out: Callable[[Draft, Review, str, str], None] = lambda draft, found, where, persona: None,
    ) -> None:
        self._desk = desk
        self._writer = writer
        self._voicer = voicer
        self._progress = progress
        self._greeted = greeted
        self._left_out = left_out
        self._catalog = catalog
        self._clock = clock
        self._card = card
        self._spawn = spawn
        self._running = running
        self._cursor: tuple[int, int] | None = None
        self._cursor_of: tuple[str, str, int] | None = None
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Keep the script ahead for ever."""
        while True:
            prepared = self._running() and self._behind() and await self._one()
            if not prepared:
                self.wake.clear()
                try:
                    async with asyncio.timeout(IDLE_S):
                        await self.wake.wait()
                except TimeoutError:
                    pass

    def seek(self, segment: int) -> None:
        """Go on at a segment: what was prepared of others is dropped."""
        self._progress.segment, self._progress.wording, self._progress.phrase = segment, -1, 0
        self._desk.drop_script()
        self.wake.set()

    def _behind(self) -> bool:
        silent = sum(line.voiced[line.sent :].count(None) for line in self._desk.script)
        return self._desk.script_ahead_s + silent * TYPICAL_PHRASE_S < AHEAD_S

    async def _one(self) -> bool:
        """Prepare the next segment; False where no segment of the rundown is true now."""
        cast, stamp = self._desk.cast, self._stamp()
        if self._cursor_of != stamp or self._cursor is None:
            self._progress.enter(cast.rundown)
            self._cursor, self._cursor_of = (self._progress.segment, self._progress.loop), stamp
        segments = cast.rundown.segments
        rounds = 2 if self._greeted() else 1  # a script of nothing but welcomes is said all the same
        for step in range(rounds * len(segments)):
            segment, loop = self._cursor
            here = Place(segment, -1, loop)
            if rounds == 2 and step < len(segments) and self._welcomes(segments[segment], here):
                self._cursor = after(segment, loop, len(segments))
                continue
            written = await self._write(cast, here)
            if self._stamp() != stamp:
                return True
            if written is not None and not self._lay(cast, here, *written):
                return True  # she changed her dress meanwhile: the segment is worded again
            self._cursor = after(segment, loop, len(segments))
            if written is not None:
                return True
        log.warning("no segment can be said now", rundown=cast.rundown.id)
        return False

    def _welcomes(self, segment: Segment, here: Place) -> bool:
        """Whether a segment would welcome those whom her greeting has just welcomed."""
        return segment.kind == "welcome" and not self._going_on(here)

    def _going_on(self, here: Place) -> bool:
        """Whether viewers heard a part of that segment."""
        progress = self._progress
        return progress.phrase > 0 and (progress.segment, progress.loop) == (here.segment, here.loop)

    def _stamp(self) -> tuple[str, str, int]:
        desk = self._desk
        return (desk.cast.persona.id, desk.cast.rundown.id, desk.generation)

    async def _write(self, cast: Cast, here: Place) -> tuple[int, Draft] | None:
        progress, segment = self._progress, cast.rundown.segments[here.segment]
        pending = {"".join(line.draft.texts) for line in self._desk.all_lines()}
        going_on = self._going_on(here)
        shown = product_at(cast.rundown, here.segment)
        refused: set[int] = set()

        def choose(wordings: list[tuple[int, str]]) -> int:
            left = [one for one in wordings if one[0] not in refused] or wordings
            if going_on and any(index == progress.wording for index, _ in left):
                return progress.wording
            return progress.freshest(left, self._clock().timestamp(), pending)

        while True:
            written = await self._writer.script(segment, cast, self._catalog(), self._clock(), choose)
            if written is None or not written[1].texts or written[0] in refused:
                return None
            draft, hits = reviewed(
                written[1], self._catalog(), self._clock(), cast.persona, strict=False, on_air=shown
            )
            if draft is not None:
                return written[0], draft
            refused.add(written[0])
            where = f"{cast.rundown.id} / {segment.id}"
            self._left_out(written[1], Review("block", hits), where, cast.persona.id)

    def _lay(self, cast: Cast, here: Place, wording: int, draft: Draft) -> bool:
        """Lay a written line and have it voiced; False where its words are not hers any more."""
        progress = self._progress
        place = Place(here.segment, wording, here.loop)
        shown = product_at(cast.rundown, here.segment)
        line = Line(kind=wire.PhraseKind.SCRIPT, cast=cast, draft=draft, place=place, card=self._card(shown))
        if not self._desk.adopt(line):
            return False
        resumes = (progress.segment, progress.loop, progress.wording) == (here.segment, here.loop, wording)
        if resumes and 0 < progress.phrase < len(draft.texts):
            line.sent = line.heard = progress.phrase
        self._desk.lay(line)
        self._spawn(self._voice(line), f"voice script {here.segment}")
        return True

    async def _voice(self, line: Line) -> None:
        await self._voicer.voice(line, self._desk.changed.set)
        if line.failed and line in self._desk.script:
            self._desk.script.remove(line)
            log.warning("a script line has no sound and is left out", error=line.failed)
        self.wake.set()


class QuestionPreparer:
    """Takes questions by their turn, has them answered and checked, voices the answers.

    `holds` says why a checked answer waits for the person on duty (empty: it does not); such a question
    is settled as held, with the answer that is proposed. `answers` says whether questions are to be taken
    at all.
    """

    def __init__(
        self,
        desk: Desk,
        writer: Writer,
        voicer: Voicer,
        inbox: Inbox,
        *,
        catalog: Callable[[], Catalog],
        clock: Clock,
        card: Card,
        on_air_product: Callable[[], str | None],
        spawn: Spawn,
        running: Callable[[], bool],
        answers: Callable[[], bool] | None = None,
        holds: Callable[[Question, Draft, tuple[Hit, ...]], str] = lambda question, draft, hits: "",
    ) -> None:
        self._desk = desk
        self._writer = writer
        self._voicer = voicer
        self._inbox = inbox
        self._catalog = catalog
        self._clock = clock
        self._card = card
        self._on_air_product = on_air_product
        self._spawn = spawn
        self._running = running
        self._answers = answers or (lambda: desk.mode is Mode.AUTO)
        self._holds = holds
        self._busy = 0
        self._places: OrderedDict[str, int] = OrderedDict()  # questions in the order they were given out
        self._serial = itertools.count(1)
        self.claimed = False
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Keep a few answers ready for ever; let old questions expire."""
        while True:
            if self._running():
                await self._inbox.expire()
                while self._answers() and len(self._desk.answers) + self._busy < ANSWERS_AHEAD:
                    turn = await self._inbox.next()
                    if turn is None:
                        break
                    self.claimed = True
                    self.prepare(turn.first)
            self.wake.clear()
            try:
                async with asyncio.timeout(IDLE_S):
                    await self.wake.wait()
            except TimeoutError:
                pass

    def prepare(self, question: Question, approved: Draft | None = None, by: str = "") -> None:
        """Answer a claimed question (again, where its facts or its persona changed).

        `approved`: the words that a person on duty (`by`) chose; they are checked and said.
        """
        self._busy += 1
        if question.id not in self._places:
            self._places[question.id] = next(self._serial)
            if len(self._places) > _PLACES:
                self._places.popitem(last=False)
        self._spawn(self._prepare(question, approved, by), f"answer {question.id}")

    def _lay(self, line: Line) -> None:
        """Lay an answer among those that wait: in the order of their turns, whichever was ready first."""
        desk = self._desk
        desk.lay(line)
        begun = [one for one in desk.answers if one.sent > 0]
        rest = [one for one in desk.answers if one.sent == 0]
        desk.answers.clear()
        desk.answers.extend([*begun, *sorted(rest, key=self._place)])

    def _place(self, line: Line) -> int:
        return self._places.get(line.question.id, 0) if line.question is not None else 0

    async def _prepare(self, question: Question, approved: Draft | None, by: str) -> None:
        try:
            line = await self._line(question, approved, by)
            if line is not None:
                await self._voicer.voice(line, lambda: None)
                if line.failed:
                    log.warning("an answer has no sound", question=question.id, error=line.failed)
                    if by and approved is not None:
                        await self.hold(question, approved, (), "no_sound")
                    else:
                        await self._inbox.settle(question, QuestionState.ACCEPTED, note=line.failed)
                elif self._desk.adopt(line):
                    self._lay(line)
                elif by:
                    self.prepare(question, approved, by)
                else:
                    await self._inbox.settle(question, QuestionState.ACCEPTED, note="the persona changed")
        finally:
            self._busy -= 1
            self.wake.set()

    async def _line(self, question: Question, approved: Draft | None, by: str) -> Line | None:
        cast, turn = self._desk.cast, self._inbox.turn_of(question)
        draft = approved or await self._writer.answer(
            question, cast, self._catalog(), turn.on_air or self._on_air_product(), self._clock(),
            previous=self._inbox.previous_product(question),
        )  # fmt: skip
        if not draft.texts:
            await self._inbox.settle(question, QuestionState.IGNORED, note=draft.act)
            return None
        checked, hits = reviewed(draft, self._catalog(), self._clock(), cast.persona)
        if checked is None:
            log.warning(
                "an answer breaks a rule and is handed over",
                question=question.id,
                hits=[str(h) for h in hits],
            )
            checked = handed_over(cast)
        why = "" if approved else self._holds(question, draft, hits)
        if why:
            await self.hold(question, checked, hits, why)
            return None
        return Line(
            kind=wire.PhraseKind.ANSWER,
            cast=cast,
            draft=checked if by else self._naming(checked, turn, cast),  # a person's words stand alone
            question=question,
            others=turn.others,
            by=by,
            card=self._card(draft.product) if draft.product else None,
        )

    def _naming(self, draft: Draft, turn: Turn, cast: Cast) -> Draft:
        """The draft after a word on who asks the same, where that may be said."""
        if draft.act not in ("answer", "handover"):
            return draft
        users = {one.who: one.user for one in turn.all}
        naming = named_askers(list(users.values()), cast.persona.language)
        if not naming or draft.texts[0] == naming:
            return draft
        named = replace(draft, texts=(naming, *draft.texts))
        checked, _ = reviewed(named, self._catalog(), self._clock(), cast.persona)
        return checked or draft

    async def hold(self, question: Question, draft: Draft, hits: tuple[Hit, ...], why: str) -> None:
        """Have an answer wait for the person on duty."""
        detail = {
            "why": why, "intent": draft.intent, "act": draft.act, "product": draft.product,
            "source": draft.source, "core": draft.core, "facts": [asdict(fact) for fact in draft.facts],
            "hits": [asdict(hit) for hit in hits],
        }  # fmt: skip
        await self._inbox.settle(
            question, QuestionState.HELD, note=why, answer="".join(draft.texts), detail=detail
        )
