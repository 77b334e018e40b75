"""The adapters as people see them: what the library holds, where each stands, and what is done by hand.

By hand: staging, promoting, rolling back, retiring.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import structlog

from livehost.engine_children import base_of
from livehost.engine_watch import engine_view
from livehost.engines import EngineGone
from livehost.library import Kind, Shelved, adapter_id
from livehost.lines import Cast
from livehost.promoted import PointerUnreadable, Promotion
from livehost.promotion import PromotionRefused, promote, retire, rollback
from livehost.refused import Refused
from livehost.settings import Models
from livehost.verification import verify
from livehost.wardrobe import BankEngine, Role, Wardrobe, not_ready

log = structlog.get_logger(__name__)

_Done = TypeVar("_Done")


class AdapterState(StrEnum):
    """Where an adapter stands, the strongest first."""

    QUARANTINED = "quarantined"
    """An engine shut it out: what it made could not be used."""
    LIVE = "live"
    """A room's persona wears it on air."""
    RETIRED = "retired"
    """Somebody took it out of use; it is not put on air."""
    FAILED = "failed"
    """Its folder, card or consent is wrong, or its engine refused it; `errors` says everything."""
    RESIDENT = "resident"
    """It is in its engine's bank: a change to it takes no time."""
    STAGED = "staged"
    """It was checked well and has left the bank since."""
    STORED = "stored"
    """It lies in the library and was not tried since the start."""


@dataclass(frozen=True)
class Wearing:
    """What one room wears: its cast on air, and the next one that is ready."""

    room: str
    on_air: Cast | None
    ready: Cast | None


