"""`check_said`: may these words be spoken or shown, whoever wrote them?

The phrase rules (`review`) say what may never be said. Beyond these, whatever is said of the goods must
stand in the facts of this answer: every number with its unit, every ingredient, group, place, courier and
comparison, and what the catalogue answers with yes or no (包邮, 运费险, 有货, …).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import yaml

from livehost.answers.claims import Claims, Kind, Token
from livehost.answers.facts import NONE, value_of
from livehost.answers.intents import REGIONS
from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product
from livehost.chinese import folded
from livehost.compliance.grounds import ANY, Grounds, forms, grounds, read_numbers
from livehost.compliance.review import review
from livehost.compliance.types import Hit, Review, Verdict

_BREAK = "，。；！？,.;!?:：\n…"
_NOTHING_SAID = re.compile(
    r"客服|确认|核实|查一下|查一查|问一下|问清|咨询|不清楚|不确定|不敢乱说|资料|没写|没有写|没有标|未标|为准|谨慎|"
    r"[?？]|[吗么嘛]$|是不是|有没有|能不能|可不可以|会不会|要不要|哪些|哪种|怎么|什么|想知道|想问|有问|问到|问的|关于|扣\d|打在公屏|还是"
)
_NOT = re.compile(
    r"(?:不含|没有|不是|不会|不能|不可|不建议|不推荐|避免|不|没|无|零|0|别|勿|非)[^,。;!?:]{0,8}$"
    r"|(?:不适合|不适宜|不适用|不宜|慎用|禁用|避开)[^,。;!?:]*$"
)
_FREE_OF = re.compile(r"(?:不含|不添加|未添加|没添加|不加|零添加|0添加|无添加|没有)[^,。;!?:]{0,6}$")
_HOLDS = re.compile(r"(?<!不)(?:含有?|成分|配料|富含|(?<!没)有|添加了|加了|加入)[^,。;!?:]*$")
_SUITS = re.compile(
    "适合|合适|适用|适宜|可以|能[用吃喝穿敷涂]|都能|也能|放心|专用|专为|专门|友好|照样|闭眼|推荐|不刺激|不过敏|选它|用它|用得|吃得|喝得|吃了|喝了|用了"
)
_UNFIT = re.compile(r"(?:不适合|不适宜|不适用|不宜)[^,。;!?:]*$")
_REFUSED = re.compile("不|别|勿|慎|禁|绕行|避|除外|咨询|医生|先问")

# What the catalogue answers with yes or no: words, fields of which one must say so.
_YES_NO: tuple[tuple[re.Pattern[str], tuple[str, ...], str], ...] = (
    (re.compile("包邮|免邮|免运费|邮费全免"), ("shipping.free",), "包邮"),
    (re.compile("运费险"), ("returns.insurance",), "运费险"),
    (re.compile("[七7]天无理由|无理由退"), ("returns.seven_days",), "无理由退货"),
    (re.compile("(?<!没)有货|现货(?!架)"), ("in_stock", "stock"), "有货"),
    (re.compile("发票"), ("invoice",), "发票"),
    (re.compile("正品|保真|假一赔"), ("shop.authentic", "shop.services"), "正品保障"),
)
_COMPARED = re.compile(
    r"比(?!如|较(?!.{0,4}(?:别|其他|它)|好|高|强|便宜)|方|例|起来|心|赛|一比|划)[^,。;!?:]{1,10}?(?:便宜|划算|实惠|低|好|强|更|多|快|大|高|省|耐用|温和|安全|厉害|香|软|厚)"
    r"|平替|媲美|堪比|不输(?:给)?|秒杀(?!活动|价)|吊打|碾压|完胜|同款(?!颜色)|大牌"
)
_FREE_ONE = re.compile(
    "买[一二两三四五12345]送[一二两三四五12345]|第[二2三3]件(?:半价|[0零]元|一?[折元])|半价|[零0]元购|免单|白送|清仓|骨折"
)

# Amounts that claim nothing.
_SOFT_UNITS = frozenset("个位款种样句步遍点层人次条只把页台顿")
_HARD_BEFORE = re.compile(
    r"(?:送|赠|减|满|抵|返|便宜|优惠|省|立减|只要|只卖|仅需|才卖|才|到手|卖|价格?|价是|原价|日常价|专柜|打|低至|库存|还有|剩|仅剩|限量|含|约|浓度)"
    r"[^,。;!?:\d]{0,4}$"
)
_TAKEN = re.compile(r"(?:用|敷|吃|喝|洗|涂|坚持|连续)(?:了|上|够|满|完|它|过)?$")
_INTERACTION = re.compile(r"(?:扣|打|刷|敲|发|回复?|按|数字|公屏)(?:个|一?波|上|一个)?$")
_CLOCK = re.compile(
    r"(?:早上?|上午|中午|下午|傍晚|晚上?|今晚|明晚|凌晨|明天|后天|每天|每晚|今天|周[一二三四五六日天])$"
)
_DIGITS = re.compile(r"[\d零〇一二两三四五六七八九十百千万半点.\-到至~]+")


def check_said(
    text: str,
    *,
    facts: Iterable[Fact] | None,
    product: Product | None,
    catalog: Catalog,
    now: datetime,
    approved: Iterable[str] = (),
) -> Review:
    """Judge words by the phrase rules, and by whether what they claim stands in the facts.

    `facts` are those of this answer; None stands for all that the catalogue knows of the product (words
    that an operator wrote). `approved` are texts whose own figures and names may be said.
    """
    rules = review(text, product=product, now=now)
    own = facts is not None
    known = tuple(facts) if facts is not None else all_facts(catalog, product, now)
    ground = grounds(known, tuple(approved))
    claims = read_numbers(_unnamed(text, catalog, ground))
    found = (
        *_numbers(claims, ground, own=own), *_names(claims.text, catalog, ground, own=own),
        *_yes_no(claims.text, ground), *_offers(claims.text, ground),
    )  # fmt: skip
    hits = tuple(
        Hit(rule, _span(text, words), category, why, verdict) for rule, words, category, why, verdict in found
    )
    hits = (*rules.hits, *hits)
    verdicts = {hit.verdict for hit in hits}
    return Review("block" if "block" in verdicts else "review" if "review" in verdicts else "pass", hits)


_Found = tuple[str, str, str, str, Verdict]


def _unnamed(text: str, catalog: Catalog, ground: Grounds) -> str:
    """The text with the names of products as one sign: a figure in a name is no claim."""
    pattern = _product_names(_key(catalog))
    plain = re.sub(r"(?<![a-z0-9])\s+|\s+(?![a-z0-9])", "", folded(text))
    return pattern.sub("某某", plain) if pattern else plain


_catalogs: dict[int, Catalog] = {}


def _key(catalog: Catalog) -> int:
    """A catalogue by its identity, kept alive while what was read from it is."""
    if id(catalog) not in _catalogs:
        if len(_catalogs) >= 64:
            _catalogs.clear()
            _product_names.cache_clear()
            _vocabulary.cache_clear()
        _catalogs[id(catalog)] = catalog
    return id(catalog)


@lru_cache(maxsize=64)
def _product_names(key: int) -> re.Pattern[str] | None:
    catalog = _catalogs[key]
    names = {folded(n).replace(" ", "") for p in catalog.products for n in (p.name, p.registration or "")}
    names |= {folded(n).replace(" ", "") for p in catalog.products for n in p.aliases if len(n) > 1}
    names |= {folded(catalog.shop.name)} if catalog.shop.name else set()
    ordered = sorted((n for n in names if len(n) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


def _numbers(claims: Claims, ground: Grounds, *, own: bool) -> Iterator[_Found]:
    for token in claims.of(Kind.NUMBER):
        value = token.value.removesuffix(token.group)
        if any(form in ground.numbers for form in forms(token)) or (value, ANY) in ground.numbers:
            continue
        if not token.group and any(n == value for n, _ in ground.numbers):
            continue
        if _says_nothing(claims.text, token, value):
            continue
        words = claims.text[token.start : token.end]
        clock = not own and words.rstrip("半钟").endswith("点") and _CLOCK.search(claims.text[: token.start])
        yield token.value, words, "number", "数字没有依据", "review" if clock else "block"


def _says_nothing(text: str, token: Token, value: str) -> bool:
    """Whether an amount claims nothing: an ordinal, 扣1, 一样, 两口, 不是39."""
    before, words = text[: token.start], text[token.start : token.end]
    if before.endswith(("第", "不是")) or (not token.group and _INTERACTION.search(before)):
        return True
    if words[0].isdigit() or len(_DIGITS.match(words)[0]) > 1:  # type: ignore[index]
        return False
    if _HARD_BEFORE.search(before[-8:]) or (value not in ("1", "0.5") and _TAKEN.search(before)):
        return False
    few = value in ("1", "0.5") and token.group not in ("元", "折", "%", "倍", "毛")
    return not token.group or token.group in _SOFT_UNITS or few


@cache
def _classes() -> dict[str, tuple[str, tuple[str, ...], bool]]:
    """Every general word: its class, the words that mean the same, and that it is a general one."""
    table: Any = yaml.safe_load(files("livehost.compliance").joinpath("claim_words.yaml").read_text("utf-8"))
    words = {
        folded(word): (kind, tuple(map(folded, same)), True)
        for kind in ("ingredients", "groups", "places", "couriers")
        for same in table[kind]
        for word in same
    }
    return {folded(region): ("places", (folded(region),), True) for region in REGIONS} | words


@lru_cache(maxsize=64)
def _vocabulary(key: int) -> Any:
    import ahocorasick

    words = dict(_classes())
    for product in _catalogs[key].products:
        shipping = product.shipping
        for kind, texts in (
            ("ingredients", (*(product.ingredients or ()), *(product.free_of or ()))),
            ("groups", (*(product.suitable_for or ()), *(product.not_for or ()))),
            ("gifts", tuple(g.name for g in product.gifts or ())),
            ("places", tuple(t for t in (product.origin, shipping.from_) if t)),
            ("couriers", shipping.courier or ()),
        ):
            for text in texts:
                plain = re.sub(r"\s+", "", folded(text))
                if 2 <= len(plain) <= 16:
                    words.setdefault(plain, (kind, (plain,), False))
    automaton = ahocorasick.Automaton()
    for word, entry in words.items():
        automaton.add_word(word, (len(word), word, entry))
    automaton.make_automaton()
    return automaton


_WHY = {
    "ingredients": "成分没有依据", "groups": "人群没有依据", "gifts": "赠品没有依据", "places": "地区没有依据",
    "couriers": "快递没有依据",
}  # fmt: skip


def _names(text: str, catalog: Catalog, ground: Grounds, *, own: bool) -> Iterator[_Found]:
    """Ingredients, groups, gifts, places and couriers that the facts do not know, or know the other way."""
    for last, (length, word, (kind, same, general)) in _vocabulary(_key(catalog)).iter_long(text):
        start, end = last + 1 - length, last + 1
        if _torn(text, word, start, end):
            continue
        clause, at = _clause(text, start, end)
        before, rest = clause[:at], _sentence_rest(text, end)
        if any(one in ground.text for one in same):
            if _contradicts(kind, same, ground, before, rest):
                yield word, word, kind, f"与商品资料相反（{_WHY[kind]}）", "block"
            continue
        if kind == "places" and "shipping.not_to" in ground.fields:
            continue
        addressed = kind == "groups" and not own and not _SUITS.search(before + rest)
        everyday = (
            kind == "ingredients"
            and not general
            and not _HOLDS.search(before)
            and not _FREE_OF.search(before)
        )
        if not addressed and not everyday and not _NOTHING_SAID.search(clause):
            yield word, word, kind, _WHY[kind], "block"


def _torn(text: str, word: str, start: int, end: int) -> bool:
    """Whether a Latin word is only part of a longer one."""
    head = word[0].isascii() and _letter(text[start - 1 : start])
    return head or (word[-1].isascii() and _letter(text[end : end + 1]))


def _letter(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _contradicts(kind: str, same: tuple[str, ...], ground: Grounds, before: str, rest: str) -> bool:
    """Whether a word that the facts know is said the other way round: 含酒精 of what is free of it."""
    has, lacks = any(w in ground.affirmed for w in same), any(w in ground.denied for w in same)
    if has == lacks:
        return False
    match kind:
        case "ingredients":
            return (
                bool(_FREE_OF.search(before))
                if has
                else bool(_HOLDS.search(before)) and not _NOT.search(before)
            )
        case "groups":
            refused = bool(_NOT.search(before) or _REFUSED.search(rest))
            return bool(_UNFIT.search(before)) if has else bool(_SUITS.search(before + rest)) and not refused
        case _:
            return False


def _sentence_rest(text: str, end: int) -> str:
    return re.split(r"[。;!?\n]", text[end:], maxsplit=1)[0]


def _clause(text: str, start: int, end: int) -> tuple[str, int]:
    """The clause around a stretch of text (with its closing mark), and where the stretch begins in it."""
    left = max(text.rfind(mark, 0, start) for mark in _BREAK) + 1
    rights = [at for mark in _BREAK if (at := text.find(mark, end)) >= 0]
    return text[left : min(rights) + 1 if rights else len(text)], start - left


def _yes_no(text: str, ground: Grounds) -> Iterator[_Found]:
    for pattern, fields, name in _YES_NO:
        for match in pattern.finditer(text):
            if match[0] in ground.text:
                continue
            clause, at = _clause(text, *match.span())
            denied = bool(re.search(r"(?:不|没有?|无|未)(?:支持|提供|是|能|可以|带|送|开)?$", clause[:at]))
            values = [ground.fields[field] for field in fields if field in ground.fields]
            if any((value in (NONE, "缺货", "0")) is denied for value in values):
                continue
            if _NOTHING_SAID.search(clause) and not values:
                continue
            yield name, match[0], "service", "商品资料里没有这一条", "block"


def _offers(text: str, ground: Grounds) -> Iterator[_Found]:
    for pattern, category, why in (
        (_COMPARED, "comparison", "比较没有依据"),
        (_FREE_ONE, "offer", "优惠没有依据"),
    ):
        for match in pattern.finditer(text):
            clause, at = _clause(text, *match.span())
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
