"""What a sentence claims, as tokens: numbers with their units, names, claim words, negations.

The words come from `faithful.yaml` and from the catalogue. Everything else is manner of speaking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from livehost.answers.facts import money
from livehost.answers.intents import REGIONS
from livehost.answers.tables import packaged_yaml
from livehost.catalog import Catalog, Product
from livehost.chinese import folded, numeral


class Kind(Enum):
    """What a token is, and so what a rewording may do with it."""

    PRODUCT = "product"  # the name of a product or an alias of it: stands in both
    NAME = "name"  # another name of the catalogue (an ingredient, a place, a gift): stands in both
    KEEP = "keep"  # a word that changes what is claimed: stands in both
    ROLE = "role"  # what a number or a name stands for: may fall away, is never added
    CLAIM = "claim"  # a claim, promise or approval: may fall away, is never added
    YES = "yes"  # a yes before the answer
    THERE_IS = "there is"
    DEFAULT = "default"  # "in this room", "now": the same said or left out
    IDIOM = "idiom"  # manner of speaking that looks like a claim
    NUMBER = "number"  # value and unit: stands in both
    NEGATION = "negation"
    LATIN = "latin"  # a word in Latin letters: stands in both
    QUESTION = "question"


@dataclass(frozen=True)
class Token:
    """One token. `value` is the same for words that mean the same; `group` tells names apart that can
    be mistaken for each other; `clause` counts clauses from the text's start."""

    kind: Kind
    value: str
    group: str
    clause: int
    start: int
    end: int


@dataclass(frozen=True)
class Claims:
    """A text folded, with its tokens in order and how many of its sentences ask something."""

    text: str
    tokens: tuple[Token, ...]
    clauses: int
    questions: int

    def of(self, *kinds: Kind) -> tuple[Token, ...]:
        """The tokens of some kinds."""
        return tuple(token for token in self.tokens if token.kind in kinds)

    def values(self, *kinds: Kind) -> set[str]:
        """What the tokens of some kinds say."""
        return {token.value for token in self.tokens if token.kind in kinds}


_UNITS = (
    "个小时|小时|钟头|分钟|刻钟|秒钟|秒|个月|个工作日|工作日|星期|礼拜|周岁|岁|周|号链接|号|块钱|元钱|块|元|毛|折|倍|%|"
    "毫升|ml|千克|公斤|kg|克|mg|g|升|l|厘米|cm|毫米|mm|米|m|寸|码|斤|两|"
    "天|日|年|月|点|个|件|份|支|瓶|盒|包|袋|片|粒|颗|滴|次|张|条|款|种|双|套|罐|桶|抽|枚|贴|步|位|人|层|度|页|台|只|把|杯|勺|餐|顿|遍"
)
_SAME_UNIT = {
    "块": "元", "块钱": "元", "元钱": "元", "号链接": "号", "个小时": "小时", "钟头": "小时", "毫升": "ml", "克": "g",
    "公斤": "kg", "千克": "kg", "升": "l", "厘米": "cm", "毫米": "mm", "星期": "周", "礼拜": "周", "个工作日": "工作日",
    "秒钟": "秒",
}  # fmt: skip
_HAN_NUMBER = "零〇一二两三四五六七八九十百千万半"
_NUMBER = re.compile(
    rf"(?P<percent>百分之)?(?P<number>\d+(?:\.\d+)?万?|[{_HAN_NUMBER}]+(?:点[零〇一二三四五六七八九]+)?)"
    rf"(?P<unit>{_UNITS})?"
)
_TENTHS = re.compile(r"(?<=块)[一二三四五六七八九1-9](?![\d一二三四五六七八九十百])")
_RANGE = re.compile(r"\s*(?:到|至|-|~|－|～|—)\s*$")
_LATIN = re.compile(r"[a-z][a-z0-9+.\-]*")
_NEGATION = re.compile(r"没有|[不没无未勿别非莫甭]")
_PIECE = re.compile(rf"{_NUMBER.pattern}|(?P<latin>{_LATIN.pattern})|(?P<negation>{_NEGATION.pattern})")
_BREAK = re.compile(r"[,。;!?:\n…]")
_SENTENCE = re.compile(r"[^。!?\n]*[。!?\n]*")
_ASKS = (
    "是不是",
    "对不对",
    "要不要",
    "能不能",
    "好不好",
    "有没有",
    "会不会",
    "可不可以",
    "是否",
    "行不行",
    "吗",
    "难道",
)

