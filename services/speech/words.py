"""Units in time -> word marks of the wire."""

from __future__ import annotations

from services import wire
from services.speech.types import Timed


def word_marks(timed: tuple[Timed, ...], total: int) -> tuple[wire.WordMark, ...]:
    """The words of a phrase with their places in samples at the house rate, inside the phrase."""
    words: list[tuple[int, str, float, float]] = []
    for mark in timed:
        if mark.unit.kind == "pause":
            continue
        if words and words[-1][0] == mark.unit.word:
            number, text, start, _ = words[-1]
            words[-1] = (number, text + mark.unit.text, start, mark.end_s)
        else:
            words.append((mark.unit.word, mark.unit.text, mark.start_s, mark.end_s))
    rate = wire.SAMPLE_RATE_HZ
    return tuple(
        wire.WordMark(text, min(total, max(0, round(start * rate))), min(total, max(0, round(end * rate))))
        for _, text, start, end in words
    )
