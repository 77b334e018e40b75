"""What is read digit by digit or letter by letter: telephones, registrations, models, shopping days."""

from __future__ import annotations

import re
from collections.abc import Callable

from services.speech.numerals import cardinal, digits, number

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

_COUNTS = (
    "件个单份元块毛人次套箱盒瓶袋片包支条双位名天年月日号小分秒克斤升米折"
    "万千百亿多几余倍杯粉赞票口间款种场台粒颗滴页本期岁"
)


def _each(match: re.Match[str]) -> str:
    return digits(match.group())


def _registration(match: re.Match[str]) -> str:
    return match.group(1) + digits(match.group(2))


def _model(match: re.Match[str]) -> str:
    """A number behind letters: B6, iPhone17 and SPF50 as numbers, RTX4090 digit by digit."""
    letters, value, plus = match.group(1), match.group(2), match.group(3)
    whole = value.partition(".")[0]
    round_hundred = len(whole) in (3, 4) and whole.endswith("00") and whole[0] != "0"
    spoken = number(value) if len(whole) <= 2 or round_hundred else digits(whole)
    if len(whole) > 2 and not round_hundred and "." in value:
        spoken += "点" + digits(value.partition(".")[2])
    return letters + spoken + "加" * len(plus)


def _pluses(match: re.Match[str]) -> str:
    count = len(match.group(2))
    return match.group(1) + {1: "一", 2: "两"}.get(count, cardinal(str(count))) + "个加"


def _version(match: re.Match[str]) -> str:
    letter, parts = match.group(1), match.group(2).split(".")
    return letter + "点".join(digits(part) if part[0] == "0" else cardinal(part) for part in parts)


def _extension(match: re.Match[str]) -> str:
    return "转" + digits(match.group(1))


def _decade(match: re.Match[str]) -> str:
    return digits(match.group(1)) + match.group(2)


CODES: tuple[Rule, ...] = (
    # Telephones.
    (
        re.compile(r"(?<![\d.])(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"),
        lambda m: ("加" if m.group().startswith("+") else "") + digits(m.group()),
    ),
    (re.compile(r"(?<![\d.])[48]00[- ]?(?:\d{3}[- ]?\d{4}|\d{4}[- ]?\d{3})(?!\d)"), _each),
    (re.compile(r"(?<![\d.])\(?0\d{2,3}\)?[- ]?\d{7,8}(?!\d)"), _each),
    (re.compile(r"(?<=[零一二三四五六七八九])[- ]?转\s?(\d{1,5})(?!\d)"), _extension),
    (
        re.compile(
            r"((?:电话|热线|专线|拨打?|致电|打|呼叫|举报|投诉)[:：是为请 ]{0,3})"
            rf"(\d{{3,8}})(?![\d.%]|[{_COUNTS}])"
        ),
        _registration,
    ),
    (
        re.compile(
            r"(?<![\d.])(12315|12345|12306|10086|10010|10000|9[56]\d{3})(?=热线|投诉|举报|电话|客服|平台|打假)"
        ),
        _each,
    ),
    # Registrations, order and other numbers that are only names.
    (
        re.compile(r"((?:[字备注证准健]|许可|批准文号)[号:： ]{0,2}[A-Za-z]{0,3}[:： ]?)(\d{4,})(?![\d.])"),
        _registration,
    ),
    (
        re.compile(
            r"((?:单号|编号|货号|批号|文号|款号|条码|条形码|房号|邮编|证号|账号|群号|口令|密码|暗号|代码|取件码|验证码|工号|尾号"
            r"|型号|QQ|ID|微信号|抖音号|快手号|SC)[:：是为 ]{0,2}[A-Za-z]{0,4})(\d{2,})(?![\d.])"
        ),
        _registration,
    ),
    (
        re.compile(r"(GB(?:/T)?|QB(?:/T)?|ISO|T/[A-Z]+)( ?)(\d{3,6}(?:\.\d+)?)(?:-(\d{4}))?(?!\d)"),
        lambda m: (
            m.group(1).replace("/", "")
            + digits(m.group(3))
            + ("杠" + digits(m.group(4)) if m.group(4) else "")
        ),
    ),
    # Shopping days and generations.
    (re.compile(r"双 ?(\d{1,2})(?!\d)"), lambda m: "双" + cardinal(m.group(1))),
    (
        re.compile(
            r"(?<![\d.¥满减])(6\.?18|8\.?18|11\.11|1111|12\.12|1212|9\.9|99|3\.8|38|3\.15|315|5\.20|520)"
            r"(?=大促|狂欢|购物节|女神节|女王节|妇女节|节|预售|返场|晚会|打假|年中|情人节|告白|聚划算|划算|礼盒|礼物|表白)"
        ),
        _each,
    ),
    (re.compile(r"(?<![\d.¥满减])618(?=活动|期间|当天|来|到|快|前|后|价|福利|$|[，。！？])"), _each),
    (re.compile(r"(?<!\d)([0-9][05])(后)(?!\d)"), _decade),
    (re.compile(r"(?<=扣)\d+"), _each),
    (
        re.compile(
            r"(?<![\d.¥:：-])(6{3,}|8{3,}|233+|520|1314)"
            rf"(?=$|[，。！？!?~ ]|的扣|刷|走一波)(?![{_COUNTS}])"
        ),
        _each,
    ),
    (re.compile(r"(?<!\d)\d{1,2}·\d{1,2}(?!\d)"), _each),
    # Models, vitamins, sun protection.
    (re.compile(r"(?<=\d)[vV](?=\d(?![A-Za-z\d.]))"), lambda _: "对"),
    (re.compile(r"(?<=\d)\s?(?:in|IN)\s?(?=1(?!\d))"), lambda _: "合"),
    (re.compile(r"(?<![\d.])\d{3}(?=L?不锈钢|L?医用钢|纯?银|足银|足金)"), _each),
    (re.compile(r"(IPX?)(\d{1,2})(?!\d)"), lambda m: m.group(1) + digits(m.group(2))),
    (re.compile(r"(PA)\s?(\++)"), _pluses),
    (re.compile(r"(?<![\d.])([Vv]?)(?!(?:19|20)\d\d\.\d\d?\.\d\d?(?!\d))(\d+(?:\.\d+){2,})(?!\d)"), _version),
    (re.compile(r"(?<![\d.])\d{3,4}(?=[Pp](?![A-Za-z]))"), _each),
    (re.compile(r"(?<![A-Za-z\d.])([A-Za-z]+)-?(\d+(?:\.\d+)?)(?![.\d])(\+*)"), _model),
)