_Entry = tuple[Kind, str, str]


class Lexicon:
    """The words that the check knows: those of `faithful.yaml` and, where one is given, a catalogue's."""

    def __init__(self, catalog: Catalog | None) -> None:
        import ahocorasick

        words = dict(_general())
        for text, entry in _catalog_words(catalog) if catalog is not None else ():
            words[text] = entry
        self._automaton: Any = ahocorasick.Automaton()
        for text, entry in words.items():
            self._automaton.add_word(text, (len(text), entry))
        self._automaton.make_automaton()

    def read(self, text: str) -> Claims:
        """What a text claims."""
        plain = re.sub(r"(?<![a-z0-9])\s+|\s+(?![a-z0-9])", "", folded(text))
        tokens: list[Token] = []
        at = 0
        for start, end, (kind, value, group) in self._found(plain):
            tokens += _gap(plain, at, start)
            tokens.append(Token(kind, value, group, _clause(plain, start), start, end))
            at = end
        tokens += _gap(plain, at, len(plain))
        questions = sum(
            1
            for sentence in _SENTENCE.findall(plain)
            if sentence.endswith("?") or any(word in sentence for word in _ASKS)
        )
        return Claims(plain, tuple(tokens), _clause(plain, len(plain)) + 1, questions)

    def _found(self, plain: str) -> Iterator[tuple[int, int, _Entry]]:
        """The words of the lexicon in a text, the leftmost and longest, never inside a longer number."""
        for last, (length, entry) in self._automaton.iter_long(plain):
            start, end = last + 1 - length, last + 1
            before, after = plain[start - 1 : start], plain[end : end + 1]
            if plain[start].isascii() and plain[start].isalnum() and _joins(before):
                continue
            if plain[last].isascii() and plain[last].isalnum() and _joins(after) and after != ".":
                continue
            yield start, end, entry


def _joins(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == ".")


def _clause(plain: str, position: int) -> int:
    return len(_BREAK.findall(plain, 0, position))


def _gap(plain: str, start: int, end: int) -> list[Token]:
    """Numbers, Latin words and negations between the words of the lexicon."""
    tokens: list[Token] = []
    for match in _PIECE.finditer(plain, start, end):
        clause = _clause(plain, match.start())
        at = (clause, match.start(), match.end())
        if match["latin"]:
            tokens.append(Token(Kind.LATIN, match["latin"].rstrip(".-"), "", *at))
        elif match["negation"]:
            tokens.append(Token(Kind.NEGATION, "不", "", *at))
        elif (number := _number(plain, match)) is not None:
            tokens.append(Token(Kind.NUMBER, number[0], number[1], *at))
    return _ranges(plain, tokens)


def _ranges(plain: str, tokens: list[Token]) -> list[Token]:
    """Two numbers of one range (2到4天) as one."""
    out: list[Token] = []
    for token in tokens:
        one = out[-1] if out else None
        both = one is not None and one.kind is token.kind is Kind.NUMBER
        if one and both and one.group in ("", token.group) and _RANGE.fullmatch(plain[one.end : token.start]):
            value = f"{one.value.removesuffix(one.group)}-{token.value}"
            out[-1] = Token(Kind.NUMBER, value, token.group, one.clause, one.start, token.end)
        else:
            out.append(token)
    return out


