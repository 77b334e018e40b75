"""Dates, years and times of day as they are read aloud."""

from __future__ import annotations

import re

from services.speech.numerals import cardinal, digits, number
from services.speech.read_codes import Rule

_MONTH = r"(0?[1-9]|1[0-2])"
_DAY = r"(0?[1-9]|[12]\d|3[01])"
_YEAR = r"((?:1[5-9]|20|21)\d\d)"
_CLOCK = r"([01]?\d|2[0-4])[:：]([0-5]\d)(?:[:：]([0-5]\d))?"
_TO = r"\s?(?:-{1,2}|~|—{1,2}|至|到)\s?"
_AFTER_DATE = (
    r"(?:截止|截至|之?前|之?后|号|起|止|到|开始|结束|发货|补货|开播|上新|上架|下架"
    r"|活动|开抢|预售|当天|见|恢复|生效|过期)"
)
_BEFORE_DATE = (
    r"(?:截止|截至|到|至|于|日期|活动|时间|自|从|有效期|在|今天|明天|周[一二三四五六日]|定在|过)[:： ]?"
)


def _small(text: str) -> str:
    """A month, day or hour without its leading zero."""
    return cardinal(str(int(text)))


def _full_date(match: re.Match[str]) -> str:
    year, month, day = match.group(1), match.group(2), match.group(3)
    return f"{digits(year)}年{_small(month)}月{_small(day)}日"


def _year_month(match: re.Match[str]) -> str:
    return f"{digits(match.group(1))}年{_small(match.group(2))}月"


def _month_day(match: re.Match[str]) -> str:
    return f"{_small(match.group(1))}月{_small(match.group(2))}日"


def _slash(match: re.Match[str]) -> str:
    """12/31 as a date or 1/3 as a fraction: what stands around it, then what is possible, decides."""
    first, second = match.group(1), match.group(2)
    text, end, start = match.string, match.end(), match.start()
    possible = 1 <= int(first) <= 12 and 1 <= int(second) <= 31
    dated = bool(re.match(_AFTER_DATE, text[end:]) or re.search(_BEFORE_DATE + "$", text[:start]))
    shaped = int(second) > 12 or int(first) >= int(second) or "0" in (first[0], second[0])
    if possible and (dated or shaped):
        return f"{_small(first)}月{_small(second)}日"
    if int(second) == 0:
        return f"{cardinal(first)}，{cardinal(second)}"
    return f"{cardinal(second)}分之{cardinal(first)}"


def _mixed(match: re.Match[str]) -> str:
    return f"{cardinal(match.group(1))}又{cardinal(match.group(3))}分之{cardinal(match.group(2))}"


def _hour(text: str) -> str:
    hour = int(text)
    return "两" if hour == 2 else cardinal(str(hour))


def _clock(match: re.Match[str]) -> str:
    hour, minute, second = match.group(1), match.group(2), match.group(3)
    spoken = _hour(hour) + "点"
    if second and int(second):
        return f"{spoken}{_two(minute)}分{_two(second)}秒"
    return spoken if int(minute) == 0 else f"{spoken}{_two(minute)}分"


def _two(minute: str) -> str:
    """Minutes or seconds: 05 as 零五."""
    return digits(minute) if minute[0] == "0" and len(minute) == 2 else cardinal(minute)


def _clock_text(text: str) -> str:
    match = re.fullmatch(_CLOCK, text)
    assert match is not None
    return _clock(match)


def _ratio(match: re.Match[str]) -> str:
    return "比".join(number(part) for part in re.split(r"\s?[:：]\s?", match.group()))


def _hours(match: re.Match[str]) -> str:
    first, second, unit = match.group(1), match.group(2), match.group(3)
    return f"{_hour(first)}到{_hour(second)}{unit}"


_DILUTES = r"(?:稀释|兑水|兑|调配|混合|配比|的比例|比例)"

