"""Phrases kept by content: a few in memory, more on disk under a size cap, the oldest going first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

import msgspec

from services import wire
from services.speech.types import EngineSpec, Speech

VERSION = 3  # raised when the same request would sound different
_SUFFIX = ".phrase"


class _Kept(msgspec.Struct, array_like=True):
    engine: str
    voice: str
    words: tuple[wire.WordMark, ...]
    visemes: tuple[wire.Viseme, ...]
    pcm: bytes


_decoder = msgspec.msgpack.Decoder(_Kept)


def content_key(spoken: str, spec: EngineSpec, language: str) -> str:
    """The name of a phrase: everything that its sound depends on (never a key or password)."""
    parts = (VERSION, spoken, spec.kind, spec.voice, spec.rate, spec.pitch, spec.url, spec.model, language)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class PhraseCache:
    """Phrases by content key. Calls block on the disk: make them off the loop."""

    def __init__(self, folder: Path, *, limit_bytes: int = 400_000_000, in_memory: int = 64) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._in_memory = in_memory
        self._memory: OrderedDict[str, Speech] = OrderedDict()
        self._bytes: int | None = None
        self._lock = threading.Lock()
        self.write_error = ""

    def remembered(self, key: str) -> Speech | None:
        """The phrase, if it is in memory."""
        with self._lock:
            speech = self._memory.get(key)
            if speech is not None:
                self._memory.move_to_end(key)
            return speech

    def get(self, key: str) -> Speech | None:
        """The phrase from memory or disk; a file that cannot be read is removed."""
        if (speech := self.remembered(key)) is not None:
            return speech
        path = self._path(key)
        try:
            kept = _decoder.decode(path.read_bytes())
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        speech = Speech(kept.pcm, kept.words, kept.visemes, kept.engine, kept.voice)
        self._remember(key, speech)
        return speech

    def put(self, key: str, speech: Speech) -> None:
        """Keep a phrase. A disk that is full or read-only costs the copy on disk, not the phrase."""
        self._remember(key, speech)
        kept = _Kept(speech.engine, speech.voice, speech.words, speech.visemes, speech.pcm)
        body = msgspec.msgpack.encode(kept)
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(body)
                os.replace(unfinished, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(unfinished)
                raise
            self._make_room(len(body))
            self.write_error = ""
        except OSError as error:
            self.write_error = f"the phrase cache in {self._folder} cannot be written: {error}"

    def _remember(self, key: str, speech: Speech) -> None:
        with self._lock:
            self._memory[key] = speech
            self._memory.move_to_end(key)
            while len(self._memory) > self._in_memory:
                self._memory.popitem(last=False)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / (key + _SUFFIX)

    def _make_room(self, added: int) -> None:
        """Count what was written and, over the limit, remove the longest unused down to 90 %."""
        if self._bytes is not None:
            self._bytes += added
            if self._bytes <= self._limit_bytes:
                return
        files = []
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        self._bytes = sum(size for _, size, _ in files)
        if self._bytes <= self._limit_bytes:
            return
        for _, size, path in sorted(files):
            with contextlib.suppress(OSError):
                path.unlink()
            self._bytes -= size
            if self._bytes <= self._limit_bytes * 0.9:
                return
