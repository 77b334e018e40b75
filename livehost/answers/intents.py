"""What a line asks for: the intents of `intents.yaml` that are found in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from livehost.answers.tables import packaged_yaml
from livehost.chinese import simplified

# Provinces, and the cities and regions of each that viewers name.
_PLACES = {
    "新疆": "乌鲁木齐 喀什 伊犁 克拉玛依 阿克苏 和田 昌吉 哈密 吐鲁番 库尔勒 石河子 塔城 阿勒泰 博乐 奎屯 阿拉尔 五家渠",
    "西藏": "拉萨 林芝 日喀则 昌都 山南 那曲 阿里地区",
    "内蒙古": "呼和浩特 包头 鄂尔多斯 赤峰 通辽 呼伦贝尔 锡林郭勒 乌海 巴彦淖尔 阿拉善 满洲里 乌兰察布 海拉尔",
    "青海": "西宁 海东 格尔木 玉树 德令哈",
    "甘肃": "兰州 天水 酒泉 嘉峪关 张掖 敦煌 定西 陇南 庆阳 平凉",
    "宁夏": "银川 吴忠 石嘴山 中卫 固原",
    "海南": "海口 三亚 儋州 琼海 文昌 万宁 三沙",
    "黑龙江": "哈尔滨 齐齐哈尔 大庆 牡丹江 佳木斯",
    "吉林": "长春 延边",
    "辽宁": "沈阳 大连 鞍山 锦州",
    "河北": "石家庄 保定 唐山 邯郸 廊坊 秦皇岛 张家口 沧州",
    "河南": "郑州 洛阳 开封市 南阳 新乡 安阳 商丘 信阳",
    "山东": "济南 青岛 烟台 潍坊 临沂 威海 淄博 济宁",
    "山西": "太原 大同 运城 临汾",
    "陕西": "西安 咸阳 宝鸡 榆林 延安 汉中",
    "四川": "成都 绵阳 德阳 宜宾 泸州 乐山 南充 凉山 甘孜 阿坝",
    "重庆": "",
    "云南": "昆明 大理 丽江 西双版纳 普洱市 曲靖 玉溪",
    "贵州": "贵阳 遵义 六盘水 毕节",
    "广西": "南宁 桂林 柳州 北海 玉林",
    "广东": "广州 深圳 东莞 佛山 珠海 中山市 惠州 汕头 湛江 江门 潮州 揭阳 茂名",
    "福建": "福州 厦门 泉州 漳州 莆田",
    "江西": "南昌 赣州 九江 上饶 景德镇 宜春市",
    "湖南": "长沙 株洲 衡阳 岳阳 常德",
    "湖北": "武汉 宜昌 襄阳 荆州 黄冈",
    "安徽": "合肥 芜湖 蚌埠 阜阳 安庆",
    "江苏": "南京 苏州 无锡 常州 徐州 南通 扬州 盐城",
    "浙江": "杭州 宁波 温州 义乌 金华 绍兴 嘉兴 台州",
    "上海": "",
    "北京": "",
    "天津": "",
}
HOMES = {city: home for home, cities in _PLACES.items() for city in cities.split()}
REGIONS = [*_PLACES, *HOMES, "香港", "澳门", "台湾", "港澳台", "东北"]

# Health, and groups that need care: what is not known of them is never guessed.
SENSITIVE = frozenset(("adverse", "treat", "replace_drug", "illness", "pregnancy", "nursing", "minors"))

_Row = tuple[str, re.Pattern[str], tuple[str, ...]]


@cache
def _table() -> tuple[_Row, ...]:
    """The rows of `intents.yaml`: an intent, its words, the intents that it hides."""
    region = f"(?:{'|'.join(REGIONS)})"
    rows = packaged_yaml("intents.yaml")
    return tuple(
        (
            r["name"],
            re.compile(simplified("|".join(r["patterns"])).replace("{region}", region)),
            tuple(r.get("hides", ())),
        )
        for r in rows
    )


@dataclass(frozen=True)
class Asked:
    """One intent and where in the line it stands."""

    intent: str
    at: int
    words: str


def asked(line: str) -> tuple[Asked, ...]:
    """All intents of a cleaned line, in the order in which they are asked."""
    found: dict[str, re.Match[str]] = {}
    hidden: set[str] = set()
    for name, pattern, hides in _table():
        match = pattern.search(line)
        if match is None:
            continue
        found[name] = match
        hidden.update(hides)
    kept = [Asked(n, m.start(), m[0]) for n, m in found.items() if n not in hidden or _apart(n, m, found)]
    return tuple(sorted(kept, key=lambda a: a.at))


def _apart(name: str, match: re.Match[str], found: dict[str, re.Match[str]]) -> bool:
    """A hidden intent stands by itself when it is asked elsewhere in the line than all that hide it."""
    hiders = [n for n, _, hides in _table() if n in found and name in hides]
    for hider in hiders:
        if hider in (
            "after_coupon",
            "worth",
            "dear",
            "pregnancy",
            "nursing",
            "minors",
            "illness",
            "replace_drug",
        ):
            return False
        if name == "suitable" and hider in ("coupon", "coupon_until"):
            return False
        other = found[hider]
        if match.start() < other.end() and other.start() < match.end():
            return False
        gap = match.string[min(match.end(), other.end()) : max(match.start(), other.start())]
        if not re.search(r"[\s,，。!！?？;；、]|吗|(?<![怎什多])么|还|也", gap):
            return False
    return True
