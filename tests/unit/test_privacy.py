"""Personal data is found in any form it is written in, and what the catalogue says is left."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.catalog import Catalog
from livehost.training.long_numbers import id_card_holds, luhn_holds
from livehost.training.privacy import Privacy, catalog_words
from livehost.training.viewer_names import ViewerNames

DATA = Path(__file__).parent.parent / "data"
CHINESE = "零一二三四五六七八九"
NICKNAMES = (
    "爱吃草莓的阿宁",
    "momo酱",
    "张晓雯",
    "用户83920174",
    "小桃子🍑",
    "Linda_98",
    "橙子味汽水",
    "阿May",
    "莉莉酱",
)


@cache
def words() -> frozenset[str]:
    return catalog_words(Catalog.load(DATA / "catalog.yaml"))


@cache
def privacy(*viewers: str) -> Privacy:
    return Privacy(keep=words(), viewers=ViewerNames(viewers, ordinary_in=" ".join(words())))


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def test_every_line_of_the_list_is_clean_afterwards() -> None:
    rows = lines("journals/private_lines.jsonl")
    assert len(rows) >= 120
    missed = [
        row["text"]
        for row in rows
        if any(secret in privacy(*row["viewers"]).question(row["text"]).text for secret in row["secrets"])
    ]
    assert missed == []


def test_nothing_of_the_catalogue_is_taken_for_personal() -> None:
    assert [word for word in words() if privacy(*NICKNAMES).find(word)] == []


def test_nothing_of_the_development_questions_is_taken_for_personal() -> None:
    """But the mentions and the contacts that some of them hold."""
    found = {}
    for row in lines("questions.jsonl"):
        text = row["text"]
        found |= {text[one.start : one.end]: one.kind for one in privacy(*NICKNAMES).find(text)}
    assert found == {
        "@棠小铺": "viewer",
        "@小棠": "viewer",
        "@小美": "viewer",
    }


def test_plain_talk_is_left() -> None:
    talk = (DATA / "journals/harmless_lines.txt").read_text(encoding="utf-8").splitlines()
    taken = [line for line in talk if privacy().find(line)]
    # A product that is called as a person is: the name goes, which costs little.
    assert set(taken) <= {"高先生香水有吗", "白小姐同款"}


# ---- seeded data in every form


digits = st.integers(0, 9).map(str)
mobile = st.tuples(st.sampled_from("3456789"), st.text("0123456789", min_size=9, max_size=9)).map(
    lambda parts: "1" + "".join(parts)
)
SEPARATED = (
    "{}-{}-{}",
    "{} {} {}",
    "{}.{}.{}",
    "{}·{}·{}",
    "({}){}{}",
    "{}*{}*{}",
    "{}——{}——{}",
    "{}，{}，{}",
)


@st.composite
def phones(draw: st.DrawFn) -> tuple[str, str]:
    number = draw(mobile)
    cut = draw(st.sampled_from(((3, 7), (3, 6), (4, 7), (4, 8))))
    parts = (number[: cut[0]], number[cut[0] : cut[1]], number[cut[1] :])
    joint = draw(st.sampled_from((" ", "-", "_", "\u200b", "～", "杠", ".")))
    form = draw(
        st.sampled_from((
            number, f"+86{number}", f"86-{number}", full_width(number), chinese(number), joint.join(number),
            number[:3] + chinese(number[3:7]) + number[7:], "".join(f"{c}\ufe0f\u20e3" for c in number),
            draw(st.sampled_from(SEPARATED)).format(*parts),
        ))
    )  # fmt: skip
    return number, form


@st.composite
def id_cards(draw: st.DrawFn) -> tuple[str, str]:
    day = draw(st.dates(min_value=date(1930, 1, 1), max_value=date(2020, 1, 1)))
    head = draw(st.sampled_from(("110105", "330102", "440306", "510104"))) + day.strftime("%Y%m%d")
    body = head + draw(st.text("0123456789", min_size=3, max_size=3))
    number = next(body + last for last in "0123456789X" if id_card_holds(body + last))
    spaced = f"{number[:6]} {number[6:14]} {number[14:]}"
    form = draw(
        st.sampled_from((number, number.lower(), full_width(number), spaced, spaced.replace(" ", "-")))
    )
    return number, form


@st.composite
def bank_cards(draw: st.DrawFn) -> tuple[str, str]:
    body = "62" + draw(st.text("0123456789", min_size=13, max_size=16))
    number = next(body + last for last in "0123456789" if luhn_holds(body + last))
    joint = draw(st.sampled_from(("", " ", "-")))
    form = joint.join(number[at : at + 4] for at in range(0, len(number), 4))
    if joint == " " and len(number) % 4 in (1, 2):  # a last group of one or two is written to the one before
        form = joint.join((*(number[at : at + 4] for at in range(0, 12, 4)), number[12:]))
    return number, draw(st.sampled_from((form, full_width(number))))


def phrased(value: st.SearchStrategy[str], *around: str) -> st.SearchStrategy[tuple[str, str]]:
    """A value and how it is put in words."""
    return st.tuples(value, st.sampled_from(around)).map(lambda pair: (pair[0], pair[1].format(pair[0])))


letters = st.text("abcdefghjkmnpqrstuwxyz", min_size=4, max_size=8)
handles = st.tuples(letters, st.text("0123456789", min_size=2, max_size=4)).map("_".join)
qq = st.integers(100_000, 9_999_999_999).map(str)
surnames = st.sampled_from(("王", "李", "张", "陈", "欧阳", "林", "赵", "周"))
names = st.tuples(surnames, st.sampled_from(("小雯", "建国", "梓涵", "婷婷", "德旺", "淑芬", "佳怡"))).map(
    "".join
)
addresses = st.builds(
    "{}{}号{}{}单元{}室".format,
    st.sampled_from(("杭州市西湖区文三路", "中山北路", "天府大道", "朝阳区建国路", "人民东街")),
    st.integers(1, 999), st.sampled_from(("3栋", "12号楼", "七幢")), st.integers(1, 4), st.integers(101, 2804),
)  # fmt: skip
plates = st.builds(
    "{}{}{}{}".format, st.sampled_from("京沪粤浙苏川"), st.sampled_from("ABCDEFG"), st.sampled_from(("", "·", " ")),
    st.text("0123456789", min_size=5, max_size=5),
)  # fmt: skip
emails = st.tuples(letters, st.sampled_from(("@163.com", "@qq.com", "＠gmail.com", "@foo-bar.com.cn"))).map(
    "".join
)
orders = st.text("0123456789", min_size=15, max_size=19).filter(lambda n: n[0] != "0")
seeded = st.one_of(
    phones(),
    id_cards(),
    bank_cards(),
    phrased(handles, "加我微信{}", "vx：{}", "薇信号是{}", "wx {}", "加V{}", "{}这是我微信", "微 信：{}"),
    phrased(qq, "QQ{}", "qq：{}", "扣扣号{}", "企鹅 {}"),
    phrased(names, "我叫{}", "收货人{}", "收件人：{}", "姓名 {}", "我是{}"),
    phrased(addresses, "寄到{}", "地址：{}", "{}", "我住{}"),
    phrased(plates, "车牌{}", "{}"),
    phrased(emails, "发票发到{}", "{}", "邮箱：{}"),
    phrased(orders, "订单号{}", "{}", "单号：{}"),
    phrased(st.sampled_from(NICKNAMES), "@{} ", "{}", "谢谢{}", "＠{}，"),
)
carriers = st.sampled_from(
    (
        "{}，油皮能用吗",
        "油皮能用吗，{}",
        "主播 {} 3号链接多少钱",
        "这个怎么用？{}",
        "{}",
        "几号链接 {}，急",
        "拍了1号。{}。发了吗",
    )
)


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


def chinese(number: str) -> str:
    return "".join(CHINESE[int(char)] for char in number)


def bare(text: str) -> str:
    """Digits and letters alone, Chinese numerals as digits: what no form may still hold."""
    text = "".join(str(CHINESE.index(char)) if char in CHINESE else char for char in text)
    return re.sub(r"[\W_]|杠", "", unicodedata.normalize("NFKC", text)).lower()


@settings(max_examples=600, deadline=None)
@given(seeded, carriers)
def test_no_seeded_datum_stays_in_a_question(datum: tuple[str, str], carrier: str) -> None:
    value, form = datum
    shield = privacy(*NICKNAMES)
    cut = shield.question(carrier.format(form))
    assert bare(value) not in bare(cut.text)
    assert cut.kinds
    assert shield.find(cut.text) == []


@settings(max_examples=200, deadline=None)
@given(seeded, st.sampled_from(("好的，{}，这款是3号链接。", "帮您查了{}，明天发货。")))
def test_no_seeded_datum_stays_in_an_answer(datum: tuple[str, str], carrier: str) -> None:
    value, form = datum
    said = privacy(*NICKNAMES).said(carrier.format(form), core="这款是3号链接。")
    assert said is None or bare(value) not in bare(said.text)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(NICKNAMES),
    st.sampled_from(sorted(words())),
    st.sampled_from(("{}", "主播，{}是什么", "{}，对吗")),
)
def test_a_fact_of_the_catalogue_stays(nickname: str, fact: str, carrier: str) -> None:
    assert fact in privacy(nickname).question(carrier.format(fact)).text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_any_text_can_be_cut(text: str) -> None:
    cut = privacy(*NICKNAMES).question(text)
    assert len(cut.text) <= len(text)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("@爱吃草莓的阿宁 你买的哪个", "你买的哪个"),
        ("我叫陈小雨，油皮能用吗", "油皮能用吗"),
        ("电话13912345678，3号链接多少钱", "3号链接多少钱"),
        ("阿宁你买了吗", "你买了吗"),
        ("面膜多少钱，加我微信lele_1990", "面膜多少钱，"),
        ("粤G妆网备字2026012345是这个备案吗", "粤G妆网备字2026012345是这个备案吗"),
    ],
)
def test_the_rest_is_left_as_it_was(text: str, rest: str) -> None:
    assert privacy("爱吃草莓的阿宁").question(text).text == rest


@pytest.mark.parametrize(
    "text",
    [
        "老公叫李建国",
        "我女儿叫诗涵",
        "我叫Tom",
        "上海静安愚园路",
        "老婆癌症",
        "2001:db8::1",
        "经纬度 39.90 116.39",
        "1990-03-08生",
        "我女儿王诗涵",
        "给张伟发的",
        "我是王小明洗面奶什么时候发货",
        "朝阳区望京西园三区305楼",
        "丰台区方庄芳古园一区",
        "杭州滨江江南豪园5号楼",
        "扣1234567",
        "dy号abc12345",
        "薇:abc12345",
        "威❤️ xiao_hua99",
        "snapchat lily_99",
        "discord lily#1234",
        "138😀0013😀8000",
        "138a0013b8000",
        "订单号6920 1234 5678 90",
        "+1 415 555 2671",
        "幺三八 洞洞幺三",
        "我得了乙肝",
        "IP 192.168.1.20",
        "我在39.9087,116.3975",
        "生日是1990年3月8日",
        "邮编310000",
        "evil.com/abc",
        "收件人 Tom Smith",
        "电话138 0013 八千",
    ],
)
def test_what_only_looks_personal_takes_the_whole_text(text: str) -> None:
    assert privacy().question(f"{text}多少钱").text == ""
    assert privacy().question(f"{text}，多少钱").text in ("", "多少钱")
    assert privacy().said(f"好的，{text}，这是3号。", core="这是3号。") is None


@pytest.mark.parametrize("name", ["多少钱", "怎么卖", "有优惠", "能不能", "孕妇能", "小黄车", "放心拍"])
def test_what_viewers_say_anyway_is_a_name_only_after_its_sign(name: str) -> None:
    shield = privacy(name)
    for text in (name, f"{name}，在吗", f"主播{name}呀", f"谢谢{name}，发货了"):
        assert shield.question(text).text == text
    assert shield.question(f"@{name} 发货了吗").text == "发货了吗"


def test_a_viewers_name_that_is_a_word_too_is_only_cut_where_somebody_is_called() -> None:
    shield = privacy("大熊", "面膜")
    assert shield.question("大熊图案的还有吗").text == "大熊图案的还有吗"
    assert shield.question("谢谢大熊，求链接").text == "谢谢，求链接"
    assert shield.question("面膜多少钱").text == "面膜多少钱"
    assert shield.question("@面膜 多少钱").text == "多少钱"


def test_a_name_of_which_one_character_is_talk_is_still_somebodys() -> None:
    assert "王能" not in privacy("王能").question("王能你好，这款多少钱").text


def test_a_name_that_the_core_holds_is_no_viewers() -> None:
    shield = privacy("阿宁")
    assert shield.said("阿宁牌精华是2号链接。", core="阿宁牌精华是2号链接") is not None
    assert shield.said("您好阿宁，这是2号。", core="这是2号") is None
    cut = shield.said("阿宁，这是2号。", core="这是2号")
    assert cut is not None and cut.text == "这是2号。"


def test_a_secret_of_the_configuration_goes() -> None:
    assert Privacy(secrets=["s3cret-key"]).question("推流码是s3cret-key，3号多少钱").text == "3号多少钱"


def test_an_identity_number_needs_its_sign_and_a_card_its_digit() -> None:
    assert id_card_holds("11010519491231002X")
    assert not id_card_holds("110105194912310021")
    assert not id_card_holds("11010519491331002X")
    assert luhn_holds("4111111111111111")
    assert not luhn_holds("4111111111111112")
