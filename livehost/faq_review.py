"""What an operator writes into the question-and-answer book, and whether the host may say it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from livehost.answers import Fact
from livehost.answers.claims import Kind, Token
from livehost.answers.clean import clean, squeezed
from livehost.answers.faq_book import SHOP, BookEntry, blanked, placeholders
from livehost.catalog import Catalog, Product
from livehost.chinese import with_digits
from livehost.compliance import Verdict, review
from livehost.compliance.claim_check import all_facts, check_said
from livehost.compliance.grounds import forms, grounds, read_numbers
from livehost.compliance.types import worst
from livehost.rundown import PLACEHOLDERS, fill

MAX_ANSWER = 200  # characters: what is heard in one go
_NAMES = frozenset((*PLACEHOLDERS, "shop"))
_MONEY: tuple[str, ...] = ("price", "after_coupon", "list_price")
_OWN_MONEY = re.compile("(?:满|运费|邮费|快递费|另加|加收|补)$")  # an amount of the shop's own follows
_COSTS = re.compile("(?:价|卖|要|到手|实付|只|才|仅)(?:是|为|要|就)?$")
_GOODS = re.compile("(?:这[款支瓶盒件套个条双]|它|本品|链接|价格?)(?:现在|今天|今晚|统统|一律|只|才|就)*$")
_PRICED = re.compile(
    "(?:这[款支瓶盒件套]|它|本品|链接|价|卖|到手|实付|只要|仅要|仅需|只需|拍下|现在)[^,，。;；!！?？长宽高厚]{0,6}$"
)
_ENDS = re.compile("$|[,，。;；!！?？~啦哦哈了]|一[支瓶盒件套个条双]|拿走|带走|到手|包邮")
_PIECES = re.compile(r"(?![钱就的了能拿起包吧啊呀哦一二三四五六七八九半零到带拍多不])[\u4e00-\u9fff]")
_OWN_CLAUSE = re.compile(
    "(?:券|满|减|优惠|红包|运费|邮费|快递费|押金|定金|包装费|补差|[送赠第]|[切分]成)[^,，。;；!！?？]{0,8}$"
)
_OWN_AFTER = re.compile("(?:钱|块钱)?的?(?:运费|邮费|快递费|押金|定金|红包|优惠券|券)")
_ANY_PRICE = "商品的价会变，请写 {price}，或把范围设为该商品 / a product's price: write {price}"
_SLANG = re.compile(r"(?<![\d.])\d{1,4}米(?:\d(?![\d米])|(?=$|[,，。!！?？~]|拿|抢|秒|带走|到手|就))")
_SHOP = re.compile(
    r"(?:找|认准|关注|搜|来|去)(?!我们|我家|咱|本|自家|到|不|客服|一下|一家)([^,，。;；!！?？\s]{1,8}?)(?:旗舰店|专卖店|专营店|小店|店铺|店(?!里|内|员|长|铺)|直播间)"
)
_SELF = re.compile(
    r"(?:我是|我叫|我就是|本人是|本人叫)(?!不|真|主播|你|大家|这|那|店|客|一)([\u4e00-\u9fff]{2,4})(?=$|[,，。;；!！?？~])"
)
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蔡蒋余杜叶程苏魏吕丁任卢姚沈钟姜崔谭陆范汪廖石贾夏韦付方邹熊孟秦邱侯江尹薛闫雷龙史陶贺顾毛郝龚邵万覃武钱戴严莫孔"
)
_COUPON = re.compile("券|减|满|优惠")
_SIGNS = re.compile("[|｜→⇒]|[=＝][>＞]")  # they part what is pasted


def _writable(text: str) -> str:
    if any(unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") for char in text):
        raise ValueError("有不能用的控制字符 / a control character is in it")
    if _SIGNS.search(text):
        raise ValueError("不能含 | 和箭头 / it must not hold | or an arrow")
    if not re.search(r"\w", text):
        raise ValueError("没有字 / there are no words in it")
    return text


def _keyword(text: str) -> str:
    if any(sign in text for sign in "、,，;；+＋"):
        raise ValueError("关键词里不能有 、，；+ / a keyword must not hold 、 , ; or +")
    return _writable(text)


_Stripped = StringConstraints(strip_whitespace=True, min_length=1, max_length=60)
Keyword = Annotated[str, _Stripped, AfterValidator(_keyword)]
Asked = Annotated[str, _Stripped, AfterValidator(_writable)]
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_ANSWER),
    AfterValidator(_writable),
]
Scope = Annotated[
    str,
    StringConstraints(max_length=120, pattern=r"^(shop|persona:[A-Za-z0-9._-]+|product:[A-Za-z0-9._-]+)$"),
]


class EntryWritten(BaseModel):
    """An entry as an operator writes it; an answer may hold `{price}`, `{link}` and what else a script may."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    keywords: tuple[tuple[Keyword, ...], ...] = Field(
        (),
        max_length=40,
        description="Groups: all words of one group must stand in the line; a word by itself is a group",
    )
    questions: tuple[Asked, ...] = Field((), max_length=40, description="What viewers ask, in their words")
    answers: tuple[Words, ...] = Field(min_length=1, max_length=10, description="Said in turn")
    scope: Scope = Field(SHOP, description="shop, persona:<id> or product:<id>")
    cool_down_s: float = Field(0, ge=0, le=86_400, description="Not said again within so many seconds")
    enabled: bool = True

    @field_validator("keywords", mode="before")
    @classmethod
    def _grouped(cls, given: Any) -> Any:
        """A word where a group may stand is a group of its own: ["会员", "退款"]."""
        return [[one] if isinstance(one, str) else one for one in given] if isinstance(given, list) else given

    @model_validator(mode="after")
    def _is_found(self) -> EntryWritten:
        if not self.keywords and not self.questions:
            raise ValueError("写关键词或问法，至少一个 / write keywords or a question")
        for group in self.keywords:
            if sum(len(squeezed(clean(word))) for word in group) < 2:
                raise ValueError(
                    f"关键词「{'+'.join(group)}」太短，至少两个字 / a keyword needs two characters"
                )
        return self


