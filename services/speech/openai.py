"""A voice behind an OpenAI-compatible `/v1/audio/speech` (CosyVoice, GPT-SoVITS, commercial ones).

It gives no marks: syllables are placed by estimate over the sound that is not silence.
"""

from __future__ import annotations

import io
import wave
from functools import partial

import httpx
import numpy as np

from services.speech.mp3 import trim
from services.speech.timing import by_estimate
from services.speech.types import EngineSpec, EngineUnavailable, Samples, Script, Sound, Take

_CONNECT_S, _TOTAL_S = 4.0, 10.0
_PCM_RATE_HZ = 24_000
_LIMIT_BYTES = 16_000_000


class OpenAI:
    """The engine `openai`. `url` is the server's base address, `model` and `voice` its own names."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client: httpx.AsyncClient | None = None
        self._transport = transport

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def synthesise(self, script: Script, spec: EngineSpec) -> Take:
        """The phrase, received whole; raises EngineUnavailable."""
        if self._client is None:
            timeout = httpx.Timeout(_TOTAL_S, connect=_CONNECT_S)
            self._client = httpx.AsyncClient(timeout=timeout, transport=self._transport)
        body = {
            "model": spec.model or "tts-1",
            "input": script.spoken,
            "voice": spec.voice,
            "response_format": "wav",
            "speed": spec.rate,
        }
        headers = {"Authorization": f"Bearer {spec.key}"} if spec.key else {}
        try:
            reply = await self._client.post(_address(spec.url), json=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise EngineUnavailable(f"{spec.url} cannot be reached: {error}", unreachable=True) from error
        except httpx.HTTPError as error:
            raise EngineUnavailable(f"{spec.url} failed: {type(error).__name__} {error}") from error
        if reply.status_code != 200:
            lasting = reply.status_code in (400, 401, 403, 404, 422)
            raise EngineUnavailable(
                f"{spec.url} answered {reply.status_code}; check key, model and voice", retryable=not lasting
            )
        if len(reply.content) > _LIMIT_BYTES:
            raise EngineUnavailable(
                f"{spec.url} sent {len(reply.content)} bytes for one phrase", retryable=False
            )
        return partial(_take, reply.content, script)


def _address(url: str) -> str:
    base = url.rstrip("/")
    if base.endswith("/audio/speech"):
        return base
    return f"{base}/audio/speech" if base.endswith("/v1") else f"{base}/v1/audio/speech"


def _take(data: bytes, script: Script) -> Sound:
    samples, rate = _samples(data)
    first, last = trim(samples, rate)
    length_s = (last - first) / rate
    return Sound(samples[first:last], rate, by_estimate(script.units, 0.0, length_s))


def _samples(data: bytes) -> tuple[Samples, int]:
    """Mono samples of a wav file, or of headerless 24 kHz s16le."""
    if data[:4] != b"RIFF":
        return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768.0, _PCM_RATE_HZ
    try:
        with wave.open(io.BytesIO(data)) as sound:
            rate, channels, width = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
            raw = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise EngineUnavailable(f"the server sent a wav that cannot be read: {error}") from error
    if width != 2:
        raise EngineUnavailable(f"the server sent {width * 8}-bit wav; 16-bit is needed", retryable=False)
    usable = len(raw) // (2 * channels) * 2 * channels
    samples = np.frombuffer(raw[:usable], "<i2").astype(np.float32).reshape(-1, channels) / 32768.0
    return samples.mean(axis=1).astype(np.float32), rate
