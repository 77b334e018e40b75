"""The desk: everything that could be said next, and the one rule that picks among it.

Pure state, no tasks and no clock of its own: preparers lay lines on the desk, the director picks
at each `Want`, playout's fates move lines on or bring them back. Order of the pick:

    urgent insert > the line that holds the floor > insert > another dress > persona switch > answer
    > disclosure that is due > script (after an interruption: a resuming phrase first) > bridge

An answer may come between two phrases of a disclosure, whose rest follows it. While a person has
taken the room over, only inserts, answers and the disclosure are picked.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from livehost.lines import Cast, Line, renewed
from services.wire import PhraseFate, PhraseKind

BRIDGE_BELOW_S = 0.7


class Mode(StrEnum):
    """Who leads the room."""

    AUTO = "auto"
    """Questions are answered as they come."""
    REVIEW = "review"
    """Every answer waits until the person on duty approves it."""
    MANUAL = "manual"
    """The person on duty answers; nothing is proposed unless asked for."""
    SCRIPT_ONLY = "script_only"
    """No question is answered."""
    PAUSED = "paused"
    """Nothing is said but what a person inserts."""


ANSWERING = (Mode.AUTO, Mode.REVIEW, Mode.MANUAL)


@dataclass
class Stock:
    """A cast's standing lines, voiced ahead and taken in turn."""

    cast: Cast
    lines: dict[PhraseKind, deque[Line]] = field(default_factory=dict)
    resumes: deque[Line] = field(default_factory=deque)

    def wear(self, cast: Cast) -> None:
        """The same persona in another dress: her standing lines keep their sound."""
        self.cast = cast
        for turn in (*self.lines.values(), self.resumes):
            for line in turn:
                line.cast = cast

    def take(self, kind: PhraseKind) -> Line | None:
        """The next ready line of that kind, moved to the end of its turn; None if none is voiced."""
        return self._next(self.lines.get(kind))

    def take_resume(self) -> Line | None:
        """The next phrase that leads back into the script."""
        return self._next(self.resumes)

    @staticmethod
    def _next(turn: deque[Line] | None) -> Line | None:
        for _ in range(len(turn or ())):
            assert turn is not None
            line = turn[0]
            turn.rotate(-1)
            if line.voiced and line.voiced[0] is not None:
                return renewed(line)
        return None


@dataclass
class Switch:
    """A change of cast that is prepared and due: farewell, then the next persona's greeting."""

    cast: Cast
    stock: Stock
    farewell: Line | None
    greeting: Line


def same_role(one: Cast, other: Cast) -> bool:
    """Whether two casts are the same persona with the same script, whatever she wears."""
    return one.persona.id == other.persona.id and one.rundown.id == other.rundown.id


