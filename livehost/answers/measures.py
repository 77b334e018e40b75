"""Questions for an amount or a sort (几杯, 多少克, 显色指数多少, 什么味, 40码能穿吗), answered by whichever
of the product's own words holds it. None means unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from livehost.answers import faq, on_price
from livehost.answers.asking import Asking, Said
from livehost.answers.variants import tokens
from livehost.chinese import folded, with_digits

_AMOUNT = re.compile(
    r"(?:几|多少) *个?(公斤|千克|毫升|厘米|公分|毫米|小时|分钟|个月|毫安|mah|kg|ml|cm|mm|[glw瓦克升斤两米寸码片粒颗枚贴抽袋包支瓶盒罐条双"
    r"秒个只件套卷层张块根把提杯对人色档年度岁天次周顿泡泵滴勺头股针孔节页格面排级种])(?![a-z])(?!钱|号|月份)"
)
_SAME_UNIT = {
    "克": "(?:g|克)", "g": "(?:g|克)", "毫升": "(?:ml|毫升)", "ml": "(?:ml|毫升)", "升": "(?:l|升)", "厘米": "(?:cm|厘米|公分)", "公分": "(?:cm|厘米|公分)",
    "cm": "(?:cm|厘米|公分)", "毫米": "(?:mm|毫米)", "公斤": "(?:kg|公斤|千克)", "kg": "(?:kg|公斤|千克)", "瓦": "(?:w|瓦)", "w": "(?:w|瓦)", "度": "(?:度|℃)",
    "斤": "(?:斤|公斤|kg)", "毫安": "(?:毫安|mah)", "mah": "(?:毫安|mah)", "件": "[件个只条]", "年": "(?:年|个月)", "个月": "(?:年|个月)",
    "片": "[片抽张粒颗枚]", "抽": "[抽张片]", "张": "[张抽片]", "粒": "[粒颗枚片]", "颗": "[粒颗枚片]", "条": "[条根支]", "根": "[条根支]",
}  # fmt: skip
_SUBJECT = re.compile(
    r"(?<!\d)([\u4e00-\u9fffa-z]{2,8}?)(?:是|有|大概|大约|到底|一般)*(?:多少|多大|多高|几)(?:啊|呀|呢)?$"
)
_SORTED = ("个", "种", "色", "款")
_OF_A_SPEC = re.compile(r"\d[\u4e00-\u9fff]{0,3}的?多少")
_ABOUT_MONEY = re.compile(r"钱|价|卖|收|到手|券|元|块|优惠|邮|运|减")
_PLAIN = re.compile(
    r"这个|那个|这款|那款|这种|这|那|它的?|现在|今天|一共|总共|大概|分别|各|的|主播|请问|你们|直播间|[一两二三四五六七八九十半\d]+[\u4e00-\u9fff]"
)
_MEASURED = re.compile(
    r"(?:含?量|率|指数|度数?|值|重|长|宽|高|厚|径|寸|温|电压|转速|频|蛋白质?|脂肪|热量|钠|评分|销量|碳水|能量|卡路里|纤维|糖分|钙|噪音|系数|比例?|浓度|续航)$"
)
_SORT = re.compile(r"(?:什么|哪种|哪些|几种|几个|几)(?:样的?)?([\u4e00-\u9fff]{1,3}?)(?:的|道|呀|啊|做的)?$")
_GENERAL = frozenset("人用样呢啊呀的货时候东西意思产品牌子区别问题办法地方")
_BY_SPEC = re.compile(r"规格|色|码|号|款|口?味|长度|大小|尺寸|厚度|容量|种类|包装")
_RANGE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:到|至|-|~)\s*(\d+(?:\.\d+)?)\s*(码|号|斤|cm|厘米|公斤|kg|岁|寸|杯)"
)


def _fields(ask: Asking) -> Iterator[tuple[str, str, str]]:
    """The fields in which an amount may stand, how each is said, and its words."""
    for name, said in (
        ("highlights", "特点是"),
        ("claims", "资料上写的是"),
        ("lasts", ""),
        ("usage", "用法是"),
        ("ingredients", "成分有"),
        ("suitable_for", "适合"),
    ):
        words = ask.some(name)
        if words:
            yield name, said, words
    ask.used.clear()


def _said(ask: Asking, name: str, said: str) -> Said:
    ask.used.clear()
    return ask.say(f"{said}{ask.get(name)}")


def asks_how_much(line: str) -> bool:
    """Whether a line asks for a figure, with or without a unit: 含量多少, 多少瓦."""
    return re.search("多少|几[\u4e00-\u9fffa-z]", line) is not None


def amount(ask: Asking) -> Said | None:
    """How many or how much of a unit, where no variant is counted in it: 一盒几支, 能冲几杯, 自重多少克."""
    match = _AMOUNT.search(ask.line)
    if match is None or match[1] in _SORTED:
        return None
    unit = _SAME_UNIT.get(match[1], re.escape(match[1]))
    holds = re.compile(rf"(?:\d|[一二两三四五六七八九十百半多])\s*个?{unit}(?![a-z])")
    if any(holds.search(folded(s.name)) for s in ask.product.specs or ()):
        return None
    if holds.search(folded(ask.product.name)):
        return ask.say(f"这款是{ask.get('name')}")
    for number, entry in enumerate(ask.product.faq):
        if holds.search(folded(entry.a)) and faq.held(ask.line, " ".join(entry.q)):
            return ask.say(ask.get(f"faq.{number}") or "")
    for name, said, words in _fields(ask):
        if holds.search(folded(words)):
            return _said(ask, name, said)
    ask.used.clear()
    told = next((n for n, entry in enumerate(ask.product.faq) if holds.search(folded(entry.a))), None)
    return None if told is None else ask.say(ask.get(f"faq.{told}") or "")


def asks_amount(ask: Asking) -> bool:
    """Whether a line asks for an amount in a unit, so that words without one are no answer."""
    match = _AMOUNT.search(ask.line)
    return match is not None and match[1] not in _SORTED


def counts_in_specs(ask: Asking) -> bool:
    """Whether the unit that a line asks for is none, or one in which a variant is counted."""
    match = _AMOUNT.search(ask.line)
    if match is None or match[1] in "种个色件款":
        return True
    unit = _SAME_UNIT.get(match[1], re.escape(match[1]))
    return any(re.search(rf"\d\s*{unit}", folded(s.name)) for s in ask.product.specs or ())


def measured(ask: Asking) -> tuple[bool, Said | None]:
    """`遮光率多少`: whether something else than the price is asked for, and what is known of it."""
    match = _SUBJECT.search(ask.line)
    if match is None or _ABOUT_MONEY.search(ask.line) or ask.specs() or _OF_A_SPEC.search(ask.line):
        return False, None
    subject = _PLAIN.sub("", match[1])
    if len(subject) < 2:
        return False, None
    pairs = [subject[i : i + 2] for i in range(len(subject) - 1)]
    for name, said, words in _fields(ask):
        if any(pair in folded(words) for pair in pairs) and re.search(r"[\d一二三四五六七八九十两半]", words):
            return True, _said(ask, name, said)
    ask.used.clear()
    return _MEASURED.search(subject) is not None, None


def sort(ask: Asking) -> Said | None:
    """`什么味`, `几种颜色`, `什么钢`: the product's own words that end in that noun."""
    match = _SORT.search(ask.line)
    if match is None or match[1][0] in _GENERAL:
        return None
    noun = match[1].removeprefix("口").removeprefix("颜").removesuffix("子")
    for name, said, words in _fields(ask):
        if name in ("highlights", "claims", "ingredients") and any(
            (folded(part).endswith(noun) if name == "ingredients" else noun in folded(part))
            or (len(noun) == 3 and noun[:2] in folded(part))
            for part in words.split("、")
        ):
            return _said(ask, name, said)
    ask.used.clear()
    return None


