"""The phrase file: groups of words and patterns that operators edit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from livehost.chinese import folded
from livehost.compliance.disguise import Sounds
from livehost.compliance.normalise import NUMERALS, in_characters

_PLACES = {
    "{N}": r"(?:\d+|[零〇一二两三四五六七八九十百千万几半数]+)",
    "{U}": r"(?:单|件|瓶|盒|份|套|个名额|个|组|支|箱|波|批|包|罐|袋|条|双|把|台|名额|席|位|本|桶|提)",
    "{D}": r"[a-z_]{0,6}\d{5,12}",
}


class PhraseProblems(ValueError):
    """A phrase file that cannot be used: everything that is wrong with it."""


class Group(BaseModel):
    """Words and patterns of one kind, and what follows when one is met."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    verdict: Literal["review", "block"]
    categories: Literal["all"] | tuple[str, ...] = "all"
    why: str
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    excepted: tuple[str, ...] = Field((), alias="except")
    unless: tuple[str, ...] = ()
    denial: bool = True

    @field_validator("patterns", "excepted", "unless")
    @classmethod
    def _compiles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            try:
                re.compile(_placed(pattern))
            except re.error as error:
                raise ValueError(f"{pattern} is no regular expression: {error}") from error
        return value

    def covers(self, category: str) -> bool:
        """Whether this group holds for a product's category."""
        return self.categories == "all" or category in self.categories

    @cached_property
    def expressions(self) -> tuple[re.Pattern[str], ...]:
        """Its patterns as one expression, and its words as another."""
        return tuple(one for one in (_either(self.patterns), self.words_only) if one is not None)

    @cached_property
    def exceptions(self) -> re.Pattern[str] | None:
        """All exceptions as one expression."""
        return _either(self.excepted)

    @cached_property
    def harmless_near(self) -> re.Pattern[str] | None:
        """What makes a hit near it none, as one expression."""
        return _either(self.unless)

    @cached_property
    def sounds(self) -> Sounds:
        """Its words by how they sound."""
        return Sounds.of(self.words)

    @cached_property
    def listed(self) -> frozenset[str]:
        """Its words, folded."""
        return frozenset(folded(w) for w in self.words)

    @cached_property
    def words_only(self) -> re.Pattern[str] | None:
        """Its words as one expression, their characters repeated at will."""
        return _any_of(self.listed)

    @cached_property
    def words_counted(self) -> re.Pattern[str] | None:
        """Its words that hold a number, with digits as Chinese characters."""
        turned = {in_characters(word) for word in self.listed}
        return _any_of(word for word in turned if set(word) & NUMERALS)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    families: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    groups: tuple[Group, ...]

    @model_validator(mode="before")
    @classmethod
    def _spelt_out(cls, data: Any) -> Any:
        """Patterns with the families that they name written out; a family may name those above it."""
        if not isinstance(data, dict) or not isinstance(data.get("families"), dict):
            return data
        known: dict[str, str] = {}
        for name, words in data["families"].items():
            if isinstance(words, list):
                known[f"{{{name}}}"] = f"(?:{'|'.join(_spelt(str(word), known) for word in words)})"
        groups = data.get("groups")
        if not isinstance(groups, list):
            return data
        return data | {"groups": [_group_spelt(one, known) for one in groups]}


def _group_spelt(group: Any, known: dict[str, str]) -> Any:
    if not isinstance(group, dict):
        return group
    return group | {
        key: [_spelt(one, known) if isinstance(one, str) else one for one in group[key]]
        for key in ("patterns", "except", "unless")
        if isinstance(group.get(key), list)
    }


def _spelt(pattern: str, known: dict[str, str]) -> str:
    for name, words in known.items():
        pattern = pattern.replace(name, words)
    if left := re.search(r"\{[A-Z_]{2,}\}", pattern):
        raise ValueError(f"{pattern} names {left[0]}, which is no family above it")
    return pattern


@dataclass(frozen=True)
class Phrases:
    """All groups of a phrase file."""

    groups: tuple[Group, ...]

    @classmethod
    def parse(cls, text: str, file: str) -> Phrases:
        """Read the text of a phrase file; raises PhraseProblems with all that is wrong."""
        try:
            data: Any = yaml.safe_load(text)
            return cls(_File.model_validate(data).groups)
        except yaml.YAMLError as error:
            raise PhraseProblems(f"{file}: 不是 YAML / is not YAML: {error}") from error
        except ValidationError as error:
            lines = [
                f"{file}: {'.'.join(map(str, e['loc']))}: {e['msg']}; write it as the file's head says"
                for e in error.errors(include_url=False)
            ]
            raise PhraseProblems("\n".join(lines)) from error


@cache
def packaged() -> Phrases:
    """The phrases that come with the package; raises PhraseProblems with all that is wrong."""
    try:
        text = files("livehost.compliance").joinpath("phrases.yaml").read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PhraseProblems("phrases.yaml: 请存成 UTF-8 / save it as UTF-8") from error
    return Phrases.parse(text, "phrases.yaml")


def _either(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{_placed(p)})" for p in patterns)) if patterns else None


def _any_of(words: Iterable[str]) -> re.Pattern[str] | None:
    ordered = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(_repeated, ordered))) if ordered else None


def _repeated(word: str) -> str:
    """治愈 → 治+愈+; 拼多多 → 拼+多{2,}."""
    runs = [(run[0][0], len(run[0])) for run in re.finditer(r"(.)\1*", word)]
    return "".join(re.escape(char) + ("+" if size == 1 else f"{{{size},}}") for char, size in runs)


def _placed(pattern: str) -> str:
    for place, meaning in _PLACES.items():
        pattern = pattern.replace(place, meaning)
    return pattern
