"""The check of a model's words: other words for the same thing pass, any other thing does not."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from livehost.answers import answer
from livehost.answers.claims import Kind, Lexicon
from livehost.answers.faithful import Grounds, Reason, faults
from livehost.answers.types import Fact
from livehost.catalog import Catalog
from tests.conftest import ROOT

NOW = datetime.fromisoformat("2026-11-26T10:00:00+08:00")
DATA = ROOT / "tests" / "data"
PRICES = "氨基酸洁面乳直播间价68元，券是满68元减10元，券后到手58元。"
GROUPS = "适合油皮、混合皮、中性皮，不适合敏感肌、破损皮肤。"
SPECS = "氨基酸洁面乳有这几种规格：120g是68元，200g是98元。"
PREGNANT = "孕期使用前请先咨询医生。"


@cache
def catalog() -> Catalog:
    """The fixtures' catalogue."""
    return Catalog.load(DATA / "catalog.yaml")


@cache
def lexicon() -> Lexicon:
    """Its names."""
    return Lexicon(catalog())


@cache
def cores() -> tuple[Grounds, ...]:
    """What the deterministic path says to the fixtures' questions."""
    found: dict[str, Grounds] = {}
    for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        got = answer(row["text"], catalog=catalog(), on_air=row["on_air"], now=NOW)
        if got.act == "answer":
            found[got.text] = Grounds(got.text, got.facts, catalog().get(got.product), NOW)
    return tuple(found.values())


def reasons(words: str, core: str, *facts: Fact) -> set[Reason]:
    """Why words are refused for a core."""
    return {fault.reason for fault in faults(words, Grounds(core, facts, None, NOW), lexicon())}


@pytest.mark.parametrize(
    ("words", "core"),
    [
        ("看到啦，氨基酸洁面乳现在68元呀，券是满68元减10元，券后58元啦。", PRICES),
        ("跟您说，氨基酸洁面乳直播间68元，用上满68元减10元的券，到手就是58元呢。", PRICES),
        ("看官请听，氨基酸洁面乳作价六十八元，券是满68元减10元，券后只付58块便好。", PRICES),
        ("好问题呀，适合油皮、混合皮、中性皮的哦，不适合敏感肌、破损皮肤哦。", GROUPS),
        ("且看氨基酸洁面乳的规格，120g是68元，200g是98元，诸位请自便。", SPECS),
        ("您慢慢看，不着急，适合油皮、混合皮、中性皮，不适合敏感肌、破损皮肤。", GROUPS),
        ("这位看官问得巧，孕期使用前请先咨询医生。", PREGNANT),
        ("有货哦，拍1号链接就可以呀。", "现在有货，拍1号链接就可以。"),
        ("24小时内发货的。从广州发出。", "拍下后24小时内发货。从广州发货。"),
        ("一般两到四天能到，具体呢，看物流。", "发出后一般2到4天到，具体看物流。"),
    ],
)
def test_other_words_for_the_same_pass(words: str, core: str) -> None:
    """In three personas' ways; amounts may be written in characters."""
    assert faults(words, Grounds(core, (), None, NOW), lexicon()) == ()


