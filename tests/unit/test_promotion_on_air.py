"""A room on air that follows promotions: the change comes at a phrase boundary, or not at all.

One test stages on the embedded bases by the real engines, in this process; the others are scripted.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from livehost.casting import Casting
from livehost.library import KINDS, Library
from livehost.promoted import PROMOTED_FILE
from livehost.promotion import promote, rollback
from livehost.schedule import on_air as on_air_at
from livehost.settings import AdapterVersions, Settings
from livehost.wardrobe import Engines, Wardrobe
from services import wire
from services.engine import EngineSettings
from services.lora.card import read_card
from tests.conftest import ROOT, wait_until
from tests.e2e import adapters
from tests.fake_playout import fake_playout
from tests.scripted_engines import TODAY, ScriptedEngine, a_wardrobe, sha, shelve
from tests.unit.test_room_dress import Live, a_house, configured

PLACES = "ann/language", "ann/visual", "bea/language", "bea/visual"


def following(folder: Path) -> Settings:
    """Two personas whose adapters follow the promotions."""
    data = configured(folder).model_dump(mode="json")
    for persona in data["personas"]:
        persona["adapters"] = {"language": "promoted", "visual": "promoted"}
    return Settings.model_validate(data)


def promoted(library: Path, version: str = "1") -> None:
    """Say in each place, by hand, which version is promoted."""
    for place in PLACES:
        (library / place / PROMOTED_FILE).write_text(f"version: '{version}'\n")


@asynccontextmanager
async def on_air(
    folder: Path, settings: Settings, wardrobe: Wardrobe, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Live]:
    """A room that is open, its persona dressed."""
    from livehost.runtime import Places

    socket = Places(settings.state_dir).run_dir("room") / "control.sock"
    async with (
        fake_playout(socket, "room") as playout,
        a_house(settings, playout, wardrobe, monkeypatch) as live,
    ):
        await live.room.open()
        await wait_until(lambda: live.room.desk.cast.finished, 30)
        await wait_until(lambda: len(playout.phrases) > 2, 10)
        yield live


@pytest.fixture
async def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    settings, wardrobe = following(tmp_path), a_wardrobe(tmp_path, "ann", "bea")
    promoted(tmp_path / "adapters")
    async with on_air(tmp_path, settings, wardrobe, monkeypatch) as live:
        yield live


def library_of(live: Live) -> Path:
    assert live.wardrobe.library.folder is not None
    return live.wardrobe.library.folder


def put(live: Live, kind: str, version: str) -> None:
    """Promote a version of ann's, as somebody does at another machine."""
    library = Library(library_of(live))
    shelved = library.find("ann", "language" if kind == "language" else "visual", version)
    promote(library, shelved, by="anna", verify=lambda one: list(one.problems(TODAY)), without_evaluation="x")


async def test_a_promotion_comes_on_within_seconds_and_a_rollback_takes_it_off(live: Live) -> None:
    assert live.room.desk.cast.language_adapter == sha("ann.language.1")
    shelve(library_of(live), "ann", "language", "2")
    shelve(library_of(live), "ann", "visual", "2")
    put(live, "language", "2")
    await wait_until(lambda: live.room.desk.cast.language_adapter == sha("ann.language.2"), 10)
    put(live, "visual", "2")
    await wait_until(lambda: live.room.desk.cast.visual_adapter == sha("ann.visual.2"), 10)
    view = await live.room.view()
    assert view["wearing"]["language"]["id"] == "ann.language.2"
    states = {one["id"]: (one["state"], one["promoted"]) for one in await live.house.adapters.all()}
    assert states["ann.language.2"] == ("live", True) and not states["ann.language.1"][1]
    done = await live.house.adapters.rollback("ann", "language", by="duty-1")
    assert (done["version"], done["promoted"], done["passed_over"]) == ("1", True, {})
    await wait_until(lambda: live.room.desk.cast.language_adapter == sha("ann.language.1"), 10)
    assert live.room.desk.cast.visual_adapter == sha("ann.visual.2")
    await live.house.journal.flush()
    rows = live.journal()
    assert [row["kind"] for row in rows].count("greeting") == 1  # no show began anew
    worn = [tuple(row["adapters"].values()) for row in rows if row["adapters"]["language"]]
    changes = [b for a, b in pairwise(worn) if a != b]
    assert len(changes) == 3


