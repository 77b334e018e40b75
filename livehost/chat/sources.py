"""A room's sources together: what the webhooks need of them, and the relays that the room runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from livehost.alarms import Alarms
from livehost.chat.events import WEBHOOK, Parsed
from livehost.chat.intake import Intake, Messages, Seen
from livehost.chat.posted import Posted
from livehost.chat.relay import Feed, Inbound, Relay
from livehost.chat.source_settings import (
    BarrageGrabRelay,
    BliveRelay,
    DouyinPush,
    DycastRelay,
    KuaishouPush,
    ObaRelay,
    RelaySource,
    Source,
    WxlivespyForward,
)
from livehost.metrics import Metrics

if TYPE_CHECKING:
    from livehost.settings import Room

_S = TypeVar("_S", bound=Source)

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
        self.posted: dict[str, Posted] = {}
        for source in room.sources:
            kind = source.kind
            more: dict[str, Any] = {"room": room.id, "alarms": alarms, "heeded": heeded}
            match source:
                case ObaRelay() | BarrageGrabRelay() | BliveRelay():
                    self._relays[kind] = Relay(source, self._sink(kind), platform=room.platform, **more)
                case DycastRelay():
                    self._relays[kind] = Inbound(source, self._sink(kind), platform=room.platform, **more)
                case DouyinPush() | KuaishouPush() | WxlivespyForward():
                    self.posted[kind] = Posted(kind, silent_s=source.silent_s, **more)
        if room.webhook.token.get_secret_value() or room.webhook.secret.get_secret_value():
            self.posted[WEBHOOK] = Posted(WEBHOOK, room=room.id, alarms=alarms, heeded=heeded)

    async def take(self, parsed: Parsed, kind: str, *, within_s: float) -> dict[str, int]:
        """Take what a source posted, as `Intake.take` does."""
        counts = await self.intake.take(parsed, kind, within_s=within_s)
        self.posted[kind].took(len(parsed.events))
        return counts

    def refuse(self, kind: str, code: str) -> None:
        """Count a post that is refused."""
        self.intake.count({code: 1})
        self.posted[kind].refuse(code)

    def of(self, model: type[_S]) -> _S | None:
        """The room's source of a kind, if it has one."""
        return next((one for one in self._configured if isinstance(one, model)), None)

    def feed(self, source: RelaySource) -> Feed:
        """What one of the room's relays delivers to."""
        return self._relays[source.kind]

    def work(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """The sources' tasks, by name; each runs for ever."""
        relays = [(f"source {kind}", relay.run) for kind, relay in self._relays.items()]
        return relays + [(f"source {kind}", posted.watch) for kind, posted in self.posted.items()]

    def view(self) -> list[dict[str, Any]]:
        """How each source stands; the plain webhook last, where the room has a token or a secret for it."""
        every: dict[str, Posted | Relay | Inbound] = {**self.posted, **self._relays}
        kinds = [
            *(source.kind for source in self._configured),
            *([WEBHOOK] if WEBHOOK in self.posted else []),
        ]
        return [every[kind].view() for kind in kinds]

    def _sink(self, kind: str) -> Callable[[Parsed], Coroutine[Any, Any, object]]:
        async def take(parsed: Parsed) -> object:
            return await self.intake.take(parsed, kind, within_s=RELAY_STORES_WITHIN_S, resends=False)

        return take
