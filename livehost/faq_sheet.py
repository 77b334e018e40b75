"""Entries as text to paste and to export: `关键词1、关键词2 => 回答1 | 回答2`, CSV, or cells of a spreadsheet.

In a cell, groups of keywords are parted by 、 and the words of a group joined by +; questions and answers
are parted by |. A table may begin with a row of headings; without one its columns are keywords, answers,
scope and cool-down.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_ROWS = 1000
_ARROW = re.compile(r"\s*(?:=|＝)(?:>|＞)\s*|\s*[→⇒]\s*")
_HEADINGS = {
    "id": ("id", "编号"),
    "keywords": ("keywords", "关键词", "关键字"),
    "questions": ("questions", "问法", "问题"),
    "answers": ("answers", "回答", "答案", "话术"),
    "scope": ("scope", "范围"),
    "cool_down_s": ("cool_down_s", "冷却", "冷却秒", "冷却(秒)"),
    "enabled": ("enabled", "启用"),
}
COLUMNS = tuple(_HEADINGS)
_PLAIN = ("keywords", "answers", "scope", "cool_down_s")
_NO = ("0", "否", "停用", "no", "false", "n")
_FORMULA = ("=", "+", "-", "@", "'")


@dataclass(frozen=True)
class Row:
    """A pasted row: its line, the fields found in it, or why it cannot be read."""

    line: int
    fields: Mapping[str, Any]
    problem: str = ""


def read(text: str) -> list[Row]:
    """The rows of a pasted text, at most `MAX_ROWS`; never raises on any text."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    rows = _lines(text) if any(_ARROW.search(line) for line in text.split("\n")) else _cells(text)
    kept: list[Row] = []
    for row in rows:
        if len(kept) == MAX_ROWS:
            kept.append(Row(row.line, {}, f"一次最多 {MAX_ROWS} 条 / at most {MAX_ROWS} at once"))
            break
        kept.append(row)
    return kept


def _lines(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = _ARROW.split(line, maxsplit=1)
        if len(parts) != 2:
            yield Row(
                number, {}, "这一行没有 =>；写成：关键词 => 回答 / write keywords => answer on each line"
            )
        else:
            yield Row(number, _fields({"keywords": parts[0], "answers": parts[1]}))


def _cells(text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in text else ",")
    columns: tuple[str, ...] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(reader.line_num, {}, f"表格读不懂：{error} / not a table: {error}")
            return
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            headings = _headings(cells)
            columns = headings or _PLAIN
            if headings:
                continue
        found = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
        if len(cells) < 2:
            yield Row(
                reader.line_num,
                {},
                "只有一列；要有关键词和回答 / one column: keywords and answers are needed",
            )
        else:
            yield Row(reader.line_num, _fields(found))


def _headings(cells: Iterable[str]) -> tuple[str, ...] | None:
    """The columns that a row of headings names (an unknown one is empty); None: it is no such row."""
    names = tuple(
        next((field for field, known in _HEADINGS.items() if cell.strip().lower() in known), "")
        for cell in cells
    )
    return names if "answers" in names and ("keywords" in names or "questions" in names) else None


def _fields(cells: Mapping[str, str]) -> dict[str, Any]:
    """The cells of a row as an entry's fields; empty cells are left out."""
    found: dict[str, Any] = {}
    for name, cell in cells.items():
        value = _safe_back(cell.strip())
        if not value:
            continue
        match name:
            case "keywords":
                groups = (re.split(r"[+＋]", group) for group in re.split(r"[、,，;；|｜\n]", value))
                found[name] = [kept for group in groups if (kept := [w.strip() for w in group if w.strip()])]
            case "questions" | "answers":
                found[name] = [part.strip() for part in re.split(r"[|｜\n]", value) if part.strip()]
            case "enabled":
                found[name] = value.lower() not in _NO
            case _:
                found[name] = value
    return found


def write(entries: Iterable[Mapping[str, Any]], *, delimiter: str = ",") -> str:
    """Entries as a table with headings, as `read` takes them again; a byte order mark is for Excel."""
    out = io.StringIO(newline="")
    table = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    table.writerow(_HEADINGS[name][-1 if name in ("id", "enabled", "scope") else 1] for name in COLUMNS)
    for entry in entries:
        table.writerow(_safe(_cell(name, entry.get(name))) for name in COLUMNS)
    return "\ufeff" + out.getvalue()


def _cell(name: str, value: Any) -> str:
    match name:
        case "keywords":
            return "、".join("+".join(group) for group in value or ())
        case "questions" | "answers":
            return " | ".join(value or ())
        case "enabled":
            return "否" if value is False else "是"
        case "cool_down_s":
            return f"{value or 0:g}"
        case _:
            return str(value or "")


def _safe(cell: str) -> str:
    """A cell that a spreadsheet takes for a formula, as plain text."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _safe_back(cell: str) -> str:
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in _FORMULA else cell
