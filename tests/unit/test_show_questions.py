"""Questions on their way to an answer: by turn, together, checked, held, never twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from livehost.catalog import Catalog
from livehost.chat.events import ChatEvent, Kind
from livehost.desk import Desk
from livehost.inbox import FOLLOW_UP, Inbox
from livehost.lines import Cast, Draft, Line
from livehost.preparers import QuestionPreparer
from livehost.store.patient import PatientStore
from livehost.store.protocol import (
    Accepted,
    ChatMessage,
    InboxLimits,
    Question,
    QuestionState,
    Store,
    StoreUnavailable,
)
from livehost.store.sqlite import open_sqlite
from livehost.tasks import Tasks
from livehost.voicing import Voicer, standing_lines
from tests.conftest import wait_until
from tests.scripted import ScriptedVoices, ScriptedWriter, a_cast

NOW = datetime(2026, 12, 1, tzinfo=UTC)
LIMIT = 100


@dataclass
class Away:
    """A store that can be taken away and brought back."""

    store: Store
    gone: bool = False

    def __getattr__(self, name: str) -> Any:
        work = getattr(self.store, name)

        async def call(*args: Any, **more: Any) -> Any:
            if self.gone:
                raise StoreUnavailable("pulled out")
            return await work(*args, **more)

        return call


@dataclass
class Stand:
    """A room's inbox over a real store, at a clock that stands."""

    store: Store
    away: Away
    patient: PatientStore
    catalog: Catalog
    now: datetime = NOW
    on_air: str | None = None
    settled: list[Question] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    alarms: list[str | None] = field(default_factory=list)
    serial: int = 0

    def __post_init__(self) -> None:
        self.inbox = self.an_inbox()

    def an_inbox(self) -> Inbox:
        return Inbox(
            self.patient, room="r", limit=LIMIT, expires_s=180, catalog=lambda: self.catalog,
            on_air=lambda: self.on_air, clock=lambda: self.now, settled=self.settled.append,
            dropped=self._drop,
        )  # fmt: skip

    def _drop(self, reason: str, count: int) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    async def says(self, user: str, *texts: str, buyer: bool = False) -> Accepted:
        messages = []
        for text in texts:
            self.serial += 1
            messages.append(
                ChatMessage(
                    id=f"m{self.serial}", user=user, text=text, at=self.now, user_id=f"id-{user}", buyer=buyer
                )
            )
        return await self.inbox.take(messages)

    async def turns(self) -> list[list[str]]:
        """All turns that come now, as the texts of who asks."""
        found = []
        while (turn := await self.inbox.next()) is not None:
            found.append([one.text for one in turn.all])
        return found

    async def states(self) -> dict[str, str]:
        return {one.text: one.state.value for one in await self.store.questions("r", 100)}


@asynccontextmanager
async def a_stand(folder: Path, catalog: Catalog) -> AsyncIterator[Stand]:
    async with open_sqlite(folder / "s.sqlite", {"r": InboxLimits(room=LIMIT, user=20)}) as store:
        away = Away(store)
        alarms: list[str | None] = []
        patient = PatientStore(away, "r", alarm=alarms.append)
        yield Stand(store, away, patient, catalog, alarms=alarms)


@pytest.fixture(scope="module")
def catalog(root: Path) -> Catalog:
    return Catalog.load(root / "configs/catalog.yaml")


@pytest.fixture
async def stand(tmp_path: Path, catalog: Catalog) -> AsyncIterator[Stand]:
    async with a_stand(tmp_path, catalog) as made:
        yield made


# ---- whose turn it is