def _number(plain: str, match: re.Match[str]) -> tuple[str, str] | None:
    """Value and unit of a number, None where it is none (the second half of an amount)."""
    text, unit = match["number"], match["unit"] or ""
    if _TENTHS.fullmatch(plain, match.start("number"), match.end("number")):
        return None
    value = _value(text)
    if value is None:
        return text + unit, unit
    if match["percent"]:
        unit = "%" + unit
    if unit == "块" and (tenths := _TENTHS.match(plain, match.end())):
        value += (numeral(tenths[0]) or 0) / 10
    if unit == "号" and plain[: match.start("number")].endswith("月"):
        unit = "日"
    unit = _SAME_UNIT.get(unit, unit)
    return f"{value:.4f}".rstrip("0").rstrip(".") + unit, unit


def _value(text: str) -> float | None:
    if text == "半":
        return 0.5
    if text.endswith("万") and len(text) > 1:
        inner = _value(text[:-1])
        return None if inner is None else inner * 10_000
    whole, _, part = text.partition("点")
    if part:
        head = numeral(whole)
        digits = "".join(str(numeral(c)) for c in part)
        return None if head is None else float(f"{head}.{digits}")
    if text[0].isdecimal():
        return float(text)
    found = numeral(text)
    return None if found is None else float(found)


@cache
def _general() -> dict[str, _Entry]:
    """The words of `faithful.yaml` with their kinds; regions are names of places."""
    table = packaged_yaml("faithful.yaml")
    words: dict[str, _Entry] = {}
    words |= {folded(w): (Kind.CLAIM, folded(w), "") for line in table["may"] for w in line}
    for kind, name in ((Kind.CLAIM, "allow"), (Kind.ROLE, "roles"), (Kind.KEEP, "keep")):
        words |= {folded(w): (kind, folded(same[0]), "") for same in table[name] for w in same}
    words |= {folded(w): (Kind.YES, folded(w), "") for w in table["consent"]}
    words |= {folded(w): (Kind.THERE_IS, folded(w), "") for w in table["there_is"]}
    words |= {folded(w): (Kind.DEFAULT, "", "") for w in table["default"]}
    words |= {folded(w): (Kind.NAME, folded(w), "place") for w in (*table["places"], *REGIONS)}
    words |= {folded(w): (Kind.IDIOM, "", "") for w in table["idioms"]}
    words |= {w: (Kind.QUESTION, "", "") for w in _ASKS}
    return words


def _catalog_words(catalog: Catalog) -> Iterator[tuple[str, _Entry]]:
    """Every name of a catalogue, the most telling last."""
    shop = catalog.shop
    for text in (*(shop.services or ()), shop.contact, shop.name):
        if text and len(text) <= 24:
            yield _name(text, "")
    for product in catalog.products:
        for group, texts in _names(product).items():
            for text in texts:
                if len(text) <= 32:
                    yield _name(text, group)
    owners: dict[str, set[str]] = {}
    for product in catalog.products:
        for text in (product.name, *product.aliases):
            owners.setdefault(folded(text).replace(" ", ""), set()).add(product.id)
    for text, ids in owners.items():
        yield text, (Kind.PRODUCT, "/".join(sorted(ids)), "product")


def _name(text: str, group: str) -> tuple[str, _Entry]:
    plain = re.sub(r"(?<![a-z0-9])\s+|\s+(?![a-z0-9])", "", folded(text))
    return plain, (Kind.NAME, plain, group)


def _names(product: Product) -> dict[str, tuple[str, ...]]:
    shipping = product.shipping
    listed = product.list_price
    return {
        "": (
            *(product.free_of or ()), *(product.ingredients or ()), *(product.suitable_for or ()),
            *(product.not_for or ()), *(c.text for c in product.claims or ()), *(product.highlights or ()),
            *(c.evidence for c in product.claims or () if c.evidence),
            *((product.registration,) if product.registration else ()),
            *((product.invoice,) if product.invoice else ()),
        ),
        "basis": (listed.basis, f"{listed.basis}{money(listed.amount)}元") if listed else (),
        "gift": tuple(g.name for g in product.gifts or ()),
        "spec": tuple(s.name for s in product.specs or ()),
        "courier": shipping.courier or (),
        "place": tuple(t for t in (product.origin, shipping.from_, *(shipping.not_to or ())) if t),
    }  # fmt: skip
