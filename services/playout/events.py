"""What is posted to the programme besides the wire's messages, and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.wire import OpenSession


@dataclass(frozen=True, slots=True)
class ShowJoined:
    """A show's connection was accepted."""


@dataclass(frozen=True, slots=True)
class ShowLeft:
    """The show's connection closed."""


@dataclass(frozen=True, slots=True)
class LookDecoded:
    """A look may be used."""

    name: str
    look: Any


@dataclass(frozen=True, slots=True)
class LooksForgotten:
    """Looks that were not used for long: their memory is wanted back."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a session after a restart, at a frame."""

    opening: OpenSession
    first_frame: int


@dataclass(frozen=True, slots=True)
class Leave:
    """End the session with a fade, then end the loop."""


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """The encoder runs; takers may join. `first_frame` is the stream's frame at its timestamp 0."""

    session: str
    first_frame: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session's stream is over."""

    session: str


@dataclass(frozen=True, slots=True)
class Happened:
    """Something an operator should read in the log."""

    what: str


@dataclass(slots=True)
class Figures:
    """Counters and levels, written by the loop and read by anybody."""

    frames: int = 0
    late_frames: int = 0
    repeated_frames: int = 0
    reanchors: int = 0
    worst_late_s: float = 0.0
    loudness_dbfs: float = -100.0
    source: str = ""
    look: str = ""
    position: int = 0
