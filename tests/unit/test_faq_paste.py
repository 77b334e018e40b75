"""Any text may be pasted: nothing breaks, and nothing that is blocked is kept."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from livehost import faq_sheet
from livehost.answers.faq_book import BookEntry, FaqBook
from livehost.catalog import Catalog
from livehost.compliance import review
from livehost.faq_desk import FaqDesk, read_book
from livehost.store.sqlite import open_sqlite
from tests.fakes import CATALOG

NOW = datetime(2026, 8, 1, 20, 0, tzinfo=UTC)
GOODS = Catalog.parse(CATALOG)

PIECES = st.sampled_from(
    (
        "几点+下播", "关键词", "、", " => ", "=>", "|", "\t", ",", '"', "\n", "\r\n", "全网第一", "能治疗痘痘", "加微信", "最 便 宜",
        "59元", "59.00", "四十九块", "{price}", "{", "}", "{name!r}", "{x:>9}", "好的", "播到很晚", "product:cleanser-01",
        "关键词,回答\n", "id\t关键词\t回答\n", "\ufeff", "\0", "\ud800", "😀", "'=1+1",
    )
)  # fmt: skip
PASTED = st.one_of(st.text(max_size=120), st.lists(PIECES, max_size=14).map("".join))


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@given(PASTED, st.booleans(), st.sampled_from(("shop", "product:cleanser-01", "product:gone")))
@examples(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_any_pasted_text_saves_nothing_that_is_blocked(
    tmp_path: Path, loop: asyncio.AbstractEventLoop, text: str, confirmed: bool, scope: str
) -> None:
    async def work() -> None:
        async with open_sqlite(tmp_path / f"{uuid.uuid4().hex}.sqlite", {}) as store:
            desk = FaqDesk(store, catalogs=lambda: [GOODS], personas=["xiaotang"])
            rows = await desk.paste(text, scope=scope, by="me", now=NOW, save=True, confirmed=confirmed)
            assert not any(row.saved for row in rows if row.verdict == "block")
            assert all(row.saved or row.findings for row in rows)
            kept = await store.faq_entries()
            assert {one.id for one in kept} == {row.id for row in rows if row.saved}
            for one in kept:
                product = GOODS.get("cleanser-01") if one.values["scope"].startswith("product") else None
                for words in one.values["answers"]:
                    assert review(words, product=product, now=NOW).verdict != "block"
            again = await desk.paste(
                faq_sheet.write({"id": one.id, **one.values} for one in kept),
                scope="shop", by="me", now=NOW, save=True, confirmed=True,
            )  # fmt: skip
            assert len(again) == len(kept)
            assert [dict(one.values, at="") for one in await store.faq_entries()] == [
                dict(one.values, at="") for one in kept
            ]

    loop.run_until_complete(work())


@given(PASTED)
@examples(max_examples=100, deadline=None)
def test_a_file_is_a_book_or_tells_what_is_wrong(text: str) -> None:
    try:
        found = read_book(text, GOODS, NOW)
    except ValueError as error:
        assert str(error).startswith("line ")
    else:
        assert isinstance(found, FaqBook)


def test_a_table_of_excel_with_headings_in_any_order_and_cells_of_several_lines() -> None:
    text = '回答\t关键词\t备注\t冷却\n"第一句\n第二句"\t几点+下播、下播时间\t内部\t30\n'
    (row,) = faq_sheet.read(text)
    assert row.fields == {
        "answers": ["第一句", "第二句"], "keywords": [["几点", "下播"], ["下播时间"]], "cool_down_s": "30",
    }  # fmt: skip


def test_a_csv_without_headings() -> None:
    (row,) = faq_sheet.read('发票,"可以开，找客服",shop')
    assert row.fields == {"keywords": [["发票"]], "answers": ["可以开，找客服"], "scope": "shop"}


def test_a_file_s_faults_are_told_all_at_once() -> None:
    with pytest.raises(ValueError, match="line 1") as told:
        read_book("真的吗 => 全网第一\n门店 => 我们是线上店\n包装 => {prize}", GOODS, NOW)
    assert "line 3" in str(told.value) and "line 2" not in str(told.value)
    with pytest.raises(ValueError, match=r"^line 1: 关键词「a」太短"):
        read_book("a => 可以开发票", GOODS, NOW)


def test_a_thousand_entries_are_searched_within_a_question_s_time() -> None:
    entries = tuple(
        BookEntry(
            id=str(n), keywords=((f"词{n}", "活动"),), questions=(f"第{n}场活动几点开始",), answers=("好",)
        )
        for n in range(1000)
    )
    found = FaqBook(lambda: entries).find("第77场活动几点开始呀", product=None, persona="", now=NOW)
    assert found is not None and found.id == "77"


def test_two_rows_with_one_id_do_not_overwrite_each_other(
    tmp_path: Path, loop: asyncio.AbstractEventLoop
) -> None:
    async def work() -> None:
        async with open_sqlite(tmp_path / "faq.sqlite", {}) as store:
            desk = FaqDesk(store, catalogs=lambda: [GOODS], personas=[])
            paste = functools.partial(desk.paste, scope="shop", by="me", now=NOW, save=True, confirmed=True)
            (first,) = await paste("几点+下播 => 播到很晚")
            rows = await paste(
                f"id\t关键词\t回答\n{first.id}\t门店地址\t线上店\n{first.id}\t开播时间\t每晚都播\n"
            )
            assert [row.saved for row in rows] == [True, False]
            assert first.id in rows[1].findings[0].message
            assert [one.values["answers"] for one in await store.faq_entries()] == [["线上店"]]

    loop.run_until_complete(work())
