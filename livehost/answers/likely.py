"""What a line of chat most likely asks, where the rules are not sure: a linear model over our own phrases.

The rules of `intents.yaml` and `gate.yaml` know what they list; viewers write it otherwise. The model reads
n-grams of characters and of toneless syllables (typed by sound, it is the same) together with what the rules
found, and tells one label of `phrases.tsv`: an intent, a kind of line that is turned away, or `other`. It
decides only what is asked; what is said of it still comes from the catalogue alone. Multinomial logistic
regression (C. M. Bishop, Pattern Recognition and Machine Learning, 4.3.4); fitted by
`python -m livehost.answers.learn_phrases`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from livehost.answers import gate
from livehost.answers.clean import CLAUSE
from livehost.answers.intents import Asked, asked
from livehost.chinese import pinyin

Floats = NDArray[np.float32]
RULE_WEIGHT = 1.5  # of what a rule found beside an n-gram's 1; best of 1, 1.5, 2, 3 across writers
# The share from which the likeliest label counts: to answer it, to turn a line away, against the rules.
LIKELY, SURE, SURER, OUTVOTES = 0.4, 0.5, 0.6, 0.8
AWAY = frozenset(("ai_identity", "diversion", "injection", "abuse", "off_topic", "noise", "remark"))
# Labels and intents of which one answers for the other: between them the rules decide.
_KIN = (
    {"premise_price", "premise", "after_coupon", "price", "list_price", "dear", "offer", "future_price", "coupon", "coupon_until", "worth"},
    {"spec", "size", "stock"},
    {"ingredients", "contains", "free_of"},
    {"illness", "suitable", "minors", "pregnancy", "nursing", "adverse"},
    {"warranty", "damage", "returns", "unseal", "order_status", "order"},
    {"authentic", "distrust", "registration"},
    {"usage", "opened", "life", "with_other"},
    {"compare", "worth", "kind", "intro", "effect"},
    {"treat", "illness", "replace_drug", "effect_when"},
    {"region", "fee", "free_shipping", "where_from", "arrives", "when_ships", "courier"},
)  # fmt: skip
# Labels whose answer is a fact of the catalogue, whatever else the line asks.
_PLAIN = frozenset(
    (
        "link", "price", "after_coupon", "coupon", "coupon_until", "list_price", "gifts", "stock", "restock", "ingredients", "contains", "free_of", "lasts",
        "life", "produced", "origin", "when_ships", "arrives", "courier", "where_from", "free_shipping", "fee", "region",
        "insurance", "returns", "unseal", "invoice", "registration", "authentic",
    )
)  # fmt: skip
# Intents that the rules see in words which other questions hold as well.
_WEAK = frozenset(("suitable", "spec", "intro", "effect", "compare", "kind", "worth", "services", "contact"))
_LABELS = {"premise_price": "premise"}
_ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"))
LEAST = 2  # Chinese characters of a line that the model may judge
_CHINESE = re.compile("[\u4e00-\u9fff]")
_SEVERAL = re.compile(r"[,，。!！?？;；]")


@dataclass(frozen=True)
class Likely:
    """The likeliest label of a line, and its share of the probability, 0 to 1."""

    label: str
    share: float

    @property
    def intent(self) -> str:
        """The label as the rules name it."""
        return _LABELS.get(self.label, self.label)


@dataclass(frozen=True)
class Model:
    """The fitted model: `weights` (features, labels) and `bias` (labels), both in logits.

    `columns`: the row of `weights` for each feature.
    """

    labels: tuple[str, ...]
    columns: dict[str, int]
    weights: Floats
    bias: Floats

    def shares(self, features: dict[str, float]) -> Floats:
        """The probability of each label, (labels,)."""
        known = [(self.columns[name], value) for name, value in features.items() if name in self.columns]
        logits = self.bias.copy()
        if known:
            rows = np.array([row for row, _ in known])
            values = np.array([value for _, value in known], dtype=np.float32)
            logits += (values / np.linalg.norm(values)) @ self.weights[rows]
        exp = np.exp(logits - logits.max())
        return np.asarray(exp / exp.sum(), dtype=np.float32)


@lru_cache(maxsize=1024)
def likely(line: str, rest: str) -> Likely:
    """The likeliest label of a cleaned line; `rest` is the line without the names of products.

    A line of hardly any Chinese character is like nothing that the model has seen: `other`, share 0.
    """
    if len(_CHINESE.findall(rest)) < LEAST:
        return Likely("other", 0.0)
    model = packaged("phrases.npz")
    shares = model.shares(features(line, rest))
    best = int(shares.argmax())
    return Likely(model.labels[best], float(shares[best]))


def outvoted(line: str, rest: str, wanted: tuple[Asked, ...]) -> Likely | None:
    """What a line of one clause surely asks instead of the one thing that the rules found in it."""
    if len(wanted) != 1 or wanted[0].intent == "premise" or _SEVERAL.search(rest.strip()):
        return None
    guess = likely(line, rest)
    names = {guess.label, wanted[0].intent}
    least = SURER if wanted[0].intent in _WEAK else OUTVOTES
    if guess.share < least or len(names) == 1 or any(names <= kin for kin in _KIN):
        return None
    return guess


def with_clauses(rest: str, wanted: tuple[Asked, ...]) -> tuple[Asked, ...]:
    """What the rules found, and what clauses in which they found nothing most likely ask."""
    clauses = list(CLAUSE.finditer(rest))
    if not wanted or len(clauses) < 2:
        return wanted
    more = list(wanted)
    for clause in clauses:
        if len(clause[0]) < 3 or any(
            clause.start() <= a.at < a.at + len(a.words) <= clause.end() for a in wanted
        ):
            continue
        own = [a for a in asked(clause[0]) if a.intent in _PLAIN]
        if own:  # what another clause hides
            more += [
                replace(a, at=clause.start() + a.at) for a in own if a.intent not in {m.intent for m in more}
            ]
            continue
        guess = likely(clause[0], clause[0])
        known = guess.share >= SURER and guess.label in _PLAIN
        if known and guess.intent not in {a.intent for a in more}:
            more.append(Asked(guess.intent, clause.start(), clause[0]))
    return tuple(sorted(more, key=lambda a: a.at))


def features(line: str, rest: str) -> dict[str, float]:
    """The features of a cleaned line and their values: n-grams of `rest`, and what the rules found."""
    text = re.sub(r"\d+(?:\.\d+)?", "0", re.sub(r"[\W_]+", " ", rest).strip())
    found = dict.fromkeys((*_grams(text), *_sounds(text)), 1.0)
    return found | dict.fromkeys((f"rule {name}" for name in _ruled(line, rest)), RULE_WEIGHT)


def _grams(text: str) -> list[str]:
    chars = f"^{text.replace(' ', '_')}$"
    found = [chars[at : at + n] for n in (1, 2, 3) for at in range(len(chars) - n + 1)]
    return [*found, *(f"{a}.{b}" for a, b in zip(chars, chars[2:], strict=False))]


def _sounds(text: str) -> list[str]:
    """n-grams of syllables, with those alike that southern speakers and typists confuse (zh and z, n and ng)."""
    heard = ["^", *(_heard(one) for one in pinyin(text) if one.strip()), "$"]
    return ["-".join(["", *heard[at : at + n]]) for n in (1, 2, 3) for at in range(len(heard) - n + 1)]


def _heard(syllable: str) -> str:
    for one, other in _ALIKE:
        if syllable.startswith(one):
            syllable = other + syllable[len(one) :]
    if syllable.endswith("ng"):
        syllable = syllable[:-1]
    return "n" + syllable[1:] if syllable.startswith("l") else syllable


def _ruled(line: str, rest: str) -> list[str]:
    """What the rules see in a line: intents, and what the gate would say of it."""
    tests = {
        "injection": gate.injected(line), "diversion": gate.diverts(line, line), "abuse": gate.abuses(line),
        "ai_identity": gate.asks_ai(rest), "noise": gate.is_noise(line), "off_topic": gate.off_topic(rest),
        "question": gate.is_question(line), "chat": gate.is_chat(line),
    }  # fmt: skip
    return [*(name for name, true in tests.items() if true), *(f"asks {one.intent}" for one in asked(rest))]


@cache
def packaged(name: str) -> Model:
    """One of the models that lie beside this module."""
    data = files("livehost.answers").joinpath(name).read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as told:
        names = str(told["features"]).split("\n")
        return Model(
            tuple(str(told["labels"]).split("\n")),
            {name: row for row, name in enumerate(names)},
            told["weights"].astype(np.float32),
            told["bias"].astype(np.float32),
        )
