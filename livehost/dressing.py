"""The cast on air in her right dress: same persona, other adapters or another look, at a phrase boundary.

A room begins at once with the posed look and the templates' words; as soon as all of her dress is
ready she wears it, without a farewell or a greeting. The same way other versions of her adapters
come on and go (a promotion, a rollback), and what may not be on air any more is taken off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from livehost.desk import Desk, same_role
from livehost.library import Mark
from livehost.lines import Cast
from livehost.switching import Backoff, Fitting, same, unless
from livehost.wardrobe import DressFailed, Part, unforeseen

log = structlog.get_logger(__name__)

LAPSE_EVERY_S = 30.0  # consents end by the day; a card that changes is looked into at the next step


@dataclass(frozen=True)
class Dress:
    """How the persona on air is dressed."""

    state: str  # plain | preparing | ready (at the next phrase) | finishing (variants) | dressed | failed | lapsed
    error: str = ""
    part: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    tries: int = 0


class Dresser:
    """Keeps the cast on air dressed as the settings, or a person, want it.

    While no session is open, who would come on is dressed ahead, so that the next one begins dressed.
    """

    def __init__(
        self,
        desk: Desk,
        fitting: Fitting,
        *,
        clock: Callable[[], datetime],
        wanted: Callable[[], Cast | None],
        running: Callable[[], bool],
        is_open: Callable[[], bool],
        changed: Callable[[Dress], None],
        pin: Callable[[], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._fitting = fitting
        self._clock = clock
        self._wanted = wanted
        self._running = running
        self._is_open = is_open
        self._changed = changed
        self._pin = pin
        self._backoff = Backoff()
        self._tried: Cast | None = None
        self._doubts, self._cleared = 1, 0
        self.fitted: Cast | None = None
        self._looked: datetime | None = None
        self._looked_at: Cast | None = None
        self._marks: tuple[Mark | None, ...] = ()  # of the cards, when they were looked into
        self._unchecked: tuple[Part, str] | None = None
        self._stumbled = Backoff()
        self.dress = Dress("plain")
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Dress the cast on air, for ever."""
        while True:
            wait_s = await self._guarded_step() if self._running() else 1.0
            self.wake.clear()
            try:
                async with asyncio.timeout(max(0.05, min(1.0, wait_s))):
                    await self.wake.wait()
            except TimeoutError:
                pass

    def forget(self) -> None:
        """Playout or an engine is another process: see again that all she wears is there."""
        self._doubts += 1
        self.wake.set()

    async def _guarded_step(self) -> float:
        """A step; what nobody foresaw is a failure with its alarm, tried again with back-off."""
        if left_s := self._stumbled.left_s(self._clock()):
            return left_s
        try:
            wait_s = await self._step()
        except Exception as error:
            log.exception("dressing failed unforeseen", persona=self._desk.cast.persona.id)
            self._stumbled.failed(self._clock())
            self._tell(Dress("failed", unforeseen(error), Part.LOOK.value, tries=self._stumbled.tries))
            return self._stumbled.left_s(self._clock())
        self._stumbled.over()
        return wait_s

    async def _step(self) -> float:
        """Do what is due; returns the seconds until something may be due again."""
        now, wardrobe = self._clock(), self._fitting.wardrobe
        if self._desk.redress is not None:
            return 0.5  # it waits for the next phrase
        if await self._take_off_what_lapsed(now):
            return 1.0
        plain, on = self._who()
        if not wardrobe.needs(plain):
            self._tell(Dress("plain"))
            return 1.0
        well = on.dressed and same(plain, on) and self._cleared == self._doubts
        if well and self._unchecked is not None:
            part, why = self._unchecked
            self._tell(Dress("failed", why, part.value))
            return 1.0
        if well and on.finished:
            self._tell(Dress("dressed"))
            return 1.0
        if self._tried is None or not same(self._tried, plain):
            self._tried = plain
            self._backoff.over()
        if left_s := self._backoff.left_s(now):
            return left_s
        if well:
            await self._finish(plain, on)
        else:
            await self._put_on(plain)
        return 0.5

    async def _finish(self, plain: Cast, on: Cast) -> None:
        """Make the variants of a look that is on air already."""
        self._tell(Dress("finishing"))
        try:
            cast = await unless(lambda: not same(self._who()[0], plain), self._fitting.finish(on), self.wake)
        except DressFailed as failed:
            self._backoff.failed(self._clock())
            log.warning("a look's variants wait", persona=plain.persona.id, error=str(failed))
            return
        if cast is not None and self._is_open() and self._desk.cast == on:
            self._desk.redress = cast
            self._desk.changed.set()

    def _who(self) -> tuple[Cast, Cast]:
        """Who is to be dressed, as the settings give her, and as she is dressed now."""
        on, wanted = self._desk.cast, self._wanted()
        if not self._is_open():
            plain = undressed(wanted or on)
            return plain, self._fitting.wardrobe.as_last_worn(plain)
        if wanted is None or not same_role(wanted, on):
            wanted = on  # off air, or another persona comes: that is the switch's
        return undressed(wanted), on

    async def _put_on(self, plain: Cast) -> None:
        parts = {part.value: "waiting" for part in self._fitting.wardrobe.needs(plain)}
        doubts = self._doubts

        def told(part: Part, state: str) -> None:
            parts[part.value] = state
            self._tell(Dress("preparing", parts=dict(parts), tries=self._backoff.tries))

        try:
            cast = await unless(
                lambda: not same(self._who()[0], plain), self._fitting.fit(plain, told), self.wake
            )
        except DressFailed as failed:
            parts[failed.part.value] = "waiting" if failed.loading else "failed"
            state = "preparing" if failed.loading else "failed"
            (self._backoff.wait if failed.loading else self._backoff.failed)(self._clock())
            self._tell(Dress(state, str(failed), failed.part.value, dict(parts), self._backoff.tries))
            if not failed.loading:
                log.warning(
                    "a persona is not dressed", persona=plain.persona.id, part=failed.part, error=str(failed)
                )
            return
        if cast is None:
            return  # another is wanted by now
        self._backoff.over()
        self._cleared = doubts
        self.fitted = cast
        if self._is_open() and same_role(self._desk.cast, cast) and cast != self._desk.cast:
            self._desk.redress = cast
            self._desk.changed.set()
        await self._pin()
        done = "dressed" if cast.finished else "finishing"
        self._tell(Dress(done if self._desk.redress is None else "ready", parts=dict(parts)))

    async def _take_off_what_lapsed(self, now: datetime) -> bool:
        on = self._desk.cast
        if not on.dressed:
            self._unchecked = None
            return False
        marks = self._fitting.wardrobe.marks(on)
        looked = self._looked if self._looked_at is on and self._marks == marks else None
        if looked is not None and (now - looked).total_seconds() < LAPSE_EVERY_S:
            return False
        self._looked, self._looked_at, self._marks = now, on, marks
        self._unchecked = self._fitting.wardrobe.unchecked(on)
        why = self._fitting.wardrobe.lapsed(on, self._fitting.room)
        if not why:
            return False
        log.error("what a persona wears may not be on air any more", persona=on.persona.id, why=why)
        plain = undressed(on)
        try:
            await self._fitting.take(plain)  # playout has the posed look only where she began in it
        except DressFailed as failed:
            log.error("the posed look cannot be shown instead", persona=on.persona.id, error=str(failed))
        self._desk.redress = plain
        self._desk.changed.set()
        self._tell(Dress("lapsed", why, "consent"))
        return True

    def _tell(self, dress: Dress) -> None:
        if dress != self.dress:
            self.dress = dress
            self._changed(dress)


def undressed(cast: Cast) -> Cast:
    """The cast as the settings alone give it."""
    return replace(
        cast, language_adapter="", visual_adapter="", made=None, variants=(), dressed=False, finished=False
    )  # fmt: skip
