"""The book of answers: what a line finds, whose turn it is, and that no stale figure is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import cn2an
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from livehost.answers import Fact, answer, still_true
from livehost.answers.clean import clean
from livehost.answers.faq_book import BookEntry, FaqBook, Turn, fitting, spoken, stands
from livehost.catalog import Catalog
from livehost.compliance.claim_check import check_said
from livehost.faq_review import EntryWritten, reviewed_entry

NOW = datetime(2026, 8, 1, 20, 0, tzinfo=UTC)
CATALOG = Catalog.parse(
    {
        "products": [
            {
                "id": "cleanser", "link": 3, "name": "氨基酸洁面乳", "aliases": ["洁面"],
                "category": "cosmetics", "price": "59.00", "stock": 328,
            },
            {"id": "honey", "link": 5, "name": "洋槐蜂蜜", "category": "food", "price": "39.90", "stock": 9},
        ],
        "shop": {"name": "棠小铺"},
    }
)  # fmt: skip


def entry(name: str, *answers: str, keywords: Sequence[str] = (), **more: object) -> BookEntry:
    groups = tuple(tuple(group.split("+")) for group in keywords)
    return BookEntry(id=name, keywords=groups, answers=answers or (name,), **more)  # type: ignore[arg-type]


def book(*entries: BookEntry) -> FaqBook:
    return FaqBook(lambda: entries)


def found(line: str, *entries: BookEntry, product: str | None = None, persona: str = "tang") -> str | None:
    turn = book(*entries).find(line, product=product, persona=persona, now=NOW)
    return turn.id if turn else None


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("今天几点下播呀", "end"),
        ("什么时候会下播", "end"),
        ("下播", None),
        ("能开发票不", "bill"),
        ("8号有活动吗", "eighth"),
        ("38号有活动吗", None),
        ("你们门店在哪儿呀", "store"),
        ("你们门店在哪", "store"),
        ("门店几平米", None),
    ],
)
def test_keywords_by_groups_and_questions_by_likeness(line: str, wanted: str | None) -> None:
    assert found(
        line,
        entry("end", keywords=["几点+下播", "什么时候+下播"]),
        entry("bill", keywords=["发票"]),
        entry("eighth", keywords=["8+活动"]),
        entry("store", questions=("你们的门店在哪里",)),
    ) == wanted  # fmt: skip


def test_the_narrowest_scope_wins_then_the_closer_fit_then_the_older() -> None:
    entries = (
        entry("shop", keywords=["发票"]),
        entry("exact", questions=("能开发票吗",)),
        entry("hers", keywords=["发票"], scope="persona:tang"),
        entry("cream", keywords=["发票"], scope="product:cream"),
        entry("later", keywords=["发票"]),
    )
    fit = [
        [one.id for one in fitting(entries, "能开发票吗", product=product, persona=persona)]
        for product, persona in (("cream", "tang"), (None, "tang"), (None, "chen"))
    ]
    assert fit[0] == ["cream", "hers", "exact", "shop", "later"]
    assert fit[1] == ["hers", "exact", "shop", "later"]
    assert fit[2] == ["exact", "shop", "later"]
    assert found("能开发票吗", entry("off", keywords=["发票"], enabled=False)) is None


@pytest.mark.parametrize("line", ["孕妇能用吗，多少钱", "用了过敏怎么办，多少钱", "能治失眠吗多少钱"])
def test_a_delicate_question_is_not_answered_by_an_entry_about_something_else(line: str) -> None:
    assert found(line, entry("price", keywords=["多少钱"])) is None
    assert found(line, entry("own", questions=(line,))) == "own"


def test_answers_have_their_turn_and_cool_down_by_the_clock() -> None:
    mine = book(entry("a", "一", "二", keywords=["下播"], cool_down_s=60))

    def say(at: datetime) -> str | None:
        turn = mine.find("几点下播", product=None, persona="", now=at)
        if turn is not None:
            mine.used((Fact("", "faq_book.a", turn.words),), at)
        return turn.words if turn else None

    assert say(NOW) == "一"
    assert say(NOW + timedelta(seconds=59)) is None
    assert say(NOW + timedelta(seconds=61)) == "二"
    assert say(NOW + timedelta(seconds=130)) == "一"


def test_finding_changes_nothing() -> None:
    mine = book(entry("a", "一", "二", keywords=["下播"], cool_down_s=60))
    words = {mine.find("几点下播", product=None, persona="", now=NOW) for _ in range(3)}
    assert len(words) == 1


def test_an_answer_rests_on_its_entry_and_on_the_facts_in_it() -> None:
    mine = book(entry("a", "{name}现在{price}，会员日另有安排", keywords=["会员"], version=4))
    got = answer("会员有啥", catalog=CATALOG, on_air="cleanser", now=NOW, book=mine)
    assert (got.act, got.intent) == ("answer", "book")
    assert "59元" in got.text
    assert {f.field for f in got.facts} == {"faq_book.a", "name", "price"}
    assert stands(mine.entries(), got.facts)
    assert not stands((), got.facts)
    assert not stands((entry("a", keywords=["会员"], version=5),), got.facts)
    product = CATALOG.get("cleanser")
    said = check_said(got.text, facts=got.facts, product=product, catalog=CATALOG, now=NOW)
    assert said.verdict == "pass", said.hits


def test_a_figure_that_stood_in_the_catalogue_is_not_said_once_it_does_not() -> None:
    one = entry(
        "a", "会员日这支也是59元", keywords=["会员"], scope="product:cleanser",
        rests=((Fact("cleanser", "price", "59"),),),
    )  # fmt: skip
    got = answer("会员日多少钱", catalog=CATALOG, on_air="cleanser", now=NOW, book=book(one))
    assert got.intent == "book" and "59元" in got.text
    dearer = CATALOG.with_changes({"cleanser": {"price": "69"}})
    assert not still_true(got.facts, dearer, NOW)
    got = answer("会员日多少钱", catalog=dearer, on_air="cleanser", now=NOW, book=book(one))
    assert got.intent != "book" and "59" not in got.text


PRICES = st.integers(2, 999)
WAYS = st.sampled_from(
    ("现在{p}元", "{p}块就能拿", "这支卖{z}元", "直播间价{p}", "拍下{z}块钱", "会员{p}.00元")
)


@given(PRICES, PRICES, PRICES, WAYS, st.sampled_from(("shop", "product:cleanser")), st.booleans())
@examples(max_examples=150, deadline=None)
def test_no_price_is_said_that_is_not_the_price_any_more(
    was: int, written: int, now: int, way: str, scope: str, right: bool
) -> None:
    """Whatever figure an operator writes for a product, and whatever is confirmed, no price goes stale."""
    figure = was if right else written
    words = way.format(p=figure, z=cn2an.an2cn(figure))
    before, after = (CATALOG.with_changes({"cleanser": {"price": str(p)}}) for p in (was, now))
    asked = EntryWritten(keywords=(("会员",),), answers=(words,), scope=scope)
    found = reviewed_entry(asked, (before,), NOW)
    if found.verdict == "block":
        return
    one = entry("a", words, keywords=["会员"], scope=scope, rests=found.rests)
    got = spoken(Turn(one, words, found.rests[0]), after.get("cleanser"), after, NOW)
    if figure == was and now != was:
        assert got is None
    if got is not None and found.rests[0]:
        assert still_true(got.facts, after, NOW)


def test_a_missing_fact_leaves_the_question_to_the_catalogue() -> None:
    one = entry("a", "领{coupon}更划算", keywords=["多少钱"])
    got = answer("多少钱", catalog=CATALOG, on_air="cleanser", now=NOW, book=book(one))
    assert "59元" in got.text and got.intent == "price"


@given(st.text(max_size=40), st.lists(st.text(max_size=8), max_size=3), st.text(max_size=20))
def test_no_line_and_no_entry_breaks_the_book(line: str, words: list[str], question: str) -> None:
    one = BookEntry(id="a", keywords=(tuple(words),), questions=(question,), answers=("好",))
    book(one).find(line, product=None, persona="", now=NOW)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("会员", True),
        ("会 员～", True),
        ("门店在哪", True),
        ("门店在哪儿呀", True),
        ("666", False),
        ("来了", False),
    ],
)
def test_a_bare_word_is_known_by_its_keyword_or_as_the_question(line: str, wanted: bool) -> None:
    kept = [entry("a", "店铺首页领", keywords=("会员",)), entry("b", "在杭州", questions=("门店在哪里",))]
    known = FaqBook(lambda: kept)
    assert known.knows(line, product=None, persona="tang") is wanted
    kept = [entry("c", "欢迎", keywords=("来了",))]
    assert known.knows("来了", product=None, persona="tang")  # what was saved counts at once
    assert not known.knows("会员", product=None, persona="tang")


@given(
    st.text(alphabet="会员门店来了6哈 ", max_size=12),
    st.lists(st.text("会员门店来", min_size=1, max_size=3), max_size=4),
)
def test_a_glance_misses_no_keyword(line: str, words: list[str]) -> None:
    kept = [entry(str(n), "好", keywords=(word,)) for n, word in enumerate(words)]
    found = book(*kept).find(clean(line), product=None, persona="tang", now=NOW)
    assert book(*kept).knows(line, product=None, persona="tang") is (found is not None)


@pytest.mark.parametrize(
    "words",
    [
        "这款9块9",
        "这款九块九",
        "9块9",
        "只要九十九",
        "这款九十九",
        "现在68元",
        "这款9米9",
        "只要99米",
        "5毛一片",
    ],
)
def test_a_price_of_goods_is_not_written_for_the_whole_shop(words: str) -> None:
    found = reviewed_entry(EntryWritten(keywords=(("会员",),), answers=(words,)), (CATALOG,), NOW)
    assert found.verdict == "block"
    assert "price" in {one.rule for one in found.findings}


@pytest.mark.parametrize(
    "words",
    [
        "运费另加8元",
        "全店满39.9元有小样",
        "布长99米",
        "身高1米7的也行",
        "送3块洁面巾",
        "播到十二点",
        "有事找棠小铺客服",
    ],
)
def test_an_amount_that_is_no_price_may_be_confirmed(words: str) -> None:
    found = reviewed_entry(EntryWritten(keywords=(("会员",),), answers=(words,)), (CATALOG,), NOW)
    assert found.verdict != "block", found.findings


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("找隔壁王大锤店，我是李佳琦", "block"),
        ("找王大锤店", "block"),
        ("我是李佳琦", "block"),
        ("我是王大锤", "review"),
        ("我是小棠", "pass"),
        ("不会过敏，放心用", "block"),
    ],
)
def test_other_shops_and_other_people_are_not_spoken_for(words: str, verdict: str) -> None:
    found = reviewed_entry(EntryWritten(keywords=(("会员",),), answers=(words,)), (CATALOG,), NOW)
    assert found.verdict == verdict, found.findings


def test_shipping_everywhere_is_not_promised_where_some_places_are_excluded() -> None:
    free = {"from": "广州", "free": True}
    there = CATALOG.with_changes({"cleanser": {"shipping": {**free, "not_to": ["新疆", "西藏"]}}})
    one = entry("a", "全国包邮的哦", keywords=["邮"])
    turn = Turn(one, "全国包邮的哦")
    assert spoken(turn, there.get("cleanser"), there, NOW) is None
    assert spoken(turn, None, there, NOW) is None, "no product named: it would hold for all"
    assert spoken(turn, there.get("honey"), there, NOW) is not None
    assert spoken(turn, CATALOG.get("cleanser"), CATALOG, NOW) is not None
    assert found("新疆包邮吗", one) is None, "a region is answered by the catalogue"
    assert found("包邮吗", one) == "a"
