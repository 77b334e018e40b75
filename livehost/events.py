"""What happens in the rooms, as events for whoever listens (`GET /v1/events`, the alarms, tests).

Publishing never blocks and never fails: each listener has a bounded queue, and one that lags loses
its oldest events and is told how many (`missed`), so that it can read the rooms afresh.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

KEPT: Final = 512
QUEUED: Final = 256


@dataclass(frozen=True)
class Event:
    """One thing that happened in a room; `id` counts up within this process."""

    id: int
    room: str
    kind: str
    data: dict[str, Any]
    at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The event as it travels."""
        return {
            "id": self.id,
            "room": self.room,
            "kind": self.kind,
            "at": self.at.isoformat(timespec="milliseconds"),
            "data": self.data,
        }


@dataclass(eq=False)
class Subscription:
    """One listener's bounded queue. Iterate it; it ends when the bus closes."""

    limit: int = QUEUED
    missed: int = 0
    closed: bool = False
    _held: deque[Event] = field(default_factory=deque)
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Event) -> None:
        """Add an event; when full the oldest goes and is counted as missed."""
        if len(self._held) >= self.limit:
            self._held.popleft()
            self.missed += 1
        self._held.append(event)
        self._filled.set()

    def close(self) -> None:
        """End the iteration after what is held."""
        self.closed = True
        self._filled.set()

    def take_missed(self) -> int:
        """How many events were lost since this was last asked."""
        missed, self.missed = self.missed, 0
        return missed

    async def __aiter__(self) -> AsyncGenerator[Event, None]:
        while True:
            while self._held:
                yield self._held.popleft()
            if self.closed:
                return
            self._filled.clear()
            await self._filled.wait()


class EventBus:
    """Hands every event to every listener, and keeps the last ones for who reconnects."""

    def __init__(self, *, kept: int = KEPT, queued: int = QUEUED) -> None:
        self._listeners: set[Subscription] = set()
        self._recent: deque[Event] = deque(maxlen=kept)
        self._queued = queued
        self._last_id = 0
        self._closed = False

    def publish(self, room: str, kind: str, data: dict[str, Any]) -> Event:
        """Tell every listener; returns at once. Call it on the event loop's thread."""
        self._last_id += 1
        event = Event(self._last_id, room, kind, data, datetime.now(UTC))
        self._recent.append(event)
        for listener in self._listeners:
            listener.put(event)
        return event

    @contextmanager
    def subscribe(self, after: int | None = None) -> Iterator[Subscription]:
        """Listen while the block runs; `after` first repeats the kept events newer than that id."""
        listener = Subscription(limit=self._queued)
        if after is not None and after <= self._last_id:
            repeat = [event for event in self._recent if event.id > after]
            oldest = self._recent[0].id if self._recent else self._last_id + 1
            listener.missed = max(0, oldest - after - 1)
            for event in repeat[-self._queued :]:
                listener.put(event)
        if self._closed:
            listener.close()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """End every listener's iteration; later ones end at once."""
        self._closed = True
        for listener in self._listeners:
            listener.close()
