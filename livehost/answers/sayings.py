"""In which words a factual sentence may be said: its own, or those of a listed wording, filled in.

`unsaid` reads a model's words as the sentences of the core, one after the other, each in one of its
wordings (`livehost/training/wordings.yaml`) or literally, with whole phrases of manner between their
clauses. What cannot be read so is refused: nothing combines freely. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import zip_longest
from typing import Any

import yaml

from livehost.answers.claims import Kind, Lexicon, Token
from livehost.answers.tables import packaged_yaml

_BREAKS = "，。！？；：,!?;:…\n"
_VALUE = re.compile(r"\{(\w+)\}")
_SINGLE = frozenset("nkjpqsd")  # values that span no clauses, as in the training grammar
_WAVE = re.compile(r"(?<!\d)[～~·]+(?=[，。！？,.!?…]|$)")  # drawn out; anywhere else it may be a sign
# Particles, before a mark only.
_ENDING = re.compile(r"的?[呀哦啦呢哈哟哒喔噢]+(?=[，。！？；：,.!?;:…～~]|$)|的(?=[，。！？；：,.!?;:…]|$)")
_LITERAL_KINDS = (Kind.PRODUCT, Kind.NAME, Kind.LATIN)
_MOST_MANNER = 4  # phrases of manner in one answer
_HERE = "@"
_DATED = "今日"  # beside anything but a price it promises


@dataclass(frozen=True)
class _Rule:
    """A saying's pattern and all its wordings."""

    pattern: re.Pattern[str]
    wordings: tuple[str, ...]


@dataclass(frozen=True)
class _Plain:
    """A text without what makes no difference, and where its marks stood."""

    text: str
    breaks: frozenset[int]


def unsaid(words: str, core: str, manner: Collection[str], lexicon: Lexicon) -> str | None:
    """None where `words` say the core's sentences in order; else the words that could not be read."""
    said = _plain(words, lexicon)
    phrases = _phrases(tuple(manner), lexicon)
    sentences = re.split(r"[。！？!?\n]", core)
    units = [unit for sentence in sentences for unit in _units(sentence, phrases, lexicon)]
    # position, unit, its way (-1: none begun), clause of the way, phrases of manner so far
    todo, seen, furthest = [(0, 0, -1, 0, 0)], set(), 0
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        at, unit, way, clause, asides = state
        furthest = max(furthest, at)
        if unit == len(units) and at == len(said.text):
            return None
        if asides < _MOST_MANNER and at in said.breaks:
            ends = (end for end in said.breaks if end > at and said.text[at:end] in phrases)
            todo += [(end, unit, way, clause, asides + 1) for end in ends]
        if unit == len(units):
            continue
        for one in range(len(units[unit])) if way < 0 else (way,):
            over = clause + 1 == len(units[unit][one])
            for told in units[unit][one][clause]:
                end = at + len(told.text)
                inner = {mark - at for mark in said.breaks if at < mark < end}
                if said.text.startswith(told.text, at) and end in said.breaks and inner <= told.breaks:
                    todo.append(
                        (end, unit + 1, -1, 0, asides) if over else (end, unit, one, clause + 1, asides)
                    )
    return said.text[max(0, furthest - 2) : furthest + 8]


def _plain(text: str, lexicon: Lexicon) -> _Plain:
    """Numbers as values, "here and now" as one sign, particles away; the marks by their places."""
    claims = lexicon.read(_ENDING.sub("", _WAVE.sub("，", text)))
    out, breaks, at = "", {0}, 0

    def gap(piece: str) -> None:
        nonlocal out
        for part in re.split(f"([{re.escape(_BREAKS)}.])", piece):
            if part and part in _BREAKS + ".":
                breaks.add(len(out))
            else:
                out += _softened(part)

    for token, then in zip_longest(claims.tokens, claims.tokens[1:]):
        gap(claims.text[at : token.start])
        piece, at = claims.text[token.start : token.end], token.end
        if token.kind is Kind.NUMBER:
            out += f"<{token.value}>"
        elif token.kind in _LITERAL_KINDS:
            out += piece
        elif token.kind is Kind.DEFAULT and (piece != _DATED or _priced(token, then)):
            out = out.removesuffix(_HERE) + _HERE
        else:
            gap(piece)
    gap(claims.text[at:])
    return _Plain(out, frozenset({*breaks, len(out)}))


