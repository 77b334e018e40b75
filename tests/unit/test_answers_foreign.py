"""Hosts who speak English or Japanese: a variant's own price, and nothing where one price is no answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from livehost.answers import answer
from livehost.catalog import Catalog

NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")


def shop(**changes: Any) -> Catalog:
    row: dict[str, Any] = {
        "id": "oil-1",
        "link": 4,
        "name": "橄榄油",
        "category": "food",
        "price": "49.90",
        "coupon": {"amount": "5.00", "threshold": "40.00"},
        "stock": 9,
        "specs": [{"name": "250ml", "price": "49.90"}, {"name": "750ml", "price": "119.00"}],
        "returns": {"insurance": True},
    }
    return Catalog.parse({"products": [row | changes], "shop": {"name": "测试店"}})


def ask(text: str, language: Any, **changes: Any) -> tuple[str, str]:
    got = answer(text, catalog=shop(**changes), on_air="oil-1", now=NOW, language=language)
    return got.act, got.text


@pytest.mark.parametrize(
    ("language", "line", "said"),
    [
        ("en", "how much is it", "It is 49.9 yuan here."),
        ("en", "how much is link 4", "It is 49.9 yuan here. You will find it under link 4."),
        ("en", "how much is the 750ml", "750ml is 119 yuan here."),
        ("en", "price of 1 bottle", "It is 49.9 yuan here."),
        ("ja", "750mlはいくらですか", "750mlは119元です。"),
        ("ja", "いくらですか", "こちらは49.9元です。"),
        ("en", "any coupon for the 750ml", "With the coupon you pay 114 yuan for 750ml."),
        ("ja", "750mlのクーポン", "クーポンを使うと750mlは114元です。"),
    ],
)
def test_one_price_is_said_with_its_variant(language: Any, line: str, said: str) -> None:
    assert ask(line, language) == ("answer", said)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "how much for 3 bottles"),
        ("en", "price for two"),
        ("en", "how much is the 500ml"),
        ("en", "how much is the large one"),
        ("ja", "三つでいくらですか"),
        ("ja", "大きいのはいくらですか"),
    ],
)
def test_the_base_price_is_not_said_for_a_count_or_another_variant(language: Any, line: str) -> None:
    act, text = ask(line, language)
    assert act == "handover" and "49.9" not in text


def test_sizes_of_one_price_are_answered_with_it() -> None:
    assert ask("how much is the large one", "en", specs=[{"name": "S"}, {"name": "L"}])[0] == "answer"


def test_returns_insured_in_japanese() -> None:
    assert "返品送料保険" in ask("运费险", "ja")[1]


@pytest.mark.parametrize("line", ["あなたは人間ですか", "人間なの"])
def test_she_says_what_she_is_to_who_asks_in_japanese(line: str) -> None:
    assert answer(line, catalog=shop(), on_air="oil-1", now=NOW, language="ja").act == "disclose"


def test_words_of_the_gate_are_found_in_whichever_characters_they_are_written() -> None:
    assert (
        answer("line交換しよう", catalog=shop(), on_air="oil-1", now=NOW, language="ja").intent == "diversion"
    )
    assert answer("人间烟火香水多少钱", catalog=shop(), on_air="oil-1", now=NOW).act != "disclose"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "It is 49.9 yuan here. You will find it under link 4."),
        ("ja", "こちらは49.9元です。4番のリンクからご購入いただけます。"),
    ],
)
def test_a_line_that_only_names_goods_is_answered_in_the_host_s_language(language: Any, said: str) -> None:
    assert ask("橄榄油呢", language) == ("answer", said)


@pytest.mark.parametrize("line", ["能凉拌吗", "果香浓不浓", "味儿冲不冲"])
def test_the_catalogue_s_chinese_words_are_not_said_in_another_language(line: str) -> None:
    words = {
        "usage": "凉拌或炒菜",
        "highlights": ["果香浓"],
        "faq": [{"q": ["有异味吗"], "a": "没有异味"}],
    }
    assert ask(line, "zh", **words)[0] == "answer"
    assert ask(line, "en", **words)[0] == ask(line, "ja", **words)[0] == "handover"
