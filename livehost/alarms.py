"""What needs a person: a cause and a mend, told to the page at once and to a chat group soon after.

The set of standing alarms is the state; the worker of `Alarms` makes what was told follow it. So a
burst, a flapping link or a group chat that is down never queues up more than one message an alarm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol

import structlog

from livehost.events import EventBus
from livehost.metrics import Metrics

RETRY_S = 20.0
QUIET_S = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Alarm:
    """Something that a person must know; `key` names it within the room (`output:kuaishou`)."""

    room: str
    key: str
    cause: str
    mend: str
    since: datetime

    def as_dict(self) -> dict[str, Any]:
        """The alarm as the API shows it."""
        return {
            "room": self.room,
            "key": self.key,
            "cause": self.cause,
            "mend": self.mend,
            "since": self.since.isoformat(timespec="seconds"),
        }


class Told(Protocol):
    """Somewhere that alarms are told to; raises when it could not."""

    async def tell(self, alarm: Alarm, *, over: bool) -> None:
        """Say that the alarm stands, or that it is over."""


class Alarms:
    """The alarms that stand. Raise and clear are instant; `async with` tells them onwards.

    The same alarm raised again changes its words, not its time. One that comes back within
    `quiet_s` is told only after that, once, if it then stands.
    """

    def __init__(
        self,
        events: EventBus,
        metrics: Metrics | None = None,
        told: Sequence[Told] = (),
        *,
        retry_s: float = RETRY_S,
        quiet_s: float = QUIET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._events = events
        self._metrics = metrics
        self._told = tuple(told)
        self._retry_s = retry_s
        self._quiet_s = quiet_s
        self._clock = clock
        self._standing: dict[tuple[str, str], Alarm] = {}
        self._said: dict[tuple[str, str], Alarm] = {}
        self._said_at: dict[tuple[str, str], float] = {}
        self._changed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def raise_(self, room: str, key: str, cause: str, mend: str) -> None:
        """An alarm stands from now on."""
        before = self._standing.get((room, key))
        if before and (before.cause, before.mend) == (cause, mend):
            return
        alarm = Alarm(room, key, cause, mend, before.since if before else datetime.now(UTC))
        self._standing[room, key] = alarm
        self._tell_page(alarm, over=False)

    def clear(self, room: str, key: str) -> None:
        """An alarm is over; one that did not stand is nothing."""
        alarm = self._standing.pop((room, key), None)
        if alarm:
            self._tell_page(alarm, over=True)

    def current(self, room: str | None = None) -> tuple[Alarm, ...]:
        """The alarms that stand, oldest first."""
        return tuple(
            sorted(
                (alarm for alarm in self._standing.values() if room is None or alarm.room == room),
                key=lambda alarm: (alarm.since, alarm.room, alarm.key),
            )
        )

    def _tell_page(self, alarm: Alarm, *, over: bool) -> None:
        self._events.publish(alarm.room, "alarm", {**alarm.as_dict(), "over": over})
        if self._metrics:
            self._metrics.alarms.labels(alarm.room).set(len(self.current(alarm.room)))
        self._changed.set()

    # ---- telling onwards ------------------------------------------------------------------

    async def __aenter__(self) -> Alarms:
        if self._told:
            self._worker = asyncio.create_task(self._keep_told(), name="alarms")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None

    async def _keep_told(self) -> None:
        """Tell each difference between what stands and what was said; come back for what failed."""
        while True:
            self._changed.clear()
            wait_s = await self._tell_differences()
            try:
                await asyncio.wait_for(self._changed.wait(), wait_s)
            except TimeoutError:
                continue

    async def _tell_differences(self) -> float | None:
        """Tell what can be told now; returns how long until something else may be told."""
        waits: list[float] = []
        for key in sorted(self._standing.keys() | self._said.keys()):
            standing, said = self._standing.get(key), self._said.get(key)
            if standing == said or (standing and said and standing.since == said.since):
                continue
            quiet_left = self._said_at.get(key, -self._quiet_s) + self._quiet_s - self._clock()
            if standing and quiet_left > 0:
                waits.append(quiet_left)
            elif not await self._tell(key, standing, said):
                waits.append(self._retry_s)
        return min(waits) if waits else None

    async def _tell(self, key: tuple[str, str], standing: Alarm | None, said: Alarm | None) -> bool:
        over = standing is None
        alarm = standing or said
        assert alarm is not None
        try:
            for place in self._told:
                await place.tell(alarm, over=over)
        except Exception as error:  # told again after `retry_s`; an alarm may not end the alarms
            _log.warning("alarm not told", room=alarm.room, key=alarm.key, error=repr(error))
            return False
        self._said_at[key] = self._clock()
        if standing:
            self._said[key] = standing
        else:
            self._said.pop(key, None)
        return True
