"""What a line of chat asks about, before it is answered: for merging, priority and follow-ups."""

from __future__ import annotations

from dataclasses import dataclass

from livehost.answers import gate, variants
from livehost.answers.by_number import Topic
from livehost.answers.clean import clean, squeezed
from livehost.answers.faq import core
from livehost.answers.intents import REGIONS, SENSITIVE, asked
from livehost.answers.likely import AWAY, LIKELY, SURE, likely, with_clauses
from livehost.answers.products import topic
from livehost.answers.properties import property_of
from livehost.answers.senses import insults
from livehost.catalog import Catalog

PRICE = frozenset(
    (
        "price", "premise", "after_coupon", "coupon", "coupon_until", "coupon_stack", "offer", "future_price", "list_price",
        "dear", "worth",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """The intents of a line in the order of asking, and the ids of the products that it is about.

    `intents` is `("noise",)` where nothing wants an answer; `injection`, `diversion`, `abuse`,
    `ai_identity` and `crisis` are intents too. `named`: the line itself says which product it means; otherwise it
    is taken to be about the one on air or the viewer's previous one. `sensitive`: health, a delicate
    group, or a life. `price`: money. `detail`: what tells two questions of the same intents and products
    apart (the ingredient, the region, the variant); empty where the answer is the same whatever the words.
    """

    intents: tuple[str, ...]
    products: tuple[str, ...]
    sensitive: bool
    price: bool
    named: bool = False
    detail: str = ""


# Questions that have one answer for a product.
_PLAIN = frozenset(
    (
        "noise", "link", "price", "after_coupon", "coupon", "coupon_until", "list_price", "offer", "dear", "stock", "restock",
        "ingredients", "lasts", "life", "produced", "origin", "when_ships", "arrives", "courier", "where_from",
        "free_shipping", "insurance", "returns", "invoice", "registration", "authentic", "distrust", "pregnancy", "nursing",
        "ai_identity", "injection", "diversion", "abuse",
    )
)  # fmt: skip


def meaning(
    line: str, *, catalog: Catalog, on_air: str | None = None, previous: str | None = None
) -> Meaning:
    """What a raw line of chat asks about; `on_air` and `previous` are ids of products."""
    text = clean(line[:300])
    about = topic(text, catalog, catalog.get(on_air), catalog.get(previous))
    intents = _intents(text, about, line)
    if about.elsewhere is not None and intents != ("noise",):
        intents = ("elsewhere", *intents)
    products = () if intents == ("noise",) else tuple(p.id for p in about.products)
    found = frozenset(intents)
    return Meaning(
        intents,
        products,
        bool(found & (SENSITIVE | {"crisis"})),
        bool(found & PRICE),
        about.named,
        _detail(text, intents, about),
    )


def _detail(text: str, intents: tuple[str, ...], about: Topic) -> str:
    variants_named = any(variants.named(text, p) or variants.pieces(text, p) for p in about.products)
    plain = frozenset(intents) <= _PLAIN and not variants_named and about.missing_link is None
    return "" if plain and not any(region in text for region in REGIONS) else squeezed(core(text) or text)


def _intents(text: str, about: Topic, raw: str) -> tuple[str, ...]:
    if gate.injected(text):
        return ("injection",)
    if gate.diverts(text, raw):
        return ("diversion",)
    if insults(text):
        return ("abuse",)
    asks_ai = gate.asks_ai(about.rest)
    rest = gate.without_ai(about.rest) if asks_ai else about.rest
    names = dict.fromkeys(a.intent for a in with_clauses(rest, asked(rest)))
    if asks_ai:
        return ("ai_identity", *names)
    if gate.in_crisis(text):
        return ("crisis",)
    if gate.to_others(text):
        return ("noise",)
    product = about.product
    if not names and product is not None and variants.asked_bare(about.rest, product):
        return ("price",)
    if gate.is_noise(text) and not (names and gate.is_question(text)):
        return ("noise",)
    return tuple(names) or (_guessed(text, about),)


def _guessed(text: str, about: Topic) -> str:
    """The intent of a line in which the rules find none."""
    wished, guess = property_of(about.rest), likely(text, about.rest)
    if wished is not None and wished.share >= SURE:
        return "unknown"
    if guess.share >= SURE and guess.label in AWAY:
        return "noise" if guess.label in ("noise", "remark") else guess.label
    if guess.share >= LIKELY and guess.label not in AWAY:
        return guess.intent
    return "unknown" if gate.is_question(text) or about.named else "noise"
