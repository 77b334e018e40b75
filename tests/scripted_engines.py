"""Scripted model engines: they stage, pin, draw and say the core back, on any clock, and remember it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from livehost.engines import EngineGone
from livehost.library import Library
from livehost.wardrobe import Engines, Wardrobe
from services import wire
from services.lora.card import Base, Card, Consent, write_card

TODAY = date(2026, 12, 1)


def sha(name: str) -> str:
    """The hash that an adapter of that id has here."""
    return hashlib.sha256(name.encode()).hexdigest()


def shelve(
    library: Path, persona: str, kind: str, version: str = "1", until: date | None = date(2030, 1, 1)
) -> Path:
    """Put an adapter into a library; its weights are its id. `until` None: without a consent."""
    folder = library / persona / kind / version
    scope = ("words",) if kind == "language" else ("face",)
    consent = until and Consent(
        subject="a drawn character", scope=scope, document="made up", valid_from=date(2026, 1, 1),
        valid_until=until,
    )  # fmt: skip
    name = f"{persona}.{kind}.{version}"
    card = Card.model_validate(
        {
            "kind": kind, "persona": persona, "version": version, "rank": 4, "alpha": 8,
            "base": Base(name="tiny", sha256=sha("base")), "target_modules": ("q_proj",),
            "sha256": sha(name), "consent": consent,
        }
    )  # fmt: skip
    write_card(folder, card)
    (folder / "adapter.safetensors").write_bytes(name.encode())
    return folder


@dataclass
class ScriptedEngine:
    """An engine that answers in `takes_s`; `refuses` holds errors by adapter id or prompt."""

    kind: str = "language"
    takes_s: float = 0.0
    looks: Path = Path("/nowhere")
    ready: bool = True
    gone: bool = False
    refuses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    pins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    quarantined: tuple[str, ...] = ()
    error: str = ""
    held: dict[str, wire.Resident] = field(default_factory=dict)

    @property
    def state(self) -> wire.EngineState | None:
        if self.gone:
            return None
        return wire.EngineState(
            kind=self.kind, ready=self.ready, error=self.error, mend="mend it" if self.error else "",
            base="tiny", base_sha256=sha("base"), device="cpu", base_bytes=3_000_000, slot_bytes=100_000,
            slots=8, resident=tuple(self.held.values()), quarantined=self.quarantined, rss_bytes=400_000_000,
        )  # type: ignore[arg-type]  # fmt: skip

    async def stage(self, adapter_id: str, folder: Path) -> wire.Staged:
        await self._work(f"stage {adapter_id}")
        errors = self.refuses.get(adapter_id, ())
        if errors:
            return wire.Staged(request="r", adapter=adapter_id, ok=False, errors=errors)
        name = sha(adapter_id)
        self.held[name] = wire.Resident(adapter=adapter_id, sha256=name, slot=len(self.held) + 1)
        return wire.Staged(request="r", adapter=adapter_id, ok=True, sha256=name)

    async def pin(self, room: str, adapters: Iterable[str]) -> None:
        self.pins[room] = tuple(dict.fromkeys(one for one in adapters if one))

    def resident(self, sha256: str) -> bool:
        return not sha256 or sha256 in self.held

    async def cancel_below(self, room: str, generation: int) -> None:
        self.asked.append(f"cancel below {generation}")

    async def generate(self, *, user: str, adapter: str = "", **_: Any) -> wire.Generated:
        await self._work(f"words {user}")
        return wire.Generated(request="r", text=user.partition("【要点】")[2], adapter=adapter)

    async def make_look(
        self,
        *,
        room: str,
        template: Path,
        prompt: str,
        adapter: str = "",
        negative: str = "",
        seed: int = 0,
        strength: float = 1.0,
        guidance: float = 2.0,
    ) -> wire.LookMade:
        await self._work(f"look {prompt}")
        if errors := self.refuses.get(prompt, ()):
            return wire.LookMade(request="r", ok=False, errors=errors)
        key = sha(f"{prompt} {adapter} {seed}")
        folder = self.looks / key
        if self.looks != Path("/nowhere"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "look.yaml").write_text("version: 1\n")
        return wire.LookMade(request="r", ok=True, folder=str(folder), key=key)

    async def _work(self, what: str) -> None:
        self.asked.append(what)
        await asyncio.sleep(self.takes_s)
        if self.gone:
            raise EngineGone(f"the {self.kind} engine went away")


def a_wardrobe(folder: Path, *personas: str, takes_s: float = 0.0) -> Wardrobe:
    """A wardrobe over two scripted engines and a library with version 1 of each persona's adapters."""
    for persona in personas:
        for kind in ("language", "visual"):
            shelve(folder / "adapters", persona, kind)
    engines = Engines(
        language=ScriptedEngine("language", takes_s),
        vision=ScriptedEngine("vision", takes_s, folder / "looks"),
    )
    return Wardrobe(Library(folder / "adapters"), engines, today=lambda: TODAY)