DATES: tuple[Rule, ...] = (
    # Whole dates.
    (re.compile(rf"(?<![\d.]){_YEAR}[-/.]{_MONTH}[-/.]{_DAY}(?![\d])日?"), _full_date),
    (
        re.compile(rf"(?<!\d){_YEAR}年{_MONTH}月{_DAY}(?=[日号]|(?!\d))"),
        lambda m: f"{digits(m.group(1))}年{_small(m.group(2))}月{_small(m.group(3))}",
    ),
    (re.compile(rf"(?<!\d){_YEAR}年{_MONTH}月"), _year_month),
    (re.compile(rf"(?<![\d.]){_YEAR}[-/.](0[1-9]|1[0-2])(?![\d.元块%年])"), _year_month),
    (
        re.compile(rf"(?<!\d){_YEAR}(年?){_TO}{_YEAR}(?=年)"),
        lambda m: f"{digits(m.group(1))}{m.group(2)}到{digits(m.group(3))}",
    ),
    (
        re.compile(rf"(?<![\d.¥]){_YEAR}(?=年(?!历史|前|后|以前|之前|的历史|老店|传承))"),
        lambda m: digits(m.group(1)),
    ),
    (
        re.compile(
            rf"(?<![\d.¥]){_YEAR}(?=(?:最?新?[款版]|全新|春|夏|秋|冬|赛季|届|新年|升级|限定|财年|秋冬|年度|产季|跨年|元旦))"
        ),
        lambda m: digits(m.group(1)),
    ),
    (
        re.compile(
            r"(?<![\d.])(\d\d)(?=年(?:\d{1,2}月|创立|成立|创办|建厂|出生|生人|毕业|入行|上市|开业|的夏|的冬))"
        ),
        lambda m: digits(m.group(1)),
    ),
    (
        re.compile(r"(?<![\d.])(0\d|[5-9]\d)(?=年代)"),
        lambda m: (
            digits(m.group(1)) if m.group(1)[1] != "0" or m.group(1)[0] == "0" else cardinal(m.group(1))
        ),
    ),
    (re.compile(r"(?<![\d.])(0\d)(?=年)"), lambda m: digits(m.group(1))),
    # Month and day.
    (
        re.compile(rf"(?<![\d.]){_MONTH}月{_DAY}(?=[日号]|(?![\d.个份]))"),
        lambda m: f"{_small(m.group(1))}月{_small(m.group(2))}",
    ),
    (re.compile(r"(?<![\d.])(0[1-9])(?=[月日号])"), lambda m: _small(m.group(1))),
    (re.compile(r"(?<![\d.])(\d+)又(\d{1,3})/(\d{1,3})(?!\d)"), lambda m: _mixed(m)),
    (
        re.compile(rf"(?<![\d./¥]){_MONTH}\.{_DAY}{_TO}{_MONTH}\.{_DAY}(?=[日号，。！ ]|活动|期间|全场|$)"),
        lambda m: f"{_small(m[1])}月{_small(m[2])}日到{_small(m[3])}月{_small(m[4])}日",
    ),
    (
        re.compile(
            rf"(?<![\d./¥]){_MONTH}\.{_DAY}(?=截止|截至|开抢|开播|上新|预售|当天|大促|结束|零点|晚|早)"
        ),
        _month_day,
    ),
    (re.compile(r"(?<![\d./A-Za-z])(\d{1,2})/(\d{1,3})(?![\d/.%]|\s?(?:ml|g|kg|cm|mm)\b)"), _slash),
    # Clock times and ratios.
    (
        re.compile(r"(比例|按|以|配比)[:：是为]?(\d+(?:\.\d+)?[:：]\d+(?:\.\d+)?)(?!\d)"),
        lambda m: m.group(1) + "比".join(number(part) for part in re.split("[:：]", m.group(2))),
    ),
    (re.compile(rf"(?<![\d:])\d+(?:\.\d+)?:\d+(?:\.\d+)?(?={_DILUTES})"), _ratio),
    (
        re.compile(
            rf"(?<![\d:.])({_CLOCK}){_TO}(?=[次凌早上下晚中明当]*[日天]?[零凌早上下晚中]?[晨午上]?(?:{_CLOCK})(?!\d))"
        ),
        lambda m: _clock_text(m.group(1)) + "到",
    ),
    (re.compile(rf"(?<![\d:.]){_CLOCK}(?![\d:%])"), _clock),
    (re.compile(r"(?<![\d:.])\d+(?:\.\d+)?(?:\s?:\s?\d+(?:\.\d+)?)+(?!\d)"), _ratio),
    (re.compile(rf"(?<![\d.])(\d{{1,2}}){_TO}(\d{{1,2}})(点(?!\d|数|几)|点钟)"), _hours),
    (
        re.compile(r"(?<![\d.])(\d{1,2})点(0\d|\d\d)(?=分|(?!\d))"),
        lambda m: f"{_hour(m.group(1))}点{_two(m.group(2))}",
    ),
    # 9点-晚9点, 周一-周五, 1月-3月.
    (
        re.compile(
            r"(?<=[点分时日号月年周一二三四五六])\s?[-~—]{1,2}\s?(?=[早晚上下次周中凌当明零一二三四五六七八九十两]|\d+(?:点|月|日|号|年))"
        ),
        lambda _: "到",
    ),
    (
        re.compile(r"(?<=周|期)([1-7])(?=$|[，。！？、 晚早上下中和]|[到至]周|[到至]星)"),
        lambda m: "日" if m.group(1) == "7" else cardinal(m.group(1)),
    ),
)
