"""What playout did not say comes back to the desk, also when another persona is on air by then."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from livehost.desk import Desk, Switch
from livehost.lines import Draft, Line
from livehost.store.protocol import Question, QuestionState
from livehost.voicing import Voicer, standing_lines
from services.wire import PhraseFate, PhraseKind
from tests.scripted import ScriptedVoices, a_cast

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ASKED = Question(id="q", room="r", user="u", text="?", at=NOW, state=QuestionState.SENT, updated_at=NOW)


async def in_flight(kind: PhraseKind) -> tuple[Desk, Line, list[str], list[Line]]:
    """A desk that gave both phrases of a line to playout and switched: the line, its phrases' ids, orphans."""
    cast = a_cast()
    desk = Desk(cast, standing_lines(cast, "棠小铺", lambda text, language: (text,)))
    orphans: list[Line] = []
    desk.orphaned = orphans.append
    voicer = Voicer(ScriptedVoices())
    asked = ASKED if kind is PhraseKind.ANSWER else None
    line = Line(kind=kind, cast=cast, draft=Draft(texts=("第一句", "第二句")), question=asked)
    await voicer.voice(line, lambda: None)
    desk.lay(line)
    for _ in range(2):
        assert desk.pick(0.0) is line
        desk.sent(line)
    ids = list(desk.in_flight)
    following = a_cast("bea")
    greeting = Line(kind=PhraseKind.GREETING, cast=following, draft=Draft(texts=("大家好",)))
    await voicer.voice(greeting, lambda: None)
    stock = standing_lines(following, "棠小铺", lambda text, language: (text,))
    desk.switch = Switch(following, stock, None, greeting)
    assert desk.pick(0.0) is greeting
    return desk, line, ids, orphans


@pytest.mark.parametrize("kind", [PhraseKind.ANSWER, PhraseKind.INSERT])
async def test_what_the_earlier_persona_did_not_say_is_given_back_once(kind: PhraseKind) -> None:
    desk, line, ids, orphans = await in_flight(kind)
    for left, phrase in enumerate(reversed(ids)):
        assert orphans == []
        assert desk.fated(phrase, PhraseFate.DROPPED) == (line, False), left
    assert orphans == [line] and line not in desk.all_lines()


async def test_what_the_earlier_persona_began_to_say_is_not_begun_again() -> None:
    desk, _, (first, second), orphans = await in_flight(PhraseKind.ANSWER)
    desk.fated(first, PhraseFate.FINISHED)
    desk.fated(second, PhraseFate.DROPPED)
    assert orphans == [] and list(desk.answers) == []
