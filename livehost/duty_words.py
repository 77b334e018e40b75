"""Words of a person on duty: the proposal as it was held, their own, and what the review says to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from livehost.answers import Fact
from livehost.clearance import blocked, judged
from livehost.compliance import Review
from livehost.lines import Draft
from livehost.refused import Refused
from livehost.store.protocol import Question, QuestionState
from services.speech.phrases import split_phrases

if TYPE_CHECKING:
    from livehost.room import Room


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


class Words:
    """What a person on duty of one room writes in answer to a question."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def own(self, text: str, question: Question, detail: Mapping[str, Any], by: str) -> Draft:
        """What a person wrote and answers for; raises Refused where nothing of it can be spoken.

        `detail` is what is known of the question's answer.
        """
        texts = split_phrases(text, self._room.desk.cast.persona.language)
        if not texts:
            raise Refused("没有可念的字 / nothing can be spoken", "写一句话 / write a sentence", 422)
        product = detail.get("product") or self._asked_about(question)
        return Draft(texts=texts, source="duty", product=product, core="".join(texts), vouched=by)

    def reviewed(self, text: str, draft: Draft, *, confirmed: bool) -> Review:
        """The review; raises Refused where it blocks, or leaves it to a person who has not `confirmed`."""
        review = judged_words(text, draft, self._room)
        if review.verdict == "block":
            raise blocked(text, review)
        if review.verdict == "review" and not confirmed:
            named = "；".join(
                dict.fromkeys(f"{text[slice(*hit.span)] or hit.rule}（{hit.why}）" for hit in review.hits)
            )
            raise Refused(
                f"请再确认：{named} / please confirm: {named}",
                "确认无误就再发一次 / send it again to confirm",
                details={"confirm": True, "errors": [hit.shown(text, hit.category) for hit in review.hits]},
            )
        return review

    def _asked_about(self, question: Question) -> str | None:
        """The product that a question reads as being about; where it names none, the one on air."""
        asked = self._room.inbox.turn_of(question).meaning.products
        return next(iter(asked), None) or self._room.product_on_air()


def judged_words(text: str, draft: Draft, room: Room) -> Review:
    """The review of what a person wrote; its spans are places in `text`, as it was sent."""
    found = judged(draft, room.catalog(), room.now(), room.desk.cast.persona, strict=False)
    spoken = "".join(draft.texts)
    hits = dict.fromkeys(replace(hit, span=located(hit.span, text, spoken)) for hit in found.hits)
    return Review(found.verdict, tuple(hits))


def located(span: tuple[int, int], text: str, spoken: str) -> tuple[int, int]:
    """Where a part of what is spoken stands in the text that was cut into it: blanks are not spoken."""
    at, places = 0, [0]
    for char in spoken[: span[1]]:
        found = text.find(char, at)
        put_in = found < 0 or re.search(r"\w", text[at:found])  # a space between two clauses
        places.append(at if put_in else found)
        at = at if put_in else found + 1
    return (places[min(span[0] + 1, len(places) - 1)], at)


def confirmed_by(text: str, review: Review, by: str) -> dict[str, Any]:
    """For the record: what was in doubt, and who confirmed it; nothing where nothing was."""
    doubts = [text[slice(*hit.span)] for hit in review.hits if hit.verdict == "review"]
    return {"confirmed_by": by, "confirmed": list(dict.fromkeys(doubts))} if doubts else {}
