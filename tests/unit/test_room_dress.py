"""A whole room with scripted engines and a playout that only talks: dressed, switched, restarted, recorded."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from livehost import app
from livehost.house import House
from livehost.room import Room
from livehost.runtime import Places
from livehost.settings import AdapterVersions, Settings
from livehost.wardrobe import Wardrobe
from tests.conftest import wait_until
from tests.fake_playout import FakePlayout, fake_playout
from tests.fakes import CATALOG, persona
from tests.scripted import ScriptedVoices
from tests.scripted_engines import TODAY, ScriptedEngine, a_wardrobe, sha, shelve


def configured(folder: Path) -> Settings:
    """Two personas with adapters and portraits, the first with a variant for the honey."""
    (folder / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), "utf-8")
    own = {"adapters": {"language": "1", "visual": "1"}}
    red = {"id": "red", "prompt": "ann in red", "products": ["honey-02"]}
    ann = {**persona("ann", "小安"), **own, "portrait": {"prompt": "ann", "variants": [red]}}
    bea = {**persona("bea", "小贝"), **own, "portrait": {"prompt": "bea"}}
    segments = [
        {"id": "a", "product": "cleanser-01", "wordings": ["先看洁面。", "今天先看洁面。"]},
        {"id": "b", "product": "honey-02", "wordings": ["再看蜂蜜。", "接着看蜂蜜。"]},
    ]
    later = {
        "id": "later",
        "persona": "bea",
        "rundown": "hers",
        "first": "2099-01-01",
        "at": "06:00",
        "duration": "PT1H",
    }
    return Settings.model_validate(
        {
            "state_dir": folder / "state", "catalog": folder / "catalog.yaml", "personas": [ann, bea],
            "models": {"language": {"engine": "embedded"}, "vision": {"engine": "embedded"}},
            "adapters": folder / "adapters", "rundowns": [{"id": "show", "segments": segments}, {"id": "hers", "segments": segments}],
            "rooms": [{"id": "room", "default_persona": "ann", "prepare_s": 5, "slots": [later]}],
        }
    )  # fmt: skip


@dataclass
class Live:
    """A running house with its one room."""

    house: House
    room: Room
    playout: FakePlayout
    wardrobe: Wardrobe

    @property
    def language(self) -> ScriptedEngine:
        assert isinstance(self.wardrobe.engines.language, ScriptedEngine)
        return self.wardrobe.engines.language

    @property
    def vision(self) -> ScriptedEngine:
        assert isinstance(self.wardrobe.engines.vision, ScriptedEngine)
        return self.wardrobe.engines.vision

    def journal(self) -> list[dict[str, Any]]:
        files = sorted((self.house.settings.state_dir / "journal" / "room").glob("*.jsonl"))
        rows = [json.loads(line) for file in files for line in file.read_text().splitlines() if line]
        return [row for row in rows if row["type"] == "say"]


@asynccontextmanager
async def a_house(
    settings: Settings, playout: FakePlayout, wardrobe: Wardrobe, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Live]:
    monkeypatch.setattr(app, "Wardrobe", lambda library, engines: wardrobe)
    async with app.open_house(settings, voices=ScriptedVoices(), engines=wardrobe.engines) as house:
        room = house.rooms["room"]
        await wait_until(lambda: room.link.connected)
        yield Live(house, room, playout, wardrobe)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[tuple[Settings, FakePlayout, Wardrobe]]:
    settings = configured(tmp_path)
    socket = Places(settings.state_dir).run_dir("room") / "control.sock"
    async with fake_playout(socket, "room") as playout:
        yield settings, playout, a_wardrobe(tmp_path, "ann", "bea")
        assert playout.pid != os.getpid() or playout.unknown == []


Stage = tuple[Settings, FakePlayout, Wardrobe]


def whole(rows: list[dict[str, Any]]) -> None:
    """No entry mixes two personas."""
    for row in rows:
        who, worn = row["persona"], row["adapters"]
        assert row["look"].startswith("builtin:morning")
        if worn["language"]:
            assert worn["language"] in (sha(f"{who}.language.1"), sha(f"{who}.language.2"))
            assert worn["visual"] == sha(f"{who}.visual.1")
            assert "@" in row["look"]


async def test_a_first_start_waits_for_no_engine_and_is_dressed_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, wardrobe = stage
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        live.language.ready = live.vision.ready = False
        await live.room.open()
        await wait_until(lambda: len(playout.phrases) > 4)
        view = await live.room.view()
        assert view["wearing"]["state"] == "preparing" and view["wearing"]["language"]["sha256"] == ""
        assert live.house.alarms.current("room") == ()
        live.language.ready = live.vision.ready = True
        await wait_until(lambda: live.room.desk.cast.dressed, 10)
        await wait_until(lambda: sum("@" in one.look for one in playout.phrases) > 8, 10)
        await wait_until(lambda: b'source="model"' in live.house.metrics.text(), 20)
        # two looks come: the main one, and the honey's
        await wait_until(lambda: len({one.look for one in playout.phrases if "@" in one.look}) == 2, 20)
        await live.house.journal.flush()
        rows = live.journal()
        whole(rows)
        first = next(n for n, row in enumerate(rows) if row["adapters"]["visual"])
        assert all(row["adapters"]["visual"] for row in rows[first:])
        assert [row["kind"] for row in rows].count("greeting") == 1
        assert any(row["source"] == "model" for row in rows[first:])
        assert any(row.get("why") == "adapter" for row in rows[:first])
        text = live.house.metrics.text().decode()
        assert 'livehost_dressed{room="room"} 1.0' in text
        assert 'livehost_worded_total{kind="script",room="room",source="model",why=""}' in text
        assert 'livehost_engine_ready{engine="vision"} 1.0' in text


async def test_a_switch_by_hand_and_a_failure_that_is_named_everywhere(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, wardrobe = stage
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await live.room.open()
        await wait_until(lambda: live.room.desk.cast.dressed, 10)
        live.vision.refuses["bea.visual.1"] = ("to_q: NaN", "to_k: NaN")
        answer = await live.room.switch("bea", None, None, None)
        assert answer["next"]["persona"] == "bea"
        await wait_until(lambda: (live.room.next_switch and live.room.next_switch.state) == "failed")
        view = await live.room.view()
        assert (view["next"]["part"], view["next"]["error"]) == ("visual", "to_q: NaN; to_k: NaN")
        alarm = next(one for one in live.house.alarms.current("room") if one.key == "switch")
        assert "to_q: NaN" in alarm.cause and alarm.mend
        text = live.house.metrics.text().decode()
        assert 'livehost_switch_failures_total{part="visual",room="room"} 1.0' in text
        assert 'livehost_switch_state{room="room",state="failed"} 1.0' in text
        states = {one["id"]: one["state"] for one in await live.house.adapters.all()}
        assert states["bea.visual.1"] == "failed" and states["ann.visual.1"] == "live"
        assert {one.persona for one in playout.phrases} == {"ann"}
        live.vision.refuses.clear()
        await wait_until(lambda: playout.phrases[-1].persona == "bea", 15)
        assert live.room.desk.cast.rundown.id == "hers"  # the script that she has in the timetable
        assert live.house.alarms.current("room") == ()
        await wait_until(lambda: sha("ann.language.1") in live.language.pins["room"])  # the one before
        assert sha("bea.language.1") in live.language.pins["room"]
        below = live.room.desk.generation
        await wait_until(lambda: f"cancel below {below}" in live.language.asked)
        await live.house.journal.flush()
        whole(live.journal())


async def test_a_session_that_ends_asks_for_no_more_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The language engine gives up what was asked for it; what a later session asks for is not hit."""
    settings, playout, wardrobe = stage
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await live.room.open()
        await wait_until(lambda: playout.phrases)
        asked_at = live.room.desk.generation
        await live.room.close()
        below = live.room.desk.generation
        assert asked_at < below and f"cancel below {below}" in live.language.asked
        await live.room.open()
        assert live.room.desk.generation >= below


