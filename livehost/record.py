"""What became of each phrase: journal, questions and the rundown's position follow playout's word.

Everything needed stands in the fate itself (its trace), so that fates which playout kept while the
show was down count like all others. A fate is acknowledged only once it is in the journal on disk.

Every entry has `seq`, `at` (UTC) and `trace`, and by its `type`:

    say         a phrase goes to playout: id, line (all phrases of one line share it), kind, persona,
                text, source (template | model | fixed | duty), core (the line in plain words), facts
                [{product, field, value, version}], product, adapters; of an answer also question (its
                id), asked (the viewer's words), user (the viewer's name), act, and with (the ids of those
                that ask the same); `discloses` (of a line that says that she is AI); `why`, `by`
    fate        what became of a phrase: id, fate (finished | cut | dropped), position, heard_s, …
    question    a question that was settled with nothing said: id, user, text, state, note, with
    correction  a person on duty put an answer right, or gave one: question (its id; null if none),
                asked, user, persona, product, answer (the words that should be said), core (the same
                in plain words; may be left out), facts as in `say` (may be left out), by
    complaint   somebody found fault with what was said: id (of a phrase, a line or a question), why, by
    duty        what a person on duty did, or that nobody was there: action (approve | edit | answer |
                propose | reject | hand_over | insert | mute | unmute | correct | complain | attended |
                unattended), by; of a question also question, user, asked; answer, proposed, way, why
    left_out    a line that the review kept off the air, at most once an hour: where (rundown / segment, or
                the line's kind), persona, text, product, errors [{words, rule, message, span}]
    control     what a person asked of the room: action, by (`red button`: by its own port)
    session     the session's life; gap: entries that were lost

`livehost.training.export` reads them, and leaves what it does not know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from livehost.chat.inbox import shown_text
from livehost.compliance.disclosure import discloses
from livehost.desk import Desk
from livehost.events import EventBus
from livehost.journal import Journal
from livehost.lines import Draft, Line, Trace
from livehost.metrics import Metrics
from livehost.progress import Progress
from livehost.settings import Rundown
from livehost.store.protocol import MAX_TEXT, NotStored, Question, QuestionState, TransitionRefused
from services import wire

log = structlog.get_logger(__name__)

UNSAID = (QuestionState.IGNORED, QuestionState.BLOCKED, QuestionState.EXPIRED)
RED_BUTTON = "red button"
WORDED = (wire.PhraseKind.ANSWER, wire.PhraseKind.SCRIPT, wire.PhraseKind.GREETING)


class Settles(Protocol):
    """Where a question's state is kept."""

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
        ...