class Desk:
    """What is ready to be said in one room."""

    def __init__(self, cast: Cast, stock: Stock) -> None:
        self.cast = cast
        self.stock = stock
        self.mode = Mode.AUTO
        self.on: Line | None = None
        self.script: deque[Line] = deque()
        self.answers: deque[Line] = deque()
        self.taken_by = ""
        self.unattended_script = False
        self.inserts: deque[Line] = deque()
        self.switch: Switch | None = None
        self.redress: Cast | None = None
        self.presented: str | None = None
        self.disclosure_due: Callable[[], bool] = lambda: False
        self.orphaned: Callable[[Line], None] = lambda line: None
        self.interrupted = False
        self.generation = 1
        self.changed = asyncio.Event()
        self.in_flight: dict[str, tuple[Line, int]] = {}
        self.last_kind: PhraseKind | None = None

    # ---- who says it, in what dress

    def adopt(self, line: Line) -> bool:
        """Whether a line may be said by the cast on air; one of hers in an older dress becomes hers.

        Words of another adapter than the one she wears are not hers any more.
        """
        if line.cast is self.cast:
            return True
        words = line.draft.adapter
        if not same_role(line.cast, self.cast) or (words and words != self.cast.language_adapter):
            return False
        line.cast = self.cast
        return True

    def wear(self, line: Line) -> str:
        """The look for a line's next phrase: its persona's, in the variant of the product presented."""
        if line.kind is PhraseKind.SCRIPT:
            self.presented = line.card.product if line.card is not None else None
        elif line.kind is PhraseKind.GREETING:
            self.presented = None
        return line.cast.look_for(self.presented)

    # ---- who leads

    @property
    def leads(self) -> Mode:
        """The mode as it works now: a room that was taken over, or is left alone, differs from its setting."""
        if self.mode in ANSWERING and self.taken_by:
            return Mode.MANUAL
        if self.mode in ANSWERING and self.unattended_script:
            return Mode.SCRIPT_ONLY
        return self.mode

    @property
    def quiet(self) -> bool:
        """Whether silence is meant: nobody is to fill it."""
        return self.mode is Mode.PAUSED or bool(self.taken_by)

    # ---- what preparers and the duty lay down

    def lay(self, line: Line) -> None:
        """Put a line where its kind belongs and wake the director."""
        match line.kind:
            case PhraseKind.SCRIPT:
                self.script.append(line)
            case PhraseKind.ANSWER:
                self.answers.append(line)
            case _:
                self.inserts.append(line)
        self.changed.set()

    def drop_script(self) -> None:
        """Forget the prepared script (another product, another wording of facts)."""
        self.script.clear()
        if self.on is not None and self.on.kind is PhraseKind.SCRIPT:
            self.on = None
        self.interrupted = False
        self.generation += 1
        self.changed.set()

    @property
    def script_ahead_s(self) -> float:
        """Seconds of script that are voiced and unsaid."""
        on = self.on.left_s if self.on is not None and self.on.kind is PhraseKind.SCRIPT else 0.0
        return on + sum(line.left_s for line in self.script)

    def all_lines(self) -> list[Line]:
        """Every line that waits on the desk, the one being said first."""
        first = [self.on] if self.on is not None else []
        return [*first, *self.inserts, *self.answers, *self.script]

    # ---- the pick

    def pick(self, held_s: float) -> Line | None:
        """The line whose next phrase is said next, or None: nothing is ready, or nothing is wanted."""
        if self.inserts and self.inserts[0].urgent and self.inserts[0].ready:
            return self._begin(self.inserts.popleft())
        if self.on is not None and self.on.holds_floor and not self.on.all_sent:
            gives_way = self.on.kind is PhraseKind.DISCLOSURE and self.on.sent > 0
            if gives_way and (line := self._answer()) is not None:
                return self._begin(line)
            return self.on if self.on.ready else self._bridge(held_s)
        if self.inserts and self.inserts[0].ready:
            return self._begin(self.inserts.popleft())
        if self.mode is Mode.PAUSED:
            return None
        if self.taken_by:
            line = self._answer() or self._disclosure()
            return self._begin(line) if line is not None else None
        if self.redress is not None:
            self._put_on(self.redress)
        if self.switch is not None:
            return self._switch(self.switch)
        if (line := self._answer()) is not None:
            return self._begin(line)
        if (line := self._disclosure()) is not None:
            return self._begin(line)
        return self._script() or self._bridge(held_s)

    def _answer(self) -> Line | None:
        for line in self.answers if self.leads in ANSWERING else ():
            if line.ready and self.adopt(line):
                self.answers.remove(line)
                return line
        return None

    def _disclosure(self) -> Line | None:
        return self.stock.take(PhraseKind.DISCLOSURE) if self.disclosure_due() else None

    def _begin(self, line: Line) -> Line:
        if self.on is not None and self.on is not line and not self.on.all_sent:
            if self.on.kind is PhraseKind.SCRIPT:
                self.interrupted = self.interrupted or self.on.sent > 0
                self.script.appendleft(self.on)
            elif self.on.kind is PhraseKind.ANSWER:
                self.answers.appendleft(self.on)
            elif self.on.kind is PhraseKind.DISCLOSURE:
                self.inserts.appendleft(self.on)  # its rest follows the answer
        self.on = line
        return line

    def _script(self) -> Line | None:
        line = self.on if self.on is not None and not self.on.all_sent else None
        if line is None and self.script and self.script[0].ready:
            line = self.script[0]
        if line is None or not line.ready:
            return None
        if self.interrupted and line.sent > 0 and (resume := self.stock.take_resume()) is not None:
            self.interrupted = False
            return self._begin(resume)
        self.interrupted = False
        if line is not self.on:
            self.script.popleft()
            self.on = line
        return line

    def _switch(self, switch: Switch) -> Line | None:
        if switch.farewell is not None and switch.farewell.ready:
            farewell, switch.farewell = switch.farewell, None
            return self._begin(farewell)
        if not switch.greeting.ready:
            return None
        self.switch = None
        self.script.clear()
        self.on = None
        self.interrupted = False
        self.generation += 1
        self.cast, self.stock, self.redress = switch.cast, switch.stock, None
        self._give_back()
        return self._begin(switch.greeting)

    def _put_on(self, cast: Cast) -> None:
        """Look, adapters and words change from the next phrase on; the persona stays."""
        self.redress = None
        if not same_role(cast, self.cast):
            return
        self.cast = cast
        self.stock.wear(cast)
        script = [self.on] if self.on is not None and self.on.kind is PhraseKind.SCRIPT else []
        foreign = next((line for line in (*script, *self.script) if not self.adopt(line)), None)
        if self.on is not None:
            self.adopt(self.on)
        self._give_back()
        if foreign is not None:
            self.orphaned(foreign)

    def _give_back(self) -> None:
        """What waits in words or a voice that are not on air any more is written anew."""
        for waiting in (self.answers, self.inserts):
            for line in [line for line in waiting if not self.adopt(line)]:
                waiting.remove(line)
                self.orphaned(line)

    def _bridge(self, held_s: float) -> Line | None:
        if held_s > BRIDGE_BELOW_S or self.last_kind in (None, PhraseKind.BRIDGE):
            return None
        bridge = self.stock.take(PhraseKind.BRIDGE)
        if bridge is None:
            return None
        if self.on is not None and self.on.all_sent:
            self.on = None
        return bridge

    # ---- what became of it

    def sent(self, line: Line) -> None:
        """The line's next phrase went to playout."""
        phrase = line.voiced[line.sent]
        assert phrase is not None
        self.in_flight[phrase.id] = (line, line.sent)
        line.sent += 1
        self.last_kind = line.kind

    def fated(self, phrase_id: str, fate: PhraseFate) -> tuple[Line, bool] | None:
        """Apply a phrase's fate; returns its line and whether the line is over, None if not of this desk.

        A phrase that was not heard is said again: its line goes back to the place it came from. It has
        had its one fate under this id, so it gets another.
        """
        entry = self.in_flight.pop(phrase_id, None)
        if entry is None:
            return None
        line, index = entry
        if fate is PhraseFate.FINISHED or (fate is PhraseFate.CUT and line.kind is PhraseKind.ANSWER):
            line.heard = max(line.heard, index + 1)
            return line, line.heard >= len(line.voiced)
        phrase = line.voiced[index]
        if phrase is not None and phrase.id == phrase_id:
            line.voiced[index] = msgspec.structs.replace(phrase, id=uuid.uuid4().hex)
        return self._back(line, index)

    def unsent(self, phrase_id: str) -> None:
        """Playout may not have got a phrase: it is sent again under the same id, and counts once there."""
        entry = self.in_flight.pop(phrase_id, None)
        if entry is not None:
            self._back(*entry)

    def _back(self, line: Line, index: int) -> tuple[Line, bool]:
        line.sent = min(line.sent, index)
        hers = self.adopt(line)
        if not hers and line.kind in (PhraseKind.ANSWER, PhraseKind.INSERT) and line.heard == 0:
            if not any(sent is line for sent, _ in self.in_flight.values()):  # the last of it that is back
                self.orphaned(line)
        elif hers and line is not self.on and line not in self.all_lines():
            if line.kind is PhraseKind.SCRIPT:
                self.script.appendleft(line)
                self.interrupted = line.sent > 0
            elif line.kind is PhraseKind.ANSWER and line.heard == 0:
                self.answers.appendleft(line)
            elif line.kind is PhraseKind.INSERT:
                self.inserts.appendleft(line)
        self.changed.set()
        return line, False
