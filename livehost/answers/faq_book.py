"""The operators' own question-and-answer book (互动问答库): which entry a line asks for, and its words.

An entry fits a cleaned line when a group of its keywords stands in it, or when one of its questions is
alike. The narrowest scope wins (product, then host, then shop), then the closer fit, then the older entry.
A line about health or a delicate group is answered only by an entry about the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from string import Formatter
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from livehost.answers.clean import clean, squeezed
from livehost.answers.facts import APPROVED, still_true
from livehost.answers.faq import core
from livehost.answers.intents import REGIONS, SENSITIVE, asked
from livehost.answers.types import Entry, Fact
from livehost.catalog import Catalog, Product

if TYPE_CHECKING:
    from livehost.rundown import Filled

SHOP = "shop"
LEAST_LIKENESS = 87.0  # of rapidfuzz's ratio between two questions without their fillers
LEAST_CORE = 2  # characters of a question without its fillers
_BY_QUESTION, _BY_KEYWORDS = 100.0, 60.0
_WIDTH = {"product": 2, "persona": 1, SHOP: 0}
_KNOWN = 2000  # short lines that are remembered: viewers say the same few again and again
_RUN = re.compile("[a-z0-9.]+")
_NO_VALUE = re.compile(r"\{[^{}]*\}")
_EVERYWHERE = re.compile(
    "(?:全国|全境|全中国|各地|哪里|哪儿|哪都|到处|不限地区|任何地区|所有地区)[^,，。;；!！?？]{0,6}(?:包邮|免邮|免运费|发|送|寄|配送|到)"
    "|(?:包邮|免邮|发货|配送|发|送|寄)(?:到)?(?:全国|全境|各地|所有地区)"
)
_REGION = re.compile("|".join(map(re.escape, sorted(REGIONS, key=len, reverse=True))))


@dataclass(frozen=True)
class _Sought:
    """A line or a question as it is compared; `delicate` are its intents about health or a delicate group."""

    tight: str
    core: str
    digits: tuple[str, ...]
    delicate: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class BookEntry:
    """An entry as it was saved.

    Each of the `keywords` is a group whose words must all stand in a line; one group is enough. `rests`
    has, for each answer, the facts that its numbers stood on when it was reviewed: it is said only while
    they hold.
    """

    id: str
    keywords: tuple[tuple[str, ...], ...] = ()
    questions: tuple[str, ...] = ()
    answers: tuple[str, ...]
    scope: str = SHOP
    cool_down_s: float = 0.0
    enabled: bool = True
    rests: tuple[tuple[Fact, ...], ...] = ()
    version: int = 0

    @property
    def product(self) -> str | None:
        """The product that it is about, where it is about one alone."""
        kind, name = scope_parts(self.scope)
        return name if kind == "product" else None

    @cached_property
    def found_by(self) -> tuple[tuple[tuple[str, ...], frozenset[str]], ...]:
        """The keywords as they stand in a line, and the delicate intents of each group."""
        return tuple((tuple(map(_tight, group)), _delicate("".join(group))) for group in self.keywords)

    @cached_property
    def asked(self) -> tuple[_Sought, ...]:
        """The questions as a line is compared with them."""
        return tuple(map(_seek, self.questions))

    @cached_property
    def everywhere(self) -> bool:
        """Whether an answer promises shipping to all places."""
        return any(map(_EVERYWHERE.search, self.answers))

    def make_ready(self) -> None:
        """Read keywords and questions now, so that no viewer waits for it."""
        _ = self.found_by, self.asked


@dataclass(frozen=True)
class Turn:
    """An answer of an entry whose turn it is; `words` may hold placeholders."""

    entry: BookEntry
    words: str
    rests: tuple[Fact, ...] = ()

    @property
    def id(self) -> str:
        """The entry's id."""
        return self.entry.id


class _Glance:
    """The keywords and the questions of all entries, found in a line at once."""

    def __init__(self, entries: Iterable[BookEntry]) -> None:
        import ahocorasick

        self._questions: set[str] = set()
        self._words = ahocorasick.Automaton()
        for entry in entries:
            self._questions.update(question.core for question in entry.asked if question.core)
            for word in (word for words, _ in entry.found_by for word in words if word):
                self._words.add_word(word, word)
        self._words.make_automaton()

    def may_be(self, line: str) -> bool:
        """Whether a cleaned line holds a keyword, or is a question."""
        held = len(self._words) > 0 and next(self._words.iter(squeezed(line)), None) is not None
        return held or _without_fillers(line) in self._questions


@dataclass
class FaqBook:
    """The book as one room uses it: what it said when, and whose turn it is. Finding changes nothing."""

    entries: Callable[[], Sequence[BookEntry]]
    _said: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    _known: dict[tuple[str, str | None, str], bool] = field(default_factory=dict)
    _known_by: Sequence[BookEntry] = ()
    _glance: _Glance = field(default_factory=lambda: _Glance(()))

    def find(self, line: str, *, product: str | None, persona: str, now: datetime) -> Turn | None:
        """The answer to a cleaned line; None where no entry fits, or all that fit cool down."""
        for entry in fitting(self.entries(), line, product=product, persona=persona):
            times, last = self._said.get(entry.id, (0, None))
            if last is None or now - last >= timedelta(seconds=entry.cool_down_s):
                number = times % len(entry.answers)
                return Turn(
                    entry, entry.answers[number], entry.rests[number] if number < len(entry.rests) else ()
                )
        return None

    def knows(self, text: str, *, product: str | None, persona: str) -> bool:
        """Whether an entry is about a raw line, said lately or not.

        Quick for a flood of talk: a line without a keyword, and that is no entry's question, is told by a
        glance (a question that is merely alike does not count here).
        """
        entries = self.entries()
        if not entries:
            return False
        if entries is not self._known_by:
            self._known_by, self._known, self._glance = entries, {}, _Glance(entries)
        key = (text[:300], product, persona)
        if key not in self._known:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            line = clean(key[0])
            self._known[key] = self._glance.may_be(line) and bool(
                fitting(entries, line, product=product, persona=persona)
            )
        return self._known[key]

    def used(self, facts: Iterable[Fact], now: datetime) -> None:
        """An answer with these facts was written: the entry's next answer has its turn, and it cools down."""
        for entry_id in (f.field.removeprefix(APPROVED) for f in facts if f.field.startswith(APPROVED)):
            self._said[entry_id] = (self._said.get(entry_id, (0, now))[0] + 1, now)


