"""The embedded voice: espeak-ng in a worker process, driven with pinyin, pauses laid as samples."""

from __future__ import annotations

import asyncio
import json
import math
import re
import struct
import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from services.speech.timbre import polish
from services.speech.types import (
    EngineSpec,
    EngineUnavailable,
    NothingToSay,
    Script,
    Sound,
    Take,
    Timed,
    Unit,
)

_WORKER = Path(__file__).with_name("espeak_worker.py")
_LENGTH = struct.Struct(">I")
_TIMEOUT_S = 8.0
_BASE_VOICES = {"zh": "cmn-latn-pinyin", "en": "en-us", "ja": "ja"}
_RATES = {"zh": 208, "en": 165, "ja": 185}
_TAIL_S = 0.03
_VOWEL = re.compile(r"[aeiouyɑəɛæɒɔʌɪʊɐɜɚɨ]")

# *-iong is missing from the dictionary of 1.52 and would be spelt in English.
_IONG = {"x": "S;", "j": "tS;", "q": "tS;h"}
_TONES = {"1": "55", "2": "35", "3": "214", "4": "51", "5": "11"}


@dataclass(frozen=True)
class _Chunk:
    """What is spoken in one breath: text for espeak, and where in it each group of units begins."""

    text: str
    groups: tuple[tuple[int, tuple[Unit, ...]], ...]
    pause_s: float
    mark: str


