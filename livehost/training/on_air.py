"""A persona's answers in words that the show lets through: the facts as the catalogue says them.

On air a model's words must read as the catalogue's sentences with whole phrases of the persona's manner
around them (`livehost.answers.faithful`). An answer that words its facts anew would be refused every time,
so what is learned from it is its manner around the catalogue's sentence; one that passes stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from livehost.answers import Fact
from livehost.answers.claims import Lexicon
from livehost.answers.faithful import Fault, Grounds, Reason, faults
from livehost.catalog import Catalog, Product
from livehost.settings import Style
from livehost.training.plain import Manner, clauses_of

_PARTICLES = "呀哦啦呢哈哟哒喔噢"  # those that the show's reading knows, besides the persona's own
_ANSWERS = re.compile(r"(?:有|没|能|可|中|行|是|对|会|要|不|无|别|好)[^，]{0,2}$")  # yes or no
MOST = 2  # phrases before and after
WHY: dict[Reason, tuple[str, str]] = {
    Reason.EMPTY: ("没有内容", "it says nothing"),
    Reason.LENGTH: ("比要说的长太多或短太多", "far longer or shorter than what is to be said"),
    Reason.JUNK: ("有念不了的符号、网址，或反复同一句", "signs, addresses, or the same over and over"),
    Reason.UNFINISHED: ("话没说完", "it breaks off"),
    Reason.NUMBER: ("数字和要说的不一样", "other numbers than what is to be said"),
    Reason.NAME: ("名称和要说的不一样", "other names than what is to be said"),
    Reason.POLARITY: ("肯定和否定不一致", "a denial more, less, or elsewhere"),
    Reason.CLAIM: ("多说或漏说了承诺", "a claim too many or too few"),
    Reason.QUESTION: ("陈述变成了提问，或相反", "a question for a statement, or the other way round"),
    Reason.LITERAL: ("审定的原话被改了", "an approved wording was changed"),
    Reason.CONTENT: ("要说的内容几乎没了", "hardly anything of what is to be said"),
    Reason.MANNER: ("有不认识的说法", "words that are neither facts nor her named manner"),
    Reason.RULE: ("碰到话术规则", "a phrase rule"),
}
COMMON = 4  # openers that stand in where an answer has none of its own


@dataclass
class OnAir:
    """What passes on air for a persona, and the phrases of hers that it takes."""

    catalog: Catalog
    manner: Manner
    style: Style | None
    now: datetime
    openers: Counter[str] = field(default_factory=Counter)
    closers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lexicon = Lexicon(self.catalog)

    def worded(self, target: str, core: str, facts: Sequence[Fact], product: Product | None) -> str | None:
        """The target, or its manner around the core, whichever passes first; None where neither does."""
        before, after, end = self._around(target)
        for words in self._ways(target, core, before, after, end):
            if self._passes(words, core, facts, product, (*before, *after)):
                self.openers.update(before)
                self.closers.update(after)
                return words
        return None

    def why(self, target: str, core: str, facts: Sequence[Fact], product: Product | None) -> str:
        """What the show would refuse a target for, and the words that show it."""
        before, after, _ = self._around(target)
        found = self._faults(target, core, facts, product, (*before, *after))
        words: dict[Reason, list[str]] = {}
        for fault in found:
            words.setdefault(fault.reason, []).append(fault.words)
        shown = [(WHY[reason], "、".join(filter(None, some))) for reason, some in words.items()]
        zh = "；".join(f"{why[0]}：{some}" if some else why[0] for why, some in shown)
        return f"{zh} / {'; '.join(why[1] for why, _ in shown)}"

    def opened(self, core: str, facts: Sequence[Fact], product: Product | None) -> str | None:
        """The core after the persona's address, or one of her commonest openers; None where she has none that passes."""
        common = [phrase for phrase, _ in self.openers.most_common()]
        known = ([one for one in common if one in self.manner.addresses] or common)[:COMMON]
        for at in range(len(known)):
            opener = known[(len(core) + at) % len(known)]  # which one hangs on the core, so it can be learned
            words = f"{opener}，{core.rstrip('。')}。"
            if self._passes(words, core, facts, product, (opener,)):
                return words
        return None

    def unlisted(self) -> list[str]:
        """Phrases that were learned and that the persona's settings do not name, the commonest first."""
        return [one for one, _ in (self.openers + self.closers).most_common() if one not in self._own]

    @property
    def _own(self) -> tuple[str, ...]:
        style = self.style
        return (
            (style.self_name, *style.address, *style.openers, *style.closers, *style.particles)
            if style
            else ()
        )

    def _passes(
        self, words: str, core: str, facts: Sequence[Fact], product: Product | None, phrases: Sequence[str]
    ) -> bool:
        return not self._faults(words, core, facts, product, phrases)

    def _faults(
        self, words: str, core: str, facts: Sequence[Fact], product: Product | None, phrases: Sequence[str]
    ) -> tuple[Fault, ...]:
        grounds = Grounds(core, tuple(facts), product, self.now, (*self._own, *phrases))
        return faults(words, grounds, self._lexicon)

    def _ways(
        self, target: str, core: str, before: Sequence[str], after: Sequence[str], end: str
    ) -> Iterator[str]:
        yield target
        if not (before or after or end):
            return
        core = core.rstrip("。")
        yield "，".join((*before, core + end, *after)) + "。"
        yield "，".join((*before, core, *after)) + "。"

    def _around(self, target: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """The phrases of manner before and after what a text says, and the particle that closes it."""
        clauses = clauses_of(target)
        empty = [not self.manner.plain_clause(clause) for clause in clauses]
        first = next((at for at, flourish in enumerate(empty) if not flourish), len(clauses))
        last = len(clauses) - next((at for at, flourish in enumerate(reversed(empty)) if not flourish), 0)
        said = clauses[first:last]
        address = self.manner.address_in(said[0]) if said and not first else ""
        known = _PARTICLES + "".join(self.style.particles if self.style else ())
        end = re.search(f"[{re.escape(known)}]+$", said[-1]) if said else None
        before = (*clauses[:first], address) if address else tuple(clauses[:first])
        after = tuple(clauses[last:])
        return self._neutral(before)[:MOST], self._neutral(after)[-MOST:], end[0] if end else ""

    def _neutral(self, phrases: Sequence[str]) -> tuple[str, ...]:
        """Phrases that say neither yes nor no: those may stand around any sentence."""
        return tuple(one for one in phrases if not _ANSWERS.match(self.manner.bare(one)))
