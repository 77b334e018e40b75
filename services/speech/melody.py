"""Sentence melody for the embedded voice: which words rise, fall, hurry or linger.

espeak gives each syllable its tone; this lays a line over them: a phrase falls gently, each breath begins
a little higher, numbers and names stand out, small words pass quickly, ends linger, questions rise.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

from services.speech.types import Unit

_SMALL_WORDS = frozenset("的了吗呢啊吧把被和就也都在是呀哦嘛着过得地给跟与")
_NUMERALS = frozenset("零一二三四五六七八九十百千万亿两点")
_OCTAVE = 66.0  # espeak's pitch steps in an octave, measured between 20 and 99
_LOWEST, _HIGHEST = 0.0, 99.0


@dataclass(frozen=True)
class Tune:
    """How a word departs from its phrase: factors of pitch and rate."""

    pitch: float = 1.0
    rate: float = 1.0


def pitch_step(factor: float) -> float:
    """espeak's pitch setting for a factor around the voice's own pitch."""
    return min(_HIGHEST, max(_LOWEST, 50.0 + _OCTAVE * math.log2(max(0.25, factor))))


def prosody(text: str, tune: Tune, step: float) -> str:
    """`text` in the SSML that makes espeak follow `tune` around the pitch setting `step`."""
    change = round(100.0 * _OCTAVE * math.log2(tune.pitch) / max(step, 1.0))
    rate = round(100.0 * tune.rate)
    if change == 0 and rate == 100:
        return text
    return f'<prosody pitch="{change:+d}%" rate="{rate}%">{text}</prosody>'


def tune_of(
    members: tuple[Unit, ...], *, place: float, breath_place: float, last_of_breath: bool, mark: str
) -> Tune:
    """The tune of a word at `place` (0..1) of the phrase and `breath_place` of its breath."""
    word = "".join(unit.text for unit in members)
    pitch = 1.045 - 0.09 * place
    pitch *= 1.02 - 0.04 * breath_place
    pitch *= 1.0 + 0.015 * (zlib.crc32(word.encode()) % 5 - 2) / 2  # no two words quite alike
    rate = 1.0
    if word in _SMALL_WORDS:
        pitch, rate = pitch * 0.97, 1.08
    elif len(word) > 1 and _NUMERALS.issuperset(word[:2]):
        pitch, rate = pitch * 1.05, 0.94
    elif members[0].kind == "foreign":
        pitch, rate = pitch * 1.02, 0.92
    if last_of_breath:
        rate *= 0.94
        if "？" in mark or "?" in mark:
            pitch *= 1.10
        elif "！" in mark or "!" in mark:
            pitch *= 1.03
    return Tune(pitch, rate)
