"""Of which product each clause of a text is said, and what the review finds clause by clause.

A clause is said of the product that it names (by name, alias or kind); one that names none is said of the
product that the text named before, else of the line's own. Where no product can be told, words that are
a claim of any goods of the catalogue are left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from livehost.answers.goods import Noun, shelf
from livehost.catalog import Catalog, Product
from livehost.chinese import folded, numeral
from livehost.compliance.claim_check import OTHERWISE
from livehost.compliance.claim_text import once_a_catalog
from livehost.compliance.phrases import Group, Phrases
from livehost.compliance.review import review, that_hit
from livehost.compliance.types import Hit

_CLAUSE = re.compile(
    r"(?:[^，。；！？;!?:：\n…,.]|[,.:](?=\d))+(?:[，。；！？;!?:：\n…,.]+|$)|[，。；！？;!?:：\n…,.]+"
)
_SENTENCE_ENDS = "。！？!?\n"
# Goods that only stand beside those which a clause is about: 送一包茶叶, 搭配精华用, 泡茶的朋友.
_BESIDE = re.compile(
    r"(?:配|搭|送|赠|附|装|放|盛|泡|煮|炒|煎|炖|喝|吃|像|比|代替|替代|[再先]用|[用涂敷洗抹喝吃]完)"
    r"(?:的|了|过|着|点|你|您|大家|上|一?[个包袋瓶份盒条支片杯])*$"
)
_MEANWHILE = re.compile("(?:之后|之前|以后|以前|[后前完时]|的时候)(?!发|天|台)")
_USED = re.compile(r"(?:含有?|加了?|[用拿放])(?:点|一?[个包袋瓶份盒条支片杯口])*$")
_LINK = re.compile(
    r"([\d一二两三四五六七八九十]{1,3})号(?:链接|商品|宝贝|车)|(?:链接|小黄车)([\d一二两三四五六七八九十]{1,3})号"
)
# Said of everything that is sold here.
_ALL = re.compile(
    "全场|全店|全部商品|所有(?:商品|宝贝|产品|东西)|(?:店里|直播间里?|今天)的?(?:商品|宝贝|东西|链接)(?:全|每[款件样个])?都"
    "|每[款件样]都"
)
_CLAIMING = ("food", "health_food", "cosmetics")  # goods of which effects are claimed, and may not be
SHORTEST = 5  # characters of a wording that is known again as it stands
_PLAIN = ("apparel", "home", "other")


@dataclass(frozen=True)
class Clause:
    """A stretch of a text and the products of which it is said; none: it cannot be told.

    `borne`: whose facts must bear it out. `ruled`: whose rules it must keep. `named`: it names them itself.
    """

    start: int
    end: int
    borne: tuple[Product, ...]
    ruled: tuple[Product, ...]
    named: bool


def said_of(text: str, catalog: Catalog, product: Product | None, *, own: bool) -> tuple[Clause, ...]:
    """The clauses of a text. `own`: the product is the line's own, not only the one that is on air."""
    spans = [match.span() for match in _CLAUSE.finditer(text)]
    named = [_named(text[start:end], catalog, product) for start, end in spans]
    found: list[Clause] = []
    for number, (start, end) in enumerate(spans):
        every, meant = named[number]
        if every:
            borne = meant or ((product,) if product is not None else every)
            found.append(Clause(start, end, borne, every, True))
            continue
        if _ALL.search(text[start:end]):
            found.append(Clause(start, end, catalog.products, (), False))
            continue
        before = next((m for _, m in reversed(named[:number]) if m), ())
        about = before or _ahead(text, spans, named, number)
        default = (product,) if product is not None else ()
        found.append(Clause(start, end, default if own and default else before or default, about, False))
    return tuple(found)


def _ahead(
    text: str,
    spans: list[tuple[int, int]],
    named: list[tuple[tuple[Product, ...], tuple[Product, ...]]],
    number: int,
) -> tuple[Product, ...]:
    """What the rest of a clause's sentence names: 想减肥，就喝这款茶."""
    for at in range(number, len(spans)):
        if named[at][1]:
            return named[at][1]
        if text[spans[at][1] - 1] in _SENTENCE_ENDS:
            break
    return ()


def _named(
    clause: str, catalog: Catalog, product: Product | None
) -> tuple[tuple[Product, ...], tuple[Product, ...]]:
    """All products that a clause names, and those that it is about."""
    plain = _plain(clause)
    for words in _wordings(product) if product is not None else ():
        plain = plain.replace(words, "")  # 洁面后敷15分钟 of the mask's own usage
    every = {one.id: one for one in _linked(plain, catalog)}
    meant = dict(every)
    for noun in shelf(catalog).nouns(plain):
        own = product is not None and product.id in noun.products
        if not noun.products or (product is not None and not own and _held(noun.word, product)):
            continue
        found = {one: catalog.product(one) for one in noun.products}
        found = {product.id: product} if own and product is not None else found
        every |= found
        if own or product is None or not _beside(plain, noun):
            meant |= found
    return tuple(every.values()), tuple(meant.values())


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", folded(text))


