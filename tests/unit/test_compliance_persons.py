"""Leaders, organs, banned groups, insults and false identities, and the claims that lean on them."""

from __future__ import annotations

import pytest

from livehost.compliance import review


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("习近平推荐早晚用", "state"), ("习近平都在用", "state"), ("xijinping都在用", "state"), ("习*近*平", "state"),
        ("习禁评推荐", "state"), ("特朗普都喝", "state"), ("军方专用", "state"), ("卫健委都推荐", "state"),
        ("法轮功好", "banned_groups"), ("法lun功", "banned_groups"), ("六四那天", "banned_groups"),
        ("傻 逼", "insult"), ("这家店都是骗子", "insult"), ("我是李佳琦", "identity"),
        ("找隔壁王大锤店", "diversion"), ("私信我发链接", "diversion"), ("点我头像", "diversion"),
        ("医生都说好", "implied_medical"), ("抗艾滋", "implied_medical"), ("让癌细胞饿死", "implied_medical"),
        ("那方面更强", "implied_medical"), ("让你的男人更行", "implied_medical"),
        ("宝宝都能喝", "guarantee"), ("不会过敏，放心用", "guarantee"),
        ("祛🫘", "cosmetics_medical"), ("天花板级别", "absolute"),
    ],
)  # fmt: skip
def test_it_is_blocked_by_its_group(text: str, group: str) -> None:
    got = review(text, category="cosmetics")
    assert got.verdict == "block"
    assert group in {hit.category for hit in got.hits}


@pytest.mark.parametrize(
    "text",
    [
        "习惯早晚用", "学习近平台怎么用", "平时放阴凉处", "共享优惠", "法国进口的瓶子", "六四折", "我身高一六四", "这台独立包装", "这台独角兽夜灯",
        "新疆独特的味道", "全能神器", "国家药监局可查备案", "政府补贴", "解放双手", "谨防骗子冒充", "我们不是骗子", "大家别买错规格",
        "有问题私信客服", "点主播头像点关注", "不用去别家店比", "宝宝们都能用券", "老公强烈推荐", "红🫘薏米",
        "耳后试一下，不会过敏再上脸", "不敢保证不会过敏", "会不会过敏因人而异", "我是董宇辉的粉丝",
    ],
)  # fmt: skip
def test_what_only_looks_alike_passes(text: str) -> None:
    assert review(text, category="cosmetics").verdict == "pass", review(text, category="cosmetics").hits
