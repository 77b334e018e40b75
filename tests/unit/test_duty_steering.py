"""How a room is led: a take-over is its person's until it is handed back, and what is refused was not done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livehost.events import Event
from livehost.refused import Refused
from livehost.store.protocol import QuestionState
from services import wire
from tests.conftest import wait_until
from tests.unit.test_duty_room import PRICE, on_air


@pytest.mark.parametrize("mode", ["auto", "review", "manual", "script_only"])
async def test_a_mode_does_not_end_another_persons_take_over(tmp_path: Path, mode: str) -> None:
    async with on_air(tmp_path) as live:
        await live.room.control("take_over", "李雷")
        with pytest.raises(Refused, match="李雷 已经接管") as refused:
            await live.room.control(mode, "韩梅梅")
        assert refused.value.status == 409
        shown = await live.room.view()
        assert shown["duty"]["taken_by"] == "李雷" and shown["mode"] == "auto"
        await live.room.control(mode, "李雷")
        shown = await live.room.view()
        assert shown["duty"]["taken_by"] == "" and shown["mode"] == mode
        rows = [(row["action"], row["by"]) for row in await live.journal("control")]
        assert rows == [("take_over", "李雷"), (mode, "李雷")]


async def test_a_pause_keeps_the_take_over_and_another_may_hand_it_back(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        await live.room.control("take_over", "李雷")
        for action in ("pause", "resume"):
            await live.room.control(action, "韩梅梅")
            assert (await live.room.view())["duty"]["taken_by"] == "李雷"
        await live.room.control("hand_back", "韩梅梅")
        assert (await live.room.view())["duty"]["taken_by"] == ""


async def test_what_is_refused_is_not_in_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_air(tmp_path) as live:
        await live.room.control("take_over", "李雷")

        async def away(message: wire.Message) -> bool:
            return False

        monkeypatch.setattr(live.room.link, "tell", away)
        for action, by in (("take_over", "韩梅梅"), ("cut", "李雷"), ("dance", "李雷")):
            with pytest.raises(Refused):
                await live.room.control(action, by)
        assert [row["action"] for row in await live.journal("control")] == ["take_over"]


async def test_what_a_viewer_wrote_is_shown_without_contacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path) as live:
        shown: list[str] = []
        publish = live.house.events.publish

        def watched(room: str, kind: str, data: dict[str, Any]) -> Event:
            if kind == "phrase":
                shown.append(str(data))
            return publish(room, kind, data)

        monkeypatch.setattr(live.house.events, "publish", watched)
        await live.ask("q1", f"{PRICE} 我的电话13812345678")
        await live.becomes("q1", QuestionState.HEARD)
        await wait_until(lambda: any(PRICE in one for one in shown))
        assert not any("13812345678" in one for one in shown)


async def test_by_hand_who_asks_for_an_ai_waits_and_the_notice_needs_no_approval(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="manual") as live:
        await live.ask("q1", "你是真人吗")
        said = len(live.playout.phrases)
        await wait_until(lambda: len(live.playout.phrases) > said + 3)
        assert await live.state("q1") is QuestionState.ACCEPTED and live.answers() == ""
        await live.room.duty.propose("q1", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "AI" in live.answers() or "数字人" in live.answers()
