"""Hands a room what its sources bring: comments are stored, all else is told to the room.

Stored first, acknowledged after. A store that is slow costs the platform an honest error in time,
so that it sends again; the storing goes on meanwhile, and what comes twice is counted once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

import structlog

from livehost.chat.events import ChatEvent, Kind, Parsed
from livehost.metrics import Metrics
from livehost.store.protocol import Accepted, ChatMessage, StoreUnavailable

MAX_STORING = 20_000  # messages that are being stored at once; more are refused until some are done
MAX_REMEMBERED = 20_000  # ids of events that were told to the room; the oldest are forgotten

_log = structlog.get_logger(__name__)

Messages = Callable[[list[ChatMessage]], Coroutine[Any, Any, Accepted]]
Seen = Callable[[list[ChatEvent]], None]


class StoreSlow(StoreUnavailable):
    """The store did not answer in time; the same may be sent again."""


class Intake:
    """One room's way in."""

    def __init__(self, room: str, *, messages: Messages, seen: Seen, metrics: Metrics) -> None:
        self._room = room
        self._messages = messages
        self._seen = seen
        self._metrics = metrics
        self._storing: set[asyncio.Task[Accepted]] = set()
        self._waiting = 0
        self._told: OrderedDict[str, None] = OrderedDict()

    async def take(
        self, parsed: Parsed, source: str, *, within_s: float, resends: bool = True
    ) -> dict[str, int]:
        """Store the comments, then tell of the rest; raises StoreError, StoreSlow after `within_s`.

        Test traffic is told of, marked as such, and never becomes a question. Says how many were
        accepted, duplicate, rejected, and so on. From a source that never sends again (`resends` False),
        comments count as taken while the store is away: the room answers them from memory and stores
        them when it is back.
        """
        comments = [
            event.as_message(source)
            for event in parsed.events
            if event.kind is Kind.COMMENT and not event.test
        ]
        try:
            stored = await self.store(comments, within_s=within_s)
        except StoreSlow:
            raise
        except StoreUnavailable:
            if resends:
                raise
            stored = Accepted(accepted=len(comments))
        others = [event for event in parsed.events if event.kind is not Kind.COMMENT or event.test]
        told = self.tell(others)
        counts = {
            "accepted": stored.accepted + told,
            "duplicate": stored.duplicate + len(others) - told,
            "rejected": stored.rejected + sum(parsed.rejected.values()),
            "unknown": sum(parsed.unknown.values()),
            "own": parsed.own,
            "test": sum(event.test for event in others),
        }
        self.count(counts)
        return counts

    def tell(self, events: Iterable[ChatEvent]) -> int:
        """Tell the room of events that are new to it; returns how many they were."""
        fresh = [event for event in events if self._first_time(event)]
        if fresh:
            self._seen(fresh)
        return len(fresh)

    def count(self, results: Mapping[str, int]) -> None:
        """Count what became of messages, by result."""
        for result, count in results.items():
            self._metrics.webhook_messages_total.labels(self._room, result).inc(count)

    async def store(self, comments: list[ChatMessage], *, within_s: float) -> Accepted:
        """Store messages, or raise StoreError; StoreSlow after `within_s`, while the storing goes on."""
        if not comments:
            return Accepted()
        if self._waiting and self._waiting + len(comments) > MAX_STORING:
            raise StoreSlow(f"{self._waiting} messages wait to be stored")
        self._waiting += len(comments)
        task = asyncio.create_task(self._messages(comments), name=f"room {self._room}: store messages")
        self._storing.add(task)
        task.add_done_callback(lambda done: self._stored(done, len(comments)))
        done, _ = await asyncio.wait({task}, timeout=within_s)
        if not done:
            raise StoreSlow(f"not stored within {within_s:g} s")
        return task.result()

    def _stored(self, task: asyncio.Task[Accepted], messages: int) -> None:
        """Look at how a storing ended, also where nobody waits for it any longer."""
        self._storing.discard(task)
        self._waiting -= messages
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("messages not stored", room=self._room, error=repr(error))

    def _first_time(self, event: ChatEvent) -> bool:
        key = f"{event.platform}\0{event.kind.value}\0{event.id}"
        if key in self._told:
            return False
        self._told[key] = None
        if len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)
        return True
