"""Personal data in what viewers and hosts said: found in any of the forms it is written in, and cut out.

Found are phone numbers, identity cards, bank cards, order and account numbers, e-mail, WeChat and
QQ names, street addresses, car plates, names that people give of themselves, and the viewers' own
names (`livehost.training.viewer_names`). Digits may be full-width, Chinese or set apart by marks.
What the catalogue says (registration numbers, shop names, contact) is never taken for personal.

Sources of the formats: GB 11643 (identity number, ISO 7064 MOD 11-2), ISO/IEC 7812 (Luhn),
YD/T numbering (mobile 1[3-9] and nine digits; trunk codes 0 and two or three), GA 36 (plates).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from livehost.catalog import Catalog
from livehost.training.long_numbers import numbers_found
from livehost.training.privacy_suspects import suspects
from livehost.training.privacy_words import (
    ADDRESSES,
    EMAIL,
    HANDLES,
    LINK,
    PLATE,
    RECORD_NUMBERS,
    REGISTERED,
    names_given,
)
from livehost.training.viewer_names import ViewerNames
from livehost.training.word_search import Words, flat

SOFT = frozenset({"viewer", "name", "link"})  # cut out of its clause; of all else the clause goes
_SPLIT = re.compile(r"[,，。!！?？;；~～…\s]+")
_VOCATIVE = re.compile(r"[\s,，:：、~]+")
_LEFT = re.compile(r"[\s,，.。:：、;；!！?？~()（）\[\]【】的是]*")


@dataclass(frozen=True, order=True)
class Found:
    """A personal datum at `text[start:end]`; its kind is one word."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Cut:
    """A text without its personal data, what kinds those were, and whether a whole clause went."""

    text: str
    kinds: tuple[str, ...] = ()
    clauses_lost: bool = False


class Privacy:
    """Finds and removes personal data.

    `keep` holds words that are never personal (a catalogue's: see `catalog_words`), `secrets` what
    is removed wherever it occurs, `viewers` the names of those who wrote.
    """

    def __init__(
        self,
        *,
        keep: Iterable[str] = (),
        secrets: Iterable[str] = (),
        viewers: ViewerNames | None = None,
    ) -> None:
        self._keep = Words(flat(word).lower() for word in keep if len(word) >= 2)
        self._secrets = tuple(secret for secret in secrets if len(secret) >= 4)
        self._viewers = viewers or ViewerNames(())

    def find(self, text: str) -> list[Found]:
        """All personal data, by place; those that touch the same characters are joined.

        What only looks personal takes the whole text, as no part of it can be cut for sure.
        """
        plain = flat(text)
        kept = self._kept(plain)
        found = [
            Found(start, end, kind)
            for start, end, kind in (*self._personal(plain), *self._viewers.find(plain))
            if end > start and not any(low <= start and end <= high for low, high in kept)
        ]
        sure = [*kept, *((one.start, one.end) for one in found)]
        found += [
            Found(0, len(text), kind)
            for start, end, kind in suspects(plain)
            if not any(low <= start and end <= high for low, high in sure)
        ]
        for secret in self._secrets:
            found += [Found(at, at + len(secret), "secret") for at in _places(text, secret)]
        return _joined(found)

    def question(self, text: str) -> Cut:
        """A viewer's words without personal data: names go alone, other data with their clause."""
        found = self.find(text)
        if not found:
            return Cut(text.strip())
        parts: list[str] = []
        lost = False
        for start, end in _clauses(text, found):
            inside = [one for one in found if one.start < end and one.end > start]
            if any(one.kind not in SOFT for one in inside):
                lost = True
                continue
            kept = _without(text, start, end, inside)
            if not _LEFT.fullmatch(kept):
                parts.append(kept)
        rest = "".join(parts).strip().lstrip(",，:：、。;；").strip()
        return Cut(rest, tuple(sorted({one.kind for one in found})), lost)

    def said(self, text: str, *, core: str) -> Cut | None:
        """A host's words without a viewer's name at their front; None where they hold other personal data.

        What stands in `core` too came from the catalogue's templates and is nobody's name.
        """
        found = [
            one for one in self.find(text) if one.kind != "viewer" or text[one.start : one.end] not in core
        ]
        if not found:
            return Cut(text)
        first = found[0]
        after = _VOCATIVE.match(text, first.end)
        if len(found) > 1 or first.kind != "viewer" or first.start > 0 or after is None:
            return None
        rest = text[after.end() :]
        return Cut(rest, ("viewer",)) if rest else None

    def _personal(self, plain: str) -> Iterator[tuple[int, int, str]]:
        yield from numbers_found(plain)
        for kind, pattern in (("email", EMAIL), ("handle", HANDLES), ("record", RECORD_NUMBERS)):
            yield from ((*match.span(), kind) for match in pattern.finditer(plain))
        for match in PLATE.finditer(plain):
            if sum(char.isdigit() for char in match[0]) >= 2:
                yield (*match.span(), "plate")
        for pattern in ADDRESSES:
            yield from ((*match.span(), "address") for match in pattern.finditer(plain))
        yield from ((*match.span(), "link") for match in LINK.finditer(plain))
        yield from ((start, end, "name") for start, end in names_given(plain))

    def _kept(self, plain: str) -> list[tuple[int, int]]:
        spans = [match.span() for match in REGISTERED.finditer(plain)]
        low = plain.lower()
        return [*spans, *self._keep.places(low if len(low) == len(plain) else plain)]


def catalog_words(catalog: Catalog) -> frozenset[str]:
    """Every text of a catalogue, in each of its parts: what may be repeated of it at any time."""
    words: set[str] = set()
    for part in (*catalog.products, catalog.shop):
        _gather(part.model_dump(mode="json"), words)
    return frozenset(words)


def _gather(value: Any, words: set[str]) -> None:
    if isinstance(value, str):
        words.add(value)
    elif isinstance(value, dict):
        for inner in value.values():
            _gather(inner, words)
    elif isinstance(value, list | tuple):
        for inner in value:
            _gather(inner, words)


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _joined(found: list[Found]) -> list[Found]:
    """In order, overlapping ones as one, of the kind that weighs more."""
    joined: list[Found] = []
    for one in sorted(found):
        if joined and one.start < joined[-1].end:
            last = joined.pop()
            kind = last.kind if one.kind in SOFT else one.kind
            one = Found(last.start, max(last.end, one.end), kind)
        joined.append(one)
    return joined


def _clauses(text: str, found: list[Found]) -> Iterator[tuple[int, int]]:
    """Where the clauses stand, each with the marks that end it; no datum is split."""
    start = 0
    for match in _SPLIT.finditer(text):
        if any(one.start < match.start() < one.end for one in found):
            continue
        yield start, match.end()
        start = match.end()
    if start < len(text):
        yield start, len(text)


def _without(text: str, start: int, end: int, found: list[Found]) -> str:
    kept, at = "", start
    for one in found:
        kept += text[at : max(at, one.start)]
        at = min(end, max(at, one.end))
    return kept + text[at:end]
