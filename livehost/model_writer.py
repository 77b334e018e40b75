"""Words by the language model: facts in, a persona's words out, or the template's where those will not do.

The deterministic path answers first: its plain sentence (`core`) and its facts are all that the
model is told, besides the question. What comes back is said only if `answers.faithful` finds no
fault with it; else the template's own words are said, and the draft tells why in one word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from livehost.answers.claims import Lexicon
from livehost.answers.faithful import Grounds, faults
from livehost.answers.faq_book import FaqBook
from livehost.answers.words import closable
from livehost.catalog import Catalog
from livehost.engines import EngineGone
from livehost.lines import Cast, Draft
from livehost.settings import LanguageModel, Segment
from livehost.store.protocol import Question
from livehost.writer import Choose, TemplateWriter
from services import wire
from services.language.prompt import Prompt, answer_prompt, script_prompt
from services.speech.phrases import split_phrases

log = structlog.get_logger(__name__)

# What is worded anew; a disclosure, a refusal to talk and silence stay as they were written.
ACTS = ("answer", "handover")
# An operator's own approved answer is said word for word.
BOOK = "book"
ENDS = "。！？!?…～~"
MOST_TOKENS = 512
SCRIPT_PATIENCE = 3.0  # times an answer's deadline: nobody waits for the script, it is written ahead


class Model(Protocol):
    """What words come from (livehost.engines.EngineClient)."""

    @property
    def ready(self) -> bool:
        """Whether it has its base and the adapters that were staged."""
        ...

    def resident(self, sha256: str) -> bool:
        """Whether an adapter can be used."""
        ...

    async def generate(
        self,
        *,
        room: str,
        user: str,
        system: str = "",
        adapter: str = "",
        generation: int = 0,
        max_tokens: int = 96,
        deadline_s: float = 2.5,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> wire.Generated:
        """Words for a prompt; raises EngineGone."""
        ...


class ModelWriter:
    """A `Writer` that asks a model for the words. Never fails, never waits longer than the deadline."""

    def __init__(
        self,
        model: Model,
        settings: LanguageModel,
        *,
        room: str,
        platform: str,
        generation: Callable[[], int] = lambda: 0,
        book: FaqBook | None = None,
    ) -> None:
        self._model = model
        self._settings = settings
        self._room = room
        self._generation = generation  # what a cancel of older work counts by
        self._platform = platform
        self._template = TemplateWriter(platform=platform, book=book)
        self._lexicon: tuple[Catalog, Lexicon] | None = None

    async def script(
        self, segment: Segment, cast: Cast, catalog: Catalog, now: datetime, choose: Choose
    ) -> tuple[int, Draft] | None:
        """The wording that the template would say, in the persona's words."""
        written = await self._template.script(segment, cast, catalog, now, choose)
        if written is None:
            return None
        index, draft = written
        patience = SCRIPT_PATIENCE * self._settings.deadline_s
        return index, await self._worded(draft, script_prompt(draft.core), cast, catalog, now, patience)

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
        """The grounded answer in the persona's words."""
        draft = await self._template.answer(question, cast, catalog, on_air, now, previous=previous)
        if draft.act not in ACTS or draft.intent == BOOK or self._kept_from(cast):
            return self._plain(draft, cast)
        prompt = answer_prompt(question.text, draft.core)
        return await self._worded(draft, prompt, cast, catalog, now, self._settings.deadline_s)

    def _kept_from(self, cast: Cast) -> str:
        """Why the model is not even asked, in one word; empty where it is."""
        if cast.persona.language != "zh":
            return "language"
        if not cast.language_adapter:
            if cast.versions.language:
                return "adapter"
            # The embedded base alone has no way of speaking; the template has the persona's. A real base is asked.
            if self._settings.engine == "embedded":
                return "unwanted"
        if not self._model.ready:
            return "not_ready"
        return "" if self._model.resident(cast.language_adapter) else "adapter"

    def _plain(self, draft: Draft, cast: Cast) -> Draft:
        """The template's draft, with the reason where the persona has an adapter that should speak."""
        why = self._kept_from(cast) if draft.act in ACTS else ""
        return replace(draft, why="" if why == "unwanted" else why)

    async def _worded(
        self,
        draft: Draft,
        prompt: Prompt,
        cast: Cast,
        catalog: Catalog,
        now: datetime,
        deadline_s: float,
    ) -> Draft:
        """The draft in the model's words where they are faithful, else as it is, with the reason."""
        if self._kept_from(cast):
            return self._plain(draft, cast)
        system, user = prompt
        core = draft.core
        try:
            said = await self._model.generate(
                room=self._room,
                user=user,
                system=system,
                adapter=cast.language_adapter,
                generation=self._generation(),
                max_tokens=min(MOST_TOKENS, max(self._settings.max_tokens, int(len(core) * 1.5) + 24)),
                deadline_s=deadline_s,
            )
        except EngineGone:
            return replace(draft, why="engine")
        if said.finish != "stop":
            if said.error:
                log.warning("the model gave no words", error=said.error, room=self._room)
            return replace(draft, why=said.finish)
        words = said.text if said.text.endswith(tuple(ENDS)) else f"{said.text}。"
        grounds = Grounds(core, draft.facts, catalog.get(draft.product), now, cast.persona.own_words)
        found = faults(words, grounds, self._lexicon_of(catalog))
        if found:
            log.info("a wording is refused", core=core, words=words, faults=[str(fault) for fault in found])
            return replace(draft, why=found[0].reason.value)
        if not closable(core) and any(one in words and one not in core for one in cast.persona.style.closers):
            return replace(draft, why="closer")
        texts = split_phrases(words, cast.persona.language)
        return replace(draft, texts=texts, source="model", adapter=cast.language_adapter)

    def _lexicon_of(self, catalog: Catalog) -> Lexicon:
        """The catalogue's names, read once for each change of it."""
        if self._lexicon is None or self._lexicon[0] is not catalog:
            self._lexicon = (catalog, Lexicon(catalog.on_platform(self._platform)))
        return self._lexicon[1]
