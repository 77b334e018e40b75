"""What an answer is worth beside the persona's own line: a mark a concern, 0 or 1, or a share.

facts_copied   every number and fact that the core and the persona's line both hold is there, no other number
compliant      the phrase rules let it pass
faithful       the check on air (`answers.faithful`) finds nothing against it
finished       it came to its own end
likeness       how near it is to the persona's line, 0..1 (by edits: inserted and deleted characters)
nll            the persona's line's mean negative log-likelihood a token, in nats
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from livehost.answers.claims import Kind, Lexicon
from livehost.answers.faithful import Grounds, faults
from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product
from livehost.chinese import folded
from livehost.compliance.review import review
from livehost.training.style import style_distance

if TYPE_CHECKING:
    from services.training.language_evaluate import Said
    from services.training.samples import Sample

ENDS = "。！？!?…～~"
SHARES = ("facts_copied", "compliant", "faithful", "finished", "likeness")
_MARKS = re.compile(r"[^\u4e00-\u9fffa-z0-9.]+")


class Judge:
    """Marks answers by what a catalogue knows (None: numbers and general words only) and her manner."""

    def __init__(self, catalog: Catalog | None, manner: tuple[str, ...]) -> None:
        self._catalog = catalog
        self._manner = manner
        self._lexicon = Lexicon(catalog or Catalog(()))

    def marks(self, sample: Sample, said: Said) -> dict[str, float]:
        """The marks of one answer. A conversation has no core, and so no mark of faithfulness."""
        from rapidfuzz.distance import Indel

        facts = tuple(Fact(one.product, one.field, one.value) for one in sample.facts)
        product = self._product(facts)
        text = said.text if said.text.endswith(tuple(ENDS)) else f"{said.text}。"
        found = {
            "facts_copied": float(self._copied(sample, said.text)),
            "compliant": float(review(said.text, product=product).verdict == "pass"),
            "finished": float(said.finished),
            "likeness": round(Indel.normalized_similarity(said.text, sample.target), 4),
            "nll": round(said.nll / said.tokens, 5),
        }
        if not sample.messages:
            grounds = Grounds(sample.core, facts, product, None, self._manner)
            found["faithful"] = float(said.finished and not faults(text, grounds, self._lexicon))
        return found

    def _product(self, facts: Sequence[Fact]) -> Product | None:
        name = next((fact.product for fact in facts if fact.product), None)
        return self._catalog.get(name) if self._catalog is not None else None

    def _copied(self, sample: Sample, said: str) -> bool:
        """Whether what the core and the persona's line both state is said, and no number beside theirs."""
        core = "\n".join(content for _, content in sample.messages) or sample.core
        given, own, told = (self._numbers(text) for text in (core, sample.target, said))
        needed = [_squeezed(fact.value) for fact in sample.facts if not self._is_number(fact.value)]
        needed = [one for one in needed if one in _squeezed(core) and one in _squeezed(sample.target)]
        squeezed = _squeezed(said)
        return given & own <= told <= given | own and all(one in squeezed for one in needed)

    def _is_number(self, value: str) -> bool:
        """Whether a value is an amount alone: it may be said in other signs (两件 for 2件)."""
        read = self._lexicon.read(value)
        return sum(one.end - one.start for one in read.of(Kind.NUMBER)) == len(read.text)

    def _numbers(self, text: str) -> set[str]:
        return self._lexicon.read(text).values(Kind.NUMBER)


def language_measures(
    samples: Sequence[Sample], said: Sequence[Said], marks: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """The rows' measures together: shares, the style distance, the perplexity of the persona's lines."""
    out = {}
    for name in SHARES:
        values = [one[name] for one in marks if name in one]
        if values:
            out[name] = round(sum(values) / len(values), 4)
    distance = style_distance((one.text for one in said), (one.target for one in samples))
    out["style_distance"] = round(distance, 4)
    nll = sum(one.nll for one in said) / max(sum(one.tokens for one in said), 1)
    out["perplexity"] = round(math.exp(min(nll, 50.0)), 4)
    return out


def _squeezed(text: str) -> str:
    return _MARKS.sub("", folded(text))
