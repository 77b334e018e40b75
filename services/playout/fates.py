"""Every phrase's one fate, kept on disk until the show has it in its journal.

The book is a file of lines: a phrase came, started, met its fate, was acknowledged. On opening, a
phrase without a fate gets one: `dropped` if it never started, else `cut` where the last known
position was. A torn last line is ignored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from services.playout.disk import DiskThread, write_atomically
from services.wire import SAMPLE_RATE_HZ, Fated, Phrase, PhraseFate, PhraseKind

REWRITE_AFTER_LINES = 5000


class Came(msgspec.Struct, frozen=True, tag="came"):
    """A phrase was taken in."""

    id: str
    kind: PhraseKind
    session: str
    persona: str
    text: str
    trace: str
    samples: int


class Began(msgspec.Struct, frozen=True, tag="began"):
    """Its first sample was composed."""

    id: str
    at: int


class Kept(msgspec.Struct, frozen=True, tag="kept"):
    """It met its fate."""

    fated: Fated


class Known(msgspec.Struct, frozen=True, tag="known"):
    """The show has these."""

    ids: tuple[str, ...]


Line = Came | Began | Kept | Known

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class FateBook:
    """Used by the event loop's thread; the disk thread writes."""

    def __init__(self, path: Path, disk: DiskThread) -> None:
        self._path = path
        self._disk = disk
        self._open: dict[str, Came] = {}
        self._began: dict[str, int] = {}
        self._fates: dict[str, Fated] = {}
        self._lines = 0

    def restore(self, position: int) -> None:
        """Read the book after a restart; `position` is the last known media position."""
        for line in _read(self._path):
            match line:
                case Came():
                    self._open[line.id] = line
                case Began():
                    self._began[line.id] = line.at
                case Kept():
                    self._settle(line.fated)
                case Known():
                    self._forget(line.ids)
        for came in list(self._open.values()):
            at = self._began.get(came.id, -1)
            heard = 0 if at < 0 else max(0, min(came.samples, position - at))
            self._settle(_fated(came, PhraseFate.DROPPED if at < 0 else PhraseFate.CUT, at, heard))
        self._rewrite()

    def came(self, phrase: Phrase) -> None:
        """A phrase was taken in; from here on it will have a fate."""
        came = Came(
            id=phrase.id,
            kind=phrase.kind,
            session=phrase.session,
            persona=phrase.persona,
            text=phrase.text,
            trace=phrase.trace,
            samples=len(phrase.pcm) // 2,
        )
        self._open[phrase.id] = came
        self._write(came)

    def knows(self, phrase_id: str) -> bool:
        """Whether a phrase of this id came already (a show that sends twice is heard once)."""
        return phrase_id in self._open or phrase_id in self._fates

    def began(self, phrase_id: str, at: int) -> None:
        """A phrase started."""
        self._began[phrase_id] = at
        self._write(Began(phrase_id, at))

    def settle(
        self, phrase: Phrase, fate: PhraseFate, at: int, heard: int, recording: tuple[str, float] = ("", 0.0)
    ) -> Fated:
        """A phrase met its fate: the message for the show."""
        came = self._open.get(phrase.id)
        if came is None:
            self.came(phrase)
            came = self._open[phrase.id]
        fated = _fated(came, fate, at, heard, recording)
        self._settle(fated)
        self._write(Kept(fated))
        return fated

    def acknowledged(self, ids: Iterable[str]) -> None:
        """The show has these in its journal."""
        known = tuple(phrase_id for phrase_id in ids if phrase_id in self._fates)
        if known:
            self._forget(known)
            self._write(Known(known))

    @property
    def unacknowledged(self) -> tuple[Fated, ...]:
        """What is to be told to a show that connects, oldest first."""
        return tuple(self._fates.values())

    def _settle(self, fated: Fated) -> None:
        self._open.pop(fated.id, None)
        self._began.pop(fated.id, None)
        self._fates[fated.id] = fated

    def _forget(self, ids: Iterable[str]) -> None:
        for phrase_id in ids:
            self._fates.pop(phrase_id, None)

    def _write(self, line: Line) -> None:
        self._lines += 1
        if self._lines > REWRITE_AFTER_LINES + len(self._fates):
            self._rewrite()
            return
        self._disk.put(_append(self._path, _encoder.encode(line) + b"\n"))

    def _rewrite(self) -> None:
        lines: list[Line] = [*map(Kept, self._fates.values()), *self._open.values()]
        lines += [Began(phrase_id, at) for phrase_id, at in self._began.items()]
        data = b"".join(_encoder.encode(line) + b"\n" for line in lines)
        self._lines = len(lines)
        self._disk.put(lambda: write_atomically(self._path, data))


def _fated(
    came: Came, fate: PhraseFate, at: int, heard: int, recording: tuple[str, float] = ("", 0.0)
) -> Fated:
    return Fated(
        id=came.id,
        fate=fate,
        kind=came.kind,
        session=came.session,
        persona=came.persona,
        text=came.text,
        trace=came.trace,
        at=at,
        heard_s=round(heard / SAMPLE_RATE_HZ, 3),
        ended_unix_s=round(time.time(), 3),
        recording=recording[0],
        recording_s=recording[1],
    )


def _append(path: Path, data: bytes) -> Callable[[], None]:
    def job() -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)

    return job


def _read(path: Path) -> list[Line]:
    lines = []
    try:
        raw = path.read_bytes()
    except OSError:
        return []
    for row in raw.split(b"\n"):
        if row:
            try:
                lines.append(_decoder.decode(row))
            except msgspec.MsgspecError:
                continue
    return lines
