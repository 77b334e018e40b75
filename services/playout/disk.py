"""The one thread that writes small files, so that nobody else waits for a disk."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

log = logging.getLogger("playout.disk")


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's content, mode 0600, whole or not at all."""
    partial = path.with_name(path.name + ".part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.fchmod(handle, 0o600)
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(partial, path)


class DiskThread:
    """Runs jobs in order; a job that fails is logged, and its file stays as it was."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="playout-disk", daemon=True)

    def __enter__(self) -> DiskThread:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._jobs.put(None)
        self._thread.join(timeout=2.0)

    def put(self, job: Callable[[], None]) -> None:
        """Have a job done soon."""
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except OSError as error:
                log.error("a state file could not be written: %s; free disk space or mend the folder", error)
