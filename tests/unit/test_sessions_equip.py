"""Standing lines take turns while they are voiced."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

from livehost.sessions import Sessions


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

    sessions = object.__new__(Sessions)
    sessions._room = SimpleNamespace(voicer=Voicer(), booth=Booth())  # type: ignore[assignment]
    stock: Any = SimpleNamespace(lines={"handover": turn}, resumes=deque())
    await sessions.equip(stock)
    assert len(voiced) == 2 and told == [stock] and sessions.equipped is stock
