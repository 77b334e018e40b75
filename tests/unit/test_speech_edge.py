"""The online voice against a local stand-in for its server: good answers, refusals, stalls, torn streams."""

from __future__ import annotations

import asyncio
import http
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import av
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from services.speech.edge import Edge
from services.speech.level import loudness
from services.speech.pinyin import units
from services.speech.types import EngineSpec, EngineUnavailable, Script
from tests.conftest import free_port

TEXT = "家人们大家好，欢迎来到直播间"
SPEC = EngineSpec("edge", "zh-CN-XiaoxiaoNeural", rate=1.1, pitch=0.95)
WORDS = ("家人们", "大家好", "欢迎", "来到", "直播间")
STEP_S, LEAD_S = 0.5, 0.1
Handler = Callable[[ServerConnection], Awaitable[None]]


def mp3(seconds: float = 2.6, tail_s: float = 0.9) -> bytes:
    """A tone with silence behind it, as the server sends it."""
    rate = 24_000
    at = np.arange(int(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 220 * at) * np.where(at < LEAD_S, 0.0, 0.4)
    pcm = (np.concatenate([tone, np.zeros(int(tail_s * rate))]) * 32767).astype("<i2")
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        stream.bit_rate = 48_000
        for start in range(0, pcm.size, 1152):
            frame = av.AudioFrame.from_ndarray(pcm[None, start : start + 1152], format="s16", layout="mono")
            frame.sample_rate = rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


SOUND = mp3()


def text_message(path: str, body: object) -> str:
    return f"X-RequestId:1\r\nContent-Type:application/json\r\nPath:{path}\r\n\r\n{json.dumps(body)}"


def audio_message(data: bytes) -> bytes:
    head = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nX-StreamId:1\r\nPath:audio\r\n"
    return len(head).to_bytes(2, "big") + head + data


def boundary(index: int, word: str) -> str:
    offset, duration = int((LEAD_S + index * STEP_S) * 1e7), int((STEP_S - 0.05) * 1e7)
    data = {"Offset": offset, "Duration": duration, "text": {"Text": word, "Length": len(word)}}
    return text_message("audio.metadata", {"Metadata": [{"Type": "WordBoundary", "Data": data}]})


async def receive_request(socket: ServerConnection) -> str:
    await socket.recv()
    return str(await socket.recv())


async def send_sound(socket: ServerConnection, words: tuple[str, ...] = WORDS, share: float = 1.0) -> None:
    await socket.send(text_message("turn.start", {}))
    for index, word in enumerate(words):
        await socket.send(boundary(index, word))
    sound = SOUND[: int(len(SOUND) * share)]
    for start in range(0, len(sound), 1440):
        await socket.send(audio_message(sound[start : start + 1440]))


@asynccontextmanager
async def stand_in(
    monkeypatch: pytest.MonkeyPatch, handler: Handler, status: int | None = None
) -> AsyncIterator[None]:
    import edge_tts.communicate

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(http.HTTPStatus(status), "no\n") if status else None

    async with serve(handler, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        monkeypatch.setattr(edge_tts.communicate, "WSS_URL", f"ws://127.0.0.1:{port}/v1?x=1")
        yield


def script() -> Script:
    return Script(TEXT, units(TEXT), "zh")


async def test_a_phrase_is_received_trimmed_and_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def speak(socket: ServerConnection) -> None:
        asked.append(await receive_request(socket))
        await send_sound(socket)
        await socket.send(text_message("turn.end", {}))

    async with stand_in(monkeypatch, speak):
        take = await Edge().synthesise(script(), SPEC)
    sound = take()
    assert sound.rate_hz == 24_000
    assert 2.4 < sound.samples.size / sound.rate_hz < 2.75
    assert "".join(mark.unit.text for mark in sound.timed) == TEXT.replace("，", "")
    starts = [mark.start_s for mark in sound.timed]
    assert starts == sorted(starts) and starts[0] < 0.1
    assert sound.timed[3].start_s == pytest.approx(STEP_S, abs=0.08)
    assert all(mark.end_s <= sound.samples.size / sound.rate_hz + 0.1 for mark in sound.timed)
    assert "rate='+10%'" in asked[0] and "pitch='-10Hz'" in asked[0] and TEXT in asked[0]
    assert np.isfinite(loudness(sound.samples, sound.rate_hz))


async def test_403_opens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand_in(monkeypatch, receive_request_only, status=403):  # the library tries once more itself
        with pytest.raises(EngineUnavailable) as problem:
            await Edge().synthesise(script(), SPEC)
    assert problem.value.retryable


async def test_503(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand_in(monkeypatch, receive_request_only, status=503):
        with pytest.raises(EngineUnavailable, match="503"):
            await Edge().synthesise(script(), SPEC)


async def receive_request_only(socket: ServerConnection) -> None:
    await receive_request(socket)


async def test_silence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def say_nothing(socket: ServerConnection) -> None:
        await receive_request(socket)
        await socket.send(text_message("turn.start", {}))
        await socket.send(text_message("turn.end", {}))

    async with stand_in(monkeypatch, say_nothing):
        with pytest.raises(EngineUnavailable, match="NoAudioReceived"):
            await Edge().synthesise(script(), SPEC)


async def test_a_stall_before_the_first_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stall(socket: ServerConnection) -> None:
        await receive_request(socket)
        await socket.wait_closed()

    async with stand_in(monkeypatch, stall):
        with pytest.raises(EngineUnavailable, match="did not begin to speak") as problem:
            await Edge(first_byte_s=0.3).synthesise(script(), SPEC)
    assert problem.value.unreachable


async def test_a_stall_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stall(socket: ServerConnection) -> None:
        await receive_request(socket)
        await send_sound(socket, share=0.5)
        await socket.wait_closed()

    async with stand_in(monkeypatch, stall):
        with pytest.raises(EngineUnavailable, match="did not finish"):
            await Edge(first_byte_s=0.3, total_s=0.6).synthesise(script(), SPEC)


@pytest.mark.parametrize(("words", "share"), [(WORDS[:2], 0.4), (WORDS, 0.4)])
async def test_a_torn_stream_is_not_taken_for_the_phrase(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], share: float
) -> None:
    async def tear(socket: ServerConnection) -> None:
        await receive_request(socket)
        await send_sound(socket, words, share)
        await socket.close()

    async with stand_in(monkeypatch, tear):
        with pytest.raises(EngineUnavailable):  # in the receiving, or when it is decoded
            take = await Edge().synthesise(script(), SPEC)
            take()


async def test_refused_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    import edge_tts.communicate

    monkeypatch.setattr(edge_tts.communicate, "WSS_URL", f"ws://127.0.0.1:{free_port()}/v1?x=1")
    began = asyncio.get_running_loop().time()
    with pytest.raises(EngineUnavailable) as problem:
        await Edge().synthesise(script(), SPEC)
    assert problem.value.unreachable
    assert asyncio.get_running_loop().time() - began < 1.0


async def test_a_bad_voice_name_is_not_worth_another_try() -> None:
    with pytest.raises(EngineUnavailable, match="voice") as problem:
        await Edge().synthesise(script(), EngineSpec("edge", "not a voice"))
    assert not problem.value.retryable


async def test_data_that_is_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def babble(socket: ServerConnection) -> None:
        await receive_request(socket)
        for index, word in enumerate(WORDS):
            await socket.send(boundary(index, word))
        await socket.send(audio_message(b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(3000)))
        await socket.send(text_message("turn.end", {}))

    async with stand_in(monkeypatch, babble):
        take: Any = await Edge().synthesise(script(), SPEC)
        with pytest.raises(EngineUnavailable, match="no sound"):
            take()
