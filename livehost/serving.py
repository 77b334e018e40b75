"""`livehost serve` and `livehost demo`: the supervisor's process, from start to the last child's end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import structlog
import uvicorn

from livehost.check import SettingsProblems, read_settings, settings_hash
from livehost.red_button import create_red_button
from livehost.runtime import with_token
from livehost.settings import Settings
from livehost.supervisor import Supervisor

log = structlog.get_logger(__name__)


class _Button(uvicorn.Server):
    """The red button's server; signals are the supervisor's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


class PortTaken(Exception):
    """Another program listens on a port that livehost was to use."""


def prepared(config: Path, *, port: int | None = None, any_port: bool = False) -> tuple[Settings, str]:
    """The settings with a token and real ports, and a made token (empty where one is configured)."""
    settings, made = with_token(read_settings(config))
    api = settings.api
    wanted = api.port if port is None else port
    red = api.red_button_port
    api = api.model_copy(
        update={
            "port": _port(api.host, wanted, any_port),
            "red_button_port": _port(api.host, red, any_port or port is not None),
        }
    )
    return settings.model_copy(update={"api": api}), made or ""


def _tell_model_problems(config: Path) -> None:
    """Say what is wrong with models and adapters; a stream starts all the same, with what it has."""
    try:
        read_settings(config, review=False, models=datetime.now().astimezone().date())
    except SettingsProblems as found:
        for problem in found.problems:
            log.warning("a model or an adapter cannot be used", problem=str(problem))


async def run(
    config: Path,
    settings: Settings,
    *,
    open_rooms: bool = False,
    seconds: float | None = None,
    say: Callable[[str], None] = print,
    made_token: str = "",
) -> int:
    """Supervise until a signal (or for `seconds`); returns the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    api = settings.api
    command = [
        sys.executable, "-m", "livehost", "show", str(config),
        "--port", str(api.port), "--red-button-port", str(api.red_button_port),
    ]  # fmt: skip
    if open_rooms:
        command.append("--open")
    supervisor = Supervisor(settings, show_command=command, env={}, config_hash=settings_hash(settings))
    button = _Button(
        uvicorn.Config(
            create_red_button(settings, supervisor.cut), host=api.host, port=api.red_button_port,
            log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="off",
        )
    )  # fmt: skip
    async with supervisor:
        serving = asyncio.create_task(button.serve(), name="red button")
        watching = asyncio.create_task(_watch(settings, supervisor, say, made_token), name="health")
        telling = asyncio.create_task(asyncio.to_thread(_tell_model_problems, config), name="check models")
        try:
            async with asyncio.timeout(seconds):
                await stop.wait()
        except TimeoutError:
            pass
        finally:
            watching.cancel()
            button.should_exit = True
            await asyncio.gather(serving, watching, telling, return_exceptions=True)
    return 0


async def _watch(settings: Settings, supervisor: Supervisor, say: Callable[[str], None], token: str) -> None:
    """Tell the address once the show answers, and go on asking it: a mute show is restarted."""
    host = "127.0.0.1" if settings.api.host in ("0.0.0.0", "::") else settings.api.host
    base = f"http://{host}:{settings.api.port}"
    told = False
    begun = time.monotonic()
    async with httpx.AsyncClient(timeout=3.0) as client:
        while True:
            try:
                alive = (await client.get(f"{base}/healthz")).status_code == 200
            except httpx.HTTPError:
                alive = False
            if alive:
                supervisor.show_progressed()
            if alive and not told:
                told = True
                key = f"/#token={token}" if token else "/"
                say(f"控制台 / console: {base}{key}   ({time.monotonic() - begun:.1f} s)")
            await asyncio.sleep(1.0 if told else 0.2)


def _port(host: str, wanted: int, or_any: bool) -> int:
    for port in (wanted, 0) if or_any else (wanted,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise PortTaken(
        f"port {wanted} of {host} is taken; stop what uses it or set api.port in the configuration"
    )
