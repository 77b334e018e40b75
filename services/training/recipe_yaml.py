"""Reads a recipe's keys and the lines they stand on.

Numbers are those of YAML 1.2's core schema: `2e-4` is a number (YAML 1.1 takes it for text), `no` and `on`
are text, and so is `true`: a switch understands all of them, a number none. Anchors and aliases are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from services.lora.plain import read_plain
from services.training.recipe_problems import Findings, RecipeProblems
from services.training.samples import text_of

MAX_BYTES = 1 << 20
FULL_WIDTH = "：，＝"


class _Loader(yaml.SafeLoader):
    """The safe loader with the core schema's scalars and without aliases."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (as in PyYAML)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            told, mark = "aliases (*) are not read here, write the value out", event.start_mark
            raise yaml.composer.ComposerError(None, None, told, mark)  # type: ignore[arg-type]
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # 007 is seven, where YAML 1.1 reads octal digits


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


@dataclass
class Keys:
    """A recipe's keys as they are written, each with its value and its place (`recipe.yaml:5`)."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def read_keys(path: Path) -> tuple[Keys, list[str]]:
    """The keys of a recipe's file, and what is wrong with single ones (the others are read all the same).

    Raises:
        RecipeProblems: the file cannot be read, or is not YAML of `key: value` lines.
    """
    text = _text(path)
    keys = Keys()
    findings = Findings(path, keys.places)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise RecipeProblems([_no_keys(path, text)])
        for key, value in node.value:
            _pair(loader, key, value, keys, findings)
    except (yaml.YAMLError, RecursionError) as error:
        raise RecipeProblems([_syntax(path, text, error)]) from error
    return keys, findings.problems


def read_value(text: str) -> Any:
    """A value as YAML has it, of a command line's `key=value`.

    Raises:
        ValueError: it is not YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except Exception as error:  # PyYAML raises anything where a value is none of its tag's
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def _pair(loader: _Loader, key: yaml.Node, value: yaml.Node, keys: Keys, findings: Findings) -> None:
    place = f"{findings.file}:{key.start_mark.line + 1}"
    if not isinstance(key, yaml.ScalarNode):
        findings.say(f"{place}: 键要写成文字 / a key must be plain text")
        return
    name = str(key.value)
    if name in keys.places:
        findings.say(
            f"{place}: {name[:60]}: 写了两次（{keys.places[name]} 已有），只留一个 / "
            f"stands twice (at {keys.places[name]} too); keep one"
        )
        return
    keys.places[name] = place
    try:
        keys.values[name] = loader.construct_object(value, deep=True)
    except Exception as error:  # PyYAML raises anything where a value is none of its tag's (month 99)
        told = " ".join(str(error).split())[:120] or type(error).__name__
        findings.note(name, f"值读不懂（{told}）", f"the value cannot be read ({told}); write it plainly")


def _text(path: Path) -> str:
    try:
        return text_of(read_plain(path, max_bytes=MAX_BYTES))
    except UnicodeDecodeError as error:
        told = "不是文字文件，请另存为 UTF-8 / is no text; save it as UTF-8"
        raise RecipeProblems([f"{path}: {told}"]) from error
    except OSError as error:
        told = f"读不了这个文件（{error.strerror}），请检查路径 / cannot be read ({error.strerror}); name a recipe"
        raise RecipeProblems([f"{path}: {told}"]) from error
    except ValueError as error:
        raise RecipeProblems([f"{path}: 不是训练配方文件 / {error}"]) from error


def _no_keys(path: Path, text: str) -> str:
    if any(mark in text for mark in FULL_WIDTH):
        return (
            f"{path}: 没有 `key: value`；冒号请用英文半角 : 并在后面空一格 / "
            "holds no keys; use an ASCII colon and a space after it"
        )
    return (
        f"{path}: 里面没有 `key: value`，例子见 configs/train / holds no keys; see configs/train for examples"
    )


def _syntax(path: Path, text: str, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    cause = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
    lines = text.splitlines()
    number = min(mark.line + 1, len(lines)) if mark is not None and lines else None
    near = "".join(lines[max(0, number - 2) : number]) if number else ""
    if any(sign in near for sign in FULL_WIDTH):
        zh, en = "冒号请用英文半角 : 并在后面空一格", "use an ASCII colon and a space after it"
    elif "\t" in near:
        zh, en = "缩进请用空格，不要用 Tab", "indent with spaces, not tabs"
    else:
        zh, en = (
            "检查这一行和上一行的缩进、冒号和引号",
            "look at indentation, colons and quotes here and above",
        )
    at = f"{path}:{number}" if number else f"{path}"
    return f"{at}: YAML 语法错误：{cause}；{zh} / not YAML: {cause}; {en}"
