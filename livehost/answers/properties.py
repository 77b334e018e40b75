"""Which property of goods a question asks for (smell, weight, washing, …), by the linear model of `likely`
fitted to `properties.tsv`; for finding an operator's approved entry, and the catalogue's words, about the same.
"""

from __future__ import annotations

import re
from functools import lru_cache

from livehost.answers.clean import clauses
from livehost.answers.likely import SURE, Likely, features, likely, packaged
from livehost.chinese import folded

# Labels of a line that asks for no property of goods.
_NO_PROPERTY = frozenset(
    (
        "link", "price", "after_coupon", "coupon", "coupon_until", "premise_price", "list_price", "offer", "dear", "future_price",
        "gifts", "stock", "restock", "when_ships", "arrives", "courier", "where_from", "free_shipping", "fee", "region", "insurance",
        "returns", "invoice", "contact", "ai_identity", "diversion", "injection", "abuse", "off_topic", "noise", "order_status",
        "distrust", "authentic", "worth", "produced", "origin", "pregnancy", "nursing", "treat", "replace_drug",
    )
)  # fmt: skip
LEAST = 4  # characters of a clause that may ask by itself
# The share of either question, and their product, from which they ask for the same.
LEAST_SAME, SAME = 0.35, 0.25
_ANSWERED_WHOLE = frozenset(
    ("warranty", "compare", "adverse", "replace_drug", "distrust", "effect_when", "sample", "lasts")
)
# Properties of which a question also names the other thing: an entry about milk is none about medicine.
_OF_ANOTHER = frozenset(
    (
        "compatible", "fits_inside", "light", "heat_proof", "match", "order_of_use", "plug", "refill", "season", "take_with",
        "washing", "waterproof", "seeds_bones", "certificate", "grade", "made_how",
    )
)  # fmt: skip
# What is left out of a question before its nouns are compared.
_FILLERS = re.compile(
    "可不可以|能不能|会不会|是不是|有没有|要不要|行不行|可以|一起|一块儿?|同时|怎么|什么|多少|多久|这个|那个|[能可会行吗么嘛呢啊呀吧不没有是得了的和跟与配同就都还也要我你它们"
    r"吃喝用放装塞挂穿戴抹涂敷洗下进上在里到过着来去大小几一两]|[\W_]"
)


@lru_cache(maxsize=4096)
def property_of(line: str) -> Likely | None:
    """The likeliest property that a cleaned line asks for; None where it surely asks for none."""
    asks = likely(line, line)
    if asks.label in _NO_PROPERTY and asks.share >= SURE:
        return None
    model = packaged("properties.npz")
    parts = [one for one in clauses(line) if len(one) >= LEAST]
    shares = [model.shares(features(one, one)) for one in dict.fromkeys((line, *parts))]
    surest = max(shares, key=lambda one: float(one.max()))
    best = int(surest.argmax())
    return Likely(model.labels[best], float(surest[best]))


def same_property(line: str, question: str) -> float:
    """How surely two cleaned questions ask for one property, 0 to 1; 0 where they name different things."""
    one, other = property_of(line), property_of(question)
    if one is None or other is None or one.label != other.label or min(one.share, other.share) < LEAST_SAME:
        return 0
    if one.label in _OF_ANOTHER and not _pairs(line) & _pairs(question):
        return 0
    both = one.share * other.share
    return both if both >= SAME else 0


def same_kind(line: str, question: str) -> float:
    """How surely two cleaned questions are of one kind that an approved entry answers whole, 0 to 1."""
    one, other = likely(line, line), likely(question, question)
    same = one.label == other.label and one.label in _ANSWERED_WHOLE and min(one.share, other.share) >= SURE
    return one.share * other.share if same else 0


def _pairs(text: str) -> set[str]:
    """Pairs of characters that stand side by side in the nouns of a question."""
    words = _FILLERS.sub(" ", folded(text))
    return {words[at : at + 2] for at in range(len(words) - 1) if " " not in words[at : at + 2]}