@pytest.mark.parametrize(
    ("words", "core", "reason"),
    [
        ("氨基酸洁面乳直播间价86元，券是满68元减10元，券后到手58元。", PRICES, Reason.NUMBER),
        ("氨基酸洁面乳直播间价58元，券是满68元减10元，券后到手68元。", PRICES, Reason.NUMBER),
        ("氨基酸洁面乳直播间价68元，券是满68元减十块，券后到手五十九元。", PRICES, Reason.NUMBER),
        ("氨基酸洁面乳直播间价68元，券是满68元减10元。", PRICES, Reason.NUMBER),
        ("氨基酸洁面乳有这几种规格，120g是98元，200g是68元。", SPECS, Reason.NUMBER),
        ("补水面膜直播间价68元，券是满68元减10元，券后到手58元。", PRICES, Reason.NAME),
        ("适合油皮、混合皮、敏感肌，不适合中性皮、破损皮肤。", GROUPS, Reason.POLARITY),
        ("适合油皮、混合皮、中性皮，也适合敏感肌、破损皮肤。", GROUPS, Reason.POLARITY),
        ("适合油皮、混合皮、中性皮、敏感肌、破损皮肤。", GROUPS, Reason.POLARITY),
        ("适合油皮、混合皮，不适合敏感肌、破损皮肤。", GROUPS, Reason.NAME),
        ("可以的，孕期使用前请先咨询医生。", PREGNANT, Reason.CLAIM),
        ("没问题，孕期使用前请先咨询医生。", PREGNANT, Reason.CLAIM),
        ("孕期使用前最好问问医生。", PREGNANT, Reason.CLAIM),
        ("现在有货，拍1号链接就可以，效果很好。", "现在有货，拍1号链接就可以。", Reason.CLAIM),
        ("现在有货，拍1号链接就可以，含芦荟。", "现在有货，拍1号链接就可以。", Reason.CLAIM),
        ("现在有货，拍1号链接就可以，芦荟的。", "现在有货，拍1号链接就可以。", Reason.MANNER),
        ("现在有货吗？拍1号链接就可以。", "现在有货，拍1号链接就可以。", Reason.QUESTION),
        ("现在有货，拍1号链接就可以 http://a.cn", "现在有货，拍1号链接就可以。", Reason.JUNK),
        ("现在有货，拍1号链接就可以ok。", "现在有货，拍1号链接就可以。", Reason.NAME),
        ("现在有货，拍1号链接就可以，就可以，就可以，就可以，就可以。", "现在有货，拍1号链接就可以。", Reason.JUNK),
        ("现在有货，拍1号链接就可以，还有和", "现在有货，拍1号链接就可以。", Reason.UNFINISHED),
        ("现在有货，拍1号链接就可以" + "，慢慢看" * 20, "现在有货，拍1号链接就可以。", Reason.LENGTH),
        ("", "现在有货，拍1号链接就可以。", Reason.EMPTY),
        ("姐妹们，来啦。", "早上洗脸就想图个省心，好起泡，好冲干净。", Reason.CONTENT),
        ("一般2到4天到。", "发出后一般2到4天到，具体看物流。", Reason.CLAIM),
        ("发出后2到4天到，具体看物流。", "发出后一般2到4天到，具体看物流。", Reason.CLAIM),
        ("从杭州发货，产地是广州。", "从广州发货。产地是杭州。", Reason.NAME),
        ("支持7天无理由退货，用过也行。", "支持7天无理由退货。", Reason.CLAIM),
        ("支持7天无理由退货，什么时候都能退。", "支持7天无理由退货。", Reason.CLAIM),
        ("加微信领券，现在有货，拍1号链接就可以。", "现在有货，拍1号链接就可以。", Reason.RULE),
    ],
)  # fmt: skip
def test_any_other_thing_is_refused(words: str, core: str, reason: Reason) -> None:
    """The reason is among those that are given."""
    assert reason in reasons(words, core)


# What a hostile reader got past an earlier check: each changes what is said in words that are harmless alone.
DELIVERY = "发出后一般2到4天到，具体看物流。"
SENDING = "拍下后24小时内发货。"
SERUM = "维C紧致精华液直播间价169元。"
UNFIT = "敏感肌不适合用这款。"
FREE = "氨基酸洁面乳不含酒精。"
UNITS = "120g是68元，200g是98元，按单价算200g更划算。"
LINK = "维C紧致精华液直播间价169元。维C紧致精华液是2号链接，点小黄车2号就能看到。"
MADE = "保质期36个月，生产日期是2026年9月1日。"
STOCK = "现在有货，拍3号链接就可以。"
AWAY = "新疆暂时不发，不好意思。"
ASK = "这个问题我手上没有确认的资料，请店铺客服核实后再回复您。"


