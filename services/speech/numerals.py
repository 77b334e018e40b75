"""Arabic numerals as Chinese words: cardinals, digit by digit, decimals, and 两 where it is said."""

from __future__ import annotations

import re

_DIGITS = "零一二三四五六七八九"
_LARGEST = 10**15

# What is counted: after a lone 2 these take 两.
_COUNTED = set(
    "个只支瓶盒袋包件条双片张位名款种样套份次遍回趟场步滴粒颗块元角毛分秒天周年岁人杯碗勺匙箱桶罐管枚串朵把台部辆"
    "间层排列组对副斤吨克升米公毫千百万亿厘平立盎磅寸尺里倍成点季句页本册卷根顶盘口门家轮批单拨波道色面边格下度者大圈重"
    "节番晚夜类瓣股团捆扎提板贴抽膏听壶盏幅封栏项则段篇首届?刻顿餐席桌宿站尾匹棵株丛束摄华微纳英海卡瓦伏安赫帕焦兆吉分"
    "小钟礼拜星泵喷揿撮茶汤帖剂丸枝盅笼屉坛扇堵处笔打筒缸卡"
) - {"?"}
_NOT_COUNTED = re.compile(
    r"分之|次元|年级|星级|星(?!期)|大爷|点[零一二三四五六七八九]|手(?!机)|面派|下(?:单|播)|小(?!时)"
)


def digits(text: str) -> str:
    """Digits one by one: `1380` as 一三八零. Other characters are left out."""
    return "".join(_DIGITS[int(mark)] for mark in text if mark.isdigit())


def cardinal(text: str) -> str:
    """A whole number: `12345` as 一万二千三百四十五, `2000` as 两千. Leading zeros are read out."""
    if len(text) > 1 and text[0] == "0":
        return digits(text)
    value = int(text)
    if value >= _LARGEST:
        return digits(text)
    import cn2an  # slow to import

    spoken = str(cn2an.an2cn(value, "low"))
    return re.sub(r"^二(?=[千万亿])", "两", spoken)


def number(text: str) -> str:
    """A whole number or decimal: `59.9` as 五十九点九."""
    whole, _, fraction = text.partition(".")
    spoken = cardinal(whole or "0")
    return f"{'二' if whole == '2' else spoken}点{digits(fraction)}" if fraction else spoken


def plain_money(text: str) -> str:
    """A sum without zeros that nobody says: `128.00` is 128, `59.90` is 59.9."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_counted(following: str) -> bool:
    """Whether a lone 2 before `following` is said 两."""
    return bool(following) and following[0] in _COUNTED and not _NOT_COUNTED.match(following)


def amount(text: str, following: str) -> str:
    """A number before what it counts: `2` and 瓶 make 两."""
    return "两" if text == "2" and is_counted(following) else number(text)
