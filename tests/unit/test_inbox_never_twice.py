"""Whatever comes between (a store that goes and comes, a show that dies): each question is heard once."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livehost.catalog import Catalog
from livehost.chat.queue import Turn
from livehost.store.protocol import ChatMessage, QuestionState, StoreUnavailable
from tests.unit.test_show_questions import Stand, a_stand

TEXTS = (
    "多少钱",
    "这个什么价",
    "孕妇可以用吗",
    "有优惠券吗",
    "面膜怎么用",
    "哈哈哈",
    "油皮能用吗",
    "敏感肌能用吗",
)
STEPS = ("ask", "ask", "again", "next", "next", "hear", "hear", "drop", "leave", "return", "die", "wait")


class Walk:
    """One random life of an inbox. `heard` counts how often each question's answer was heard."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.asked: list[ChatMessage] = []
        self.stored: set[str] = set()
        self.open: list[Turn] = []
        self.heard: Counter[str] = Counter()

    async def step(self, what: str, draw: int) -> None:
        stand = self.stand
        match what:
            case "ask":
                number = len(self.asked)
                user = f"u{draw % 5}"
                self.asked.append(
                    ChatMessage(
                        id=f"m{number}", user=user, user_id=user, text=TEXTS[draw % len(TEXTS)], at=stand.now
                    )
                )
                await self.send(self.asked[-1])
            case "again" if self.asked:
                await self.send(self.asked[draw % len(self.asked)])
            case "next":
                turn = await stand.inbox.next()
                if turn is not None:
                    await stand.inbox.settle(turn.first, QuestionState.SENT)
                    self.open.append(turn)
            case "hear" if self.open:
                turn = self.open.pop(draw % len(self.open))
                done = await stand.inbox.settle(turn.first, QuestionState.HEARD, answer="好")
                if done is not None:
                    self.heard.update(one.id for one in turn.all)
            case "drop" if self.open:
                turn = self.open.pop(draw % len(self.open))
                await stand.inbox.settle(turn.first, QuestionState.ACCEPTED)
            case "leave":
                stand.away.gone = True
            case "return":
                await self.back()
            case "die" if not stand.away.gone and not stand.patient.away:
                await self.die()
            case "wait":
                stand.now += timedelta(seconds=5)

    async def send(self, message: ChatMessage) -> None:
        try:
            self.stored.update((await self.stand.inbox.take([message])).stored)
        except StoreUnavailable:
            self.stored.add(message.id)  # it is stored later

    async def back(self) -> None:
        self.stand.away.gone = False
        if self.stand.patient.away:
            assert await self.stand.patient._paid()
            self.stand.patient._gone.clear()

    async def die(self) -> None:
        """The show dies; viewers heard all that playout had, and playout tells the next show of half of it."""
        stand = self.stand
        stand.inbox = stand.an_inbox()
        for number, turn in enumerate(self.open):
            self.heard.update(one.id for one in turn.all)
            if number % 2:
                await stand.store.settle("r", turn.first.id, QuestionState.HEARD)
        self.open.clear()
        await stand.store.requeue_claimed("r")
        await stand.inbox.reload()
        await stand.inbox.close_uncertain()

    async def end(self) -> None:
        """All that waits is answered: each stored question was heard once, or is known to be uncertain."""
        await self.back()
        while self.open:
            await self.step("hear", 0)
        for _ in range(200):
            await self.step("next", 0)
            if not self.open:
                break
            await self.step("hear", 0)
        states = {one.id: one for one in await self.stand.store.questions("r", 1000)}
        assert max(self.heard.values(), default=1) == 1
        for name in self.stored:
            state = states[name].state
            assert state is not QuestionState.ACCEPTED and state is not QuestionState.CLAIMED, states[name]
            if name in self.heard:
                assert state in (QuestionState.HEARD, QuestionState.EXPIRED), states[name]


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is uncertain is settled at once."""
    monkeypatch.setattr("livehost.inbox.UNCERTAIN_S", 0.0)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 999)), max_size=30))
def test_each_question_is_heard_once_at_most(steps: list[tuple[str, int]], root: Path, no_wait: None) -> None:
    catalog = Catalog.load(root / "configs/catalog.yaml")

    async def life(folder: str) -> None:
        async with a_stand(Path(folder), catalog) as stand:
            stand.on_air = "cleanser-01"
            walk = Walk(stand)
            for what, draw in steps:
                await walk.step(what, draw)
            await walk.end()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(life(folder))
