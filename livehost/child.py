"""One process that the supervisor keeps: how it is started, and when it last showed progress."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

PROGRESS_S = 10.0
START_S = 60.0
LAST_BACKOFF_S = 5.0


@dataclass
class Child:
    """A supervised process.

    It is killed after `start_s` without a first sign of progress, and after `progress_s` without
    another; what exits is started again after a wait that doubles up to `last_backoff_s`. One with
    `waits_for` is started when that is set (or soon anyway); `settled` says that it has loaded.
    """

    name: str
    command: list[str]
    nice: int = 0
    env: dict[str, str] = field(default_factory=dict)
    progress_s: float = PROGRESS_S
    start_s: float = START_S
    last_backoff_s: float = LAST_BACKOFF_S
    waits_for: asyncio.Event | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: int = 0
    process: asyncio.subprocess.Process | None = None
    started: float = 0.0
    progress: float = 0.0

    @property
    def pid(self) -> int:
        """Its process id, 0 while it is down."""
        return self.process.pid if self.process is not None and self.process.returncode is None else 0
