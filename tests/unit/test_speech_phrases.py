"""Phrases: clauses of one breath, never inside a number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.speech.phrases import LONGEST_S, estimate_s, split_phrases

SCRIPT = (
    "家人们晚上好，欢迎来到棠小铺！今天给大家带来的是氨基酸洁面乳，到手价￥1,299.50，满299减30。"
    "活动到2026年12月31日20:30截止，客服电话400-820-8820，有问题随时问我？喜欢的扣1。"
)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("", ()),
        ("。！😊", ()),
        ("大家好", ("大家好",)),
        (
            "好的，家人们。我们看下一款产品，它叫水感防晒乳！",
            ("好的，家人们。", "我们看下一款产品，", "它叫水感防晒乳！"),
        ),
        ("价格12,999.50元，便宜", ("价格12,999.50元，便宜",)),
    ],
)
def test_examples(text: str, phrases: tuple[str, ...]) -> None:
    assert split_phrases(text) == phrases


def test_nothing_is_lost_and_no_number_is_split() -> None:
    phrases = split_phrases(SCRIPT)
    assert "".join(phrases) == SCRIPT
    for whole in ("1,299.50", "2026年12月31日", "20:30", "400-820-8820"):
        assert any(whole in phrase for phrase in phrases)
    assert all(estimate_s(phrase) <= LONGEST_S for phrase in phrases)


def test_a_clause_without_punctuation_is_split_between_words() -> None:
    text = (
        "这款氨基酸洁面乳到手一千二百九十九元再送起泡网一个并且全国大部分地区包邮四十八小时内从广州发货"
        "新疆西藏除外哦家人们"
    )
    phrases = split_phrases(text)
    assert "".join(phrases) == text and len(phrases) >= 3
    assert any("一千二百九十九元" in phrase for phrase in phrases)
    assert all(1 <= estimate_s(phrase) <= LONGEST_S for phrase in phrases)


def test_english_keeps_its_words() -> None:
    text = (
        "Hello everyone, welcome to our little shop tonight. This serum is 59.90 yuan, and shipping is free!"
    )
    phrases = split_phrases(text, "en")
    assert " ".join(phrases) == text
    assert any("59.90" in phrase for phrase in phrases)


@given(st.text(alphabet="家人们好这款水，。！？、 0123456789.,:￥ab%-", max_size=120))
def test_any_text(text: str) -> None:
    phrases = split_phrases(text)
    joined, whole = (re.sub(r"\W", "", part) for part in ("".join(phrases), text))
    assert joined == whole
    assert all(re.search(r"\w", phrase) for phrase in phrases)
