"""The rules that are not obvious, with goods that the fixtures do not hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.answers import Fact, answer, still_true
from livehost.answers.clean import clean
from livehost.answers.intents import _table
from livehost.answers.numbers import unfounded
from livehost.catalog import Catalog
from livehost.settings import Style

NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
FIXTURES = Catalog.load(Path(__file__).parents[1] / "data" / "catalog.yaml")


def shop(**changes: Any) -> Catalog:
    row: dict[str, Any] = {
        "id": "cup-1",
        "link": 4,
        "name": "不锈钢保温杯",
        "aliases": ["保温杯", "杯子"],
        "category": "home",
        "price": "129.90",
        "stock": 9,
        "specs": [{"name": "350ml", "price": "129.90"}, {"name": "500ml", "price": "149.90"}],
    }
    return Catalog.parse({"products": [row | changes], "shop": {"name": "测试店", "contact": "在线客服"}})


def ask(text: str, catalog: Catalog, on_air: str | None = "cup-1", **more: Any) -> tuple[str, str]:
    got = answer(text, catalog=catalog, on_air=on_air, now=NOW, **more)
    return got.act, got.text


@pytest.mark.parametrize(
    ("field", "value", "question", "act", "holds"),
    [
        ("coupon", None, "有券吗", "handover", ""),
        ("coupon", False, "有券吗", "answer", "没有可用"),
        ("gifts", [], "送什么", "answer", "没有赠品"),
        ("gifts", None, "送什么", "handover", ""),
        ("invoice", False, "能开发票吗", "answer", "不开"),
        ("invoice", None, "能开发票吗", "handover", ""),
        ("returns", {"insurance": False}, "有运费险吗", "answer", "没有运费险"),
        ("returns", {"insurance": True}, "有运费线没", "answer", "有运费险"),
        ("returns", {}, "有运费险吗", "handover", ""),
        ("shipping", {"not_to": []}, "新疆发吗", "answer", "新疆可以发"),
        ("shipping", {"not_to": ["西藏"]}, "拉萨能寄吗", "answer", "暂时不发"),
        ("shipping", {}, "新疆发吗", "handover", ""),
        ("stock", 0, "还有货吗", "answer", "缺货"),
        ("not_for", ["孕妇"], "怀孕能用吗", "answer", "不适合"),
        ("suitable_for", ["上班族"], "孕妇能用吗", "handover", ""),
    ],
)
def test_unknown_is_handed_over_and_none_is_said(
    field: str, value: Any, question: str, act: str, holds: str
) -> None:
    got = ask(question, shop(**{field: value}))
    assert got[0] == act
    assert holds in got[1]


def coupon(threshold: str, until: str = "2026-12-31T23:59:59+08:00") -> dict[str, str]:
    return {"amount": "20.00", "threshold": threshold, "until": until}


def test_coupon_applies_to_what_is_asked_about() -> None:
    catalog = shop(coupon=coupon("140.00"))
    assert "109.9" not in ask("到手多少", catalog)[1]
    assert "129.9" in ask("大杯到手多少", shop(coupon=coupon("140.00")))[1]
    assert "129.9元" in ask("500ml券后多少钱", catalog)[1]
    assert "没有可用" in ask("到手价", shop(coupon=coupon("100.00", "2026-11-01T00:00:00+08:00")))[1]


def test_no_such_link_offers_the_one_on_air() -> None:
    act, text = ask("77号链接多少钱", shop())
    assert act == "answer"
    assert "没有77号" in text and "4号链接" in text


def test_expired_product_is_not_spoken_of() -> None:
    assert ask("多少钱", shop(valid={"until": "2026-11-01T00:00:00+08:00"}))[0] == "handover"


def test_platform_price_and_link() -> None:
    catalog = shop(platforms={"kuaishou": {"link": 8, "price": "119.00"}}, specs=None)
    assert "119元" in ask("多少钱", catalog, platform="kuaishou")[1]
    assert "129.9元" in ask("多少钱", catalog)[1]


def test_previous_product_of_a_viewer() -> None:
    got = answer("刚才那个多少钱", catalog=FIXTURES, on_air="tea-08", now=NOW, previous_product="serum-02")
    assert got.product == "serum-02"


def test_nothing_on_air() -> None:
    assert ask("是正品吗", FIXTURES, None)[0] == "answer"
    assert ask("多少钱", FIXTURES, None)[0] == "handover"


def test_still_true_until_a_fact_changes() -> None:
    got = answer("多少钱", catalog=FIXTURES, on_air="cleanser-01", now=NOW)
    assert got.facts and still_true(got.facts, FIXTURES, NOW)
    assert not still_true(got.facts, FIXTURES.with_changes({"cleanser-01": {"price": "66.00"}}), NOW)
    paid = answer("到手多少", catalog=FIXTURES, on_air="cleanser-01", now=NOW)
    assert not still_true(paid.facts, FIXTURES, NOW + timedelta(days=400))


def test_style_is_heard_and_seed_decides() -> None:
    style = Style(self_name="小棠", address=("宝子们",), openers=(), closers=("按需要拍",))
    texts = {
        answer("多少钱", catalog=FIXTURES, on_air="tea-08", now=NOW, style=style, seed=n).text
        for n in range(6)
    }
    assert any("宝子们" in t for t in texts) and len(texts) > 1


@pytest.mark.parametrize(
    ("language", "question", "word"),
    [
        ("en", "How much is it?", "68 yuan"),
        ("en", "are you a robot", "AI"),
        ("ja", "いくらですか", "68元"),
        ("en", "is it in stock", "in stock"),
        ("ja", "ロボットですか", "AI"),
    ],
)
def test_other_languages(language: Any, question: str, word: str) -> None:
    got = answer(question, catalog=FIXTURES, on_air="cleanser-01", now=NOW, language=language)
    assert word in got.text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("多少米啊", "多少钱"),
        ("youhuo吗", "有货"),
        ("肿么用", "怎么用"),
        ("包u吗", "包邮"),
        ("求练接", "链接"),
        ("敏皮能用8", "敏感肌能用不"),
        ("還有貨嗎", "还有货吗"),
        ("１号", "1号"),
        ("@小美 在吗🙏", "在吗"),
        ("运费线", "运费险"),
        ("duoshaoqian", "多少钱"),
    ],
)
def test_cleaning(typed: str, meant: str) -> None:
    assert meant in clean(typed)


def test_numbers_must_come_from_facts() -> None:
    facts = (Fact("a", "price", "68"), Fact("a", "lasts", "120g一支约用两个月"))
    assert unfounded("直播间价68元，能用两个月", facts) == set()
    assert unfounded("直播间价58元", facts) == {"58"}
    assert unfounded("一共五十八元", facts) == {"58"}


_WORDS = """
多少钱 到手 券 三盒 两瓶 120片 200g 大支 原价 送什么 1元 99号链接 6号 几天到 48小时 保质期 孕妇 8岁 怎么用 还有货吗 包邮吗
便宜点 太贵了 哪个划算 有没有酒精 能治痘吗 是真人吗 666 顺丰 新疆 发票 备案号 真的有用吗 面膜 精华 红枣茶 ， ？
"""
_PIECES = st.lists(st.sampled_from(_WORDS.split()), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(pieces=_PIECES, on_air=st.sampled_from([p.id for p in FIXTURES.products]), seed=st.integers(0, 20))
def test_every_number_said_comes_from_the_catalogue(pieces: list[str], on_air: str, seed: int) -> None:
    got = answer("".join(pieces), catalog=FIXTURES, on_air=on_air, now=NOW, seed=seed)
    assert unfounded(got.text, got.facts) == set()
    assert (got.text == "") == (got.act == "ignore")
    assert still_true([f for f in got.facts if f.field != "asked.link"], FIXTURES, NOW)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    got = answer(text, catalog=FIXTURES, on_air="tea-08", now=NOW)
    assert got.act in ("answer", "handover", "disclose", "decline", "ignore")


def test_the_table_of_intents_is_sound() -> None:
    hides = {name: set(hidden) for name, _, hidden in _table()}
    assert not {h for hidden in hides.values() for h in hidden} - set(hides)
    assert not [(a, b) for a in hides for b in hides[a] if a in hides[b]]
