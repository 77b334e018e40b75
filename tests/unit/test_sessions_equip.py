"""Standing lines take turns while they are voiced, and a reserve reaches playout whole."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from livehost.sessions import Sessions
from services import wire
from tests.unit.test_duty_room import on_air


async def test_lines_that_take_turns_while_they_are_voiced_stop_nothing() -> None:
    line = SimpleNamespace(voiced=(False,))
    turn: deque[Any] = deque((line, SimpleNamespace(voiced=(False,)), SimpleNamespace(voiced=(True,))))
    voiced, told = [], []

    class Voicer:
        async def voice(self, one: Any, _: Any) -> None:
            voiced.append(one)
            turn.rotate(-1)  # one of them is said meanwhile

    class Booth:
        async def tell_reserve(self, stock: Any) -> None:
            told.append(stock)

    room: Any = SimpleNamespace(voicer=Voicer(), booth=Booth())
    sessions = Sessions(room, None)
    stock: Any = SimpleNamespace(lines={"handover": turn}, resumes=deque())
    await sessions.equip(stock)
    assert len(voiced) == 2 and told == [stock] and sessions.equipped is stock


async def test_two_reserves_at_once_go_to_playout_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path) as live:
        stock, told = live.room.desk.stock, list[int]()
        await live.room.sessions.equip(stock)

        async def slow(message: wire.Message) -> bool:
            if isinstance(message, wire.Reserve):
                told.append(message.index)
                await asyncio.sleep(0)  # its socket is full for a moment
            return True

        monkeypatch.setattr(live.room.link, "tell", slow)
        await asyncio.gather(live.room.booth.tell_reserve(stock), live.room.booth.tell_reserve(stock))
        assert len(told) >= 4 and told == 2 * list(range(len(told) // 2))