async def test_a_version_comes_on_and_is_rolled_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, playout, wardrobe = stage
    assert settings.adapters is not None
    shelve(settings.adapters, "ann", "language", "2")
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await live.room.open()
        await wait_until(lambda: live.room.desk.cast.dressed, 10)
        until = live.room.now() + timedelta(hours=1)
        answer = await live.room.switch("ann", None, AdapterVersions(language="2"), until)
        assert answer["wearing"]["state"] in ("preparing", "ready")
        await wait_until(lambda: live.room.desk.cast.language_adapter == sha("ann.language.2"), 10)
        assert (await live.room.view())["wearing"]["language"]["version"] == "2"
        await live.house.store.set_override("room", None)
        await live.room.reload_timetable()
        await wait_until(lambda: live.room.desk.cast.language_adapter == sha("ann.language.1"), 10)
        await live.house.journal.flush()
        rows = live.journal()
        whole(rows)
        assert [row["kind"] for row in rows].count("greeting") == 1
        for row in rows:
            assert row["source"] != "model" or row["adapters"]["language"]


async def test_a_show_that_restarts_goes_on_in_the_same_dress(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, wardrobe = stage
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await live.room.open()
        await live.room.switch("bea", None, None, None)
        await wait_until(lambda: live.room.desk.cast.persona.id == "bea", 15)
        worn = live.room.desk.cast
        await wait_until(lambda: playout.phrases[-1].persona == "bea")
        await live.house.store.set_override("room", None)  # the timetable wants ann by now
    count, asked = len(playout.phrases), len(wardrobe.engines.vision.asked)  # type: ignore[union-attr]
    fresh = Wardrobe(wardrobe.library, wardrobe.engines, today=lambda: TODAY)
    async with a_house(settings, playout, fresh, monkeypatch) as live:
        assert live.room.desk.cast == worn
        await wait_until(lambda: len(playout.phrases) > count)
        assert (playout.phrases[count].persona, playout.phrases[count].look) == ("bea", worn.look)
        await wait_until(lambda: playout.phrases[-1].persona == "ann", 15)  # by a proper switch
        assert len(live.vision.asked) > asked
        await live.house.journal.flush()
        rows = live.journal()
        whole(rows)
        assert [row["kind"] for row in rows if row["persona"] == "bea"][-1] == "farewell"


async def test_a_playout_that_restarts_gets_every_look_again_before_it_is_named(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, wardrobe = stage
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await live.room.open()
        await wait_until(lambda: live.room.desk.cast.finished, 10)
        main, red = (worn.name for worn in live.room.desk.cast.looks)
        await wait_until(lambda: playout.phrases[-1].look == red, 10)
        playout.restart()
        playout.hang_up()  # type: ignore[attr-defined]
        await wait_until(lambda: {main, red} <= set(playout.looks), 10)
        count = len(playout.phrases)
        await wait_until(lambda: len(playout.phrases) > count + 6, 10)
        assert set(playout.unknown) <= {red}  # meanwhile her main look was on


async def test_an_engine_that_goes_away_is_an_alarm_and_the_room_talks_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, wardrobe = stage
    monkeypatch.setattr("livehost.engine_watch.GONE_S", 0.5)
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await live.room.open()
        await wait_until(lambda: live.room.desk.cast.dressed, 10)
        live.language.gone, live.language.ready = True, False
        await wait_until(lambda: any(one.key == "engine:language" for one in live.house.alarms.current()), 10)
        count = len(playout.phrases)
        await wait_until(lambda: len(playout.phrases) > count + 4)
        assert live.room.desk.cast.language_adapter  # what she wears does not change
        live.language.gone, live.language.ready = False, True
        await wait_until(lambda: not live.house.alarms.current(), 10)
        live.vision.ready, live.vision.error = False, "no memory"
        await wait_until(lambda: any(one.mend == "mend it" for one in live.house.alarms.current()), 10)


async def test_a_session_that_opens_later_begins_dressed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, wardrobe = stage
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await wait_until(lambda: live.room.changes.dresser.dress.state == "dressed", 10)
        assert not playout.phrases and len(live.vision.asked) == 3  # staged, her look, its variant
        await live.room.open()
        await wait_until(lambda: playout.phrases)
        assert "@" in playout.phrases[0].look and live.room.desk.cast.dressed


async def test_without_pytorch_the_templates_speak_and_a_person_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, _ = stage
    monkeypatch.setattr("livehost.wardrobe.importlib.util.find_spec", lambda name: None)
    async with app.open_house(settings, voices=ScriptedVoices()) as house:
        room = house.rooms["room"]
        await wait_until(lambda: room.link.connected)
        await room.open()
        await wait_until(lambda: len(playout.phrases) > 3)
        assert {one.look for one in playout.phrases} == {"builtin:morning"}
        alarms = {one.key: one.mend for one in house.alarms.current("room")}
        assert set(alarms) == {"engine:language", "engine:vision"}
        assert "pip install" in alarms["engine:vision"]
        await room.switch("bea", None, None, None)
        await wait_until(lambda: playout.phrases[-1].persona == "bea", 15)
        assert {one["state"] for one in house.adapters.engines()} == {"missing"}


async def test_an_adapter_in_quarantine_is_named_and_another_version_comes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, playout, wardrobe = stage
    assert settings.adapters is not None
    shelve(settings.adapters, "ann", "language", "2")
    async with a_house(settings, playout, wardrobe, monkeypatch) as live:
        await live.room.open()
        await wait_until(lambda: live.room.desk.cast.dressed, 10)
        live.language.refuses["ann.language.1"] = ("it is in quarantine: its words were not finite",)
        live.language.quarantined = (sha("ann.language.1"),)
        await wait_until(lambda: any(one.key == "dress" for one in live.house.alarms.current()), 10)
        assert (await live.room.view())["wearing"]["part"] == "language"
        count = len(playout.phrases)
        await wait_until(lambda: len(playout.phrases) > count + 3)
        await live.room.switch("ann", None, AdapterVersions(language="2"), None)
        await wait_until(lambda: live.room.desk.cast.language_adapter == sha("ann.language.2"), 10)
        await wait_until(lambda: not live.house.alarms.current(), 10)
