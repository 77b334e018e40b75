"""The show's composition root: settings -> objects -> the API with its lifespan.

Tests build a show by the same functions and pass scripted voices or writers.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from livehost import answers
from livehost.alarm_push import chat_pushes
from livehost.alarms import Alarms
from livehost.catalog import Catalog
from livehost.chat.inbox import is_noise
from livehost.chat.moderation import moderated_name, moderated_question
from livehost.compliance import context
from livehost.engine_watch import EngineWatch
from livehost.engines import EngineClient
from livehost.events import EventBus
from livehost.house import House
from livehost.journal import Journal
from livehost.journal_keeping import keep
from livehost.library import Library
from livehost.metrics import Metrics
from livehost.model_writer import ModelWriter
from livehost.room import Room
from livehost.runtime import Places
from livehost.secret_values import secret_values
from livehost.settings import Room as RoomSettings
from livehost.settings import Settings
from livehost.store import open_store
from livehost.tasks import Tasks
from livehost.wardrobe import Engines, Role, Wardrobe, wanted

if TYPE_CHECKING:
    import uvicorn

    from livehost.voicing import Voices
    from livehost.writer import Writer

log = structlog.get_logger(__name__)

OPEN_WITHIN_S = 30.0


@asynccontextmanager
async def open_house(
    settings: Settings,
    *,
    voices: Voices | None = None,
    writer: Writer | None = None,
    engines: Engines | None = None,
    warmed: Callable[[], None] = lambda: None,
) -> AsyncIterator[House]:
    """The house with its rooms running; all of it ends with the block.

    `warmed` is called once the tables by which words are understood and reviewed are built.
    """
    places = Places(settings.state_dir)
    async with AsyncExitStack() as stack:
        if voices is None:
            from services.speech import Speaker

            voices = await stack.enter_async_context(Speaker(places.speech))
        store = await stack.enter_async_context(open_store(settings))
        events = EventBus()
        stack.callback(events.close)
        metrics = Metrics()
        told = await stack.enter_async_context(chat_pushes(settings.alarms))
        alarms = await stack.enter_async_context(Alarms(events=events, metrics=metrics, told=told))
        journal = await stack.enter_async_context(
            Journal(places.journal, secrets=secret_values(settings), alarm=_journal_alarm(alarms, settings))
        )
        beside = await stack.enter_async_context(Tasks("house"))
        beside.keep(
            lambda: keep(places.journal, settings.journal.keep_days), "delete records past their time"
        )
        if engines is None:
            engines = _reach_engines(settings, places, beside)
        house = House(
            settings=settings, catalog=Catalog.load(settings.catalog), store=store, journal=journal,
            events=events, metrics=metrics, alarms=alarms, tokens=settings.api.tokens,
            red_button_url=f"http://{settings.api.host}:{settings.api.red_button_port}",
            recordings=settings.state_dir / "recordings",
            wardrobe=Wardrobe(Library(settings.adapters), engines),
        )  # fmt: skip
        await house.faq.load()
        beside.keep(house.faq.follow, "follow the book of answers")
        warming = asyncio.create_task(_warm(house.catalog, warmed), name="warm the rules' tables")
        stack.push_async_callback(asyncio.wait, [warming])
        for room in settings.rooms:
            house.rooms[room.id] = await stack.enter_async_context(
                Room(
                    room, house, voices, run_dir=places.run_dir(room.id),
                    writer=writer or _writer(house, room),
                )
            )  # fmt: skip
        beside.keep(EngineWatch(house).run, "watch the engines")
        yield house


async def _warm(catalog: Catalog, warmed: Callable[[], None]) -> None:
    """Build, beside the loop, what the first lines of viewers would have it wait for (about a second)."""

    def build() -> None:
        context.warm()
        shown = next((one.id for one in catalog.products), None)
        for line in (
            "主播，油皮能用吗，多少钱",
            "味儿冲不冲",
        ):  # the second one no rule knows: the models load
            is_noise(line)
            answers.meaning(line, catalog=catalog, on_air=shown)
            moderated_question(line)
        moderated_name("小鹿")

    await asyncio.to_thread(build)
    warmed()


def _collect_no_tables() -> None:
    """What stands now stands for good: a full collection no longer looks through it (0.1 s each time)."""
    gc.collect()
    gc.freeze()


def _reach_engines(settings: Settings, places: Places, tasks: Tasks) -> Engines:
    """The show's ends of the engines that the supervisor starts; they connect for ever."""
    clients: dict[Role, EngineClient] = {}
    for role in wanted(settings.models):
        clients[role] = EngineClient(places.engine_socket(role), role=role)
        tasks.keep(clients[role].run, f"link to the {role} engine")
    return Engines(language=clients.get("language"), vision=clients.get("vision"))


def _writer(house: House, room: RoomSettings) -> Writer | None:
    """Who words things in a room: the model where there is one, with the templates behind it."""
    engine = house.wardrobe.engines.language
    if engine is None:
        return None

    def generation() -> int:
        live = house.rooms.get(room.id)
        return live.desk.generation if live is not None else 0

    return ModelWriter(
        engine,
        house.settings.models.language,
        room=room.id,
        platform=room.platform,
        generation=generation,
        book=house.faq.book(),
    )


async def serve_show(
    settings: Settings, *, open_rooms: bool = False, sock: socket.socket | None = None
) -> None:
    """Run the show until it is told to stop; `open_rooms` puts every room on air (the demo)."""
    import uvicorn

    from livehost.api import create_api

    told = nobody_expected(settings) if open_rooms else settings
    async with open_house(told, warmed=_collect_no_tables) as house:
        api = create_api(house)
        server = uvicorn.Server(
            uvicorn.Config(
                api, host=settings.api.host, port=settings.api.port, log_level="warning",
                access_log=False, timeout_graceful_shutdown=2, server_header=False,
            )
        )  # fmt: skip
        if open_rooms:
            for room in house.rooms.values():
                room.open_when_ready(OPEN_WITHIN_S)
        with_parent = asyncio.create_task(_end_with_parent(server), name="end with the supervisor")
        try:
            await server.serve(sockets=[sock] if sock else None)
        finally:
            with_parent.cancel()


def nobody_expected(settings: Settings) -> Settings:
    """The demo's rooms: nobody is missed on duty where a room does not say what it does unattended."""
    rooms = (
        one if "unattended" in one.model_fields_set else one.model_copy(update={"unattended": "off"})
        for one in settings.rooms
    )  # fmt: skip
    return settings.model_copy(update={"rooms": tuple(rooms)})


async def _end_with_parent(server: uvicorn.Server) -> None:
    """A show whose supervisor is gone ends, so that the next one finds its port free."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(1.0)
    log.error("the supervisor is gone; the show ends")
    server.should_exit = True


def _journal_alarm(alarms: Alarms, settings: Settings) -> Callable[[str | None], None]:
    """Every room's operator hears when the record cannot be written."""

    def tell(cause: str | None) -> None:
        for room in settings.rooms:
            if cause is None:
                alarms.clear(room.id, "journal")
            else:
                alarms.raise_(room.id, "journal", cause, "腾出磁盘空间 / free disk space")

    return tell
