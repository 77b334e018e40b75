"""What a line asks for: the intents of `intents.yaml` that are found in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from livehost.answers.tables import packaged_yaml
from livehost.chinese import simplified

REGIONS = [
    "新疆",
    "西藏",
    "内蒙古",
    "青海",
    "甘肃",
    "宁夏",
    "海南",
    "黑龙江",
    "吉林",
    "辽宁",
    "河北",
    "河南",
    "山东",
    "山西",
    "陕西",
    "四川",
    "重庆",
    "云南",
    "贵州",
    "广西",
    "广东",
    "福建",
    "江西",
    "湖南",
    "湖北",
    "安徽",
    "江苏",
    "浙江",
    "上海",
    "北京",
    "天津",
    "香港",
    "澳门",
    "台湾",
    "港澳台",
    "乌鲁木齐",
    "拉萨",
    "喀什",
    "伊犁",
    "呼和浩特",
    "西宁",
    "兰州",
    "银川",
    "海口",
    "三亚",
    "哈尔滨",
    "长春",
    "沈阳",
    "大连",
    "石家庄",
    "郑州",
    "济南",
    "青岛",
    "太原",
    "西安",
    "成都",
    "昆明",
    "贵阳",
    "南宁",
    "广州",
    "深圳",
    "东莞",
    "佛山",
    "福州",
    "厦门",
    "南昌",
    "长沙",
    "武汉",
    "合肥",
    "南京",
    "苏州",
    "无锡",
    "杭州",
    "宁波",
    "温州",
    "义乌",
    "东北",
    "克拉玛依",
    "阿克苏",
    "和田",
    "林芝",
    "日喀则",
    "包头",
]
HOMES = {
    "乌鲁木齐": "新疆",
    "喀什": "新疆",
    "伊犁": "新疆",
    "克拉玛依": "新疆",
    "阿克苏": "新疆",
    "和田": "新疆",
    "拉萨": "西藏",
    "林芝": "西藏",
    "日喀则": "西藏",
    "呼和浩特": "内蒙古",
    "包头": "内蒙古",
    "西宁": "青海",
    "兰州": "甘肃",
    "银川": "宁夏",
    "海口": "海南",
    "三亚": "海南",
    "哈尔滨": "黑龙江",
}

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
        other = found[hider]
        if match.start() < other.end() and other.start() < match.end():
            return False
        gap = match.string[min(match.end(), other.end()) : max(match.start(), other.start())]
        if not re.search(r"[\s,，。!！?？;；、]|吗|么|还|也", gap):
            return False
    return True
