"""The chain: who is asked, when an engine rests, one voice, the cache."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from services import wire
from services.speech import EngineSpec, EngineUnavailable, NothingToSay, NoVoiceLeft, Speaker, VoiceSpec
from services.speech.breaker import Breaker, BreakerState
from services.speech.cache import PhraseCache, content_key
from services.speech.timing import by_estimate
from services.speech.types import Script, Sound, Take
from tests.conftest import wait_until

EDGE = EngineSpec("edge", "zh-CN-XiaoxiaoNeural")
ESPEAK = EngineSpec("espeak", "f2", other_voice=True)
BOTH = VoiceSpec((EDGE, ESPEAK), allow_other_voice=True)
STRICT = VoiceSpec((EDGE, ESPEAK), allow_other_voice=False)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """An engine that speaks a tone for each syllable, and fails as its script says."""

    def __init__(self, *failures: EngineUnavailable | None) -> None:
        self.failures = list(failures)
        self.asked: list[str] = []
        self.rates: list[float] = []
        self.syllable_s = 0.2
        self.hold: asyncio.Event | None = None
        self.closed = False

    async def synthesise(self, script: Script, spec: EngineSpec) -> Take:
        self.asked.append(script.spoken)
        self.rates.append(spec.rate)
        if self.hold is not None:
            await self.hold.wait()
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        length = self.syllable_s * len(script.units) / spec.rate
        at = np.arange(int(length * 22_050)) / 22_050
        tone = (0.3 * np.sin(2 * np.pi * 300 * at)).astype(np.float32)
        return lambda: Sound(tone, 22_050, by_estimate(script.units, 0.0, length))

    async def aclose(self) -> None:
        self.closed = True


def broken(*, unreachable: bool = False, retryable: bool = True) -> EngineUnavailable:
    return EngineUnavailable("scripted", unreachable=unreachable, retryable=retryable)


@asynccontextmanager
async def speaker_with(
    folder: Path, edge: Scripted, espeak: Scripted, *, clock: Callable[[], float] | None = None
) -> AsyncIterator[Speaker]:
    engines = {"edge": edge, "espeak": espeak}
    async with Speaker(folder, engines=engines, clock=clock or Clock()) as speaker:
        yield speaker


async def test_the_first_engine_speaks_and_is_cached(tmp_path: Path) -> None:
    edge, espeak = Scripted(), Scripted()
    async with speaker_with(tmp_path, edge, espeak) as speaker:
        first = await speaker.speak("到手￥59", BOTH)
        again = await speaker.speak("到手￥59", BOTH)
    assert edge.asked == ["到手五十九元"] and not espeak.asked
    assert first == again and first.engine == "edge"
    assert edge.closed and espeak.closed
    assert "".join(word.text for word in first.words) == "到手五十九元"
    assert first.words[-1].end <= len(first.pcm) // 2


async def test_the_cache_outlives_the_process(tmp_path: Path) -> None:
    async with speaker_with(tmp_path, Scripted(), Scripted()) as speaker:
        first = await speaker.speak("大家好", BOTH)
    edge = Scripted()
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        assert await speaker.speak("大家好", BOTH) == first
    assert not edge.asked


async def test_two_failures_open_the_breaker_and_a_probe_closes_it(tmp_path: Path) -> None:
    clock, edge, espeak = Clock(), Scripted(broken(), broken()), Scripted()
    async with speaker_with(tmp_path, edge, espeak, clock=clock) as speaker:
        assert speaker.engine_for(BOTH).kind == "edge"
        for text in ("一", "二", "三"):
            assert (await speaker.speak(text, BOTH)).engine == "espeak"
        assert edge.asked == ["一", "二"]
        assert speaker.engine_for(BOTH).kind == "espeak"
        assert speaker.state()["engines"]["edge"]["state"] == "open"
        clock.now = 61
        assert speaker.engine_for(BOTH).kind == "edge"
        assert (await speaker.speak("四", BOTH)).engine == "edge"
        assert speaker.state()["engines"]["edge"]["state"] == "closed"


async def test_an_unreachable_engine_rests_at_once(tmp_path: Path) -> None:
    edge = Scripted(broken(unreachable=True))
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        for text in ("一", "二"):
            assert (await speaker.speak(text, BOTH)).engine == "espeak"
    assert edge.asked == ["一"]


async def test_a_pinned_engine_is_the_only_one_asked(tmp_path: Path) -> None:
    edge, espeak = Scripted(None, broken()), Scripted()
    async with speaker_with(tmp_path, edge, espeak) as speaker:
        first = await speaker.speak("第一句", BOTH, pinned="edge")
        with pytest.raises(NoVoiceLeft):
            await speaker.speak("第二句", BOTH, pinned="edge")
        assert await speaker.speak("第一句", BOTH, pinned="edge") == first
        assert not espeak.asked
        assert (await speaker.speak("第二句", BOTH, pinned="espeak")).engine == "espeak"


async def test_another_voice_is_not_used_where_it_is_not_allowed(tmp_path: Path) -> None:
    edge, espeak = Scripted(None, broken(), broken()), Scripted()
    async with speaker_with(tmp_path, edge, espeak) as speaker:
        cached = await speaker.speak("欢迎大家", STRICT)
        for text in ("一", "二", "三"):
            with pytest.raises(NoVoiceLeft) as problem:
                await speaker.speak(text, STRICT)
            assert problem.value.retryable
        with pytest.raises(NoVoiceLeft):
            speaker.engine_for(STRICT)
        assert await speaker.speak("欢迎大家", STRICT) == cached  # cached lines still work
    assert not espeak.asked


async def test_the_personas_own_voice_comes_first(tmp_path: Path) -> None:
    voice = VoiceSpec((ESPEAK, EDGE), allow_other_voice=True)
    async with speaker_with(tmp_path, Scripted(), Scripted()) as speaker:
        assert (await speaker.speak("大家好", voice)).engine == "edge"


async def test_same_requests_share_one_synthesis(tmp_path: Path) -> None:
    edge = Scripted()
    edge.hold = asyncio.Event()
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        asks = [asyncio.ensure_future(speaker.speak("大家好", BOTH)) for _ in range(4)]
        await wait_until(lambda: edge.asked)
        edge.hold.set()
        phrases = await asyncio.gather(*asks)
    assert len(edge.asked) == 1 and len({phrase.pcm for phrase in phrases}) == 1


async def test_a_cancelled_ask_leaves_the_others_and_the_breaker_alone(tmp_path: Path) -> None:
    edge = Scripted()
    edge.hold = asyncio.Event()
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        first = asyncio.ensure_future(speaker.speak("大家好", BOTH))
        await wait_until(lambda: edge.asked)
        second = asyncio.ensure_future(speaker.speak("大家好", BOTH))
        first.cancel()
        edge.hold.set()
        assert (await second).engine == "edge"
        assert speaker.state()["engines"]["edge"]["state"] == "closed"


async def test_a_deadline_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("services.speech.chain", fromlist=["x"]).DEADLINES_S, "edge", 0.05)
    edge = Scripted()
    edge.hold = asyncio.Event()
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        assert (await speaker.speak("大家好", BOTH)).engine == "espeak"


async def test_a_phrase_over_six_seconds_is_spoken_faster(tmp_path: Path) -> None:
    edge = Scripted()
    edge.syllable_s = 0.7
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        speech = await speaker.speak("家人们大家好欢迎来", BOTH)
    assert speech.duration_s <= wire.MAX_PHRASE_S
    assert len(edge.rates) == 2 and edge.rates[1] > 1


async def test_offline_leaves_out_remote_engines(tmp_path: Path) -> None:
    local = EngineSpec("openai", "a", url="http://127.0.0.1:9/v1")
    remote = EngineSpec("openai", "a", url="https://voices.example/v1")
    async with Speaker(tmp_path, offline=True) as speaker:
        assert speaker.engine_for(VoiceSpec((EDGE, remote, local))) == local
        with pytest.raises(NoVoiceLeft):
            speaker.engine_for(VoiceSpec((EDGE, remote)))


async def test_nothing_to_say_troubles_no_engine(tmp_path: Path) -> None:
    edge = Scripted()
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        with pytest.raises(NothingToSay):
            await speaker.speak("😊", BOTH)
    assert not edge.asked


def test_a_failed_probe_opens_again() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed("a")
    assert breaker.admit()
    breaker.failed("b")
    clock.now = 60
    assert breaker.admit() and breaker.state is BreakerState.OPEN  # one probe at a time
    breaker.failed("c")
    clock.now = 119
    assert not breaker.admit()
    clock.now = 120
    assert breaker.admit()
    breaker.abandoned()
    assert str(breaker.state) == "half_open"


def kept_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_broken_cache_file_is_removed(tmp_path: Path) -> None:
    async with speaker_with(tmp_path, Scripted(), Scripted()) as speaker:
        await speaker.speak("大家好", BOTH)
    (path,) = kept_files(tmp_path)
    path.write_bytes(b"torn")
    edge = Scripted()
    async with speaker_with(tmp_path, edge, Scripted()) as speaker:
        await speaker.speak("大家好", BOTH)
    assert len(edge.asked) == 1 and len(kept_files(tmp_path)) == 1


async def test_the_oldest_phrases_make_room(tmp_path: Path) -> None:
    async with speaker_with(tmp_path / "a", Scripted(), Scripted()) as speaker:
        speech = await speaker.speak("大家好", BOTH)
    cache = PhraseCache(tmp_path / "b", limit_bytes=len(speech.pcm) * 5, in_memory=1)
    for number in range(12):
        cache.put(content_key(str(number), EDGE, "zh"), speech)
    assert 3 <= len(kept_files(tmp_path / "b")) <= 5
    assert cache.get(content_key("11", EDGE, "zh")) is not None


async def test_a_disk_that_cannot_be_written_costs_no_phrase(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with speaker_with(tmp_path / "file" / "cache", Scripted(), Scripted()) as speaker:
        assert (await speaker.speak("大家好", BOTH)).engine == "edge"
        assert "cannot be written" in speaker.state()["cache_error"]


def test_a_key_holds_no_secret() -> None:
    with_secret = EngineSpec("openai", "a", key="secret")
    assert content_key("x", with_secret, "zh") == content_key("x", EngineSpec("openai", "a"), "zh")
    assert "secret" not in repr(with_secret)
