"""A room's changes of persona and of dress: who is on, what she wears, what comes, what was asked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from livehost import schedule
from livehost.casting import Casting
from livehost.desk import same_role
from livehost.dressing import Dress, Dresser
from livehost.library import adapter_id
from livehost.lines import Cast, Worn
from livehost.settings import AdapterVersions, Override
from livehost.switching import Fitting, Next, SwitchPreparer, same
from livehost.wardrobe import Part, Wardrobe

if TYPE_CHECKING:
    from livehost.room import Room

log = structlog.get_logger(__name__)

SEEN_WITHIN_S = 1.0
MENDS = {
    Part.LANGUAGE: "在控制台【人设与模型】看语言适配器和引擎 / see the language adapter and its engine",
    Part.VISUAL: "在控制台【人设与模型】看形象适配器和引擎 / see the visual adapter and its engine",
    Part.LOOK: "检查形象、提示词和画面引擎 / check the look, the prompt and the vision engine",
    Part.GREETING: "检查音色和语音引擎 / check the voice and its engine",
}


class Changes:
    """Joins the wardrobe, the switch and the dresser to one room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._last = room.desk.cast
        self.before: Cast | None = None
        fitting = Fitting(room.house.wardrobe, room.id, take_look=room.booth.take_look)
        self.switch = SwitchPreparer(
            room.desk, room.voicer, fitting, prepare_s=room.settings.prepare_s, clock=room.now,
            on_air=room.on_air, next_change=room.next_change, cast_for=room.casting.of,
            stock_for=room.stock,
            running=lambda: room.sessions.works and room.link.connected, told=self._switch_told,
        )  # fmt: skip
        self.dresser = Dresser(
            room.desk, fitting, clock=room.now, wanted=self._wanted, is_open=lambda: room.is_open,
            running=lambda: room.link.connected, changed=self._dress_told, pin=self.pin,
        )  # fmt: skip

    # ---- who begins

    def first(self) -> Cast:
        """The cast that a session begins with: the timetable's, dressed if she was before."""
        room = self._room
        self.dresser.forget()  # that the adapters are still resident is looked into beside it
        return room.house.wardrobe.as_last_worn(room.casting.first(room.on_air()))

    def look_again(self) -> None:
        """The timetable, an override or an engine changed."""
        self.switch.wake.set()
        self.dresser.wake.set()

    def all_anew(self) -> None:
        """Playout holds no look any more, or an adapter was shut out: make sure of everything again."""
        self.switch.forget()
        self.dresser.forget()

    async def pin(self) -> None:
        """Have the engines keep the adapters on air, of the cast before, and of the next."""
        desk = self._room.desk
        await self._room.house.wardrobe.pin(
            self._room.id,
            (desk.cast, desk.redress, self.switch.prepared, self.dresser.fitted, self.before),
        )

    def said(self) -> None:
        """A phrase went out: another cast than that of the one before is on air from here on."""
        room, cast = self._room, self._room.desk.cast
        if cast is self._last:
            return
        self.before, self._last = self._last, cast
        room.spawn(self.pin(), "pin")
        room.spawn(self.cancel_older(), "give up older words")
        room.spawn(room.save(), "keep the cast")
        room.spawn(room.booth.tell_reserve(room.desk.stock), "reserve")
        room.house.events.publish(room.id, "dress", self.wearing())

    # ---- by hand

    async def by_hand(
        self, persona: str, rundown: str | None, adapters: AdapterVersions | None, until: datetime | None
    ) -> dict[str, Any]:
        """Put a persona on, or other versions of her adapters, until an instant (the next change)."""
        room, now = self._room, self._room.now()
        if rundown is None and persona == room.desk.cast.persona.id:
            rundown = room.desk.cast.rundown.id  # she goes on with her script: other adapters are no new show
        elif rundown is None:
            rundown = room.rundown_of(persona)
        if until is None:
            coming = room.next_change()
            until = coming[0] if coming is not None else now + schedule.MAX_WINDOW - timedelta(minutes=1)
        override = Override(persona=persona, rundown=rundown, adapters=adapters, until=until)
        await room.house.store.set_override(room.id, override)
        await room.reload_timetable()
        room.house.events.publish(room.id, "timetable", {"override": override.model_dump(mode="json")})
        wanted = room.casting.cast(persona, rundown, adapters)

        def seen() -> bool:
            coming, dress, desk = self.switch.next, self.dresser.dress, room.desk
            if not same_role(wanted, desk.cast):
                return coming is not None and coming.persona == persona and coming.state != "waiting"
            return same(wanted, desk.cast) or dress.state in ("preparing", "ready", "failed")

        if room.sessions.works and room.link.connected:
            await room.tasks.until(seen, SEEN_WITHIN_S)
        view = await room.view()
        return {
            "override": override.model_dump(mode="json"), "next": view["next"], "wearing": view["wearing"]
        }  # fmt: skip

    # ---- what is shown

    def wearing(self) -> dict[str, Any]:
        """What the persona on air wears, and how it stands."""
        cast, dress = self._room.desk.cast, self.dresser.dress
        persona, versions = cast.persona.id, cast.versions

        def adapter(kind: Any, version: str | None, sha256: str) -> dict[str, Any] | None:
            if version is None:
                return None
            return {"id": adapter_id(persona, kind, version), "version": version, "sha256": sha256}

        return {
            **asdict(dress),
            "language": adapter("language", versions.language, cast.language_adapter),
            "visual": adapter("visual", versions.visual, cast.visual_adapter),
            "look": cast.look_for(self._room.desk.presented),
            "looks": [{"name": worn.name, "products": worn.products} for worn in cast.looks],
        }

    async def cancel_older(self) -> None:
        """Have the language engine give up what was asked for words that nobody will say."""
        engine = self._room.house.wardrobe.engines.language
        if engine is not None:
            await engine.cancel_below(self._room.id, self._room.desk.generation)

    # ---- inside

    def _wanted(self) -> Cast | None:
        return self._room.casting.of(self._room.on_air())

    def _switch_told(self, coming: Next | None) -> None:
        room = self._room
        room.house.metrics.switch(room.id, coming)
        room.house.events.publish(room.id, "switch", {"next": asdict(coming) if coming else None})
        if coming is not None and coming.state == "failed":
            name = room.house.settings.persona(coming.persona).name
            cause = f"{name} 还不能上场（{coming.part}）/ cannot come on: {coming.error}"
            room.house.alarms.raise_(room.id, "switch", cause, MENDS[Part(coming.part)])
        elif coming is None or coming.state == "ready":
            room.house.alarms.clear(room.id, "switch")
        if coming is not None and coming.state == "ready":
            room.spawn(self.pin(), "pin")

    def _dress_told(self, dress: Dress) -> None:
        room = self._room
        room.house.metrics.dressed.labels(room.id).set(dress.state in ("dressed", "finishing"))
        room.house.events.publish(room.id, "dress", self.wearing())
        if dress.state in ("failed", "lapsed"):
            mend = MENDS[Part(dress.part)] if dress.state == "failed" else "续签授权或换一个版本 / renew it"
            cause = f"主播还没有换上完整的人设（{dress.part}）/ not dressed: {dress.error}"
            room.house.alarms.raise_(room.id, "dress", cause, mend)
        elif dress.state in ("dressed", "finishing", "plain"):
            room.house.alarms.clear(room.id, "dress")


