"""A change of persona or of her dress, prepared ahead and made at a phrase boundary, or not at all.

`prepare_s` before the timetable's next change the next cast is dressed (`wardrobe.py`: both adapters
staged, her look made or found), her looks are decoded by playout and her greeting voiced. At the
instant the switch is laid on the desk; the director says the farewell, then the greeting, with which
look, words and adapters change. A failure keeps the cast on air, is named by its part, and is tried
again with back-off.

The cast on air is dressed by `dressing.py`: at the first start, which waits for no engine, after a
restart, and when other versions of her adapters are wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from livehost.desk import Desk, Stock, Switch, same_role
from livehost.lines import Cast, Worn, renewed
from livehost.schedule import OnAir
from livehost.voicing import Voicer
from livehost.wardrobe import DressFailed, Part, Told, Wardrobe, naming, unforeseen
from services.wire import PhraseKind

log = structlog.get_logger(__name__)

FIRST_BACKOFF_S = 2.0
LAST_BACKOFF_S = 60.0
LOOK_AGAIN_S = 1.0

_T = TypeVar("_T")


class LookFailed(Exception):
    """Playout could not take a look; says why."""


@dataclass(frozen=True)
class Next:
    """The change that comes: who, when, and how far each part of it is prepared."""

    persona: str
    at: datetime
    state: str  # waiting | preparing | ready | failed
    error: str = ""
    part: str = ""  # the part that failed
    parts: dict[str, str] = field(default_factory=dict)  # part -> waiting | preparing | ready | failed
    tries: int = 0
    prepared_s: float = 0.0


@dataclass
class Backoff:
    """When something that failed is tried again: 2 s later, doubled up to a minute."""

    wait_s: float = FIRST_BACKOFF_S
    tries: int = 0
    until: datetime | None = None

    def failed(self, now: datetime) -> None:
        """It failed once more."""
        self.until = now + timedelta(seconds=self.wait_s)
        self.wait_s = min(LAST_BACKOFF_S, self.wait_s * 2)
        self.tries += 1

    def wait(self, now: datetime) -> None:
        """What it needs is on its way: look again in a second."""
        self.until = now + timedelta(seconds=LOOK_AGAIN_S)

    def over(self) -> None:
        """It succeeded, or something else is wanted."""
        self.wait_s, self.tries, self.until = FIRST_BACKOFF_S, 0, None

    def left_s(self, now: datetime) -> float:
        """Seconds until the next try; 0 when it may be tried now."""
        return 0.0 if self.until is None else max(0.0, (self.until - now).total_seconds())


class Fitting:
    """Dresses a cast for one room: the wardrobe's parts, then playout's decoding of her looks."""

    def __init__(
        self, wardrobe: Wardrobe, room: str, *, take_look: Callable[[Worn], Awaitable[None]]
    ) -> None:
        self.wardrobe = wardrobe
        self.room = room
        self._take_look = take_look

    async def fit(self, plain: Cast, told: Told) -> Cast:
        """The cast, dressed, her looks decoded.

        Raises:
            DressFailed: with the part that failed.
        """
        cast = await self.wardrobe.dress(plain, room=self.room, told=told)
        told(Part.LOOK, "preparing")
        await self.take(cast)
        cast = await self._variants_taken(cast)
        told(Part.LOOK, "ready")
        return cast

    async def take(self, cast: Cast) -> None:
        """Have playout decode a cast's main look.

        Raises:
            DressFailed: playout cannot.
        """
        try:
            await self._take_look(cast.looks[0])
        except (LookFailed, ConnectionError) as error:
            raise DressFailed(Part.LOOK, str(error)) from error
        except Exception as error:
            log.exception("playout takes no look, unforeseen", look=cast.looks[0].name)
            raise DressFailed(Part.LOOK, unforeseen(error)) from error

    async def finish(self, cast: Cast) -> Cast:
        """A dressed cast with the variants of her look, which the switch does not wait for.

        Raises:
            DressFailed: the vision engine went away.
        """
        return await self._variants_taken(await self.wardrobe.finish(cast, room=self.room))

    async def _variants_taken(self, cast: Cast) -> Cast:
        """The cast without the variants that playout cannot take: there the main look stands in."""
        taken: list[Worn] = []
        for variant in cast.variants:
            try:
                await self._take_look(variant)
                taken.append(variant)
            except (LookFailed, ConnectionError) as error:
                log.warning("playout takes no variant of a look", look=variant.name, error=str(error))
        return replace(cast, variants=tuple(taken))


class SwitchPreparer:
    """Watches the timetable and prepares the next cast."""

    def __init__(
        self,
        desk: Desk,
        voicer: Voicer,
        fitting: Fitting,
        *,
        prepare_s: float,
        clock: Callable[[], datetime],
        on_air: Callable[[datetime], OnAir],
        next_change: Callable[[datetime], tuple[datetime, OnAir] | None],
        cast_for: Callable[[OnAir], Cast | None],
        stock_for: Callable[[Cast], Stock],
        running: Callable[[], bool],
        told: Callable[[Next | None], None],
    ) -> None:
        self._desk = desk
        self._voicer = voicer
        self._fitting = fitting
        self._ahead = timedelta(seconds=prepare_s)
        self._clock = clock
        self._on_air = on_air
        self._next_change = next_change
        self._cast_for = cast_for
        self._stock_for = stock_for
        self._running = running
        self._told = told
        self._prepared: Stock | None = None
        self._forgotten = 0  # how often, so that what was begun before is not taken for ready
        self._backoff = Backoff()
        self._backoff_of: Cast | None = None
        self._stumbled = Backoff()
        self.next: Next | None = None
        self.wake = asyncio.Event()

    @property
    def prepared(self) -> Cast | None:
        """The cast that is ready to come on."""
        return self._prepared.cast if self._prepared is not None else None

    async def run(self) -> None:
        """Prepare and make every change of the timetable, for ever."""
        while True:
            wait_s = await self._guarded_step() if self._running() else 1.0
            self.wake.clear()
            try:
                async with asyncio.timeout(max(0.02, min(1.0, wait_s))):
                    await self.wake.wait()
            except TimeoutError:
                pass

    def forget(self) -> None:
        """Playout is another process and holds no look any more: what was ready is made ready again."""
        self._forgotten += 1
        self._prepared = None
        self._desk.switch = None
        self.wake.set()

    async def _guarded_step(self) -> float:
        """A step; what nobody foresaw is named with the change that comes, and tried again with back-off."""
        if left_s := self._stumbled.left_s(self._clock()):
            return left_s
        try:
            wait_s = await self._step()
        except Exception as error:
            self._stumbled.failed(self._clock())
            if self.next is None:
                raise  # nothing to name it with: the task's owner logs it and begins anew
            log.exception("a switch failed unforeseen", persona=self.next.persona)
            part = self.next.part or Part.GREETING.value
            self._tell(
                replace(self.next, state="failed", error=unforeseen(error), part=part,
                        tries=self._stumbled.tries)
            )  # fmt: skip
            return self._stumbled.left_s(self._clock())
        self._stumbled.over()
        return wait_s

    async def _step(self) -> float:
        """Do what is due; returns the seconds until something may be due again."""
        now = self._clock()
        found = self._wanted(now)
        if found is None:
            return 1.0
        at, cast = found
        if self._backoff_of is None or not same(self._backoff_of, cast):
            self._backoff_of = cast
            self._backoff.over()
        if at - now > self._ahead:
            self._tell(Next(cast.persona.id, at, "waiting"))
            return (at - now - self._ahead).total_seconds()
        if self._desk.switch is not None and same(self._desk.switch.cast, cast):
            return 1.0
        self._desk.switch = None
        if self._prepared is None or not same(self._prepared.cast, cast):
            if left_s := self._backoff.left_s(now):
                return left_s
            await self._prepare(cast, at)
            return 0.0 if self._prepared is not None else self._backoff.left_s(self._clock())
        if now < at:
            return (at - now).total_seconds()
        stock, self._prepared = self._prepared, None
        wardrobe = self._fitting.wardrobe
        if wardrobe.lapsed(stock.cast) or wardrobe.unchecked(stock.cast):
            return (
                0.0  # a consent ended since, or cannot be read: what is wrong is found, and named, once more
            )
        greeting = stock.take(PhraseKind.GREETING)
        if greeting is not None:
            self._desk.switch = Switch(
                stock.cast, stock, self._desk.stock.take(PhraseKind.FAREWELL), renewed(greeting)
            )
            self._desk.changed.set()
        return 0.5

    def _wanted(self, now: datetime) -> tuple[datetime, Cast] | None:
        found = self._coming(now)
        if found is None:
            self._prepared = None
            self._desk.switch = None
            self._tell(None)
        return found

    def _coming(self, now: datetime) -> tuple[datetime, Cast] | None:
        """The next cast that is not the one on air, and when she is due."""
        current = self._on_air(now)
        cast = self._cast_for(current)
        if cast is not None and not same_role(cast, self._desk.cast):
            return current.since or now, cast
        coming = self._next_change(now)
        if coming is not None:
            cast = self._cast_for(coming[1])
            if cast is not None and not same_role(cast, self._desk.cast):
                return coming[0], cast
        return None

    async def _prepare(self, cast: Cast, at: datetime) -> None:
        parts = {part.value: "waiting" for part in self._fitting.wardrobe.needs(cast)}
        parts |= {Part.LOOK.value: "waiting", Part.GREETING.value: "waiting"}
        begun, forgotten = self._clock(), self._forgotten

        def told(part: Part, state: str) -> None:
            parts[part.value] = state
            self._tell(Next(cast.persona.id, at, "preparing", parts=dict(parts), tries=self._backoff.tries))

        def still() -> bool:
            found = self._coming(self._clock())
            return found is not None and same(found[1], cast)

        told(Part.GREETING, "waiting")
        try:
            stock = await unless(lambda: not still(), self._ready(cast, told), self.wake)
        except DressFailed as failed:
            if failed.loading and self._clock() < at:
                self._backoff.wait(self._clock())
                parts[failed.part.value] = "waiting"
                self._tell(Next(cast.persona.id, at, "preparing", str(failed), parts=dict(parts)))
                return
            self._backoff.failed(self._clock())
            parts[failed.part.value] = "failed"
            self._tell(
                Next(
                    cast.persona.id, at, "failed", str(failed), failed.part.value, dict(parts),
                    self._backoff.tries,
                )
            )  # fmt: skip
            log.warning("a switch is not ready", persona=cast.persona.id, part=failed.part, error=str(failed))
            return
        if stock is None:
            return  # another cast is wanted by now
        if forgotten != self._forgotten:
            return  # it is prepared once more
        took_s = (self._clock() - begun).total_seconds()
        self._prepared = stock
        self._backoff.over()
        self._tell(Next(cast.persona.id, at, "ready", parts=dict(parts), prepared_s=took_s))

    async def _ready(self, plain: Cast, told: Told) -> Stock:
        """The next cast's stock, dressed and with its greeting voiced; raises DressFailed."""
        cast = await self._fitting.fit(plain, told)
        told(Part.GREETING, "preparing")
        with naming(Part.GREETING):
            return await self._greeting(cast, told)

    async def _greeting(self, cast: Cast, told: Told) -> Stock:
        stock = self._stock_for(cast)
        turn = stock.lines[PhraseKind.GREETING]
        await self._voicer.voice(turn[0], lambda: None)
        if turn[0].failed:
            raise DressFailed(Part.GREETING, f"the greeting has no sound: {turn[0].failed}")
        told(Part.GREETING, "ready")
        return stock

    def _tell(self, coming: Next | None) -> None:
        if coming != self.next:
            self.next = coming
            self._told(coming)


def same(one: Cast, other: Cast) -> bool:
    """Whether two casts are the same persona with the same script and the same adapters wanted."""
    return same_role(one, other) and one.versions == other.versions


async def unless(
    changed: Callable[[], bool], work: Coroutine[Any, Any, _T], wake: asyncio.Event
) -> _T | None:
    """What `work` returns, or None where something else came to be wanted meanwhile: then it is given up.

    Raises:
        DressFailed: as `work` does.
    """
    failed: list[DressFailed] = []

    async def guarded() -> _T | None:
        try:
            return await work
        except DressFailed as error:
            failed.append(error)
            return None

    async with asyncio.TaskGroup() as group:
        task = group.create_task(guarded(), name="prepare")
        while not task.done():
            looking = group.create_task(wake.wait(), name="wake")
            await asyncio.wait({task, looking}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            looking.cancel()
            wake.clear()
            if not task.done() and changed():
                task.cancel()
                return None
    if failed:
        raise failed[0]
    return task.result()
