"""A change of persona, prepared ahead and made at a phrase boundary, or not at all.

`prepare_s` before the timetable's next change the next cast's look is decoded by playout and her
greeting voiced. At the instant the switch is laid on the desk; the director says the farewell,
then the greeting, which carries the new look. A failure keeps the persona on air, is named, and
is tried again with back-off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from livehost.desk import Desk, Stock, Switch
from livehost.lines import Cast, renewed
from livehost.schedule import OnAir
from livehost.voicing import Voicer
from services.wire import PhraseKind

log = structlog.get_logger(__name__)

FIRST_BACKOFF_S = 2.0
LAST_BACKOFF_S = 60.0


class LookFailed(Exception):
    """Playout could not take a look; says why."""


@dataclass(frozen=True)
class Next:
    """The change that comes: who, when, and how far it is prepared."""

    persona: str
    at: datetime
    state: str  # waiting | preparing | ready | failed
    error: str = ""


class SwitchPreparer:
    """Watches the timetable and prepares the next cast."""

    def __init__(
        self,
        desk: Desk,
        voicer: Voicer,
        *,
        prepare_s: float,
        clock: Callable[[], datetime],
        on_air: Callable[[datetime], OnAir],
        next_change: Callable[[datetime], tuple[datetime, OnAir] | None],
        cast_for: Callable[[OnAir], Cast | None],
        stock_for: Callable[[Cast], Stock],
        take_look: Callable[[Cast], Awaitable[None]],
        running: Callable[[], bool],
        alarm: Callable[[str | None], None],
    ) -> None:
        self._desk = desk
        self._voicer = voicer
        self._ahead = timedelta(seconds=prepare_s)
        self._clock = clock
        self._on_air = on_air
        self._next_change = next_change
        self._cast_for = cast_for
        self._stock_for = stock_for
        self._take_look = take_look
        self._running = running
        self._alarm = alarm
        self._prepared: Stock | None = None
        self._not_before: datetime | None = None
        self._backoff_s = FIRST_BACKOFF_S
        self.next: Next | None = None
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Prepare and make every change of the timetable, for ever."""
        while True:
            wait_s = await self._step() if self._running() else 1.0
            self.wake.clear()
            try:
                async with asyncio.timeout(max(0.02, min(1.0, wait_s))):
                    await self.wake.wait()
            except TimeoutError:
                pass

    async def _step(self) -> float:
        """Do what is due; returns the seconds until something may be due again."""
        now = self._clock()
        found = self._wanted(now)
        if found is None:
            return 1.0
        at, cast = found
        if at - now > self._ahead:
            self.next = Next(cast.persona.id, at, "waiting")
            return (at - now - self._ahead).total_seconds()
        if self._desk.switch is not None and same(self._desk.switch.cast, cast):
            return 1.0
        self._desk.switch = None
        if self._prepared is None or not same(self._prepared.cast, cast):
            if self._not_before is not None and now < self._not_before:
                return (self._not_before - now).total_seconds()
            await self._prepare(cast, at)
            return 0.0 if self._prepared is not None else self._backoff_s
        if now < at:
            return (at - now).total_seconds()
        stock, self._prepared = self._prepared, None
        greeting = stock.take(PhraseKind.GREETING)
        if greeting is not None:
            self._desk.switch = Switch(
                stock.cast, stock, self._desk.stock.take(PhraseKind.FAREWELL), renewed(greeting)
            )
            self._desk.changed.set()
        return 0.5

    def _wanted(self, now: datetime) -> tuple[datetime, Cast] | None:
        current = self._on_air(now)
        cast = self._cast_for(current)
        if cast is not None and not same(cast, self._desk.cast):
            return current.since or now, cast
        coming = self._next_change(now)
        if coming is not None:
            cast = self._cast_for(coming[1])
            if cast is not None and not same(cast, self._desk.cast):
                return coming[0], cast
        self.next = None
        self._prepared = None
        if self._desk.switch is not None:
            self._desk.switch = None
        return None

    async def _prepare(self, cast: Cast, at: datetime) -> None:
        self.next = Next(cast.persona.id, at, "preparing")
        stock = self._stock_for(cast)
        greeting = stock.lines[PhraseKind.GREETING][0]
        try:
            await self._take_look(cast)
            await self._voicer.voice(greeting, lambda: None)
            if greeting.failed:
                raise LookFailed(f"the greeting has no sound: {greeting.failed}")
        except (LookFailed, ConnectionError) as error:
            self._not_before = self._clock() + timedelta(seconds=self._backoff_s)
            self._backoff_s = min(LAST_BACKOFF_S, self._backoff_s * 2)
            self.next = Next(cast.persona.id, at, "failed", str(error))
            self._alarm(f"{cast.persona.name} cannot come on: {error}")
            log.warning("a switch is not ready", persona=cast.persona.id, error=str(error))
            return
        self._prepared, self._not_before, self._backoff_s = stock, None, FIRST_BACKOFF_S
        self.next = Next(cast.persona.id, at, "ready")
        self._alarm(None)


def same(one: Cast, other: Cast) -> bool:
    """Whether two casts are the same persona with the same script."""
    return one.persona.id == other.persona.id and one.rundown.id == other.rundown.id
