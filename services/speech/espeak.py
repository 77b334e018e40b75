"""The embedded voice: espeak-ng in a worker process, driven with pinyin, pauses laid as samples."""

from __future__ import annotations

import asyncio
import json
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

from services.speech.melody import pitch_step, prosody, tune_of
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
# A shorter vocal tract sounds younger and lighter. espeak's women differ little, so they are spoken lower
# and slower and played faster (or the other way), which moves formants and leaves pitch and pace.
_TRACTS = {"f3": 1.07, "f4": 0.96, "f1": 0.98, "f5": 1.03}
_TAIL_S = 0.09
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
        tract = _TRACTS.get(spec.voice.rpartition("+")[2], 1.0)
        step = pitch_step(spec.pitch / tract)
        chunks = _chunks(script, step)
        if not chunks:
            raise NothingToSay(f"nothing in {script.spoken!r} can be spoken")
        rate = round(_RATES.get(script.language, 175) * spec.rate / tract)
        request = {
            "voice": _voice(spec.voice, script.language),
            "chunks": [
                {"text": chunk.text, "rate": rate, "pitch": round(step), "range": _range(chunk.mark)}
                for chunk in chunks
            ],
        }
        head, bodies = await self._ask(request)
        return partial(_assemble, chunks, head, bodies, tract)

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


def _range(mark: str) -> int:
    """How far tones reach: calls and questions are livelier."""
    return 96 if any(sign in mark for sign in "！!？?") else 88


def _chunks(script: Script, step: float) -> list[_Chunk]:
    """The breaths of a phrase, split at pauses, with their melody around the pitch setting `step`."""
    breaths: list[tuple[list[Unit], float, str]] = []
    breath: list[Unit] = []
    for unit in (*script.units, None):
        if unit is not None and unit.kind != "pause":
            breath.append(unit)
        elif breath:
            breaths.append(
                (breath, unit.pause_s if unit else 0.0, unit.text if unit else _end(script.spoken))
            )
            breath = []
    total = sum(len(members) for members, _, _ in breaths)
    chunks: list[_Chunk] = []
    before = 0
    for members, pause_s, mark in breaths:
        span = (before / total, (before + len(members)) / total)
        text, groups = _markup(members, script.language, span=span, mark=mark, step=step)
        chunks.append(_Chunk(text, groups, pause_s, mark))
        before += len(members)
    return chunks


def _end(spoken: str) -> str:
    """The mark that ends a text."""
    return spoken.rstrip("”’」』）) ")[-1:]


def _markup(
    breath: list[Unit], language: str, *, span: tuple[float, float], mark: str, step: float
) -> tuple[str, tuple[tuple[int, tuple[Unit, ...]], ...]]:
    """SSML of a breath, with the 1-based text position where each group of units (a word) begins."""
    text = ""
    placed: list[tuple[int, tuple[Unit, ...]]] = []
    groups = _groups(breath)
    for index, group in enumerate(groups):
        breath_place = index / max(1, len(groups) - 1)
        tune = tune_of(
            group,
            place=span[0] + (span[1] - span[0]) * breath_place,
            breath_place=breath_place,
            last_of_breath=index == len(groups) - 1,
            mark=mark,
        )
        sound = _sound(group)
        if group[0].kind == "foreign" and language != "en":
            sound = f'<lang xml:lang="en-us">{sound}</lang>'
        placed.append((len(text) + 1, group))
        text += prosody(sound, tune, step) + " "
    return text.rstrip(), tuple(placed)


def _sound(group: tuple[Unit, ...]) -> str:
    """What espeak is given for a word."""
    first = group[0].sound
    if group[0].kind == "syllable" and "iong" in first:
        return f"[[{_IONG[first[0]]}'ong{_TONES[first[-1]]}]] "  # without the space a tag behind is spoken
    return escape("".join(unit.sound for unit in group))


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


def _assemble(chunks: list[_Chunk], head: dict[str, Any], bodies: list[bytes], tract: float) -> Sound:
    """One sound from the chunks, with silence between them, played `tract` times as fast."""
    rate = round(head["rate_hz"] * tract)
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
