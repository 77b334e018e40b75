"""What the parts of the claim check share: clauses, and the text without what it may say literally."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product
from livehost.chinese import folded
from livehost.compliance.grounds import UNIT_OF
from livehost.compliance.types import Verdict

LITERAL = 8  # characters from which on a fact's wording is known again as it stands
NAMED = "某某"
WORDED = "某语"  # a wording of the facts, as it stands there
_BREAK = "，。；！？,.;!?:：\n…"
NOTHING_SAID = re.compile(
    r"客服|确认|核实|查一下|查一查|问一下|问清|咨询|不清楚|不确定|不敢乱说|资料|没写|没有写|没有标|未标|为准|谨慎|"
    r"[?？]|[吗么嘛]$|是不是|有没有|能不能|可不可以|会不会|要不要|哪些|哪种|怎么|什么|想知道|想问|有问|问到|问的|关于|扣\d|打在公屏|还是"
)

# A finding: rule, words, category, why, verdict.
Found = tuple[str, str, str, str, Verdict]
T = TypeVar("T")
MOST_CATALOGS = 32


def once_a_catalog(build: Callable[[Catalog], T]) -> Callable[[Catalog], T]:
    """What is read from a catalogue, read once: kept by the catalogue's identity, the oldest dropped."""
    kept: OrderedDict[int, tuple[Catalog, T]] = OrderedDict()

    def read(catalog: Catalog) -> T:
        found = kept.get(id(catalog))
        if found is None:
            found = kept[id(catalog)] = (catalog, build(catalog))  # held, so that its identity stays its own
            while len(kept) > MOST_CATALOGS:
                kept.popitem(last=False)
        return found[1]

    return read


@once_a_catalog
def product_names(catalog: Catalog) -> re.Pattern[str] | None:
    """The names of all products and of the shop as one expression."""
    names = {folded(n).replace(" ", "") for p in catalog.products for n in (p.name, p.registration or "")}
    names |= {folded(n).replace(" ", "") for p in catalog.products for n in p.aliases if len(n) > 1}
    names |= {folded(catalog.shop.name)} if catalog.shop.name else set()
    ordered = sorted((n for n in names if len(n) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


def literal(facts: tuple[Fact, ...], product: Product | None) -> tuple[str, ...]:
    """Wordings that stand in the facts as they are: what they hold needs no other ground."""
    long = [fact.value for fact in facts if fact.field.startswith("sensitive.") or _is_wording(fact)]
    basis = product.list_price.basis if product is not None and product.list_price else None
    return (*long, basis) if basis and any(fact.field == "list_price" for fact in facts) else tuple(long)


def _is_wording(fact: Fact) -> bool:
    return len(fact.value) >= LITERAL and fact.field.partition(".")[0] not in UNIT_OF


def unnamed(text: str, catalog: Catalog, wordings: tuple[str, ...]) -> str:
    """The text with names of products and literal wordings as one sign: what stands in them is no new claim."""
    plain = squeezed(text)
    for wording in wordings:
        plain = plain.replace(squeezed(wording), WORDED)
    pattern = product_names(catalog)
    return pattern.sub(NAMED, plain) if pattern else plain


@lru_cache(maxsize=4096)
def squeezed(text: str) -> str:
    """A text folded, without the spaces that separate nothing."""
    return re.sub(r"(?<![a-z0-9])\s+|\s+(?![a-z0-9])", "", folded(text))


def clause_of(text: str, start: int, end: int) -> tuple[str, int]:
    """The clause around a stretch of text (with its closing mark), and where the stretch begins in it."""
    left = max(text.rfind(mark, 0, start) for mark in _BREAK) + 1
    rights = [at for mark in _BREAK if (at := text.find(mark, end)) >= 0]
    return text[left : min(rights) + 1 if rights else len(text)], start - left


_BY_SERVICE = re.compile(
    r"(?:客服|同事)[^,。;!?:]{0,8}(?:确认|核实|答复|回复|看|查)|请[^,。;!?:]{0,8}(?:确认|核实)"
)


def says_nothing(text: str, clause: str, end: int) -> bool:
    """Whether a clause only asks, or leaves the answer to the shop's service (maybe in the clause after it)."""
    return bool(NOTHING_SAID.search(clause) or _BY_SERVICE.search(sentence_rest(text, end)))


def sentence_rest(text: str, end: int) -> str:
    """What follows a place up to the end of its sentence."""
    return re.split(r"[。;!?\n]", text[end:], maxsplit=1)[0]
