"""What can be said: a cast (who is on) and lines (something to say, in phrases).

A line is written once, voiced in the background, and said one phrase at a time. It is the unit
that is picked, interrupted, resumed and dropped.
"""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from livehost.settings import AdapterVersions, Persona, Rundown
from services import wire

if TYPE_CHECKING:
    from livehost.answers import Fact
    from livehost.catalog import Catalog
    from livehost.store.protocol import Question
    from services.speech.types import VoiceSpec


@dataclass(frozen=True)
class Worn:
    """A finished look: its name as playout knows it, its folder, and the products it is worn for."""

    name: str
    path: Path
    products: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cast:
    """Who is on: persona, script, look, voice and adapters as one immutable value.

    Plain, as the settings alone give it, it shows the posed look and has no adapters; a cast that
    the wardrobe has dressed carries the made look and what she wears with it.
    """

    persona: Persona
    rundown: Rundown
    look_path: Path
    voice: VoiceSpec
    versions: AdapterVersions = field(default_factory=AdapterVersions)  # the adapters that are wanted
    language_adapter: str = ""  # SHA-256 of the adapter that words what she says; empty: none
    visual_adapter: str = ""  # SHA-256 of the adapter that drew her look; empty: none
    made: Worn | None = None
    variants: tuple[Worn, ...] = ()
    dressed: bool = False
    finished: bool = False  # her variants were made too, or given up

    @property
    def look(self) -> str:
        """The look's name as playout knows it."""
        return self.made.name if self.made is not None else self.persona.look

    def look_for(self, product: str | None) -> str:
        """The name of the look that is worn while a product is presented."""
        suits = (worn.name for worn in self.variants if product is not None and product in worn.products)
        return next(suits, self.look)

    @property
    def looks(self) -> tuple[Worn, ...]:
        """Every look of hers, the main one first."""
        return (self.made or Worn(self.look, self.look_path), *self.variants)


@dataclass(frozen=True)
class Place:
    """Where in a rundown a line stands: segment and wording, and the loop it belongs to."""

    segment: int
    wording: int
    loop: int


@dataclass(frozen=True)
class Draft:
    """What a writer hands over: the phrases' texts and the facts that they rest on."""

    texts: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    product: str | None = None
    act: str = "answer"
    intent: str = ""
    source: str = "template"  # model | template | fixed | duty
    core: str = ""  # the same in plain words, as the deterministic path says it
    adapter: str = ""  # SHA-256 of the language adapter that worded it
    vouched: str = ""  # who on duty answers for what no fact bears out
    why: str = ""  # where a model was to word it and the template spoke: the reason, in one word
    mood: wire.Mood = wire.Mood.NEUTRAL


@dataclass(frozen=True)
class Trace:
    """What a phrase belongs to, readable from its trace alone after any restart.

    `kind` is `s` (script: `key` is rundown:segment:wording:loop), `q` (an answer: `key` is the
    question's id), `h` (a hand-over to a person, likewise) or `x` (anything else).
    """

    kind: str
    key: str
    index: int = 0
    total: int = 1

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}#{self.index}/{self.total}"

    @classmethod
    def read(cls, text: str) -> Trace:
        """The trace in `text`; anything unreadable is of kind `x`."""
        head, _, tail = text.rpartition("#")
        kind, _, key = head.partition(":")
        index, _, total = tail.partition("/")
        if kind in ("s", "q", "h", "x") and index.isdigit() and total.isdigit():
            return cls(kind, key, int(index), int(total))
        return cls("x", text)

    @property
    def place(self) -> tuple[str, Place] | None:
        """The rundown and the place in it, of a script phrase."""
        parts = self.key.rsplit(":", 3)
        if self.kind != "s" or len(parts) != 4 or not all(part.isdigit() for part in parts[1:]):
            return None
        segment, wording, loop = (int(part) for part in parts[1:])
        return parts[0], Place(segment, wording, loop)


_serial = itertools.count(1)


@dataclass(eq=False)
class Line:
    """Something to say. `voiced[i]` is None until phrase *i* has its sound."""

    kind: wire.PhraseKind
    cast: Cast
    draft: Draft
    place: Place | None = None
    question: Question | None = None
    others: tuple[Question, ...] = ()  # those that ask the same as `question`
    card: wire.ProductCard | None = None
    urgent: bool = False
    by: str = ""
    id: str = field(default_factory=lambda: f"{next(_serial):x}-{uuid.uuid4().hex[:8]}")
    voiced: list[wire.Phrase | None] = field(default_factory=list)
    failed: str = ""
    cleared: tuple[Catalog, datetime] | None = None  # the catalogue by which its words were passed, and when
    sent: int = 0
    heard: int = 0

    def __post_init__(self) -> None:
        self.voiced = [None] * len(self.draft.texts)

    def trace(self, index: int) -> str:
        """The trace of its phrase `index`."""
        total = len(self.draft.texts)
        if self.place is not None:
            where = self.place
            key = f"{self.cast.rundown.id}:{where.segment}:{where.wording}:{where.loop}"
            return str(Trace("s", key, index, total))
        if self.question is not None:
            kind = "h" if self.draft.act == "handover" else "q"
            return str(Trace(kind, self.question.id, index, total))
        return str(Trace("x", self.id, index, total))

    @property
    def ready(self) -> bool:
        """Whether its next phrase can be sent now."""
        return self.sent < len(self.voiced) and self.voiced[self.sent] is not None

    @property
    def all_sent(self) -> bool:
        """Whether nothing of it is left to send."""
        return self.sent >= len(self.voiced)

    @property
    def holds_floor(self) -> bool:
        """Whether it is said to its end once begun (all but the script, which can be resumed)."""
        return self.kind is not wire.PhraseKind.SCRIPT

    @property
    def left_s(self) -> float:
        """Seconds of voiced speech that were not sent yet."""
        samples = sum(len(phrase.pcm) // 2 for phrase in self.voiced[self.sent :] if phrase is not None)
        return samples / wire.SAMPLE_RATE_HZ


def renewed(line: Line) -> Line:
    """A standing line to be said again: the same sound, a new trace, new phrase ids."""
    fresh = Line(kind=line.kind, cast=line.cast, draft=line.draft, card=line.card)
    fresh.voiced = [
        msgspec.structs.replace(phrase, id=uuid.uuid4().hex, trace=fresh.trace(index)) if phrase else None
        for index, phrase in enumerate(line.voiced)
    ]
    return fresh
