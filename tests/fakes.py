"""Scripted stand-ins that tests share: a house with rooms that do as they are told and remember it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from livehost.adapter_desk import AdapterDesk
from livehost.alarms import Alarms
from livehost.api import create_api
from livehost.catalog import Catalog
from livehost.chat.events import ChatEvent
from livehost.chat.sources import Sources
from livehost.events import EventBus
from livehost.faq_desk import FaqDesk
from livehost.journal_export import Span, without_names
from livehost.metrics import Metrics
from livehost.refused import Refused
from livehost.settings import AdapterVersions, Models, Settings, Token
from livehost.store.protocol import Accepted, ChatMessage, Store
from livehost.store.sqlite import open_sqlite
from tests.fake_duty import FakeDuty
from tests.scripted_engines import a_wardrobe

TOKENS = {
    "viewer": "viewer-token-0123456789",
    "operator": "operator-token-0123456789",
    "duty": "duty-token-0123456789",
    "trainer": "trainer-token-0123456789",
}
WEBHOOK_SECRET = "webhook-secret"
WEBHOOK_TOKEN = "webhook-token"

CATALOG = {
    "products": [
        {
            "id": "cleanser-01",
            "link": 3,
            "name": "氨基酸洁面乳",
            "category": "cosmetics",
            "price": "59.00",
            "coupon": {"amount": "10.00", "threshold": "59.00", "until": "2099-12-31T23:59:59+08:00"},
            "stock": 328,
        },
        {"id": "honey-02", "link": 5, "name": "洋槐蜂蜜", "category": "food", "price": "39.90", "stock": 0},
    ],
    "shop": {"name": "棠小铺"},
}


def persona(persona_id: str, name: str) -> dict[str, Any]:
    """A persona's configuration, as small as it may be."""
    return {
        "id": persona_id,
        "name": name,
        "look": "builtin:morning",
        "voice": {"chain": [{"kind": "espeak", "voice": "cmn"}]},
        "style": {"self_name": name},
        "greeting": ["早上好"],
        "farewell": ["再见"],
        "bridges": ["稍等"],
        "resumes": ["我们接着说"],
        "reserve": ["欢迎来到直播间", "喜欢的可以点个关注"],
        "disclosure": ["我是数字人主播"],
    }


def settings(state_dir: Path, rooms: Sequence[Mapping[str, Any]] = ({"id": "room-a"},)) -> Settings:
    """A valid configuration with two personas and one rundown."""
    webhook = {"secret": WEBHOOK_SECRET, "token": WEBHOOK_TOKEN}
    return Settings.model_validate(
        {
            "state_dir": state_dir,
            "catalog": state_dir / "catalog.yaml",
            "rooms": [{"webhook": webhook, "default_persona": "xiaotang", **room} for room in rooms],
            "personas": [persona("xiaotang", "小棠"), persona("laochen", "陈叔")],
            "rundowns": [{"id": "skincare", "segments": [{"id": "hello", "wordings": ["大家好"]}]}],
        }
    )


def idle_view(room: str) -> dict[str, Any]:
    """What a room that rests shows."""
    return {
        "life": "off",
        "session": None,
        "mode": "auto",
        "cut": False,
        "on_air": {"persona": "xiaotang", "name": "小棠", "rundown": "skincare", "slot": None},
        "next": None,
        "wearing": {"state": "plain", "error": "", "part": "", "parts": {}, "language": None, "visual": None},
        "now": None,
        "coming": [],
        "playout": {"pid": 4711, "connected": True},
        "outputs": [],
        "counters": {"answers_waiting": 0, "frames": 0, "late_frames": 0},
    }


