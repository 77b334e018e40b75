"""Whether a model's words say what they were to say: nothing more, nothing less, nothing else.

`faults` compares two texts by what they claim (`claims.py`): every number and name of the one
stands in the other, beside the same role and product, under the same negations; nothing is promised,
asked or named that was not; approved wording stands literally. And the words must be readable as the
core's sentences in their own or listed wordings with whole phrases of manner between (`sayings.py`).
Pure; where it is in doubt it refuses, and the template speaks.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from livehost import compliance
from livehost.answers.claims import Claims, Kind, Lexicon, Token
from livehost.answers.sayings import unsaid
from livehost.answers.types import Fact
from livehost.catalog import Product
from livehost.chinese import folded


class Reason(StrEnum):
    """Why words are refused."""

    EMPTY = "empty"
    LENGTH = "length"  # far longer or shorter than what was to be said
    JUNK = "junk"  # signs, addresses, or the same over and over
    UNFINISHED = "unfinished"
    NUMBER = "number"  # one too many, one missing, or beside another role
    NAME = "name"
    POLARITY = "polarity"  # a "not" more, less, or elsewhere
    CLAIM = "claim"  # something is claimed that was not to be said, or a word that weighs is missing
    QUESTION = "question"  # a statement became a question, or the other way round
    LITERAL = "literal"  # approved wording was changed
    CONTENT = "content"  # what was to be said is hardly there
    MANNER = "manner"  # no listed wording, and no whole phrase of manner
    RULE = "rule"  # the phrase rules


@dataclass(frozen=True)
class Fault:
    """One reason, and the words that show it."""

    reason: Reason
    words: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.words}" if self.words else str(self.reason)


# Facts whose wording was approved as it stands.
LITERAL_FIELDS = ("faq", "sensitive", "usage", "lasts", "returns.exceptions", "shop.authentic")
MORE_CHARS, MORE_TIMES = 48, 1.8
LEAST_SHARE = 0.3  # of the core's pairs of characters

_SPEAKABLE = re.compile(
    r"[\u4e00-\u9fffa-z0-9\s，。！？、；：,.!?;:~～·…（）()《》“”\"'‘’%+\-—/×*&°℃]*", re.IGNORECASE
)
_ADDRESS = re.compile(r"https?:|www\.|\.(?:com|cn|net)\b|@|<|>|【|】|\||#")
_STUTTER = re.compile(r"(.{1,6}?)\1{3,}")
_OPEN_END = re.compile(r"(?:[，、：；,:;—（(“\"‘《\-~]|[和与及或但而把被给从])$")
_TORN = re.compile("[不没无未勿别非莫甭][^一-鿿a-z0-9]")  # a "not" with a mark after it denies nothing
_MARKS = re.compile(r"[^\u4e00-\u9fffa-z0-9.]+")
_ALLOWS = re.compile(r"(?:这款|现在|都)?(?:是|就)?(?:支持|可以|包邮|有货|能用|有运费险)")
_ALLOWED = re.compile(
    r"[的啦了哦呀呢哈吧喔噢哒]|[^\u4e00-\u9fff]|$"
)  # 可以 by itself is a yes; 可以先看看 is not
_HAS = re.compile(r"(?<![没])有(?!害|效|助|用)")
_LABELS = ("用法", "特点", "依据")  # only introduce what follows
_GOES_ON = re.compile("是|乃|就是|便是")  # 价格呢，是68元
_CONFUSABLE = ("place", "courier", "gift", "spec", "basis")


@dataclass(frozen=True)
class Grounds:
    """What words must be faithful to: the factual sentence, its facts, and when and about what.

    `manner` are texts whose words the speaker may use besides (her own lines).
    """

    core: str
    facts: tuple[Fact, ...] = ()
    product: Product | None = None
    now: datetime | None = None
    manner: tuple[str, ...] = ()


def faults(words: str, grounds: Grounds, lexicon: Lexicon) -> tuple[Fault, ...]:
    """Every reason why words may not be said for `grounds`; none: they may."""
    if not words.strip():
        return (Fault(Reason.EMPTY),)
    found = [*_shape(words, grounds.core)]
    said, core = lexicon.read(words), lexicon.read(grounds.core)
    strict = any(fact.field.startswith(("sensitive", "faq")) for fact in grounds.facts)
    found += [*_numbers(said, core), *_names(said, core), *_claims(said, core, strict=strict)]
    found += [*_polarity(said, core), *_owners(said, core)]
    if said.questions != core.questions:
        found.append(Fault(Reason.QUESTION))
    found += [*_literal(words, grounds), *_content(said, core), *_rules(words, grounds)]
    if (unread := unsaid(words, grounds.core, grounds.manner, lexicon)) is not None:
        found.append(Fault(Reason.MANNER, unread))
    return tuple(dict.fromkeys(found))


def _shape(words: str, core: str) -> Iterator[Fault]:
    if len(words) > max(len(core) + MORE_CHARS, len(core) * MORE_TIMES):
        yield Fault(Reason.LENGTH, f"{len(words)} for {len(core)}")
    if _ADDRESS.search(words) or not _SPEAKABLE.fullmatch(words.translate(dict.fromkeys(map(ord, core)))):
        yield Fault(Reason.JUNK)
    elif stutter := _STUTTER.search(words):
        yield Fault(Reason.JUNK, stutter[0])
    if _OPEN_END.search(words.strip().rstrip("。.！!？?")) and not _OPEN_END.search(
        core.strip().rstrip("。")
    ):
        yield Fault(Reason.UNFINISHED, words[-6:])


def _numbers(said: Claims, core: Claims) -> Iterator[Fault]:
    """The same numbers on both sides; where two could be mistaken, each beside its own role."""
    own, wanted = said.values(Kind.NUMBER), core.values(Kind.NUMBER)
    for value in sorted(own ^ wanted):
        yield Fault(Reason.NUMBER, value)
    units = Counter(unit for unit, _ in {(t.group, t.value) for t in core.of(Kind.NUMBER)})
    products = core.values(Kind.PRODUCT)
    here, there = _beside_numbers(said), _beside_numbers(core)
    for (role, unit), values in there.items():
        if role in products and len(products) == 1:
            continue  # there is nothing to mistake it for
        if units[unit] > 1 and role and not values <= here.get((role, unit), set()):
            yield Fault(Reason.NUMBER, f"{role} {'/'.join(sorted(values))}")
    for (role, unit), values in here.items():
        known = there.get((role, unit))
        if units[unit] > 1 and role and (known is None or not values <= known):
            yield Fault(Reason.NUMBER, f"{role} {'/'.join(sorted(values))}")


def _beside_numbers(claims: Claims) -> dict[tuple[str, str], set[str]]:
    """Role or name next before a number in its clause, and the number's unit, to the numbers there."""
    pairs: dict[tuple[str, str], set[str]] = defaultdict(set)
    last: Token | None = None
    for token in claims.tokens:
        if last is not None and last.clause != token.clause:
            begin = max(claims.text.rfind(mark, 0, token.start) for mark in ",。;!?:\n") + 1
            if not _GOES_ON.match(claims.text, begin):
                last = None
        if token.kind in (Kind.PRODUCT, Kind.NAME, Kind.ROLE):
            last = token
        elif token.kind is Kind.NUMBER:
            pairs[(last.value if last else "", token.group)].add(token.value)
    return pairs


