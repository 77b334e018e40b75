"""What the speech service takes and gives.

SpeechError            speech failed; `retryable` says whether the same ask may work later
├── EngineUnavailable  an engine did not answer, refused or broke
├── NothingToSay       the text holds nothing that can be spoken
└── NoVoiceLeft        no engine of the voice is healthy; cached phrases still work
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from services import wire

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]
else:
    Samples = Any


class SpeechError(Exception):
    """Speech failed. `retryable`: the same request may succeed later."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class EngineUnavailable(SpeechError):
    """An engine did not answer in time, refused, or broke while it spoke.

    `unreachable`: not even a connection came about, so that asking again at once is no use.
    """

    def __init__(self, message: str, *, retryable: bool = True, unreachable: bool = False) -> None:
        super().__init__(message, retryable=retryable)
        self.unreachable = unreachable


class NothingToSay(SpeechError):
    """The text holds nothing that can be spoken; leave the phrase out."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class NoVoiceLeft(SpeechError):
    """No engine of the voice may or can speak now; use cached phrases until one is back."""


@dataclass(frozen=True)
class EngineSpec:
    """One engine of a voice: which, with what voice, and how to reach it.

    `rate` and `pitch` are factors around 1. `other_voice` marks a substitute that does not sound
    like the persona.
    """

    kind: str
    voice: str
    rate: float = 1.0
    pitch: float = 1.0
    url: str = ""
    key: str = field(default="", repr=False)
    model: str = ""
    other_voice: bool = False


@dataclass(frozen=True)
class VoiceSpec:
    """A persona's one voice: engines in the order in which they are tried."""

    chain: tuple[EngineSpec, ...]
    allow_other_voice: bool = False


@dataclass(frozen=True)
class Unit:
    """The smallest thing with a place in time: a Chinese syllable, a foreign word, a kana, a pause.

    `sound` is pinyin with its tone (`hao3`), the word itself, or the kana; `word` numbers the word
    that the unit belongs to; `pause_s` is the rest before the next unit (`kind == "pause"`).
    """

    text: str
    kind: str
    sound: str
    word: int = 0
    pause_s: float = 0.0


@dataclass(frozen=True)
class Timed:
    """A unit with its place in seconds. `vowel_at_s` is where its vowel begins, when known."""

    unit: Unit
    start_s: float
    end_s: float
    vowel_at_s: float | None = None


@dataclass(frozen=True)
class Sound:
    """What an engine gives: mono samples in -1..1 at its own rate, and the place of each unit."""

    samples: Samples
    rate_hz: int
    timed: tuple[Timed, ...]


@dataclass(frozen=True)
class Speech:
    """A phrase ready for the wire: s16le mono at `wire.SAMPLE_RATE_HZ`, levelled and trimmed."""

    pcm: bytes
    words: tuple[wire.WordMark, ...]
    visemes: tuple[wire.Viseme, ...]
    engine: str
    voice: str

    @property
    def duration_s(self) -> float:
        """How long the phrase sounds."""
        return len(self.pcm) / 2 / wire.SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Script:
    """A phrase as it is to be spoken: written out, and as units."""

    spoken: str
    units: tuple[Unit, ...]
    language: str


Take = Callable[[], Sound]
"""What an engine brings back: calling it decodes (blocking work, so it is called off the loop)."""


class Engine(Protocol):
    """Speaks one phrase."""

    async def synthesise(self, script: Script, spec: EngineSpec) -> Take:
        """The phrase as a take to decode; raises SpeechError."""
        ...

    async def aclose(self) -> None:
        """Lets go of what the engine holds."""
        ...
