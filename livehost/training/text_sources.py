"""A persona's texts as people keep them: `.txt` of lines, `.csv`, `.jsonl`; read, never written.

A text is a line, or a question with its answer; a row that is already a sample stays one. Whatever is
wrong with a row is told with file and line, and the row is left out.

TextProblems    nothing can be built; holds every problem
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.training.samples import MAX_LINE_CHARS, Sample, samples_of_line, text_of

SUFFIXES = (".txt", ".csv", ".tsv", ".jsonl")
MAX_FILE_BYTES = 256 << 20
MAX_CHARS = 600
_QUESTION = ("question", "q", "问", "问题", "提问", "用户", "instruction", "ask")
_ANSWER = ("answer", "a", "答", "回答", "答案", "回复", "话术", "output", "reply")
_LINE = ("line", "text", "台词", "文案", "内容", "句子", "话", "script", "content", "sentence")
_PRODUCT = ("product", "商品", "商品名", "链接", "link", "sku", "goods")
_ASKED = re.compile(r"^\s*(?:问|q|Q|用户|观众)\s*[:：]\s*(.+)$")
_ANSWERED = re.compile(r"^\s*(?:答|a|A|主播)\s*[:：]\s*(.+)$")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class TextProblems(Exception):
    """No data set can be built; `problems` has a sentence for each cause."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Text:
    """One thing that a persona says: a line (no question), or an answer to a question.

    `product` is what its row names: an id, a link's number or a name. `sample` is set where the row is
    a sample already.
    """

    file: str
    line: int
    target: str
    question: str = ""
    product: str = ""
    sample: Sample | None = None

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Unusable:
    """A row that cannot be used, and why (one sentence, Chinese first)."""

    file: str
    line: int
    why: str
    text: str = ""


def source_files(sources: Sequence[Path]) -> list[Path]:
    """The text files of some files and folders, in their names' order.

    Raises:
        TextProblems: a source is missing, a folder cannot be read, or a file is of a kind that is not read.
    """
    files: list[Path] = []
    problems: list[str] = []
    for source in sources:
        if os.path.isdir(source):
            locked: list[OSError] = []
            found = sorted(_below(source, locked.append))
            problems += [
                f"{error.filename}：读不了（{error.strerror}），请开放权限，或把它移走 / cannot be read "
                f"({error.strerror}); mend its permissions, or move it away"
                for error in locked
            ]
            if not found and not locked:
                problems.append(
                    f"{source}：没有 {'、'.join(SUFFIXES)} 文件 / holds no such files; put the texts there"
                )
            files += found
        elif not os.path.exists(source):
            problems.append(f"{source}：不存在，请改路径 / does not exist; mend the path")
        elif source.suffix.lower() not in SUFFIXES:
            problems.append(f"{source}：只读 {'、'.join(SUFFIXES)} / is none of these kinds; convert it")
        else:
            files.append(source)
    if not sources:
        problems.append("没有指明文本 / no texts are named")
    if problems:
        raise TextProblems(problems)
    return list(dict.fromkeys(files))


def _below(folder: Path, locked: Callable[[OSError], None]) -> Iterator[Path]:
    """The text files below a folder; `locked` takes the refusals of folders that cannot be read."""
    for at, _, names in os.walk(folder, onerror=locked):
        for name in names:
            path = Path(at, name)
            if path.suffix.lower() in SUFFIXES and os.path.isfile(path):
                yield path


def read_texts(path: Path) -> Iterator[Text | Unusable]:
    """The texts of a file in its order, and its rows that cannot be used."""
    name = path.name
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            yield Unusable(name, 0, "文件超过 256 MB，请拆开 / the file is over 256 MB; split it")
            return
        data = path.read_bytes()
        text = text_of(data)
    except UnicodeDecodeError:
        yield Unusable(
            name,
            0,
            "编码不是 UTF-8 或 GB18030，请另存为 UTF-8 / the file is neither UTF-8 nor GB 18030; save it as UTF-8",
        )
        return
    except OSError as error:
        yield Unusable(
            name, 0, f"文件读不了（{error.strerror}） / the file cannot be read ({error.strerror})"
        )
        return
    if len(_CONTROL.findall(text[:4096])) > len(text[:4096]) // 20:
        yield Unusable(name, 0, "不是文本文件 / is not a text file")
        return
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    match path.suffix.lower():
        case ".jsonl":
            rows = _json_rows(name, text)
        case ".csv" | ".tsv":
            rows = _table_rows(name, text)
        case _:
            rows = _lines(name, text)
    for row in rows:
        yield _checked(row) if isinstance(row, Text) else row


