"""`check_said`: may these words be spoken or shown, whoever wrote them?

The phrase rules (`review`) say what may never be said. Beyond these, whatever is said of the goods must
stand in the facts of this answer: every number with its unit (`claim_numbers`), every ingredient, group,
gift, place, courier, effect and paper (`claim_names`), every comparison, offer, service and date, and what
the catalogue answers with yes or no (包邮, 运费险, 有货, …).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from livehost.answers.facts import NONE, value_of
from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product
from livehost.compliance.claim_names import unfounded_gifts, unfounded_names
from livehost.compliance.claim_numbers import MEASURED, unfounded_numbers
from livehost.compliance.claim_text import Found, clause_of, literal, says_nothing, unnamed
from livehost.compliance.grounds import Grounds, grounds, read_numbers
from livehost.compliance.review import review
from livehost.compliance.types import Hit, Review, worst
from livehost.compliance.urgency import borne_out

# What the catalogue answers with yes or no: words, fields of which one must say so.
_YES_NO: tuple[tuple[re.Pattern[str], tuple[str, ...], str], ...] = (
    (re.compile("包邮|免邮|免运费|邮费全免"), ("shipping.free",), "包邮"),
    (re.compile("运费险"), ("returns.insurance",), "运费险"),
    (re.compile("[七7]天无理由|无理由退"), ("returns.seven_days",), "无理由退货"),
    (re.compile("(?<!没)有货|现货(?!架)"), ("in_stock", "stock"), "有货"),
    (re.compile("发票"), ("invoice",), "发票"),
    (re.compile("正品|保真|假一赔"), ("shop.authentic", "shop.services"), "正品保障"),
    (re.compile("优惠券|满减|立减|返现|(?<![入门])券(?!后)"), ("coupon",), "优惠券"),
    (re.compile("赠品|附赠|加赠|赠送|还送|再送|另送|加送"), ("gifts",), "赠品"),
    (re.compile("缺货|断货|没货|售罄|卖完了"), ("in_stock",), "缺货"),
)
# Services that only the shop's or the product's own words may promise.
_SERVICES = re.compile(
    "质保|保修|以旧换新|上门(?:安装|取件|维修)|无条件退|包退|包换|退一赔|[坏碎破]了?(?:包赔|就赔|给补)|破损(?:包赔|必赔|补发)|补差价|保价|价保|"
    "免费(?:试用|试吃|试穿|安装|退换|上门|换新)|终身(?:质保|保修|免费|换新)|专票|增票|专用发票|纸质发票|(?:专柜|支持)验货|先用后付|分期|货到付款|开箱验货|运费(?:我们|店铺|商家)(?:出|承担)|退货包|送货上门|包安装"
)
_TIMED = re.compile(
    "(?:今天|今晚|今日|明天|明晚|明早|后天|当天|当日|次日|隔天|隔日|马上|立刻|本周|这周|下周|周[一二三四五六日末天]|月底|下个月|年底|两三天|三五天|几天)"
    "(?:之内|以内|内|就|都|能|可以|准时|一定|直接|全部|统一|给你|给大家)*(?:发货|发出|发走|发(?!现|给|在|个|错)|到货|到手|到家|送达|送到|补货|上架|回货|到[你您]|到(?=[,。;!?了哦呢哈啦]|$))"
)
_COMPARED = re.compile(
    r"比(?!如|较(?!.{0,4}(?:别|其他|它)|好|高|强|便宜)|方|例|起来|心|赛|一比|划)[^,。;!?:]{1,10}?(?:便宜|划算|实惠|低|好|强|更|多|快|大|高|省|耐用|温和|安全|厉害|香|软|厚)"
    r"|平替|媲美|堪比|不输(?:给)?|秒杀(?!活动|价)|吊打|碾压|完胜|同款(?!颜色)|大牌"
)
_FREE_ONE = re.compile(
    "买[一二两三四五12345]送[一二两三四五12345]|第[二2三3]件(?:半价|[0零]元|一?[折元])|半价|[零0]元购|免单|白送|清仓|骨折"
)


_NO_RETURNS = re.compile("(?:不支持|不给|不接受|概不|一律不)退(?:货|换)?|不退不换")
_PARTLY = re.compile("拆|影响|使用|用过|剪|洗|定制|吊牌|超过|以后|过了")
_VALUE = re.compile(r"[\d.]+(?:-[\d.]+)?")
OTHERWISE = "与商品资料相反"
_NO_BEFORE = re.compile(r"(?:不|没有?|无|未)[^,。;!?:]{0,6}$")
_NO_AFTER = re.compile(r"[^,。;!?:]{0,6}(?:不(?:支持|开|能|可以|包|送|提供|行|给)|没有)")


def check_said(
    text: str,
    *,
    facts: Iterable[Fact] | None,
    product: Product | None,
    catalog: Catalog,
    now: datetime,
    approved: Iterable[str] = (),
    vouched: bool = False,
) -> Review:
    """Judge words by the phrase rules, and by whether what they claim stands in the facts.

    `facts` are those of this answer; None stands for all that the catalogue knows of the product (words
    that an operator wrote). `approved` are texts whose own figures and names may be said.
    `vouched`: a person on duty answers for the words. Plain statements that the catalogue says nothing of
    are then left to the person (review); prices, offers, groups, effects, what a rule bans and what the
    catalogue says otherwise stay blocked.
    """
    rules = review(text, product=product, now=now)
    claims = unfounded_claims(
        text, facts=facts, product=product, catalog=catalog, now=now, approved=approved, vouched=vouched
    )
    hits = (*rules.hits, *claims)
    return Review(worst(hit.verdict for hit in hits), hits)


def unfounded_claims(
    text: str,
    *,
    facts: Iterable[Fact] | None,
    product: Product | None,
    catalog: Catalog,
    now: datetime,
    approved: Iterable[str] = (),
    vouched: bool = False,
) -> tuple[Hit, ...]:
    """What words claim that the facts do not bear out; as `check_said`, without the phrase rules."""
    own = facts is not None
    known = tuple(facts) if facts is not None else all_facts(catalog, product, now)
    ground = grounds((*known, *_evidence(known, product)), tuple(approved))
    claims = read_numbers(unnamed(text, catalog, literal(known, product)))
    found = (
        *unfounded_numbers(claims, ground, lambda clause: borne_out(clause, product, now), own=own),
        *unfounded_names(claims.text, catalog, ground, own=own),
        *_yes_no(claims.text, ground),
        *_no_returns(claims.text, ground),
        *_offers(claims.text, ground),
        *unfounded_gifts(claims.text, catalog, ground),
    )
    return tuple(
        Hit(rule, _span(text, words), category, why, "review" if vouched and _borne(one) else verdict)
        for one in found
        for rule, words, category, why, verdict in (one,)
    )


def _borne(found: Found) -> bool:
    """Whether a person may answer for what no fact bears out."""
    rule, _, category, why, _ = found
    if category == "number":
        return any(
            rule.endswith(unit) and bool(_VALUE.fullmatch(rule.removesuffix(unit))) for unit in MEASURED
        )
    if category == "service":
        return rule in ("发票", "有货", "缺货") and why != OTHERWISE
    return category in ("places", "couriers", "date") and not why.startswith(OTHERWISE)


def _evidence(facts: tuple[Fact, ...], product: Product | None) -> tuple[Fact, ...]:
    """What bears out the claims among some facts."""
    if product is None or not any(fact.field == "claims" and fact.product == product.id for fact in facts):
        return ()
    return tuple(Fact(product.id, "claims", c.evidence) for c in product.claims or () if c.evidence)


def _yes_no(text: str, ground: Grounds) -> Iterator[Found]:
    for pattern, fields, name in _YES_NO:
        for match in pattern.finditer(text):
            if match[0] in ground.text:
                continue
            clause, at = clause_of(text, *match.span())
            no = bool(_NO_BEFORE.search(clause[:at]) or _NO_AFTER.match(clause[at + len(match[0]) :]))
            denied = no is not (name == "缺货")
            values = [ground.fields[field] for field in fields if field in ground.fields]
            if any((value in (NONE, "缺货", "0")) is denied for value in values):
                continue
            if not values and says_nothing(text, clause, match.end()):
                continue
            yield name, match[0], "service", OTHERWISE if values else "商品资料里没有这一条", "block"


def _no_returns(text: str, ground: Grounds) -> Iterator[Found]:
    """That nothing may be returned, where the facts do not say so."""
    known = ground.fields.get("returns.seven_days")
    for match in _NO_RETURNS.finditer(text) if known != NONE else ():
        clause, _ = clause_of(text, *match.span())
        if not _PARTLY.search(clause) and not says_nothing(text, clause, match.end()):
            yield match[0], match[0], "service", OTHERWISE if known else "商品资料里没有这一条", "block"


def _offers(text: str, ground: Grounds) -> Iterator[Found]:
    for pattern, category, why in (
        (_SERVICES, "service", "服务承诺没有依据"),
        (_TIMED, "date", "时间没有依据"),
        (_COMPARED, "comparison", "比较没有依据"),
        (_FREE_ONE, "offer", "优惠没有依据"),
    ):
        for match in pattern.finditer(text):
            clause, at = clause_of(text, *match.span())
            if category in ("service", "date") and says_nothing(text, clause, match.end()):
                continue
            if match[0] in ground.text or re.search(r"不(?:和|跟|与|作|做|去)?[^,。;!?:]{0,4}$", clause[:at]):
                continue
            yield match[0], match[0], category, why, "block"


def all_facts(catalog: Catalog, product: Product | None, now: datetime) -> tuple[Fact, ...]:
    """All that the catalogue knows of the shop and a product at this moment."""
    shop = [("", f"shop.{name}") for name in ("name", "services", "authentic", "contact")]
    own = [(product.id, name) for name in _fields(product)] if product is not None else []
    found = ((who, name, value_of(catalog, who, name, now)) for who, name in (*shop, *own))
    return tuple(Fact(who, name, value) for who, name, value in found if value is not None)


def _fields(product: Product) -> Iterable[str]:
    yield from (
        "name", "link", "price", "list_price", "coupon", "after_coupon", "gifts", "stock", "in_stock", "restock",
        "specs", "ingredients", "free_of", "claims", "suitable_for", "not_for", "usage", "lasts", "shelf_life",
        "produced", "origin", "invoice", "registration", "highlights", "sensitive.pregnancy", "sensitive.nursing",
        "sensitive.minors", "shipping.from", "shipping.within", "shipping.days", "shipping.courier", "shipping.free",
        "shipping.not_to", "returns.seven_days", "returns.exceptions", "returns.insurance",
    )  # fmt: skip
    for spec in product.specs or ():
        yield f"price.{spec.name}"
        yield f"after_coupon.{spec.name}"
    yield from (f"faq.{number}" for number in range(len(product.faq)))


def _span(text: str, words: str) -> tuple[int, int]:
    at = text.find(words)
    return (at, at + len(words)) if at >= 0 else (0, len(text))
