"""Names of goods in a line: those of the catalogue, and the nouns of the trade in `goods.yaml`.

A noun that no product answers to by name, alias or kind is known to be other goods, so that what is
asked about it is never answered with the product on air.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from livehost.answers.tables import packaged_yaml
from livehost.catalog import Catalog
from livehost.chinese import folded
from livehost.compliance.normalise import split_pinyin


@dataclass(frozen=True)
class Noun:
    """A word for goods in a line.

    `products`: the ids of the products that it may mean, none: it is nowhere in the catalogue.
    `literal`: it is a product's name or alias. `matter`: it is also an ingredient; `tool`: it is also
    a tool or a place.
    """

    word: str
    start: int
    end: int
    products: tuple[str, ...]
    literal: bool = False
    matter: bool = False
    tool: bool = False


@dataclass(frozen=True)
class _Trade:
    """`goods.yaml` read: the kinds that each word stands for; `broad` words stand for several."""

    kinds: dict[str, frozenset[int]]
    broad: frozenset[str]
    matter: frozenset[str]
    tools: frozenset[str]
    other: frozenset[str]
    automaton: Any


@cache
def _trade() -> _Trade:
    table = packaged_yaml("goods.yaml")
    kinds: dict[str, set[int]] = defaultdict(set)
    broad: set[str] = set()
    number = 0
    for line in table["kinds"]:
        heads, _, rest = line.partition(":")
        own: set[int] = set()
        for group in rest.split():
            number += 1
            own.add(number)
            for word in group.split("="):
                kinds[folded(word)].add(number)
        for head in heads.split():
            kinds[folded(head)] |= own
            broad.add(folded(head))
    other = frozenset(folded(word) for word in table["other"].split())
    found = {word: frozenset(ids) for word, ids in kinds.items() if word not in other}
    return _Trade(
        found,
        frozenset(broad),
        frozenset(folded(word) for word in table["matter"].split()),
        frozenset(folded(word) for word in table["tools"].split()),
        other,
        _automaton([*found, *other]),
    )


def _automaton(words: list[str]) -> Any:
    import ahocorasick

    out = ahocorasick.Automaton()
    for word in words:
        out.add_word(word, word)
    out.make_automaton()
    return out


def _found(automaton: Any, text: str) -> list[tuple[int, int, str]]:
    """Words of an automaton that do not overlap, the longest first served; Latin words only whole."""
    hits = [(last + 1 - len(word), last + 1, word) for last, word in automaton.iter(text)]
    taken: list[tuple[int, int, str]] = []
    for start, end, word in sorted(hits, key=lambda hit: (hit[0] - hit[1], hit[0])):
        if word[0].isascii() and _latin(text[start - 1 : start]):
            continue
        if word[-1].isascii() and _latin(text[end : end + 1]):
            continue
        if all(end <= a or b <= start for a, b, _ in taken):
            taken.append((start, end, word))
    return sorted(taken)


def _latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


class Shelf:
    """The nouns that a catalogue's products answer to."""

    def __init__(self, products: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        self.names: dict[str, list[str]] = defaultdict(list)
        self.spellable: dict[str, list[str]] = defaultdict(list)  # names, and the nouns that they end in
        self.short: dict[str, set[str]] = defaultdict(set)  # what names end in, by which viewers call goods
        self.parts: dict[str, set[str]] = defaultdict(set)  # what only part of a name holds: 神经酰胺
        self._kinds: dict[str, frozenset[int]] = {}
        self._broad: dict[str, frozenset[int]] = {}
        for product_id, names in products:
            specific: set[int] = set()
            broad: set[int] = set()
            for place, name in enumerate(names):
                plain = folded(name).replace(" ", "")
                if product_id not in self.names[plain]:
                    self.names[plain].append(product_id)
                for word in (plain, *(head for head in _heads(plain) if len(head) > 2)):
                    if product_id not in self.spellable[word]:
                        self.spellable[word].append(product_id)
                for size in range(1, len(plain)):
                    self.short[plain[-size:]].add(product_id)
                for part in _parts(plain):
                    self.parts[part].add(product_id)
                for word in _heads(plain):
                    wide = word in _trade().broad
                    (broad if wide and place == 0 else specific if not wide else set()).update(
                        _trade().kinds[word]
                    )
            self._kinds[product_id] = frozenset(specific)
            self._broad[product_id] = frozenset(broad if not specific else ())
        self._automaton = _automaton([*_trade().kinds, *_trade().other, *self.names])

    def nouns(self, line: str) -> list[Noun]:
        """The nouns of a cleaned line in order, the longest where several begin."""
        out = []
        for start, end, word in _found(self._automaton, line):
            if len(word) == 1 and (
                (_COUNTED if word in _MEASURES else _NUMBERED).search(line[:start])
                or (word == "包" and line[start - 1 : start] in ("大", "小", "中"))
            ):
                continue
            if word.endswith("几") and _HOW_MANY.match(line, end):
                continue  # 这茶几月份的 is no 茶几
            if word in self.names:
                out.append(Noun(word, start, end, tuple(self.names[word]), literal=True))
            elif word in _trade().kinds:
                trade = _trade()
                out.append(
                    Noun(
                        word,
                        start,
                        end,
                        self._of_kind(word),
                        matter=word in trade.matter,
                        tool=word in trade.tools,
                    )
                )
        return sorted((*out, *self._foreign(line, out)), key=lambda noun: noun.start)

    def _foreign(self, line: str, known: list[Noun]) -> list[Noun]:
        """Words in Latin letters that no product's name holds: brands and goods of others (iphone, sk-ii).

        Pinyin and the English of everyday chat are none of them; as an ingredient they may still be asked for.
        """
        out = []
        for match in _FOREIGN.finditer(line):
            word = match[0].strip("-'&. ")
            letters = re.sub(r"[^a-z]", "", word)
            inside = any(noun.start < match.end() and match.start() < noun.end for noun in known)
            of_ours = any(letters in name or letters in re.sub(r"[^a-z]", "", name) for name in self.names)
            if inside or of_ours or letters in _chat() or split_pinyin(letters) is not None:
                continue
            out.append(Noun(word, match.start(), match.start() + len(match[0]), (), matter=True))
        return out

    def _of_kind(self, word: str) -> tuple[str, ...]:
        wanted = _trade().kinds[word]
        found = tuple(i for i in self._kinds if wanted & self._kinds[i]) or tuple(
            i
            for i in self._broad
            if wanted & self._broad[i] and (word in _trade().broad or self._shares(word, i))
        )
        if not found and len(word) == 2 and word.endswith("子"):  # 刷子 of a 化妆刷
            found = tuple({i for name, ids in self.names.items() if name.endswith(word[0]) for i in ids})
            return found if len(found) == 1 else ()
        return found

    def _shares(self, word: str, product_id: str) -> bool:
        """Whether a product named by a wide word alone has what tells a narrower word apart: 保温 of 保温杯."""
        return any(
            char in name for name, ids in self.names.items() if product_id in ids for char in word[:-1]
        )


# Three letters or more, a hyphen or a figure behind them (sk-ii, ps5, iphone16), not half of a longer word.
_FOREIGN = re.compile(r"(?<![a-z0-9])(?:[a-z]{3,}[0-9]{0,3}|[a-z]{1,4}-[a-z]{1,}|[a-z]{2}[0-9])(?![a-z0-9])")


@cache
def _chat() -> frozenset[str]:
    """English words and abbreviations that viewers use of any goods."""
    return frozenset(packaged_yaml("goods.yaml")["latin"].split())


def is_other(word: str) -> bool:
    """Whether a word that ends like goods is none: 专柜, 授权书."""
    return word in _trade().other


_HOW_MANY = re.compile("[月号天年点次片粒颗条个件包袋盒瓶支口岁度种]")
_COUNTED = re.compile(
    r"[这那哪几少每半多整\d一二两三四五六七八九十百]$"
)  # a noun of one character is a measure there


_NUMBERED = re.compile(r"[几每半多整\d一二两三四五六七八九十百]$")
_MEASURES = frozenset("包杯盒瓶碗盘袋双条床锅桶罐箱") - {"锅"}


def _heads(name: str) -> list[str]:
    """The noun that a product's name ends in, sizes and brackets aside."""
    bare = re.sub(r"[(（\[【].*$|[\d.×*x+/\-]+[a-z\u4e00-\u9fff]{0,3}$", "", name) or name
    hits = [h for h in _found(_trade().automaton, bare) if h[2] in _trade().kinds]
    last = [word for _, end, word in hits if end == len(bare)]
    last = last or [word for _, _, word in hits[-1:] if len(word) > 1]
    return last or ([bare] if bare in _trade().kinds else [])


def _parts(name: str) -> set[str]:
    """Four characters in a row of a name, or its first or last three, of Chinese characters."""
    found = {name[at : at + 4] for at in range(len(name) - 3)}
    found |= {name[:3], name[-3:]} if len(name) > 4 else set()
    return {part for part in found if len(part) > 2 and re.fullmatch("[\u4e00-\u9fff]+", part)}


@lru_cache(maxsize=8)
def _shelf(products: tuple[tuple[str, tuple[str, ...]], ...]) -> Shelf:
    return Shelf(products)


def shelf(catalog: Catalog) -> Shelf:
    """The shelf of a catalogue, kept while its names stay."""
    return _shelf(tuple((p.id, (p.name, *p.aliases)) for p in catalog.products))
