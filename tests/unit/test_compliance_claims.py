"""Every claim stands in the facts: what is true passes, what is false or unknown does not, whoever says it."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost import answers
from livehost.answers.facts import fact
from livehost.answers.words import DECLINE, DISCLOSE, HANDOVER, STAY
from livehost.catalog import Catalog, Product
from livehost.compliance import Review, review
from livehost.compliance.claim_check import check_said
from livehost.training.goods import Goods

DATA = Path(__file__).parents[1] / "data"
CATALOG = Catalog.load(DATA / "catalog.yaml")
NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
CLEANSER = CATALOG.product("cleanser-01")
FIXED = tuple(
    text for table in (HANDOVER, DECLINE, STAY, DISCLOSE) for texts in table.values() for text in texts
)
QUESTIONS = [json.loads(line) for line in (DATA / "questions.jsonl").read_text("utf-8").splitlines()]


def by_operator(text: str, product: Product | None = CLEANSER, catalog: Catalog = CATALOG) -> Review:
    return check_said(text, facts=None, product=product, catalog=catalog, now=NOW)


def as_answer(text: str, *fields: str) -> Review:
    known = tuple(f for name in fields if (f := fact(CATALOG, CLEANSER, name, NOW)))
    return check_said(text, facts=known, product=CLEANSER, catalog=CATALOG, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "现在68元，1号链接",
        "六十八块钱",
        "到手五十八",
        "满68元减10元，券后58元",
        "送您一个起泡网",
        "油皮和混合皮都可以用",
        "不含酒精也不含香精",
        "早晚各一次，取黄豆大小",
        "从广州发货，两天内发出，2到4天到",
        "新疆和西藏不发，上海可以发",
        "保质期三年",
        "近7日最低成交价是89元，现在68元",
        "120g的68元，200g的98元",
        "有货的，库存328件，有运费险，支持七天无理由",
        "扣1告诉我，先看第一款，今天讲三样东西，您慢慢看两眼",
        "不是39，现在是68元",
        "孕期使用前请先咨询医生",
        "一支大约能用两个月",
        "对椰油类成分过敏者不适合",
        "还剩三百多支，不着急",
        "讲两分钟洁面，再讲面膜",
        "小红车1号，别拍错成2号",
        "早晚各一次，一天两次",
        "拆封影响二次销售的不支持退货",
    ],
)
def test_what_is_true_may_be_said(text: str) -> None:
    found = by_operator(text)
    assert found.verdict == "pass", found.hits


@pytest.mark.parametrize(
    "text",
    [
        "到手只要三十九", "这支现在39元", "打八折给你", "券后68元", "原价199元", "满100减50", "第二件半价", "买一送一",
        "送一支护手霜", "赠品是化妆包", "送你面膜五片",
        "今天下单明天就到", "3天到货", "保质期五年", "用七天皮肤就细", "一支能用半年", "2027年生产的",
        "我们这是日本进口的", "产自韩国", "从上海发货", "新疆也包邮", "顺丰发货",
        "孩子也能用", "敏感肌放心用", "孕妇也可以用", "老人可以用", "油皮不适合用",
        "含有烟酰胺", "含酒精的", "不含甘油", "浓度5%",
        "比大牌还好用", "是某大牌的平替", "已经卖了十万支", "库存还有500件", "现在缺货", "5号链接",
        "明天就到你家", "不支持退货", "专票也能开", "支持专柜验货", "含玻色因", "一天洗三次", "还剩五百多支", "下单送化妆包",
        "开封一年内用完", "终身免费换新",
        "支持货到付款", "坏了包赔", "终身质保", "这款不包邮", "没有运费险", "不支持7天无理由",
    ],
)  # fmt: skip
def test_what_is_false_or_unknown_may_not(text: str) -> None:
    assert by_operator(text).verdict == "block"
    assert as_answer(text, "name", "price", "link").verdict == "block"


@pytest.mark.parametrize("text", ["有专利的", "做过临床测试", "一点都不刺激", "质地很滋润"])
def test_an_operators_praise_is_for_a_person_and_no_answer(text: str) -> None:
    assert by_operator(text).verdict == "review"
    assert as_answer(text, "name", "price").verdict == "block"


def test_a_gift_is_known_by_a_part_of_its_name() -> None:
    serum = CATALOG.product("serum-02")
    assert by_operator("送两个5ml的小样", serum).verdict == "pass"
    assert by_operator("送两个护手霜小样", serum).verdict == "block"
    assert by_operator("送三个小样", serum).verdict == "block"


def test_a_list_of_gifts_is_known_as_the_facts_have_it() -> None:
    goods = Catalog.parse(
        {
            "products": [
                {
                    "id": "a", "link": 1, "name": "空气炸锅", "category": "home", "price": "239", "stock": 3,
                    "gifts": [{"name": "硅油纸", "count": 50}, {"name": "食谱", "count": 1}],
                }
            ]
        }
    )  # fmt: skip
    facts = (answers.Fact("a", "gifts", "硅油纸50份、食谱"), answers.Fact("a", "price", "239"))
    for text, verdict in (
        ("现在239元，还送硅油纸50份、食谱", "pass"),
        ("现在239元，还送防尘罩", "block"),
        ("现在239元，送硅油纸50份、防尘罩", "block"),
        ("现在239元，送防尘罩、硅油纸50份", "block"),
        ("现在239元，送硅油纸和一个防尘罩", "block"),
        ("现在239元，送食谱、硅油纸、防尘罩", "block"),
        ("现在239元，送食谱、硅油纸各一份", "pass"),
        ("现在239元，送食谱和50张硅油纸", "pass"),
    ):
        said = check_said(text, facts=facts, product=goods.product("a"), catalog=goods, now=NOW)
        assert said.verdict == verdict, text


def test_an_answer_may_say_only_its_own_facts() -> None:
    assert as_answer("现在68元，送起泡网", "price").verdict == "block"
    assert as_answer("现在68元，送起泡网", "price", "gifts").verdict == "pass"
    assert as_answer("这款包邮", "price").verdict == "block"
    assert as_answer("运费险我请店铺客服确认后回复您", "price").verdict == "pass"


def test_a_hit_names_its_rule_and_its_place() -> None:
    text = "先看链接，现在39元"
    hit = next(h for h in by_operator(text).hits if h.category == "number")
    assert text[slice(*hit.span)] == "39元" and hit.why


def test_approved_texts_bear_out_their_own_figures() -> None:
    text = "每晚八点讲三款"
    assert check_said(text, facts=(), product=None, catalog=CATALOG, now=NOW).verdict == "block"
    found = check_said(text, facts=(), product=None, catalog=CATALOG, now=NOW, approved=(text,))
    assert found.verdict == "pass"


@pytest.mark.parametrize(
    ("text", "stock", "left", "verdict"),
    [
        ("最后三件", 3, None, "pass"),
        ("最后三件", 4, None, "block"),
        ("快没了", 5, None, "pass"),
        ("快没了", 300, None, "block"),
        ("今天最后一天", 300, timedelta(hours=5), "pass"),
        ("今天最后一天", 300, timedelta(days=2), "block"),
        ("马上恢复原价", 300, timedelta(minutes=30), "pass"),
        ("马上恢复原价", 300, timedelta(hours=9), "block"),
        ("一会就恢复原价", 300, timedelta(minutes=30), "pass"),
        ("一会就恢复原价", 300, timedelta(hours=9), "block"),
        ("最后一批", 5, None, "pass"),
        ("最后两小时", 300, timedelta(minutes=110), "pass"),
        ("最后两小时", 300, timedelta(minutes=30), "block"),
        ("万人疯抢", 1, timedelta(minutes=5), "block"),
    ],
)
def test_urgency_only_where_stock_or_clock_bears_it_out(
    text: str, stock: int, left: timedelta | None, verdict: str
) -> None:
    coupon = {"amount": "10.00", "threshold": "68.00", "until": (NOW + left).isoformat()} if left else False
    changed = CATALOG.with_changes({"cleanser-01": {"stock": stock, "coupon": coupon}}).product("cleanser-01")
    assert review(text, product=changed, now=NOW).verdict == verdict
    assert review(text, category="cosmetics").verdict == "block"


def test_all_that_the_answers_say_passes() -> None:
    for row in QUESTIONS:
        _answer_passes(row["text"], row["on_air"], CATALOG)


@cache
def _random_catalog(seed: int) -> Catalog:
    return Goods(seed).catalog()


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 400), row=st.sampled_from(QUESTIONS), pick=st.randoms(use_true_random=False))
def test_all_that_the_answers_say_of_any_catalogue_passes(
    seed: int, row: dict[str, str], pick: random.Random
) -> None:
    catalog = _random_catalog(seed)
    _answer_passes(row["text"], pick.choice(catalog.products).id, catalog)


def _answer_passes(question: str, on_air: str | None, catalog: Catalog) -> None:
    said = answers.answer(question, catalog=catalog, on_air=on_air, now=NOW)
    found = check_said(
        said.text,
        facts=said.facts,
        product=catalog.get(said.product),
        catalog=catalog,
        now=NOW,
        approved=FIXED,
    )
    assert found.verdict != "block", (question, said.text, found.hits)


@settings(max_examples=150, deadline=None)
@given(
    row=st.sampled_from([r for r in QUESTIONS if r["act"] == "answer"]),
    number=st.integers(1001, 98_765),
    shape=st.sampled_from(
        ("现在只要{}元", "还能再减{}块", "已经卖了{}件", "用{}天就好", "送{}份", "{}号链接")
    ),
)
def test_no_number_is_added_to_an_answer(row: dict[str, str], number: int, shape: str) -> None:
    said = answers.answer(row["text"], catalog=CATALOG, on_air=row["on_air"], now=NOW)
    text = f"{said.text.rstrip('。')}，{shape.format(number)}。"
    found = check_said(
        text, facts=said.facts, product=CATALOG.get(said.product), catalog=CATALOG, now=NOW, approved=FIXED
    )
    assert found.verdict == "block"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("我们在云南发货", "review"),
        ("洗完要等36小时再用", "review"),
        ("一箱有17kg重", "review"),
        ("可以开发票", "review"),
        ("今天只要9块9", "block"),
        ("到手价9", "block"),
        ("现在打3折", "block"),
        ("再送一支口红", "block"),
        ("孕妇可以放心用", "block"),
        ("用36小时就能淡斑", "block"),
        ("可以治疗湿疹", "block"),
        ("这是全网第一", "block"),
        ("买一送一", "block"),
        ("比别家便宜", "block"),
    ],
)
def test_a_person_may_answer_for_plain_statements_only(text: str, verdict: str) -> None:
    """Never for money, offers, groups, effects or what a rule bans; without a person all is blocked."""
    vouched = check_said(text, facts=None, product=None, catalog=CATALOG, now=NOW, vouched=True)
    assert vouched.verdict == verdict, vouched.hits
    alone = check_said(text, facts=None, product=None, catalog=CATALOG, now=NOW)
    assert alone.verdict == "block"
