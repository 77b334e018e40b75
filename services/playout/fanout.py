"""One encoded stream to many takers, each behind a bounded queue of its own.

Drop policy, by the span of timestamps that waits (after OBS): over `SOFT_LIMIT_S` the waiting
pictures that are not keyframes are dropped, and those that follow until the next keyframe; over
`HARD_LIMIT_S` older keyframes go too. Sound is never dropped while a taker is attached; a taker that
does not move is cut off by its owner.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from services.playout.flv import Opening, Tag, TagKind

SOFT_LIMIT_S = 0.9
HARD_LIMIT_S = 1.5


class Subscription:
    """A taker's queue. It starts at a keyframe, and its timestamps start at 0."""

    def __init__(self, name: str, wake: Callable[[], None], *, soft_limit_s: float = SOFT_LIMIT_S) -> None:
        self.name = name
        self.dropped_frames = 0
        self.opening = Opening()
        self.ended = False
        self._wake = wake
        self._soft_ms = soft_limit_s * 1000
        self._hard_ms = max(HARD_LIMIT_S, soft_limit_s * 5 / 3) * 1000
        self._tags: deque[Tag] = deque()
        self._lock = threading.Lock()
        self._base_ms: int | None = None
        self._wait_for_key = True

    def push(self, tag: Tag) -> None:
        """Take a tag from the clock's thread; never blocks."""
        with self._lock:
            if not self._accepts(tag):
                return
            self._tags.append(tag)
            self._shorten()
        self._wake()

    def pop(self) -> tuple[Tag, int] | None:
        """The next tag with its timestamp from this taker's zero, or None when none waits."""
        with self._lock:
            if not self._tags or self._base_ms is None:
                return None
            tag = self._tags.popleft()
            return tag, max(0, tag.ts_ms - self._base_ms)

    def end(self) -> None:
        """No more tags will come; what waits may still be taken."""
        self.ended = True
        self._wake()

    @property
    def queue_s(self) -> float:
        """How much of the stream waits, by timestamps."""
        with self._lock:
            return self._span_ms() / 1000

    def _accepts(self, tag: Tag) -> bool:
        if tag.header:
            return False
        if self._base_ms is None:
            if not tag.key:
                return False
            self._base_ms = tag.ts_ms
        if tag.kind is TagKind.AUDIO:
            return tag.ts_ms >= self._base_ms
        if tag.key:
            self._wait_for_key = False
        elif self._wait_for_key:
            self.dropped_frames += 1
            return False
        return True

    def _shorten(self) -> None:
        span = self._span_ms()
        if span <= self._soft_ms:
            return
        newest_key = next((tag for tag in reversed(self._tags) if tag.key), None)
        kept: deque[Tag] = deque()
        broken = False
        for tag in self._tags:
            if tag.kind is TagKind.AUDIO or tag is newest_key or (tag.key and span <= self._hard_ms):
                kept.append(tag)
                broken = broken and not tag.key
            else:
                self.dropped_frames += 1
                broken = True
        self._wait_for_key = self._wait_for_key or broken
        self._tags = kept

    def _span_ms(self) -> float:
        return self._tags[-1].ts_ms - self._tags[0].ts_ms if self._tags else 0.0


class Fanout:
    """Hands each tag to every subscription and keeps the opening for those that join."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._opening = Opening()

    @property
    def opening(self) -> Opening:
        """The header tags so far."""
        return self._opening

    def publish(self, tag: Tag) -> None:
        """Hand on one tag; called by the clock's thread only."""
        if tag.header:
            self._opening = self._opening.with_tag(tag)
        for subscription in self._subscriptions:
            subscription.opening = self._opening
            subscription.push(tag)

    def add(self, subscription: Subscription) -> None:
        """Attach a taker."""
        with self._lock:
            subscription.opening = self._opening
            self._subscriptions = (*self._subscriptions, subscription)

    def remove(self, subscription: Subscription) -> None:
        """Detach a taker; harmless when it is gone already."""
        with self._lock:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

    def end(self) -> None:
        """The stream is over: every taker is told, and the opening is forgotten."""
        with self._lock:
            gone, self._subscriptions = self._subscriptions, ()
            self._opening = Opening()
        for subscription in gone:
            subscription.end()
