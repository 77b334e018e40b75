"""The destinations of a room: each with its own task, queue and state; none can hold up another.

connecting ──► live ──► retrying ──► connecting …
    │                      ▲
    ├──────────────────────┘
    └──► needs_key (until its key changes)            any ──► stopped
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable

from services.playout.destination import MENDS, BadAddress, Target, Trouble, retry_after_s, target
from services.playout.fanout import Fanout, Subscription
from services.playout.ffmpeg import Ffmpeg
from services.playout.push import Ended, Figures, push
from services.wire import OutputSpec, OutputState, OutputStatus

log = logging.getLogger("playout.outputs")

SILENT_REFUSALS = 3
STEADY_S = 10.0

Pusher = Callable[
    [Ffmpeg, Target, Subscription, asyncio.Event, Figures, Callable[[], None]], Awaitable[Ended]
]


class Output:
    """One destination while a session is on air."""

    def __init__(
        self,
        spec: OutputSpec,
        fanout: Fanout,
        want_key: Callable[[], None],
        binary: Ffmpeg,
        changed: Callable[[], None],
        *,
        pusher: Pusher = push,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        known_good: bool = False,
    ) -> None:
        self.spec = spec
        self._known_good = known_good
        self.state = OutputState.CONNECTING
        self._fanout = fanout
        self._want_key = want_key
        self._binary = binary
        self._changed = changed
        self._push = pusher
        self._sleep = sleep
        self._since = time.time()
        self._error = ""
        self._mend = ""
        self._subscription: Subscription | None = None
        self._figures = Figures()
        self._sent_before = 0
        self._dropped_before = 0
        self._times_live = 0
        self._attempt = 0
        self._silent_refusals = 0

    def status(self) -> OutputStatus:
        """The figures for the show."""
        subscription = self._subscription
        return OutputStatus(
            name=self.spec.name,
            state=self.state,
            since_unix_s=round(self._since, 3),
            reconnects=max(0, self._times_live - 1),
            bytes_sent=self._sent_before + self._figures.bytes_sent,
            dropped_frames=self._dropped_before + (subscription.dropped_frames if subscription else 0),
            queue_s=round(subscription.queue_s, 3) if subscription else 0.0,
            error=self._error,
            mend=self._mend,
        )

    async def run(self) -> None:
        """Connect, and connect again, until the session ends or only a person can help."""
        try:
            goal = target(self.spec)
        except BadAddress as error:
            self._go(OutputState.NEEDS_KEY, str(error), "correct the push address of this output and PUT it")
            return
        while True:
            self._go(OutputState.CONNECTING, self._error, self._mend)
            ended = await self._connection(goal)
            if ended.trouble is None:
                if self._stream_over:
                    self._go(OutputState.STOPPED)
                    return
                continue
            wait_s = self._judge(ended)
            if wait_s is None:
                return
            await self._sleep(wait_s)

    def stopped(self) -> None:
        """The task was ended."""
        self._go(OutputState.STOPPED)

    async def _connection(self, goal: Target) -> Ended:
        self._attempt += 1
        available = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closing
                loop.call_soon_threadsafe(available.set)

        subscription = Subscription(self.spec.name, wake)
        self._subscription, self._figures = subscription, Figures()
        self._fanout.add(subscription)
        self._want_key()
        began = time.monotonic()
        try:
            return await self._push(self._binary, goal, subscription, available, self._figures, self._live)
        finally:
            self._fanout.remove(subscription)
            if self._figures.live and time.monotonic() - began > STEADY_S:
                self._attempt = 0
            self._sent_before += self._figures.bytes_sent
            self._dropped_before += subscription.dropped_frames
            self._stream_over = subscription.ended
            self._subscription, self._figures = None, Figures()

    _stream_over = False

    def _judge(self, ended: Ended) -> float | None:
        """Go to the state that an end means; the wait before the next attempt, None for never."""
        kind = ended.trouble or Trouble.LOST
        if kind is Trouble.KEY_OR_LOST:
            self._silent_refusals += 1
            known_good = self._known_good or self._times_live > 0
            again = known_good and self._silent_refusals < SILENT_REFUSALS
            kind = Trouble.REFUSED if again else Trouble.KEY
        if kind is Trouble.KEY:
            self._go(OutputState.NEEDS_KEY, ended.said, MENDS[kind])
            return None
        self._go(OutputState.RETRYING, ended.said or kind.value, MENDS[kind])
        return retry_after_s(kind, max(1, self._attempt), random.random())

    def _live(self) -> None:
        self._times_live += 1
        self._silent_refusals = 0
        self._go(OutputState.LIVE)

    def _go(self, state: OutputState, error: str = "", mend: str = "") -> None:
        if state is not self.state or error != self._error:
            log.info("output %s: %s %s", self.spec.name, state.value, error)
            if state is not self.state:
                self._since = time.time()
            self.state, self._error, self._mend = state, error, mend
            self._changed()


class Outputs:
    """The wanted set of destinations, and the tasks that serve it while on air."""

    def __init__(
        self,
        fanout: Fanout,
        want_key: Callable[[], None],
        find_binary: Callable[[], Awaitable[Ffmpeg]],
        changed: Callable[[], None],
    ) -> None:
        self._fanout = fanout
        self._want_key = want_key
        self._find_binary = find_binary
        self._changed = changed
        self._wanted: dict[str, OutputSpec] = {}
        self._running: dict[str, tuple[Output, asyncio.Task[None]]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._on_air = False
        self._arranging = asyncio.Lock()  # while the binary is looked for, more may be asked
        self._known_good: tuple[OutputSpec, ...] = ()

    def trust(self, specs: tuple[OutputSpec, ...]) -> None:
        """These were on air before a restart: a silent refusal may be the older connection's."""
        self._known_good = specs

    def statuses(self) -> tuple[OutputStatus, ...]:
        """Every wanted destination's figures."""
        rows = []
        for name, spec in self._wanted.items():
            running = self._running.get(name)
            row = running[0].status() if running else OutputStatus(name=spec.name, state=OutputState.STOPPED)
            rows.append(row)
        return tuple(rows)

    async def set(self, specs: tuple[OutputSpec, ...]) -> None:
        """Want exactly these; only those that changed are restarted."""
        self._wanted = {spec.name: spec for spec in specs}
        async with self._arranging:
            await self._arrange()

    async def on_air(self, on: bool) -> None:
        """Serve the destinations, or none."""
        self._on_air = on
        async with self._arranging:
            await self._arrange()

    async def close(self) -> None:
        """Stop all; children are killed."""
        await self.on_air(False)
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=1.5)

    async def _arrange(self) -> None:
        active = {name: spec for name, spec in self._wanted.items() if self._on_air and spec.enabled}
        for name, (output, task) in list(self._running.items()):
            spec = active.get(name)
            if spec is None or (spec.url, spec.key) != (output.spec.url, output.spec.key):
                del self._running[name]
                output.stopped()
                task.cancel()
                self._stopping.add(task)
                task.add_done_callback(self._stopping.discard)
        for name, spec in active.items():
            if name not in self._running:
                binary = await self._find_binary()
                output = Output(
                    spec,
                    self._fanout,
                    self._want_key,
                    binary,
                    self._changed,
                    known_good=spec in self._known_good,
                )
                task = asyncio.create_task(output.run(), name=f"output-{name}")
                self._running[name] = (output, task)
        self._changed()
