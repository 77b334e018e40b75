"""A line that the review keeps off the air is told of once, and noted; the segment's other wordings are said."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from livehost.clearance import judged
from livehost.left_out import AGAIN, LeftOut
from livehost.lines import Draft, Line
from services.wire import PhraseKind
from tests.conftest import wait_until
from tests.scripted import a_cast
from tests.unit.test_clearance_named import ALL, NOW
from tests.unit.test_duty_room import on_air


class Told:
    def __init__(self) -> None:
        self.now: datetime = NOW
        self.notes: list[dict[str, Any]] = []
        self.left_out = LeftOut(self.notes.append, clock=lambda: self.now)

    def tell(self, text: str) -> list[str]:
        """The sentences in the log after a line was left out."""
        draft = Draft(texts=(text,))
        with capture_logs() as logs:
            self.left_out.tell(draft, judged(draft, ALL, NOW, strict=False), "talk / s1", "tang")
        return [one["event"] for one in logs]


def test_each_line_is_told_of_once_an_hour_in_one_sentence() -> None:
    told = Told()
    (said,) = told.tell("炒锅今天只要99元")
    assert "炒锅今天只要99元" in said and "99元（数字没有依据）" in said and "talk / s1" in said
    assert "Hit(" not in said
    assert told.tell("炒锅今天只要99元") == [] and len(told.tell("茶叶全场包邮哦")) == 1
    told.now += AGAIN - timedelta(seconds=1)
    assert told.tell("炒锅今天只要99元") == []
    told.now += timedelta(seconds=1)
    assert len(told.tell("炒锅今天只要99元")) == 1
    assert [one["text"] for one in told.notes] == ["炒锅今天只要99元", "茶叶全场包邮哦", "炒锅今天只要99元"]
    note = told.notes[0]
    assert (note["type"], note["where"], note["persona"]) == ("left_out", "talk / s1", "tang")
    assert [(one["words"], one["message"]) for one in note["errors"]] == [("99元", "数字没有依据")]


def test_standing_lines_are_told_of_at_the_gate_and_answers_are_not() -> None:
    told = Told()
    gate = told.left_out.gate(lambda line: judged(line.draft, ALL, NOW, strict=False))
    for kind in (PhraseKind.ANSWER, PhraseKind.INSERT, PhraseKind.GREETING):
        assert gate(Line(kind=kind, cast=a_cast(), draft=Draft(texts=("茶叶降脂",)))) is not None
    assert [one["where"] for one in told.notes] == ["greeting"]


async def test_a_room_notes_it_and_says_the_segments_other_wording(tmp_path: Path) -> None:
    bad, good = "洋槐蜂蜜今天只要9元。", "欢迎来看看这支洁面乳。"
    async with on_air(tmp_path, wordings=(bad, good)) as live:
        await wait_until(lambda: any("欢迎来看看" in one.text for one in live.playout.phrases))
        await wait_until(lambda: len(live.playout.phrases) > 8)
        rows = await live.journal("left_out")
        assert [(row["text"], row["errors"][0]["words"]) for row in rows] == [(bad, "9元")]
        assert not any("9元" in one.text for one in live.playout.phrases)