@dataclass(frozen=True)
class Finding:
    """What the review found in one text: where, which rule, and whether it may be confirmed."""

    at: str
    span: tuple[int, int]
    words: str
    rule: str
    message: str
    verdict: Verdict

    def shown(self) -> dict[str, Any]:
        """As a problem's `errors` lists it."""
        return {
            "at": self.at, "span": list(self.span), "words": self.words, "rule": self.rule,
            "message": self.message, "verdict": self.verdict,
        }  # fmt: skip


@dataclass(frozen=True)
class EntryReview:
    """What was found in an entry, and for each answer the facts that its numbers stand on."""

    findings: tuple[Finding, ...]
    rests: tuple[tuple[Fact, ...], ...]

    @property
    def verdict(self) -> Verdict:
        """`block`: it is not saved; `review`: only once somebody confirms it."""
        return worst(finding.verdict for finding in self.findings)


def reviewed_entry(entry: EntryWritten, catalogs: Sequence[Catalog], now: datetime) -> EntryReview:
    """Hold every answer against the rules and the catalogue; with several, by the one that it fits best."""
    found: list[EntryReview] = []
    for catalog in catalogs:
        found.append(_in_catalog(entry, catalog, now))
        if found[-1].verdict == "pass":
            break
    order = {"pass": 0, "review": 1, "block": 2}
    return min(found, key=lambda one: (order[one.verdict], len(one.findings)))


def _in_catalog(entry: EntryWritten, catalog: Catalog, now: datetime) -> EntryReview:
    product = None
    findings: list[Finding] = []
    name = BookEntry(id="", answers=(), scope=entry.scope).product
    if name is not None:
        product = catalog.get(name)
        if product is None:
            findings.append(
                Finding(
                    "scope", (0, len(entry.scope)), name, "scope", "没有这个商品 / no such product", "block"
                )
            )
    rests = []
    for number, answer in enumerate(entry.answers):
        found, facts = _answer(f"answers.{number}", answer, product, catalog, now)
        findings += found
        rests.append(facts)
    return EntryReview(tuple(dict.fromkeys(findings)), tuple(rests))


def _answer(
    at: str, words: str, product: Product | None, catalog: Catalog, now: datetime
) -> tuple[list[Finding], tuple[Fact, ...]]:
    def finding(span: tuple[int, int], rule: str, message: str, verdict: Verdict) -> Finding:
        return Finding(at, span, words[slice(*span)], rule, message, verdict)

    whole = (0, len(words))
    try:
        unknown = [name for name in placeholders(words) if name not in _NAMES]
    except ValueError:
        return [
            finding(whole, "placeholder", "大括号不成对，或写法不对 / the braces are not right", "block")
        ], ()
    found = [
        finding(
            (place := max(0, words.find(f"{{{name}}}")), place + len(name) + 2), "placeholder",
            f"没有 {{{name}}}；可用：{'、'.join(sorted(_NAMES))} / no such placeholder", "block",
        )
        for name in unknown
    ]  # fmt: skip
    text = blanked(words)
    rules = review(text, product=product, now=now)
    found += [finding(hit.span, hit.rule, hit.why, hit.verdict) for hit in rules.hits]
    found += [finding(span, rule, why, verdict) for span, rule, why, verdict in _others(text, catalog)]
    said = check_said(text, facts=None, product=product, catalog=catalog, now=now)
    # What stands in no fact is the operator's to approve: it is said word for word and promises no price.
    found += [
        finding(hit.span, hit.rule, f"{hit.why}，请确认 / please confirm", "review")
        for hit in said.hits
        if hit not in rules.hits
    ]
    prices, rests = _figures(text, product, catalog, now)
    found += [finding(span, rule, why, "block") for span, rule, why in prices]
    filled = fill(words, product, catalog, now) if not unknown else None
    if filled is not None and filled.text != words and not any(one.verdict == "block" for one in found):
        hits = review(filled.text, product=product, now=now).hits
        found += [finding(whole, hit.rule, hit.why, "block") for hit in hits if hit.verdict == "block"]
    return found, rests


