"""What the rooms of one show share: configuration, store, journal, events, figures and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from livehost.adapter_desk import AdapterDesk, Wearing
from livehost.alarms import Alarms
from livehost.catalog import Catalog
from livehost.events import EventBus
from livehost.faq_desk import FaqDesk
from livehost.journal import Journal
from livehost.metrics import Metrics
from livehost.promotion import named_in
from livehost.settings import Settings, Token
from livehost.store.protocol import Store
from livehost.wardrobe import Wardrobe
from services import wire

if TYPE_CHECKING:
    from livehost.room import Room


@dataclass
class House:
    """The show's shared parts and its rooms."""

    settings: Settings
    catalog: Catalog
    store: Store
    journal: Journal
    events: EventBus
    metrics: Metrics
    alarms: Alarms
    tokens: tuple[Token, ...]
    red_button_url: str
    recordings: Path
    wardrobe: Wardrobe
    rooms: dict[str, Room] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wardrobe.zones = {room.id: ZoneInfo(room.zone) for room in self.settings.rooms}
        self.adapters = AdapterDesk(
            self.settings.models, self.wardrobe, self._worn, named=named_in(self.settings)
        )

        self.faq = FaqDesk(
            self.store,
            catalogs=lambda: [room.catalog() for room in self.rooms.values()] or [self.catalog],
            personas=[one.id for one in self.settings.personas],
            changed=self._book_changed,
        )

    def _book_changed(self, entry_id: str) -> None:
        for room in self.rooms.values():
            self.events.publish(room.id, "faq", {"entry": entry_id})
            room.desk.changed.set()

    def _worn(self) -> Iterator[Wearing]:
        for room in self.rooms.values():
            on_air = room.desk.cast if room.is_open else None
            yield Wearing(room.id, on_air, room.changes.switch.prepared)

    @property
    def ready(self) -> Mapping[str, bool]:
        """What must be there before this show serves: each room's playout."""
        return {room_id: room.link.connected for room_id, room in self.rooms.items()}

    def watch_outputs(self, room: str, before: wire.Status | None, status: wire.Status) -> None:
        """Raise and clear alarms for a room's destinations and its recording."""
        for output in status.outputs:
            key = f"output:{output.name}"
            if output.state is wire.OutputState.NEEDS_KEY:
                self.alarms.raise_(room, key, output.error or "the push key was refused", output.mend)
            elif output.state in (wire.OutputState.LIVE, wire.OutputState.STOPPED):
                self.alarms.clear(room, key)
        gone = {output.name for output in before.outputs} if before else set()
        for name in gone - {output.name for output in status.outputs}:
            self.alarms.clear(room, f"output:{name}")
        if before is None or before.outputs != status.outputs:
            for output in status.outputs:
                self.events.publish(
                    room,
                    "output",
                    {
                        "name": output.name,
                        "state": output.state.value,
                        "error": output.error,
                        "mend": output.mend,
                    },
                )
        if status.recording_error:
            self.alarms.raise_(room, "recording", status.recording_error, "腾出磁盘空间 / free disk space")
        else:
            self.alarms.clear(room, "recording")
