"""Whose names are told and said, and whether somebody on duty is missed at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from livehost import app
from livehost.chat.events import ChatEvent, Kind
from livehost.store.protocol import QuestionState
from tests.conftest import wait_until
from tests.unit.test_duty_room import PRICE, configured, on_air


async def test_no_viewer_passes_for_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that may not be shown is nobody's, in what is told of gifts and in what the host says."""
    async with on_air(tmp_path) as live:
        told: list[dict[str, Any]] = []
        publish = live.house.events.publish

        def heard(room: str, kind: str, data: dict[str, Any]) -> None:
            if kind == "viewer":
                told.append(data)
            publish(room, kind, data)

        monkeypatch.setattr(live.house.events, "publish", heard)
        names = ("平台官方客服", "小鹿")
        live.room.events_seen(
            [
                ChatEvent(kind=Kind.GIFT, id=name, user_id=name, user=name, at=datetime.now(UTC))
                for name in names
            ]
        )
        assert [one["user"] for one in told] == ["观众", "小*"]
        await live.room.control("pause")
        for number, name in enumerate(("官方客服", "小鹿", "山里的风")):
            await live.ask(f"q{number}", PRICE, user=name)
        await live.room.control("resume")
        await live.becomes("q0", QuestionState.HEARD)
        await wait_until(lambda: "59" in live.answers())
        assert "小某" in live.answers() and "官" not in live.answers()


def test_the_demo_misses_nobody_on_duty_unless_a_room_says_so(tmp_path: Path) -> None:
    for said, wanted in (({}, "off"), ({"unattended": "answer"}, "answer")):
        (room,) = app.nobody_expected(configured(tmp_path, **said)).rooms
        assert room.unattended == wanted
