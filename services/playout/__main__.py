"""`python -m services.playout SETTINGS.json`: one room's playout, until SIGTERM or its parent's end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from services import wire
from services.playout.composer import Composer, NoHoldingPicture
from services.playout.disk import DiskThread
from services.playout.events import Leave
from services.playout.fanout import Fanout
from services.playout.fates import FateBook
from services.playout.frame_rows import FrameRows, rows_asked_for
from services.playout.memory import Memory
from services.playout.overlays import FontMissing, LabelRefused
from services.playout.painter import HostPainter, load_any_look, stand_in_look
from services.playout.program import Program
from services.playout.server import ControlServer, MediaServer, unix_server
from services.playout.settings import PlayoutSettings, SettingsUnreadable, read_settings
from services.playout.station import Station

log = logging.getLogger("playout")

PARENT_LOOK_S = 0.5
LEAVE_S = 1.5
EXIT_SETTINGS, EXIT_RUNS_ALREADY, EXIT_CLOCK_DIED = 2, 3, 4


class RunsAlready(Exception):
    """Another playout of this room runs with the same state folder."""


async def serve(settings: PlayoutSettings, parent: int) -> int:
    """Run the playout to its end, or its parent's; the exit status."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    events: asyncio.Queue[object] = asyncio.Queue()
    state = Path(settings.state_dir)

    def emit(event: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(events.put_nowait, event)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(DiskThread())
        fanout = Fanout()
        painter = HostPainter(settings)
        size = (settings.width, settings.height)
        rows = rows_asked_for(disk)
        composer = Composer(painter, settings.width, settings.height)
        program = Program(settings, composer, fanout, emit, left=rows.left if rows else None)
        memory = Memory(state, disk)
        book = FateBook(state / "fates.jsonl", disk)
        own = wire.Hello(
            role="playout", room=settings.room, config_hash=settings.config_hash, pid=os.getpid()
        )
        control = ControlServer(own, program)
        station = Station(
            settings,
            program,
            fanout,
            memory,
            book,
            control,
            painter,
            load_look=lambda path: load_any_look(path, *size),
            stand_in=lambda name: stand_in_look(name, *size),
        )
        control.serve(station.take, lambda: (*book.unacknowledged, station.status()))
        media = MediaServer(program, fanout, station.preview)
        clock = threading.Thread(target=program.run, name="playout-clock", daemon=True)
        clock.start()
        await station.resume()
        await stack.enter_async_context(unix_server(Path(settings.socket), control.connection))
        await stack.enter_async_context(unix_server(Path(settings.media_socket), media.connection))
        log.info("playout of room %s is ready, pid %d", settings.room, os.getpid())
        async with asyncio.TaskGroup() as tasks:
            chores = [
                tasks.create_task(_happenings(events, station), name="happenings"),
                tasks.create_task(_beats(station, rows), name="beats"),
                tasks.create_task(_watch_clock(clock, stop), name="watch-clock"),
            ]
            if settings.with_parent:
                chores.append(tasks.create_task(_watch_parent(stop, parent), name="watch-parent"))
            await stop.wait()
            station.leave()
            died = not clock.is_alive()
            program.post(Leave())
            await asyncio.to_thread(clock.join, LEAVE_S)
            await asyncio.sleep(0)
            while not events.empty():
                await station.happened(events.get_nowait())
            for chore in chores:
                chore.cancel()
        if rows is not None:
            rows.write()
        await station.close()
        control.close()
    return EXIT_CLOCK_DIED if died else 0


async def _happenings(events: asyncio.Queue[object], station: Station) -> None:
    while True:
        event = await events.get()
        try:
            await station.happened(event)
        except Exception:  # the stream goes on without this one record
            log.exception("an event was not handled: %s", type(event).__name__)


async def _beats(station: Station, rows: FrameRows | None) -> None:
    while True:
        try:
            station.beat()
            if rows is not None:
                rows.write()
        except Exception:
            log.exception("the status was not told")
        await asyncio.sleep(1.0)


async def _watch_clock(clock: threading.Thread, stop: asyncio.Event) -> None:
    while clock.is_alive():
        await asyncio.sleep(0.5)
    log.critical("the clock's thread ended; the process ends so that it is started anew")
    stop.set()


async def _watch_parent(stop: asyncio.Event, parent: int) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_LOOK_S)
    log.warning("the parent process is gone: ending")
    stop.set()


@contextmanager
def _only_one(state: Path) -> Iterator[None]:
    """Hold the room's lock."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state / "playout.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunsAlready(f"a playout with {state} runs already; attach to it") from error
        yield


def main() -> int:
    """The command line."""
    parent = os.getppid()
    sys.setswitchinterval(0.001)  # the clock's thread gets its turn soon
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    if len(sys.argv) != 2:
        print("usage: python -m services.playout SETTINGS.json", file=sys.stderr)
        return EXIT_SETTINGS
    try:
        settings = read_settings(Path(sys.argv[1]))
        with _only_one(Path(settings.state_dir)):
            return asyncio.run(serve(settings, parent))
    except (SettingsUnreadable, FontMissing, LabelRefused, NoHoldingPicture) as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    except RunsAlready as error:
        print(error, file=sys.stderr)
        return EXIT_RUNS_ALREADY


if __name__ == "__main__":
    sys.exit(main())
