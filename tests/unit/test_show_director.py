"""The main loop with its preparers, on a virtual clock: no gaps, barge-in, resume, switch, modes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from livehost.casting import CardOnScreen
from livehost.catalog import Catalog
from livehost.desk import Desk, Mode, Switch
from livehost.director import Director
from livehost.lines import Draft, Line, Trace
from livehost.preparers import ScriptPreparer
from livehost.progress import Progress, next_product, product_at
from livehost.store.protocol import Question, QuestionState
from livehost.tasks import Tasks
from livehost.voicing import Voicer, standing_lines
from services import wire
from services.wire import PhraseFate, PhraseKind
from tests.scripted import ScriptedPlayout, ScriptedVoices, ScriptedWriter, a_cast, loop_clock
from tests.virtual_time import run_virtual

CATALOG = Catalog.parse(
    {
        "products": [
            {
                "id": f"p{n}",
                "link": n + 1,
                "name": f"商品{n}",
                "category": "other",
                "price": "9.90",
                "stock": 5,
            }
            for n in range(2)
        ]
    }
)


def _split(text: str, language: str) -> tuple[str, ...]:
    return tuple(part for part in text.split("，") if part)


@dataclass
class Show:
    """A show of scripted parts."""

    desk: Desk
    playout: ScriptedPlayout
    script: ScriptPreparer
    voicer: Voicer
    progress: Progress
    tasks: Tasks
    started: asyncio.Event
    fates: list[tuple[wire.Phrase, PhraseFate]]
    true: Callable[[Line], bool] = lambda line: True

    def kinds(self) -> list[str]:
        return [heard.phrase.kind.value for heard in self.playout.heard]

    async def until(self, condition: Callable[[], object], limit_s: float = 120.0) -> None:
        async with asyncio.timeout(limit_s):
            while not condition():
                await asyncio.sleep(0.05)

    async def line(self, kind: PhraseKind, *texts: str, **more: Any) -> Line:
        line = Line(kind=kind, cast=self.desk.cast, draft=Draft(texts=texts), **more)
        await self.voicer.voice(line, lambda: None)
        return line


@asynccontextmanager
async def a_show(
    *,
    writes_s: float = 0.0,
    speaks_s: float = 0.0,
    segments: int = 4,
    progress: Progress | None = None,
    waits: bool = False,
) -> AsyncIterator[Show]:
    cast = a_cast(segments=segments)
    stock = standing_lines(cast, "棠小铺", _split)
    desk = Desk(cast, stock)
    progress = progress or Progress()
    voicer = Voicer(ScriptedVoices(takes_s=speaks_s))

    fates: list[tuple[wire.Phrase, PhraseFate]] = []

    def fated(phrase: wire.Phrase, fate: PhraseFate) -> None:
        fates.append((phrase, fate))
        held = desk.fated(phrase.id, fate)
        where = Trace.read(phrase.trace)
        if where.place and fate is PhraseFate.FINISHED and held is not None:
            progress.heard(where.place[1], where.index, where.total, len(cast.rundown.segments))
            if where.index == where.total - 1:
                progress.remember("".join(held[0].draft.texts), loop_clock().timestamp())

    playout = ScriptedPlayout(fated)
    started = asyncio.Event()
    if waits is False:
        started.set()
    async with Tasks("test") as tasks:
        script = ScriptPreparer(
            desk, ScriptedWriter(takes_s=writes_s), voicer, progress,
            catalog=lambda: CATALOG, clock=loop_clock, card=lambda product: None,
            spawn=tasks.spawn, running=started.is_set,
        )  # fmt: skip
        show = Show(desk, playout, script, voicer, progress, tasks, started, fates)
        director = Director(
            desk, playout, still_true=lambda line: show.true(line), said=lambda line, phrase: None,
            stale=lambda line: script.seek(line.place.segment if line.place else 0), session=lambda: "s",
        )  # fmt: skip
        for lines in (*stock.lines.values(), stock.resumes):
            for line in lines:
                tasks.spawn(voicer.voice(line, lambda: None), "stock")
        for work, name in ((playout.play, "play"), (director.run, "director"), (script.run, "script")):
            tasks.keep(work, name)
        yield show


def in_show(body: Callable[[Show], Awaitable[None]], **how: Any) -> None:
    async def work() -> None:
        async with a_show(**how) as show:
            await body(show)

    run_virtual(work())


def _question(text: str = "多少钱") -> Question:
    now = datetime.now(UTC)
    return Question(
        id="q1", room="r", user="小鹿", text=text, at=now, state=QuestionState.CLAIMED, updated_at=now
    )


def test_three_minutes_with_a_slow_writer_and_a_slow_engine_have_no_gap_over_a_second() -> None:
    async def body(show: Show) -> None:
        greeting = await show.line(
            PhraseKind.GREETING, "大家早上好呀我是小棠", "欢迎来到我们的直播间", "先和大家打个招呼"
        )
        show.desk.lay(greeting)  # as a session opens: the script is prepared while it is said
        show.started.set()
        await show.until(lambda: show.playout.heard and show.playout.heard[-1].end > 200, 400)
        gaps = show.playout.gaps()
        assert len(gaps) > 40
        assert max(gaps) <= 1.0

    in_show(body, writes_s=3.0, speaks_s=2.0, waits=True)


def test_the_rundown_is_said_in_order_and_begins_again_in_other_words() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 24, 300)
        said = [h.phrase.text for h in show.playout.heard if h.phrase.kind is PhraseKind.SCRIPT]
        firsts = [text for text in said if text.startswith("第")]
        assert [text[1] for text in firsts[:8]] == list("01230123")
        assert len(set(firsts[:8])) == 8  # the second loop takes the other wording

    in_show(body)


def test_an_answer_interrupts_at_a_phrase_and_the_script_resumes_where_it_stopped() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: show.desk.in_flight)
        show.desk.lay(await show.line(PhraseKind.ANSWER, "答一", "答二", question=_question()))
        await show.until(lambda: show.kinds().count("script") >= 6)
        heard = show.playout.heard
        begin = show.kinds().index("answer")
        assert [h.phrase.text for h in heard[begin : begin + 2]] == ["答一", "答二"]
        assert heard[begin + 2].phrase.text == "我们接着说"
        script = [h.phrase.text for h in heard if h.phrase.kind is PhraseKind.SCRIPT]
        first = show.desk.cast.rundown.segments[0].wordings[0].split("，")
        assert script[:3] == first  # nothing lost, nothing said twice

    in_show(body)


def test_an_urgent_insert_drops_what_is_queued_and_the_dropped_phrase_is_said_later() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 2)
        urgent = await show.line(PhraseKind.INSERT, "紧急通知", urgent=True)
        show.desk.lay(urgent)
        await show.until(lambda: show.kinds().count("script") >= 8)
        script = [h.phrase.text for h in show.playout.heard if h.phrase.kind is PhraseKind.SCRIPT]
        assert "insert" in show.kinds()
        segments = show.desk.cast.rundown.segments
        expected = [clause for s in segments for clause in s.wordings[0].split("，")]
        assert script[:8] == expected[:8]

    in_show(body)


def test_a_phrase_that_was_dropped_is_said_again_under_another_id_and_has_a_fate_of_its_own() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 2)
        await show.until(lambda: show.playout.queued)
        show.playout.drop()
        await show.until(lambda: show.kinds().count("script") >= 8)
        dropped = [phrase for phrase, fate in show.fates if fate is PhraseFate.DROPPED]
        heard = {h.phrase.text: h.phrase.id for h in show.playout.heard}
        assert dropped
        assert all(heard[phrase.text] != phrase.id for phrase in dropped)
        ids = [phrase.id for phrase, _ in show.fates]
        assert len(ids) == len(set(ids))  # each id has one fate, so each stands in the record

    in_show(body)


def test_a_phrase_that_playout_may_not_have_got_keeps_its_id() -> None:
    """Playout takes an id once: what it did get is heard once, what it did not is heard."""

    async def body(show: Show) -> None:
        await show.until(lambda: show.desk.in_flight)
        phrase, (line, index) = next(iter(show.desk.in_flight.items()))
        show.desk.unsent(phrase)
        again = line.voiced[index]
        assert again is not None and again.id == phrase and line.sent == index

    in_show(body)


def test_a_room_that_was_taken_over_says_only_what_a_person_lays_down_and_the_disclosure() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 2)
        show.desk.taken_by = "李雷"
        await asyncio.sleep(8.0)
        count = len(show.playout.heard)
        await asyncio.sleep(20.0)
        assert len(show.playout.heard) == count and show.desk.quiet
        assert show.desk.leads is Mode.MANUAL
        show.desk.lay(await show.line(PhraseKind.ANSWER, "人工答", question=_question(), by="李雷"))
        due = True
        show.desk.disclosure_due = lambda: due
        await show.until(lambda: "disclosure" in show.kinds())
        due = False
        assert show.kinds()[count] == "answer" and "script" not in show.kinds()[count:]
        show.desk.taken_by = ""
        await show.until(lambda: "script" in show.kinds()[count:])

    in_show(body)


def test_a_room_that_is_left_alone_with_the_script_keeps_answers_waiting() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 2)
        show.desk.unattended_script = True
        assert show.desk.leads is Mode.SCRIPT_ONLY
        show.desk.lay(await show.line(PhraseKind.ANSWER, "答一", question=_question()))
        count = len(show.playout.heard)
        await show.until(lambda: len(show.playout.heard) >= count + 6)
        assert "answer" not in show.kinds()
        show.desk.unattended_script = False
        await show.until(lambda: "answer" in show.kinds())

    in_show(body)


def test_a_switch_says_farewell_then_greets_with_the_next_look_and_only_her_words_follow() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 2)
        cast = replace(a_cast("bea"))
        stock = standing_lines(cast, "棠小铺", _split)
        for lines in stock.lines.values():
            for line in lines:
                await show.voicer.voice(line, lambda: None)
        greeting = stock.take(PhraseKind.GREETING)
        assert greeting is not None
        show.desk.switch = Switch(cast, stock, show.desk.stock.take(PhraseKind.FAREWELL), greeting)
        await show.until(lambda: "greeting" in show.kinds())
        await show.until(lambda: len(show.playout.heard) >= 12)
        at = show.kinds().index("greeting")
        assert show.playout.heard[at - 1].phrase.kind is PhraseKind.FAREWELL
        assert {h.phrase.persona for h in show.playout.heard[:at]} == {"ann"}
        assert {h.phrase.persona for h in show.playout.heard[at:]} == {"bea"}
        assert show.playout.heard[at].phrase.look == "builtin:bea"

    in_show(body)


def test_an_answer_in_the_old_voice_is_given_back_at_a_switch_and_never_said() -> None:
    async def body(show: Show) -> None:
        orphans: list[Line] = []
        show.desk.orphaned = orphans.append
        await show.until(lambda: len(show.playout.heard) >= 2)
        cast = a_cast("bea")
        stock = standing_lines(cast, "棠小铺", _split)
        for lines in stock.lines.values():
            for line in lines:
                await show.voicer.voice(line, lambda: None)
        greeting = stock.take(PhraseKind.GREETING)
        assert greeting is not None
        show.desk.switch = Switch(cast, stock, None, greeting)
        old = await show.line(PhraseKind.ANSWER, "旧声音的回答", question=_question())
        show.desk.lay(old)
        await show.until(lambda: "greeting" in show.kinds())
        await show.until(lambda: len(show.playout.heard) >= 10)
        assert orphans == [old]
        assert "answer" not in show.kinds()

    in_show(body)


def test_an_answer_does_not_wait_for_a_whole_disclosure_and_its_rest_follows() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: show.desk.in_flight)
        show.desk.lay(
            await show.line(PhraseKind.DISCLOSURE, "我是AI数字人主播", "内容由人工智能生成", "以页面为准")
        )
        await show.until(lambda: show.desk.last_kind is PhraseKind.DISCLOSURE)
        show.desk.lay(await show.line(PhraseKind.ANSWER, "答一", "答二", question=_question()))
        await show.until(lambda: show.kinds().count("disclosure") == 3)
        begin = show.kinds().index("disclosure")
        assert show.kinds()[begin : begin + 5] == [
            "disclosure",
            "answer",
            "answer",
            "disclosure",
            "disclosure",
        ]

    in_show(body)


def test_pause_says_nothing_more_and_script_only_keeps_answers_waiting() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 2)
        show.desk.mode = Mode.PAUSED
        await asyncio.sleep(8.0)
        count = len(show.playout.heard)
        await asyncio.sleep(30.0)
        assert len(show.playout.heard) == count
        show.desk.lay(await show.line(PhraseKind.ANSWER, "答一", question=_question()))
        show.desk.mode = Mode.SCRIPT_ONLY
        await show.until(lambda: len(show.playout.heard) >= count + 6)
        assert "answer" not in show.kinds()
        show.desk.mode = Mode.AUTO
        await show.until(lambda: "answer" in show.kinds())

    in_show(body)


def test_a_line_whose_facts_changed_is_not_said() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 1)
        stale = {line.id for line in show.desk.script}
        assert stale
        show.true = lambda line: line.id not in stale
        await show.until(lambda: len(show.playout.heard) >= 12)
        script = [h.phrase.text for h in show.playout.heard if h.phrase.kind is PhraseKind.SCRIPT]
        firsts = [text[1] for text in script if text.startswith("第")]
        assert firsts == list("01230123")[: len(firsts)]

    in_show(body)


def test_a_restarted_show_goes_on_at_the_phrase_that_was_not_heard() -> None:
    progress = Progress(rundown="show", segment=2, wording=1, phrase=1)

    async def body(show: Show) -> None:
        await show.until(lambda: len(show.playout.heard) >= 3)
        wanted = show.desk.cast.rundown.segments[2].wordings[1].split("，")
        assert [h.phrase.text for h in show.playout.heard[:2]] == wanted[1:]

    in_show(body, progress=progress)


def test_a_bridge_covers_a_script_that_is_not_ready() -> None:
    async def body(show: Show) -> None:
        await show.until(lambda: "bridge" in show.kinds(), 60)
        kinds = show.kinds()
        assert all(pair != ("bridge", "bridge") for pair in itertools.pairwise(kinds))

    in_show(body, writes_s=20.0)


def test_next_product_goes_to_the_next_segment_of_another_product() -> None:
    rundown = a_cast().rundown
    assert next_product(rundown, 0) == 1
    assert next_product(rundown, 3) == 0


def test_the_product_on_air_is_the_one_last_presented_or_the_first_to_come() -> None:
    rundown = a_cast().rundown
    plain = [segment.model_copy(update={"product": None}) for segment in rundown.segments]
    mixed = rundown.model_copy(
        update={"segments": (plain[0], rundown.segments[1], plain[2], rundown.segments[2])}
    )
    assert [product_at(mixed, index) for index in range(4)] == ["p1", "p1", "p1", "p0"]


def test_a_phrase_trace_survives_a_restart() -> None:
    line = Line(kind=PhraseKind.ANSWER, cast=a_cast(), draft=Draft(texts=("一", "二")), question=_question())
    trace = Trace.read(line.trace(1))
    assert (trace.kind, trace.key, trace.index, trace.total) == ("q", "q1", 1, 2)
    assert Trace.read("nonsense").kind == "x"
    odd = replace(_question(), id="a#b:c/1")
    line = Line(kind=PhraseKind.ANSWER, cast=a_cast(), draft=Draft(texts=("一",)), question=odd)
    assert Trace.read(line.trace(0)).key == "a#b:c/1"


def test_the_card_on_screen_follows_the_catalogue() -> None:
    """A price that changed is on the picture with the next phrase, whatever that phrase is about."""
    price = {"soap": "68.00", "tea": "39.90"}

    def make(product: str) -> wire.ProductCard | None:
        return wire.ProductCard(product=product, name=product, price=price[product])

    screen = CardOnScreen(make)
    assert screen.now(None) is None
    shown = screen.now(wire.ProductCard(product="soap", name="soap", price="70.00"))
    assert shown is not None and shown.price == "68.00"
    assert screen.now(None) is None
    price["soap"] = "66.00"
    fresh = screen.now(None)
    assert fresh is not None and (fresh.product, fresh.price) == ("soap", "66.00")
    assert screen.now(None) is None
    assert screen.now(wire.ProductCard(product="", name="")) == wire.ProductCard(product="", name="")
    price["soap"] = "60.00"
    assert screen.now(None) is None
