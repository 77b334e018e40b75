"""Scripted stand-ins for what a show waits for: a writer, a voice and a playout, on any clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from livehost.catalog import Catalog
from livehost.lines import Cast, Draft
from livehost.settings import Persona, Rundown, Segment, Style, Voice, VoiceEngine
from livehost.store.protocol import Question
from services import wire
from services.speech.types import EngineSpec, Speech, SpeechError, VoiceSpec

EPOCH = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
SYLLABLES_A_SECOND = 4.5


def loop_clock() -> datetime:
    """The running loop's time as a date."""
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


def a_persona(persona_id: str = "ann", address: str = "家人们") -> Persona:
    """A persona with one of each standing line."""
    return Persona(
        id=persona_id, name=persona_id, look=f"builtin:{persona_id}",
        voice=Voice(chain=(VoiceEngine(kind="espeak", voice="cmn"),)),
        style=Style(self_name="小棠", address=(address,)),
        greeting=(f"{address}好，我是{{self}}",), farewell=(f"{address}再见",),
        bridges=("稍等一下哦", "马上就来"), resumes=("我们接着说",),
        reserve=("欢迎来到直播间", "喜欢可以点个关注"), disclosure=("我是AI数字人主播",),
    )  # fmt: skip


def a_rundown(rundown_id: str = "show", segments: int = 4) -> Rundown:
    """A rundown of so many segments with two wordings of three clauses each."""
    return Rundown(
        id=rundown_id,
        segments=tuple(
            Segment(
                id=f"s{n}", product=f"p{n % 2}",
                wordings=tuple(f"第{n}段的{w}种说法，这里再说一句，最后还有一句" for w in "甲乙"),
            )
            for n in range(segments)
        ),
    )  # fmt: skip


def a_cast(persona_id: str = "ann", segments: int = 4) -> Cast:
    """A cast of that persona with a rundown."""
    return Cast(
        persona=a_persona(persona_id), rundown=a_rundown(segments=segments), look_path=Path("/nowhere"),
        voice=VoiceSpec(chain=(EngineSpec(kind="espeak", voice="cmn"),)),
    )  # fmt: skip


@dataclass
class ScriptedVoices:
    """Speaks each phrase in `takes_s`; `fails` names the calls (from 1) that fail."""

    takes_s: float = 0.0
    fails: frozenset[int] = frozenset()
    calls: list[str] = field(default_factory=list)

    async def speak(
        self, text: str, voice: VoiceSpec, language: str = "zh", pinned: str | None = None
    ) -> Speech:
        self.calls.append(text)
        number = len(self.calls)
        await asyncio.sleep(self.takes_s)
        if number in self.fails:
            raise SpeechError(f"scripted failure {number}")
        samples = int(len(text) / SYLLABLES_A_SECOND * wire.SAMPLE_RATE_HZ)
        return Speech(pcm=b"\0\0" * samples, words=(), visemes=(), engine="scripted", voice="one")


@dataclass
class ScriptedWriter:
    """Writes in `takes_s`; answers say the question back."""

    takes_s: float = 0.0

    async def script(
        self, segment: Segment, cast: Cast, catalog: Catalog, now: datetime, choose: Callable[..., int]
    ) -> tuple[int, Draft]:
        await asyncio.sleep(self.takes_s)
        index = choose(list(enumerate(segment.wordings)))
        return index, Draft(texts=tuple(segment.wordings[index].split("，")), product=segment.product)

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
        await asyncio.sleep(self.takes_s)
        return Draft(texts=(f"有人问{question.text}", "答案在这里"), product=on_air)


@dataclass
class Heard:
    """A phrase as viewers heard it."""

    phrase: wire.Phrase
    begin: float
    end: float


class ScriptedPlayout:
    """Asks and plays as the real one: `Want` below 1.5 s of held speech, fates at each end."""

    def __init__(self, fated: Callable[[wire.Phrase, wire.PhraseFate], None]) -> None:
        self._fated = fated
        self._queue: deque[wire.Phrase] = deque()
        self._ends = 0.0
        self._serial = 0
        self.heard: list[Heard] = []

    @property
    def held_s(self) -> float:
        now = asyncio.get_running_loop().time()
        queued = sum(len(phrase.pcm) / 2 / wire.SAMPLE_RATE_HZ + phrase.gap_s for phrase in self._queue)
        return max(0.0, self._ends - now) + queued

    @property
    def queued(self) -> int:
        """Phrases that are held and not begun."""
        return len(self._queue)

    def drop(self) -> None:
        """Let go of what is queued and not begun."""
        for dropped in self._queue:
            self._fated(dropped, wire.PhraseFate.DROPPED)
        self._queue.clear()

    async def want(self) -> wire.Want:
        """As the link gives it: repeated each 0.25 s while it stands."""
        while True:
            await asyncio.sleep(0.25 if self._serial else 0.0)
            if self.held_s < 1.5:
                self._serial += 1
                return wire.Want(serial=self._serial, held_s=self.held_s)

    async def send(self, message: wire.Message) -> None:
        assert isinstance(message, wire.Phrase)
        if message.urgent:
            self.drop()
        self._queue.append(message)

    async def play(self) -> None:
        """Play the queue for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            if not self._queue:
                await asyncio.sleep(0.02)
                continue
            phrase = self._queue.popleft()
            begin = clock()
            self._ends = begin + len(phrase.pcm) / 2 / wire.SAMPLE_RATE_HZ
            await asyncio.sleep(self._ends - begin)
            self.heard.append(Heard(phrase, begin, clock()))
            self._fated(phrase, wire.PhraseFate.FINISHED)
            await asyncio.sleep(phrase.gap_s)

    def gaps(self) -> list[float]:
        """Seconds of silence between phrases."""
        return [after.begin - before.end for before, after in zip(self.heard, self.heard[1:], strict=False)]
