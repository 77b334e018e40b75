"""What the wire's messages are made of: enums and structs that travel inside others."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of everything that travels."""


class PhraseKind(StrEnum):
    """Why a phrase is said."""

    GREETING = "greeting"
    FAREWELL = "farewell"
    SCRIPT = "script"
    ANSWER = "answer"
    BRIDGE = "bridge"
    INSERT = "insert"
    DISCLOSURE = "disclosure"
    RESERVE = "reserve"


class PhraseFate(StrEnum):
    """What became of a phrase; every phrase gets exactly one."""

    FINISHED = "finished"
    DROPPED = "dropped"
    CUT = "cut"


class SessionMode(StrEnum):
    """How a playout runs: nothing, the whole chain without a destination, or on air."""

    OFF = "off"
    REHEARSAL = "rehearsal"
    ON_AIR = "on_air"


class OutputState(StrEnum):
    """Where a destination stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    RETRYING = "retrying"
    NEEDS_KEY = "needs_key"
    STOPPED = "stopped"


class Mood(StrEnum):
    """How the face carries a phrase."""

    NEUTRAL = "neutral"
    SMILE = "smile"
    QUESTION = "question"
    TOPIC = "topic"


class WordMark(msgspec.Struct, frozen=True, array_like=True):
    """A word of a phrase: its text and where it sounds, in samples from the phrase's start."""

    text: str
    start: int
    end: int


class Viseme(msgspec.Struct, frozen=True, array_like=True):
    """A mouth shape from `at` (samples) on: an Oculus-15 tag and six parameters in 0..1.

    `wide` is 0.5 at rest (0 narrow, 1 spread); the others are 0 at rest.
    """

    at: int
    tag: str
    jaw: float = 0.0
    wide: float = 0.5
    round: float = 0.0
    close: float = 0.0
    teeth: float = 0.0
    tongue: float = 0.0


class ProductCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the product card shows. `price` is display text; past `valid_until` (Unix seconds)
    playout itself takes the price off the picture."""

    product: str
    name: str
    link: int | None = None
    price: str | None = None
    valid_until: float | None = None
    image: str | None = None


class QuestionBubble(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The viewer's question shown while it is answered (already moderated)."""

    user: str
    text: str


class OutputSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A destination. `url` is the push address; `key` (推流码) is joined to it and is secret."""

    name: str
    url: str
    key: str = ""
    enabled: bool = True

    def __repr__(self) -> str:
        return f"OutputSpec(name={self.name!r}, enabled={self.enabled})"


class OutputStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A destination's figures, with a sentence of what it needs (`mend`) when it is not live."""

    name: str
    state: OutputState
    since_unix_s: float = 0.0
    reconnects: int = 0
    bytes_sent: int = 0
    dropped_frames: int = 0
    queue_s: float = 0.0
    error: str = ""
    mend: str = ""
