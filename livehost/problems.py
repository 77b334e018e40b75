"""What is wrong with a configuration: all of it at once, each with its cause and its mend.

SettingsProblems        holds every Problem found
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic_core import ErrorDetails
from rapidfuzz import process

Tongue = Literal["zh", "en"]
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to mend: where it stands, what is wrong, what to write instead."""

    file: str
    key: str
    message: str
    mend: str
    line: int | None = None

    def __str__(self) -> str:
        """A line for the terminal: place, key, cause, mend."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}  {self.key or '-'}\n    {self.message}\n    → {self.mend}"


class SettingsProblems(Exception):
    """The configuration cannot be used; `problems` says everything that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Said:
    """A cause and its mend, in both of the project's languages."""

    zh: str
    zh_mend: str
    en: str
    en_mend: str


@dataclass
class Findings:
    """Collects problems; knows in which file and line each key stands."""

    file: Path
    tongue: Tongue
    places: Mapping[KeyPath, tuple[Path, int]] = field(default_factory=dict)
    data: Any = None
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: KeyPath, said: Said) -> None:
        """Note a problem at a key; the line is the key's, or its nearest parent's."""
        file, line = self.place(path)
        self.note(file, line, self.dotted(path), said)

    def note(self, file: Path, line: int | None, key: str, said: Said) -> None:
        """Note a problem at a place that is known already."""
        message, mend = (said.zh, said.zh_mend) if self.tongue == "zh" else (said.en, said.en_mend)
        found = Problem(file=file.name, line=line, key=key, message=message, mend=mend)
        if found not in self.problems:
            self.problems.append(found)

    def place(self, path: KeyPath) -> tuple[Path, int | None]:
        """File and line of a key, or of the nearest key above it that is written down."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.file, None

    def dotted(self, path: KeyPath) -> str:
        """The key as people name it: rooms.demo.slots.morning.at (ids instead of positions)."""
        names: list[str] = []
        at: Any = self.data
        for step in path:
            at = _inside(at, step)
            label = str(step)
            if isinstance(step, int) and isinstance(at, dict):
                name = at.get("id") or at.get("name") or at.get("kind")
                label = name if isinstance(name, str) else label
            names.append(label)
        return ".".join(names)

    def raise_if_any(self) -> None:
        """Raise SettingsProblems when something was found, in the files' order."""
        if self.problems:
            raise SettingsProblems(sorted(self.problems, key=lambda p: (p.file, p.line or 0)))


def _inside(at: Any, step: str | int) -> Any:
    if isinstance(at, dict):
        return at.get(step)
    if isinstance(at, list | tuple) and isinstance(step, int) and step < len(at):
        return at[step]
    return None


def meant(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant, or None."""
    best = process.extractOne(word, known, score_cutoff=60)
    return best[0] if best else None


def unknown_word(what: tuple[str, str], word: str, known: Sequence[str]) -> Said:
    """A word that is none of the known ones, with a suggestion; `what` is its kind in zh and en."""
    guess = meant(word, known)
    listed = "、".join(known[:20]) or "（还没有）"
    return Said(
        f"没有叫 {word!r} 的{what[0]}",
        f"是不是 {guess!r}？" if guess else f"可用的有：{listed}",
        f"there is no {what[1]} {word!r}",
        f"did you mean {guess!r}?" if guess else f"known: {', '.join(known[:20]) or 'none yet'}",
    )


def of_validation(error: ErrorDetails, known_keys: Sequence[str]) -> Said:
    """A validation error of the settings models, in plain words and without the value of a secret."""
    limits = error.get("ctx", {})
    name = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "missing":
            return Said(
                f"缺少必填项 {name}", f"加上一行 {name}: …", f"{name} is missing", f"add a line {name}: …"
            )
        case "extra_forbidden":
            guess = meant(name, known_keys)
            return Said(
                f"不认识的配置项 {name}",
                f"是不是 {guess}？" if guess else f"删掉它；这里可写：{'、'.join(known_keys)}",
                f"unknown key {name}",
                f"did you mean {guess}?" if guess else f"remove it; known here: {', '.join(known_keys)}",
            )
        case "literal_error":
            wanted = str(limits.get("expected", ""))
            wanted_zh = wanted.replace(" or ", "、").replace(", ", "、")
            return Said(
                "取值不在允许的范围里",
                f"改成其中之一：{wanted_zh}",
                "the value is not one of those allowed",
                f"write {wanted}",
            )
        case "union_tag_invalid" | "union_tag_not_found":
            kinds = str(limits.get("expected_tags", "")).replace("'", "")
            guess = meant(str(limits.get("tag", "")), kinds.split(", "))
            listed_zh = f"可写：{kinds.replace(', ', '、')}" if kinds else "例如 kind: oba"
            listed = f"known: {kinds}" if kinds else "as kind: oba"
            return Said(
                "来源要写明 kind，而且是认识的一种",
                f"是不是 {guess}？" if guess else listed_zh,
                "a source names its kind, one of those known",
                f"did you mean {guess}?" if guess else listed,
            )
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" | "multiple_of":
            bound = str(next(iter(limits.values()), ""))
            zh = {
                "greater_than": f"要大于 {bound}",
                "greater_than_equal": f"不能小于 {bound}",
                "less_than": f"要小于 {bound}",
                "less_than_equal": f"不能大于 {bound}",
                "multiple_of": f"必须是 {bound} 的倍数",
            }[error["type"]]
            return Said(f"数值{zh}", "改成允许范围内的值", error["msg"], "write a value within the bounds")
        case "string_pattern_mismatch":
            return Said(
                "名称只能用小写字母、数字、- 和 _，以字母或数字开头，最多 48 个字符",
                "换一个名称，例如 tang-morning",
                "a name is 1 to 48 small letters, digits, - and _, a letter or digit first",
                "choose another, as tang-morning",
            )
        case "too_short":
            return Said(
                f"至少要有 {limits.get('min_length', 1)} 项",
                "补上缺的内容",
                f"at least {limits.get('min_length', 1)} entries are needed",
                "add what is missing",
            )
        case kind:
            zh, en = next(
                (said for word, said in _TYPES if kind.startswith(word)), ("正确的类型", "its type")
            )
            return Said(f"格式不对，这里要写{zh}", "改写这个值", error["msg"], f"write {en}")


# beginnings of pydantic's error types -> what is to be written
_TYPES = (
    ("int", ("整数", "a whole number")),
    ("float", ("数字", "a number")),
    ("bool", (" true 或 false", "true or false")),
    ("string", ("文字（像数字的要加引号）", "text (quote what looks like a number)")),
    ("time_delta", ("时长，例如 PT6H（6 小时）", "a duration, as PT6H (6 hours)")),
    ("datetime", ("日期时间，例如 2026-12-01T08:00:00+08:00", "an instant, as 2026-12-01T08:00:00+08:00")),
    ("date", ("日期，例如 2026-12-01", "a date, as 2026-12-01")),
    ("time", ("时间，例如 06:00", "a time, as 06:00")),
    ("tuple", ("列表，每项一行，以 - 开头", "a list, each entry on a line that begins with -")),
    ("model", ("一组“键: 值”", "keys with values")),
    ("dict", ("一组“键: 值”", "keys with values")),
    ("path", ("路径", "a path")),
)
