"""The host says that she is AI: in her greeting, when asked, at intervals, across a restart, and in the journal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from livehost import app
from livehost.check import read_settings
from livehost.compliance.disclosure import Disclosing, discloses
from livehost.room import Room
from livehost.runtime import Places
from livehost.settings import Settings
from livehost.store.protocol import ChatMessage
from services.wire import PhraseKind
from tests.conftest import ROOT, wait_until
from tests.fake_playout import FakePlayout, fake_playout
from tests.fakes import CATALOG, persona
from tests.scripted import ScriptedVoices

WELCOME = "欢迎来到直播间。"
PLAIN, SAYS_AI = "大家早上好。", "大家早上好，我是AI数字人主播小安。"


def configured(folder: Path, greeting: str) -> Settings:
    """One room; its script begins with a welcome."""
    (folder / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), "utf-8")
    segments = [
        {"id": "w", "kind": "welcome", "wordings": [WELCOME]},
        {"id": "a", "product": "cleanser-01", "wordings": ["先看洁面。", "今天先看洁面。"]},
    ]
    ann = {**persona("ann", "小安"), "greeting": [greeting], "disclosure": ["我是AI数字人主播。"]}
    return Settings.model_validate(
        {
            "state_dir": folder / "state", "catalog": folder / "catalog.yaml", "personas": [ann],
            "rundowns": [{"id": "show", "segments": segments}],
            "rooms": [{"id": "room", "default_persona": "ann", "disclose_every_s": 300}],
        }
    )  # fmt: skip


@asynccontextmanager
async def on_air(folder: Path, greeting: str = SAYS_AI) -> AsyncIterator[tuple[Room, FakePlayout]]:
    """The room on air; a session that was open goes on."""
    settings = configured(folder, greeting)
    socket = Places(settings.state_dir).run_dir("room") / "control.sock"
    async with (
        fake_playout(socket, "room") as playout,
        app.open_house(settings, voices=ScriptedVoices()) as house,
    ):
        room = house.rooms["room"]
        await wait_until(lambda: room.link.connected)
        if not room.is_open:
            await room.open()
        await wait_until(lambda: len(playout.phrases) > 6)
        yield room, playout
        assert await house.journal.flush()


def journal(folder: Path) -> list[dict[str, Any]]:
    """All entries of the room."""
    files = sorted((folder / "state" / "journal" / "room").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def kinds(playout: FakePlayout) -> list[str]:
    return [one.kind.value for one in playout.phrases]


@pytest.mark.parametrize(
    "text",
    [
        "我是AI数字人主播，画面和声音由人工智能生成", "小女子小棠，是AI数字人主播", "我是数字人主播", "由人工智能生成",
        "I am an AI digital host", "私は人間ではなく、AI（人工知能）のデジタルホストです",
    ],
)  # fmt: skip
def test_words_that_say_it(text: str) -> None:
    assert discloses(text)


@pytest.mark.parametrize(
    "text", ["大家早上好，我是小棠", "我不是AI主播", "这台AI音箱很好用", "I am not an AI host", "人工客服会来", "给大家拍一张"]
)  # fmt: skip
def test_words_that_do_not(text: str) -> None:
    assert not discloses(text)


def test_every_persona_of_the_demo_says_it_in_each_greeting_and_disclosure() -> None:
    for one in read_settings(ROOT / "configs" / "demo.yaml", review=False).personas:
        assert all(map(discloses, (*one.greeting, *one.disclosure))), one.id


def test_it_is_due_at_its_interval_and_what_was_not_heard_does_not_count() -> None:
    state = Disclosing(every_s=240)
    assert state.due(1000.0)
    state.said("line-1", 1000.0)
    state.said("line-1", 1003.0)
    assert not state.due(1240.0) and state.due(1244.0)
    state.said("line-2", 1244.0)
    state.unheard("line-1")
    assert not state.due(1250.0)
    state.unheard("line-2")
    assert state.due(1250.0) and state.at == 1003.0
    state.said("line-3", 1250.0)
    state.forget()
    assert state.due(1251.0)


async def test_a_greeting_that_says_it_needs_no_other_and_no_welcome_after_it(tmp_path: Path) -> None:
    async with on_air(tmp_path) as (_, playout):
        assert kinds(playout)[0] == "greeting" and "disclosure" not in kinds(playout)
        assert WELCOME not in {one.text for one in playout.phrases}
    first = next(row for row in journal(tmp_path) if row["type"] == "say")
    assert first["kind"] == "greeting" and first["discloses"] is True


async def test_a_greeting_that_does_not_say_it_is_followed_by_the_disclosure(tmp_path: Path) -> None:
    async with on_air(tmp_path, PLAIN) as (_, playout):
        await wait_until(lambda: "disclosure" in kinds(playout))
        assert kinds(playout).index("disclosure") <= kinds(playout).index("greeting") + 2
        said = len(playout.phrases)
        await wait_until(lambda: len(playout.phrases) > said + 4)
        assert kinds(playout).count("disclosure") == 1
    rows = [row for row in journal(tmp_path) if row.get("discloses")]
    assert [row["kind"] for row in rows] == ["disclosure"]


async def test_the_welcome_is_said_once_the_greeting_is_long_past(tmp_path: Path) -> None:
    async with on_air(tmp_path) as (room, playout):
        room._greeted_at = room.now().timestamp() - 600
        await wait_until(lambda: WELCOME in {one.text for one in playout.phrases})


async def test_a_restart_keeps_when_it_was_said(tmp_path: Path) -> None:
    async with on_air(tmp_path) as (room, _):
        first = room.disclosing.at
        assert first > 0
    async with on_air(tmp_path) as (room, playout):
        assert room.disclosing.at == pytest.approx(first, abs=1.0) and not room.disclosing.due(first + 299)
        assert not {"greeting", "disclosure"} & set(kinds(playout))
        room.disclosing.at = first - 301  # it was said long ago
        await wait_until(lambda: "disclosure" in kinds(playout))


async def test_asked_she_says_it_and_the_journal_shows_it(tmp_path: Path) -> None:
    async with on_air(tmp_path) as (room, playout):
        room.disclosing.forget()
        await room.messages([ChatMessage(id="q", user="小鹿", text="你是真人吗", at=datetime.now(UTC))])
        await wait_until(lambda: any(one.kind is PhraseKind.ANSWER for one in playout.phrases))
    rows = [row for row in journal(tmp_path) if row.get("act") == "disclose"]
    assert rows and all(row["discloses"] for row in rows)
