"""Questions on their way to an answer: what breaks a rule is handed over, noise is ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from livehost.catalog import Catalog
from livehost.desk import Desk
from livehost.lines import Cast, Draft
from livehost.preparers import QuestionPreparer
from livehost.store.protocol import Question, QuestionState
from livehost.tasks import Tasks
from livehost.voicing import Voicer, standing_lines
from tests.conftest import wait_until
from tests.scripted import ScriptedVoices, ScriptedWriter, a_cast

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass
class OneQuestion:
    """A store that holds one question."""

    question: Question
    given: bool = False
    states: list[QuestionState] = field(default_factory=list)

    async def expire(self, room: str, before: datetime, limit: int = 200) -> list[Question]:
        return []

    async def waiting(self, room: str, limit: int) -> list[Question]:
        return [] if self.given else [self.question]

    async def claim(self, room: str, ids: Sequence[str]) -> list[Question]:
        if self.given:
            return []
        self.given = True
        return [self.question]

    async def settle(
        self, room: str, key: str, state: QuestionState, note: str = "", **more: Any
    ) -> Question:
        self.states.append(state)
        return replace(self.question, state=state)


class Says(ScriptedWriter):
    """Answers with fixed texts."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts

    async def answer(
        self, question: Question, cast: Cast, catalog: Catalog, on_air: str | None, now: datetime
    ) -> Draft:
        return Draft(texts=self.texts, act="answer" if self.texts else "ignore")


@pytest.mark.parametrize(
    ("texts", "act", "states"),
    [
        (("今天直播价在商品卡上",), "answer", []),
        (("这是全网第一的洗面奶",), "handover", []),
        ((), None, [QuestionState.IGNORED]),
    ],
)
async def test_what_becomes_of_an_answer(
    texts: tuple[str, ...], act: str | None, states: list[QuestionState]
) -> None:
    cast = a_cast()
    desk = Desk(cast, standing_lines(cast, "店", lambda text, language: (text,)))
    question = Question(
        id="q", room="r", user="小鹿", text="多少钱", at=NOW, state=QuestionState.CLAIMED, updated_at=NOW
    )
    store = OneQuestion(question)
    async with Tasks("test") as tasks:
        preparer = QuestionPreparer(
            desk, Says(*texts), Voicer(ScriptedVoices()), store,  # type: ignore[arg-type]
            room="r", expires_s=60, catalog=lambda: Catalog(()), clock=lambda: NOW, card=lambda product: None,
            on_air_product=lambda: None, spawn=tasks.spawn, running=lambda: True, settled=lambda question: None,
        )  # fmt: skip
        tasks.keep(preparer.run, "questions")
        await wait_until(lambda: desk.answers or store.states)
    assert store.states == states
    assert [line.draft.act for line in desk.answers] == ([act] if act else [])
    assert all("第一" not in text for line in desk.answers for text in line.draft.texts)
