"""The values in a sentence, so that training can put others in their place.

A slot is one private character (U+E000 and on) with a kind and the value that stood there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from services.training.language_values import FIRST_SLOT, filled
from services.training.samples import SampleFact

Slot = tuple[str, str]
MOST_SLOTS = 200
_NUMBERS = re.compile(
    r"(?P<date>(?:\d{4}年)?\d{1,2}月(?:\d{1,2}日)?|\d{4}年)"
    r"|(?P<span>\d+(?:到\d+)?(?:小时|分钟|个月|天|周|年))"
    r"|(?P<number>\d+(?:\.\d+)?)"
)
_TERM = re.compile(r"7天无理由")
_HELD = "\ue7ff"
_KINDS = {
    "name": "name",
    "specs": "spec",
    "usage": "text",
    "lasts": "text",
    "faq": "text",
    "sensitive": "text",
    "exceptions": "text",
    "origin": "place",
    "from": "place",
    "registration": "code",
    "evidence": "code",
}


def slotted(core: str, question: str, values: Mapping[str, str]) -> tuple[str, str, list[Slot]]:
    """The core and the question with slots for the core's values, and the slots in order.

    `values` are written values with their kinds, longest first; numbers, spans and dates are found.
    """
    slots: list[Slot] = []
    places: dict[str, str] = {}

    def mark(kind: str, value: str) -> str:
        if value not in places:
            places[value] = chr(FIRST_SLOT + len(slots))
            slots.append((kind, value))
        return places[value]

    for value, kind in values.items():
        if value in core and (len(value) > 1 or not value.isascii()):
            core = _replaced(core, value, mark(kind, value))
    core = _TERM.sub(f"{_HELD}天无理由", core)
    core = _NUMBERS.sub(lambda m: mark(m.lastgroup or "number", m[0]), core).replace(_HELD, "7")
    return core, _marked(question, slots), slots


def unslotted(text: str, slots: Iterable[Slot]) -> str:
    """The text with its values back in place."""
    return filled(text, [value for _, value in slots])


def shared(
    core: str, question: str, target: str, values: Mapping[str, str]
) -> tuple[str, str, str, list[Slot]]:
    """Core, question and target with slots for the core's values that the target holds too."""
    slot_core, _, slots = slotted(core, question, values)
    kept = [slot for slot in slots if slot[1] in _values_in(target, slots)][:MOST_SLOTS]
    places = {old: kept.index(slot) for old, slot in enumerate(slots) if slot in kept}
    table = {
        FIRST_SLOT + old: chr(FIRST_SLOT + places[old]) if old in places else value
        for old, (_, value) in enumerate(slots)
    }
    return slot_core.translate(table), _marked(question, kept), _marked(target, kept), kept


def values_of(facts: Sequence[SampleFact]) -> dict[str, str]:
    """The written values of facts with their kinds, longest first; numbers find themselves."""
    found: dict[str, str] = {}
    for fact in facts:
        parts = fact.field.split(".")
        kind = next((_KINDS[part] for part in parts if part in _KINDS), "thing")
        for value in re.split(r"[、,，；]", fact.value) if kind == "thing" else [fact.value]:
            if len(value) > 1 and not re.fullmatch(r"[\d.\-:T+]+", value):
                found.setdefault(value, kind)
        if parts[0] == "price" and len(parts) > 1:
            found.setdefault(".".join(parts[1:]), "spec")
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _values_in(text: str, slots: Sequence[Slot]) -> set[str]:
    """Which slots' values stand in a text on their own."""
    marked = _marked(text, slots)
    return {value for at, (_, value) in enumerate(slots) if chr(FIRST_SLOT + at) in marked}


def _marked(text: str, slots: Sequence[Slot]) -> str:
    text = _TERM.sub(f"{_HELD}天无理由", text)
    for at, (_, value) in sorted(enumerate(slots), key=lambda s: -len(s[1][1])):
        if value in text:
            text = _replaced(text, value, chr(FIRST_SLOT + at))
    return text.replace(_HELD, "7")


def _replaced(text: str, value: str, mark: str) -> str:
    """Each stand of a value replaced; digits only where no further digit follows or goes before."""
    before = r"(?<![\d.])" if value[0].isdigit() else ""
    after = r"(?!\.?\d)" if value[-1].isdigit() else ""
    return re.sub(before + re.escape(value) + after, mark, text)
