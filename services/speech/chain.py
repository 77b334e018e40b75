"""Text -> speech: the voice's chain of engines, tried in order, behind breakers and a cache.

    prepare (off the loop)  read_aloud -> units
    engine                  units -> take, within a deadline
    finish (off the loop)   take -> samples -> level -> words, visemes

One voice: a `pinned` engine is the only one asked; a substitute marked `other_voice` speaks only where
the voice allows it; else only cached phrases are left (`NoVoiceLeft`).
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import ipaddress
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

import numpy as np

from services import wire
from services.speech.breaker import Breaker, BreakerState
from services.speech.cache import PhraseCache, content_key
from services.speech.edge import Edge
from services.speech.espeak import Espeak
from services.speech.level import Leveller, to_s16
from services.speech.normalise import read_aloud
from services.speech.openai import OpenAI
from services.speech.pinyin import units
from services.speech.types import (
    Engine,
    EngineSpec,
    EngineUnavailable,
    NothingToSay,
    NoVoiceLeft,
    Script,
    Speech,
    SpeechError,
    Take,
    Timed,
    VoiceSpec,
)
from services.speech.visemes import visemes
from services.speech.words import word_marks

DEADLINES_S = {"edge": 8.0, "openai": 12.0, "espeak": 10.0}
LEAD_IN_S = 0.06
"""Silence before a phrase's first sound: the mouth opens in it, since lips lead the voice."""
_FASTEST = 1.5
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Speaker:
    """Speaks phrases. `offline` leaves out every engine that is not on this machine."""

    def __init__(
        self,
        cache_dir: Path,
        offline: bool = False,
        *,
        engines: Mapping[str, Engine] | None = None,
        clock: Callable[[], float] = time.monotonic,
        cache_bytes: int = 400_000_000,
    ) -> None:
        self._offline = offline
        self._clock = clock
        self._cache = PhraseCache(cache_dir, limit_bytes=cache_bytes)
        self._engines: dict[str, Engine] = dict(engines) if engines is not None else {
            "edge": Edge(), "openai": OpenAI(), "espeak": Espeak(),
        }  # fmt: skip
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._leveller = Leveller()
        self._warming: asyncio.Future[None]
        self._under_way: dict[str, tuple[asyncio.Lock, int]] = {}
        self._counts = {"synthesised": 0, "from_cache": 0, "failed": 0}

    async def __aenter__(self) -> Self:
        self._warming = asyncio.get_running_loop().run_in_executor(None, _load)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(self._warming, return_exceptions=True)
        for engine in self._engines.values():
            await engine.aclose()

    async def speak(
        self, text: str, voice: VoiceSpec, language: str = "zh", pinned: str | None = None
    ) -> Speech:
        """One phrase in the voice. `pinned` is the engine kind to stay with within an answer.

        Raises:
            NothingToSay: nothing in the text can be spoken.
            NoVoiceLeft: no engine that may speak can, and the phrase is not cached.
        """
        await asyncio.wait([self._warming])  # importing the same library twice at once is no quicker
        script = await _off_loop(_prepare, text, language)
        allowed = self._allowed(voice, pinned)
        problems: list[str] = []
        retryable = True
        for spec in allowed:
            breaker = self._breaker(spec)
            key = content_key(script.spoken, spec, language)
            if breaker.state is BreakerState.OPEN:
                problems.append(f"{spec.kind} rests after: {breaker.last_error}")
                continue
            async with self._alone(key):
                if (kept := await self._kept(key)) is not None:
                    return kept
                if not breaker.admit():
                    continue
                try:
                    return await self._synthesise(script, spec, breaker, key)
                except NothingToSay:
                    raise
                except SpeechError as error:
                    problems.append(f"{spec.kind}: {error}")
                    retryable = retryable and error.retryable
        for spec in allowed:
            if (kept := await self._kept(content_key(script.spoken, spec, language))) is not None:
                return kept
        self._counts["failed"] += 1
        why = "; ".join(problems) or f"no engine of the chain may speak (pinned {pinned!r})"
        raise NoVoiceLeft(f"no voice for {text!r}: {why}", retryable=retryable)

    def engine_for(self, voice: VoiceSpec) -> EngineSpec:
        """The engine that would speak now; raises NoVoiceLeft."""
        for spec in self._allowed(voice, None):
            if self._breaker(spec).state is not BreakerState.OPEN:
                return spec
        raise NoVoiceLeft("every engine of the voice rests or is not allowed; allow_other_voice may help")

    def state(self) -> dict[str, Any]:
        """Breakers and counts, for status pages."""
        engines = {
            " ".join(part for part in name if part): {
                "state": str(breaker.state),
                "error": breaker.last_error,
            }
            for name, breaker in self._breakers.items()
        }
        return {"engines": engines, "cache_error": self._cache.write_error, **self._counts}

    def _allowed(self, voice: VoiceSpec, pinned: str | None) -> list[EngineSpec]:
        """The engines that may speak, the persona's own voice first."""
        specs = [
            spec
            for spec in voice.chain
            if spec.kind in self._engines
            and (pinned is None or spec.kind == pinned)
            and (voice.allow_other_voice or not spec.other_voice)
            and not (self._offline and _is_remote(spec))
        ]
        return sorted(specs, key=lambda spec: spec.other_voice)

    def _breaker(self, spec: EngineSpec) -> Breaker:
        return self._breakers.setdefault((spec.kind, spec.url), Breaker(self._clock))

    async def _kept(self, key: str) -> Speech | None:
        speech = self._cache.remembered(key) or await _off_loop(self._cache.get, key)
        if speech is not None:
            self._counts["from_cache"] += 1
        return speech

    async def _synthesise(self, script: Script, spec: EngineSpec, breaker: Breaker, key: str) -> Speech:
        """Ask one engine, tell its breaker, keep the phrase."""
        answered = False
        try:
            speech = await self._ask(script, spec)
            if speech.duration_s > wire.MAX_PHRASE_S:
                hurry = min(_FASTEST, speech.duration_s / (wire.MAX_PHRASE_S - 0.2))
                speech = await self._ask(script, replace(spec, rate=spec.rate * hurry))
            answered = True
            breaker.succeeded()
        except EngineUnavailable as error:
            answered = True
            breaker.failed(str(error), for_good=error.unreachable or not error.retryable)
            raise
        finally:
            if not answered:
                breaker.abandoned()
        self._counts["synthesised"] += 1
        await _off_loop(self._cache.put, key, speech)
        return speech

    async def _ask(self, script: Script, spec: EngineSpec) -> Speech:
        deadline_s = DEADLINES_S.get(spec.kind, 10.0)
        try:
            async with asyncio.timeout(deadline_s):
                take = await self._engines[spec.kind].synthesise(script, spec)
        except TimeoutError as error:
            raise EngineUnavailable(f"no answer within {deadline_s:g} s") from error
        return await _off_loop(_finish, take, spec, self._leveller)

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        """One synthesis at a time for a phrase: those who wait find it in the cache."""
        lock, waiting = self._under_way.get(key, (asyncio.Lock(), 0))
        self._under_way[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._under_way.pop(key)
            if waiting > 1:
                self._under_way[key] = (lock, waiting - 1)


async def _off_loop(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """The one place where blocking work (word lists, decoding, loudness, disk) crosses to a thread."""
    return await asyncio.to_thread(work, *args, **kwargs)


@functools.lru_cache(maxsize=1)
def _load() -> None:
    """Load the word lists and large libraries (2 s of one core) on a worker thread, as the show starts."""
    units("大家好")
    for name in ("av", "edge_tts"):
        importlib.import_module(name)


def _prepare(text: str, language: str) -> Script:
    spoken = read_aloud(text, language)
    found = units(spoken, language)
    if not found:
        raise NothingToSay(f"nothing in {text!r} can be spoken")
    return Script(spoken, found, language)


def _finish(take: Take, spec: EngineSpec, leveller: Leveller) -> Speech:
    sound = take()
    samples = leveller.level(sound.samples, sound.rate_hz, f"{spec.kind} {spec.voice}")
    if not samples.any():
        raise EngineUnavailable(f"{spec.kind} gave silence; is the voice {spec.voice!r} one it knows?")
    samples = np.concatenate([np.zeros(int(LEAD_IN_S * wire.SAMPLE_RATE_HZ), samples.dtype), samples])
    timed = tuple(_later(one) for one in sound.timed)
    return Speech(
        pcm=to_s16(samples),
        words=word_marks(timed, samples.size),
        visemes=visemes(timed, samples.size / wire.SAMPLE_RATE_HZ),
        engine=spec.kind,
        voice=spec.voice,
    )


def _later(one: Timed) -> Timed:
    """A unit after the silence that leads a phrase in."""
    vowel = None if one.vowel_at_s is None else one.vowel_at_s + LEAD_IN_S
    return replace(one, start_s=one.start_s + LEAD_IN_S, end_s=one.end_s + LEAD_IN_S, vowel_at_s=vowel)


def _is_remote(spec: EngineSpec) -> bool:
    """Whether an engine needs the network beyond this machine."""
    if spec.kind == "espeak":
        return False
    host = urlsplit(spec.url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
