"""Watches the model engines for the house: figures, alarms with a mend, and who must look again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from livehost.settings import Models
from livehost.wardrobe import BankEngine, Role, runs_here

if TYPE_CHECKING:
    from livehost.house import House

GONE_S = 20.0
FIRST_S = 90.0
NAMES: dict[Role, str] = {
    "language": "语言引擎 / the language engine",
    "vision": "画面引擎 / the vision engine",
}
NO_TORCH = (
    "没有安装 PyTorch / PyTorch is not installed",
    "pip install 'livehost[models]'，或把 models 的 engine 改成 off / or set engine: off",
)


@dataclass
class Watched:
    """How an engine stood at the last look."""

    engine: BankEngine
    gone_since: float
    allowed_s: float = FIRST_S
    was_ready: bool = False
    quarantined: frozenset[str] = field(default_factory=frozenset)


class EngineWatch:
    """Looks at the engines once a second; when one is there, or there again, every room looks again."""

    def __init__(self, house: House, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._house = house
        self._clock = clock
        self._watched = {
            role: Watched(engine, clock()) for role, engine in house.wardrobe.engines.by_role().items()
        }

    async def run(self) -> None:
        """Watch for ever."""
        self._cannot_run(self._house.settings.models)
        while True:
            for role, watched in self._watched.items():
                self.look(role, watched)
            await asyncio.sleep(1.0)

    def look(self, role: Role, watched: Watched) -> None:
        """Take over one engine's figures; raise and clear its alarms."""
        engine, state, now = watched.engine, watched.engine.state, self._clock()
        self._house.metrics.engine(role, state, engine.ready)
        if engine.ready and not watched.was_ready:
            for room in self._house.rooms.values():
                room.changes.dresser.forget()
                room.changes.switch.wake.set()
        if engine.ready != watched.was_ready:
            for room_id in self._house.rooms:
                self._house.events.publish(room_id, "engine", {"engine": role, "ready": engine.ready})
        watched.was_ready = engine.ready
        if state is not None:
            watched.gone_since, watched.allowed_s = now, GONE_S
        if state is not None and state.error:
            self._raise(role, f"{NAMES[role]}: {state.error}", state.mend)
        elif state is None and now - watched.gone_since > watched.allowed_s:
            self._raise(
                role, f"{NAMES[role]} 没有运行 / is not running",
                "它会自动重启；一直不来就看日志 / it is restarted by itself; if it stays away, see its log",
            )  # fmt: skip
        elif engine.ready:
            self._clear(role)
        self._tell_quarantine(role, watched, frozenset(state.quarantined if state else ()))

    def _tell_quarantine(self, role: Role, watched: Watched, bad: frozenset[str]) -> None:
        if bad == watched.quarantined:
            return
        watched.quarantined = bad
        for room in self._house.rooms.values():
            room.changes.all_anew()  # what is worn or ready may be among them

    def _cannot_run(self, models: Models) -> None:
        """Say once of an engine that is configured and cannot run here: words and looks stay the templates'."""
        for role in NAMES:
            asked = getattr(models, role).engine
            if asked != "off" and role not in self._watched and not runs_here(asked):
                self._raise(role, f"{NAMES[role]}: {NO_TORCH[0]}", NO_TORCH[1])

    def _raise(self, role: Role, cause: str, mend: str) -> None:
        for room in self._house.rooms:
            self._house.alarms.raise_(room, f"engine:{role}", cause, mend)

    def _clear(self, role: Role) -> None:
        for room in self._house.rooms:
            self._house.alarms.clear(room, f"engine:{role}")


def engine_view(role: Role, engine: BankEngine | None, *, asked: str) -> dict[str, Any]:
    """An engine as the API and the console show it: facts of its last state."""
    state = engine.state if engine is not None else None
    if asked == "off":
        stands = "off"
    elif engine is None:
        stands = "missing"
    elif state is None:
        stands = "down"
    else:
        stands = "failed" if state.error else "ready" if engine.ready else "loading"
    view: dict[str, Any] = {"engine": role, "kind": asked, "state": stands, "error": "", "mend": ""}
    if stands == "missing":
        view |= {"error": NO_TORCH[0], "mend": NO_TORCH[1]}
    if state is not None:
        view |= {
            "error": state.error, "mend": state.mend, "base": state.base, "base_sha256": state.base_sha256,
            "device": state.device, "base_bytes": state.base_bytes, "slot_bytes": state.slot_bytes,
            "slots": state.slots, "slots_used": len(state.resident),
            "slots_pinned": sum(one.pinned for one in state.resident), "served": state.served,
            "waiting": state.waiting, "tokens_per_s": round(state.tokens_per_s, 1),
            "rss_bytes": state.rss_bytes,
        }  # fmt: skip
    return view
