"""The book in a whole room: said at once when saved, word for word, and not once it is taken out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from livehost.answers.faq_book import BookEntry, FaqBook
from livehost.catalog import Catalog
from livehost.desk import Mode
from livehost.duty_policy import Handling, Unattended, handling
from livehost.faq_review import EntryWritten
from livehost.store.protocol import Question, QuestionState
from livehost.writer import TemplateWriter
from tests.conftest import wait_until
from tests.fakes import CATALOG
from tests.scripted import a_cast
from tests.unit.test_duty_room import on_air
from tests.unit.test_model_writer_ask import ask

NOW = datetime(2026, 8, 1, 20, 0, tzinfo=UTC)


async def test_a_saved_answer_is_spoken_to_the_next_question_with_the_facts_of_the_moment(
    tmp_path: Path,
) -> None:
    async with on_air(tmp_path) as live:
        entry = EntryWritten(keywords=(("门店",),), answers=("我们只有线上店，{name}现在{price}",))
        saved = await live.house.faq.add(entry, by="李雷", now=NOW, confirmed=True)
        await live.ask("q1", "洁面乳你们门店有卖吗")
        await live.becomes("q1", QuestionState.HEARD)
        await wait_until(lambda: "59元" in live.answers())
        assert "我们只有线上店" in live.answers()
        heard = await live.journal("say")
        facts = [fact for row in heard for fact in row.get("facts") or ()]
        assert f"faq_book.{saved.id}" in {fact["field"] for fact in facts}
        await live.house.faq.delete(saved.id, saved.version)
        await live.ask("q2", "洁面乳你们门店有卖吗", user="阿琳")
        await wait_until(lambda: "确认" in live.answers() or "客服" in live.answers())
        assert live.answers().count("线上店") == 1


async def test_what_was_prepared_with_the_old_words_is_written_anew(tmp_path: Path) -> None:
    async with on_air(tmp_path) as live:
        entry = EntryWritten(keywords=(("门店",),), answers=("我们只有线上店",))
        saved = await live.house.faq.add(entry, by="李雷", now=NOW, confirmed=True)
        await live.room.control("pause")
        await live.ask("q1", "你们门店在哪里呀")
        live.room.questions.wake.set()
        changed = EntryWritten(keywords=(("门店",),), answers=("杭州有一家门店",))
        await live.house.faq.put(saved.id, changed, saved.version, by="李雷", now=NOW, confirmed=True)
        await live.room.control("resume")
        await live.becomes("q1", QuestionState.HEARD)
        assert "杭州" in live.answers() and "线上店" not in live.answers()


async def test_a_bare_word_of_the_book_is_no_noise(tmp_path: Path) -> None:
    """身高 alone is talk, until an entry is about it."""
    async with on_air(tmp_path) as live:
        await live.ask("q1", "会员")
        await live.becomes("q1", QuestionState.IGNORED)
        entry = EntryWritten(keywords=(("会员",), ("来了",)), answers=("会员在店铺首页就能领",))
        await live.house.faq.add(entry, by="李雷", now=NOW, confirmed=True)
        await live.ask("q2", "会员", user="阿琳")
        await live.becomes("q2", QuestionState.HEARD)
        await wait_until(lambda: "会员在店铺首页就能领" in live.answers())
        await live.ask("q3", "来了", user="晚风")  # turned away at the door else
        await live.becomes("q3", QuestionState.HEARD)


async def test_an_unattended_room_says_an_entry_with_a_price(tmp_path: Path) -> None:
    async with on_air(tmp_path, duty_absent_s=10, unattended="faq_only") as live:
        live.room.duty.attendance.presence._last -= timedelta(seconds=11)
        await wait_until(lambda: live.room.duty.attendance.alone)
        entry = EntryWritten(keywords=(("洁面乳", "门店"),), answers=("我们只有线上店，{name}现在{price}",))
        await live.house.faq.add(entry, by="李雷", now=NOW, confirmed=True)
        await live.ask("q1", "洁面乳你们门店有卖吗")
        await live.becomes("q1", QuestionState.HEARD)
        await wait_until(lambda: "59元" in live.answers())


async def test_an_unattended_room_may_say_what_the_book_approves() -> None:
    book = FaqBook(lambda: (BookEntry(id="a", keywords=(("门店",),), answers=("我们只有线上店",)),))
    writer = TemplateWriter(platform="douyin", book=book)
    question = Question(
        id="q", room="r", user="", text="门店在哪里", at=NOW, state=QuestionState.CLAIMED, updated_at=NOW
    )
    draft = await writer.answer(question, a_cast(), Catalog.parse(CATALOG), None, NOW)
    assert draft.intent == "book"
    assert handling(Mode.AUTO, Unattended.FAQ_ONLY, "pass", draft) is Handling.SAY


async def test_questions_on_the_command_line_are_answered_from_a_file(tmp_path: Path) -> None:
    catalog, file = "tests/data/catalog.yaml", tmp_path / "faq.txt"
    file.write_text("门店 => 我们只有线上店\n会员 => {name}现在{price}", "utf-8")
    rows = [{"text": "你们门店在哪", "on_air": "serum-02"}, {"text": "会员多少钱", "on_air": "serum-02"}]
    code, got, told = await ask("--catalog", catalog, "--faq", str(file), rows=rows)
    assert code == 0, told
    assert [row["answer"]["intent"] for row in got] == ["book", "book"]
    assert "线上店" in got[0]["answer"]["text"] and "169元" in got[1]["answer"]["text"]
    file.write_text("门店 => 我们是全网第一\n没有箭头", "utf-8")
    code, _, told = await ask("--catalog", catalog, "--faq", str(file), rows=rows)
    assert code != 0 and "line 1" in told and "第一" in told and "line 2" in told
    assert "Traceback" not in told
