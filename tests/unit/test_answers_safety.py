"""Answers where a wrong one does harm: health beside other words, approved entries about less, other variants."""

from __future__ import annotations

from datetime import datetime

import pytest

from livehost.answers import Answer, answer
from livehost.answers.meaning import Meaning, meaning
from livehost.catalog import Catalog

NOW = datetime.fromisoformat("2026-12-01T10:00:00+08:00")
CATALOG = Catalog.parse(
    {
        "products": [
            {
                "id": "milk", "link": 1, "name": "全脂奶粉", "category": "food", "price": "89", "stock": 9,
                "suitable_for": ["中老年人", "成年人"], "not_for": ["对乳蛋白过敏者"],
                "sensitive": {"minors": "4到10岁儿童可食用，请在家长监护下食用"},
                "faq": [{"q": ["能泡麦片吗"], "a": "可以，温水冲调"}, {"q": ["一天喝几袋"], "a": "一天一到两袋"}],
            },
            {
                "id": "cream", "link": 2, "name": "舒缓面霜", "category": "cosmetics", "price": "99", "stock": 9,
                "suitable_for": ["油皮", "敏感肌"], "not_for": ["皮肤有伤口者"], "sensitive": {"pregnancy": "孕期请先咨询医生"},
                "faq": [
                    {"q": ["大人能用吗"], "a": "大人也能用"}, {"q": ["敷完要洗吗"], "a": "用清水冲一下就行"},
                    {"q": ["用了发红怎么办"], "a": "请先停用，没有好转请及时就医"},
                ],
            },
            {
                "id": "wine", "link": 3, "name": "干红葡萄酒", "category": "food", "price": "129", "stock": 9,
                "faq": [{"q": ["要醒酒吗", "醒多久"], "a": "开瓶后醒20分钟再喝"}],
            },
            {
                "id": "cup", "link": 4, "name": "保温杯", "category": "home", "price": "69", "stock": 0, "restock": "2026-12-15",
                "specs": [{"name": "350ml", "price": "69"}, {"name": "500ml", "price": "79"}], "shipping": {"within": "24小时"},
                "faq": [{"q": ["能泡茶吗"], "a": "可以泡茶，牛奶不要久放"}],
            },
            {
                "id": "litter", "link": 5, "name": "豆腐猫砂", "category": "other", "price": "39", "stock": 9, "not_for": ["2月龄以下幼猫"],
                "faq": [{"q": ["猫咪误食了怎么办"], "a": "先停用，猫咪没精神请带去看兽医"}, {"q": ["粉尘大吗"], "a": "倒砂时会有少量粉尘"}],
            },
            {
                "id": "shirt", "link": 6, "name": "纯棉T恤", "category": "apparel", "price": "59", "stock": 9,
                "faq": [{"q": ["170斤穿多大"], "a": "170斤建议选XL"}],
            },
            {
                "id": "lamp", "link": 7, "name": "折叠台灯", "category": "home", "price": "99", "stock": 9,
                "specs": [{"name": "白色", "price": "99"}, {"name": "黑色", "price": "109"}],
            },
        ]
    }
)  # fmt: skip


def ask(line: str, on_air: str) -> Answer:
    return answer(line, catalog=CATALOG, on_air=on_air, now=NOW)


@pytest.mark.parametrize(
    ("on_air", "line"),
    [
        ("milk", "中老年人肾病能喝吗"), ("milk", "成年人术后能喝吗"), ("milk", "糖尿病一天喝几袋"), ("milk", "儿童癫痫能喝吗"),
        ("milk", "鸡蛋过敏能喝吗"), ("milk", "正在吃抗生素能喝吗"), ("milk", "11岁能喝吗"), ("cream", "油皮皮炎能用吗"),
        ("cream", "敏感肌激素脸能用吗"), ("cream", "湿疹大人能用吗"), ("wine", "喝完醒多久能开车"),
        ("wine", "醒酒药有吗"), ("wine", "吃头孢要不要醒酒"), ("cup", "能泡中药吗"), ("litter", "小孩误食了怎么办"), ("litter", "婴儿吃了猫砂"),
        ("litter", "猫咳嗽是粉尘吗"), ("shirt", "270斤穿多大"), ("shirt", "170cm选什么码"), ("shirt", "黑色有吗"), ("milk", "不想活了"),
    ],
)  # fmt: skip
def test_what_is_not_known_of_a_risk_is_handed_over(on_air: str, line: str) -> None:
    got = ask(line, on_air)
    assert got.act == "handover" and not got.facts, got.text


def test_a_warning_stands_without_a_dose_beside_it() -> None:
    assert ask("我怀孕了大人能用吗", "cream").text.startswith("孕期请先咨询医生")
    assert "大人也能用" not in ask("我怀孕了大人能用吗", "cream").text
    assert "伤口" in ask("脸上有伤口敷完要洗吗", "cream").text
    assert "清水" not in ask("脸上有伤口敷完要洗吗", "cream").text
    assert ask("敷完刺痛要洗吗", "cream").text.startswith("请先停用")


def test_an_amount_that_is_not_sold_gets_the_list_and_no_single_price() -> None:
    text = ask("750ml多少钱", "cup").text
    assert "350ml是69元" in text and "500ml是79元" in text


def test_what_is_sold_out_is_not_promised() -> None:
    assert (
        "缺货" in ask("现在拍什么时候发", "cup").text and "24小时" not in ask("现在拍什么时候发", "cup").text
    )
    assert "缺货" in ask("多少钱", "cup").text


def test_no_such_link_is_said_though_the_name_on_air_holds_figures() -> None:
    goods = Catalog.parse(
        {
            "products": [
                {"id": "a", "link": 10, "name": "316不锈钢杯", "category": "home", "price": "69", "stock": 1}
            ]
        }
    )
    got = answer("20号链接是啥", catalog=goods, on_air="a", now=NOW)
    assert got.act == "answer" and "没有20号" in got.text


def test_viewers_among_themselves_are_left_alone() -> None:
    assert ask("楼上姐妹你什么肤质", "cream").act == "ignore"
    assert ask("脸好干啊最近", "cream").act == "ignore"


def meant(line: str) -> Meaning:
    return meaning(line, catalog=CATALOG, on_air="cream")


@pytest.mark.parametrize("line", ["我不想活了", "活不下去了", "想死的心都有了"])
def test_a_life_in_danger_is_no_noise_that_the_queue_drops(line: str) -> None:
    assert meant(line).intents == ("crisis",) and meant(line).sensitive
    assert ask(line, "cream").act == "handover"


@pytest.mark.parametrize("line", ["想死你了主播", "年轻生活真好"])
def test_a_greeting_is_no_life_in_danger(line: str) -> None:
    assert meant(line).intents != ("crisis",) and ask(line, "cream").intent != "crisis"


def test_what_viewers_say_to_each_other_takes_no_place_in_the_queue() -> None:
    assert meant("楼上姐妹你什么肤质").intents == ("noise",)


def test_harm_that_is_told_of_in_strong_words_is_no_insult() -> None:
    assert meant("涂了烂脸 恶心死了").intents == ("adverse",)
    assert meant("恶心死了").intents == ("abuse",)
