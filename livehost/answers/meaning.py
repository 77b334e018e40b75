"""What a line of chat asks about, before it is answered: for merging, priority and follow-ups."""

from __future__ import annotations

from dataclasses import dataclass

from livehost.answers import gate
from livehost.answers.clean import clean
from livehost.answers.intents import asked
from livehost.answers.products import topic
from livehost.catalog import Catalog

SENSITIVE = frozenset(("adverse", "treat", "replace_drug", "illness", "pregnancy", "nursing", "minors"))
PRICE = frozenset(("price", "after_coupon", "coupon", "offer", "list_price", "dear", "worth"))


@dataclass(frozen=True)
class Meaning:
    """The intents of a line in the order of asking, and the ids of the products that it is about.

    `intents` is `("noise",)` where nothing wants an answer; `injection`, `diversion`, `abuse` and
    `ai_identity` are intents too. `named`: the line itself says which product it means; otherwise it
    is taken to be about the one on air or the viewer's previous one. `sensitive`: health or a
    delicate group. `price`: money.
    """

    intents: tuple[str, ...]
    products: tuple[str, ...]
    sensitive: bool
    price: bool
    named: bool = False


def meaning(
    line: str, *, catalog: Catalog, on_air: str | None = None, previous: str | None = None
) -> Meaning:
    """What a raw line of chat asks about; `on_air` and `previous` are ids of products."""
    text = clean(line[:300])
    about = topic(text, catalog, catalog.get(on_air), catalog.get(previous))
    intents = _intents(text, about.rest, line)
    products = () if intents == ("noise",) else tuple(p.id for p in about.products)
    found = frozenset(intents)
    return Meaning(intents, products, bool(found & SENSITIVE), bool(found & PRICE), about.named)


def _intents(text: str, rest: str, raw: str) -> tuple[str, ...]:
    if gate.injected(text):
        return ("injection",)
    if gate.diverts(text, raw):
        return ("diversion",)
    if gate.abuses(text):
        return ("abuse",)
    if gate.is_noise(text):
        return ("noise",)
    asks_ai = gate.asks_ai(rest)
    names = dict.fromkeys(a.intent for a in asked(gate.without_ai(rest) if asks_ai else rest))
    if asks_ai:
        return ("ai_identity", *names)
    if names:
        return tuple(names)
    return ("unknown",) if gate.is_question(text) or rest != text else ("noise",)
