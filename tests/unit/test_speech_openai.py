"""The OpenAI-compatible voice, against a scripted transport."""

from __future__ import annotations

import io
import json
import wave

import httpx
import numpy as np
import pytest

from services.speech.openai import OpenAI
from services.speech.pinyin import units
from services.speech.types import EngineSpec, EngineUnavailable, Script

TEXT = "家人们大家好"
SPEC = EngineSpec("openai", "xiaoyu", rate=1.1, url="http://127.0.0.1:9/v1/", key="secret", model="cosyvoice")


def script() -> Script:
    return Script(TEXT, units(TEXT), "zh")


def tone(seconds: float, rate: int = 24_000) -> bytes:
    at = np.arange(int(seconds * rate)) / rate
    sound = np.concatenate([np.zeros(rate // 2), 0.4 * np.sin(2 * np.pi * 220 * at), np.zeros(rate // 2)])
    return bytes((sound * 32767).astype("<i2").tobytes())


def wav(pcm: bytes, rate: int = 24_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()


@pytest.mark.parametrize("body", [wav(tone(1.5)), tone(1.5)], ids=["wav", "pcm"])
async def test_a_phrase(body: bytes) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=body)

    engine = OpenAI(httpx.MockTransport(answer))
    take = await engine.synthesise(script(), SPEC)
    sound = take()
    await engine.aclose()
    length_s = sound.samples.size / sound.rate_hz
    assert length_s == pytest.approx(1.56, abs=0.05)  # what is silent around it is trimmed
    assert "".join(mark.unit.text for mark in sound.timed) == TEXT
    assert sound.timed[-1].end_s == pytest.approx(length_s)
    assert str(asked[0].url) == "http://127.0.0.1:9/v1/audio/speech"
    assert asked[0].headers["authorization"] == "Bearer secret"
    sent = json.loads(asked[0].content)
    assert (sent["input"], sent["voice"], sent["model"], sent["speed"]) == (TEXT, "xiaoyu", "cosyvoice", 1.1)


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (404, False), (429, True), (500, True)])
async def test_refusals(status: int, retryable: bool) -> None:
    engine = OpenAI(httpx.MockTransport(lambda request: httpx.Response(status)))
    with pytest.raises(EngineUnavailable, match=str(status)) as problem:
        await engine.synthesise(script(), SPEC)
    assert problem.value.retryable is retryable
    assert "secret" not in str(problem.value)
    await engine.aclose()


async def test_no_server() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    engine = OpenAI(httpx.MockTransport(refuse))
    with pytest.raises(EngineUnavailable) as problem:
        await engine.synthesise(script(), SPEC)
    assert problem.value.unreachable
    await engine.aclose()


async def test_a_torn_wav() -> None:
    engine = OpenAI(httpx.MockTransport(lambda request: httpx.Response(200, content=b"RIFF1234")))
    take = await engine.synthesise(script(), SPEC)
    with pytest.raises(EngineUnavailable, match="wav"):
        take()
    await engine.aclose()
