"""Who writes the words. The default fills templates with facts; models come behind the same door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from livehost import answers, compliance
from livehost.answers.faq_book import FaqBook
from livehost.catalog import Catalog
from livehost.clearance import judged
from livehost.lines import Cast, Draft
from livehost.rundown import fill
from livehost.settings import Persona, Segment
from livehost.store.protocol import Question
from services import wire
from services.speech.phrases import split_phrases

_HANDED_OVER = {
    "zh": "这个问题我请店铺客服来确认，确认好了再告诉大家。",
    "en": "I will ask the shop's service about that, and tell you when I know.",
    "ja": "それはおみせにかくにんして、あとでおこたえします。",
}

Choose = Callable[[list[tuple[int, str]]], int]

_MOODS = {"welcome": wire.Mood.SMILE, "interact": wire.Mood.QUESTION, "next": wire.Mood.TOPIC}


class Writer(Protocol):
    """Words for the script and for answers. May be slow; may fail; is never the source of a fact."""

    async def script(
        self, segment: Segment, cast: Cast, catalog: Catalog, now: datetime, choose: Choose
    ) -> tuple[int, Draft] | None:
        """A wording of the segment (its index, its words), or None where no wording is true now."""
        ...

    async def answer(
        self,
        question: Question,
        cast: Cast,
        catalog: Catalog,
        on_air: str | None,
        now: datetime,
        *,
        previous: str | None = None,
    ) -> Draft:
        """The answer to a question; `act` says what kind it is.

        `on_air` is the product that was presented as it was asked, `previous` the one that the viewer's
        last question was about.
        """
        ...


class TemplateWriter:
    """Fills the operator's wordings and the answer templates with facts of the catalogue."""

    def __init__(self, *, platform: str, book: FaqBook | None = None) -> None:
        self._platform = platform
        self._book = book
        self.turn = 0

    async def script(
        self, segment: Segment, cast: Cast, catalog: Catalog, now: datetime, choose: Choose
    ) -> tuple[int, Draft] | None:
        """The wording least lately said among those whose facts all hold now."""
        style = cast.persona.style
        product = catalog.get(segment.product) if segment.product else None
        self.turn += 1
        words = {
            "self": style.self_name,
            "shop": catalog.shop.name or "",
            "address": style.address[self.turn % len(style.address)] if style.address else "",
        }
        filled = [
            fill(wording, product, catalog, now, platform=self._platform, words=words)
            for wording in segment.wordings
        ]
        true_now = [(index, one.text) for index, one in enumerate(filled) if one is not None]
        if not true_now:
            return None
        index = choose(true_now)
        chosen = filled[index]
        assert chosen is not None
        texts = split_phrases(chosen.text, cast.persona.language)
        return index, Draft(
            texts=texts,
            facts=chosen.facts,
            product=segment.product,
            core="".join(texts),
            mood=_MOODS.get(segment.kind, wire.Mood.NEUTRAL),
        )

    async def answer(
        self,
        question: Question,
        cast: Cast,
        catalog: Catalog,
        on_air: str | None,
        now: datetime,
        *,
        previous: str | None = None,
    ) -> Draft:
        """The grounded answer by the persona's templates."""
        self.turn += 1
        answer = answers.answer(
            question.text,
            catalog=catalog,
            on_air=on_air,
            now=now,
            style=cast.persona.style,
            user=question.user,
            previous_product=previous,
            book=self._book,
            persona=cast.persona.id,
            platform=self._platform,
            seed=self.turn,
            language=cast.persona.language,
        )
        if self._book is not None:
            self._book.used(answer.facts, now)
        return Draft(
            texts=split_phrases(answer.text, cast.persona.language) if answer.text else (),
            facts=answer.facts,
            product=answer.product,
            act=answer.act,
            intent=answer.intent,
            core=answer.core,
        )


def handed_over(cast: Cast) -> Draft:
    """What is said where an answer may not be: a person will look at it; nothing is promised."""
    language = cast.persona.language
    return Draft(texts=split_phrases(_HANDED_OVER[language], language), act="handover", source="fixed")


def reviewed(
    draft: Draft,
    catalog: Catalog,
    now: datetime,
    persona: Persona | None = None,
    *,
    strict: bool = True,
    on_air: str | None = None,
) -> tuple[Draft | None, tuple[compliance.Hit, ...]]:
    """The draft if every phrase may be said of its product now, else None, with what was found.

    `strict`: it may claim only what its own facts say (an answer, not a script of the operator's).
    `on_air`: the product that is shown as a draft without one is said.
    """
    found = judged(draft, catalog, now, persona, strict=strict, on_air=on_air)
    return (None if found.verdict == "block" else draft), found.hits