@pytest.mark.parametrize("added", [
    "用就行", "其实都能用", "多用更好", "大家都在用", "今日就到", "以后更高", "只有一点点了", "快买", "好得很", "自己用也行", "就一份", "买就对了", "就这会儿有",
    "过时就高了", "其他款也一样", "咱家的更好", "很快就好", "老的少的都用", "信我的", "什么都能退", "也能退", "给退", "退", "过一会儿就好了，继续用",
    "先拍下付款到时候就会给您寄", "成，用吧",
])  # fmt: skip
def test_harmless_words_do_not_combine_to_a_claim(added: str) -> None:
    """Neither after a core nor before it."""
    for grounds in cores():
        assert faults(f"{grounds.core.rstrip('。')}，{added}。", grounds, lexicon()), grounds.core
        assert faults(f"{added}，{grounds.core}", grounds, lexicon()), grounds.core


@pytest.mark.parametrize(("words", "core"), [
    ("只有敏感肌不适合用这款。", UNFIT), ("敏感肌不适合用别的。", UNFIT), ("敏感肌不适合用这款，别的都适合。", UNFIT), ("敏感肌不，适合用这款。", UNFIT),
    ("敏感肌不适合用这款吧。", UNFIT),
    ("氨基酸洁面乳不只含酒精。", FREE), ("氨基酸洁面乳不怎么含酒精。", FREE), ("氨基酸洁面乳呢，不含酒精酸洁面乳。", FREE), ("氨基酸洁面乳不含酒精，自然的。", FREE),
    ("拍下后24小时后发货。", SENDING), ("拍下后24小时发货。", SENDING), ("拍下后24小时内到货。", SENDING), ("拍下前24小时内发货。", SENDING),
    ("拍下后一般2到4天到，具体看物流。", DELIVERY), ("发出前一般2到4天到，具体看物流。", DELIVERY), ("发出后一般4到2天到，具体看物流。", DELIVERY),
    ("维C紧致精华液直播间价169元多。", SERUM), ("维C紧致精华液直播间价169元+。", SERUM), ("维C紧致精华液直播间价-169元。", SERUM), ("维C紧致精华液直播间价~169元。", SERUM),
    ("维C紧致精华液直播间价少于169元。", SERUM), ("维C紧致精华液直播间价169元/月。", SERUM), ("维C紧致精华液直播间价169元起。", SERUM), ("维C紧致精华液直播间价从169元来。", SERUM),
    ("这批是2026年9月以后生产的。", "这批是2026年9月生产的。"), ("这批是2026年9月前生产的。", "这批是2026年9月生产的。"),
    ("120g是68元，200g是98元，按单价算120g更划算。", UNITS), ("200g是68元，120g是98元，按单价算200g更划算。", UNITS), ("120g是68元，200g是98元，按单价算200g划算。", UNITS),
    ("维C紧致精华液便在169元。维C紧致精华液在2号链接，点进去就能看到。", LINK), ("维C紧致精华液直播间价2号链接。维C紧致精华液是169元，点小黄车2号就能看到。", LINK),
    ("保质期36个月，生产日期是2026年1日9月。", MADE), ("保质期2026年9月1日，生产日期是36个月。", MADE),
    ("近7日最低成交价是119元，直播间价149元。", "近7日最低成交价是149元，直播间价119元。"), ("近7日最低成交价是149元，119元。", "近7日最低成交价是149元，直播间价119元。"),
    ("现在有货，拍3号链接就可以。发到杭州。", STOCK + "从杭州发货。"), ("现在有货，拍3号就可以。", STOCK),
    ("新疆不发，不好意思。", AWAY), ("新疆暂时不发，不好意思，明早就发。", AWAY), ("新疆暂时不发，不好意思，过一会儿就发。", AWAY), ("新疆暂时不发，不好意思，您先付款，之后就会发。", AWAY),
    ("好的，有，这个问题我手上没有确认的资料，请店铺客服核实后再回复您。", ASK),
    ("大家好，这里是小店。", "大家好，我是棠姐，这里是棠晨生活小店。"), ("大家好，我是主播，这里是棠晨生活小店。", "大家好，我是棠姐，这里是棠晨生活小店。"),
    ("用法是洁面前敷15分钟，每周2到3次。", "用法是洁面后敷15分钟，每周2到3次。"), ("油皮适合用这款，你的皮也适合用。", "油皮适合用这款。"),
])  # fmt: skip
def test_what_got_past_an_earlier_check_is_refused(words: str, core: str) -> None:
    """Limits, scope, winners, order, names and what is left out."""
    assert not reasons(core, core)
    assert reasons(words, core)


