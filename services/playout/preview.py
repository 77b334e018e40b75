"""The preview for Media Source Extensions: an init segment, then short fragments.

It is muxed only while somebody watches, by a thread of its own. A viewer starts at a fragment that
begins with a keyframe; one that takes too little is cut off and may come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from services.playout.fanout import Fanout, Subscription
from services.playout.mp4 import Mp4

log = logging.getLogger("playout.preview")

MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof"
FRAGMENT_US = "200000"
VIEWER_FRAGMENTS = 50
_NOT_SYNC = 0x10000


@dataclass(eq=False)
class Viewer:
    """One viewer's queue of byte pieces; None ends it."""

    loop: asyncio.AbstractEventLoop
    pieces: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(VIEWER_FRAGMENTS))
    started: bool = False
    gone: bool = False

    def give(self, piece: bytes | None) -> None:
        """Hand over a piece from the preview's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closing
            self.loop.call_soon_threadsafe(self._put, piece)

    def _put(self, piece: bytes | None) -> None:
        if self.gone:
            return
        if piece is None or self.pieces.full():
            self.gone = True
            while not self.pieces.empty():
                self.pieces.get_nowait()
            piece = None
        self.pieces.put_nowait(piece)


class Preview:
    """Shares one muxer among all viewers."""

    def __init__(self, fanout: Fanout, want_key: Callable[[], None], fps: int) -> None:
        self._fanout = fanout
        self._want_key = want_key
        self._fps = fps
        self._viewers: tuple[Viewer, ...] = ()
        self._init = b""
        self._work: tuple[threading.Thread, Subscription] | None = None

    def join(self) -> Viewer:
        """A new viewer; called on the event loop."""
        viewer = Viewer(asyncio.get_running_loop())
        if self._work is None or not self._work[0].is_alive():
            self._start()
        if self._init:
            viewer.give(self._init)
        self._viewers = (*self._viewers, viewer)
        self._want_key()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A viewer is gone; the last one stops the muxer."""
        viewer.gone = True
        self._viewers = tuple(each for each in self._viewers if each is not viewer)
        if not self._viewers:
            self.close()

    def close(self) -> None:
        """Stop the muxer."""
        if self._work is not None:
            thread, subscription = self._work
            self._work = None
            self._fanout.remove(subscription)
            subscription.end()
            thread.join(1.0)

    def _start(self) -> None:
        wake = threading.Event()
        subscription = Subscription("preview", wake.set, soft_limit_s=3.0)
        thread = threading.Thread(
            target=self._run, args=(subscription, wake), name="playout-preview", daemon=True
        )
        self._init = b""
        self._work = (thread, subscription)
        self._fanout.add(subscription)
        thread.start()

    def _run(self, subscription: Subscription, wake: threading.Event) -> None:
        sink = _Boxes()
        muxer: Mp4 | None = None
        while not subscription.ended:
            item = subscription.pop()
            if item is None:
                wake.wait(1.0)
                wake.clear()
                continue
            tag, _ = item
            if muxer is None:
                options = {"frag_duration": FRAGMENT_US}
                muxer = Mp4(sink, subscription.opening, tag, self._fps, movflags=MOVFLAGS, options=options)
            muxer.mux(tag)
            for piece in sink.take():
                self._hand_out(piece)
        if muxer is not None:
            muxer.close()
        for viewer in self._viewers:
            viewer.give(None)
        self._init = b""

    def _hand_out(self, piece: bytes) -> None:
        if piece[4:8] != b"moof":
            self._init = piece
            for viewer in self._viewers:
                viewer.give(piece)
            return
        key = starts_with_key(piece)
        for viewer in self._viewers:
            viewer.started = viewer.started or key
            if viewer.started:
                viewer.give(piece)


class _Boxes:
    """The muxer's sink: whole init segments (ftyp+moov) and fragments (moof+mdat)."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._piece = bytearray()
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pending += bytes(data)
        while len(self._pending) >= 8:
            size = int.from_bytes(self._pending[:4], "big")
            if size < 8 or len(self._pending) < size:
                break
            kind = bytes(self._pending[4:8])
            if kind in (b"ftyp", b"moov", b"moof", b"mdat"):
                self._piece += self._pending[:size]
            del self._pending[:size]
            if kind in (b"moov", b"mdat"):
                self._pieces.append(bytes(self._piece))
                self._piece.clear()
        return len(data)

    def take(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


def starts_with_key(fragment: bytes) -> bool:
    """Whether the first track's first sample of a fragment is a sync sample."""
    moof = _child(fragment, b"moof")
    traf = _child(moof, b"traf")
    head, run = _child(traf, b"tfhd"), _child(traf, b"trun")
    run_flags = int.from_bytes(run[1:4], "big")
    at = 8 + (4 if run_flags & 0x1 else 0)
    if run_flags & 0x4:
        return not int.from_bytes(run[at : at + 4], "big") & _NOT_SYNC
    if run_flags & 0x400:
        at += (4 if run_flags & 0x100 else 0) + (4 if run_flags & 0x200 else 0)
        return not int.from_bytes(run[at : at + 4], "big") & _NOT_SYNC
    head_flags = int.from_bytes(head[1:4], "big")
    at = 8 + sum(size for bit, size in ((0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4)) if head_flags & bit)
    return bool(head_flags & 0x20) and not int.from_bytes(head[at : at + 4], "big") & _NOT_SYNC


def _child(data: bytes, kind: bytes) -> bytes:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == kind:
            return data[at + 8 : at + size]
        at += max(size, 8)
    return b""
