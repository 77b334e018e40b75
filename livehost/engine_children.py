"""The model engines as the supervisor's children: their settings files, and the watch over their progress."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec
import structlog

import services
from livehost.child import Child
from livehost.runtime import Places, write_private
from livehost.settings import LanguageModel, Settings, VisionModel
from livehost.wardrobe import Role, runs_here, wanted
from services import wire
from services.engine import EngineSettings

log = structlog.get_logger(__name__)

NICE = 10
PROGRESS_S = 30.0
START_S = 120.0
LAST_BACKOFF_S = 60.0
_SERVICES = Path(services.__file__).parent
EMBEDDED: dict[Role, Path] = {
    "language": _SERVICES / "language" / "base",
    "vision": _SERVICES / "vision" / "base",
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def base_of(role: Role, model: LanguageModel | VisionModel) -> Path | None:
    """The directory of an engine's base; None where it is on another machine, or none is named."""
    return EMBEDDED[role] if model.engine == "embedded" and model.base is None else model.base


def engine_settings(settings: Settings, role: Role, places: Places) -> EngineSettings:
    """What an engine's process is told."""
    language, vision = settings.models.language, settings.models.vision
    model = language if role == "language" else vision
    told = EngineSettings(
        socket=str(places.engine_socket(role)), engine=model.engine, base=str(base_of(role, model) or ""),
        slots=model.slots, max_rank=model.max_rank, device=model.device, dtype=model.dtype,
        threads=model.threads, cache_dir=str(places.engine(role) / "cache"), cache_mb=vision.cache_mb,
    )  # fmt: skip
    if role == "vision":
        return told
    return msgspec.structs.replace(
        told, engine="transformers" if language.engine == "embedded" else language.engine,
        url=language.url, key=language.key.get_secret_value(), model=language.model,
    )  # fmt: skip


def engine_children(
    settings: Settings, places: Places, *, after: asyncio.Event
) -> dict[str, tuple[Child, Path]]:
    """The engines that the settings ask for and this machine can run, each with its socket.

    They load one after another, the first one `after`: two bases at once take a small machine's breath.
    """
    children: dict[str, tuple[Child, Path]] = {}
    for role in wanted(settings.models):
        told = engine_settings(settings, role, places)
        file = write_private(places.engine(role) / "settings.json", msgspec.json.encode(told))
        env = {**dict.fromkeys(THREADS, str(told.threads)), "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, "-m", f"services.{role}", str(file)]
        child = Child(
            role, command, nice=NICE, env=env, progress_s=PROGRESS_S, start_s=START_S,
            last_backoff_s=LAST_BACKOFF_S, waits_for=after,
        )  # fmt: skip
        after = child.settled
        children[role] = (child, Path(told.socket))
    for name, model in (("language", settings.models.language), ("vision", settings.models.vision)):
        if model.engine != "off" and not runs_here(model.engine):
            log.error(
                "an engine cannot run: PyTorch is not installed; the templates speak and show",
                engine=name, mend="pip install 'livehost[models]'",
            )  # fmt: skip
    return children


async def watch_engine(child: Child, socket: Path) -> None:
    """Hear an engine's state; each one is progress. Returns when the engine hangs up."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return
    try:
        writer.write(wire.encode(wire.Hello(role="supervisor", pid=os.getpid())))
        while (message := await wire.read(reader)) is not None:
            if isinstance(message, wire.EngineState):
                child.progress = time.monotonic()
                if message.ready or message.error:
                    child.settled.set()
    finally:
        writer.close()
