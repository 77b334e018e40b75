"""What an operator saves and the host will say: the texts of a product, each held against the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from livehost.catalog import Product
from livehost.compliance.review import review
from livehost.compliance.types import Hit

# What is looked up by viewers and never said, or a list of what must not be said.
_UNSAID = frozenset(("id", "aliases", "category", "platforms", "image", "never_say", "q", "registration"))


@dataclass(frozen=True)
class Blocked:
    """A text that may not be said: its field, the text, and what caught it."""

    field: str
    text: str
    hits: tuple[Hit, ...]

    @property
    def words(self) -> str:
        """The stretches that were caught."""
        return "、".join(dict.fromkeys(self.text[slice(*hit.span)] or hit.rule for hit in self.hits))

    @property
    def why(self) -> str:
        """The rules that caught them."""
        return "；".join(dict.fromkeys(hit.why for hit in self.hits))


def texts_of(product: Product, fields: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
    """Every text of a product that may be spoken or shown, with its field (`gifts.0.name`)."""
    for name, value in product.model_dump(mode="json", by_alias=True, exclude_unset=True).items():
        if name not in _UNSAID and (fields is None or name in fields):
            yield from _texts(name, value)


def _texts(field: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, one in value.items():
            if name not in _UNSAID:
                yield from _texts(f"{field}.{name}", one)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(f"{field}.{index}", one)


def blocked_texts(
    product: Product, now: datetime, fields: Collection[str] | None = None
) -> tuple[Blocked, ...]:
    """The texts of a product (of some fields) that the rules do not let be said, all at once."""
    found = []
    for field, text in texts_of(product, fields):
        if hits := review(text, product=product, now=now).blocking:
            found.append(Blocked(field, text, hits))
    return tuple(found)
