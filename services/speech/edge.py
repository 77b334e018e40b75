"""The online voice `edge` (edge-tts): the whole phrase as mp3 with word boundaries.

The service makes no promise, so each ask has a deadline to the first sound and one to the last, and what
it may answer wrongly (403, silence, a stall, a torn stream) is an EngineUnavailable.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from services.speech.mp3 import decode_mp3, trim
from services.speech.timing import Boundary, by_boundaries, covers
from services.speech.types import EngineSpec, EngineUnavailable, Script, Sound, Take

_TICKS_PER_S = 10_000_000
_FIRST_BYTE_S = 4.0
_TOTAL_S = 8.0
_LAG_S = 0.35


class Edge:
    """The engine `edge`. `voice` is a name such as `zh-CN-XiaoxiaoNeural`."""

    def __init__(self, *, first_byte_s: float = _FIRST_BYTE_S, total_s: float = _TOTAL_S) -> None:
        self._first_byte_s = first_byte_s
        self._total_s = total_s

    async def aclose(self) -> None:
        """Nothing is held between asks."""

    async def synthesise(self, script: Script, spec: EngineSpec) -> Take:
        """The phrase, received whole; raises EngineUnavailable."""
        import aiohttp
        import edge_tts
        from edge_tts.exceptions import EdgeTTSException

        try:
            ask = edge_tts.Communicate(
                script.spoken,
                spec.voice,
                rate=_percent(spec.rate),
                pitch=f"{round((spec.pitch - 1) * 200):+d}Hz",
                boundary="WordBoundary",
                connect_timeout=max(1, round(self._first_byte_s)),
                receive_timeout=max(1, round(self._total_s)),
            )
        except ValueError as error:
            raise EngineUnavailable(f"edge does not take this voice: {error}", retryable=False) from error
        try:
            audio, boundaries = await self._receive(ask)
        except aiohttp.ClientConnectorError as error:
            raise EngineUnavailable(f"edge cannot be reached: {error}", unreachable=True) from error
        except aiohttp.ClientResponseError as error:
            refused = error.status in (401, 403)
            raise EngineUnavailable(f"edge answered {error.status}", unreachable=refused) from error
        except (aiohttp.ClientError, EdgeTTSException, OSError) as error:
            raise EngineUnavailable(f"edge failed: {type(error).__name__} {error}") from error
        if not covers(script.units, boundaries):
            raise EngineUnavailable("edge broke off before the end of the phrase")
        return partial(_take, audio, boundaries, script)

    async def _receive(self, ask: object) -> tuple[bytes, list[Boundary]]:
        audio = bytearray()
        boundaries: list[Boundary] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout_at(began + self._first_byte_s) as limit:
                async with contextlib.aclosing(ask.stream()) as stream:  # type: ignore[attr-defined]
                    async for chunk in stream:
                        if chunk["type"] == "audio":
                            audio += chunk["data"]
                            limit.reschedule(began + self._total_s)
                        elif chunk["type"] == "WordBoundary":
                            start = chunk["offset"] / _TICKS_PER_S
                            end = start + chunk["duration"] / _TICKS_PER_S
                            boundaries.append(Boundary(chunk["text"], start, end))
        except TimeoutError as error:
            what = "finish" if audio else "begin to speak"
            raise EngineUnavailable(
                f"edge did not {what} within {loop.time() - began:.1f} s", unreachable=not audio
            ) from error
        return bytes(audio), boundaries


def _percent(factor: float) -> str:
    return f"{round((factor - 1) * 100):+d}%"


def _take(audio: bytes, boundaries: list[Boundary], script: Script) -> Sound:
    samples, rate = decode_mp3(audio)
    if boundaries and samples.size / rate < boundaries[-1].end_s - _LAG_S:
        raise EngineUnavailable("edge sent less sound than it announced")
    first, last = trim(samples, rate)
    shift = first / rate
    moved = [Boundary(mark.text, max(0.0, mark.start_s - shift), mark.end_s - shift) for mark in boundaries]
    length_s = (last - first) / rate
    return Sound(samples[first:last], rate, by_boundaries(script.units, moved, length_s))
