"""Whose question is answered next: what waits in one room, in memory, and the order of its turns.

Pure: time and understanding come from outside. What is in the queue is stored as well; the queue is
what a room goes on from while its store is away.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from livehost.answers import Meaning
from livehost.chat.inbox import Sense, cleaned, glance, points, sense
from livehost.store.protocol import Question

UNDERSTOOD_AT_ONCE = 15  # lines that one look understands; a line costs about two milliseconds
TOGETHER = 200  # questions that share one answer at the most
LATELY = timedelta(seconds=120)
AGAIN = timedelta(seconds=30)
_ANSWERED_LATELY = 3.0  # points that each answer a viewer had lately costs his next question
_WAITS_ALREADY = 2.0  # points that each older question of the same viewer costs
_SAID_JUST_NOW = 4.0  # points that it costs to ask what was answered within `AGAIN`

Understand = Callable[[Question, str | None], Meaning]
"""What a question asks about, given the product that was on air when it came."""


@dataclass(frozen=True)
class Turn:
    """A question whose turn it is, those that ask the same, and the product on air as it was asked."""

    first: Question
    others: tuple[Question, ...]
    meaning: Meaning
    sense: Sense
    on_air: str | None

    @property
    def all(self) -> tuple[Question, ...]:
        """All who ask, the first one first."""
        return (self.first, *self.others)


@dataclass(frozen=True)
class _Waits:
    question: Question
    on_air: str | None
    words: str
    glance: float


@dataclass(frozen=True)
class _Understood:
    waits: _Waits
    meaning: Meaning
    sense: Sense


class Queue:
    """What waits in one room."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, _Waits] = OrderedDict()
        self._understood: dict[str, _Understood] = {}
        self._same_words: Counter[str] = Counter()
        self._answered: list[tuple[datetime, str, Sense]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, question_id: object) -> bool:
        return question_id in self._waiting

    def add(self, question: Question, on_air: str | None) -> None:
        """A question waits from now on."""
        words = cleaned(question.text)
        self._waiting[question.id] = _Waits(question, on_air, words, glance(question.text))
        self._same_words[words] += 1

    def drop(self, ids: Iterable[str]) -> list[Question]:
        """These wait no longer; returns those that did."""
        dropped = []
        for one in ids:
            waits = self._waiting.pop(one, None)
            if waits is not None:
                self._understood.pop(one, None)
                self._same_words[waits.words] -= 1
                if not self._same_words[waits.words]:
                    del self._same_words[waits.words]
                dropped.append(waits.question)
        return dropped

    def asked_already(self, text: str) -> int:
        """How many wait with the same words."""
        return self._same_words[cleaned(text)]

    def older_than(self, instant: datetime, limit: int) -> list[str]:
        """The ids of those that were asked before an instant."""
        old = (one for one, waits in self._waiting.items() if waits.question.at < instant)
        return [one for one, _ in zip(old, range(limit), strict=False)]

    def forget_meanings(self) -> None:
        """The catalogue changed: everything is to be understood anew."""
        self._understood.clear()

    def understand(self, understand: Understand) -> list[Question]:
        """Understand some more of what waits, the most urgent at a glance first; returns the noise."""
        unknown = [waits for one, waits in self._waiting.items() if one not in self._understood]
        unknown.sort(key=lambda waits: -waits.glance)  # stable: as they came, within the same glance
        noise = []
        for waits in unknown[:UNDERSTOOD_AT_ONCE]:
            question = waits.question
            meaning = understand(question, waits.on_air)
            if meaning.intents == ("noise",):
                noise.append(question)
                continue
            self._understood[question.id] = _Understood(waits, meaning, sense(question.text, meaning))
        return noise

    def next(self, now: datetime, on_air: str | None) -> Turn | None:
        """The turn that is due most, or None: nothing that is understood waits. Takes nothing out."""
        self._answered = [one for one in self._answered if now - one[0] < LATELY]
        answers = Counter(who for _, who, _ in self._answered)
        older: Counter[str] = Counter()
        groups: dict[Sense, list[list[tuple[_Understood, float]]]] = {}
        for one in self._waiting:
            known = self._understood.get(one)
            if known is None:
                continue
            who = known.waits.question.who
            unfair = _ANSWERED_LATELY * answers[who] + _WAITS_ALREADY * older[who] if who else 0.0
            older[who] += 1
            alike = groups.setdefault(known.sense, [])
            if alike and len(alike[-1]) < TOGETHER and known.sense.same(alike[-1][0][0].sense):
                alike[-1].append((known, unfair))
            else:
                alike.append([(known, unfair)])
        every = [group for alike in groups.values() for group in alike]
        if not every:
            return None
        due = max(every, key=lambda group: self._due(group, now, on_air))
        first = due[0][0]
        return Turn(
            first.waits.question,
            tuple(known.waits.question for known, _ in due[1:]),
            first.meaning,
            first.sense,
            first.waits.on_air,
        )

    def same_as(self, turn: Turn) -> list[Question]:
        """Those that wait and ask the same as a turn."""
        return [known.waits.question for known in self._understood.values() if known.sense.same(turn.sense)][
            :TOGETHER
        ]

    def answered(self, turn: Turn, now: datetime) -> None:
        """Remember who was answered, and what."""
        self._answered.append((now, turn.first.who, turn.sense))

    def _due(self, group: list[tuple[_Understood, float]], now: datetime, on_air: str | None) -> float:
        first = group[0][0]
        questions = [known.waits.question for known, _ in group]
        due = points(
            first.meaning,
            on_air=on_air,
            buyer=any(question.buyer for question in questions),
            askers=len({question.who for question in questions}),
            waited_s=(now - first.waits.question.at).total_seconds(),
        )
        just_now = any(now - at < AGAIN and said.same(first.sense) for at, _, said in self._answered)
        return due - min(unfair for _, unfair in group) - _SAID_JUST_NOW * just_now
