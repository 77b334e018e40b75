"""The main loop: one thread that composes, encodes and hands out frame after frame.

Nothing it calls may wait: no disk, no network, no lock that others hold for long. Commands reach
it through `post` (the wire's messages and the few of `events.py`), what happens leaves through
`emit`, which must not block either. Read `run` first.
"""

from __future__ import annotations

import math
import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from services.playout.clock import LATE_LOGGED_S, Act, Clock, decide, start
from services.playout.composer import Canvas, Composer, Source, View
from services.playout.cues import Cues
from services.playout.encoder import Encoder
from services.playout.events import (
    Figures,
    Happened,
    Leave,
    LookDecoded,
    LooksForgotten,
    Resume,
    SessionBegan,
    SessionEnded,
    ShowJoined,
    ShowLeft,
)
from services.playout.fanout import Fanout
from services.playout.flv import Tag, TagKind
from services.playout.lineup import Lineup, PhraseEnded, PhraseEvent, PhraseStarted
from services.playout.reserve import ReserveSet
from services.playout.settings import PlayoutSettings
from services.playout.sound import Fader, RoomTone, Samples, dbfs, mixed
from services.playout.watch import ShowWatch
from services.wire import (
    Alive,
    CloseSession,
    Cut,
    DropQueued,
    OpenSession,
    Phrase,
    PhraseFate,
    PhraseKind,
    Reserve,
    SessionMode,
    TestCue,
    Uncut,
    Want,
)

WANT_BELOW_S = 1.2
WANT_EVERY_S = 0.25
KEY_EVERY_S = 0.5


class Coder(Protocol):
    """What makes tags of pictures and sound (`Encoder`)."""

    def encode(self, canvas: Canvas, sound: Samples, *, key: bool) -> list[Tag]:
        """One frame's tags."""

    def close(self) -> list[Tag]:
        """The last tags."""


@dataclass(slots=True)
class Air:
    """One run of the stream: its clock, its encoder, and where it began in the session."""

    clock: Clock
    encoder: Coder
    first_frame: int
    first_ts_ms: int | None = None
    closing: bool = False


