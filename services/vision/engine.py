"""The vision engine: one base with the bank over it, and looks made, judged and kept.

Forwards run in one thread, which alone touches the base and the bank. Everything else that takes
time (checking an adapter, finishing and writing a look) runs in a second one, so that a look can be
finished while the next is painted. The same look asked for twice at a time is made once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from services import wire
from services.engine import EngineSettings, rss_bytes
from services.vision.painter import PainterSettings, PaintFailed, open_painter

if TYPE_CHECKING:
    from services.vision.adapters import Adapters
    from services.vision.making import Asked, Maker

log = logging.getLogger(__name__)

BUILTIN_BASE = Path(__file__).parent / "base"
DEFAULT_CACHE = "looks"
ROOM_KEEPS = 4  # looks a room that are never evicted: on air, the one before, the next, a variant

_T = TypeVar("_T")


class VisionEngine:
    """What `python -m services.vision` serves; see `services.engine.Engine`."""

    role: Literal["language", "vision"] = "vision"

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._base = Path(settings.base) if settings.base else BUILTIN_BASE
        self._forwards = ThreadPoolExecutor(1, thread_name_prefix="forward")
        self._chores = ThreadPoolExecutor(1, thread_name_prefix="chore")
        self._adapters: Adapters | None = None
        self._maker: Maker | None = None
        self._loaded = asyncio.Event()
        self._making: dict[str, asyncio.Task[wire.LookMade]] = {}
        self._rooms: dict[str, deque[str]] = {}
        self._error = ""
        self._mend = ""
        self._waiting = 0
        self._served = 0

    async def start(self) -> None:
        """Load the base; what goes wrong is kept in the state with its mend."""
        try:
            await self._in(self._forwards, self._load)
        except PaintFailed as error:
            self._error, self._mend = error.cause, error.mend
        except Exception as error:  # whatever a model's file does, the engine stays up and says it
            log.exception("the base was not loaded")
            self._error = f"{self._base}: {type(error).__name__}: {error}"
            self._mend = "see the engine's log; download the directory again or name another"
        finally:
            self._loaded.set()

    def _load(self) -> None:
        import cv2
        import torch

        from services.vision.adapters import Adapters
        from services.vision.making import Maker

        settings = self._settings
        torch.set_num_threads(max(1, settings.threads))
        cv2.setNumThreads(max(1, settings.threads))
        painter = open_painter(
            settings.engine, PainterSettings(base=self._base, device=settings.device, dtype=settings.dtype)
        )
        adapters = Adapters.attach(painter, self._base, slots=settings.slots, max_rank=settings.max_rank)
        cache = (
            Path(settings.cache_dir) if settings.cache_dir else Path(settings.socket).parent / DEFAULT_CACHE
        )
        self._maker = Maker(painter, adapters, cache, max_bytes=settings.cache_mb << 20)
        self._adapters = adapters

    async def handle(self, message: wire.AnyMessage) -> wire.Message | None:
        """Answer `Stage`, `MakeLook` and `Pin`; anything else has no answer."""
        match message:
            case wire.Stage():
                return await self._stage(message)
            case wire.MakeLook():
                return await self._make_look(message)
            case wire.Pin():
                await self._loaded.wait()
                if self._adapters is not None:
                    self._adapters.pin(message.room, message.adapters)
            case _:
                log.warning("a vision engine has no answer to a %s", type(message).__name__)
        return None

    async def _stage(self, message: wire.Stage) -> wire.Staged:
        began = time.monotonic()
        await self._loaded.wait()
        adapters = self._adapters
        if adapters is None:
            return wire.Staged(
                request=message.request, adapter=message.adapter, ok=False, errors=(self._no_base(),)
            )
        checked = await self._in(self._chores, adapters.check, Path(message.folder))
        if isinstance(checked, tuple):
            outcome = wire.Staged(request=message.request, adapter=message.adapter, ok=False, errors=checked)
        else:
            already, errors = await self._in(self._forwards, adapters.admit, message.adapter, checked)
            outcome = wire.Staged(
                request=message.request, adapter=message.adapter, ok=not errors, errors=errors,
                sha256=checked.sha256, already=already, took_ms=1000 * (time.monotonic() - began),
            )  # fmt: skip
        for error in outcome.errors:
            log.error("%s is not staged: %s", message.adapter, error)
        return outcome

    async def _make_look(self, message: wire.MakeLook) -> wire.LookMade:
        began = time.monotonic()
        await self._loaded.wait()
        maker = self._maker
        if maker is None:
            return wire.LookMade(request=message.request, ok=False, errors=(self._no_base(),))
        self._waiting += 1
        try:
            asked = await self._in(self._chores, maker.read, message)
            if isinstance(asked, tuple):
                return wire.LookMade(request=message.request, ok=False, errors=asked)
            under_way = self._making.get(asked.key)
            if under_way is None:
                under_way = asyncio.create_task(self._made(maker, asked), name=f"look {asked.key}")
                self._making[asked.key] = under_way
                under_way.add_done_callback(lambda _: self._making.pop(asked.key, None))
            # One who hangs up must not take the look from another who waits for it.
            made = await asyncio.shield(under_way)
        finally:
            self._waiting -= 1
        if made.ok:
            kept = self._rooms.setdefault(message.room, deque(maxlen=ROOM_KEEPS))
            if made.key in kept:
                kept.remove(made.key)
            kept.append(made.key)
            self._served += 1
        for error in made.errors:
            log.error("no look for room %s: %s", message.room, error)
        took = 1000 * (time.monotonic() - began)
        return wire.LookMade(
            request=message.request, ok=made.ok, folder=made.folder, key=made.key, cached=made.cached,
            errors=made.errors, measures=made.measures, took_ms=took,
        )  # fmt: skip

    async def _made(self, maker: Maker, asked: Asked) -> wire.LookMade:
        found = await self._in(self._chores, maker.find, asked)
        if found is not None:
            return found
        painted = await self._in(self._forwards, maker.paint, asked)
        if isinstance(painted, tuple):
            return wire.LookMade(request="", ok=False, key=asked.key, errors=painted)
        in_use = frozenset(key for keys in self._rooms.values() for key in keys)
        return await self._in(self._chores, maker.finish, asked, painted, in_use)

    def state(self) -> wire.EngineState:
        """The figures of this moment."""
        adapters = self._adapters
        if adapters is None:
            return wire.EngineState(
                kind="vision", ready=False, error=self._error, mend=self._mend, base=str(self._base),
                waiting=self._waiting, rss_bytes=rss_bytes(),
            )  # fmt: skip
        return wire.EngineState(
            kind="vision", ready=True, base=str(self._base), base_sha256=adapters.base_sha256,
            device=adapters.device, base_bytes=adapters.base_bytes, slot_bytes=adapters.slot_bytes,
            slots=adapters.slots, resident=adapters.resident(), quarantined=adapters.quarantined(),
            served=self._served, waiting=self._waiting, rss_bytes=rss_bytes(),
        )  # fmt: skip

    async def close(self) -> None:
        """Give up what waits, and the picture under way at its next step."""
        if self._maker is not None:
            self._maker.stop()
        for task in self._making.values():
            task.cancel()
        for pool in (self._forwards, self._chores):
            pool.shutdown(wait=False, cancel_futures=True)

    def _no_base(self) -> str:
        return f"no vision base is loaded: {self._error}; {self._mend}"

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(pool, lambda: work(*args))
