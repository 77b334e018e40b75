"""A line is judged by the products that it names, and by the one on air where it names none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest

from livehost.catalog import Catalog
from livehost.clearance import Clearance, judged
from livehost.compliance import Hit
from livehost.compliance.phrases import Group, packaged
from livehost.lines import Draft, Line
from services.wire import PhraseKind, ProductCard
from tests.scripted import a_cast

NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")


def goods(id: str, link: int, name: str, category: str, price: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "link": link, "name": name, "category": category, "price": price, "stock": 9, **more}


PAN = goods(
    "pan",
    1,
    "铁匠麦饭石炒锅",
    "home",
    "129.00",
    shipping={"free": True},
    gifts=[{"name": "木铲", "count": 1}],
)
TEA = goods(
    "tea",
    2,
    "高山绿茶",
    "food",
    "59.00",
    aliases=["茶叶"],
    never_say=["减肥", "降脂"],
    shipping={"free": False},
)
HONEY = goods("honey", 3, "洋槐蜂蜜", "food", "45.00", never_say=["润肺"])
CREAM = goods("cream", 4, "保湿面霜", "cosmetics", "89.00", never_say=["红血丝"])
PILLS = goods(
    "pills", 5, "褪黑素片", "health_food", "99.00", registration="国食健注G20230001",
    claims=[{"text": "有助于改善睡眠", "evidence": "国食健注G20230001"}],
)  # fmt: skip
ALL = Catalog.parse({"products": [PAN, TEA, HONEY, CREAM, PILLS], "shop": {"name": "小铺"}})
KITCHEN = Catalog.parse({"products": [PAN], "shop": {"name": "小铺"}})


def verdict(text: str, on_air: str | None, *, source: str = "duty", catalog: Catalog = ALL) -> str:
    """`on_air`: for a script, the product of the line itself."""
    return judged(Draft(texts=(text,), source=source, product=on_air), catalog, NOW, strict=False).verdict


@pytest.mark.parametrize("on_air", ["pan", None])
@pytest.mark.parametrize(
    "text",
    [
        "这个茶喝了能减肥",
        "蜂蜜每天一勺润肺通便",
        "蜂蜜润肺",
        "这款茶降脂",
        "茶叶包邮哦",
        "说说我们的蜂蜜，每天一勺，润肺",
        "想降脂的，就喝这款茶",
        "面霜能祛红血丝",
        "茶叶今天只要129元",
        "说到茶叶，今天只要129元",
        "炒锅129元，茶叶也129元",
        "炒锅和茶叶都包邮",
        "2号链接降脂",
        "全场包邮",
        "今天的商品都包邮",
        "买炒锅送茶叶",
        "炒锅下单送茶叶",
        "二号链接今天129元",
    ],
)
def test_what_a_named_product_may_not_be_said_of_is_blocked_whatever_is_on_air(
    text: str, on_air: str | None
) -> None:
    assert verdict(text, on_air) == "block"


@pytest.mark.parametrize("on_air", ["pan", "tea", None])
@pytest.mark.parametrize(
    "text",
    [
        "茶叶59元",
        "2号链接，59元",
        "炒锅129元，茶叶59元",
        "炒锅包邮",
        "茶叶不包邮",
        "大家好，喜欢什么打在公屏上",
    ],
)
def test_what_is_true_of_the_named_product_may_be_said_whatever_is_on_air(
    text: str, on_air: str | None
) -> None:
    assert verdict(text, on_air) == "pass"


@pytest.mark.parametrize(
    "text",
    [
        "喝茶的朋友看过来，这口锅129元",
        "拍下送木铲",
        "买炒锅送木铲",
        "这款炒锅，买来送妈妈",
        "泡茶的朋友，129元带走",
        "配着茶叶喝，129元",
    ],
)
def test_goods_that_stand_beside_the_lines_product_are_not_what_it_is_about(text: str) -> None:
    assert verdict(text, "pan", source="template") == "pass"


def test_an_approved_function_may_be_said_of_its_health_food_where_no_product_is_shown() -> None:
    assert verdict("褪黑素片有助于改善睡眠", None) == "pass"
    assert verdict("绿茶有助于改善睡眠", None) == "block"


def test_many_products_of_one_name_are_judged_by_the_rules_that_the_line_meets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = import_module("livehost.compliance.review")
    teas = [
        TEA | {"id": f"tea{at}", "link": at, "name": f"{at}号绿茶", "never_say": []} for at in range(1, 61)
    ]
    teas[-1]["never_say"] = ["提神"]
    shelf = Catalog.parse({"products": teas, "shop": {"name": "小铺"}})
    held: list[str] = []
    hits: Callable[..., Iterator[Hit]] = rules._hits

    def counted(group: Group, *rest: Any) -> Iterator[Hit]:
        held.append(group.name)
        return hits(group, *rest)

    monkeypatch.setattr(rules, "_hits", counted)
    assert verdict("茶叶都放在前面了", None, source="template", catalog=shelf) == "pass"
    assert len(held) < 10 * len(packaged().groups)
    assert verdict("茶叶都很提神", None, source="template", catalog=shelf) == "block"
    assert verdict("茶叶都能治病", None, source="template", catalog=shelf) == "block"


@pytest.mark.parametrize("text", ["每天一勺，润肺通便", "喝了能降脂"])
def test_a_claim_that_cannot_be_told_of_any_product_goes_to_a_person(text: str) -> None:
    assert verdict(text, None, catalog=ALL) != "pass"
    assert verdict(text, "pan", catalog=ALL) != "pass"


def test_a_room_that_sells_no_such_goods_asks_nobody() -> None:
    assert verdict("润润的手感", None, catalog=KITCHEN) == "pass"
    assert verdict("蜂蜜润肺", "pan", catalog=KITCHEN) == verdict("蜂蜜润肺", None, catalog=KITCHEN)


@pytest.mark.parametrize("kind", [PhraseKind.SCRIPT, PhraseKind.INSERT, PhraseKind.BRIDGE])
def test_the_gate_holds_it_for_every_writer(kind: PhraseKind) -> None:
    gate = Clearance(catalog=lambda: ALL, clock=lambda: NOW)
    for text in ("这款茶降脂", "茶叶包邮哦", "炒锅今天只要99元"):
        line = Line(kind=kind, cast=a_cast(), draft=Draft(texts=(text,)))
        assert gate.refused(line) is not None


def test_a_script_line_without_a_product_is_said_of_the_one_on_its_card() -> None:
    gate = Clearance(catalog=lambda: ALL, clock=lambda: NOW)

    def line(text: str, card: str) -> Line:
        return Line(
            kind=PhraseKind.SCRIPT,
            cast=a_cast(),
            draft=Draft(texts=(text,)),
            card=ProductCard(product=card, name=card),
        )

    assert gate.refused(line("喝了能减肥", "tea")) is not None
    assert gate.refused(line("今天59元", "tea")) is None
    assert gate.refused(line("今天59元", "pan")) is not None


def test_an_answer_keeps_the_rules_of_the_other_goods_that_it_names() -> None:
    draft = Draft(texts=("配这款茶叶，降脂。",), product="pan")
    assert judged(draft, ALL, NOW, strict=True).verdict == "block"


def test_spans_are_places_in_all_the_words() -> None:
    texts = ("炒锅129元。", "茶叶降脂，", "还包邮。")
    found = judged(Draft(texts=texts, source="duty", product="pan"), ALL, NOW, strict=False)
    words = {"".join(texts)[slice(*hit.span)] for hit in found.hits if hit.verdict == "block"}
    assert {"降脂", "包邮"} <= words
