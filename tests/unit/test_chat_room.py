"""A real room with its sources: what a tool tells arrives in the store, and its secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from websockets.asyncio.server import ServerConnection, serve

from livehost.app import open_house
from livehost.chat.source_settings import DycastRelay
from livehost.runtime import Places
from livehost.secret_values import secret_values
from livehost.settings import Settings
from livehost.store.protocol import ChatMessage, QuestionState
from tests.conftest import free_port, wait_until
from tests.fake_playout import fake_playout
from tests.fakes import CATALOG, settings
from tests.scripted import ScriptedVoices

TOKEN = "0123456789abcdef-token"


def with_sources(folder: Path, port: int) -> Settings:
    """A house with one room that hears an oba-live-tool and dycast."""
    (folder / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), encoding="utf-8")
    sources = [
        {"kind": "oba", "url": f"ws://127.0.0.1:{port}", "own_names": ["棠小铺"]},
        {"kind": "dycast", "token": TOKEN},
        {"kind": "douyin", "secrets": ["dy-secret"]},
    ]
    return settings(folder, [{"id": "room-a", "sources": sources}])


async def test_a_room_hears_its_tool(tmp_path: Path) -> None:
    lines = Path(__file__).parent.parent / "data" / "chat" / "oba.jsonl"
    port = free_port()

    async def speak(client: ServerConnection) -> None:
        for frame in lines.read_text(encoding="utf-8").splitlines():
            await client.send(frame)
        await client.wait_closed()

    configured = with_sources(tmp_path, port)
    async with serve(speak, "127.0.0.1", port), open_house(configured, voices=ScriptedVoices()) as house:
        room = house.rooms["room-a"]
        await wait_until(lambda: room.sources.view()[0].get("events") == 11)
        asked = {(one.user, one.text, one.source) for one in await house.store.questions("room-a")}
        assert asked == {
            ("小鹿", "油皮能用吗", "oba"), ("老李", "几号链接", "oba"), ("momo", "敏感肌可以吗", "oba"),
            ("t**7", "包邮吗", "oba"),
        }  # fmt: skip
        assert [one["state"] for one in room.sources.view()] == ["connected", "away", "push", "push"]


async def test_a_source_that_is_away_is_an_alarm_while_a_session_is_open_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livehost.chat.relay.WATCH_S", 0.01)
    configured = with_sources(tmp_path, free_port())
    socket = Places(configured.state_dir).run_dir("room-a") / "control.sock"
    async with (
        fake_playout(socket, "room-a"),
        open_house(configured, voices=ScriptedVoices()) as house,
    ):
        room = house.rooms["room-a"]
        await wait_until(lambda: room.link.connected)
        source = room.sources.of(DycastRelay)
        assert source is not None
        feed, hour = room.sources.feed(source), 3600.0
        loop, clock = feed._clock, {"ahead_s": 0.0}
        monkeypatch.setattr(feed, "_clock", lambda: loop() + clock["ahead_s"])

        def alarmed() -> bool:
            return any(one.key == "source:dycast" for one in house.alarms.current("room-a"))

        clock["ahead_s"] = hour
        await wait_until(lambda: feed._heeded_since > loop() + hour / 2)
        assert not alarmed()
        await room.rehearse()
        clock["ahead_s"] = 2 * hour
        await wait_until(alarmed)


async def test_the_gauge_of_what_waits_goes_down_as_well(tmp_path: Path) -> None:
    async with open_house(with_sources(tmp_path, free_port()), voices=ScriptedVoices()) as house:
        room = house.rooms["room-a"]

        def waiting() -> float | None:
            return house.metrics.registry.get_sample_value("livehost_inbox_waiting", {"room": "room-a"})

        await room.messages([ChatMessage(id="q", user="小鹿", text="多少钱", at=room.now())])
        assert waiting() == 1
        (question,) = await house.store.questions("room-a")
        await room.inbox.settle(question, QuestionState.IGNORED)
        assert waiting() == 0


def test_what_must_never_be_written_holds_every_sources_secret(tmp_path: Path) -> None:
    assert {TOKEN, "dy-secret"} <= set(secret_values(with_sources(tmp_path, 1)))
