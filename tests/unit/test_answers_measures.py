"""Amounts, sorts, short names and ranges that a catalogue holds in its own words."""

from __future__ import annotations

from datetime import datetime

import pytest

from livehost.answers.reply import answer
from livehost.catalog import Catalog

NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
GOODS = Catalog.parse(
    {
        "products": [
            {
                "id": "rod", "link": 1, "name": "碳素溪流竿", "aliases": ["鱼竿"], "category": "other", "price": "168.00",
                "stock": 9, "specs": [{"name": "3.6米", "price": "168.00"}, {"name": "4.5米", "price": "208.00"}],
                "coupon": {"amount": "20.00", "threshold": "200.00", "until": "2026-12-20T23:59:59+08:00"},
                "highlights": ["自重68克", "握把防滑"], "shipping": {"not_to": ["新疆"], "from": "威海"},
            },
            {
                "id": "socks", "link": 2, "name": "中筒袜", "aliases": ["袜子"], "category": "apparel", "price": "39.90",
                "stock": 9, "specs": [{"name": "5双装", "price": "39.90"}], "ingredients": ["棉80%", "氨纶20%"],
                "highlights": ["男女同款", "35到43码通穿"], "usage": "反面洗，不要漂白", "never_say": ["防脚气"],
            },
            {
                "id": "coffee", "link": 3, "name": "云南咖啡豆", "aliases": ["豆子"], "category": "food", "price": "58.00",
                "stock": 9, "specs": [{"name": "227克", "price": "58.00"}, {"name": "454克", "price": "99.00"}],
                "lasts": "227克大约冲15杯", "usage": "15克粉配225毫升水", "free_of": ["植脂末"],
                "ingredients": ["咖啡豆"], "faq": [{"q": ["酸不酸"], "a": "酸度低"}],
            },
        ]
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("on_air", "line", "held"),
    [
        ("rod", "一根多少克", "68克"),
        ("rod", "自重多少", "68克"),
        ("rod", "4.5的几钿", "208元"),
        ("rod", "手滑不滑", "防滑"),
        ("rod", "乌市能发吗", "不发"),
        ("rod", "两根4.5米的券后多少", "396元"),
        ("socks", "竿子多少钱", "168元"),
        ("rod", "袜子含棉多少", "棉80%"),
        ("rod", "袜子45码能穿不", "35到43码"),
        ("rod", "袜子女的能穿吗", "男女同款"),
        ("rod", "袜子能用84漂吗", "不要漂白"),
        ("socks", "豆子能冲几杯", "15杯"),
        ("socks", "454的咖啡豆多少", "99元"),
        ("coffee", "放多少水", "225毫升"),
        ("coffee", "有没有酸味", "酸度低"),
    ],
)
def test_the_products_own_words_answer(on_air: str, line: str, held: str) -> None:
    got = answer(line, catalog=GOODS, on_air=on_air, now=NOW)
    assert got.act == "answer" and held in got.text


@pytest.mark.parametrize("line", ["粉水比多少", "空腹能喝吗", "有毒吗", "热量多少", "一包多少大卡"])
def test_an_amount_that_is_nowhere_is_handed_over(line: str) -> None:
    assert answer(line, catalog=GOODS, on_air="coffee", now=NOW).act == "handover"


def test_an_effect_on_an_illness_is_handed_over() -> None:
    got = answer("袜子能防脚气吗", catalog=GOODS, on_air="rod", now=NOW)
    assert got.act == "handover" and "脚气" not in got.text


def test_a_size_in_the_wrong_colour_is_not_promised() -> None:
    specs = [{"name": "黑色M", "price": "9.00"}, {"name": "橙色L", "price": "9.00"}]
    row = {
        "id": "x",
        "link": 1,
        "name": "冲锋衣",
        "category": "apparel",
        "price": "9.00",
        "stock": 1,
        "specs": specs,
    }
    got = answer("有橙色m吗", catalog=Catalog.parse({"products": [row]}), on_air="x", now=NOW)
    assert "有的" not in got.text and "黑色M" in got.text