@dataclass
class AdapterDesk:
    """Shows, stages and promotes adapters. `worn` tells what the rooms wear.

    `named` are the adapters that the configuration names by their version, and where.
    """

    models: Models
    wardrobe: Wardrobe
    worn: Callable[[], Iterable[Wearing]]
    named: Mapping[str, str] = field(default_factory=dict)
    _asking: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def all(self) -> list[dict[str, Any]]:
        """Every adapter of the library, by id."""
        shelved = await asyncio.to_thread(self.wardrobe.library.all)
        return [self._view(one) for one in shelved]

    async def one(self, adapter: str) -> dict[str, Any] | None:
        """One adapter, or None where the library has none of that id.

        Raises:
            Refused: the library itself is missing.
        """
        found = await self._found(adapter)
        return self._view(found) if found is not None else None

    async def stage(self, adapter: str) -> dict[str, Any] | None:
        """Stage one now; None where there is none of that id. Nothing on air changes.

        Raises:
            Refused: with every error that was found.
        """
        found = await self._found(adapter)
        if found is None:
            return None
        async with self._asking.setdefault(found.id, asyncio.Lock()):
            await self._stage(found)
        return self._view(found)

    async def promote(self, adapter: str, *, by: str, without_evaluation: str = "") -> dict[str, Any] | None:
        """Stage one and make it the promoted version; None where there is none of that id.

        Rooms that follow it change to it within seconds, at a phrase boundary.

        Raises:
            Refused: with every reason.
        """
        found = await self._found(adapter)
        if found is None:
            return None
        engine = self._engine(found)
        if engine is not None:
            await self.stage(adapter)
        verify = self._sound if engine is not None else self._verified
        await self._changed(
            promote, self.wardrobe.library, found, by=by, verify=verify, without_evaluation=without_evaluation
        )
        log.info("an adapter was promoted", adapter=found.id, by=by, without_evaluation=without_evaluation)
        return self._view(found)

    async def rollback(self, persona: str, kind: Kind, *, by: str) -> dict[str, Any]:
        """Go back to the version that was promoted before; `passed_over` names those that cannot be used.

        Raises:
            Refused: there is none that can be used.
        """
        done = await self._changed(rollback, self.wardrobe.library, persona, kind, by=by, verify=self._sound)
        version = done.promotion.version
        log.warning("an adapter was rolled back", persona=persona, kind=kind, version=version, by=by)
        shelved = await asyncio.to_thread(self.wardrobe.library.find, persona, kind, version)
        passed_over = {
            adapter_id(persona, kind, one): [self._short(text) for text in why]
            for one, why in done.passed_over.items()
        }
        return {**self._view(shelved), "passed_over": passed_over}

    async def retire(self, adapter: str, *, by: str, why: str = "") -> dict[str, Any] | None:
        """Take one out of use; None where there is none of that id. Nothing is deleted.

        Raises:
            Refused: it is promoted, worn, or named in the configuration.
        """
        found = await self._found(adapter)
        if found is None:
            return None
        used = {**self.named, **self._used()}
        await self._changed(retire, self.wardrobe.library, found, by=by, why=why, used=used)
        log.info("an adapter was retired", adapter=found.id, by=by, why=why)
        return await self.one(found.id)

    def engines(self) -> list[dict[str, Any]]:
        """Both engines: base, device, slots, memory, speed."""
        engines = self.wardrobe.engines
        return [
            engine_view("language", engines.language, asked=self.models.language.engine),
            engine_view("vision", engines.vision, asked=self.models.vision.engine),
        ]

    async def _found(self, adapter: str) -> Shelved | None:
        library = self.wardrobe.library
        found = await asyncio.to_thread(library.by_id, adapter)
        if found is None and await asyncio.to_thread(lambda: library.missing):
            raise Refused(
                f"适配器库的文件夹不在了：{library.folder} / the adapter library's folder is missing",
                "把文件夹放回去，或者改 adapters 的路径 / put it back, or correct `adapters`",
                503,
            )
        return found

    def _used(self) -> dict[str, str]:
        """The adapters that rooms wear, or are about to, and which room."""
        used: dict[str, str] = {}
        for wearing in self.worn():
            for cast in filter(None, (wearing.on_air, wearing.ready)):
                for kind, version in cast.versions.named() if cast.dressed else ():
                    used[adapter_id(cast.persona.id, kind, version)] = f"直播间 / room {wearing.room}"
        return used

    def _sound(self, shelved: Shelved) -> list[str]:
        return list(shelved.problems(self.wardrobe.day()))

    def _verified(self, shelved: Shelved) -> list[str]:
        role: Role = "language" if shelved.kind == "language" else "vision"
        model = self.models.language if role == "language" else self.models.vision
        return verify(shelved, today=self.wardrobe.day(), base=base_of(role, model))

    async def _changed(self, change: Callable[..., _Done], *args: Any, **named: Any) -> _Done:
        """Do something to the library in a thread; raises Refused with every reason."""
        try:
            return await asyncio.to_thread(change, *args, **named)
        except PromotionRefused as refused:
            first = self._short(refused.problems[0]) if refused.problems else ""
            raise Refused(
                f"没有改动 / nothing was changed: {first}",
                "按 errors 逐条处理后再试 / mend what `errors` lists",
                409,
                details={"errors": [{"at": "", "message": self._short(one)} for one in refused.problems]},
            ) from refused

    async def _stage(self, shelved: Shelved) -> None:
        if problems := shelved.problems(self.wardrobe.day()):
            self.wardrobe.staged[shelved.id] = ("", problems)
            raise self._refused(shelved, problems)
        engine = self._engine(shelved)
        if engine is None or not engine.ready:
            kind = "language" if shelved.kind == "language" else "vision"
            cause = not_ready(shelved.kind, engine) if engine else f"the {kind} engine is off on this machine"
            raise Refused(f"引擎还没有就绪 / {cause}", "等引擎就绪后再试 / try again once it is ready", 503)
        try:
            staged = await self.wardrobe.stage(shelved, engine)
        except EngineGone as gone:
            raise Refused(f"引擎没有回应 / {gone}", "几秒后再试 / try again in some seconds", 503) from gone
        if not staged.ok:
            raise self._refused(shelved, staged.errors)

    def _refused(self, shelved: Shelved, errors: Iterable[str]) -> Refused:
        listed = list(errors)
        return Refused(
            f"适配器 {shelved.id} 不能用 / cannot be used: {len(listed)} 处 / errors",
            "按 errors 逐条修改后再试 / mend what `errors` lists",
            422,
            details={"errors": [{"at": shelved.id, "message": self._short(one)} for one in listed]},
        )

    def _short(self, text: str) -> str:
        """An error without the library's place on this machine."""
        return text.replace(f"{self.wardrobe.library.folder}/", "")

    def _engine(self, shelved: Shelved) -> BankEngine | None:
        engines = self.wardrobe.engines
        return engines.language if shelved.kind == "language" else engines.vision

    def _view(self, shelved: Shelved) -> dict[str, Any]:
        card, today = shelved.card, self.wardrobe.day()
        staged_as, refused = self.wardrobe.staged.get(shelved.id, ("", ()))
        sha256 = staged_as or (card.sha256 if card is not None else "")
        known = shelved.problems(today)
        problems = (*shelved.lapses(today), *(one for one in refused if one not in known))
        promotion, unclear = self._promotion(shelved)
        rooms = [one.room for one in self.worn() if _wears(one.on_air, sha256)]
        ready = [one.room for one in self.worn() if _wears(one.ready, sha256)]
        engine = self._engine(shelved)
        state = engine.state if engine is not None else None
        resident = state is not None and any(one.sha256 == sha256 for one in state.resident)
        if state is not None and sha256 in state.quarantined:
            stands = AdapterState.QUARANTINED
        elif rooms:
            stands = AdapterState.LIVE
        elif shelved.retired:
            stands = AdapterState.RETIRED
        elif problems:
            stands = AdapterState.FAILED
        elif resident:
            stands = AdapterState.RESIDENT
        else:
            stands = AdapterState.STAGED if staged_as else AdapterState.STORED
        consent = card.consent if card is not None else None
        return {
            "id": shelved.id, "persona": shelved.persona, "kind": shelved.kind, "version": shelved.version,
            "state": stands.value, "sha256": sha256, "rooms": rooms, "next_in": ready,
            "promoted": promotion is not None, "retired": self._short(shelved.retired),
            "back_to": promotion.before[-1] if promotion is not None and promotion.before else None,
            "errors": [self._short(problem) for problem in (*problems, *unclear)],
            "consent": {
                "state": shelved.consent(today).value,
                "subject": consent.subject if consent else None,
                "document": consent.document if consent else None,
                "valid_from": consent.valid_from.isoformat() if consent else None,
                "valid_until": consent.valid_until.isoformat() if consent else None,
                "days_left": (consent.valid_until - today).days if consent else None,
            },
            "card": None if card is None else {
                "base": card.base.name, "base_sha256": card.base.sha256, "rank": card.rank,
                "alpha": card.alpha, "trigger_words": list(card.trigger_words), "parent": card.parent,
                "created": card.created.isoformat(), "evaluation": card.evaluation,
            },
        }  # fmt: skip

    def _promotion(self, shelved: Shelved) -> tuple[Promotion | None, tuple[str, ...]]:
        """The pointer that names this version, if it does, and why it cannot be told."""
        try:
            promotion = self.wardrobe.library.promotion(shelved.persona, shelved.kind)
        except PointerUnreadable as error:
            return None, (str(error),)
        named = promotion is not None and promotion.version == shelved.version
        return promotion if named else None, ()


def _wears(cast: Cast | None, sha256: str) -> bool:
    return cast is not None and sha256 != "" and sha256 in (cast.language_adapter, cast.visual_adapter)
