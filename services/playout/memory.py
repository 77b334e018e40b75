"""What a restarted playout must know to go on: session, looks, destinations, cut, reserve.

All files stand in the state folder with mode 0600, because destinations hold their keys.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypeVar

import msgspec

from services.playout.disk import DiskThread, write_atomically
from services.wire import SAMPLE_RATE_HZ, OpenSession, OutputSpec, Phrase

TOO_OLD_S = 12 * 3600.0
_T = TypeVar("_T")


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The session that runs and everything asked for around it."""

    opening: OpenSession | None = None
    looks: dict[str, str] = {}
    outputs: tuple[OutputSpec, ...] = ()
    cut: bool = False
    epoch: int = 0


class Heartbeat(msgspec.Struct, frozen=True):
    """Where the stream was, and when."""

    position: int = 0
    unix_s: float = 0.0


class RememberedReserve(msgspec.Struct, frozen=True):
    """The reserve of the persona on air."""

    persona: str = ""
    phrases: tuple[Phrase, ...] = ()


class Memory:
    """Reads at start; afterwards every change is written by the disk thread."""

    def __init__(self, state_dir: Path, disk: DiskThread) -> None:
        self._session = state_dir / "session.json"
        self._beat = state_dir / "position.json"
        self._reserve = state_dir / "reserve.msgpack"
        self._disk = disk
        self.now = _read_json(self._session, Remembered) or Remembered()
        self.beat = _read_json(self._beat, Heartbeat) or Heartbeat()
        self.reserve = _read_msgpack(self._reserve) or RememberedReserve()

    def change(self, **fields: object) -> None:
        """Remember something else from now on."""
        after = msgspec.structs.replace(self.now, **fields)
        if after == self.now:
            return
        self.now = after
        data = msgspec.json.encode(after)
        self._disk.put(lambda: write_atomically(self._session, data))

    def beat_at(self, position: int) -> None:
        """The stream is at this position now."""
        self.beat = Heartbeat(position, time.time())
        data = msgspec.json.encode(self.beat)
        self._disk.put(lambda: write_atomically(self._beat, data))

    def keep_reserve(self, persona: str, phrases: tuple[Phrase, ...]) -> None:
        """Keep the reserve for a restart."""
        self.reserve = RememberedReserve(persona, phrases)
        data = msgspec.msgpack.encode(self.reserve)
        self._disk.put(lambda: write_atomically(self._reserve, data))

    def resume_frame(self, samples_per_frame: int, now_unix_s: float) -> int:
        """The frame a resumed session goes on with: where it was, and the time since then."""
        gone_s = min(max(0.0, now_unix_s - self.beat.unix_s), TOO_OLD_S)
        return (self.beat.position + round(gone_s * SAMPLE_RATE_HZ)) // samples_per_frame + 1


def _read_json(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _read_msgpack(path: Path) -> RememberedReserve | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=RememberedReserve)
    except (OSError, msgspec.MsgspecError):
        return None
