"""What a persona's text is about: its product, the catalogue's sentence for it, and its facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from livehost.answers import Fact, answer
from livehost.answers.numbers import numbers, spoken_numbers
from livehost.catalog import Catalog, Product
from livehost.training.slots import fields_of
from livehost.training.text_sources import Text
from services.training.samples import SampleFact


def product_of(text: Text, catalog: Catalog) -> Product | None:
    """The product that a text names in its row, else in its words, the longest name first."""
    told = text.product.strip().removesuffix("号链接").removesuffix("号")
    for product in catalog.products if told else ():
        if told in (product.id, str(product.link), product.name, *product.aliases):
            return product
    said = f"{text.target}\n{text.question}"
    named = [
        (len(name), product)
        for product in catalog.products
        for name in (product.name, *product.aliases)
        if name in said
    ]
    if named:
        return max(named, key=lambda found: found[0])[1]
    linked = [p for p in catalog.products if f"{p.link}号" in said]
    return linked[0] if len(linked) == 1 else None


def sentence_for(
    text: Text, catalog: Catalog, product: Product | None, now: datetime
) -> tuple[str, tuple[Fact, ...]]:
    """What the deterministic path says to the question, if the text says the same facts; else nothing."""
    got = answer(text.question, catalog=catalog, on_air=product.id if product else None, now=now)
    core = got.text.rstrip("。")
    if got.act not in ("answer", "handover") or not core:
        return "", ()
    if _amounts(core) != _amounts(text.target):
        return "", ()
    values = {value for one in catalog.products for _, _, value in fields_of(one) if len(value) > 1}
    if any(value in core and value not in text.target for value in values):
        return "", ()
    if got.act == "handover" and "客服" not in text.target:
        return "", ()
    return core, got.facts


def names_of(catalog: Catalog) -> Iterator[str]:
    """What the catalogue calls things: never a persona's manner."""
    for product in catalog.products:
        yield from (product.name, *product.aliases, *(value for _, _, value in fields_of(product)))


def sample_facts(facts: tuple[Fact, ...], core: str) -> tuple[SampleFact, ...]:
    """The facts whose values stand in a core."""
    return tuple(SampleFact(f.product, f.field, f.value) for f in facts if _said(f, core))


def _amounts(text: str) -> set[str]:
    return numbers(text) | spoken_numbers(text)


def _said(fact: Fact, core: str) -> bool:
    """Whether a fact's value stands in a text, numbers in any spelling."""
    told = numbers(fact.value)
    return fact.value in core or bool(
        told and fact.value.replace(".", "").isdigit() and told <= numbers(core)
    )


def facts_in(core: str, catalog: Catalog, product: Product | None) -> tuple[SampleFact, ...]:
    """The catalogue's written values in a text, those of the product that it speaks of first."""
    first = [product] if product else []
    found: dict[str, SampleFact] = {}
    for one in [*first, *(p for p in catalog.products if p is not product)]:
        for name, _, value in fields_of(one):
            if len(value) > 1 and value in core:
                found.setdefault(value, SampleFact(one.id, name, value))
    return tuple(found.values())
