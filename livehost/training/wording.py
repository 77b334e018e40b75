"""The rewording grammar: what a saying of the deterministic path sounds like in other words.

`worded` turns unstyled sentences (`core`) into a target: neutral, or a persona's way. Which wording
is taken hangs on one character of what was asked, so that a model can learn the choice instead of
guessing; every value and every negation of the core stands in the target literally.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

PLAIN = "plain"
_DELICATE = re.compile(
    r"医生|停用|就医|不适|缺货|药|过敏|孕|哺乳|客服|不发|不支持|没有|请勿|不要|AI|真人|12岁|儿童|婴"
)
_VALUE = re.compile(r"\{(\w+)\}")
_SINGLE = frozenset("nkjpqsd")


@dataclass(frozen=True)
class Way:
    """A persona's way of speaking: what stands before, after and within its sentences."""

    name: str
    openers: tuple[str, ...] = ()
    closers: tuple[str, ...] = ()
    particles: tuple[str, ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()
    scripts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rule:
    """A saying's pattern and its wordings by the way of speaking."""

    pattern: re.Pattern[str]
    wordings: dict[str, tuple[str, ...]]


@cache
def _table(name: str) -> Any:
    return yaml.safe_load(files("livehost.training").joinpath(name).read_text(encoding="utf-8"))


@cache
def ways() -> dict[str, Way]:
    """The ways of speaking by name: the base's `plain` and each persona's."""
    rows = _table("ways.yaml")
    return {
        name: Way(
            name,
            tuple(row.get("openers", ())),
            tuple(row.get("closers", ())),
            tuple(row.get("particles", ())),
            tuple((a, b) for a, b in row.get("swaps", ())),
            tuple(row.get("scripts", ())),
        )
        for name, row in rows.items()
    }


@cache
def _rules(part: str) -> tuple[_Rule, ...]:
    """The rules of a part, the one with the most words of its own first."""
    rows = sorted(_table("wordings.yaml")[part], key=lambda row: -len(_VALUE.sub("", row["say"])))
    return tuple(
        _Rule(_pattern(row["say"]), {key: tuple(value) for key, value in row.items() if key != "say"})
        for row in rows
    )


def _pattern(saying: str) -> re.Pattern[str]:
    """`{n}是{k}号` as a pattern; a value named twice is the same, a single one spans no clauses."""
    out, at, seen = [], 0, set()
    for match in _VALUE.finditer(saying):
        out.append(re.escape(saying[at : match.start()]))
        name = match[1]
        out.append(
            f"(?P={name})" if name in seen else f"(?P<{name}>{'[^，。]' if name in _SINGLE else '.'}+?)"
        )
        seen.add(name)
        at = match.end()
    return re.compile("".join(out) + re.escape(saying[at:]))


def worded(core: str, *, question: str, way: Way, rng: random.Random, delicate_of: str | None = None) -> str:
    """What is said for `core`: its sentences in the way's words, an opener or a closer at times.

    `delicate_of` is the core with its values, where `core` has slots in their place: no closer
    follows what is delicate.
    """
    first, last = _choice(question, core)
    sentences = [s for s in core.rstrip("。").split("。") if s]
    said = [_sentence(s, way, last + i, rng) for i, s in enumerate(sentences)]
    text = "。".join(said)
    delicate = bool(_DELICATE.search(delicate_of or core))
    before, after = "", ""
    if way.openers and first % 4 != 3:
        before = way.openers[first % len(way.openers)] + "，"
        if any(
            w in text for w in ("是这样的", "跟您说", "跟你说", "且听", "说与", "给您", "您听", before[:2])
        ):
            before = ""
    if way.closers and not delicate and len(core) < 70 and (last % 3 == 0 or (not before and last % 3 == 1)):
        after = "。" + way.closers[last % len(way.closers)]
    return f"{before}{text}{after}。"


def script_worded(core: str, *, way: Way) -> str:
    """A script's wording said anew: its words stay, turned to the way's address and particles."""
    first, last = _choice(core, core)
    sentences = re.split(r"(?<=[。！？!?])", core.strip())
    said = [_swapped(s, way) for s in sentences if s]
    if way.particles and said:
        at = last % len(said)
        said[at] = _with_particle(said[at], way, last)
    text = "".join(said)
    if way.scripts and first % 2 == 0 and not any(text.startswith(s[:2]) for s in way.scripts):
        text = f"{way.scripts[first % len(way.scripts)]}，{text}"
    return text.rstrip("。.") + "。" if text[-1] not in "！？!?" else text


def _choice(question: str, core: str) -> tuple[int, int]:
    """Two numbers that hang on the first and the last written character of what was asked."""
    written = [c for c in question if c.isalnum()] or [c for c in core if c.isalnum()] or ["一"]
    return ord(written[0]), ord(written[-1])


def _sentence(sentence: str, way: Way, choice: int, rng: random.Random) -> str:
    for rule in _rules("sayings"):
        if match := rule.pattern.fullmatch(sentence):
            return _say(rule.wordings, match.groupdict(), way, choice, rng)
    clauses = sentence.split("，")
    parts = [_clause(c, way, choice + i, rng) for i, c in enumerate(clauses)]
    if all(p is not None for p in parts):
        return "，".join(p for p in parts if p is not None)
    return _say(_table("wordings.yaml")["verbatim"], {"x": sentence}, way, choice, rng)


def _clause(clause: str, way: Way, choice: int, rng: random.Random) -> str | None:
    for rule in _rules("clauses"):
        if match := rule.pattern.fullmatch(clause):
            return _say(rule.wordings, match.groupdict(), way, choice, rng)
    return None


def _say(wordings: dict[str, Any], values: dict[str, str], way: Way, choice: int, rng: random.Random) -> str:
    options = wordings.get(way.name) or wordings[PLAIN]
    number = choice if rng.random() < 0.9 else rng.randrange(len(options))
    return str(options[number % len(options)]).format(**values)


def _swapped(text: str, way: Way) -> str:
    for old, new in way.swaps:
        text = text.replace(old, new)
    return text


def _with_particle(sentence: str, way: Way, choice: int) -> str:
    """A particle before the sentence's end mark, unless there is one."""
    body = sentence.rstrip("。！？!?")
    end = sentence[len(body) :]
    if end not in ("", "。") or not body or body[-1] in "呀哦啦呢吧哈吗啊的了哉矣么" or not _is_han(body[-1]):
        return sentence
    return body + way.particles[choice % len(way.particles)] + end


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"