async def test_one_answer_serves_all_who_ask_the_same_in_other_words(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("小鹿", "这个多少钱")
    await stand.says("阿琳", "什么价格啊")
    await stand.says("木木", "油皮能用吗")
    await stand.says("晚风", "敏感肌能用吗")
    turns = await stand.turns()
    assert sorted(map(sorted, turns)) == [["什么价格啊", "这个多少钱"], ["敏感肌能用吗"], ["油皮能用吗"]]


async def test_numbers_sizes_and_negations_make_another_question(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "一件多少钱")
    await stand.says("b", "两件多少钱")
    await stand.says("c", "大瓶多少钱")
    assert all(len(turn) == 1 for turn in await stand.turns())


async def test_health_and_money_come_first_and_then_the_product_on_air(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "洁面怎么用")
    await stand.says("b", "主播用的什么手机")
    await stand.says("c", "孕妇可以用吗")
    await stand.says("d", "3号链接多少钱")
    order = [turn[0] for turn in await stand.turns()]
    assert set(order[:2]) == {"孕妇可以用吗", "3号链接多少钱"}
    assert order.index("洁面怎么用") == 2


async def test_who_bought_comes_before_who_did_not(stand: Stand) -> None:
    await stand.says("a", "洁面怎么用")
    stand.inbox.seen([ChatEvent(kind=Kind.ORDER, id="o", user_id="id-b", user="b", at=NOW, buyer=True)])
    await stand.says("b", "面膜怎么用")
    assert [turn[0] for turn in await stand.turns()] == ["面膜怎么用", "洁面怎么用"]


async def test_a_viewer_who_asks_much_does_not_keep_others_waiting(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("话多", "多少钱", "有赠品吗", "保质期多久", "哪里发货", "能开发票吗")
    await stand.says("话少", "洁面怎么用")
    order = [turn[0] for turn in await stand.turns()]
    assert order[0] == "多少钱" and order.index("洁面怎么用") == 1


async def test_nobody_waits_for_ever(stand: Stand) -> None:
    await stand.says("a", "洁面怎么用")
    stand.now += timedelta(seconds=150)
    await stand.says("b", "面膜怎么用", buyer=True)
    assert (await stand.turns())[0] == ["洁面怎么用"]


async def test_what_was_answered_just_now_gives_way(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "多少钱")
    first = await stand.inbox.next()
    assert first is not None
    await stand.inbox.settle(first.first, QuestionState.HEARD)
    await stand.says("b", "这个多少钱")
    await stand.says("c", "有优惠券吗")
    assert (await stand.turns())[0] == ["有优惠券吗"]


async def test_who_asks_what_is_being_answered_gets_that_answer(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "多少钱")
    turn = await stand.inbox.next()
    assert turn is not None
    await stand.says("b", "这个什么价")
    assert await stand.inbox.next() is None
    await stand.inbox.settle(turn.first, QuestionState.HEARD, answer="五十九元")
    assert await stand.states() == {"多少钱": "heard", "这个什么价": "heard"}


async def test_who_joined_late_waits_again_with_the_rest(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "多少钱")
    turn = await stand.inbox.next()
    assert turn is not None
    await stand.says("b", "这个什么价")
    assert await stand.inbox.next() is None
    await stand.inbox.settle(turn.first, QuestionState.ACCEPTED, note="no sound")
    again = await stand.inbox.next()
    assert again is not None and {one.user for one in again.all} == {"a", "b"}


@pytest.mark.parametrize("over", [QuestionState.ACCEPTED, QuestionState.HEARD])
async def test_who_joins_in_the_moment_in_which_an_answer_ends_is_not_lost(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, over: QuestionState
) -> None:
    stand.on_air, claim = "cleanser-01", stand.patient.claim
    await stand.says("a", "多少钱")
    first = await stand.inbox.next()
    assert first is not None

    async def ends_meanwhile(questions: Sequence[Question], *, answered_with: str) -> list[Question]:
        taken = await claim(questions, answered_with=answered_with)
        monkeypatch.setattr(stand.patient, "claim", claim)
        await stand.inbox.settle(first.first, over)
        return taken

    monkeypatch.setattr(stand.patient, "claim", ends_meanwhile)
    await stand.says("b", "这个什么价")
    again = await stand.inbox.next()
    if over is QuestionState.ACCEPTED:
        assert again is not None and {one.user for one in again.all} == {"a", "b"}
    else:
        assert again is None and set((await stand.states()).values()) == {"heard"}
        assert not stand.inbox.is_shared(first.first)


async def test_what_is_claimed_just_now_does_not_come_back_by_a_look_at_the_store(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.on_air, claim = "cleanser-01", stand.patient.claim

    async def looks_before(questions: Sequence[Question], *, answered_with: str) -> list[Question]:
        await stand.inbox.look_again()  # somebody is muted
        return await claim(questions, answered_with=answered_with)

    monkeypatch.setattr(stand.patient, "claim", looks_before)
    await stand.says("a", "多少钱")
    turn = await stand.inbox.next()
    assert turn is not None and len(stand.inbox) == 0
    await stand.says("b", "这个什么价")
    assert await stand.inbox.next() is None and len(stand.inbox) == 0
    assert stand.inbox.is_shared(turn.first)


async def test_who_asks_after_a_price_changed_does_not_get_the_old_answer(
    stand: Stand, catalog: Catalog
) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "多少钱")
    assert await stand.inbox.next() is not None
    stand.catalog = catalog.with_changes({"cleanser-01": {"price": "49.00"}})
    await stand.says("b", "这个多少钱")
    turn = await stand.inbox.next()
    assert turn is not None and [one.user for one in turn.all] == ["b"]


async def test_a_question_without_a_noun_is_about_the_viewers_last_product(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "面膜多少钱")
    first = await stand.inbox.next()
    assert first is not None and first.meaning.products == ("mask-03",)
    await stand.says("a", "怎么用")
    await stand.says("b", "怎么用")
    turns = [turn for _ in range(2) if (turn := await stand.inbox.next()) is not None]
    assert {turn.first.user: turn.meaning.products for turn in turns} == {
        "a": ("mask-03",),
        "b": ("cleanser-01",),
    }
    stand.now += FOLLOW_UP + timedelta(seconds=1)
    await stand.says("a", "有赠品吗")
    late = await stand.inbox.next()
    assert late is not None and late.meaning.products == ("cleanser-01",)


async def test_a_question_is_about_what_was_on_air_as_it_was_asked(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "多少钱")
    stand.on_air = "mask-03"
    await stand.says("b", "多少钱")
    turns = [await stand.inbox.next(), await stand.inbox.next()]
    assert {turn.first.user: turn.on_air for turn in turns if turn} == {"a": "cleanser-01", "b": "mask-03"}


# ---- what is turned away, and what expires


async def test_noise_takes_no_place_and_is_counted(stand: Stand) -> None:
    result = await stand.says("a", "哈哈哈哈", "666", "😂😂", "主播好美", "多少钱")
    assert result.accepted == 1
    assert set(result.reasons.values()) == {"noise"} and stand.dropped == {"noise": 4}
    assert len(stand.inbox) == 1


async def test_the_same_words_again_and_again_fill_nothing(stand: Stand) -> None:
    for number in range(40):
        await stand.says(f"u{number}", "多少钱")
    assert len(stand.inbox) == 20 and stand.dropped == {"asked_already": 20}
    assert len(await stand.turns()) == 1


async def test_a_nearly_full_inbox_takes_questions_only(stand: Stand) -> None:
    for number in range(LIMIT):
        await stand.says(f"u{number}", f"我想看第{number}个东西" if number < 80 else f"第{number}个多少钱")
    assert stand.dropped == {"inbox_full": 5}
    assert len(stand.inbox) == 95
    result = await stand.says("x", "孕妇能用吗", "这个多少钱", "有券吗", "发什么快递", "保质期多久", "能退吗")
    assert list(result.reasons.values()) == ["inbox_full"]


async def test_who_speaks_of_ending_his_life_comes_first_however_many_ask(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    for number in range(80):
        await stand.says(f"u{number}", f"第{number}个怎么用")
    assert (await stand.says("x", "我不想活了")).accepted == 1
    turn = await stand.inbox.next()
    assert turn is not None and (turn.first.text, turn.meaning.intents) == ("我不想活了", ("crisis",))


async def test_what_waited_too_long_expires_and_is_told(stand: Stand) -> None:
    await stand.says("a", "多少钱")
    stand.now += timedelta(seconds=181)
    await stand.says("b", "有券吗")
    await stand.inbox.expire()
    assert [(one.text, one.user, one.state.value) for one in stand.settled] == [("多少钱", "a", "expired")]
    assert await stand.turns() == [["有券吗"]]


async def test_a_message_that_comes_again_counts_once(stand: Stand) -> None:
    message = ChatMessage(id="same", user="a", text="多少钱", at=NOW)
    results = [await stand.inbox.take([message]) for _ in range(3)]
    assert [one.accepted for one in results] == [1, 0, 0] and stand.dropped == {"duplicate": 2}
    assert await stand.turns() == [["多少钱"]]
    assert (await stand.inbox.take([message])).duplicate == 1
    assert await stand.turns() == []


async def test_a_muted_viewers_question_gives_its_turn_to_the_others(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("坏", "多少钱")
    await stand.says("好", "这个多少钱")
    await stand.store.mute("r", "id-坏")
    turns = await stand.turns()
    assert turns == [["这个多少钱"]]


async def test_a_restarted_show_goes_on_with_what_waited(stand: Stand) -> None:
    await stand.says("a", "多少钱", "有券吗")
    assert await stand.inbox.next() is not None
    await stand.store.requeue_claimed("r")
    stand.inbox = stand.an_inbox()
    assert sorted(await stand.turns()) == [["多少钱"], ["有券吗"]]


# ---- a store that is away


async def test_while_the_store_is_away_questions_are_answered_from_memory(stand: Stand) -> None:
    await stand.says("a", "多少钱")
    stand.away.gone = True
    with pytest.raises(StoreUnavailable):
        await stand.says("b", "孕妇可以用吗")
    assert stand.alarms and "pulled out" in str(stand.alarms[0])
    again = ChatMessage(id="m2", user="b", text="孕妇可以用吗", at=NOW, user_id="id-b")
    with pytest.raises(StoreUnavailable):
        await stand.inbox.take([again])
    turns = [await stand.inbox.next(), await stand.inbox.next(), await stand.inbox.next()]
    assert sorted(turn.first.text for turn in turns if turn) == ["多少钱", "孕妇可以用吗"]
    for turn in turns[:2]:
        assert turn is not None
        await stand.inbox.settle(turn.first, QuestionState.SENT)
        await stand.inbox.settle(turn.first, QuestionState.HEARD, answer="好")
    assert await stand.patient._paid() is False
    stand.away.gone = False
    assert await stand.patient._paid()
    assert await stand.states() == {"多少钱": "heard", "孕妇可以用吗": "heard"}
    stand.patient._gone.clear()
    assert (await stand.inbox.take([again])).duplicate == 1
    assert await stand.inbox.next() is None


async def test_the_newest_state_of_a_room_is_kept_when_the_store_is_back(stand: Stand) -> None:
    stand.away.gone = True
    await stand.patient.save_room_state({"n": 1})
    await stand.patient.save_room_state({"n": 2})
    assert await stand.patient.requeue_claimed() == 0
    stand.away.gone = False
    async with Tasks("test") as tasks:
        tasks.keep(stand.patient.run, "store")
        await wait_until(lambda: not stand.patient.away)
    assert await stand.store.room_state("r") == {"n": 2}
    assert stand.alarms[-1] is None


# ---- never twice


async def test_what_playout_had_when_the_show_died_is_not_said_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livehost.inbox.UNCERTAIN_S", 0.0)
    await stand.says("a", "多少钱", "有券吗", "孕妇可以用吗")
    turns = [turn for _ in range(3) if (turn := await stand.inbox.next()) is not None]
    for turn in turns[:2]:
        await stand.inbox.settle(turn.first, QuestionState.SENT)  # the show dies here: no fate was heard
    after = stand.inbox = stand.an_inbox()
    assert await stand.store.requeue_claimed("r") == 1
    assert await stand.turns() == [[turns[2].first.text]]
    await stand.store.settle("r", turns[0].first.id, QuestionState.HEARD)  # playout tells its fate after all
    await after.close_uncertain()
    states = await stand.states()
    assert (states[turns[0].first.text], states[turns[1].first.text]) == ("heard", "expired")
    assert await stand.turns() == []


# ---- the preparer


class Says(ScriptedWriter):
    """Answers with fixed texts, and remembers what it was told."""

    def __init__(self, *texts: str, act: str = "answer") -> None:
        super().__init__()
        self.texts = texts
        self.act = act
        self.told: list[tuple[str, str | None, str | None]] = []

    async def answer(
        self,
        question: Question,
        cast: Cast,
        catalog: Catalog,
        on_air: str | None,
        now: datetime,
        *,
        previous: str | None = None,
    ) -> Draft:
        self.told.append((question.text, on_air, previous))
        return Draft(texts=self.texts, act=self.act if self.texts else "ignore")


@asynccontextmanager
async def preparing(
    stand: Stand, writer: ScriptedWriter, **more: Any
) -> AsyncIterator[tuple[Desk, QuestionPreparer, Callable[[], list[Line]]]]:
    cast = a_cast()
    desk = Desk(cast, standing_lines(cast, "店", lambda text, language: (text,)))
    async with Tasks("test") as tasks:
        preparer = QuestionPreparer(
            desk, writer, Voicer(ScriptedVoices()), stand.inbox, catalog=lambda: stand.catalog,
            clock=lambda: stand.now, card=lambda product: None, on_air_product=lambda: stand.on_air,
            spawn=tasks.spawn, running=lambda: True, **more,
        )  # fmt: skip
        tasks.keep(preparer.run, "questions")
        yield desk, preparer, lambda: list(desk.answers)


@pytest.mark.parametrize(
    ("texts", "act", "states"),
    [
        (("今天直播价在商品卡上",), "answer", []),
        (("这是全网第一的洗面奶",), "handover", []),
        ((), None, [QuestionState.IGNORED]),
    ],
)
async def test_what_becomes_of_an_answer(
    stand: Stand, texts: tuple[str, ...], act: str | None, states: list[QuestionState]
) -> None:
    await stand.says("小鹿", "多少钱")
    async with preparing(stand, Says(*texts)) as (desk, _, answers):
        await wait_until(lambda: answers() or stand.settled)
    assert [one.state for one in stand.settled] == states
    assert [line.draft.act for line in desk.answers] == ([act] if act else [])
    assert all("第一" not in text for line in desk.answers for text in line.draft.texts)


class Waits(ScriptedWriter):
    """Words the answers to some questions only once it is told to."""

    def __init__(self, *slow: str) -> None:
        super().__init__()
        self.slow = slow
        self.go_on = asyncio.Event()

    async def answer(self, question: Question, *args: Any, **more: Any) -> Draft:
        if question.text in self.slow:
            await self.go_on.wait()
        return Draft(("商品卡上看得到",))


async def test_answers_are_said_by_turn_and_not_by_which_was_ready_first(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("a", "孕妇可以用吗")
    await stand.says("b", "怎么用")
    writer = Waits("孕妇可以用吗")
    async with preparing(stand, writer) as (_, _, answers):
        await wait_until(lambda: len(answers()) == 1)
        writer.go_on.set()
        await wait_until(lambda: len(answers()) == 2)
        assert [line.question.text for line in answers() if line.question] == ["孕妇可以用吗", "怎么用"]


async def test_the_host_names_two_of_those_who_ask(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    for user in ("小鹿", "阿琳", "木木"):
        await stand.says(user, "多少钱")
    async with preparing(stand, Says("商品卡上看得到")) as (_, _, answers):
        await wait_until(answers)
        (line,) = answers()
    assert line.draft.texts == ("小某、阿某和几位朋友都在问，", "商品卡上看得到")
    assert [one.user for one in line.others] == ["阿琳", "木木"]


async def test_who_asks_twice_is_one_asker(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    await stand.says("小鹿", "多少钱", "这个多少钱")
    async with preparing(stand, Says("商品卡上看得到")) as (_, _, answers):
        await wait_until(answers)
        assert answers()[0].draft.texts == ("商品卡上看得到",)


async def test_a_held_answer_waits_for_a_person_and_is_said_as_he_approves_it(stand: Stand) -> None:
    await stand.says("小鹿", "多少钱")

    def holds(question: Question, draft: Draft, hits: tuple[object, ...]) -> str:
        return "review"

    async with preparing(stand, Says("商品卡上看得到"), holds=holds) as (_, preparer, answers):
        await wait_until(lambda: stand.settled)
        (held,) = stand.settled
        assert (held.state, held.answer, held.note) == (QuestionState.HELD, "商品卡上看得到", "review")
        assert held.detail["act"] == "answer" and held.detail["facts"] == []
        approved = await stand.store.settle("r", held.id, QuestionState.CLAIMED)
        preparer.prepare(approved, Draft(texts=("请看商品卡",), source="duty"))
        await wait_until(answers)
        assert answers()[0].draft.texts == ("请看商品卡",)


async def test_the_writer_is_told_what_the_viewer_talks_about(stand: Stand) -> None:
    stand.on_air = "cleanser-01"
    writer = Says("商品卡上看得到")
    await stand.says("a", "面膜多少钱")
    async with preparing(stand, writer) as (_, _, answers):
        await wait_until(answers)
        stand.on_air = "serum-02"
        await stand.says("a", "怎么用")
        await wait_until(lambda: len(answers()) == 2)
    assert writer.told[-1] == ("怎么用", "serum-02", "mask-03")


def test_a_question_keeps_who_asked() -> None:
    question = Question(
        id="q", room="r", user="a", text="t", at=NOW, state=QuestionState.SENT, updated_at=NOW
    )
    assert (question.who, replace(question, user_id="9").who) == ("a", "9")
