"""Ctrl-C and a supervisor's SIGTERM during a run: the first asks it to save and stop, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the run was asked to stop."""

    asked = False


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[Stop]:
    """Within it the first signal sets `asked`; a second meets the system's own handling, which ends the process.

    Outside the main thread, where no handler can be set, it changes nothing.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.asked = True
        for one in SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        say("这一步做完就存档并停止；再按一次立即结束 / saving after this step; once more ends it at once")

    before = {one: signal.signal(one, ask) for one in SIGNALS}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
