"""A room's sources together: what the webhooks need of them, and the relays that the room runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from livehost.alarms import Alarms
from livehost.chat.events import Parsed
from livehost.chat.intake import Intake, Messages, Seen
from livehost.chat.relay import Feed, Inbound, Relay
from livehost.chat.source_settings import (
    BarrageGrabRelay,
    BliveRelay,
    DouyinPush,
    DycastRelay,
    KuaishouPush,
    ObaRelay,
    Source,
    WxlivespyForward,
)
from livehost.metrics import Metrics

if TYPE_CHECKING:
    from livehost.settings import Room

RELAY_STORES_WITHIN_S = 10.0


class Sources:
    """Every source of one room."""

    def __init__(
        self,
        room: Room,
        *,
        messages: Messages,
        seen: Seen,
        alarms: Alarms,
        metrics: Metrics,
        heeded: Callable[[], bool] = lambda: True,
    ) -> None:
        self.intake = Intake(room.id, messages=messages, seen=seen, metrics=metrics)
        self._configured = room.sources
        self._relays: dict[str, Relay | Inbound] = {}
        for source in room.sources:
            more: dict[str, Any] = {
                "room": room.id, "alarms": alarms, "heeded": heeded, "platform": room.platform
            }  # fmt: skip
            match source:
                case ObaRelay() | BarrageGrabRelay() | BliveRelay():
                    self._relays[source.kind] = Relay(source, self._sink(source.kind), **more)
                case DycastRelay():
                    self._relays[source.kind] = Inbound(source, self._sink(source.kind), **more)
                case DouyinPush() | KuaishouPush() | WxlivespyForward():
                    pass  # they post to the API

    def douyin(self) -> DouyinPush | None:
        """The room's Douyin push, if it has one."""
        return next((one for one in self._configured if isinstance(one, DouyinPush)), None)

    def kuaishou(self) -> KuaishouPush | None:
        """The room's Kuaishou push, if it has one."""
        return next((one for one in self._configured if isinstance(one, KuaishouPush)), None)

    def wxlivespy(self) -> WxlivespyForward | None:
        """The room's wxlivespy, if it has one."""
        return next((one for one in self._configured if isinstance(one, WxlivespyForward)), None)

    def dycast(self) -> tuple[DycastRelay, Feed] | None:
        """The room's dycast and its feed, if it has one."""
        for one in self._configured:
            if isinstance(one, DycastRelay):
                return one, self._relays[one.kind]
        return None

    def work(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """The relays' tasks, by name; each runs for ever."""
        return [(f"source {kind}", relay.run) for kind, relay in self._relays.items()]

    def view(self) -> list[dict[str, Any]]:
        """How each source stands; a push has no connection that could be lost."""
        return [self._shown(source) for source in self._configured]

    def _shown(self, source: Source) -> dict[str, Any]:
        relay = self._relays.get(source.kind)
        return {"kind": source.kind, "state": "push"} if relay is None else relay.view()

    def _sink(self, kind: str) -> Callable[[Parsed], Coroutine[Any, Any, object]]:
        async def take(parsed: Parsed) -> object:
            return await self.intake.take(parsed, kind, within_s=RELAY_STORES_WITHIN_S)

        return take