@pytest.mark.parametrize("way", ["morning", "evening", "lady"])
def test_the_training_grammar_passes(way: str) -> None:
    """What a model learnt to say for the fixtures' answers is never refused."""
    import random

    from livehost.training.wording import ways, worded

    rng = random.Random(7)
    for grounds in cores():
        for question in ("多少钱", "有货吗", "适合我吗", "什么时候到"):
            words = worded(grounds.core, question=question, way=ways()[way], rng=rng)
            assert faults(words, grounds, lexicon()) == (), words


@given(st.data())
def test_a_sign_put_into_a_plain_answer_is_refused(data: st.DataObject) -> None:
    """Before or after a number."""
    grounds = data.draw(st.sampled_from([g for g in cores() if re.search(r"\d", g.core)]))
    spots = [i for m in re.finditer(r"\d+(?:\.\d+)?", grounds.core) for i in m.span()]
    at = data.draw(st.sampled_from(spots))
    sign = data.draw(st.sampled_from([*"+-~/*多起近超约每", "少于", "不到", "以上"]))
    assert faults(grounds.core[:at] + sign + grounds.core[at:], grounds, lexicon())


def test_approved_wording_stands_as_it_was_approved() -> None:
    """Marks aside; words round it may be the persona's."""
    approved = "12岁以上可在家长指导下使用"
    fact = Fact("cleanser-01", "sensitive.minors", approved)
    core = f"{approved}。"
    assert not reasons(f"这位朋友问得好，{approved}呢。", core, fact)
    assert Reason.LITERAL in reasons("12岁以上可在家长的指导下使用。", core, fact)


def test_each_product_keeps_what_is_said_of_it() -> None:
    """Two products in one answer: what was said of the one is not said of the other."""
    core = "氨基酸洁面乳直播间价68元。水感防晒乳现在缺货。"
    assert not reasons("氨基酸洁面乳现在68元哦。水感防晒乳现在缺货呀。", core)
    assert Reason.NAME in reasons("水感防晒乳直播间价68元。氨基酸洁面乳现在缺货。", core)


def test_the_plain_answers_themselves_pass() -> None:
    """Every core is faithful to itself, whatever it holds."""
    assert len(cores()) > 40
    for grounds in cores():
        assert faults(grounds.core, grounds, lexicon()) == (), grounds.core


@st.composite
def spoilt_digit(draw: st.DrawFn) -> tuple[Grounds, str]:
    """A core with one digit changed."""
    grounds = draw(st.sampled_from([g for g in cores() if re.search(r"\d", g.core)]))
    at = draw(st.sampled_from([m.start() for m in re.finditer(r"\d", grounds.core)]))
    other = draw(st.sampled_from([c for c in "0123456789" if c != grounds.core[at]]))
    return grounds, grounds.core[:at] + other + grounds.core[at + 1 :]


@given(spoilt_digit())
def test_no_changed_digit_passes(case: tuple[Grounds, str]) -> None:
    """Prices, dates, links, percentages, registration numbers."""
    grounds, words = case
    assert faults(words, grounds, lexicon())


@given(st.sampled_from(range(1000)), st.sampled_from(range(1000)), st.data())
def test_no_changed_amount_in_characters_passes(one: int, two: int, data: st.DataObject) -> None:
    """六十八 is 68 and nothing else."""
    import cn2an

    assume(one != two)
    said = cn2an.an2cn(one)
    assert not reasons(f"直播间{said}元哦。", f"直播间价{one}元。")
    assert reasons(f"直播间{cn2an.an2cn(two)}元哦。", f"直播间价{one}元。")


