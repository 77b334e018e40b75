"""What a number counts, packs that are sold as one, and places to which nothing is sent."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from livehost.answers import Answer, answer
from livehost.answers.variants import pieces
from livehost.catalog import Catalog

NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
CATALOG = Catalog.load(Path(__file__).parents[1] / "data" / "catalog.yaml")


def ask(line: str) -> Answer:
    return answer(line, catalog=CATALOG, on_air=None, now=NOW)


@pytest.mark.parametrize("line", ["洗面奶58对吗", "洗面奶78对吧", "洗面奶58对么"])
def test_a_number_to_be_confirmed_counts_nothing(line: str) -> None:
    said = ask(line).text
    assert "一共" not in said and "68元" in said


@pytest.mark.parametrize("line", ["茶30袋多少钱", "茶两袋多少钱", "茶一袋多少钱", "茶30袋到手多少钱"])
def test_part_of_a_pack_is_answered_with_the_pack(line: str) -> None:
    assert "按规格卖的，10g×15袋是39.9元" in ask(line).text


@pytest.mark.parametrize("line", ["面膜一片多少钱", "褪黑素30片多少钱"])
def test_part_of_several_packs_names_them_all(line: str) -> None:
    assert ask(line).text.count("元") == 2


def test_pairs_to_be_confirmed_are_not_counted() -> None:
    assert pieces("58双吗", CATALOG.products[0]) is None
    assert pieces("58双多少钱", CATALOG.products[0]) == (58, "双")


def test_pieces_of_a_named_variant() -> None:
    assert "2份一共258元" in ask("面膜3盒15片买两份多少钱").text
    assert "2盒一共99.8元" in ask("面膜两盒多少钱").text


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("西藏运费多少洗面奶", "西藏"),
        ("洗面奶新疆包不包邮", "新疆"),
        ("褪黑素新疆要运费吗", "新疆"),
        ("洗面奶乌鲁木齐包邮吗", "乌鲁木齐"),
        ("新疆几天到洗面奶", "新疆"),
    ],
)
def test_a_place_to_which_nothing_is_sent_gets_only_the_refusal(line: str, place: str) -> None:
    assert ask(line).text == f"{place}暂时不发，不好意思。"


@pytest.mark.parametrize("line", ["面膜新疆包邮吗", "防晒新疆运费多少", "洗面奶海外包邮吗"])
def test_an_unknown_place_is_handed_over(line: str) -> None:
    got = ask(line)
    assert got.act == "handover" and "包邮" not in got.text


def test_a_place_that_is_served_is_free() -> None:
    assert "包邮" in ask("洗面奶北京包邮吗").text
