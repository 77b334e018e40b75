"""One question about one product, and what a saying is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from livehost.answers.facts import NONE, value_of
from livehost.answers.types import Fact
from livehost.catalog import Catalog, Product, Spec
from livehost.chinese import folded, with_digits


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
        return specs_named(self.line, self.product)

    def _use(self, fact: Fact) -> None:
        self.used.append(fact)


_TOKEN = re.compile(r"\d+(?:\.\d+)?[a-z\u4e00-\u9fff]|[a-z]*xl|[a-z]+|[\u4e00-\u9fff]+")
_BIG = re.compile(r"(?<!多)(?<!不)大(?:支|瓶|盒|包|袋|罐|号|码|份|规格|包装|容量|的|桶|装)|多的那")
_SMALL = re.compile(r"小(?:支|瓶(?!子)|盒|包|袋|罐|号|码|份|规格|包装|容量|的|装)")


def specs_named(line: str, product: Product) -> tuple[Spec, ...]:
    """The variants of a product that a cleaned line names."""
    specs = product.specs or ()
    text = with_digits(folded(line))
    forms = {s.name: _forms(s.name) for s in specs}
    found = []
    for spec in specs:
        others = set().union(*(forms[s.name] for s in specs if s is not spec)) if len(specs) > 1 else set()
        own = forms[spec.name] - others
        if any(re.search(rf"(?<![\da-z.]){re.escape(f)}(?![a-z\d])", text) for f in own if f):
            found.append(spec)
    priced = [s for s in specs if s.price is not None]
    if not found and len(priced) > 1:
        if _BIG.search(line):
            found = [max(priced, key=lambda s: s.price or 0)]
        elif _SMALL.search(line):
            found = [min(priced, key=lambda s: s.price or 0)]
    return tuple(found)


def _forms(name: str) -> set[str]:
    text = with_digits(folded(name)).replace(" ", "")
    parts = set(re.findall(r"\d+(?:\.\d+)?(?:g|ml|kg|l|cm|mm|寸|码|号|[\u4e00-\u9fff])", text))
    parts |= (
        {
            p
            for p in re.split(r"[×*/+\-()（）]|(?<=[\da-z])x(?=\d)|(?<=[\u4e00-\u9fff])(?=[a-z\d])", text)
            if p and not p.isdigit()
        }
        if len(text) <= 12
        else set()
    )
    return parts | {text}