def _names(said: Claims, core: Claims) -> Iterator[Fault]:
    """The same names on both sides; beside a role only those that stood beside it."""
    kinds = (Kind.PRODUCT, Kind.NAME, Kind.LATIN)
    for value in sorted(said.values(*kinds) ^ core.values(*kinds)):
        yield Fault(Reason.NAME, value)
    here, there = _beside_names(said), _beside_names(core)
    for key, values in here.items():
        if there.get(key) and not values <= there[key]:
            yield Fault(Reason.NAME, f"{key[0]} {'/'.join(sorted(values - there[key]))}")


def _beside_names(claims: Claims) -> dict[tuple[str, str], set[str]]:
    """A role and a group of names that can be mistaken, to the names in the role's clauses."""
    pairs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for role in claims.of(Kind.ROLE):
        for name in claims.of(Kind.NAME):
            if name.clause == role.clause and name.group in _CONFUSABLE:
                pairs[(role.value, name.group)].add(name.value)
    return pairs


def _claims(said: Claims, core: Claims, *, strict: bool) -> Iterator[Fault]:
    """Words that weigh stand in both; roles and claims are not added. `strict`: not even a "may"."""
    implied = {"有货"} if said.of(Kind.THERE_IS) else set()
    for value in sorted((said.values(Kind.KEEP) ^ core.values(Kind.KEEP)) - implied):
        yield Fault(Reason.CLAIM, value)
    for kind in (Kind.ROLE, Kind.CLAIM):
        for token in said.of(kind):
            may = token.value == "可以" and not strict and not _ALLOWED.match(said.text, token.end)
            if token.value not in core.values(kind) and not may:
                yield Fault(Reason.CLAIM, token.value)
    for token in said.of(Kind.YES):
        allowed = _ALLOWS.match(core.text) and not core.of(Kind.NEGATION)
        if token.value not in core.values(Kind.YES) and not allowed:
            yield Fault(Reason.CLAIM, token.value)
    for token in said.of(Kind.THERE_IS):
        if not _HAS.search(core.text):
            yield Fault(Reason.CLAIM, token.value)


