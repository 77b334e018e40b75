"""What is wrong with a catalogue: where, what, and the mend, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from livehost.problems import KeyPath, Said, meant, of_validation

_BETWEEN = " / "


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and what to do about it.

    `message` and `mend` are Chinese, then English after ` / `. `line` counts from 1, where a file is read.
    """

    file: str
    field: str
    message: str
    mend: str
    path: KeyPath = ()
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}；{self.mend}"

    @property
    def said(self) -> Said:
        """The same, each language by itself."""
        (zh, en), (zh_mend, en_mend) = _halves(self.message), _halves(self.mend)
        return Said(zh, zh_mend, en, en_mend)


class CatalogProblems(ValueError):
    """Everything that is wrong with a catalogue."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


_MONEY = Said(
    "不是金额", '写成以元为单位的数，加引号，例如 "59.00"',
    "it is no amount of money", 'write yuan as a decimal string, like "59.00"',
)  # fmt: skip
_INSTANT = Said(
    "不是时间", "写成 2026-12-31T23:59:59+08:00，或只写日期",
    "it is no instant", "write 2026-12-31T23:59:59+08:00, or a date alone",
)  # fmt: skip
_DATE = Said("不是日期", "写成 2027-03-01", "it is no date", "write it as 2027-03-01")
_SAID = {
    "decimal_parsing": _MONEY,
    "decimal_type": _MONEY,
    "decimal_max_places": Said(
        "金额最多两位小数", "四舍五入到分", "an amount has two decimal places at most", "round it"
    ),
    "datetime": _INSTANT,
    "date": _DATE,
}
_MENDS = {
    "compare_price": ("改高一些，或者写 list_price: false", "raise it, or write list_price: false"),
    "coupon_amount": ("改低一些，或者提高门槛", "lower it, or raise the threshold"),
    "unseen_character": ("删掉这个字符", "delete that character"),
}
_TAGS = ("function-", "literal[", "date", "bool")  # pydantic's names for the ways to read a value


def problems_of(error: ValidationError, file: str, where: str, at: KeyPath = ()) -> list[Problem]:
    """The problems of one model, named by file and field; `at` is where the model stands in the file."""
    seen: dict[tuple[str, ...], Problem] = {}
    for item in error.errors(include_url=False, include_input=False):
        steps = [str(step) for step in item["loc"]]
        path = tuple(s for s in steps if not s.startswith(_TAGS) and not s[:1].isupper())
        said = _said(item, path)
        named = where + ".".join(path)
        problem = Problem(
            file, named, f"{said.zh}{_BETWEEN}{said.en}", f"{said.zh_mend}{_BETWEEN}{said.en_mend}",
            (*at, *item["loc"]),
        )  # fmt: skip
        seen.setdefault(path, problem)
    return [one for path, one in seen.items() if not _is_in_part(path, seen)]


def _is_in_part(path: tuple[str, ...], seen: Iterable[tuple[str, ...]]) -> bool:
    """Whether a part of that value is told of: that the whole is not `false` either says nothing."""
    return any(len(one) > len(path) and one[: len(path)] == path for one in seen)


def _said(error: ErrorDetails, path: tuple[str, ...]) -> Said:
    kind, limits = error["type"], error.get("ctx", {})
    name = path[-1] if path else ""
    if kind in _MENDS:
        (zh, en), (zh_mend, en_mend) = _halves(error["msg"]), _MENDS[kind]
        return Said(zh, zh_mend, en, en_mend)
    if kind == "extra_forbidden":
        guess = meant(name, _fields()) if len(path) == 1 else None
        return Said(
            f"不认识的字段 {name}", f"是不是 {guess}？" if guess else "删掉它，或者改成目录格式里的写法",
            f"unknown field {name}", f"did you mean {guess}?" if guess else "remove it, or spell it as the format does",
        )  # fmt: skip
    if kind == "literal_error":
        wanted = str(limits.get("expected", ""))
        listed = wanted.replace(" or ", "、").replace(", ", "、")
        return Said(
            f"只能是 {listed}",
            "改成其中之一",
            f"it is one of {wanted}",
            "use one of the values that it names",
        )
    if kind == "string_too_long":
        most = limits.get("max_length")
        return Said(f"太长，最多 {most} 个字", "写短一点", f"longer than {most} characters", "shorten it")
    for beginning, said in _SAID.items():
        if kind.startswith(beginning):
            return _DATE if said is _INSTANT and name == "restock" else said
    return of_validation({**error, "loc": path}, ())


def _fields() -> list[str]:
    from livehost.catalog import Product  # the catalogue is written on top of this

    return list(Product.model_fields)


def _halves(text: str) -> tuple[str, str]:
    zh, between, en = text.partition(_BETWEEN)
    return (zh, en) if between else (text, text)


def located(problems: Iterable[Problem], text: str) -> list[Problem]:
    """The problems with the lines at which they stand in a YAML text, in that order."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = [replace(one, line=_line(root, one.path)) for one in problems]
    return sorted(found, key=lambda one: one.line or 0)


def _line(node: yaml.Node | None, path: KeyPath) -> int | None:
    """The line of a key, or of the nearest one above it that is written down."""
    line = None if node is None else node.start_mark.line + 1
    for step in path:
        for key, value in _parts(node):
            if step == key or str(step) == _id(value):
                node, line = value, _begins(node, key, value)
    return line


def _parts(node: yaml.Node | None) -> Iterator[tuple[str | int, yaml.Node]]:
    match node:
        case yaml.MappingNode():
            yield from ((str(key.value), value) for key, value in list(node.value))
        case yaml.SequenceNode():
            yield from enumerate(list(node.value))


def _id(node: yaml.Node) -> str | None:
    return next((str(value.value) for key, value in _parts(node) if key == "id"), None)


def _begins(parent: yaml.Node | None, key: str | int, value: yaml.Node) -> int:
    if isinstance(parent, yaml.MappingNode):
        return next(int(one.start_mark.line) + 1 for one, _ in parent.value if str(one.value) == key)
    return int(value.start_mark.line) + 1