@dataclass
class FakeRoom:
    """A room that remembers what it was asked. `refuses` makes the next calls refuse."""

    id: str
    store: Store
    base: Catalog
    media_socket: Path
    shown: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    refuses: Refused | None = None
    fails: Exception | None = None
    changed: Catalog | None = None
    seen: list[ChatEvent] = field(default_factory=list)
    sources: Sources = field(init=False)
    duty: FakeDuty = field(init=False)

    def _take(self, *what: Any) -> None:
        self.asked.append(what)
        if self.refuses is not None:
            raise self.refuses
        if self.fails is not None:
            raise self.fails

    async def view(self) -> dict[str, Any]:
        return {**idle_view(self.id), **self.shown, "duty": self.duty.summary()}

    def mode(self) -> str:
        return str(self.shown.get("mode", "auto"))

    async def rehearse(self) -> None:
        self._take("rehearse")
        self.shown["life"] = "rehearsal"

    async def open(self) -> None:
        self._take("open")
        self.shown["life"] = "on_air"

    async def close(self) -> None:
        self._take("close")
        self.shown["life"] = "ended"

    async def say(self, text: str, urgent: bool, by: str, *, confirmed: bool = False) -> dict[str, Any]:
        self._take("say", text, urgent, by, *(("confirmed",) if confirmed else ()))
        return {"id": "line-1", "phrases": [text], "verdict": "pass"}

    async def control(self, action: str, by: str) -> None:
        self._take("control", action, by)
        match action:
            case "cut" | "uncut":
                self.shown["cut"] = action == "cut"
            case "auto" | "review" | "manual" | "script_only":
                self.shown["mode"] = action
            case "take_over" | "hand_back":
                self.duty.taken_by = by if action == "take_over" else ""
            case "pause" | "resume":
                self.shown["mode"] = "paused" if action == "pause" else "auto"

    async def switch(
        self, persona: str, rundown: str | None, adapters: AdapterVersions | None, until: datetime | None
    ) -> dict[str, Any]:
        self._take("switch", persona, rundown, adapters, until)
        coming = {"persona": persona, "state": "preparing", "error": "", "part": "", "parts": {}}
        return {"override": {"persona": persona}, "next": coming, "wearing": self.shown.get("wearing")}

    async def messages(self, messages: list[ChatMessage]) -> Accepted:
        self._take("messages", len(messages))
        return await self.store.accept(self.id, messages)

    def events_seen(self, events: list[ChatEvent]) -> None:
        self.seen += events

    def catalog(self) -> Catalog:
        return self.changed or self.base

    async def reload_timetable(self) -> None:
        self._take("reload_timetable")

    async def reload_outputs(self) -> None:
        self._take("reload_outputs")

    async def reload_catalog(self) -> None:
        self._take("reload_catalog")
        changes = await self.store.product_changes(self.id)
        self.changed = self.base.with_changes({key: one.values for key, one in changes.items()})


@dataclass
class FakeJournal:
    """A journal whose entries a test sets, by room and session."""

    entries: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)

    async def transcript(
        self, room: str, session: str, after: int = 0, limit: int = 100
    ) -> Sequence[Mapping[str, Any]]:
        return self.entries.get((room, session), [])[after : after + limit]

    async def flush(self) -> bool:
        return True

    def records(self, room: str, span: Span, *, names: bool = True) -> Iterator[dict[str, Any]]:
        for (of, session), entries in self.entries.items():
            for entry in entries if of == room else ():
                found = {"session": session, **entry}
                yield found if names else without_names(found)


@dataclass
class FakeHouse:
    """What the API is given in tests."""

    settings: Settings
    store: Store
    recordings: Path
    red_button_url: str = "http://127.0.0.1:8081"
    tokens: tuple[Token, ...] = ()
    journal: FakeJournal = field(default_factory=FakeJournal)
    events: EventBus = field(default_factory=EventBus)
    metrics: Metrics = field(default_factory=Metrics)
    rooms: dict[str, FakeRoom] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wardrobe = a_wardrobe(self.recordings.parent, "xiaotang")
        models = Models.model_validate({"language": {"engine": "embedded"}, "vision": {"engine": "embedded"}})
        self.adapters = AdapterDesk(models, self.wardrobe, lambda: ())
        self.alarms = Alarms(self.events, self.metrics)
        self.faq = FaqDesk(
            self.store,
            catalogs=lambda: [room.catalog() for room in self.rooms.values()],
            personas=[one.id for one in self.settings.personas],
        )


@asynccontextmanager
async def open_house(
    folder: Path, rooms: Sequence[Mapping[str, Any]] = ({"id": "room-a"}, {"id": "room-b"})
) -> AsyncIterator[FakeHouse]:
    """A house over a real embedded store, with fake rooms."""
    configured = settings(folder, rooms)
    async with open_sqlite(folder / "state.sqlite", {}) as store:
        house = FakeHouse(
            configured,
            store,
            folder / "recordings",
            tokens=tuple(Token.model_validate({"role": r, "token": t}) for r, t in TOKENS.items()),
        )
        catalog = Catalog.parse(CATALOG)
        for room in configured.rooms:
            fake = FakeRoom(room.id, store, catalog, folder / f"{room.id}.sock")
            fake.sources = Sources(
                room,
                messages=fake.messages,
                seen=fake.events_seen,
                alarms=house.alarms,
                metrics=house.metrics,
            )
            fake.duty = FakeDuty(room.id, store, house.events, fake.mode, room.title)
            house.rooms[room.id] = fake
        yield house


@asynccontextmanager
async def open_client(house: FakeHouse, role: str | None = "duty") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API, with a role's token (or none). Server errors are answers, not exceptions."""
    transport = httpx.ASGITransport(app=create_api(house), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8080", headers=headers
    ) as client:
        yield client


@asynccontextmanager
async def fake_media(socket: Path, parts: Mapping[str, Sequence[bytes]]) -> AsyncIterator[list[str]]:
    """A playout's media socket that sends given bytes for each wish, then closes; yields the wishes."""
    wished: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wish = (await reader.readline()).decode().strip()
        wished.append(wish)
        for part in parts.get(wish, ()):
            writer.write(part)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, str(socket))
    try:
        yield wished
    finally:
        server.close()
