"""A heard line or a correction as a sample, or the reason why it is none.

What teaches something goes in: a question with the words that answered it, heard to the end and never
found fault with. Words that equal their core teach nothing of a persona's way (`plain`); few of them are
kept, to show that plain words may stay as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from livehost.answers import gate
from livehost.answers.clean import clean, squeezed
from livehost.answers.intents import asked as intents
from livehost.answers.numbers import unfounded
from livehost.answers.types import Fact
from livehost.catalog import Catalog
from livehost.compliance.review import review
from livehost.training.journal_rows import Correction, People, Said
from livehost.training.plain import Manner, manner_of
from livehost.training.privacy import SOFT, Cut, Privacy
from livehost.training.word_search import flat
from services.training.samples import (
    MAX_CORE_CHARS,
    MAX_TARGET_CHARS,
    Sample,
    SampleFact,
    Source,
    control_marks,
)

CORRECTION_WEIGHT = 2.0
MAX_QUESTION_CHARS = 200
PER_QUESTION = 6  # answers to one question, in different words
PER_SCRIPT = 3  # wordings of one core
MAX_VERDICTS = 5000
_ORDERS = re.compile(
    r"记住\s*[:：,，]|(?:忽略|无视|忘记|忘掉)(?:你|所有|以上|之前|前面|上面|一切)|从现在(?:开始|起)[,，]?你|系统提示|ignore\s+(?:all|the|any|your|previous|above)",
    re.IGNORECASE,
)
_PARTICLES = re.compile(r"[啊呀呢吗嘛么哦哈吧的了呗哟噢哇呐咯啦]|主播|请问|宝宝|宝子|姐妹|小姐姐|亲")


@dataclass(frozen=True)
class Candidate:
    """A sample that may go in: the group that is never split, and a rank that decides where few may."""

    sample: Sample
    group: str
    kind: str  # answer | plain | script | correction
    rank: int


def group_of(question: str | None, core: str) -> str:
    """What belongs together for good: a question however it is put, a script's core."""
    text = squeezed(clean(question)) if question else _letters(core)
    return _digest("q" if question else "s", _PARTICLES.sub("", text) or text)


def asks_still(cut: Cut) -> bool:
    """Whether a question without its personal data is one yet."""
    words = clean(cut.text)
    if not squeezed(words):
        return False
    if not cut.clauses_lost and set(cut.kinds) <= SOFT:
        return len(squeezed(words)) > 1 or squeezed(words).isdigit()
    return len(squeezed(words)) > 2 and (bool(intents(words)) or gate.is_question(words))


