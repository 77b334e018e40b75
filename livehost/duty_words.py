"""Words of a person on duty: the proposal as it was held, their own, and what the review says to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livehost.answers import Fact
from livehost.clearance import blocked
from livehost.compliance import Review
from livehost.lines import Draft
from livehost.refused import Refused
from livehost.store.protocol import Question, QuestionState
from services.speech.phrases import split_phrases


def proposed(question: Question, detail: Mapping[str, Any], language: str) -> Draft | None:
    """The answer that was proposed for a question, as it was written; None: none was."""
    text = question.answer if question.state is QuestionState.HELD else str(detail.get("proposed", ""))
    if not text or not detail:
        return None
    return Draft(
        texts=split_phrases(text, language),
        facts=tuple(Fact(**fact) for fact in detail.get("facts", ())),
        product=detail.get("product"),
        act=str(detail.get("act", "answer")),
        intent=str(detail.get("intent", "")),
        source=str(detail.get("source", "template")),
        core=str(detail.get("core", "")),
    )


def own_words(text: str, product: str | None, language: str, *, by: str) -> Draft:
    """What a person wrote and answers for; raises Refused where nothing of it can be spoken."""
    texts = split_phrases(text, language)
    if not texts:
        raise Refused("没有可念的字 / nothing can be spoken", "写一句话 / write a sentence", 422)
    return Draft(texts=texts, source="duty", product=product, core="".join(texts), vouched=by)


def confirmed_words(text: str, review: Review, *, confirmed: bool) -> Review:
    """The review; raises Refused where it blocks, or leaves it to a person who has not `confirmed`."""
    if review.verdict == "block":
        raise blocked(text, review)
    if review.verdict == "review" and not confirmed:
        named = "；".join(
            dict.fromkeys(f"{text[slice(*hit.span)] or hit.rule}（{hit.why}）" for hit in review.hits)
        )
        errors = [
            {
                "at": hit.category, "span": list(hit.span), "words": text[slice(*hit.span)],
                "message": hit.why,
            }
            for hit in review.hits
        ]  # fmt: skip
        raise Refused(
            f"请再确认：{named} / please confirm: {named}",
            "确认无误就再发一次 / send it again to confirm",
            details={"confirm": True, "errors": errors},
        )
    return review


def confirmed_by(text: str, review: Review, by: str) -> dict[str, Any]:
    """For the record: what was in doubt, and who confirmed it; nothing where nothing was."""
    doubts = [text[slice(*hit.span)] for hit in review.hits if hit.verdict == "review"]
    return {"confirmed_by": by, "confirmed": list(dict.fromkeys(doubts))} if doubts else {}
