"""The tasks of one owner: named, ended together, and kept going where they must not end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

import structlog

log = structlog.get_logger(__name__)


class Tasks:
    """`async with Tasks(...)`: everything spawned inside ends with the block.

    A task that fails is logged with its traceback and does not end its siblings: a room goes on
    without one of its preparers rather than not at all. Losing a *kept* task calls `ended`.
    """

    def __init__(self, owner: str, *, ended: Callable[[str], None] | None = None) -> None:
        self._owner = owner
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` beside everything else."""
        task = self._own(self._guard(work, name), name)
        task.add_done_callback(lambda _: work.close())  # one that ended before it began never ran its work

    def keep(self, begin: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Run `begin()` for ever: when it fails or ends it is logged and begun again after a second."""
        self._own(self._again(begin, name), name)

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something that other tasks bring about; False when it took too long."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return False
        return True

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{self._owner}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            log.exception("a task failed", owner=self._owner, task=name)

    async def _again(self, begin: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        while True:
            await self._guard(begin(), name)
            if self._ended is not None:
                self._ended(name)
            await asyncio.sleep(1.0)
