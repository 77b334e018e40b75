"""The inbox's rules: how a viewer's words are cleaned, which ask the same, and which come first.

All pure. What is stored is what the viewer wrote; these make what is answered and shown.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from livehost.answers import Meaning, gate
from livehost.answers.clean import clean
from livehost.chat.essence import essence

AGE_S_A_POINT = 20.0

_MENTION = re.compile(r"[@＠][^\s@＠,，。:：!！?？]{1,30}[\s,，:：]*")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_REPEATED = re.compile(r"(.)\1{2,}", re.DOTALL)
_REPEATED_WORD = re.compile(r"(.{2,6}?)\1{2,}", re.DOTALL)
_CONTACT = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)|(?i:qq|vx|wx|微信|薇信|v信)\s*[:：]?\s*[\w-]{4,}")
_ASKS = re.compile(r"[?？吗呢么嘛]|多少|几号|怎么|咋|啥|什么|能不能|可以|有没有|哪|为什么|谁|何时")
_HEALTH = re.compile(r"孕|哺乳|宝宝|儿童|小孩|过敏|敏感|副作用|治|病|药|血压|血糖|糖尿|手术")
_UNWANTED = frozenset(("injection", "diversion", "abuse", "noise"))
_MONEY = re.compile(r"多少钱|价|优惠|券|到手|链接|怎么(?:拍|买)|下单|库存|有货|包邮|发货")


def cleaned(text: str) -> str:
    """The words without mentions, addresses, emoji and repeats; empty if nothing is left to answer.

    Digits stay, also alone: `3` may be a link number.
    """
    text = unicodedata.normalize("NFKC", text)
    text = _ADDRESS.sub(" ", _MENTION.sub(" ", text))
    text = "".join(char if _is_word(char) else " " for char in text)
    text = _SPACES.sub(" ", text).strip()
    text = _REPEATED_WORD.sub(r"\1", _REPEATED.sub(_shortened, text))
    if len(text) == 1 and not text.isdigit():
        return ""
    return text if any(char.isalnum() for char in text) else ""


def _shortened(found: re.Match[str]) -> str:
    """A run of one character as one; digits stay (666 is a greeting, 1000 a number)."""
    run, char = found.group(0), found.group(1)
    return run if char.isdigit() else char


def _is_word(char: str) -> bool:
    """Letters, digits, punctuation and marks; not emoji, symbols of faces, control characters."""
    kind = unicodedata.category(char)
    return kind[0] in "LNPZ" or kind in ("Sc", "Sm") or char in "%+~"


def shown_name(user: str) -> str:
    """A viewer's name as the picture may show it: short, and with its middle hidden."""
    name = "".join(char for char in unicodedata.normalize("NFKC", user) if _is_word(char)).strip()
    if not name or _CONTACT.search(name):
        return "观众"
    if len(name) <= 2:
        return name[0] + "*"
    return f"{name[0]}**{name[-1]}"


def shown_text(text: str, limit: int = 24) -> str:
    """A question as the picture may show it: cleaned, without contacts, short."""
    text = _CONTACT.sub("***", cleaned(text))
    return text if len(text) <= limit else text[: limit - 1] + "…"


@lru_cache(maxsize=4096)
def is_noise(text: str) -> bool:
    """Whether a raw line holds nothing that could want an answer: greetings, laughter, emoji, 666."""
    line = clean(text[:300])
    return not any(char.isalnum() for char in line) or gate.is_noise(line)


def asks(text: str) -> bool:
    """Whether a line looks, at a glance, like a question, or like somebody who wants to buy or is in need."""
    return bool(_ASKS.search(text) or _MONEY.search(text)) or gate.in_crisis(text)


def glance(text: str) -> float:
    """How soon a line deserves to be understood at all, before anything is known of it."""
    health = bool(_HEALTH.search(text)) or gate.in_crisis(text)
    return 2.0 * health + 2.0 * bool(_MONEY.search(text)) + bool(_ASKS.search(text))


@dataclass(frozen=True)
class Sense:
    """What decides whether two lines ask the same: what they are about, and what they say of it."""

    intents: tuple[str, ...]
    products: tuple[str, ...]
    words: str

    def same(self, other: Sense) -> bool:
        """Whether one answer serves both: nothing that either says is missing from the other."""
        return bool(self.words) and self == other


def sense(text: str, meaning: Meaning) -> Sense:
    """The sense of a raw line whose meaning is known.

    Whatever the intents, a word more or another word may ask for another answer, so that only lines of
    the same `essence` are the same: to answer twice is dull, to answer the wrong thing is harm.
    """
    return Sense(tuple(sorted(meaning.intents)), meaning.products, essence(text))


def points(meaning: Meaning, *, on_air: str | None, buyer: bool, askers: int, waited_s: float) -> float:
    """How soon an answer is due: health and money first, the product on air, buyers, many askers, age."""
    if set(meaning.intents) & _UNWANTED:
        return waited_s / AGE_S_A_POINT
    due = 6.0 * (meaning.sensitive or meaning.price or "ai_identity" in meaning.intents)
    due += 3.0 * (on_air is not None and on_air in meaning.products)
    due += 2.0 * buyer
    due += 0.5 if meaning.intents == ("unknown",) else 2.0
    due += min(3.0, float(askers - 1))
    return due + max(0.0, waited_s) / AGE_S_A_POINT
