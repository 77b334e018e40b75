"""The inbox's rules: how a viewer's words are cleaned, which ask the same, and which come first.

All pure. What is stored is what the viewer wrote; these make what is answered and shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rapidfuzz import fuzz

SAME = 90.0
AGE_S_A_POINT = 30.0

_MENTION = re.compile(r"[@＠][^\s@＠,，。:：!！?？]{1,30}[\s,，:：]*")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_REPEATED = re.compile(r"(.)\1{2,}", re.DOTALL)
_REPEATED_WORD = re.compile(r"(.{2,6}?)\1{2,}", re.DOTALL)
_CONTACT = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)|(?i:qq|vx|wx|微信|薇信|v信)\s*[:：]?\s*[\w-]{4,}")
_ASKS = re.compile(r"[?？吗呢么嘛]|多少|几号|怎么|咋|啥|什么|能不能|可以|有没有|哪|为什么|谁|何时")
_MONEY = re.compile(r"多少钱|价|优惠|券|到手|链接|怎么(?:拍|买)|下单|库存|有货|包邮|发货")


@dataclass(frozen=True)
class Waiting:
    """A question that waits, as far as its turn depends on it."""

    id: str
    user: str
    text: str
    at: datetime


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


def priority(question: Waiting, now: datetime, *, same: int = 0) -> float:
    """How soon it deserves its answer: questions before remarks, buying first, many askers, its age."""
    text = cleaned(question.text)
    points = 0.0
    if not text:
        return points
    points += 4.0 if _ASKS.search(text) else 1.0
    points += 2.0 if _MONEY.search(text) else 0.0
    points += min(3.0, float(same))
    return points + max(0.0, (now - question.at).total_seconds()) / AGE_S_A_POINT


def merged(questions: Iterable[Waiting]) -> list[tuple[Waiting, tuple[Waiting, ...]]]:
    """Each distinct question with those that ask the same, in the order they came."""
    groups: list[tuple[Waiting, str, list[Waiting]]] = []
    for question in sorted(questions, key=lambda one: (one.at, one.id)):
        text = cleaned(question.text)
        for _, words, others in groups:
            if _same(words, text):
                others.append(question)
                break
        else:
            groups.append((question, text, []))
    return [(first, tuple(others)) for first, _, others in groups]


def _same(one: str, other: str) -> bool:
    """Alike in words and equal in numbers: 3号链接 and 5号链接 are two questions."""
    if not one or not other or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return one == other
    return one == other or fuzz.ratio(one, other) >= SAME


def by_turn(questions: Iterable[Waiting], now: datetime) -> list[tuple[Waiting, tuple[Waiting, ...]]]:
    """Distinct questions with their twins, the most deserving first."""
    groups = merged(questions)
    return sorted(groups, key=lambda group: -priority(group[0], now, same=len(group[1])))