class Sieve:
    """Takes what is fit to train on; `left_out` and `personal` count what it met otherwise."""

    def __init__(
        self,
        privacy: Privacy,
        people: People,
        *,
        catalog: Catalog | None,
        now: datetime,
        own_words: Iterable[str] = (),
    ) -> None:
        self._privacy = privacy
        self._people = people
        self._catalog = catalog
        self._now = now
        self._own_words = tuple(own_words)
        self._told: set[int] = set()
        self._of_group: Counter[int] = Counter()
        self._before: dict[tuple[str, str], Said] = {}
        self._corrections: dict[tuple[str, str], Correction] = {}
        self._verdicts: dict[tuple[str, str], bool] = {}
        self.left_out: Counter[str] = Counter()
        self.personal: Counter[str] = Counter()

    def line(self, said: Said) -> Candidate | None:
        """A heard answer or script line as a candidate; None where it may not teach."""
        reason = self._unfit(said)
        if reason:
            self.left_out[reason] += 1
            return None
        if self._known(said.asked, said.core, said.text):
            self.left_out["duplicate"] += 1  # as it stands: a script comes round every hour
            return None
        question = self.cut(said.asked) if said.kind == "answer" else None
        name = _digest(said.room, said.session, said.key)
        return self._candidate(name, question, said.core, said.text, said, "journal")

    def correct(self, correction: Correction) -> None:
        """Keep a correction; the last one of a question counts."""
        key = (correction.room, correction.question or _digest(correction.asked, correction.persona))
        self._corrections.pop(key, None)
        self._corrections[key] = correction

    def corrections(self, persona: str | None) -> Iterable[Candidate]:
        """The corrections as candidates, once everything was read."""
        wanted = [one for one in self._corrections.values() if not persona or one.persona in ("", persona)]
        if len(wanted) < len(self._corrections):
            self.left_out["other_persona"] += len(self._corrections) - len(wanted)
        manner = manner_of([one.answer for one in wanted], own=self._own_words)
        for one in wanted:
            core = self._core_of(one, manner)
            name = _digest(one.room, one.question, one.asked, one.answer)
            found = self._candidate(name, self.cut(one.asked), core, one.answer, one, "correction")
            if found is not None:
                yield found

    def _core_of(self, one: Correction, manner: Manner) -> str:
        """What a correction says in plain words, with every number of it: one that only its facts hold would be
        learned by heart, for the model is shown the core alone."""
        before = self._before.get((one.room, one.question))
        known = one.core or (before.core if before is not None else "")
        outside = unfounded(one.answer, _grounds(known, ()))
        stray = one.core and unfounded(one.answer, _grounds(known, one.facts))
        if known and (not outside or stray):  # what is stray is left out by `_words`
            return known
        bare = self._privacy.said(one.answer, core="")
        return manner.plain(bare.text if bare is not None else one.answer)

    def cut(self, text: str) -> Cut:
        """A viewer's words without personal data, counted."""
        cut = self._privacy.question(text)
        self.personal.update(cut.kinds)
        return cut

    def cut_quietly(self, text: str) -> Cut:
        """The same, for what is not trained on."""
        return self._privacy.question(text)

    @staticmethod
    def looks_asked(text: str) -> bool:
        """Whether words look like a question, and not like a remark."""
        words = clean(text)
        return bool(intents(words)) or gate.is_question(words)

    def _unfit(self, said: Said) -> str:
        """Why a line may not teach, by what became of it; empty where it may."""
        if (said.room, said.question) in self._people.corrected:
            self._before[said.room, said.question] = said
            return "corrected"
        if said.act == "handover":
            return "handed_over"
        if said.act not in ("", "answer"):
            return "fixed"
        if not said.heard:
            return "not_heard"
        marks = {(said.room, mark) for mark in (said.key, said.question, *said.phrases) if mark}
        if marks & self._people.complained:
            return "complained"
        return "" if said.core else "no_core"

    def _candidate(
        self,
        name: str,
        question: Cut | None,
        core: str,
        target: str,
        whence: Said | Correction,
        source: Source,
    ) -> Candidate | None:
        """The sample, if it says what may be said, about nobody."""
        reason, words = self._words(question, core, target, whence)
        if reason:
            self.left_out[reason] += 1
            return None
        asked = question.text if question is not None else None
        group = group_of(asked, core)
        if self._known(group, core, words):
            self.left_out["duplicate"] += 1
            return None
        most = PER_QUESTION if asked else PER_SCRIPT
        if source != "correction" and self._of_group[hash(group)] >= most:
            self.left_out["enough"] += 1
            return None
        if self._blocked(words, whence.product):
            self.left_out["blocked"] += 1
            return None
        self._of_group[hash(group)] += 1
        kind = "correction" if source == "correction" else "answer" if asked else "script"
        if kind != "correction" and _letters(core) == _letters(words):
            kind = "plain"
        sample = Sample(
            id=f"j{name[:15]}",
            kind="answer" if asked else "script",
            question=asked,
            core=core.strip(),
            target=words.strip(),
            facts=tuple(SampleFact(**fact) for fact in whence.facts),
            weight=CORRECTION_WEIGHT if source == "correction" else 1.0,
            source=source,
        )
        return Candidate(sample, group, kind, int(_digest(group, words), 16))

    def _words(
        self, question: Cut | None, core: str, target: str, whence: Said | Correction
    ) -> tuple[str, str]:
        """Why these words may not be taken, or the host's words as they are taken."""
        asked_as_is = flat(whence.asked) if question is not None else ""
        if any(control_marks(text) for text in (asked_as_is, flat(core), flat(target))) or _ORDERS.search(
            asked_as_is
        ):
            return "marks", ""
        if question is not None and not asks_still(question):
            return ("personal" if question.kinds else "empty"), ""
        by_person = isinstance(whence, Correction)  # whose plain words may name somebody too
        said = self._privacy.said(target, core="" if by_person else core)
        stated = [fact["value"] for fact in whence.facts]
        if said is None or any(self._privacy.said(text, core=text) is None for text in (core, *stated)):
            return "personal", ""
        if by_person and self._privacy.find(core):
            return "personal", ""
        self.personal.update(said.kinds)
        asked = question.text if question is not None else ""
        if asked and self._privacy.find(asked):
            return "personal", ""
        if len(asked) > MAX_QUESTION_CHARS or len(core) > MAX_CORE_CHARS or len(said.text) > MAX_TARGET_CHARS:
            return "too_long", ""
        if by_person and unfounded(said.text, _grounds(core, whence.facts)):
            return "unfounded", ""
        return "", said.text

    def _blocked(self, text: str, product_id: str | None) -> bool:
        """Whether the rules of today block a text; the last verdicts are remembered, a review takes long."""
        key = (text, product_id or "")
        if key not in self._verdicts:
            if len(self._verdicts) >= MAX_VERDICTS:
                self._verdicts.clear()
            product = self._catalog.get(product_id) if self._catalog else None
            self._verdicts[key] = review(text, product=product, now=self._now).verdict == "block"
        return self._verdicts[key]

    def _known(self, group: str, core: str, words: str) -> bool:
        mark = hash((group, _letters(core), _letters(words)))
        if mark in self._told:
            return True
        self._told.add(mark)
        return False


def _grounds(core: str, facts: Iterable[Mapping[str, str]]) -> tuple[Fact, ...]:
    return (Fact("", "core", core), *(Fact(f["product"], f["field"], f["value"]) for f in facts))


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
