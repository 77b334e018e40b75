"""Money, discounts, percentages, ranges, sizes and everything else that counts."""

from __future__ import annotations

import re

from services.speech.numerals import amount, cardinal, digits, is_counted, number, plain_money
from services.speech.read_codes import Rule
from services.speech.read_units import UNIT, unit_name

_NUM = r"\d+(?:\.\d+)?"
_TO = r"\s?(?:-{1,2}|~|—{1,2}|至|到)\s?"
_CURRENCY = {
    "¥": "元",
    "RMB": "元",
    "CNY": "元",
    "$": "美元",
    "US$": "美元",
    "HK$": "港元",
    "€": "欧元",
    "£": "英镑",
}
_SIGN = r"(¥|RMB|CNY|US\$|HK\$|\$|€|£)\s?"
_MULTIPLE = r"([千百万亿wW]{0,2})"
_MONEY_UNIT = r"(?:元|块钱|块|美元|美金|港元|港币|欧元|日元|英镑|人民币)"
_PER = {"kg": "千克", "g": "克", "ml": "毫升", "L": "升", "h": "小时", "cm": "厘米", "m": "米"}


def _multiple(text: str) -> str:
    return text.replace("w", "万").replace("W", "万")


def _sum(value: str, multiple: str, unit: str) -> str:
    return amount(plain_money(value), _multiple(multiple) or unit) + _multiple(multiple) + unit


def _money_range(match: re.Match[str]) -> str:
    sign, low, low_times, again, high, high_times = match.group(1, 2, 3, 4, 5, 6)
    unit = _CURRENCY[sign]
    return f"{_sum(low, low_times, unit if again else '')}到{_sum(high, high_times, unit)}"


def _money(match: re.Match[str]) -> str:
    return _sum(match.group(2), match.group(3), _CURRENCY[match.group(1)])


def _trailing_sign(match: re.Match[str]) -> str:
    return _sum(match.group(1), "", _CURRENCY[match.group(2)])


def _unit_money(match: re.Match[str]) -> str:
    return amount(plain_money(match.group(1)), match.group(2)) + match.group(2)


def _discount(match: re.Match[str]) -> str:
    """85折 as 八五折, 8.5折 as 八点五折, 7-8折 as 七到八折."""
    parts = [
        digits(part) if len(part) == 2 and part != "10" else number(part)
        for part in re.split(_TO, match.group(1))
    ]
    return "到".join(parts) + "折"


def _percent(match: re.Match[str]) -> str:
    sign = {"-": "负", "+": "加", "±": "正负", "": ""}[match.group(1)]
    whole = "百分之" if match.group(3) == "%" else "千分之"
    return sign + whole + _percentage(match.group(2))


def _percentage(value: str) -> str:
    return "百" if value == "100" else number(value)


def _percent_range(match: re.Match[str]) -> str:
    return f"百分之{_percentage(match.group(1))}到百分之{_percentage(match.group(2))}"


def _temperature_range(match: re.Match[str]) -> str:
    low, first_unit, high, unit = match.group(1, 2, 3, 4)
    name = "度" if unit == "度" else "摄氏度"
    first, last = (f"零下{number(part[1:])}" if part[0] == "-" else number(part) for part in (low, high))
    return f"{first}{name if first_unit else ''}到{last}{name}"


def _below_zero(match: re.Match[str]) -> str:
    return "零下" + number(match.group(1)) + ("度" if match.group(2) == "度" else "摄氏度")


def _measure(value: str, unit: str, match: re.Match[str]) -> str | None:
    """A number with its unit, `.0` left out: 2.0m as 两米."""
    name = unit_name(unit, value, match.string[match.end() :], match.string[: match.start()])
    if name is None:
        return None
    value = re.sub(r"\.0+$", "", value)
    return amount(value, name) + name


def _united(match: re.Match[str]) -> str:
    spoken = _measure(match.group(1), match.group(2), match)
    return spoken if spoken is not None else number(match.group(1)) + match.group(2)


def _united_range(match: re.Match[str]) -> str:
    low, low_unit, high, unit = match.group(1, 2, 3, 4)
    last = _measure(high, unit, match)
    if last is None:
        return f"{number(low)}{low_unit or ''}到{number(high)}{unit}"
    first = number(low) if not low_unit else _measure(low, low_unit, match) or number(low)
    if low == "2" and not low_unit:
        first = "两"
    return f"{first}到{last}"


def _range(match: re.Match[str]) -> str:
    low, high, following = match.group(1), match.group(2), match.group(3)
    first = amount(low, following) if low == "2" else number(low)
    return f"{first}到{amount(high, following)}"


def _counted(match: re.Match[str]) -> str:
    return amount(match.group(), match.string[match.end() :].lstrip(" 多余几来"))


def _long(match: re.Match[str]) -> str:
    """A number of eight digits and more that counts nothing is a name: digit by digit."""
    value = match.group()
    counts = is_counted(match.string[match.end() :].lstrip(" 多余")) or value.endswith("000")
    return cardinal(value) if counts else digits(value)