def in_range(ask: Asking) -> Said | None:
    """A size that a range of the product's own words holds or leaves out: 40码能穿吗 beside 35到43码."""
    line = with_digits(folded(ask.line))
    asked_for = tokens(line)
    for number, entry in enumerate(ask.product.faq):
        found = _RANGE.search(with_digits(folded(entry.a)))
        bare = re.search(r"(?<![\d.])(\d{2})(?=的脚|的?能穿|脚|的穿)", line)
        if found and (bare or any(re.fullmatch(rf"\d+(?:\.\d+)?{found[3]}", token) for token in asked_for)):
            return ask.say(ask.get(f"faq.{number}") or "")
    for name, said, words in _fields(ask):
        for match in _RANGE.finditer(with_digits(folded(words))):
            if any(re.fullmatch(rf"\d+(?:\.\d+)?{match[3]}", token) for token in asked_for):
                return _said(ask, name, said)
    ask.used.clear()
    return None


def asked_amount(intent: str, ask: Asking) -> tuple[bool, Said | None]:
    """Whether an intent's words really ask for another amount or sort than the intent's, and the answer."""
    if intent in ("suitable", "size", "spec") and (ranged := in_range(ask)) is not None:
        return True, ranged
    if (
        intent == "spec"
        and not (_BY_SPEC.search(ask.line) or asks_amount(ask))
        and (own := sort(ask)) is not None
    ):
        return True, own
    if intent == "attribute" and re.search("[几哪]种|哪些", ask.line) and ask.product.specs:
        return True, on_price.spec(ask)
    if intent in ("spec", "attribute"):
        known = amount(ask)
        if known is not None:
            return True, known
        if intent == "spec" and not counts_in_specs(ask):
            return True, None
        known = measured(ask)[1]
        return known is not None, known
    if intent in ("price", "effect"):
        return measured(ask)
    return False, None