def _wordings(product: Product) -> Iterator[str]:
    """The clauses of what the catalogue says of a product's use and asks, which may name other goods."""
    for text in (product.usage or "", *(one.a for one in product.faq), *(product.suitable_for or ())):
        for match in _CLAUSE.finditer(text):
            if len(plain := _plain(match[0])) >= SHORTEST:
                yield plain


def _linked(plain: str, catalog: Catalog) -> Iterator[Product]:
    """The products behind the link numbers of a clause: 2号链接."""
    for match in _LINK.finditer(plain):
        number = numeral(match[1] or match[2])
        product = catalog.by_link(number) if number is not None else None
        if product is not None:
            yield product


def _held(word: str, product: Product) -> bool:
    """Whether a word is only what a product is made of or comes with: 木铲 of the pan."""
    gifts = (gift.name for gift in product.gifts or ())
    held = (*gifts, *(product.ingredients or ()), *(product.highlights or ()))
    return any(word in folded(one) for one in held)


def _beside(plain: str, noun: Noun) -> bool:
    """Whether a noun only stands beside what the clause is about."""
    before = plain[: noun.start]
    if _BESIDE.search(before) or _MEANWHILE.match(plain[noun.end :]):
        return True
    return bool((noun.matter or noun.tool) and _USED.search(before))


def ruled(
    text: str,
    at: int,
    clauses: tuple[Clause, ...],
    product: Product | None,
    catalog: Catalog,
    now: datetime,
    *,
    doubt: bool,
    phrases: Phrases | None = None,
) -> Iterator[Hit]:
    """What the rules find in a part of the text that begins at `at`, by each product it is said of.

    `doubt`: where no product can be told, claims of any goods of the catalogue are to be looked at.
    """

    def within(hit: Hit) -> list[Clause]:
        start, end = hit.span[0] + at, max(hit.span[1], hit.span[0] + 1) + at
        return [one for one in clauses if one.start < end and start < one.end]

    for hit in review(text, product=product, now=now, phrases=phrases).hits:
        if product is None and all(one.named for one in within(hit)):
            continue  # the products that are named there decide
        yield _moved(hit, at)
    others = {one.id: one for clause in clauses for one in clause.ruled if one is not product}.values()
    hit_in = {
        category: that_hit(text, category=category, now=now, phrases=phrases)
        for category in {one.category for one in others}
    }
    for other in others:
        for hit in review(text, product=other, now=now, phrases=hit_in[other.category]).hits:
            if any(other in one.ruled for one in within(hit)):
                yield _moved(hit, at)
    if not doubt:
        return
    for hit in _claims_of_any(text, product, catalog, now):
        if any(not one.ruled for one in within(hit)):
            yield _moved(hit, at)


def _claims_of_any(text: str, product: Product | None, catalog: Catalog, now: datetime) -> Iterator[Hit]:
    """What could be a claim of some goods of the catalogue, left to a person."""
    if product is not None and product.category not in _PLAIN:
        return
    found = [
        hit
        for category in _CLAIMING
        if any(one.category == category for one in catalog.products)
        for hit in review(text, category=category, now=now).hits
    ]
    if (never := _never_said(catalog)) is not None:
        found += review(text, now=now, phrases=never).hits
    for hit in found:
        yield replace(hit, verdict="review", why=f"{hit.why}；看不出说的是哪款商品")


@once_a_catalog
def _never_said(catalog: Catalog) -> Phrases | None:
    """What any product of the catalogue may not be said of, as one group."""
    words = tuple(dict.fromkeys(word for one in catalog.products for word in one.never_say))
    group = Group(name="never_say", verdict="review", why="有商品禁说", words=words, denial=False)
    return Phrases((group,)) if words else None


def claimed(
    clauses: tuple[Clause, ...],
    unfounded: Callable[[Product | None, int, int], tuple[Hit, ...]],
) -> Iterator[Hit]:
    """What no product that a clause is said of bears out, and what one of them says otherwise.

    `unfounded` finds the claims of a stretch of the text that stand on nothing the catalogue says of a product.
    """
    runs: list[Clause] = []
    for clause in clauses:
        if runs and runs[-1].borne == clause.borne:
            runs[-1] = replace(runs[-1], end=clause.end)
        else:
            runs.append(clause)
    for run in runs:
        by_product = [unfounded(one, run.start, run.end) for one in run.borne or (None,)]
        everywhere = set.intersection(*(set(map(_what, hits)) for hits in by_product))
        for hit in dict.fromkeys(hit for hits in by_product for hit in hits):
            if _what(hit) in everywhere or hit.why.startswith(OTHERWISE):
                yield _moved(hit, run.start)


def _what(hit: Hit) -> tuple[str, tuple[int, int]]:
    return hit.rule, hit.span


def _moved(hit: Hit, by: int) -> Hit:
    return replace(hit, span=(hit.span[0] + by, hit.span[1] + by))