NAMES = (
    "氨基酸洁面乳", "维C紧致精华液", "玻尿酸补水面膜", "水感防晒乳", "中通", "圆通", "顺丰", "广州", "杭州", "新疆", "酒精", "香精",
    "甘油", "泛醇", "油皮", "干皮", "混合皮", "敏感肌", "起泡网", "电子发票",
)  # fmt: skip


@given(st.data())
def test_no_swapped_name_passes(data: st.DataObject) -> None:
    """A name of the catalogue for another one."""
    grounds = data.draw(st.sampled_from([g for g in cores() if any(n in g.core for n in NAMES)]))
    old = data.draw(st.sampled_from([n for n in NAMES if n in grounds.core]))
    new = data.draw(st.sampled_from([n for n in NAMES if n not in grounds.core]))
    assert faults(grounds.core.replace(old, new), grounds, lexicon())


@given(st.data())
def test_no_dropped_negation_passes(data: st.DataObject) -> None:
    """Each counted negation matters."""
    spots = [
        (g, token)
        for g in cores()
        for token in lexicon().read(g.core).of(Kind.NEGATION)
        if len(lexicon().read(g.core).text) == len(g.core)
    ]
    grounds, token = data.draw(st.sampled_from(spots))
    assert faults(grounds.core[: token.start] + grounds.core[token.end :], grounds, lexicon())


@given(st.data())
def test_no_added_negation_passes(data: st.DataObject) -> None:
    """Wherever it is put, but inside a word that it does not deny."""
    grounds = data.draw(st.sampled_from(cores()))
    at = data.draw(st.integers(0, len(grounds.core) - 1))
    added = data.draw(st.sampled_from(["不", "没", "别", "没有"]))
    words = grounds.core[:at] + added + grounds.core[at:]
    counted = len(lexicon().read(words).of(Kind.NEGATION)) > len(
        lexicon().read(grounds.core).of(Kind.NEGATION)
    )
    assume(counted)
    assert faults(words, grounds, lexicon())


CLAIMS = (
    "孕妇也能用", "效果特别好", "全网最低价", "放心吃", "保证正品", "今天还送面膜", "明天就到", "敏感肌也可以用", "比专柜便宜", "支持退货", "可以美白", "买二送一",
    "顺丰包邮", "三天见效", "只剩最后几件", "医生推荐", "无副作用", "不满意就退", "一定有效", "还能祛痘", "免费试用", "里面有人参", "产地是法国", "含芦荟胶",
    "小孩也能喝", "用完就白了", "坏了包赔", "加微信领券",
)  # fmt: skip


@given(st.sampled_from(range(10_000)), st.sampled_from(CLAIMS))
def test_no_added_claim_passes(number: int, claim: str) -> None:
    """Effects, promises, approvals, scarcity, other goods."""
    grounds = cores()[number % len(cores())]
    assume(claim not in grounds.core)
    assert faults(f"{grounds.core.rstrip('。')}，{claim}。", grounds, lexicon())


@pytest.mark.parametrize("file", sorted(p.name for p in (ROOT / "configs" / "rundowns").glob("*.yaml")))
def test_the_wordings_of_the_demo_pass_as_they_stand(file: str) -> None:
    """What an operator wrote is faithful to itself: nothing in it is taken for junk."""
    import yaml

    rows = yaml.safe_load(Path(ROOT / "configs" / "rundowns" / file).read_text(encoding="utf-8"))
    for rundown in rows["rundowns"]:
        for segment in rundown["segments"]:
            for wording in segment["wordings"]:
                text = re.sub(r"\{\w+\}", "", wording)
                found = faults(text, Grounds(text, (), None, NOW), lexicon())
                assert not {f.reason for f in found} & {Reason.JUNK, Reason.UNFINISHED, Reason.MANNER}, (
                    text,
                    found,
                )
