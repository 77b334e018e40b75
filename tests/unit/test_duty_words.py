"""A person's own words: about which product they are judged, where a fault stands in them, how they are said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehost.duty_words import located
from livehost.refused import Refused
from livehost.store.protocol import QuestionState
from services.speech.phrases import split_phrases
from tests.conftest import wait_until
from tests.unit.test_duty_room import PRICE, on_air

HONEY = "洋槐蜂蜜多少钱"


async def test_a_correction_is_held_to_the_product_that_was_asked_about(tmp_path: Path) -> None:
    """The cleanser, at 59 yuan, is on air; the question was about the honey, at 39.9."""
    async with on_air(tmp_path) as live:
        await live.ask("q1", HONEY)
        await live.becomes("q1", QuestionState.HEARD)
        assert live.room.product_on_air() == "cleanser-01"
        with pytest.raises(Refused, match=r"话术未过审.*59"):
            await live.room.duty.correct("q1", "更正一下，直播间价59元", "李雷", confirmed=True)
        await live.room.duty.correct("q1", "更正一下，直播间价39.9元", "李雷")
        await wait_until(lambda: any("39.9" in one.text for one in live.playout.phrases[-6:]))
        (row,) = await live.journal("correction")
        assert (row["product"], row["answer"]) == ("honey-02", "更正一下，直播间价39.9元")


async def test_what_this_meant_is_remembered_when_another_product_is_on_air(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path) as live:
        await live.ask("q1", "这个多少钱")
        await live.becomes("q1", QuestionState.HEARD)
        for holder, name in ((live.room, "product_on_air"), (live.room.inbox, "_on_air")):
            monkeypatch.setattr(holder, name, lambda: "honey-02")
        with pytest.raises(Refused, match=r"话术未过审.*39\.9"):
            await live.room.duty.correct("q1", "更正一下，直播间价39.9元", "李雷", confirmed=True)
        assert (await live.room.duty.correct("q1", "更正一下，直播间价59元", "李雷"))["said"]


async def test_own_words_are_held_to_the_product_that_is_asked_about(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="manual") as live:
        await live.ask("q1", HONEY)
        with pytest.raises(Refused, match=r"话术未过审.*59"):
            await live.room.duty.answer("q1", "直播间价59元", "李雷", confirmed=True)
        await live.room.duty.answer("q1", "直播间价39.9元", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "39.9" in live.answers()


async def test_where_a_fault_stands_is_told_in_the_text_that_was_sent(tmp_path: Path) -> None:
    """Also where the text is cut into phrases, and blanks between them are not spoken."""
    text = "欢迎大家来到直播间， \n\n 今天先看看这支洁面乳，……它是全网第一的洁面。首选这一支"
    async with on_air(tmp_path, mode="manual") as live:
        await live.ask("q1", PRICE)
        for refused in (live.room.say(text), live.room.duty.answer("q1", text, "李雷")):
            with pytest.raises(Refused) as told:
                await refused
            errors = told.value.details["errors"]
            assert errors and all(text[slice(*one["span"])] == one["words"] for one in errors)
            assert {"第一" in one["words"] for one in errors} == {True}
            assert "第一" in told.value.problem and "；" not in told.value.problem.split(" / ")[0]
        with pytest.raises(Refused) as told:
            await live.room.duty.answer("q1", "大家先别着急， \n 慢慢听我说，敏感肌首选这一支", "李雷")
        (doubt,) = told.value.details["errors"]
        assert doubt["words"] == "首选" and told.value.details["confirm"]


@given(st.text(st.sampled_from("好看，。 \n!a1.9…"), max_size=40), st.sampled_from(["zh", "en"]))
def test_every_character_that_is_spoken_is_found_in_the_text(text: str, language: str) -> None:
    spoken = "".join(split_phrases(text, language))
    for at, char in enumerate(spoken):
        begins, ends = located((at, at + 1), text, spoken)
        assert text[begins:ends] == char or char == " "
    if spoken:
        assert text[slice(*located((0, len(spoken)), text, spoken))].startswith(spoken[0])


async def test_an_approved_answer_is_said_as_it_was_approved(tmp_path: Path) -> None:
    """No word is put before it on who asks; and the reply says how the question stands now."""
    async with on_air(tmp_path, mode="review") as live:
        await live.room.control("pause")
        await live.ask("q1", PRICE, "小鹿")
        await live.ask("q2", PRICE, "木木")
        await live.room.control("resume")
        await live.becomes("q1", QuestionState.HELD)
        (item,) = await live.room.duty.items()
        assert item["together"] == 1
        done = await live.room.duty.approve("q1", "李雷")
        assert done.state is QuestionState.CLAIMED
        await live.becomes("q2", QuestionState.HEARD)
        await wait_until(lambda: "59" in live.answers())
        assert item["proposed"].startswith(live.answers()[:4]) and "都在问" not in live.answers()


async def test_a_line_of_ones_own_in_doubt_is_said_once_it_is_confirmed(tmp_path: Path) -> None:
    """As an answer is: the record has who confirmed what."""
    async with on_air(tmp_path, mode="manual") as live:
        text = "大家先别着急，敏感肌首选这一支"
        with pytest.raises(Refused, match=r"请再确认.*首选") as told:
            await live.room.say(text, True, "李雷")
        assert told.value.status == 409 and told.value.details["confirm"]
        said = await live.room.say(text, True, "李雷", confirmed=True)
        assert said["verdict"] == "review" and "".join(said["phrases"]).startswith("大家先别着急")
        (row,) = [one for one in await live.journal("duty") if one["action"] == "insert"]
        assert (row["by"], row["confirmed_by"], row["confirmed"]) == ("李雷", "李雷", ["首选"])
        await live.room.say("欢迎大家", True, "李雷")
        assert len([one for one in await live.journal("duty") if one["action"] == "insert"]) == 1


@pytest.mark.parametrize("confirmed", [False, True])
async def test_nobody_confirms_what_a_named_product_never_says(tmp_path: Path, confirmed: bool) -> None:
    """The cleanser is on air."""
    async with on_air(tmp_path, mode="manual") as live:
        live.room._catalog = live.room._catalog.with_changes({"honey-02": {"never_say": ["润肺"]}})
        for text in ("蜂蜜润肺", "洋槐蜂蜜每天一勺，润肺", "蜂蜜今天59元"):
            with pytest.raises(Refused, match="话术未过审"):
                await live.room.say(text, True, "李雷", confirmed=confirmed)