class Espeak:
    """The engine `espeak`: one worker, restarted when it dies. `voice` is a variant such as `f2`."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-P", str(_WORKER))) -> None:
        self._command = tuple(command)
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def aclose(self) -> None:
        """Ends the worker."""
        async with self._lock:
            await self._end()

    async def synthesise(self, script: Script, spec: EngineSpec) -> Take:
        """The phrase as sound, with the place of every unit."""
        language = script.language
        chunks = _chunks(script.units, language)
        if not chunks:
            raise NothingToSay(f"nothing in {script.spoken!r} can be spoken")
        request = {
            "voice": _voice(spec.voice, language),
            "chunks": [
                {"text": chunk.text, **_melody(chunk, index, len(chunks), spec, language)}
                for index, chunk in enumerate(chunks)
            ],
        }
        head, bodies = await self._ask(request)
        return partial(_assemble, chunks, head, bodies)

    async def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """The worker's answer; a worker that died is started again once."""
        async with self._lock:
            for last in (False, True):
                try:
                    async with asyncio.timeout(_TIMEOUT_S):
                        return await self._exchange(request)
                except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                    await self._end()
                    if last or isinstance(error, TimeoutError):
                        raise EngineUnavailable(
                            f"the espeak worker failed ({type(error).__name__}); is the wheel installed?"
                        ) from error
                except BaseException:
                    await self._end()  # a half-read answer would be taken for the next one's
                    raise
            raise AssertionError("unreachable")

    async def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        process = await self._running()
        assert process.stdin is not None and process.stdout is not None
        body = json.dumps(request).encode()
        process.stdin.write(_LENGTH.pack(len(body)) + body)
        await process.stdin.drain()
        (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
        head = json.loads(await process.stdout.readexactly(length))
        if "error" in head:
            raise EngineUnavailable(f"espeak refused: {head['error']}", retryable=False)
        return head, [await process.stdout.readexactly(chunk["bytes"]) for chunk in head["chunks"]]

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(0.5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _voice(voice: str, language: str) -> str:
    """espeak's voice name: the language's base with the persona's variant (`f2`, `cmn+f2`, …)."""
    variant = voice.rpartition("+")[2] if "+" in voice or voice not in _BASE_VOICES.values() else ""
    base = _BASE_VOICES.get(language, "en-us")
    return f"{base}+{variant}" if variant and variant != "cmn" else base


def _melody(chunk: _Chunk, index: int, total: int, spec: EngineSpec, language: str) -> dict[str, int]:
    """Rate, pitch and range of a chunk: a phrase falls a little, a question and a call rise."""
    factor = 1.0 + (0.03 if index == 0 and total > 1 else 0.0)
    reach = 58.0
    if "？" in chunk.mark or "?" in chunk.mark:
        factor, reach = factor * 1.06, 66.0
    elif "！" in chunk.mark or "!" in chunk.mark:
        factor, reach = factor * 1.04, 66.0
    elif index == total - 1 and total > 1:
        factor *= 0.97
    pitch = 50 + 50 * math.log2(max(0.25, spec.pitch * factor))
    return {
        "rate": round(_RATES.get(language, 175) * spec.rate),
        "pitch": round(min(99.0, max(0.0, pitch))),
        "range": round(reach),
    }


def _chunks(found: tuple[Unit, ...], language: str) -> list[_Chunk]:
    """The breaths of a phrase, split at pauses."""
    chunks: list[_Chunk] = []
    breath: list[Unit] = []
    for unit in (*found, None):
        if unit is not None and unit.kind != "pause":
            breath.append(unit)
            continue
        if breath:
            text, groups = _markup(breath, language)
            chunks.append(_Chunk(text, groups, unit.pause_s if unit else 0.0, unit.text if unit else ""))
            breath = []
    return chunks


def _markup(breath: list[Unit], language: str) -> tuple[str, tuple[tuple[int, tuple[Unit, ...]], ...]]:
    """SSML of a breath, with the 1-based text position of each group of units (a word)."""
    text = ""
    groups: list[tuple[int, tuple[Unit, ...]]] = []
    foreign_open = False
    for group in _groups(breath):
        foreign = group[0].kind == "foreign" and language != "en"
        if foreign != foreign_open:
            text += '<lang xml:lang="en-us">' if foreign else "</lang> "
            foreign_open = foreign
        start = len(text) + 1
        first = group[0].sound
        if group[0].kind == "syllable" and "iong" in first:
            phonemes = f"{_IONG[first[0]]}j'ong{_TONES[first[-1]]}"
            text += f"[[{phonemes}]] "
        else:
            text += escape("".join(unit.sound for unit in group)) + " "
        groups.append((start, group))
    return text.rstrip() + ("</lang>" if foreign_open else ""), tuple(groups)


def _groups(breath: list[Unit]) -> list[tuple[Unit, ...]]:
    """Units by word; a syllable that needs phonemes stands alone."""
    groups: list[tuple[Unit, ...]] = []
    for unit in breath:
        joins = (
            groups
            and groups[-1][-1].word == unit.word
            and unit.kind == groups[-1][-1].kind != "foreign"
            and not any("iong" in u.sound for u in (unit, groups[-1][-1]) if u.kind == "syllable")
        )
        if joins:
            groups[-1] = (*groups[-1], unit)
        else:
            groups.append((unit,))
    return groups


def _assemble(chunks: list[_Chunk], head: dict[str, Any], bodies: list[bytes]) -> Sound:
    """One sound from the chunks, with silence between them."""
    rate = int(head["rate_hz"])
    pieces: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    timed: list[Timed] = []
    position = 0
    for chunk, reply, body in zip(chunks, head["chunks"], bodies, strict=True):
        samples = np.frombuffer(body, "<i2").astype(np.float32) / 32768.0
        marks, first, last = _align(chunk, reply["events"], samples.size)
        first = max(0, first - int(0.005 * rate))
        last = min(samples.size, last + int(_TAIL_S * rate))
        for unit, start, end, vowel in marks:
            timed.append(
                Timed(
                    unit,
                    (position + start - first) / rate,
                    (position + end - first) / rate,
                    (position + vowel - first) / rate,
                )
            )
        pieces.append(samples[first:last])
        position += last - first
        if chunk is not chunks[-1]:
            silence = np.zeros(int(chunk.pause_s * rate), dtype=np.float32)
            pieces.append(silence)
            position += silence.size
    return Sound(polish(np.concatenate(pieces), rate), rate, tuple(timed))


_Mark = tuple[Unit, int, int, int]


def _align(chunk: _Chunk, events: list[list[Any]], total: int) -> tuple[list[_Mark], int, int]:
    """The place of each unit in samples (start, end, vowel), and where speech begins and ends."""
    starts = [start for start, _ in chunk.groups]
    sounds: list[list[tuple[int, int, str]]] = [[] for _ in chunk.groups]
    group = 0
    edges = [int(event[1]) for event in events] + [total]
    for index, (kind, sample, at, name) in enumerate(events):
        if kind == "word":
            group = max(group, bisect_right(starts, at) - 1)
        elif name and not name.startswith("("):
            end = next((edge for edge in edges[index + 1 :] if edge > sample), total)
            sounds[group].append((sample, end, name))
    everything = [sound for row in sounds for sound in row]
    first = everything[0][0] if everything else 0
    last = everything[-1][1] if everything else total
    marks: list[_Mark] = []
    for (_, members), row in zip(chunk.groups, sounds, strict=True):
        here = row or [(marks[-1][2] if marks else first,) * 2 + ("",)]
        marks.extend(_split_word(members, here))
    return marks, first, last


def _split_word(members: tuple[Unit, ...], sounds: list[tuple[int, int, str]]) -> list[_Mark]:
    """A word's phonemes dealt to its syllables by their vowels and codas; evenly when they differ."""
    nuclei = [index for index, (_, _, name) in enumerate(sounds) if _VOWEL.search(name)]
    start, end = sounds[0][0], sounds[-1][1]
    if len(members) == 1:
        vowel = sounds[nuclei[0]][0] if nuclei else start
        return [(members[0], start, end, vowel)]
    if len(nuclei) != len(members) or members[0].kind != "syllable":
        step = (end - start) / len(members)
        edges = [round(start + step * index) for index in range(len(members) + 1)]
        return [(unit, edges[i], edges[i + 1], edges[i]) for i, unit in enumerate(members)]
    marks: list[_Mark] = []
    begin = 0
    for unit, nucleus, following in zip(members, nuclei, [*nuclei[1:], len(sounds)], strict=True):
        stop = following
        if following < len(sounds):
            coda = bool(re.search(r"n\d?$|ng\d?$", unit.sound)) and sounds[nucleus + 1][2] in ("n", "ŋ")
            stop = nucleus + 1 + int(coda)
        stop = len(sounds) if following == len(sounds) else min(stop, following)
        marks.append((unit, sounds[begin][0], sounds[stop - 1][1], sounds[nucleus][0]))
        begin = stop
    return marks