class Program:
    """The programme of one room."""

    def __init__(
        self,
        settings: PlayoutSettings,
        composer: Composer,
        fanout: Fanout,
        emit: Callable[[object], None],
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        make_encoder: Callable[[PlayoutSettings], Coder] = Encoder,
        left: Callable[[int, float, float], None] | None = None,
    ) -> None:
        self.figures = Figures()
        self.opening: OpenSession | None = None
        self.cut = False
        self.lineup = Lineup()
        self.reserve = ReserveSet()
        self._settings = settings
        self._samples = settings.samples_per_frame
        self._composer = composer
        self._fanout = fanout
        self._emit = emit
        self._now = now
        self._sleep = sleep
        self._make_encoder = make_encoder
        self._left = left
        self._inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._air: Air | None = None
        self._watch = ShowWatch(since=now())
        self._tone = RoomTone()
        self._fader = Fader()
        self._cues = Cues()
        self._want_serial = 1
        self._want_at = 0.0
        self._key_wanted = False
        self._key_at = 0.0
        self._levels: deque[float] = deque(maxlen=settings.fps)
        self._leaving = False
        self._look = ""

    # ---- from other threads -------------------------------------------------------------------

    def post(self, command: object) -> None:
        """Have the loop do something before its next frame."""
        self._inbox.put(command)

    def want_key(self) -> None:
        """Make the next frame an IDR picture (a taker joins)."""
        self._key_wanted = True

    def snapshot(self) -> Canvas:
        """A copy of the picture sent last, or the holding picture when nothing is on."""
        return (self._composer.last if self._air else self._composer.holding).copy()

    @property
    def on(self) -> bool:
        """Whether frames are being made."""
        return self._air is not None

    # ---- the loop ----------------------------------------------------------------------------

    def run(self) -> None:
        """Frame after frame until `Leave`; rests while no session is open."""
        while not (self._leaving and self._air is None):
            self._obey(rest=self._air is None)
            if (air := self._air) is None:
                continue
            decision = decide(air.clock, self._now())
            match decision.act:
                case Act.SLEEP:
                    self._sleep(decision.wait_s)
                case Act.COMPOSE:
                    self._frame(air, fresh=True)
                case Act.REPEAT:
                    self.figures.repeated_frames += 1
                    self._frame(air, fresh=False)
                case Act.REANCHOR:
                    self.figures.reanchors += 1
                    moved_s = decision.t0 - air.clock.t0
                    self._emit(Happened(f"more than a second behind: the clock moved by {moved_s:.2f} s"))
                    air.clock = replace(air.clock, t0=decision.t0)

    def _frame(self, air: Air, *, fresh: bool) -> None:
        """One frame: its sound, its picture, its tags."""
        began = self._now()
        frame = air.first_frame + air.clock.next_frame
        position = frame * self._samples
        self._line_up(position, began)
        take = self.lineup.take(position, self._samples)
        self._report(take.events)
        speech = take.samples * self._fader.take(self._samples)
        beep = self._cues.take(position, self._samples)
        tone = self._tone.take(self._samples)
        sound = mixed(tone, speech) if beep is None else mixed(tone, speech, beep)
        source = self._source(take.phrase)
        if fresh:
            view = View(
                frame=frame,
                position=position,
                now_unix_s=time.time(),
                source=source,
                phrase=take.phrase,
                offset=take.offset,
                loudness=min(1.0, max(0.0, (dbfs(speech) + 50) / 40)),
                look=self._look,
                unattended=not (self.reserve.phrases or self._watch.present(began)),
            )
            self._composer.compose(view)
            self.figures.look = self._composer.look or self._look
        picture = self._composer.last if beep is None else self._composer.flash()
        tags = air.encoder.encode(picture, sound, key=self._key_due(began))
        self._hand_out(air, tags)
        air.clock = air.clock.advanced()
        self._measure(frame, position, source, sound)
        if air.closing and (self._fader.silent or self.lineup.current is None):
            self._close(air)

    def _hand_out(self, air: Air, tags: list[Tag]) -> None:
        for tag in tags:
            self._fanout.publish(tag)
        now = self._now()
        for tag in tags:
            if tag.kind is not TagKind.VIDEO or tag.header:
                continue
            if air.first_ts_ms is None:
                air.first_ts_ms = tag.ts_ms
            index = round((tag.ts_ms - air.first_ts_ms) * air.clock.fps / 1000)
            late_s = now - air.clock.due(index)
            if self._left is not None:
                self._left(air.first_frame + index, air.clock.due(index), now)
            if late_s > 0:
                self.figures.late_frames += 1
                self.figures.worst_late_s = max(self.figures.worst_late_s, late_s)
            if late_s > LATE_LOGGED_S:
                self._emit(Happened(f"frame {air.first_frame + index} left {late_s:.2f} s after it was due"))

    def _measure(self, frame: int, position: int, source: Source, sound: Any) -> None:
        self._levels.append(float(np.mean(np.square(sound, dtype=np.float64))))
        figures = self.figures
        figures.frames = frame + 1
        figures.position = position + self._samples
        figures.source = source.value
        figures.loudness_dbfs = round(10 * math.log10(max(1e-12, sum(self._levels) / len(self._levels))), 1)

    def _key_due(self, now: float) -> bool:
        if not self._key_wanted or now - self._key_at < KEY_EVERY_S:
            return False
        self._key_wanted = False
        self._key_at = now
        return True

    # ---- what is said --------------------------------------------------------------------------

    def _source(self, phrase: Phrase | None) -> Source:
        if self.cut or self._orphaned():
            return Source.HOLDING
        if phrase is None:
            return Source.IDLE
        return Source.RESERVE if phrase.kind is PhraseKind.RESERVE else Source.SPEECH

    def _orphaned(self) -> bool:
        opening = self.opening
        return opening is not None and self._watch.gone_s(self._now()) > opening.orphan_s

    def _line_up(self, position: int, now: float) -> None:
        """Ask the show for more, or speak the reserve, or end as an orphan."""
        if self.cut:
            if self._fader.silent:
                self._report(self.lineup.cut())
            return
        opening = self.opening
        if opening is None or (self._air is not None and self._air.closing):
            return
        if self._orphaned():
            if opening.orphan_action == "end":
                self._emit(Happened(f"no show for {opening.orphan_s:.0f} s: the session ends as configured"))
                self._begin_close()
            return
        if self.lineup.held_s < WANT_BELOW_S:
            self._watch = self._watch.wanted(now)
            if now - self._want_at >= WANT_EVERY_S:
                self._want_at = now
                self._emit(Want(serial=self._want_serial, held_s=round(self.lineup.held_s, 3)))
        if self._watch.present(now) or self.lineup.current is not None or self.lineup.waiting:
            return
        if (phrase := self.reserve.next(position, opening.session)) is not None:
            self.lineup.add(phrase)

    def _report(self, events: tuple[PhraseEvent, ...]) -> None:
        for event in events:
            match event:
                case PhraseStarted():
                    self._look = event.phrase.look or self._look
                case PhraseEnded(at=at) if at >= 0:
                    self.reserve.pause(self.figures.position)
            self._emit(event)

    # ---- commands ------------------------------------------------------------------------------

    def _obey(self, *, rest: bool) -> None:
        """Do what was posted; while the clock rests, wait for it."""
        try:
            command = self._inbox.get(block=rest)
            while True:
                self._do(command)
                command = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _do(self, command: object) -> None:
        now = self._now()
        match command:
            case Phrase():
                self._take_phrase(command, now)
            case DropQueued(below_generation=generation):
                self._report(self.lineup.drop(generation))
            case Alive(quiet=quiet):
                self._watch = self._watch.alive(now, quiet)
            case ShowJoined():
                self._watch = self._watch.joined(now)
            case ShowLeft():
                self._watch = self._watch.left(now)
            case Reserve():
                self.reserve.take_in(command)
            case LookDecoded(name=name, look=look):
                self._composer.use_look(name, look)
            case LooksForgotten(names=names):
                self._composer.forget_looks(names)
            case OpenSession():
                self._open(command, 0)
            case Resume(opening=opening, first_frame=first_frame):
                self._open(opening, first_frame)
            case CloseSession(session=session):
                if self.opening is not None and session in ("", self.opening.session):
                    self._begin_close()
            case Cut():
                self.cut = True
                self._fader.fade_to(0.0)
                self._report(self.lineup.drop())
            case Uncut():
                if self.cut:
                    self._report(self.lineup.cut())
                self.cut = False
                self._fader.jump_to(1.0)
            case TestCue():
                self._cues.plan(command, self.figures.position)
            case Leave():
                self._leaving = True
                self._begin_close()

    def _take_phrase(self, phrase: Phrase, now: float) -> None:
        self._watch = self._watch.answered(now)
        self._want_serial += 1
        self._want_at = 0.0
        if self._air is None or self._air.closing or self.cut:
            self._report((PhraseEnded(phrase, PhraseFate.DROPPED),))
            return
        self._report(self.lineup.add(phrase))

    def _open(self, opening: OpenSession, first_frame: int) -> None:
        before = self.opening
        if opening.mode is SessionMode.OFF:
            self._begin_close()
            return
        if self._air is not None and before is not None and before.session == opening.session:
            self._air.closing = False
            self._fader.fade_to(0.0 if self.cut else 1.0)
            self.opening = opening
            return
        if self._air is not None:
            self._close(self._air)
        self.opening = opening
        self.figures = Figures(look=opening.look, position=first_frame * self._samples, frames=first_frame)
        self._fader.jump_to(0.0 if self.cut else 1.0)
        self._look = opening.look
        self._composer.interrupted()
        encoder = self._make_encoder(self._settings)  # before the clock runs: it takes a tenth of a second
        clock = start(self._now(), self._settings.fps)
        self._air = Air(clock, encoder, first_frame)
        self._emit(SessionBegan(opening.session, first_frame))

    def _begin_close(self) -> None:
        if self._air is None:
            return
        self._air.closing = True
        self._report(self.lineup.drop())
        self._fader.fade_to(0.0)

    def _close(self, air: Air) -> None:
        self._report(self.lineup.cut())
        self._report(self.lineup.drop())
        for tag in air.encoder.close():
            self._fanout.publish(tag)
        self._fanout.end()
        self._air = None
        session = self.opening.session if self.opening else ""
        self.opening = None
        self.figures.source = ""
        self._emit(SessionEnded(session))
