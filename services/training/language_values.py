"""Fresh values for the slots of a row: what is trained is copying, never a shop's own facts."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from services.language.tokenizer import vocabulary

FIRST_SLOT = 0xE000
_DIGITS = re.compile(r"\d+")
_LATIN = "ABCDEFGHKLMNPQRSTUVWXYZabcdeghkmnpqrstuvwxyz"


@dataclass(frozen=True)
class Pools:
    """What values are drawn from: known ones by kind, everyday words, characters."""

    known: dict[str, list[str]]
    words: list[str]
    characters: str


@cache
def everyday_words() -> tuple[str, ...]:
    """The commonest Chinese words of two to four characters, by jieba's counts."""
    import jieba

    jieba.setLogLevel(60)
    jieba.initialize()
    counted = [
        (count, word)
        for word, count in jieba.dt.FREQ.items()
        if 2 <= len(word) <= 4 and count > 60 and all("\u4e00" <= c <= "\u9fff" for c in word)
    ]
    counted.sort(reverse=True)
    return tuple(word for _, word in counted[:16000])


@cache
def common_characters() -> str:
    """The characters of GB 2312's first level, by Unicode."""
    return "".join(
        bytes((row, cell)).decode("gb2312")
        for row in range(0xB0, 0xD8)
        for cell in range(0xA1, 0xFF)
        if not (row == 0xD7 and cell > 0xF9)
    )


def fresh(
    slots: Sequence[Sequence[str]], pools: Pools, rng: random.Random, *, unseen: bool = False
) -> list[str]:
    """New values for a row's slots, all different; `unseen`: none that a pool holds."""
    taken: list[str] = []
    for kind, old in slots:
        for _ in range(6):
            value = _value(kind, old, pools, rng, unseen)
            if not any(value in other or other in value for other in taken):
                break
        taken.append(value)
    return taken


def filled(text: str, values: Sequence[str]) -> str:
    """The text with values in its slots."""
    return text.translate({FIRST_SLOT + n: value for n, value in enumerate(values)})


def _value(kind: str, old: str, pools: Pools, rng: random.Random, unseen: bool) -> str:
    match kind:
        case "number":
            return _number(old, rng)
        case "span" | "date":
            return _redigited(old if unseen else rng.choice(pools.known.get(kind) or [old]), rng)
        case "code":
            base = rng.choice(pools.known.get(kind) or [old])
            return _redigited(base, rng) if any(c.isdigit() for c in base) else _named(rng, pools, 2, 6)
        case "spec":
            base = rng.choice(pools.known.get(kind) or [old])
            if any(c.isdigit() for c in base):
                return _redigited(base, rng)
            return base if rng.random() < 0.6 and not unseen else _named(rng, pools, 1, 4)
        case "text":
            return _text(old, pools, rng, unseen)
        case "place":
            if not unseen and rng.random() < 0.5:
                return rng.choice(pools.known.get(kind) or [old])
            return _named(rng, pools, 2, 5)
        case _:
            roll = rng.random()
            if not unseen and roll < 0.55:
                return old if roll < 0.15 else rng.choice(pools.known.get(kind) or [old])
            return _named(rng, pools, 2, 10 if kind == "name" else 7)


def _number(old: str, rng: random.Random) -> str:
    whole = rng.randint(1, 9) if rng.random() < 0.12 else rng.randint(1, 10 ** rng.choice((2, 2, 3, 3, 4)))
    if "." in old or (len(old) > 2 and rng.random() < 0.15):
        return f"{whole}.{rng.choice((str(rng.randint(1, 9)), f'{rng.randint(0, 9)}{rng.randint(1, 9)}'))}"
    if len(old) <= 2 and rng.random() < 0.7:
        return str(rng.randint(1, 99))
    return str(whole)


def _redigited(text: str, rng: random.Random) -> str:
    def other(match: re.Match[str]) -> str:
        size = max(1, len(match[0]) + rng.choice((0, 0, 0, 0, 1, -1))) if len(match[0]) < 4 else len(match[0])
        return str(rng.randint(1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(size - 1))

    return _DIGITS.sub(other, text)


def _named(rng: random.Random, pools: Pools, least: int, most: int) -> str:
    """A name: words, characters, letters, or a mixture."""
    size = rng.randint(least, most)
    roll = rng.random()
    if roll < 0.45:
        text = ""
        while len(text) < size:
            text += rng.choice(pools.words)
        return _with_rare(text[: max(size, least)], rng)
    if roll < 0.82:
        return _with_rare("".join(rng.choices(pools.characters, k=size)), rng)
    if roll < 0.88:
        rare = chr(rng.randint(0x4E00, 0x9FA5))  # mostly outside the vocabulary: written as bytes
        return rare + "".join(rng.choices(pools.characters, k=size - 1))
    latin = "".join(rng.choices(_LATIN, k=rng.randint(1, 5))) + rng.choice(("", str(rng.randint(1, 99)), "+"))
    tail = "".join(rng.choices(pools.characters, k=rng.randint(1, 5)))
    return latin + tail if rng.random() < 0.6 else tail + latin


def _with_rare(text: str, rng: random.Random) -> str:
    """The text, at times with a character or two of the whole vocabulary in place of its own."""
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(_han()) + text[at + 1 :]
    return text


@cache
def _han() -> str:
    return "".join(token for token in vocabulary() if len(token) == 1 and token >= "\u4e00")


def _text(old: str, pools: Pools, rng: random.Random, unseen: bool) -> str:
    """One to four clauses: known ones with new digits, words, or characters."""
    roll = rng.random()
    if not unseen and roll < 0.45:
        return _redigited(rng.choice(pools.known.get("text") or [old]), rng)
    clauses = []
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
        if rng.random() < 0.75:
            clause = "".join(rng.choices(pools.words, k=rng.randint(2, 5)))
        else:
            clause = _with_rare("".join(rng.choices(pools.characters, k=rng.randint(3, 10))), rng)
        if rng.random() < 0.3:
            at = rng.randrange(len(clause))
            clause = f"{clause[:at]}{rng.randint(1, 120)}{rng.choice(('次', '分钟', '天', '毫升', '个', '度', 'g', ''))}{clause[at:]}"
        if rng.random() < 0.25:
            clause = rng.choice(("不", "可以", "请勿", "不要", "没有", "建议", "请先", "不能")) + clause
        clauses.append(clause)
    return rng.choice(("，", "，", "，", "。", "；")).join(clauses)
