"""Everything of a room's playout but the clock: what messages mean, and what is kept and told.

Lives on the event loop. The programme's thread is told by `post`; what happens there comes in by
`happened`. Nothing here can hold up a frame.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from services.playout.composer import Painter
from services.playout.events import (
    Happened,
    LookDecoded,
    LooksForgotten,
    Resume,
    SessionBegan,
    SessionEnded,
)
from services.playout.fanout import Fanout
from services.playout.fates import FateBook
from services.playout.ffmpeg import Ffmpeg, find_ffmpeg
from services.playout.lineup import PhraseEnded, PhraseStarted
from services.playout.memory import Memory
from services.playout.outputs import Outputs
from services.playout.preview import Preview
from services.playout.program import Program
from services.playout.recorder import Recorder
from services.playout.settings import PlayoutSettings
from services.wire import (
    MAX_PHRASE_S,
    SAMPLE_RATE_HZ,
    AckFates,
    AnyMessage,
    CloseSession,
    Cut,
    LookReady,
    Message,
    OpenSession,
    Phrase,
    PhraseFate,
    PhraseKind,
    PrepareLook,
    Reserve,
    SessionMode,
    SetOutputs,
    Started,
    Status,
    Uncut,
    Want,
)

log = logging.getLogger("playout")

KEPT_LOOKS = 12


class Audience(Protocol):
    """Who is told: the show, or all who are connected."""

    def tell_show(self, message: Message) -> None:
        """To the newest show, if one is connected."""

    def tell_all(self, message: Message) -> None:
        """To the show and the observers."""


class Station:
    """One room's playout."""

    def __init__(
        self,
        settings: PlayoutSettings,
        program: Program,
        fanout: Fanout,
        memory: Memory,
        book: FateBook,
        audience: Audience,
        painter: Painter,
        load_look: Callable[[str], Any],
        stand_in: Callable[[str], Any],
    ) -> None:
        self.program = program
        self.fanout = fanout
        self.memory = memory
        self.book = book
        self.preview = Preview(fanout, program.want_key, settings.fps)
        self.recorder = Recorder(settings, fanout)
        self.outputs = Outputs(fanout, program.want_key, self._find_ffmpeg, self._outputs_changed)
        self._settings = settings
        self._audience = audience
        self._painter = painter
        self._load_look = load_look
        self._stand_in = stand_in
        self._ffmpeg: Ffmpeg | None = None
        self._ffmpeg_lock = asyncio.Lock()
        self._looks: dict[str, str] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._decoding = asyncio.Lock()
        self._mode = SessionMode.OFF

    # ---- start and end -----------------------------------------------------------------------

    async def resume(self) -> None:
        """Go on with what ran before a restart."""
        kept = self.memory.now
        self.book.restore(self.memory.beat.position)
        if self.memory.reserve.phrases:
            for phrase in self.memory.reserve.phrases:
                reserve = msgspec.structs.replace(phrase, kind=PhraseKind.RESERVE)
                await asyncio.to_thread(self._painter.prepare, reserve)
            self.program.reserve.restore(self.memory.reserve.persona, self.memory.reserve.phrases)
        if kept.cut:
            self.program.post(Cut(reason="still cut from before the restart"))
        await self.outputs.set(kept.outputs)
        opening = kept.opening
        if opening is None or opening.mode is SessionMode.OFF:
            return
        frame = self.memory.resume_frame(self._settings.samples_per_frame, time.time())
        log.info("session %s goes on at frame %d", opening.session, frame)
        await self._prepare_some(opening.look, kept.looks.get(opening.look, opening.look_path))
        self._mode = opening.mode
        self.outputs.trust(kept.outputs)
        self.program.post(Resume(opening, frame))

    async def close(self) -> None:
        """End children and files."""
        for task in self._preparing:
            task.cancel()
        await self.outputs.close()
        self.preview.close()
        await asyncio.to_thread(self.recorder.end)

    # ---- messages ----------------------------------------------------------------------------

    async def take(self, message: AnyMessage) -> None:
        """Do what a message asks for."""
        match message:
            case Phrase():
                await self._take_phrase(message)
            case PrepareLook(look=look, path=path):
                task = asyncio.create_task(self._prepare_and_tell(look, path), name=f"look-{look}")
                self._preparing.add(task)  # decoding takes a second: phrases must not wait behind it
                task.add_done_callback(self._preparing.discard)
            case OpenSession():
                await self._open(message)
            case CloseSession(session=session):
                opening = self.memory.now.opening
                if opening is not None and session in ("", opening.session):
                    self.memory.change(opening=None)
                self.program.post(message)
            case SetOutputs(outputs=outputs):
                self.memory.change(outputs=outputs)
                await self.outputs.set(outputs)
            case Cut():
                log.warning("cut: %s", message.reason or "no reason given")
                self.memory.change(cut=True)
                self.program.post(message)
            case Uncut():
                self.memory.change(cut=False)
                self.program.post(message)
            case AckFates(ids=ids):
                self.book.acknowledged(ids)
            case Reserve():
                await self._take_reserve(message)
            case _:
                self.program.post(message)

    async def _take_phrase(self, phrase: Phrase) -> None:
        if self.book.knows(phrase.id):
            return
        self.book.came(phrase)
        opening = self.memory.now.opening
        too_long = len(phrase.pcm) // 2 > MAX_PHRASE_S * SAMPLE_RATE_HZ * 1.02
        foreign = opening is None or phrase.session not in ("", opening.session)
        if too_long or foreign:
            why = f"over {MAX_PHRASE_S:.0f} s long" if too_long else "of another session"
            log.warning("phrase %s is %s: dropped", phrase.id, why)
            self._settle(PhraseEnded(phrase, PhraseFate.DROPPED))
            return
        await asyncio.to_thread(self._painter.prepare, phrase)
        self.program.post(phrase)

    async def _take_reserve(self, message: Reserve) -> None:
        phrase = msgspec.structs.replace(message.phrase, kind=PhraseKind.RESERVE)
        await asyncio.to_thread(self._painter.prepare, phrase)
        self.program.post(message)
        if message.index == 0:
            self._reserve_coming: list[Phrase] = []
        self._reserve_coming.append(message.phrase)
        if len(self._reserve_coming) == message.total:
            self.memory.keep_reserve(message.persona, tuple(self._reserve_coming))
            self._reserve_coming = []

    _reserve_coming: list[Phrase] = []  # noqa: RUF012 - replaced per set

    async def _open(self, message: OpenSession) -> None:
        looks = {**self.memory.now.looks, message.look: message.look_path}
        self.memory.change(opening=message, looks=looks)
        await self._prepare_some(message.look, message.look_path)
        before, self._mode = self._mode, message.mode
        self.program.post(message)
        if self.program.on and before is not message.mode:
            await self.outputs.on_air(message.mode is SessionMode.ON_AIR)

    async def _prepare_and_tell(self, look: str, path: str) -> None:
        error = await self._prepare(look, path)
        self._audience.tell_show(LookReady(look=look, ok=not error, error=error))

    async def _prepare(self, look: str, path: str) -> str:
        """Decode a look off the clock; what went wrong, or nothing."""
        if self._looks.get(look) == path:
            self._looks[look] = self._looks.pop(look)  # used last
            return ""
        try:
            async with self._decoding:
                decoded = await asyncio.to_thread(self._load_look, path)
        except Exception as error:
            log.error("look %s cannot be used: %s; the look on air stays", look, error)
            return str(error)
        self._looks[look] = path
        self.program.post(LookDecoded(look, decoded))
        forgotten = self._least_used()
        for name in forgotten:
            del self._looks[name]
        if forgotten:
            self.program.post(LooksForgotten(forgotten))
        kept = {name: at for name, at in self.memory.now.looks.items() if name not in forgotten}
        self.memory.change(looks={**kept, look: path})
        return ""

    def _least_used(self) -> tuple[str, ...]:
        """The looks over `KEPT_LOOKS` (each takes about 20 MB), those that were on longest ago first."""
        on = self.memory.now.opening.look if self.memory.now.opening is not None else ""
        others = [name for name in self._looks if name != on]
        return tuple(others[: max(0, len(self._looks) - KEPT_LOOKS)])

    async def _prepare_some(self, look: str, path: str) -> None:
        """Decode a look; a built-in one stands in when it cannot be used and none is there yet."""
        if await self._prepare(look, path) and not self._looks:
            decoded = await asyncio.to_thread(self._stand_in, look)
            if decoded is not None:
                self.program.post(LookDecoded("stand-in", decoded))

    # ---- what happened on the clock's thread ---------------------------------------------------

    async def happened(self, event: object) -> None:
        """Keep and tell what the programme did."""
        match event:
            case PhraseStarted(phrase=phrase, at=at):
                if not self.book.knows(phrase.id):
                    self.book.came(phrase)
                self.book.began(phrase.id, at)
                self._remember_who(phrase)
                self._audience.tell_show(Started(id=phrase.id, session=phrase.session, at=at))
            case PhraseEnded():
                self._settle(event)
            case Want():
                self._audience.tell_show(event)
            case SessionBegan(session=session, first_frame=first_frame):
                self.recorder.begin(session, first_frame)
                await self.outputs.on_air(self._mode is SessionMode.ON_AIR)
                self._outputs_changed()
            case SessionEnded(session=session):
                opening = self.memory.now.opening
                if opening is not None and opening.session == session and not self._leaving:
                    self.memory.change(opening=None)
                self._mode = SessionMode.OFF
                await asyncio.to_thread(self.recorder.end)
                await self.outputs.on_air(False)
            case Happened(what=what):
                log.warning(what)

    def _remember_who(self, phrase: Phrase) -> None:
        """A restart goes on with the look and the persona that were on last."""
        opening, path = self.memory.now.opening, self._looks.get(phrase.look)
        if path is not None:
            self._looks[phrase.look] = self._looks.pop(phrase.look)  # used last
        if opening is not None and path is not None and phrase.look != opening.look:
            after = msgspec.structs.replace(opening, look=phrase.look, look_path=path, persona=phrase.persona)
            self.memory.change(opening=after)

    _leaving = False

    def leave(self) -> None:
        """The process ends but the session does not: it is resumed at the next start."""
        self._leaving = True

    def _settle(self, event: PhraseEnded) -> None:
        phrase = event.phrase
        opening = self.memory.now.opening
        if not phrase.session and opening is not None:
            phrase = msgspec.structs.replace(phrase, session=opening.session)
        recording = self.recorder.locate(event.at) if event.at >= 0 else ("", 0.0)
        fated = self.book.settle(phrase, event.fate, event.at, event.heard, recording)
        self._audience.tell_show(fated)

    # ---- figures -----------------------------------------------------------------------------

    def status(self) -> Status:
        """The figures of this moment."""
        program = self.program
        figures = program.figures
        opening = program.opening
        current = program.lineup.current
        running = self.recorder.running
        return Status(
            session=opening.session if opening else "",
            mode=opening.mode if opening else SessionMode.OFF,
            position=figures.position,
            frames=figures.frames,
            late_frames=figures.late_frames,
            repeated_frames=figures.repeated_frames,
            reanchors=figures.reanchors,
            held_s=round(program.lineup.held_s, 3),
            phrase=current.id if current else "",
            look=figures.look,
            persona=(current.persona if current else "") or (opening.persona if opening else ""),
            source=figures.source,
            cut=program.cut,
            loudness_dbfs=figures.loudness_dbfs,
            recording=running.name if running else "",
            recording_error=self.recorder.error,
            outputs=self.outputs.statuses(),
        )

    def beat(self) -> None:
        """Once a second: the position is kept, everybody is told."""
        if self.program.on:
            self.memory.beat_at(self.program.figures.position)
        self._audience.tell_all(self.status())

    def _outputs_changed(self) -> None:
        self._audience.tell_all(self.status())

    async def _find_ffmpeg(self) -> Ffmpeg:
        async with self._ffmpeg_lock:
            if self._ffmpeg is None:
                self._ffmpeg = await asyncio.to_thread(find_ffmpeg, self._settings.ffmpeg)
            return self._ffmpeg
