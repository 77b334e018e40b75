"""Whether a show is there: a pure reading of when it was last heard from.

It is there while it is connected, said Alive within `ALIVE_S`, and either is quiet on purpose or
has answered a Want within `WANT_S`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ALIVE_S = 3.0
WANT_S = 6.0


@dataclass(frozen=True, slots=True)
class ShowWatch:
    """What is known about the show, in monotonic seconds; `None` is never."""

    since: float
    connected: bool = False
    alive_at: float | None = None
    quiet: bool = False
    wanting_since: float | None = None

    def joined(self, now: float) -> ShowWatch:
        """A show connected."""
        return ShowWatch(since=now, connected=True, alive_at=now)

    def left(self, now: float) -> ShowWatch:
        """The show's connection closed."""
        return ShowWatch(since=now) if self.connected else self

    def alive(self, now: float, quiet: bool) -> ShowWatch:
        """The show said Alive."""
        return replace(self, alive_at=now, quiet=quiet, wanting_since=None if quiet else self.wanting_since)

    def wanted(self, now: float) -> ShowWatch:
        """A Want stands unanswered."""
        if self.wanting_since is not None or self.quiet:
            return self
        return replace(self, wanting_since=now)

    def answered(self, now: float) -> ShowWatch:
        """A phrase came."""
        return replace(self, wanting_since=None, alive_at=now)

    def present(self, now: float) -> bool:
        """Whether the show can be counted on."""
        if not self.connected or self.alive_at is None or now - self.alive_at > ALIVE_S:
            return False
        return self.quiet or self.wanting_since is None or now - self.wanting_since <= WANT_S

    def gone_s(self, now: float) -> float:
        """For how long no show has been there at all (not connected, or silent)."""
        if self.connected and self.alive_at is not None:
            silent = now - self.alive_at
            return silent if silent > ALIVE_S else 0.0
        return now - self.since