class Record:
    """Keeps the record of one room."""

    def __init__(
        self,
        room: str,
        desk: Desk,
        store: Settles,
        journal: Journal,
        progress: Progress,
        *,
        rundown: Callable[[str], Rundown | None],
        save: Callable[[], Awaitable[None]],
        session: Callable[[], str],
        events: EventBus,
        metrics: Metrics,
        changed: Callable[[Question], None] = lambda question: None,
        proposal: Callable[[str], Mapping[str, Any]] = lambda question_id: {},
        unheard: Callable[[Line], None] = lambda line: None,
    ) -> None:
        self._room = room
        self._desk = desk
        self._store = store
        self._journal = journal
        self._progress = progress
        self._rundown = rundown
        self._save = save
        self._session = session
        self._events = events
        self._metrics = metrics
        self._changed = changed
        self._proposal = proposal
        self._unheard = unheard
        self.cut = False
        self._cut_asked: bool | None = None
        self._asked_at: dict[str, datetime] = {}
        self._begun: set[tuple[str, str]] = set()
        self.now: dict[str, Any] | None = None
        self._card: str | None = None  # the product whose card viewers see

    def said(self, line: Line, phrase: wire.Phrase) -> None:
        """A phrase goes to playout: what it says, why, and the facts that it rests on."""
        entry: dict[str, Any] = {
            "type": "say",
            "id": phrase.id,
            "kind": phrase.kind.value,
            "trace": phrase.trace,
            "persona": phrase.persona,
            "look": phrase.look,
            "text": phrase.text,
            "line": line.id,
            "source": line.draft.source,
            "core": line.draft.core,
            "adapters": {"language": line.cast.language_adapter, "visual": line.cast.visual_adapter},
            "facts": [asdict(fact) for fact in line.draft.facts],
            "product": line.draft.product,
        }
        if line.question is not None:
            question = line.question
            entry |= {"question": question.id, "asked": question.text, "user": question.user}
            entry["act"] = line.draft.act
            self._asked_at[phrase.id] = line.question.at
        if line.others:
            entry["with"] = [other.id for other in line.others]  # who asked the same
        if line.draft.why:
            entry["why"] = line.draft.why  # a model was to word it, and the template spoke
        if discloses("".join(line.draft.texts)):
            entry["discloses"] = True
        if line.by:
            entry["by"] = line.by
        self._journal.append(self._room, phrase.session, entry)
        if line.kind in WORDED and line.sent == 1:
            self._metrics.worded_total.labels(
                self._room, line.kind.value, line.draft.source, line.draft.why
            ).inc()

    async def started(self, message: wire.Started) -> None:
        """A phrase is heard now: its question is answered from here on, whatever comes."""
        held = self._desk.in_flight.get(message.id)
        if held is None:
            return
        line, index = held
        phrase = line.voiced[index]
        assert phrase is not None
        if phrase.product is not None:  # none: the card stays as it is
            self._card = phrase.product.product or None
        self.now = {
            "id": phrase.id,
            "kind": phrase.kind.value,
            "text": phrase.text,
            "persona": phrase.persona,
            "trace": phrase.trace,
            "product": line.draft.product,
            "card": self._card,
            "question": shown_text(line.question.text, limit=MAX_TEXT) if line.question else None,
        }
        self._events.publish(self._room, "phrase", self.now)
        asked = self._asked_at.pop(message.id, None)
        if line.question is not None and index == 0:
            if asked is not None:
                waited = (datetime.now(UTC) - asked).total_seconds()
                self._metrics.answer_seconds.labels(self._room).observe(max(0.0, waited))
            await self._answered(phrase.trace, line.draft)

    async def fated(self, message: wire.Fated) -> None:
        """A phrase's one fate; may be told again after a reconnect, and counts once."""
        if self._journal.phrase_seen(self._room, message.session, message.id):
            return
        held = self._desk.fated(message.id, message.fate)
        if held is not None and message.fate is not wire.PhraseFate.FINISHED:
            self._unheard(held[0])
        self._journal.append(
            self._room,
            message.session,
            {
                "type": "fate",
                "id": message.id,
                "kind": message.kind.value,
                "trace": message.trace,
                "persona": message.persona,
                "text": message.text,
                "fate": message.fate.value,
                "position": message.at,
                "heard_s": round(message.heard_s, 3),
                "ended_at": datetime.fromtimestamp(message.ended_unix_s, UTC).isoformat(
                    timespec="milliseconds"
                ),
                "recording": message.recording,
                "recording_s": round(message.recording_s, 3),
            },
        )
        self._metrics.phrases_total.labels(self._room, message.kind.value, message.fate.value).inc()
        self._events.publish(
            self._room, "fate", {"id": message.id, "fate": message.fate.value, "text": message.text}
        )
        trace = Trace.read(message.trace)
        if trace.kind in ("q", "h"):
            if message.at >= 0:
                await self._answered(message.trace, held[0].draft if held else None)
            elif held is None:
                await self._settle(trace.key, QuestionState.ACCEPTED, note="its answer was not heard")
        if message.fate is wire.PhraseFate.FINISHED:
            await self._heard(message, trace, held[0] if held else None)

    def corrected(self, question: Question, draft: Draft, by: str) -> None:
        """A person on duty put an answer right, or gave one: it is what training learns from."""
        entry = {
            "type": "correction",
            "question": question.id,
            "asked": question.text,
            "user": question.user,
            "persona": self._desk.cast.persona.id,
            "product": draft.product,
            "answer": "".join(draft.texts),
            "core": draft.core,
            "facts": [asdict(fact) for fact in draft.facts],
            "by": by,
        }
        self._journal.append(self._room, self._session() or "none", entry)

    def cut_asked(self, cut: bool) -> None:
        """A person cut the picture, or brought it back, by the API: it is in the record already."""
        self._cut_asked = cut

    async def cut_seen(self, cut: bool) -> None:
        """Playout tells whether the picture is cut; what nobody asked for here came by the red button."""
        if self._cut_asked is not None:
            if cut != self._cut_asked:
                return  # playout is about to
            self._cut_asked, known = None, True
        else:
            known = cut == self.cut
        changed, self.cut = cut != self.cut, cut
        if not known:
            action = "cut" if cut else "uncut"
            entry = {"type": "control", "action": action, "by": RED_BUTTON}
            self._journal.append(self._room, self._session() or "none", entry)
            self._events.publish(self._room, "session", {"action": action, "by": RED_BUTTON})
        if changed:
            await self._save()

    async def _heard(self, message: wire.Fated, trace: Trace, line: Line | None) -> None:
        where = trace.place
        rundown = self._rundown(where[0]) if where else None
        if where is None or rundown is None or self._progress.rundown != rundown.id:
            return
        self._progress.heard(where[1], trace.index, trace.total, len(rundown.segments))
        if line is not None and trace.index == trace.total - 1:
            self._progress.remember("".join(line.draft.texts), message.ended_unix_s)
        await self._save()

    async def _answered(self, trace_text: str, said: Draft | None) -> None:
        """Viewers hear an answer; `said` is None where an earlier show had it written."""
        trace = Trace.read(trace_text)
        if (trace.kind, trace.key) in self._begun:  # what was handed over may be answered later
            return
        self._begun.add((trace.kind, trace.key))
        state = QuestionState.HANDED_OVER if trace.kind == "h" else QuestionState.HEARD
        await self._settle(trace.key, state, said=said, trace=trace_text)

    async def _settle(
        self,
        question_id: str,
        state: QuestionState,
        *,
        note: str = "",
        said: Draft | None = None,
        trace: str = "",
    ) -> None:
        detail = dict(self._proposal(question_id))
        if said is not None and said.product and not detail.get("product"):
            detail["product"] = said.product  # a correction that comes later is about it
        try:
            question = await self._store.settle(
                question_id, state, note, answer="".join(said.texts) if said else "", trace=trace,
                detail=detail or None,
            )  # fmt: skip
        except (TransitionRefused, NotStored) as refused:
            log.info("a question keeps its state", question=question_id, why=str(refused))
            return
        self.question_changed(question)

    def question_changed(self, question: Question) -> None:
        """Tell who watches that a question has another state; one that nothing was said to is recorded."""
        if question.state in UNSAID:
            self._journal.append(
                self._room,
                self._session() or "none",
                {
                    "type": "question",
                    "id": question.id,
                    "user": question.user,
                    "text": question.text,
                    "state": question.state.value,
                    "note": question.note,
                    **({"with": list(question.together)} if question.together else {}),
                },
            )
        self._changed(question)
        count = 1 + len(question.together)
        self._metrics.questions_total.labels(self._room, question.state.value).inc(count)
        self._events.publish(
            self._room,
            "question",
            {
                "id": question.id,
                "user": question.user,
                "text": question.text,
                "state": question.state.value,
                "answer": question.answer,
                "note": question.note,
                "with": list(question.together),
            },
        )
