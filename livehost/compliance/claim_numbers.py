"""Numbers without a ground: amounts, prices beside the wrong word, times of use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from livehost.answers.claims import Claims, Kind, Token
from livehost.compliance.claim_text import Found, clause_of
from livehost.compliance.grounds import ANY, Grounds, forms
from livehost.compliance.urgency import in_the_order_of

# Amounts that claim nothing.
_SOFT_UNITS = frozenset("个位款种样句步遍点层人次条只把页台顿")
_HARD_BEFORE = re.compile(
    r"(?:送|赠(?!品)|减|满|抵|返|便宜|优惠|省|立减|只要|只卖|仅需|才卖|才|到手|卖|价格?|价是|原价|日常价|专柜|打|低至|库存|还有|剩|仅剩|限量|含|约|浓度|保质期|有效期|质保|开封后?|开盖后?)"
    r"[^,。;!?:\d]{0,4}$"
)
_TAKEN = re.compile(r"(?:用|敷|吃|喝|洗|涂|坚持|连续|撑|管)(?:了|上|够|满|完|它|过|个)?$")
_DURATIONS = frozenset(("小时", "天", "日", "周", "个月", "月", "年", "分钟", "工作日"))
_ABOUT = re.compile("[一二两三四五六七八九十]{2}(?![十百千])")
_INTERACTION = re.compile(r"(?:扣|打|刷|敲|发|回复?|按|数字|公屏)(?:个|一?波|上|一个)?$")
_CLOCK = re.compile(
    r"(?:[播讲开]到|早上?|上午|中午|下午|傍晚|晚上?|今晚|明晚|凌晨|明天|后天|每天|每晚|今天|周[一二三四五六日天])$"
)
_TALK = re.compile(r"(?:讲|聊|说|介绍|唠)(?:了|个|一下)?$")  # 讲两分钟
_CORRECTED = re.compile(r"(?:不是|别拍错?成?|不要拍成?|拍错成?)$")  # 别拍错成二号
_EACH_TIME = re.compile(r"(?:一天|每天|每日|天天|一周|每周)[^,。;!?:]{0,4}$")
_MANY = re.compile(r"[多来](?:个|件|份|支|瓶|盒|包|袋|套|箱|条|双|台|本)")
_DIGITS = re.compile(r"[\d零〇一二两三四五六七八九十百千万半点.\-到至~]+")
_ROLES = (
    (re.compile(r"(?:券后|领券后)(?:到手|价|只要|就是|是|才|只|仅)*$"), ("after_coupon", "total_after_coupon")),
    (re.compile(r"(?:到手|到手价|实付)(?:价|只要|就是|是|才|只|仅)*$"), ("after_coupon", "total_after_coupon", "price", "total")),
    (re.compile(r"(?:原价|划线价|日常价|市场价|专柜价|吊牌价|平时卖|平时)(?:是|要|都)*$"), ("list_price",)),
    (re.compile(r"(?:直播间价|直播价|现价)(?:是|只要|就是)*$"), ("price", "total")),
    (re.compile(r"(?:现在|今天|价格|只要|只卖|仅需)(?:是|只要|就是|只卖|卖|就)*$"), ("price", "total", "total_after_coupon", "after_coupon")),
    (re.compile(r"满$"), ("coupon",)),
    (re.compile(r"(?:立减|再减|减)$"), ("coupon",)),
)  # fmt: skip
# Units of what is neither money nor a count or a share of anything.
MEASURED = _DURATIONS | frozenset(("刻钟", "g", "kg", "斤", "ml", "l", "cm", "mm"))
_MONEY = frozenset(("price", "total", "after_coupon", "total_after_coupon", "list_price", "coupon"))
_USE = ("usage", "lasts", "faq", "claims", "highlights", "shop", "approved", "faq_book", "specs")
_PROSE = frozenset(("faq", "shop", "usage", "highlights", "approved", "faq_book"))


def unfounded_numbers(
    claims: Claims, ground: Grounds, borne_out: Callable[[str], bool], *, own: bool
) -> Iterator[Found]:
    """Amounts that no fact holds, prices of another role, times of use that nobody told.

    `borne_out` says whether what a clause urges with is so (最后两小时).
    """
    for token in claims.of(Kind.NUMBER):
        value = token.value.removesuffix(token.group)
        words = claims.text[token.start : token.end]
        if any(form in ground.numbers for form in forms(token)) or (value, ANY) in ground.numbers:
            if token.group == "次" and _too_often(claims.text, token, ground):
                yield token.value, words, "use", "使用次数没有依据", "block"
            elif token.group == "元" and _misplaced(claims.text, token, ground):
                yield token.value, words, "number", "这个价不是所说的那个价", "block"
            elif _of_use(claims.text, token) and not any(
                forms(token)[-1] in ground.by_head.get(head, ()) for head in _USE
            ):
                yield token.value, words, "use", "使用时间没有依据", "block"
            continue
        if not token.group and any(n == value for n, _ in ground.numbers):
            continue
        if token.group == "次" and _too_often(claims.text, token, ground):
            yield token.value, words, "use", "使用次数没有依据", "block"
            continue
        if _roughly(claims.text, token, ground):
            continue
        if _says_nothing(claims.text, token, value):
            continue
        if borne_out(clause_of(claims.text, token.start, token.end)[0]):
            continue
        clock = not own and words.rstrip("半钟").endswith("点") and _CLOCK.search(claims.text[: token.start])
        yield token.value, words, "number", "数字没有依据", "review" if clock else "block"


def _too_often(text: str, token: Token, ground: Grounds) -> bool:
    """Whether it says how often it is used in a day or a week, and no fact does."""
    if not _EACH_TIME.search(text[: token.start]):
        return False
    told = {amount for head in _USE for amount in ground.by_head.get(head, ())}
    if any("早晚各" in text for text in ground.fields.values()):
        told.add(("2", "次"))
    return forms(token)[-1] not in told


def _roughly(text: str, token: Token, ground: Grounds) -> bool:
    """Whether it tells the stock in round figures: 三百多支 of 328."""
    stock = ground.fields.get("stock", "")
    return (
        token.value.isdigit()
        and stock.isdigit()
        and bool(_MANY.match(text[token.end :]))
        and in_the_order_of(int(stock), int(token.value))
    )


def _of_use(text: str, token: Token) -> bool:
    """Whether an amount of time says how long or how often it is used (用七天)."""
    return token.group in _DURATIONS and bool(_TAKEN.search(text[: token.start]))


def _misplaced(text: str, token: Token, ground: Grounds) -> bool:
    """Whether an amount of money is some other field's than the word before it says: 券后59元.

    What is paid is the price itself only where no coupon makes it less.
    """
    for pattern, heads in _ROLES:
        if pattern.search(text[max(0, token.start - 8) : token.start]):
            others = {head for head, found in ground.by_head.items() if found & set(forms(token))}
            paid = heads[0] == "after_coupon" and "after_coupon" in ground.by_head
            allowed = set(heads) - ({"price", "total"} if paid else set())
            if "coupon" in ground.fields and not paid and heads[0] == "after_coupon":
                allowed |= {"price", "total"}
            return bool(others & _MONEY) and not others & (allowed | _PROSE)
    return False


def _says_nothing(text: str, token: Token, value: str) -> bool:
    """Whether an amount claims nothing: an ordinal, 扣1, 一样, 两口, 不是39."""
    before, words = text[: token.start], text[token.start : token.end]
    if before.endswith("第") or _CORRECTED.search(before):
        return True
    if token.group in ("分钟", "秒") and _TALK.search(before):
        return True
    if not token.group and _INTERACTION.search(before):
        return True
    if _of_use(text, token):
        return False
    several = _ABOUT.match(words) and "十" not in words[:2]
    if words[0].isdigit() or (len(_DIGITS.match(words)[0]) > 1 and not several):  # type: ignore[index]
        return False
    if _HARD_BEFORE.search(before[-8:]):
        return False
    few = (several or value in ("1", "0.5")) and token.group not in ("元", "折", "%", "倍", "毛")
    return not token.group or token.group in _SOFT_UNITS or few