def _priced(token: Token, then: Token | None) -> bool:
    return then is not None and then.group == "元" and then.start == token.end


@cache
def _soft() -> tuple[re.Pattern[str], dict[str, str]]:
    table = packaged_yaml("faithful.yaml")
    same = {word: line[0] for line in table["same"] for word in line}
    words = sorted(same, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words))), same


def _softened(text: str) -> str:
    pattern, same = _soft()
    return pattern.sub(lambda found: same[found[0]], text)


@cache
def _table(name: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files("livehost.training").joinpath(name).read_text(encoding="utf-8"), Loader=loader)


@cache
def _rules(part: str) -> tuple[_Rule, ...]:
    """The rules of a part, the one with the most words of its own first."""
    rows = sorted(_table("wordings.yaml")[part], key=lambda row: -len(_VALUE.sub("", row["say"])))
    return tuple(
        _Rule(_pattern(row["say"]), tuple({w for key, value in row.items() if key != "say" for w in value}))
        for row in rows
    )


def _pattern(saying: str) -> re.Pattern[str]:
    """`{n}是{k}号` as a pattern; a value named twice is the same."""
    out, at, seen = [], 0, set()
    for match in _VALUE.finditer(saying):
        name = match[1]
        value = f"(?P={name})" if name in seen else f"(?P<{name}>{'[^，。]' if name in _SINGLE else '.'}+?)"
        out += [re.escape(saying[at : match.start()]), value]
        seen.add(name)
        at = match.end()
    return re.compile("".join(out) + re.escape(saying[at:]))


def _wordings(text: str, part: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A saying in its listed wordings, and its values; none where no rule knows it."""
    for rule in _rules(part):
        if match := rule.pattern.fullmatch(text):
            yield from ((wording, match.groupdict()) for wording in rule.wordings)
            return


_Way = tuple[tuple[_Plain, ...], ...]  # for each clause, how it may be said


def _units(sentence: str, phrases: frozenset[str], lexicon: Lexicon) -> Iterator[tuple[_Way, ...]]:
    """The parts of a sentence that are worded by themselves: each way of each."""
    if whole := list(_wordings(sentence, "sayings")):
        yield _ways(sentence, whole, phrases, lexicon)
        return
    for clause in sentence.split("，"):
        if _plain(clause, lexicon).text:
            yield _ways(clause, list(_wordings(clause, "clauses")), phrases, lexicon)


def _ways(
    literal: str, wordings: list[tuple[str, dict[str, str]]], phrases: frozenset[str], lexicon: Lexicon
) -> tuple[_Way, ...]:
    """Wordings with the same values clause by clause are one way: their clauses may be mixed."""
    alike: dict[tuple[tuple[str, ...], ...], list[set[_Plain]]] = {}
    for wording, values in wordings:
        clauses = [c for c in wording.split("，") if "{" in c or _plain(c, lexicon).text not in phrases]
        key = tuple(tuple(_VALUE.findall(clause)) for clause in clauses)
        sets = alike.setdefault(key, [set() for _ in clauses])
        for told, clause in zip(sets, clauses, strict=True):
            told.add(_plain(clause.format(**values), lexicon))
    own = tuple((_plain(clause, lexicon),) for clause in literal.split("，"))
    return (own, *(tuple(tuple(told) for told in sets) for sets in alike.values()))


@lru_cache(maxsize=16)
def _phrases(manner: tuple[str, ...], lexicon: Lexicon) -> frozenset[str]:
    """The phrases of manner, whole, softened as the words are."""
    grammar = _table("ways.yaml").values()
    lines = [line for way in grammar for name in ("openers", "closers") for line in way.get(name, ())]
    lines += [line for way in grammar if "openers" in way for line in way.get("scripts", ())]
    lines += [*packaged_yaml("faithful.yaml")["phrases"], *manner]
    return frozenset(_plain(line, lexicon).text for line in lines if len(line) > 1) - {""}
