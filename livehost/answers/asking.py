"""One question about one product, and what a saying is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from livehost.answers import variants
from livehost.answers.facts import NONE, value_of
from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product, Spec


@dataclass(frozen=True)
class Said:
    """A sentence and the facts that it stands on."""

    text: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Asking:
    """A cleaned line asked about a product; every fact is looked up through here."""

    line: str
    catalog: Catalog
    product: Product
    now: datetime
    used: list[Fact] = field(default_factory=list)

    def about(self, product: Product) -> Asking:
        """The same line about another product."""
        return replace(self, product=product, used=[])

    def get(self, name: str) -> str | None:
        """The value of a fact, None when unknown; remembered as used."""
        value = value_of(self.catalog, self.product.id, name, self.now)
        if value is not None:
            self._use(Fact(self.product.id, name, value, self.catalog.version(self.product.id)))
        return value

    def some(self, name: str) -> str | None:
        """The value of a fact, None when unknown or a known none."""
        value = value_of(self.catalog, self.product.id, name, self.now)
        return None if value == NONE else self.get(name)

    def shop(self, name: str) -> str | None:
        """A value of the shop, None when unknown or a known none."""
        value = value_of(self.catalog, "", f"shop.{name}", self.now)
        if value is None or value == NONE:
            return None
        self._use(Fact("", f"shop.{name}", value))
        return value

    def say(self, text: str) -> Said:
        """A sentence on the facts looked up since the last one."""
        facts = tuple(dict.fromkeys(self.used))
        self.used.clear()
        return Said(text, facts)

    def has(self, pattern: str) -> bool:
        """Whether the line holds a pattern."""
        return re.search(pattern, self.line) is not None

    def specs(self) -> tuple[Spec, ...]:
        """The variants that the line names: 三盒, 200g, 大支, XL."""
        return variants.named(self.line, self.product)

    def pieces(self) -> tuple[int, str] | None:
        """How many pieces the line asks for and the measure word, of one variant where it names that."""
        chosen = self.specs()
        if len(chosen) > 1 or (chosen and chosen[0].price is None):
            return None
        return variants.pieces(self.line, self.product, chosen[0] if chosen else None)

    def _use(self, fact: Fact) -> None:
        self.used.append(fact)