def _checked(text: Text) -> Text | Unusable:
    """The text, unless it is empty, too long or holds control characters."""
    said = text.target + text.question
    why = ""
    if not text.target.strip() or not any(c.isalnum() for c in text.target):
        why = "空行 / empty"
    elif _CONTROL.search(said):
        why = "含有 NUL 等控制字符 / holds NUL or other control characters"
    elif "\ufffd" in said:
        why = "含有乱码 / holds characters that were lost in a conversion"
    elif len(text.target) > MAX_CHARS and text.sample is None:
        why = f"超过 {MAX_CHARS} 字，请拆成几句 / over {MAX_CHARS} characters; split it"
    return Unusable(text.file, text.line, why, text.target[:80]) if why else text


def _lines(name: str, text: str) -> Iterator[Text | Unusable]:
    """Lines; `问：` and `答：` on two lines are a pair, and so are two columns with a tab between."""
    asked, asked_at = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if match := _ASKED.match(line):
            if asked:
                yield Unusable(name, asked_at, "问题没有回答 / a question without an answer", asked[:80])
            asked, asked_at = match[1].strip(), number
        elif asked:
            match = _ANSWERED.match(line)
            yield Text(name, number, (match[1] if match else line).strip(), asked)
            asked = ""
        elif line.count("\t") == 1:
            question, answer = line.split("\t")
            yield Text(name, number, answer.strip(), question.strip())
        else:
            yield Text(name, number, line.strip())
    if asked:
        yield Unusable(name, asked_at, "问题没有回答 / a question without an answer", asked[:80])


def _table_rows(name: str, text: str) -> Iterator[Text | Unusable]:
    """A table's rows; without a known heading one column is lines, two are questions and answers."""
    head = text.split("\n", 1)[0]
    mark = max(",\t;，", key=head.count)
    reader = csv.reader(io.StringIO(text), delimiter=mark if mark in head else ",")
    columns: dict[str, int] | None = None
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unusable(
                name, reader.line_num, f"表格这一行读不懂（{error}） / the row cannot be read ({error})"
            )
            continue
        at = reader.line_num
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            columns = _columns(row)
            if columns is not None:
                continue
            columns = {"line": 0} if len(row) == 1 else {"question": 0, "answer": 1}
        cells = {key: row[number].strip() for key, number in columns.items() if number < len(row)}
        product = cells.get("product", "")
        if cells.get("answer"):
            yield Text(name, at, cells["answer"], cells.get("question", ""), product)
        elif cells.get("line"):
            yield Text(name, at, cells["line"], "", product)
        elif cells.get("question"):
            yield Unusable(name, at, "问题没有回答 / a question without an answer", cells["question"][:80])
        else:
            yield Unusable(name, at, "空行 / empty")


def _columns(row: Sequence[str]) -> dict[str, int] | None:
    """Which column holds what, by a heading; None where the row is no heading."""
    found: dict[str, int] = {}
    for number, cell in enumerate(row):
        name = cell.strip().lower()
        for key, names in (
            ("question", _QUESTION),
            ("answer", _ANSWER),
            ("line", _LINE),
            ("product", _PRODUCT),
        ):
            if name in names:
                found.setdefault(key, number)
    return found if "answer" in found or "line" in found else None


def _json_rows(name: str, text: str) -> Iterator[Text | Unusable]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE_CHARS:
            yield Unusable(
                name,
                number,
                f"一行超过 {MAX_LINE_CHARS} 字 / a line of over {MAX_LINE_CHARS} characters",
                line[:80],
            )
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield Unusable(name, number, "不是 JSON / is not JSON", line[:80])
            continue
        if not isinstance(row, dict):
            yield (
                Text(name, number, row)
                if isinstance(row, str)
                else Unusable(name, number, "不是 JSON 对象 / is no JSON object", line[:80])
            )
            continue
        if not ({"core", "target", "messages", "conversations", "instruction"} & set(row)):
            cells = {
                key: str(row[k]).strip()
                for key, names in (("q", _QUESTION), ("a", _ANSWER), ("l", _LINE), ("p", _PRODUCT))
                for k in row
                if str(k).lower() in names and row[k] is not None
            }
            said = cells.get("a") or cells.get("l", "")
            asked = cells.get("q", "") if cells.get("a") else ""
            yield Text(name, number, said, asked, cells.get("p", ""))
            continue
        try:
            for sample in samples_of_line(line, number):
                yield Text(name, number, sample.target, sample.question or "", sample=sample)
        except ValueError as error:
            yield Unusable(name, number, str(error), line[:80])
