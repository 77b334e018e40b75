"""The thread that owns every forward of the language engine: decoding, filling the bank, canaries.

Requests wait in one queue, are gathered for a few milliseconds into a batch, and may join a batch
that runs. Calls (`Owner.call`) run between two steps, so that nothing is filled during a forward.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from services import wire
from services.language.generation import Decoder, Row
from services.language.loading import Base
from services.wire_engines import Finish

log = logging.getLogger(__name__)

MAX_ROWS = 8
GATHER_S = 0.004
SPEED_OVER_S = 10.0

_T = TypeVar("_T")


class Adapters(Protocol):
    """What the owner asks of the bank."""

    def holds(self, sha256: str) -> bool:
        """Whether an adapter is resident and may be used; the empty name always is."""
        ...

    def in_flight(self, adapters: set[str]) -> None:
        """Keep these until told otherwise: rows that run use them."""
        ...


class Job:
    """A request and the promise of its answer. `due` is on the monotonic clock."""

    def __init__(self, request: wire.Generate) -> None:
        self.request = request
        self.due = time.monotonic() + request.deadline_s
        self.started = time.monotonic()
        self.cancelled = False
        self.done: Future[wire.Generated] = Future()

    def answer(self, finish: Finish, *, text: str = "", tokens: int = 0, error: str = "") -> None:
        """Keep the promise, once."""
        if self.done.done():
            return
        self.done.set_result(
            wire.Generated(
                request=self.request.request,
                text=text,
                adapter=self.request.adapter,
                finish=finish,
                error=error,
                tokens=tokens,
                took_ms=(time.monotonic() - self.started) * 1000,
            )
        )


class Owner:
    """Runs a `Decoder` in a thread of its own until `close`."""

    def __init__(self, base: Base, decoder: Decoder, adapters: Adapters, *, max_rows: int = MAX_ROWS) -> None:
        self._base = base
        self._decoder = decoder
        self._adapters = adapters
        self._max_rows = max_rows
        self._turn = threading.Condition()
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._queue: deque[Job] = deque()
        self._running: dict[Row, Job] = {}
        self._prefixes: dict[str, int] = {}
        self._speeds: deque[tuple[float, float, int]] = deque()  # when, seconds, tokens
        self._closed = False
        self.served = 0
        self._thread = threading.Thread(target=self._run, name="language forwards", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Requests that have no answer yet."""
        return len(self._queue) + len(self._running)

    @property
    def tokens_per_s(self) -> float:
        """Tokens a second of the last steps, all rows together; 0 when nothing ran lately."""
        now = time.monotonic()
        lately = [(took, count) for at, took, count in tuple(self._speeds) if now - at <= SPEED_OVER_S]
        spent = sum(took for took, _ in lately)
        return sum(count for _, count in lately) / spent if spent else 0.0

    def submit(self, job: Job) -> Future[wire.Generated]:
        """Queue a request."""
        with self._turn:
            if self._closed:
                job.answer("error", error="the engine ends")
            else:
                self._queue.append(job)
                self._turn.notify()
        return job.done

    def call(self, work: Callable[[], _T]) -> Future[_T]:
        """Run something on the model between two steps."""
        done: Future[_T] = Future()
        with self._turn:
            if self._closed:
                done.set_exception(RuntimeError("the engine ends"))
            else:
                self._calls.append((work, done))
                self._turn.notify()
        return done

    def cancel_below(self, room: str, generation: int) -> None:
        """Mark a room's older requests; each is answered `cancelled` before the next step."""
        with self._turn:
            for job in (*self._queue, *tuple(self._running.values())):
                if job.request.room == room and job.request.generation < generation:
                    job.cancelled = True
            self._turn.notify()

    def close(self, *, timeout_s: float = 5.0) -> None:
        """End the thread after the step that runs; what waits is answered as failed."""
        with self._turn:
            self._closed = True
            self._turn.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(
                    lambda: self._closed or self._calls or self._queue or self._decoder.rows,
                )
                closed = self._closed
                calls, self._calls = tuple(self._calls), deque()
            if closed:
                self._end(calls)
                return
            for work, done in calls:
                if not done.set_running_or_notify_cancel():
                    continue  # the asker is gone
                try:
                    done.set_result(work())
                except BaseException as error:  # the asker's to handle
                    done.set_exception(error)
            try:
                self._turn_once()
            except Exception as error:
                log.exception("a forward failed")
                self._fail(f"the model failed: {type(error).__name__}: {error}")

    def _turn_once(self) -> None:
        """Let newcomers in, write one token for everyone, let out who is done."""
        started, written = time.monotonic(), self._admit()
        self._retire()
        if self._decoder.rows:
            written += len(self._decoder.rows)
            self._decoder.step()
            self._retire()
        if written:
            self._speeds.append((time.monotonic(), time.monotonic() - started, written))
            while self._speeds[0][0] < time.monotonic() - SPEED_OVER_S:
                self._speeds.popleft()

    def _admit(self) -> int:
        """Let waiting requests join; returns how many did."""
        with self._turn:
            free = self._max_rows - len(self._decoder.rows)
            if self._queue and not self._decoder.rows:
                self._turn.wait_for(lambda: len(self._queue) >= free or self._closed, timeout=GATHER_S)
            jobs = [self._queue.popleft() for _ in range(min(free, len(self._queue)))]
        rows = {row: job for job in jobs if (row := self._row(job)) is not None}
        if rows:
            self._running |= rows
            self._hold()
            self._decoder.admit(list(rows))
        return len(rows)

    def _row(self, job: Job) -> Row | None:
        """The row of a job that may begin; the others get their answer."""
        request = job.request
        if (over := self._over(job)) is not None:
            job.answer(over)
            return None
        if not self._adapters.holds(request.adapter):
            job.answer("error", error=f"the adapter {request.adapter[:12]} is not resident; stage it first")
            return None
        try:
            prompt = self._base.prompt(request.system, request.user)
        except Exception as error:  # a template may refuse what it is given
            job.answer("error", error=f"the prompt cannot be rendered: {error}")
            return None
        room = self._base.context - len(prompt)
        if room < 1:
            job.answer("error", error=f"{len(prompt)} tokens are more than the base takes")
            return None
        return Row(
            adapter=request.adapter,
            prompt=prompt,
            max_tokens=max(1, min(request.max_tokens, room)),
            prefix=self._prefix(request, prompt),
            temperature=request.temperature,
            seed=request.seed,
        )

    def _prefix(self, request: wire.Generate, prompt: list[int]) -> int:
        """How many first tokens of a prompt belong to its system part."""
        if not request.system:
            return 0
        if request.system not in self._prefixes:
            if len(self._prefixes) > 32:
                self._prefixes.clear()
            two = [self._base.prompt(request.system, user) for user in ("一", "二")]
            same = zip(*two, strict=False)
            self._prefixes[request.system] = next(
                (index for index, (a, b) in enumerate(same) if a != b), min(map(len, two))
            )
        length = self._prefixes[request.system]
        # A tokenizer may join the system's end with the user's beginning: then nothing is shared.
        common = self._base.prompt(request.system, "一")[:length]
        return length if prompt[:length] == common and length < len(prompt) else 0

    def _over(self, job: Job) -> Finish | None:
        if job.cancelled:
            return "cancelled"
        return "deadline" if time.monotonic() >= job.due else None

    def _retire(self) -> None:
        """Answer what waits too long, and every row that is done."""
        with self._turn:
            over = [(job, finish) for job in self._queue if (finish := self._over(job)) is not None]
            for job, _ in over:
                self._queue.remove(job)
        for job, finish in over:
            job.answer(finish)
        gone = self._decoder.leave(
            lambda row: row.stopped or row.full or self._over(self._running[row]) is not None
        )
        for row in gone:
            job = self._running.pop(row)
            finish = "stop" if row.stopped else self._over(job) or "length"
            job.answer(finish, text=self._base.text(row.tokens), tokens=len(row.tokens))
            self.served += 1
        if gone:
            self._hold()

    def _hold(self) -> None:
        self._adapters.in_flight({row.adapter for row in self._running if row.adapter})

    def _fail(self, error: str) -> None:
        self._decoder.clear()
        running, self._running = self._running, {}
        for job in running.values():
            job.answer("error", error=error)
        self._hold()

    def _end(self, calls: tuple[tuple[Callable[[], Any], Future[Any]], ...]) -> None:
        for _, done in calls:
            if done.set_running_or_notify_cancel():
                done.set_exception(RuntimeError("the engine ends"))
        self._fail("the engine ends")
        with self._turn:
            waiting, self._queue = tuple(self._queue), deque()
        for job in waiting:
            job.answer("error", error="the engine ends")