def restored(state: Mapping[str, Any], casting: Casting, wardrobe: Wardrobe) -> Cast | None:
    """The cast that was on air when the show ended (`kept`), where all of it is still configured and there."""
    try:
        old = state["cast"]
        versions = AdapterVersions.model_validate(old["versions"])
        plain = casting.cast(old["persona"], old["rundown"], versions)
        worn = replace(
            plain, language_adapter=str(old["language"]), visual_adapter=str(old["visual"]),
            made=_worn(old["made"]) if old["made"] else None,
            variants=tuple(_worn(one) for one in old["variants"]), dressed=True,
            finished=bool(old["finished"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None
    stands = old["dressed"] and wardrobe.needs(plain) and wardrobe.has_looks(worn)
    if not stands or wardrobe.lapsed(worn):
        return plain
    wardrobe.remember(worn)
    return worn


def kept(cast: Cast) -> dict[str, Any]:
    """A cast as the store keeps it."""

    def worn(one: Worn) -> dict[str, Any]:
        return {"name": one.name, "path": str(one.path), "products": list(one.products)}

    return {
        "persona": cast.persona.id, "rundown": cast.rundown.id, "dressed": cast.dressed, "finished": cast.finished,
        "versions": cast.versions.model_dump(mode="json"), "language": cast.language_adapter,
        "visual": cast.visual_adapter, "made": worn(cast.made) if cast.made else None,
        "variants": [worn(one) for one in cast.variants],
    }  # fmt: skip


def _worn(data: Mapping[str, Any]) -> Worn:
    return Worn(str(data["name"]), Path(data["path"]), tuple(str(one) for one in data["products"]))