def _others(text: str, catalog: Catalog) -> Iterator[tuple[tuple[int, int], str, str, Verdict]]:
    """Other shops that viewers are sent to, and names under which the host would pass for somebody."""
    for match in _SHOP.finditer(text):
        if not catalog.shop.name or match[1] not in catalog.shop.name:
            yield match.span(), "diversion", "不要引到别的店 / it sends viewers to another shop", "block"
    for match in _SELF.finditer(text):
        if match[1][0] in _SURNAMES:
            yield (
                match.span(),
                "identity",
                "以别人的名义说话，请确认是主播自己的名字 / whose name is it",
                "review",
            )


def _figures(
    text: str, product: Product | None, catalog: Catalog, now: datetime
) -> tuple[list[tuple[tuple[int, int], str, str]], tuple[Fact, ...]]:
    """Prices that may go stale, and the facts that the other numbers of a text stand on."""
    claims = read_numbers(text)
    prices: list[tuple[tuple[int, int], str, str]] = []
    rests: dict[Fact, None] = {}
    own = all_facts(catalog, product, now)
    for token in claims.of(Kind.NUMBER):
        money = token.group == "元" or any(unit == "元" for _, unit in forms(token))
        before = claims.text[: token.start]
        if not money and not token.group and len(token.value) < 2 and not _COSTS.search(before):
            continue  # 扣1, 一
        standing = [fact for fact in own if _says(fact, token)]
        rests.update(dict.fromkeys(standing))
        priced = (
            product is None
            and (money or not token.group)
            and (_is_price(token, before, catalog, now) or _of_goods(claims.text, token, money=money))
        )
        if (money and product is not None and not standing) or priced:
            words = claims.text[token.start : token.end]
            start = text.find(words)
            span = (start, start + len(words)) if start >= 0 else (0, len(text))
            why = (
                "和商品资料里的价不一样，请写 {price} / not a price of this product; write {price}"
                if product is not None
                else _ANY_PRICE
            )
            prices.append((span, "price", why))
    if product is None:
        prices += [(span, "price", _ANY_PRICE) for span in _slang_prices(text)]
    return prices, tuple(rests)


def _of_goods(text: str, token: Token, *, money: bool) -> bool:
    """Whether an amount is said as the price of goods: 9块9, 只要九十九, 这款九十九."""
    before, after = text[: token.start], text[token.end :]
    clause = re.split("[,，。;；!！?？]", before)[-1]
    if _OWN_MONEY.search(before) or _OWN_CLAUSE.search(clause) or _OWN_AFTER.match(after):
        return False
    if money:
        return not (text[token.start : token.end].endswith("块") and _PIECES.match(after))
    short = token.value.isdigit() and len(token.value) <= 4
    return short and bool(_COSTS.search(clause) or (_GOODS.search(clause) and _ENDS.match(after)))


def _slang_prices(text: str) -> Iterator[tuple[int, int]]:
    """Where a price is written with 米 for 元: 9米9, 99米带走."""
    figures = with_digits(text)
    for match in _SLANG.finditer(figures):
        if _PRICED.search(figures[: match.start()]):
            yield match.span() if len(figures) == len(text) else (0, len(text))


def _is_price(token: Token, before: str, catalog: Catalog, now: datetime) -> bool:
    """Whether an amount is what some product costs now, or what a coupon of it takes off."""
    heads = () if _OWN_MONEY.search(before) else _MONEY
    if _COUPON.search(before[-12:]):
        heads = (*heads, "coupon")
    return any(
        fact.field.partition(".")[0] in heads and _says(fact, token)
        for one in (catalog.products if heads else ())
        for fact in all_facts(catalog, one, now)
    )


def _says(fact: Fact, token: Token) -> bool:
    numbers = grounds((fact,), ()).numbers
    value = token.value.removesuffix(token.group)
    if token.group:
        return any(form in numbers for form in forms(token))
    return any(number == value for number, _ in numbers)
