"""The embedded voice, heard by measuring: length, level, spectrum, pitch, and nothing read in English."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from services import wire
from services.speech import EngineSpec, NothingToSay, Speaker, Speech, VoiceSpec
from services.speech.espeak import Espeak, _chunks, _voice
from services.speech.level import loudness, true_peak
from services.speech.pinyin import units
from services.speech.types import EngineUnavailable, Script

PERSONAS = {
    "morning": EngineSpec("espeak", "f2", rate=1.08, pitch=1.12),
    "evening": EngineSpec("espeak", "f4", rate=0.92, pitch=0.92),
    "tangzhuang": EngineSpec("espeak", "f3", rate=0.96, pitch=1.18),
}
LINE = "家人们大家好，这款氨基酸洁面乳到手五十八元，喜欢的扣一。"
SYLLABLES = 26


def samples_of(speech: Speech) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(speech.pcm, "<i2").astype(np.float32) / np.float32(32768)


def voice(spec: EngineSpec) -> VoiceSpec:
    return VoiceSpec((spec,))


@pytest_asyncio.fixture
async def speaker(tmp_path: Path) -> AsyncIterator[Speaker]:
    async with Speaker(tmp_path, offline=True) as open_speaker:
        yield open_speaker


def median_pitch_hz(samples: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    """The median pitch of the voiced frames, by autocorrelation."""
    rate, size = wire.SAMPLE_RATE_HZ, 2048
    found = []
    for start in range(0, samples.size - size, size // 2):
        frame = samples[start : start + size] - samples[start : start + size].mean()
        if np.abs(frame).max() < 0.05:
            continue
        spectrum = np.fft.rfft(frame * np.hanning(size), 2 * size)
        spectrum[np.fft.rfftfreq(2 * size, 1 / rate) > 900] = 0
        echo = np.fft.irfft(np.abs(spectrum) ** 2)
        low, high = rate // 400, rate // 70
        peak = low + int(np.argmax(echo[low:high]))
        if echo[peak] > 0.4 * echo[0]:
            found.append(rate / peak)
    return float(np.median(found))


async def test_three_personas_are_plausible_and_differ(speaker: Speaker) -> None:
    pitches = {}
    for name, spec in PERSONAS.items():
        speech = await speaker.speak(LINE, voice(spec))
        samples = samples_of(speech)
        assert 0.12 <= speech.duration_s / SYLLABLES <= 0.35, name
        assert loudness(samples) == pytest.approx(-16, abs=1)
        assert 20 * np.log10(true_peak(samples)) <= -1.5
        assert np.abs(samples[:10]).max() < 0.01 and np.abs(samples[-10:]).max() < 0.01
        pitches[name] = median_pitch_hz(samples)
    for one, other in itertools.combinations(pitches.values(), 2):
        assert abs(np.log2(one / other)) > 0.12, pitches


async def test_the_buzz_is_taken_off(speaker: Speaker) -> None:
    speech = await speaker.speak(LINE, voice(PERSONAS["morning"]))
    power = np.abs(np.fft.rfft(samples_of(speech))) ** 2
    hertz = np.fft.rfftfreq(len(speech.pcm) // 2, 1 / wire.SAMPLE_RATE_HZ)

    def band_db(low: float, high: float) -> float:
        return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].sum()))

    body = band_db(200, 800)
    assert -22 < band_db(2500, 4500) - body < -8
    assert band_db(20, 80) - body < -20


async def test_every_syllable_has_its_place(speaker: Speaker) -> None:
    speech = await speaker.speak(LINE, voice(PERSONAS["morning"]))
    assert "".join(word.text for word in speech.words) == "".join(c for c in LINE if c not in "，。")
    ends = [0, *(word.end for word in speech.words)]
    for word, before in zip(speech.words, ends, strict=False):
        assert before - 1 <= word.start < word.end <= len(speech.pcm) // 2
        seconds = (word.end - word.start) / wire.SAMPLE_RATE_HZ / len(word.text)
        assert 0.05 <= seconds <= 0.40, word


async def ask(engine: Espeak, text: str) -> tuple[dict[str, Any], list[bytes]]:
    script = Script(text, units(text), "zh")
    chunks = _chunks(script, 50)
    return await engine._ask(
        {
            "voice": _voice("f2", "zh"),
            "chunks": [{"text": c.text, "rate": 208, "pitch": 50, "range": 88} for c in chunks],
        }
    )


async def test_no_pinyin_is_read_as_english() -> None:
    engine = Espeak()
    try:
        text = "熊大爷穷得很凶，胸口用力，炯炯有神，女孩去旅行，略略学会，绿色月饼，耳朵一会儿，嗯好，哦对"
        head, _ = await ask(engine, text)
        names = [
            name for chunk in head["chunks"] for kind, _, _, name in chunk["events"] if kind == "phoneme"
        ]
        assert names and "(en)" not in names
        head, _ = await ask(engine, "这款VC精华")
        names = [name for kind, _, _, name in head["chunks"][0]["events"] if kind == "phoneme"]
        assert names.count("(cmn)") >= 1
    finally:
        await engine.aclose()


async def test_tones_are_heard() -> None:
    engine = Espeak()
    try:
        rising = falling = 0.0
        for text, sign in (("麻", 1), ("骂", -1)):
            head, bodies = await ask(engine, text)
            samples = np.frombuffer(bodies[0], "<i2").astype(np.float32)
            rate = head["rate_hz"]
            vowel = next(e[1] for e in head["chunks"][0]["events"] if e[0] == "phoneme" and "ɑ" in e[3])
            end = next(e[1] for e in head["chunks"][0]["events"] if e[0] == "phoneme" and e[1] > vowel)
            crossings = [period(samples[at : at + 600], rate) for at in (vowel + 200, end - 900)]
            if sign > 0:
                rising = crossings[1] - crossings[0]
            else:
                falling = crossings[1] - crossings[0]
        assert rising > 5 > -5 > falling
    finally:
        await engine.aclose()


def period(frame: np.ndarray[Any, np.dtype[np.float32]], rate: int) -> float:
    frame = frame - frame.mean()
    echo = np.correlate(frame, frame, "full")[frame.size - 1 :]
    low, high = rate // 260, rate // 110
    return float(rate / (low + np.argmax(echo[low:high])))


async def test_a_worker_that_dies_is_started_again() -> None:
    engine = Espeak()
    try:
        await ask(engine, "大家好")
        process = engine._process
        assert process is not None
        process.kill()
        await process.wait()
        _, bodies = await ask(engine, "大家好")
        assert len(bodies[0]) > 10_000
    finally:
        await engine.aclose()


async def test_the_worker_ends_with_us() -> None:
    engine = Espeak()
    await ask(engine, "大家好")
    process = engine._process
    assert process is not None
    await engine.aclose()
    assert process.returncode == 0


async def test_a_cancelled_ask_leaves_no_half_answer() -> None:
    engine = Espeak()
    try:
        task = asyncio.ensure_future(ask(engine, "大家好，欢迎来到直播间"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        head, bodies = await ask(engine, "好")
        assert len(head["chunks"]) == len(bodies) == 1
    finally:
        await engine.aclose()


async def test_a_worker_that_cannot_start_says_so() -> None:
    engine = Espeak(("/bin/false",))
    with pytest.raises(EngineUnavailable, match="worker failed"):
        await ask(engine, "大家好")
    await engine.aclose()


async def test_an_unknown_voice_is_refused(speaker: Speaker) -> None:
    engine = Espeak()
    script = Script("大家好", units("大家好"), "zh")
    with pytest.raises(EngineUnavailable, match="no voice") as problem:
        await engine.synthesise(script, EngineSpec("espeak", "nobody-at-all"))
    assert not problem.value.retryable
    await engine.aclose()


@pytest.mark.parametrize("text", ["", "😊", "。。。", "~~"])
async def test_nothing_to_say(speaker: Speaker, text: str) -> None:
    with pytest.raises(NothingToSay):
        await speaker.speak(text, voice(PERSONAS["morning"]))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello everyone, this serum is fifty-nine yuan.", "en"),
        ("みなさん、こんにちは。1299円です。", "ja"),
        ("SPF50+的防晒，iPhone17也能扫码", "zh"),
    ],
)
async def test_other_languages_speak(speaker: Speaker, text: str, language: str) -> None:
    speech = await speaker.speak(text, voice(PERSONAS["evening"]), language)
    assert 1.0 < speech.duration_s < 6.0
    assert speech.visemes[0].tag == speech.visemes[-1].tag == "sil"
    assert len(speech.visemes) > 8 and speech.words