def stands(entries: Iterable[BookEntry], facts: Iterable[Fact]) -> bool:
    """Whether the entries that facts name are in a book still, as they were said."""
    named = [f for f in facts if f.field.startswith(APPROVED)]
    known = {entry.id: entry.version for entry in entries if entry.enabled} if named else {}
    return all(known.get(f.field.removeprefix(APPROVED)) == f.version for f in named)


def fitting(entries: Iterable[BookEntry], line: str, *, product: str | None, persona: str) -> list[BookEntry]:
    """The entries that answer a cleaned line here, the best first.

    A line that names a region is not answered by what is promised for all places.
    """
    regional = _REGION.search(line) is not None
    scored = [
        ((_WIDTH[scope_parts(entry.scope)[0]], score), entry)
        for entry in entries
        if entry.enabled
        and not (regional and entry.everywhere)
        and in_scope(entry.scope, product, persona)
        and (score := fit(entry, line)) > 0
    ]
    return [entry for _, entry in sorted(scored, key=lambda one: one[0], reverse=True)]


def scope_parts(scope: str) -> tuple[str, str]:
    """`shop`, `persona` or `product`, and the id that the entry is about; none for the shop."""
    kind, _, name = scope.partition(":")
    return kind, name


def in_scope(scope: str, product: str | None, persona: str) -> bool:
    """Whether an entry of that scope speaks for a product and a host."""
    kind, name = scope_parts(scope)
    return kind == SHOP or name == (product if kind == "product" else persona)


def fit(entry: BookEntry, line: str) -> float:
    """How well an entry fits a cleaned line, 0 to about 100; 0: it does not."""
    wanted = _sought(line)
    best = 0.0
    for words, delicate in entry.found_by:
        if wanted.delicate <= delicate:
            best = max(best, _held(words, wanted.tight))
    for question in entry.asked:
        if wanted.delicate <= question.delicate:
            best = max(best, _likeness(wanted, question))
    return best


def _held(words: Sequence[str], tight: str) -> float:
    """By how many characters a group of keywords stands in a line; 0 where one is missing."""
    if not words or not all(word and _stands(word, tight) for word in words):
        return 0.0
    return _BY_KEYWORDS + min(39.0, sum(map(len, words)))


def _stands(word: str, tight: str) -> bool:
    """Whether a word stands in a text; letters and digits only as a whole run (8 is not in 38)."""
    if word not in tight:
        return False
    if not _RUN.fullmatch(word):
        return True
    return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", tight) is not None


def _likeness(line: _Sought, question: _Sought) -> float:
    """How alike a line and a written question are, by what is left without fillers; 0 to 100."""
    if line.tight == question.tight:
        return _BY_QUESTION
    if min(len(line.core), len(question.core)) < LEAST_CORE or line.digits != question.digits:
        return 0.0
    return fuzz.ratio(line.core, question.core, score_cutoff=LEAST_LIKENESS)


def _tight(text: str) -> str:
    return squeezed(clean(text))


def _delicate(text: str) -> frozenset[str]:
    return frozenset(one.intent for one in asked(clean(text))) & SENSITIVE


def _without_fillers(text: str) -> str:
    return re.sub("哪[儿里]", "哪", core(text))


def _seek(text: str) -> _Sought:
    left = _without_fillers(text)
    return _Sought(_tight(text), left, tuple(re.findall(r"\d+", left)), _delicate(text))


_sought = lru_cache(maxsize=512)(_seek)  # one line is held against every entry


def placeholders(words: str) -> list[str]:
    """The names in the braces of some words; raises ValueError where the braces are not right."""
    names = []
    for _, name, form, conversion in Formatter().parse(words):
        if name is not None:
            if form or conversion:
                raise ValueError(f"{{{name}}}")
            names.append(name)
    return names


def blanked(words: str) -> str:
    """Words with a neutral sign for each character of a placeholder, so that spans stay what they are."""
    return _NO_VALUE.sub(lambda found: "某" * len(found[0]), words)


def spoken(found: Entry, product: Product | None, catalog: Catalog, now: datetime) -> Filled | None:
    """An answer of the book with the facts of the moment, its own approved words first among them.

    None where a placeholder has no fact now, or where a number that the answer was approved with stands in
    the catalogue no more, or where it promises shipping to all places and the product (without one: any
    product) is not sent to some.
    """
    from livehost.rundown import Filled, fill  # it reads facts through this package

    turn = found if isinstance(found, Turn) else Turn(BookEntry(id=found.id, answers=()), found.words)
    entry = turn.entry
    about = catalog.get(entry.product) if entry.product else product
    concerned = (about,) if about is not None else catalog.products
    if _EVERYWHERE.search(turn.words) and any(one.shipping.not_to for one in concerned):
        return None
    filled = fill(turn.words, about, catalog, now)
    if filled is None or not still_true(turn.rests, catalog, now):
        return None
    own = Fact("", f"{APPROVED}{entry.id}", filled.text, entry.version)
    return Filled(filled.text, tuple(dict.fromkeys((own, *filled.facts, *turn.rests))))
