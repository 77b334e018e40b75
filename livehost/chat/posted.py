"""Whether a source that posts to us still does, and whether what it posts can be taken.

There is no connection to look at: only what arrived, what was refused, and for how long nothing did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from livehost.alarms import Alarms

WATCH_S = 1.0
REFUSED_IN_A_ROW = 10  # so many make Douyin drop data; a stray request from the internet is no alarm


class Posted:
    """What became of one source's posts in one room."""

    def __init__(
        self,
        kind: str,
        *,
        room: str,
        alarms: Alarms,
        heeded: Callable[[], bool] = lambda: True,
        silent_s: float = 0.0,
    ) -> None:
        self.kind = kind
        self.events = 0
        self.refused = 0
        self.last_event_at: datetime | None = None
        self.last_refusal = ""
        self._room = room
        self._alarms = alarms
        self._heeded = heeded
        self._silent_s = silent_s
        self._in_a_row = 0
        self._clock = asyncio.get_running_loop().time
        self._since = self._clock()

    def view(self) -> dict[str, Any]:
        """How it stands, for a person."""
        return {
            "kind": self.kind,
            "state": "push",
            "events": self.events,
            "refused": self.refused,
            "last_event_at": None if self.last_event_at is None else self.last_event_at.isoformat(),
            "error": self.last_refusal if self._in_a_row else "",
        }

    def took(self, events: int) -> None:
        """A post was taken and stored."""
        self.events += events
        self.last_event_at = datetime.now(UTC)
        self._in_a_row = 0
        self._since = self._clock()
        self._alarms.clear(self._room, f"source:{self.kind}")

    def refuse(self, code: str) -> None:
        """A post was refused; many in a row while it is needed are an alarm."""
        self.refused += 1
        self._in_a_row += 1
        self.last_refusal = code
        if self._in_a_row >= REFUSED_IN_A_ROW and self._heeded():
            self._tell(
                f"{self.kind} 的推送连续被拒：{code} / its pushes are refused: {code}",
                "核对密钥、时钟和房间号 / check secrets, clock and room",
            )

    async def watch(self) -> None:
        """Raise the alarm when nothing came for `silent_s` while it is needed; 0: never."""
        while True:
            if not self._heeded():
                self._since = self._clock()
                self._alarms.clear(self._room, f"source:{self.kind}")
            elif 0 < self._silent_s <= self._clock() - self._since and not self._in_a_row:
                self._tell(
                    f"{self.kind} 已 {self._silent_s:g} 秒没有推送 / no push for {self._silent_s:g} s",
                    "检查平台上的推送任务、地址和证书 / see the platform's push task, address and certificate",
                )
            await asyncio.sleep(WATCH_S)

    def _tell(self, cause: str, mend: str) -> None:
        self._alarms.raise_(self._room, f"source:{self.kind}", cause, mend)