def _polarity(said: Claims, core: Claims) -> Iterator[Fault]:
    """As many negations, each in a clause with the words that it stood with."""
    if len(said.of(Kind.NEGATION)) != len(core.of(Kind.NEGATION)):
        yield Fault(Reason.POLARITY, f"{len(said.of(Kind.NEGATION))} for {len(core.of(Kind.NEGATION))}")
    if len(torn := _TORN.findall(said.text)) > len(_TORN.findall(core.text)):
        yield Fault(Reason.POLARITY, torn[-1])
    here, there = _denied(said), _denied(core)
    for value, ways in here.items():
        if value in there and not ways <= there[value]:
            yield Fault(Reason.POLARITY, value)


def _denied(claims: Claims) -> dict[str, set[bool]]:
    """Whether a clause that holds a word is negated, for each word that weighs."""
    negated = {token.clause for token in claims.of(Kind.NEGATION)}
    out: dict[str, set[bool]] = defaultdict(set)
    for token in claims.of(Kind.NAME, Kind.KEEP, Kind.CLAIM, Kind.ROLE):
        if token.group == "spec" or token.value in _LABELS:  # bought or not, its price is what counts
            continue
        out[token.value].add(token.clause in negated)
    return out


def _owners(said: Claims, core: Claims) -> Iterator[Fault]:
    """Where two products are spoken of, each keeps what is said of it."""
    if len(core.values(Kind.PRODUCT)) < 2:
        return
    here, there = _owned(said), _owned(core)
    for value, products in here.items():
        if value in there and not products <= there[value]:
            yield Fault(Reason.NAME, f"{value} {'/'.join(sorted(products))}")


def _owned(claims: Claims) -> dict[str, set[str]]:
    """The product named last before each number and each word that weighs."""
    owner, out = "", defaultdict(set)
    for token in claims.of(Kind.PRODUCT, Kind.NUMBER, Kind.NAME, Kind.KEEP):
        if token.kind is Kind.PRODUCT:
            owner = token.value
        else:
            out[token.value].add(owner)
    return out


def _literal(words: str, grounds: Grounds) -> Iterator[Fault]:
    """Approved wording stands as it was approved, marks aside."""
    own = _squeezed(words)
    core = _squeezed(grounds.core)
    for fact in grounds.facts:
        value = _squeezed(fact.value)
        if fact.field.startswith(LITERAL_FIELDS) and value in core and value not in own:
            yield Fault(Reason.LITERAL, fact.field)


def _squeezed(text: str) -> str:
    return _MARKS.sub("", folded(text))


def _content(said: Claims, core: Claims) -> Iterator[Fault]:
    """Enough of what was to be said is there, where no name or number shows it."""
    if core.of(Kind.NUMBER, Kind.NAME, Kind.KEEP):
        return
    wanted, own = _pairs(core.text), _pairs(said.text)
    if wanted and len(wanted & own) < LEAST_SHARE * len(wanted):
        yield Fault(Reason.CONTENT)


def _pairs(text: str) -> set[str]:
    return {part[i : i + 2] for part in _MARKS.split(text) for i in range(len(part) - 1)}


def _rules(words: str, grounds: Grounds) -> Iterator[Fault]:
    """The phrase rules let it pass, and find nothing that they do not find in the core."""
    review = compliance.review(words, product=grounds.product, now=grounds.now)
    if not review.hits:
        return
    before = {
        hit.rule for hit in compliance.review(grounds.core, product=grounds.product, now=grounds.now).hits
    }
    for hit in review.hits:
        if review.verdict == "block" or hit.rule not in before:
            yield Fault(Reason.RULE, hit.rule)
