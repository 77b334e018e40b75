"""The gate that every line passes before it gets a sound, and again if the catalogue changed since.

Whoever wrote it (script, answer, insert, standing line), its words are judged here and nowhere else
before they are spoken and captioned. Who writes recovers from a refusal beforehand (`writer.reviewed`);
the voicer asks once more, so that no line can go round it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from livehost.answers.words import DECLINE, DISCLOSE, HANDOVER, STAY
from livehost.catalog import Catalog, Product
from livehost.compliance import Hit, Review
from livehost.compliance.by_product import claimed, ruled, said_of
from livehost.compliance.claim_check import unfounded_claims
from livehost.compliance.types import worst
from livehost.lines import Draft, Line
from livehost.refused import Refused
from livehost.settings import Persona
from services import wire

# Words that stand on no fact and were written for that.
_FIXED = tuple(
    text for table in (HANDOVER, DECLINE, STAY, DISCLOSE) for texts in table.values() for text in texts
)
CLEARED_FOR = timedelta(seconds=20)  # what a clock bears out (最后两小时) is looked at again after it
_OWN_FACTS = ("template", "model", "fixed")


class Clearance:
    """Judges lines by the catalogue of the moment; remembers with which catalogue a line was cleared, and when."""

    def __init__(self, *, catalog: Callable[[], Catalog], clock: Callable[[], datetime]) -> None:
        self._catalog = catalog
        self._clock = clock

    def refused(self, line: Line) -> Review | None:
        """Why a line may not be said now; None: it may."""
        catalog, now = self._catalog(), self._clock()
        if line.cleared is not None and line.cleared[0] is catalog and now - line.cleared[1] < CLEARED_FOR:
            return None
        strict = line.kind is wire.PhraseKind.ANSWER
        shown = line.card.product if line.card is not None else None
        found = judged(line.draft, catalog, now, line.cast.persona, strict=strict, on_air=shown)
        if found.verdict == "block":
            return found
        line.cleared = (catalog, now)
        return None


def judged(
    draft: Draft,
    catalog: Catalog,
    now: datetime,
    persona: Persona | None = None,
    *,
    strict: bool,
    on_air: str | None = None,
) -> Review:
    """The review of a draft's words, together and phrase by phrase; spans are places in all of its words.

    `strict`: they may claim only what the draft's own facts say (an answer); else whatever the catalogue
    says of the product that each clause names, or of the draft's, or of the one `on_air`.
    """
    facts = draft.facts if strict and draft.source in _OWN_FACTS else None
    approved = (*_FIXED, *((*persona.own_words, *persona.disclosure) if persona is not None else ()))
    text, by_hand = "".join(draft.texts), draft.source == "duty"
    product = catalog.get(draft.product) or catalog.get(on_air)
    clauses = said_of(text, catalog, product, own=draft.product is not None and not by_hand)

    def unfounded(of: Product | None, start: int, end: int) -> tuple[Hit, ...]:
        return unfounded_claims(
            text[start:end], facts=facts, product=of, catalog=catalog, now=now, approved=approved,
            vouched=bool(draft.vouched),
        )  # fmt: skip

    doubt = by_hand or (facts is None and product is None)
    hits = dict.fromkeys(ruled(text, 0, clauses, product, catalog, now, doubt=doubt))
    if facts is not None:
        hits |= dict.fromkeys(unfounded(product, 0, len(text)))
    else:
        hits |= dict.fromkeys(claimed(clauses, unfounded))
    # The rules see each phrase by itself too: a pause may make a word of what is none in the whole.
    at = 0
    for one in draft.texts:
        hits |= dict.fromkeys(ruled(one, at, clauses, product, catalog, now, doubt=doubt))
        at += len(one)
    return Review(worst(hit.verdict for hit in hits), tuple(hits))


def blocked(text: str, found: Review) -> Refused:
    """The refusal of a text that somebody wants said or kept, with each span and rule."""
    return Refused(
        f"话术未过审 / the review blocks this: {found.caught(text)}",
        "请改写后再发 / reword it",
        status=422,
        details={"errors": [hit.shown(text, hit.category) for hit in found.blocking]},
    )
