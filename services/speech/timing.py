"""Units placed in time where the engine gives only word boundaries, or nothing at all.

A word's time is dealt to its syllables, the last before punctuation taking a little more.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.speech.types import Timed, Unit

_LAST_SHARE = 1.2
_INITIAL_SHARE, _INITIAL_MAX_S = 0.3, 0.09


@dataclass(frozen=True)
class Boundary:
    """A word as the engine names it, with its place in seconds."""

    text: str
    start_s: float
    end_s: float


def by_boundaries(
    units: tuple[Unit, ...], boundaries: list[Boundary], duration_s: float
) -> tuple[Timed, ...]:
    """Units placed by the engine's words; units between two words that match share what is left."""
    spoken = [unit for unit in units if unit.kind != "pause"]
    ends = _before_pause(units)
    timed: list[Timed] = []
    at = 0
    for boundary in boundaries:
        count = _covered(spoken, at, boundary.text)
        if count:
            members = spoken[at : at + count]
            timed.extend(_deal(members, ends, boundary.start_s, max(boundary.end_s, boundary.start_s + 0.03)))
            at += count
    if at < len(spoken):
        start = timed[-1].end_s if timed else 0.0
        timed.extend(_deal(spoken[at:], ends, start, max(duration_s, start)))
    return tuple(timed)


def covers(units: tuple[Unit, ...], boundaries: list[Boundary]) -> bool:
    """Whether the boundaries reach the last units: if not, the stream broke off."""
    spoken = [unit for unit in units if unit.kind != "pause"]
    at = 0
    for boundary in boundaries:
        at += _covered(spoken, at, boundary.text)
    return at >= len(spoken) - 1


def by_estimate(units: tuple[Unit, ...], start_s: float, end_s: float) -> tuple[Timed, ...]:
    """Units dealt over the whole phrase by their likely length, pauses left silent."""
    ends = _before_pause(units)
    weights = [_weight(unit, ends) if unit.kind != "pause" else unit.pause_s * 4.4 for unit in units]
    each = (end_s - start_s) / (sum(weights) or 1.0)
    timed: list[Timed] = []
    at = start_s
    for unit, weight in zip(units, weights, strict=True):
        if unit.kind != "pause":
            timed.append(_placed(unit, at, at + weight * each))
        at += weight * each
    return tuple(timed)


def _covered(spoken: list[Unit], at: int, text: str) -> int:
    """How many units from `at` on the engine's word covers."""
    wanted = "".join(mark for mark in text if mark.isalnum()).lower()
    got = ""
    for count, unit in enumerate(spoken[at:], start=1):
        got += "".join(mark for mark in unit.text if mark.isalnum()).lower()
        if got == wanted:
            return count
        if not wanted.startswith(got):
            break
    if spoken[at : at + 1] and spoken[at].text.lower().startswith(wanted) and wanted:
        return 1  # the engine split one of our words; its first piece places it
    return 0


def _deal(members: list[Unit], ends: set[int], start_s: float, end_s: float) -> list[Timed]:
    weights = [_weight(unit, ends) for unit in members]
    each = (end_s - start_s) / (sum(weights) or 1.0)
    timed = []
    at = start_s
    for unit, weight in zip(members, weights, strict=True):
        timed.append(_placed(unit, at, at + weight * each))
        at += weight * each
    return timed


def _placed(unit: Unit, start_s: float, end_s: float) -> Timed:
    initial_s = min((end_s - start_s) * _INITIAL_SHARE, _INITIAL_MAX_S)
    return Timed(unit, start_s, end_s, start_s + initial_s)


def _weight(unit: Unit, ends: set[int]) -> float:
    syllables = max(1.0, len(unit.text) / 3.0) if unit.kind == "foreign" and len(unit.text) > 1 else 1.0
    return syllables * (_LAST_SHARE if id(unit) in ends else 1.0)


def _before_pause(units: tuple[Unit, ...]) -> set[int]:
    """The identities of the units that stand before a pause or end the phrase."""
    return {
        id(unit)
        for unit, following in zip(units, (*units[1:], None), strict=True)
        if unit.kind != "pause" and (following is None or following.kind == "pause")
    }
