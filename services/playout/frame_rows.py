"""When each frame was due and when it left, as CSV rows: for measuring, off unless asked for.

`LIVEHOST_FRAME_ROWS=FILE` in the environment turns it on. Times are of the monotonic clock, which all
processes of a machine share.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from services.playout.disk import DiskThread

ASKED_BY = "LIVEHOST_FRAME_ROWS"
COLUMNS = "frame,due_s,left_s,late_s\n"


class FrameRows:
    """The clock's thread notes, the event loop writes once a second through the disk's thread."""

    def __init__(self, path: Path, disk: DiskThread) -> None:
        self._path = path
        self._disk = disk
        self._rows: deque[tuple[int, float, float]] = deque()
        self._disk.put(lambda: self._append(COLUMNS if not self._path.exists() else ""))

    def left(self, frame: int, due_s: float, left_s: float) -> None:
        """A frame of the session left the mux."""
        self._rows.append((frame, due_s, left_s))

    def write(self) -> None:
        """Write what gathered."""
        rows = [self._rows.popleft() for _ in range(len(self._rows))]
        text = "".join(f"{n},{due:.6f},{left:.6f},{left - due:.6f}\n" for n, due, left in rows)
        self._disk.put(lambda: self._append(text))

    def _append(self, text: str) -> None:
        with self._path.open("a") as file:
            file.write(text)


def rows_asked_for(disk: DiskThread) -> FrameRows | None:
    """The rows, where the environment asks for them."""
    path = os.environ.get(ASKED_BY)
    return FrameRows(Path(path), disk) if path else None
