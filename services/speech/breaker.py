"""A circuit breaker: an engine that fails twice rests, then one probe decides."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

FAILURES_TO_OPEN = 2
REST_S = 60.0


class BreakerState(StrEnum):
    """Where an engine stands."""

    CLOSED = "closed"  # It is asked.
    OPEN = "open"  # It rests and is not asked.
    HALF_OPEN = "half_open"  # Its rest is over; the next ask is a probe.


class Breaker:
    """Counts an engine's failures in a row."""

    def __init__(self, clock: Callable[[], float], *, rest_s: float = REST_S) -> None:
        self._clock = clock
        self._rest_s = rest_s
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False
        self.last_error = ""

    @property
    def state(self) -> BreakerState:
        """Closed, open or due for a probe."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        rested = self._clock() - self._opened_at >= self._rest_s
        return BreakerState.HALF_OPEN if rested and not self._probing else BreakerState.OPEN

    def admit(self) -> bool:
        """Whether the engine may be asked now; admitting in half-open makes this ask the probe."""
        state = self.state
        if state is BreakerState.HALF_OPEN:
            self._probing = True
        return state is not BreakerState.OPEN

    def succeeded(self) -> None:
        """The engine answered."""
        self._failures, self._opened_at, self._probing, self.last_error = 0, None, False, ""

    def failed(self, error: str, *, for_good: bool = False) -> None:
        """The engine failed; `for_good` opens at once."""
        self.last_error = error
        self._failures += FAILURES_TO_OPEN if for_good else 1
        if self._failures >= FAILURES_TO_OPEN or self._probing:
            self._opened_at = self._clock()
        self._probing = False

    def abandoned(self) -> None:
        """An ask was cancelled: it says nothing about the engine."""
        self._probing = False