async def test_a_promotion_that_fails_in_staging_keeps_what_is_worn_and_tells_a_person(live: Live) -> None:
    shelve(library_of(live), "ann", "language", "2")
    live.language.refuses["ann.language.2"] = ("q_proj: NaN",)
    put(live, "language", "2")
    await wait_until(lambda: any(one.key == "dress" for one in live.house.alarms.current("room")), 10)
    (alarm,) = (one for one in live.house.alarms.current("room") if one.key == "dress")
    assert "q_proj: NaN" in alarm.cause
    count = len(live.playout.phrases)
    await wait_until(lambda: len(live.playout.phrases) > count + 3, 10)
    assert live.room.desk.cast.language_adapter == sha("ann.language.1")
    rollback(Library(library_of(live)), "ann", "language", by="anna", verify=lambda one: [])
    await wait_until(lambda: live.house.alarms.current("room") == (), 10)


async def test_a_broken_pointer_keeps_what_is_worn_and_is_named(live: Live) -> None:
    file = library_of(live) / "ann" / "language" / PROMOTED_FILE
    file.write_text("version: [")
    await wait_until(lambda: any(one.key == "dress" for one in live.house.alarms.current("room")), 10)
    (alarm,) = (one for one in live.house.alarms.current("room") if one.key == "dress")
    assert "promoted.yaml: is not YAML" in alarm.cause
    assert live.room.desk.cast.language_adapter == sha("ann.language.1")
    shown = await live.house.adapters.one("ann.language.1")
    assert shown is not None and "is not YAML" in shown["errors"][0] and not shown["promoted"]
    file.write_text("version: '1'\n")
    await wait_until(lambda: live.house.alarms.current("room") == (), 10)


async def test_a_card_that_goes_while_it_is_worn_is_off_the_air_at_once(live: Live) -> None:
    shutil.rmtree(library_of(live) / "ann" / "visual" / "1")
    await wait_until(lambda: not live.room.desk.cast.visual_adapter, 10)
    await wait_until(lambda: live.playout.phrases[-1].look == "builtin:morning", 10)
    (alarm,) = (one for one in live.house.alarms.current("room") if one.key == "dress")
    assert "does not exist" in alarm.cause
    shelve(library_of(live), "ann", "visual")
    await wait_until(lambda: live.room.desk.cast.visual_adapter == sha("ann.visual.1"), 10)


async def test_a_consent_that_is_ended_by_hand_is_seen_at_once(live: Live) -> None:
    shelve(library_of(live), "ann", "language", until=date(2026, 11, 30))
    await wait_until(lambda: not live.room.desk.cast.language_adapter, 10)
    assert "ran out" in next(one.cause for one in live.house.alarms.current("room") if one.key == "dress")


async def test_what_is_worn_can_be_retired_by_nobody_here_and_ends_no_show_elsewhere(live: Live) -> None:
    from livehost.promotion import retire
    from livehost.refused import Refused

    shelve(library_of(live), "ann", "language", "2")
    put(live, "language", "2")
    await wait_until(lambda: live.room.desk.cast.language_adapter == sha("ann.language.2"), 10)
    await live.room.switch("ann", None, live.room.desk.cast.versions, None)
    put(live, "language", "1")
    with pytest.raises(Refused, match="room room"):
        await live.house.adapters.retire("ann.language.2", by="x")
    library = Library(library_of(live))
    retire(library, library.find("ann", "language", "2"), by="another machine")
    count = len(live.playout.phrases)
    await wait_until(lambda: len(live.playout.phrases) > count + 3, 10)
    assert live.room.desk.cast.language_adapter == sha("ann.language.2")
    shown = await live.house.adapters.one("ann.language.2")
    assert shown is not None and shown["state"] == "live" and "another machine" in shown["retired"]
    with pytest.raises(Refused):
        await live.house.adapters.stage("ann.language.2")


def test_consents_are_held_against_the_rooms_own_day(tmp_path: Path) -> None:
    wardrobe = a_wardrobe(tmp_path, "ann")
    assert wardrobe.day("room") == TODAY
    wardrobe.today = None
    early, late = timezone(timedelta(hours=-12)), timezone(timedelta(hours=14))
    wardrobe.zones = {"early": early, "late": late, "here": ZoneInfo("Asia/Shanghai")}
    assert wardrobe.day("early") < wardrobe.day("late") == wardrobe.day()
    assert wardrobe.day("here") == datetime.now(ZoneInfo("Asia/Shanghai")).date()


