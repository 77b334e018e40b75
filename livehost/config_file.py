"""Reads the YAML of a configuration: where each key stands, `${ENV}` filled in, `include` followed.

The dialect is YAML 1.2's core: `06:00` and `12:00` are text (YAML 1.1 takes the second for the
number 720), `on` and `no` are text, a key that stands twice is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from livehost.problems import Findings, KeyPath, Said

LISTS = ("rooms", "personas", "rundowns")
_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class _Loader(yaml.SafeLoader):
    """The safe loader with the core schema's scalars; dates and times stay text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (as in PyYAML)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def read_file(file: Path, findings: Findings, env: Mapping[str, str]) -> Any:
    """The file's content with its includes, variables filled in; what is wrong goes to `findings`."""
    places: dict[KeyPath, tuple[Path, int]] = {}
    findings.places = places
    data = _one(file, (), places, findings)
    findings.data = data
    if isinstance(data, dict):
        _follow(file, data, places, findings)
    return _filled(data, (), findings, env)


def _one(file: Path, at: KeyPath, places: dict[KeyPath, tuple[Path, int]], findings: Findings) -> Any:
    """A single file's content; its keys' places are noted under `at`."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        findings.note(
            file, None, "", Said("文件不是 UTF-8 编码", "另存为 UTF-8", "not UTF-8", "save it as UTF-8")
        )
        return None
    except (OSError, ValueError) as error:  # a ValueError: no name that a file can have
        cause = getattr(error, "strerror", None) or str(error)
        findings.note(
            file,
            None,
            "",
            Said(
                f"读不了配置文件：{cause}",
                "检查路径和权限",
                f"the file cannot be read: {cause}",
                "check its path and permissions",
            ),
        )
        return None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _walk(node, at, file, places, findings, ())
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # the last two: endless numbers, nesting
        findings.note(file, _line_of(error), "", _syntax(error))
        return None


def _walk(
    node: yaml.Node,
    at: KeyPath,
    file: Path,
    places: dict[KeyPath, tuple[Path, int]],
    findings: Findings,
    above: tuple[yaml.Node, ...],
) -> None:
    """Note the line of every key, and the keys that stand twice."""
    if node in above:
        raise yaml.constructor.ConstructorError(None, None, "an alias holds itself", node.start_mark)
    places.setdefault(at, (file, node.start_mark.line + 1))
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen and name != "<<":
                findings.note(
                    file,
                    line,
                    ".".join(str(step) for step in (*at, name)),
                    Said(f"{name} 写了两次", "只留一个", f"{name} stands twice", "keep one of them"),
                )
            seen.add(name)
            places[(*at, name)] = (file, line)
            _walk(value, (*at, name), file, places, findings, (*above, node))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*at, index), file, places, findings, (*above, node))


def _follow(
    file: Path, data: dict[str, Any], places: dict[KeyPath, tuple[Path, int]], findings: Findings
) -> None:
    """Append the rooms, personas and rundowns of the files named under `include`."""
    wanted = data.pop("include", [])
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        findings.add(
            ("include",),
            Said(
                "include 要写成文件名列表",
                "例如 include: [a.yaml]",
                "include is a list of files",
                "as [a.yaml]",
            ),
        )
        return
    for name in wanted:
        part_places: dict[KeyPath, tuple[Path, int]] = {}
        part_file = file.parent / name
        part = _one(part_file, (), part_places, findings)
        if not isinstance(part, dict):
            continue
        for key, items in part.items():
            if key not in LISTS or not isinstance(items, list):
                findings.note(
                    part_file,
                    part_places.get((key,), (part_file, None))[1],
                    str(key),
                    Said(
                        f"被引用的文件里只能写 {'、'.join(LISTS)} 列表",
                        "把这一项移到主配置文件",
                        f"an included file holds lists of {', '.join(LISTS)} only",
                        "move this to the main file",
                    ),
                )
                continue
            own = data.setdefault(key, [])
            if not isinstance(own, list):
                continue
            shift = len(own)
            own.extend(items)
            for path, place in part_places.items():
                if len(path) > 1 and path[0] == key and isinstance(path[1], int):
                    places[(key, path[1] + shift, *path[2:])] = place


def _filled(value: Any, at: KeyPath, findings: Findings, env: Mapping[str, str]) -> Any:
    """The value with `${NAME}` and `${NAME:-default}` replaced; `$${` stands for `${`."""
    if isinstance(value, dict):
        return {key: _filled(inner, (*at, str(key)), findings, env) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, (*at, index), findings, env) for index, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def variable(found: re.Match[str]) -> str:
        escaped, name, default = found.groups()
        if escaped:
            return found.group(0)[1:]
        if name in env and (env[name] or default is None):
            return env[name]
        if default is not None:
            return str(default)
        findings.add(
            at,
            Said(
                f"环境变量 {name} 没有设置",
                f"先 export {name}=…，或者写成 ${{{name}:-默认值}}",
                f"the environment variable {name} is not set",
                f"export {name}=…, or write ${{{name}:-default}}",
            ),
        )
        return ""

    return _VARIABLE.sub(variable, value)


def _line_of(error: Exception) -> int | None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return None if mark is None else int(mark.line) + 1


def _syntax(error: Exception) -> Said:
    cause = str(getattr(error, "problem", None) or error).splitlines()[0]
    hint_zh, hint_en = (
        "检查这一行和上一行的缩进、冒号和引号",
        "look at indentation, colons and quotes here and above",
    )
    if "\\t" in cause:
        hint_zh, hint_en = "缩进请用空格，不要用 Tab", "indent with spaces, not tabs"
    elif "：" in str(getattr(error, "problem_mark", "")):
        hint_zh, hint_en = "冒号请用英文半角 : 并在后面空一格", "use an ASCII colon and a space after it"
    return Said(f"YAML 语法错误：{cause}", hint_zh, f"YAML syntax: {cause}", hint_en)
