"""A whole room with a person on duty: held, approved, edited, handed over, muted, taken over, left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from livehost import app
from livehost.desk import Mode
from livehost.house import House
from livehost.lines import Draft
from livehost.refused import Refused
from livehost.room import Room
from livehost.runtime import Places
from livehost.settings import Settings
from livehost.store.protocol import ChatMessage, NotStored, Question, QuestionState
from livehost.writer import TemplateWriter
from tests.conftest import wait_until
from tests.fake_playout import FakePlayout, fake_playout
from tests.fakes import CATALOG, persona
from tests.scripted import ScriptedVoices

PRICE = "洁面乳多少钱"
UNKNOWN = "洁面乳是哪个国家产的"


def configured(
    folder: Path, *, wordings: tuple[str, ...] = ("先看洁面。", "今天先看洁面。"), **room: Any
) -> Settings:
    """One room with one persona, whose script goes on for ever."""
    (folder / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), "utf-8")
    segments = [{"id": "a", "product": "cleanser-01", "wordings": wordings}]
    return Settings.model_validate(
        {
            "state_dir": folder / "state", "catalog": folder / "catalog.yaml",
            "personas": [persona("ann", "小安")], "rundowns": [{"id": "show", "segments": segments}],
            "rooms": [{"id": "room", "default_persona": "ann", "duty_absent_s": 3600, **room}],
        }
    )  # fmt: skip


@dataclass
class Live:
    """A running room that is on air."""

    house: House
    room: Room
    playout: FakePlayout

    async def ask(self, ident: str, text: str, user: str = "小鹿") -> None:
        await self.room.messages([ChatMessage(id=ident, user=user, text=text, at=datetime.now(UTC))])

    async def state(self, ident: str) -> QuestionState | None:
        found = await self.house.store.question("room", ident)
        return found.state if found else None

    async def becomes(self, ident: str, state: QuestionState) -> None:
        async def there() -> bool:
            return await self.state(ident) is state

        await _until(there)

    def answers(self) -> str:
        return "".join(one.text for one in self.playout.phrases if one.kind.value == "answer")

    async def journal(self, kind: str) -> list[dict[str, Any]]:
        await self.house.journal.flush()
        files = sorted((self.house.settings.state_dir / "journal" / "room").glob("*.jsonl"))
        rows = [json.loads(line) for file in files for line in file.read_text().splitlines() if line]
        return [row for row in rows if row["type"] == kind]


@asynccontextmanager
async def on_air(folder: Path, **room: Any) -> AsyncIterator[Live]:
    settings = configured(folder, **room)
    socket = Places(settings.state_dir).run_dir("room") / "control.sock"
    async with (
        fake_playout(socket, "room") as playout,
        app.open_house(settings, voices=ScriptedVoices()) as house,
    ):
        live = Live(house, house.rooms["room"], playout)
        await wait_until(lambda: live.room.link.connected)
        if not live.room.is_open:
            await live.room.open()
        await wait_until(lambda: len(playout.phrases) > 2)
        yield live


async def test_in_review_mode_an_answer_is_said_only_once_it_is_approved(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HELD)
        (item,) = await live.room.duty.items()
        assert item["state"] == "held" and "59" in item["proposed"] and item["why"] == "mode"
        assert {fact["product"] for fact in item["facts"]} == {"cleanser-01"} and item["true"]
        said = len(live.playout.phrases)
        await wait_until(lambda: len(live.playout.phrases) > said + 3)
        assert live.answers() == ""
        await live.room.duty.approve("q1", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "59" in live.answers()
        with pytest.raises(Refused, match="已经处理过"):
            await live.room.duty.approve("q1", "韩梅梅")
        (did,) = await live.journal("duty")
        assert (did["action"], did["by"], did["question"]) == ("approve", "李雷", "q1")
        say = [row for row in await live.journal("say") if row["kind"] == "answer"]
        assert {row["by"] for row in say} == {"李雷"}


async def test_an_answer_whose_facts_changed_is_not_approved_but_written_anew(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HELD)
        await live.house.store.change_product("room", "cleanser-01", {"price": "69.00"})
        await live.room.reload_catalog()
        (item,) = await live.room.duty.items()
        assert not item["true"]
        with pytest.raises(Refused, match="商品信息刚变了"):
            await live.room.duty.approve("q1", "李雷")

        async def fresh() -> bool:
            items = await live.room.duty.items()
            return bool(items) and "69" in items[0]["proposed"] and items[0]["true"]

        await _until(fresh)
        await live.room.duty.approve("q1", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "69" in live.answers() and "59" not in live.answers()


async def test_own_words_are_reviewed_said_and_kept_as_a_correction(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HELD)
        with pytest.raises(Refused, match="话术未过审"):
            await live.room.duty.answer("q1", "这是全网第一的洁面，只要9块9", "李雷")
        assert await live.state("q1") is QuestionState.HELD
        await live.room.duty.answer("q1", "直播间价59元", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "直播间价59元" in live.answers()
        (row,) = await live.journal("correction")
        assert (row["question"], row["asked"], row["answer"], row["by"]) == (
            "q1",
            PRICE,
            "直播间价59元",
            "李雷",
        )
        (did,) = await live.journal("duty")
        assert did["action"] == "edit" and "59" in did["proposed"]


async def test_a_person_answers_for_what_no_fact_bears_out(tmp_path: Path) -> None:
    """Once confirmed it is said, and the record has who confirmed what."""
    async with on_air(tmp_path) as live:
        await live.ask("q1", UNKNOWN)
        await live.becomes("q1", QuestionState.HANDED_OVER)
        words = "洁面乳是广州生产的"
        with pytest.raises(Refused, match=r"请再确认.*广州"):
            await live.room.duty.answer("q1", words, "李雷")
        with pytest.raises(Refused, match="话术未过审"):
            await live.room.duty.answer("q1", "洁面乳是广州生产的，今天只要9块9", "李雷", confirmed=True)
        await live.room.duty.answer("q1", words, "李雷", confirmed=True)
        await live.becomes("q1", QuestionState.HEARD)
        await wait_until(lambda: words in live.answers())
        (row,) = [one for one in await live.journal("duty") if one["action"] in ("answer", "edit")]
        assert (row["confirmed_by"], row["confirmed"]) == ("李雷", ["广州"])
        with pytest.raises(Refused, match="话术未过审"):
            await live.room.say("我们的洁面乳是广州生产的")  # nobody was asked to confirm


async def test_what_was_handed_over_is_answered_later_by_a_person(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        await live.ask("q1", UNKNOWN)
        await live.becomes("q1", QuestionState.HANDED_OVER)
        (item,) = await live.room.duty.items()
        assert item["state"] == "handed_over" and item["said"]
        await live.room.duty.answer("q1", "这个我查过了，包装背面都写着", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "包装背面" in live.answers()
        assert await live.room.duty.items() == []


async def test_a_question_is_put_aside_or_answered_in_writing(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.ask("q1", PRICE)
        await live.ask("q2", "洁面乳还有货吗", "木木")
        await live.becomes("q1", QuestionState.HELD)
        await live.becomes("q2", QuestionState.HELD)
        await live.room.duty.reject("q1", "李雷", "重复")
        await live.room.duty.answer("q2", "有货的", "李雷", way="text")
        assert await live.state("q1") is QuestionState.IGNORED
        assert await live.state("q2") is QuestionState.HEARD
        assert live.answers() == ""
        assert [row["action"] for row in await live.journal("duty")] == ["reject", "edit"]
        with pytest.raises(NotStored):
            await live.room.duty.reject("nobody", "李雷")


async def test_in_manual_mode_nothing_is_proposed_unless_asked_for(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="manual") as live:
        await live.ask("q1", PRICE)
        said = len(live.playout.phrases)
        await wait_until(lambda: len(live.playout.phrases) > said + 3)
        (item,) = await live.room.duty.items()
        assert item["state"] == "accepted" and item["proposed"] == ""
        await live.room.duty.propose("q1", "李雷")
        await live.becomes("q1", QuestionState.HELD)
        await live.room.duty.approve("q1", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        await live.ask("q2", "洁面乳还有货吗")
        await live.room.duty.answer("q2", "有货的，放心拍", "李雷")
        await live.becomes("q2", QuestionState.HEARD)
        assert "放心拍" in live.answers()


async def test_a_change_of_mode_holds_what_nobody_approved_and_says_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path) as live:
        with monkeypatch.context() as silent:
            silent.setattr(live.room.desk, "pick", lambda held_s: None)
            await live.ask("q2", "洁面乳还有货吗")
            await wait_until(lambda: len(live.room.desk.answers) == 1)
            await live.room.control("review", "李雷")
            await live.becomes("q2", QuestionState.HELD)
            assert not live.room.desk.answers
        said = len(live.playout.phrases)
        await wait_until(lambda: len(live.playout.phrases) > said + 3)
        assert await live.state("q2") is QuestionState.HELD
        await live.room.control("auto", "李雷")
        await live.ask("q3", PRICE)
        await live.becomes("q3", QuestionState.HEARD)
        assert await live.state("q2") is QuestionState.HELD and "货" not in live.answers()
        await live.room.duty.approve("q2", "李雷")
        await live.becomes("q2", QuestionState.HEARD)


async def test_what_is_written_anew_for_a_person_waits_for_one_whatever_the_mode_is_by_then(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HELD)
        await live.room.control("auto", "李雷")
        await live.house.store.change_product("room", "cleanser-01", {"price": "69.00"})
        await live.room.reload_catalog()
        with pytest.raises(Refused, match="商品信息刚变了"):
            await live.room.duty.approve("q1", "李雷")

        async def held_anew() -> bool:
            found = await live.house.store.question("room", "q1")
            return found is not None and found.state is QuestionState.HELD and "69" in found.answer

        await _until(held_anew)
        assert live.answers() == ""


async def test_what_was_made_an_entry_waits_for_nobody_any_more(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        await live.ask("q1", UNKNOWN)
        await live.becomes("q1", QuestionState.HANDED_OVER)
        assert [one["id"] for one in await live.room.duty.items()] == ["q1"]
        await live.house.faq.from_question(
            "room", "q1", ["产地以包装上写的为准"], "shop", by="李雷", now=datetime.now(UTC), confirmed=True
        )
        assert await live.room.duty.items() == []
        assert await live.state("q1") is QuestionState.HANDED_OVER


async def test_a_pause_ends_in_the_mode_before_it(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.room.control("pause", "李雷")
        assert (await live.room.view())["mode"] == "paused"
        await live.room.control("resume", "李雷")
        assert (await live.room.view())["mode"] == "review"


async def test_a_muted_viewers_questions_are_gone_and_taken_no_more(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.ask("q1", PRICE, "捣乱")
        await live.becomes("q1", QuestionState.HELD)
        told = await live.room.duty.mute("捣乱", "李雷", 10)
        assert told["blocked"] == 1 and await live.state("q1") is QuestionState.BLOCKED
        await live.ask("q2", "洁面乳还有货吗", "捣乱")
        assert await live.state("q2") is None
        await live.room.duty.unmute("捣乱", "李雷")
        await live.ask("q3", "洁面乳还有货吗", "捣乱")
        await live.becomes("q3", QuestionState.HELD)


async def test_muting_one_leaves_those_who_ask_the_same_their_answer(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="manual") as live:
        await live.ask("q1", PRICE, "捣乱")
        await live.ask("q2", PRICE, "小鹿")
        turn = await live.room.inbox.next()
        assert turn is not None
        assert [one.id for one in turn.all] == ["q1", "q2"]
        live.room.desk.mode = Mode.PAUSED  # the answer lies on the desk
        live.room.questions.prepare(turn.first)
        await wait_until(lambda: live.room.desk.answers)
        await live.room.duty.mute("捣 乱", "李雷", 10)
        assert not live.room.desk.answers and await live.state("q1") is QuestionState.BLOCKED
        assert await live.state("q2") is QuestionState.ACCEPTED
        live.room.desk.mode = Mode.AUTO
        live.room.questions.wake.set()
        await live.becomes("q2", QuestionState.HEARD)


async def test_an_answer_that_is_said_while_a_viewer_is_muted_stops_no_muting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, mode="manual") as live:
        desk, settle = live.room.desk, live.room.inbox.settle
        desk.mode = Mode.PAUSED  # the answers lie on the desk
        for number, text in enumerate((PRICE, "洁面乳还有货吗"), 1):
            await live.ask(f"q{number}", text, "捣乱")
            turn = await live.room.inbox.next()
            assert turn is not None
            live.room.questions.prepare(turn.first)
        await wait_until(lambda: len(desk.answers) == 2)
        assert [one.question and one.question.id for one in desk.answers] == ["q1", "q2"]
        await live.house.store.settle("room", "q1", QuestionState.SENT)

        async def meanwhile(question: Question, state: QuestionState, **more: Any) -> Question | None:
            if state is QuestionState.BLOCKED:
                desk.answers.clear()  # the director took the next one
            return await settle(question, state, **more)

        monkeypatch.setattr(live.room.inbox, "settle", meanwhile)
        await live.room.duty.mute("捣乱", "李雷", 10)
        assert not desk.answers
        assert [(row["action"], row["user"]) for row in await live.journal("duty")] == [("mute", "捣乱")]


async def test_muting_one_who_asks_the_same_leaves_the_first_his_answer(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="manual") as live:
        await live.ask("q1", PRICE, "小鹿")
        await live.ask("q2", PRICE, "捣乱")
        turn = await live.room.inbox.next()
        assert turn is not None and [one.id for one in turn.all] == ["q1", "q2"]
        live.room.desk.mode = Mode.PAUSED
        live.room.questions.prepare(turn.first)
        await wait_until(lambda: live.room.desk.answers)
        await live.room.duty.mute("捣乱", "李雷", 10)
        assert [line.others for line in live.room.desk.answers] == [()]
        live.room.desk.mode = Mode.AUTO
        await live.becomes("q1", QuestionState.HEARD)
        assert await live.state("q2") is QuestionState.BLOCKED


async def test_muting_during_the_preparing_keeps_the_answer_unsaid(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="manual") as live:
        await live.ask("q1", PRICE, "捣乱")
        turn = await live.room.inbox.next()
        assert turn is not None
        live.room.desk.mode = Mode.AUTO
        live.room.questions.prepare(turn.first)
        told = await live.room.duty.mute("捣乱", "李雷", 10)
        assert told["blocked"] == 1
        await wait_until(lambda: live.room.questions._busy == 0 and not live.room.desk.answers)
        assert await live.state("q1") is QuestionState.BLOCKED and live.answers() == ""


async def test_muting_leaves_to_the_person_what_was_handed_over(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        await live.ask("q1", UNKNOWN, "捣乱")
        await live.becomes("q1", QuestionState.HANDED_OVER)
        live.room.desk.mode = Mode.PAUSED
        question = await live.house.store.question("room", "q1")
        assert question is not None
        words = Draft(("这款要看包装。",), source="duty")
        live.room.questions.prepare(question, approved=words, by="李雷")
        await wait_until(lambda: live.room.desk.answers)
        assert (await live.room.duty.mute("捣乱", "李雷", 10))["blocked"] == 0
        assert not live.room.desk.answers and await live.state("q1") is QuestionState.HANDED_OVER


async def test_a_room_that_is_taken_over_says_only_what_a_person_says(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        await live.room.control("take_over", "李雷")
        with pytest.raises(Refused, match="已经接管"):
            await live.room.control("take_over", "韩梅梅")
        await _quiet(live)
        said = len(live.playout.phrases)
        await live.ask("q1", PRICE)
        await live.room.duty.answer("q1", "直播间价59元", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert all(one.kind.value == "answer" for one in live.playout.phrases[said:])
        assert (await live.room.view())["duty"]["taken_by"] == "李雷"
        await live.room.control("hand_back", "李雷")
        said = len(live.playout.phrases)
        await wait_until(lambda: any(one.kind.value == "script" for one in live.playout.phrases[said:]))


async def test_a_room_without_anybody_follows_its_policy_until_somebody_is_back(tmp_path: Path) -> None:
    async with on_air(tmp_path, duty_absent_s=10, unattended="script_only") as live:
        assert not live.room.duty.attendance.alone
        attendance = live.room.duty.attendance
        attendance.presence._last -= timedelta(seconds=11)
        await wait_until(lambda: attendance.alone)
        (alarm,) = live.house.alarms.current("room")
        assert alarm.key == "duty" and "没有人值守" in alarm.cause
        await live.ask("q1", PRICE)
        said = len(live.playout.phrases)
        await wait_until(lambda: len(live.playout.phrases) > said + 3)
        assert await live.state("q1") is QuestionState.ACCEPTED
        live.room.duty.seen("李雷")
        assert live.house.alarms.current("room") == ()
        await live.becomes("q1", QuestionState.HEARD)
        rows = [(row["action"], row["by"]) for row in await live.journal("duty")]
        assert rows == [("unattended", ""), ("attended", "李雷")]


async def test_an_unattended_room_answers_approved_entries_only_and_hands_the_rest_over(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path, duty_absent_s=10, unattended="faq_only") as live:
        live.room.duty.attendance.presence._last -= timedelta(seconds=11)
        await wait_until(lambda: live.room.duty.attendance.alone)
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HANDED_OVER)
        assert "59" not in live.answers()
        (item,) = await live.room.duty.items()
        assert "59" in item["proposed"] and item["why"] == "unattended"
        live.room.duty.seen("李雷")
        await live.room.duty.approve("q1", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "59" in live.answers()


async def test_what_is_held_outlives_a_restart(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review") as live:
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HELD)
    async with on_air(tmp_path, mode="review") as live:
        await wait_until(lambda: live.room.duty.held == 1)
        await live.room.duty.approve("q1", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "59" in live.answers()


async def test_a_cut_by_the_red_buttons_own_port_is_in_the_journal_once(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        await live.room.control("cut", "李雷")
        for cut in (False, True, True, False, True):
            await live.room.record.cut_seen(cut)
        rows = [(row["action"], row["by"]) for row in await live.journal("control")]
        assert rows == [("cut", "李雷"), ("uncut", "red button"), ("cut", "red button")]


async def _until(condition: Any) -> None:
    for _ in range(200):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come about")


async def _quiet(live: Live) -> None:
    """Wait until nothing new is said."""
    count = -1
    while count != len(live.playout.phrases):
        count = len(live.playout.phrases)
        await asyncio.sleep(0.4)


async def test_what_was_said_wrongly_is_put_right_on_air_and_in_the_record(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HEARD)
        await live.room.duty.correct("q1", "更正一下，直播间价就是59元", "李雷")
        await wait_until(lambda: any("更正一下" in one.text for one in live.playout.phrases))
        live.room.duty.complain("q1", "语气不好", "李雷")
        (row,) = await live.journal("correction")
        assert row["question"] == "q1" and row["persona"] == "ann"
        (row,) = await live.journal("complaint")
        assert (row["id"], row["why"], row["by"]) == ("q1", "语气不好", "李雷")


class Boasting(TemplateWriter):
    """Words that the review leaves to a person, after the answer."""

    async def answer(self, *asked: Any, **more: Any) -> Draft:
        draft = await super().answer(*asked, **more)
        return replace(draft, texts=(*draft.texts, "这是大家的首选。"))


async def test_an_answer_in_doubt_is_handed_over_with_the_proposal_kept(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        live.room.questions._writer = Boasting(platform="generic")
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HANDED_OVER)
        (item,) = await live.room.duty.items()
        assert "59" in item["proposed"] and item["facts"] and "59" not in live.answers()
        assert item["why"] == "review" and [one["rule"] for one in item["checks"]] == ["首选"]
        await live.room.duty.approve("q1", "李雷")
        await live.becomes("q1", QuestionState.HEARD)
        assert "59" in live.answers()


async def test_an_answer_that_nobody_approves_expires(tmp_path: Path) -> None:
    async with on_air(tmp_path, mode="review", review_expires_s=10) as live:
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HELD)
        held = live.room.duty._held
        held["q1"] = replace(held["q1"], updated_at=held["q1"].updated_at - timedelta(seconds=11))
        await live.becomes("q1", QuestionState.EXPIRED)
        assert live.room.duty.held == 0 and live.answers() == ""


async def test_an_answer_that_is_approved_while_others_are_given_up_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_air(tmp_path, mode="review") as live:
        duty, settle = live.room.duty, live.room.inbox.settle
        await live.ask("q1", PRICE)
        await live.becomes("q1", QuestionState.HELD)
        await live.ask("q2", "洁面乳还有货吗")
        await live.becomes("q2", QuestionState.HELD)

        async def approved_meanwhile(
            question: Question, state: QuestionState, **more: Any
        ) -> Question | None:
            if state is QuestionState.EXPIRED and question.id == "q1":
                await duty.approve("q2", "李雷")
            return await settle(question, state, **more)

        monkeypatch.setattr(live.room.inbox, "settle", approved_meanwhile)
        for ident in ("q1", "q2"):
            held = duty._held[ident]
            duty._held[ident] = replace(held, updated_at=held.updated_at - timedelta(days=1))
        await live.becomes("q1", QuestionState.EXPIRED)
        await live.becomes("q2", QuestionState.HEARD)
        assert "货" in live.answers()


async def test_what_the_picture_shows_a_card_of_is_told(tmp_path: Path) -> None:
    """An answer about other goods changes the card, and the script goes on behind it."""
    async with on_air(tmp_path) as live:
        seen: list[tuple[str | None, str | None]] = []

        async def shown(product: str) -> None:
            async def there() -> bool:
                view = await live.room.view()
                seen.append(((view["now"] or {}).get("card"), view["on_air"]["product"]))
                return seen[-1] == (product, "cleanser-01")

            await _until(there)

        await shown("cleanser-01")
        await live.ask("q1", "蜂蜜多少钱")
        await shown("honey-02")
        await shown("cleanser-01")
