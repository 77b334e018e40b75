"""An engine's process without a model: `python -m tests.fake_engine SETTINGS.json`.

It stages whatever it is shown, answers a `Generate` with its process id, nice level and threads, and
ends at once where its base is named `fails`.
"""

from __future__ import annotations

import os
import sys
from typing import Literal

from services import wire
from services.engine import EngineSettings, run


class FakeEngine:
    """Ready at once; holds what it was told to stage."""

    role: Literal["language", "vision"] = "language"

    def __init__(self, settings: EngineSettings) -> None:
        if settings.base.endswith("fails"):
            sys.exit(1)
        self._held: dict[str, wire.Resident] = {}

    async def start(self) -> None:
        """Nothing to load."""

    async def handle(self, message: wire.AnyMessage) -> wire.Message | None:
        match message:
            case wire.Stage():
                name = f"{len(self._held) + 1:064x}"
                self._held[name] = wire.Resident(adapter=message.adapter, sha256=name, slot=1)
                return wire.Staged(request=message.request, adapter=message.adapter, ok=True, sha256=name)
            case wire.Generate():
                told = f"{os.getpid()} {os.nice(0)} {os.environ.get('OMP_NUM_THREADS')}"
                return wire.Generated(request=message.request, text=told)
        return None

    def state(self) -> wire.EngineState:
        return wire.EngineState(kind=self.role, ready=True, base="none", resident=tuple(self._held.values()))

    async def close(self) -> None:
        """Nothing to end."""


if __name__ == "__main__":
    sys.exit(run(FakeEngine))
