"""Turns lines into phrases with sound: one bounded place where words meet the speech service."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from typing import Protocol

from livehost.chat.moderation import moderated_name, moderated_question
from livehost.compliance import Review
from livehost.desk import Stock
from livehost.lines import Cast, Draft, Line
from services import wire
from services.speech.types import Speech, SpeechError, VoiceSpec

_MOODS = {
    wire.PhraseKind.GREETING: wire.Mood.SMILE,
    wire.PhraseKind.FAREWELL: wire.Mood.SMILE,
    wire.PhraseKind.BRIDGE: wire.Mood.SMILE,
}


class Voices(Protocol):
    """What speaks a phrase (services.speech.Speaker)."""

    async def speak(
        self, text: str, voice: VoiceSpec, language: str = "zh", pinned: str | None = None
    ) -> Speech:
        """The phrase as levelled PCM with word marks and visemes."""
        ...


class Voicer:
    """Voices lines, at most `at_once` phrases at a time; phrases of a line keep one engine.

    `refused` says why a line's words may not be said; such a line gets no sound.
    """

    def __init__(
        self,
        voices: Voices,
        *,
        refused: Callable[[Line], Review | None] = lambda line: None,
        at_once: int = 4,
    ) -> None:
        self._voices = voices
        self._refused = refused
        self._turn = asyncio.Semaphore(at_once)

    async def voice(self, line: Line, changed: Callable[[], None]) -> None:
        """Fill in the line's sound, first phrase first; a failure is left in `line.failed`.

        The first phrase's engine is kept for the rest of the line. If that engine fails while
        nothing of the line was sent, the whole line is spoken again by the next one.
        """
        if (found := self._refused(line)) is not None:
            line.failed = f"话术未过审 / the review blocks this: {found.caught(''.join(line.draft.texts))}"
            changed()
            return
        try:
            await self._pass(line, changed)
        except SpeechError as error:
            if error.retryable and not any(line.voiced[: line.sent]):
                line.voiced = [None] * len(line.draft.texts)
                try:
                    await self._pass(line, changed)
                except SpeechError as second:
                    line.failed = str(second)
            else:
                line.failed = str(error)
        finally:
            changed()

    async def _pass(self, line: Line, changed: Callable[[], None]) -> None:
        begin = line.sent
        if begin >= len(line.draft.texts):
            return
        first = await self._phrase(line, begin, None)
        changed()

        async def rest(index: int) -> None:
            await self._phrase(line, index, first.engine)
            changed()

        results = await asyncio.gather(
            *(rest(index) for index in range(begin + 1, len(line.draft.texts))), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _phrase(self, line: Line, index: int, pinned: str | None) -> Speech:
        text = line.draft.texts[index]
        async with self._turn:
            speech = await self._voices.speak(
                text, line.cast.voice, language=line.cast.persona.language, pinned=pinned
            )
        line.voiced[index] = wire.Phrase(
            id=uuid.uuid4().hex,
            kind=line.kind,
            text=text,
            caption=text,
            pcm=speech.pcm,
            words=speech.words,
            visemes=speech.visemes,
            persona=line.cast.persona.id,
            look=line.cast.look,
            language=line.cast.persona.language,
            trace=line.trace(index),
            product=line.card,
            question=_bubble(line),
            mood=_MOODS.get(line.kind, line.draft.mood),
            urgent=line.urgent and index == 0,
            gap_s=0.24 if index == len(line.draft.texts) - 1 else 0.08,
        )
        return speech


def _bubble(line: Line) -> wire.QuestionBubble | None:
    """The question as the picture may show it; None where it holds what may not be shown."""
    if line.question is None:
        return None
    text = moderated_question(line.question.text)
    return wire.QuestionBubble(user=moderated_name(line.question.user), text=text) if text else None


def standing_lines(cast: Cast, shop: str, split: Callable[[str, str], tuple[str, ...]]) -> Stock:
    """The cast's stock of unvoiced standing lines (greeting, farewell, bridge, resume, disclosure)."""
    persona = cast.persona

    def lines(
        kind: wire.PhraseKind, texts: tuple[str, ...], card: wire.ProductCard | None = None
    ) -> deque[Line]:
        return deque(
            Line(kind=kind, cast=cast, draft=Draft(texts=split(spoken(text), persona.language)), card=card)
            for text in texts
        )

    def spoken(text: str) -> str:
        address = persona.style.address[0] if persona.style.address else ""
        return text.format(self=persona.style.self_name, address=address, shop=shop)

    no_card = wire.ProductCard(product="", name="")  # her greeting takes the last host's card away
    stock = Stock(cast)
    stock.lines = {
        wire.PhraseKind.GREETING: lines(wire.PhraseKind.GREETING, persona.greeting, no_card),
        wire.PhraseKind.FAREWELL: lines(wire.PhraseKind.FAREWELL, persona.farewell),
        wire.PhraseKind.BRIDGE: lines(wire.PhraseKind.BRIDGE, persona.bridges),
        wire.PhraseKind.DISCLOSURE: lines(wire.PhraseKind.DISCLOSURE, persona.disclosure),
        wire.PhraseKind.RESERVE: lines(wire.PhraseKind.RESERVE, persona.reserve),
    }
    stock.resumes = lines(wire.PhraseKind.BRIDGE, persona.resumes)
    return stock