AMOUNTS: tuple[Rule, ...] = (
    (re.compile(r"±\s?(?=\d)"), lambda _: "正负"),
    (re.compile(r"(?<![\d.])\d{8,}(?![\d.万亿]|\s?(?:[kmn]?[gm]|cm|m?[lL]|mAh|[kM]?Hz|[wWV])\b)"), _long),
    # Money.
    (
        re.compile(rf"{_SIGN}({_NUM}){_MULTIPLE}{_TO}(¥|\$|)\s?({_NUM}){_MULTIPLE}(?:元|块钱|块)?"),
        _money_range,
    ),
    (re.compile(rf"{_SIGN}({_NUM}){_MULTIPLE}(?:元|块钱|块|人民币)?"), _money),
    (re.compile(rf"({_NUM})\s?(¥|RMB|CNY|€|£)"), _trailing_sign),
    (
        re.compile(rf"(?<![\d.])({_NUM}){_TO}({_NUM})\s?({_MONEY_UNIT})"),
        lambda m: f"{amount(plain_money(m[1]), m[3])}到{amount(plain_money(m[2]), m[3])}{m[3]}",
    ),
    (re.compile(rf"(?<![\d.])({_NUM})\s?({_MONEY_UNIT})"), _unit_money),
    (re.compile(r"(?<![\d.])(\d+\.\d0|\d+\.00)(?![\d版代%])"), lambda m: number(plain_money(m.group(1)))),
    # 两 is said once; 买2送1 keeps 二.
    (re.compile(rf"(?<![\d.])(\d{{1,2}}(?:\.\d+)?(?:{_TO}\d{{1,2}}(?:\.\d+)?)?)\s?折(?!叠)"), _discount),
    # Percentages.
    (re.compile(rf"(?<![\d.])({_NUM})%?{_TO}({_NUM})%"), _percent_range),
    (re.compile(rf"((?<![\dA-Za-z.%])[-+±]|)({_NUM})\s?([%‰])"), _percent),
    # Temperatures.
    (re.compile(rf"(?<![\d.])(-?{_NUM})\s?(℃|°C|°c|度)?{_TO}(-?{_NUM})\s?(℃|°C|°c|度)"), _temperature_range),
    (re.compile(rf"(?<![\d.A-Za-z])-({_NUM})\s?(℃|°C|°c|度)"), _below_zero),
    # Sizes: 30ml*2, 10g×15袋, 30*40cm, 面膜x2.
    (
        re.compile(
            rf"(?<=\d)\s?[*×xX]\s?(?=\d)|(?<=[A-Za-z\u4e00-\u9fff²³])\s?[*×]\s?(?=\d)|(?<=[\u4e00-\u9fff])\s?[xX](?=\d)"
            rf"|(?<=\d)({UNIT})\s?[xX×*]\s?(?=\d)"
        ),
        lambda m: (_measure_before(m) if m.group(1) else "") + "乘",
    ),
    # 1米65, 9块9.
    (re.compile(r"(?<=\d)米(\d{1,2})(?![\d.]|\s?(?:厘米|cm))"), lambda m: "米" + digits(m.group(1))),
    (re.compile(r"(?<=\d)\s?/\s?(?=\d)"), lambda _: "，"),
    # Numbers with units.
    (re.compile(rf"(?<![\d.])({_NUM})\s?({UNIT})?{_TO}({_NUM})\s?({UNIT})"), _united_range),
    (re.compile(rf"(?<![\d.])({_NUM})\s?({UNIT})"), _united),
    (re.compile(r"(?<=[升克米时天卡焦瓦])/(?=100)"), lambda _: "每"),
    (
        re.compile(rf"(?<=[元块升克米时卡焦瓦次片粒个袋瓶])\s?/\s?({'|'.join(_PER)})(?![A-Za-z])"),
        lambda m: "每" + _PER[m.group(1)],
    ),
    (
        re.compile(
            r"(?<=[元块升克米时卡焦瓦次片粒个袋瓶])\s?/\s?(?=[个只支瓶盒袋包件条双片张份套天日月年次斤人两箱桶罐小千毫平])"
        ),
        lambda _: "每",
    ),
    # Ranges.
    (re.compile(rf"(?<![\d.])({_NUM}){_TO}({_NUM})(?=\s?(\S?))"), _range),
    (re.compile(rf"(?<=[\u4e00-\u9fff]){_TO}(?=\d)(?<![到至])"), lambda m: _between(m)),
    # Signs.
    (re.compile(r"(?<![\d\w])[-](?=\d)"), lambda _: "负"),
    (
        re.compile(
            r"(?<=\d)\s?\+\s?(?=\d)|(?<=[\u4e00-\u9fff\d])\s?\+\s?(?=[\u4e00-\u9fffA-Za-z\d])|(?<=[\dA-Za-z零一二三四五六七八九十百千万亿岁天年人件条单])\+"
        ),
        lambda _: "加",
    ),
    (re.compile(r"(?<=[\w²³])\s?=\s?(?=\w)"), lambda _: "等于"),
    (re.compile(r"(\d+)#"), lambda m: cardinal(m.group(1)) + "号"),
    # What is left.
    (re.compile(r"(?<=第)\d+"), lambda m: cardinal(m.group())),
    (
        re.compile(r"(?<![\d.])2((?:[到至或、])\d{1,2}(?=(.)))"),
        lambda m: ("两" if amount("2", m.group(2)) == "两" else "二") + m.group(1),
    ),
    (re.compile(rf"(?<![\d.]){_NUM}(?!\.\d)"), _counted),
    (re.compile(r"\d+"), lambda m: cardinal(m.group())),
)


def _measure_before(match: re.Match[str]) -> str:
    """The unit of a size that is followed by ×; its number is read by a later rule."""
    return match.group(1)


def _between(match: re.Match[str]) -> str:
    """A dash between a word and a number: 到 after what can begin a range, else a rest."""
    return "到" if match.string[match.start() - 1] in "元块折点分时日号月年天度升克米厘周岁斤码" else " "