def test_a_slot_may_ask_for_other_versions(tmp_path: Path) -> None:
    a_wardrobe(tmp_path, "ann", "bea")
    promoted(tmp_path / "adapters", "3")
    settings = following(tmp_path)
    slot = settings.rooms[0].slots[0].model_copy(update={"adapters": AdapterVersions(language="2")})
    casting = Casting(settings, settings.rooms[0])
    here = ZoneInfo(settings.rooms[0].zone)
    for at, versions in (
        (datetime(2099, 1, 1, 6, 30, tzinfo=here), AdapterVersions(language="2", visual="3")),
        (datetime(2099, 1, 1, 8, 0, tzinfo=here), AdapterVersions(language="3", visual="3")),
    ):
        cast = casting.of(on_air_at(settings.rooms[0], (slot,), None, at))
        assert cast is not None and cast.versions == versions


@dataclass
class Staging(ScriptedEngine):
    """A scripted engine whose staging is the real engine's, on the embedded base."""

    real: Any = None

    async def stage(self, adapter_id: str, folder: Path) -> wire.Staged:
        staged: wire.Staged = await self.real.handle(
            wire.Stage(request="r", adapter=adapter_id, folder=str(folder))
        )
        self.asked.append(f"stage {adapter_id}")
        if staged.ok:
            self.held[staged.sha256] = wire.Resident(adapter=adapter_id, sha256=staged.sha256, slot=1)
        return staged


async def test_promotions_are_staged_on_the_embedded_bases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.language.engine import LanguageEngine
    from services.vision.engine import VisionEngine

    library, repository = tmp_path / "adapters", adapters.copied(ROOT, tmp_path / "repository")
    for kind in KINDS:
        (library / "ann" / kind).mkdir(parents=True)
        shutil.copytree(repository / "tang-lady", library / "tang-lady", dirs_exist_ok=True)
        adapters.version(library, "ann", kind, "1", of="tang-lady")
        adapters.version(library, "ann", kind, "2", adapters.weaker, of="tang-lady")
        adapters.version(library, "ann", kind, "nan", adapters.with_nan, of="tang-lady")
    wardrobe = a_wardrobe(tmp_path, "bea")
    promoted(library)
    hers = {
        (kind, version): read_card(library / "ann" / kind / version).sha256
        for kind in KINDS
        for version in ("1", "2")
    }
    language = LanguageEngine(EngineSettings(socket="", engine="transformers"))
    vision = VisionEngine(EngineSettings(socket="", engine="embedded", cache_dir=str(tmp_path / "looks")))
    await language.start()
    await vision.start()
    try:
        engines = Engines(
            language=Staging("language", real=language),
            vision=Staging("vision", looks=tmp_path / "looks", real=vision),
        )
        wardrobe = Wardrobe(Library(library), engines, today=lambda: TODAY)
        async with on_air(tmp_path, following(tmp_path), wardrobe, monkeypatch) as live:
            cast = live.room.desk.cast
            assert (cast.language_adapter, cast.visual_adapter) == (
                hers["language", "1"],
                hers["visual", "1"],
            )
            for kind in KINDS:
                put(live, kind, "2")
            await wait_until(lambda: live.room.desk.cast.visual_adapter == hers["visual", "2"], 30)
            await wait_until(lambda: live.room.desk.cast.language_adapter == hers["language", "2"], 30)
            put(live, "language", "nan")
            await wait_until(lambda: live.room.changes.dresser.dress.state == "failed", 30)
            assert "not finite" in live.room.changes.dresser.dress.error
            assert live.room.desk.cast.language_adapter == hers["language", "2"]
            for version in ("2", "1"):
                done = await live.house.adapters.rollback("ann", "language", by="duty-1")
                assert done["version"] == version
            await wait_until(lambda: live.room.desk.cast.language_adapter == hers["language", "1"], 30)
            assert live.room.desk.cast.visual_adapter == hers["visual", "2"]
            greetings = [one for one in live.playout.phrases if one.kind == wire.PhraseKind.GREETING]
            assert len({one.trace.partition("#")[0] for one in greetings}) == 1
    finally:
        await language.close()
        await vision.close()
