"""One connection to a destination: an ffmpeg child that is fed without ever waiting for it.

It is live from its first progress report. It is given up when it is not live after
`CONNECT_LIMIT_S`, when it takes nothing for `STALL_S`, or when too much sound waits; then it is
killed, and nobody waits for its exit but the loop's child watcher.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from services.playout import ffmpeg as command
from services.playout.destination import Target, Trouble, trouble
from services.playout.fanout import Subscription

CONNECT_LIMIT_S = 4.5
STALL_S = 3.0
BEHIND_LIMIT_S = 8.0
GOODBYE_S = 1.0
RECONNECT_AFTER_S = 20 * 86_400.0
_STDERR_KEPT = 16_384


class Stalled(Exception):
    """The child took nothing for `STALL_S`."""


class NotLive(Exception):
    """The child was not live within `CONNECT_LIMIT_S`."""


class TimeToReconnect(Exception):
    """The connection is so old that its timestamps would overflow."""


@dataclass(slots=True)
class Figures:
    """What a connection did so far."""

    bytes_sent: int = 0
    live: bool = False
    said: str = field(default="")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a connection ended: `trouble` is None when it was asked to end."""

    trouble: Trouble | None
    said: str = ""
    was_live: bool = False


async def push(
    binary: command.Ffmpeg,
    target: Target,
    subscription: Subscription,
    available: asyncio.Event,
    figures: Figures,
    on_live: Callable[[], None],
) -> Ended:
    """Run one connection to its end. Cancel it to end it at once."""
    stdin_read, stdin_write = os.pipe()
    progress_read, progress_write = os.pipe()
    preset_read = command.pipe_with(command.preset(target))
    inherited = (stdin_read, progress_write, preset_read)
    try:
        child = await asyncio.create_subprocess_exec(
            *binary.push_args(target, preset_fd=preset_read, progress_fd=progress_write),
            stdin=stdin_read,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(progress_write, preset_read),
        )
    except OSError as error:
        os.close(stdin_write)
        os.close(progress_read)
        return Ended(Trouble.REFUSED, f"ffmpeg does not start: {error.strerror}")
    finally:
        for handle in inherited:
            os.close(handle)
    os.set_blocking(stdin_write, False)
    feeder = _Feeder(stdin_write, subscription, available, figures)
    try:
        reason = await _first_end(
            child,
            feeder.run(),
            _read_progress(progress_read, figures, on_live),
            _keep_stderr(child, figures),
            _deadline(figures),
        )
    finally:
        feeder.close()
        await _kill(child)
    asked = isinstance(reason, TimeToReconnect) or (reason is None and subscription.ended)
    if asked:
        return Ended(None, was_live=figures.live)
    said = target.redacted(_last_words(figures.said))
    match reason:
        case Stalled():
            return Ended(Trouble.STALLED, str(reason), figures.live)
        case NotLive():
            return Ended(Trouble.UNREACHABLE, str(reason), figures.live)
        case _:
            return Ended(trouble(figures.said, was_live=figures.live), said, figures.live)


async def _first_end(
    child: asyncio.subprocess.Process,
    feeding: Coroutine[Any, Any, None],
    progress: Coroutine[Any, Any, None],
    stderr: Coroutine[Any, Any, None],
    deadline: Coroutine[Any, Any, None],
) -> Exception | None:
    """Run all of it until one ends that matters; the reason, or None when the child just ended."""
    named = {"feed": feeding, "progress": progress, "stderr": stderr, "deadline": deadline}
    tasks = {name: asyncio.create_task(work, name=f"push-{name}") for name, work in named.items()}
    exited = asyncio.create_task(child.wait(), name="push-exit")
    try:
        done, _ = await asyncio.wait(
            {exited, tasks["feed"], tasks["deadline"]}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in (tasks["feed"], tasks["deadline"]):
            if task in done and (error := task.exception()) is not None:
                if isinstance(error, OSError):  # the child closed its stdin: let it say why
                    break
                return error if isinstance(error, Exception) else None
        await asyncio.wait({exited}, timeout=GOODBYE_S)
        await asyncio.wait({tasks["stderr"]}, timeout=0.5)
        return None
    finally:
        everything: list[asyncio.Task[Any]] = [*tasks.values(), exited]
        for each in everything:
            each.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


class _Feeder:
    """Moves tags from the queue into the child's pipe."""

    def __init__(
        self, handle: int, subscription: Subscription, available: asyncio.Event, figures: Figures
    ) -> None:
        self._handle: int | None = handle
        self._subscription = subscription
        self._available = available
        self._figures = figures

    async def run(self) -> None:
        """Feed until the subscription ends or the child takes no more."""
        opened = False
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            self._available.clear()
            item = self._subscription.pop()
            if item is None:
                if self._subscription.ended:
                    break
                await self._available.wait()
                continue
            tag, ts_ms = item
            if not opened:
                await self._write(self._subscription.opening.written())
                opened = True
            await self._write(tag.written(ts_ms))
            if self._subscription.queue_s > BEHIND_LIMIT_S:
                raise Stalled(f"{self._subscription.queue_s:.0f} s of the stream wait")
            if tag.key and loop.time() - began > RECONNECT_AFTER_S:
                raise TimeToReconnect
        self.close()

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._handle is not None:
            try:
                count = os.write(self._handle, view)
            except BlockingIOError:
                await self._writable()
                continue
            self._figures.bytes_sent += count
            view = view[count:]

    async def _writable(self) -> None:
        handle = self._handle
        if handle is None:
            return
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_writer(handle, _settle, ready)
        try:
            async with asyncio.timeout(STALL_S):
                await ready
        except TimeoutError:
            raise Stalled(f"nothing was taken for {STALL_S:.0f} s") from None
        finally:
            loop.remove_writer(handle)

    def close(self) -> None:
        """Close the child's stdin."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _read_progress(handle: int, figures: Figures, on_live: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb", buffering=0)
    )
    try:
        while line := await reader.readline():
            name, _, value = line.decode(errors="replace").strip().partition("=")
            if name == "total_size" and value.isdigit() and int(value) > 0 and not figures.live:
                figures.live = True
                on_live()
    finally:
        transport.close()


async def _keep_stderr(child: asyncio.subprocess.Process, figures: Figures) -> None:
    assert child.stderr is not None
    while data := await child.stderr.read(4096):
        figures.said = (figures.said + data.decode(errors="replace"))[-_STDERR_KEPT:]


async def _deadline(figures: Figures) -> None:
    await asyncio.sleep(CONNECT_LIMIT_S)
    if not figures.live:
        raise NotLive(f"no answer within {CONNECT_LIMIT_S:.0f} s")
    await asyncio.Event().wait()


async def _kill(child: asyncio.subprocess.Process) -> None:
    """Kill a child that still runs, and see it off; one that cannot die is left behind."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await child.wait()
    transport = getattr(child, "_transport", None)
    if transport is not None:
        transport.close()


def _last_words(stderr: str) -> str:
    """The last line that says something of an error."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line or "ailed" in line or "refused" in line.lower()]
    return (telling or lines or [""])[-1][:200]
