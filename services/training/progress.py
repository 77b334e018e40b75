"""What a run says while it runs: one line that is written over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from services.training.history import Point

EVERY_S = 10.0  # between lines where there is no terminal
REDRAW_S = 0.1
WIDTH = 24
_PARTS = " ▏▎▍▌▋▊▉█"


@dataclass
class Progress:
    """Tells of steps. `stream` is where a bar is drawn, if it is a terminal; else `say` gets whole lines."""

    say: Callable[[str], None]
    steps: int
    epochs: int
    stream: TextIO | None = None
    clock: Callable[[], float] = time.monotonic
    columns: Callable[[], int] = lambda: shutil.get_terminal_size().columns
    _loss: float | None = field(default=None, repr=False)
    _told_at: float = field(default=float("-inf"), repr=False)
    _drawn: int = field(default=0, repr=False)

    @property
    def live(self) -> bool:
        """Whether a bar is drawn."""
        return self.stream is not None and self.stream.isatty()

    def step(self, point: Point, *, speed: float, left_s: float, peak_bytes: int) -> None:
        """Tell of a step that is done, if it is time: `speed` in samples a second, `left_s` to the end."""
        self._loss = point.loss if self._loss is None else 0.9 * self._loss + 0.1 * point.loss
        now = self.clock()
        if now - self._told_at < (REDRAW_S if self.live else EVERY_S) and point.step < self.steps:
            return
        self._told_at = now
        share = point.step / self.steps
        before = f"epoch {point.epoch}/{self.epochs} · step {point.step}/{self.steps} "
        after = (
            f"{share:4.0%} · loss {self._loss:.4f} · lr {point.rate:.2e} · "
            f"{speed:.{1 if speed < 100 else 0}f} samples/s · {peak_bytes / 2**30:.1f} GB · ETA {duration(left_s)}"
        )
        if self.live and self.stream is not None:
            room = self.columns() - 1
            text = (before + _bar(share, min(WIDTH, room - len(before) - len(after) - 3)) + after)[:room]
            self.stream.write("\r" + text.ljust(self._drawn))
            self.stream.flush()
            self._drawn = len(text)
        else:
            self.say(before + _bar(share, WIDTH) + after)

    def tell(self, text: str) -> None:
        """A whole line, which does not run into the bar."""
        self.close()
        self.say(text)

    def close(self) -> None:
        """Leave the bar's line."""
        if self._drawn and self.stream is not None:
            self.stream.write("\n")
            self.stream.flush()
        self._drawn = 0


def duration(seconds: float) -> str:
    """`59 s` as 00:59, an hour and a minute as 1:01:00."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _bar(share: float, width: int) -> str:
    """A bar of so many characters, a blank after it; nothing where there is no room for one."""
    if width < 4:
        return ""
    full, rest = divmod(round(min(1.0, share) * width * 8), 8)
    return "▕" + ("█" * full + (_PARTS[rest] if rest else "")).ljust(width) + "▏ "
