"""Captions' files: `metadata.csv` (also tabs and semicolons), `metadata.jsonl`, sd-scripts' `.json`, `.txt` beside pictures.

A table's columns are found by name: `file_name`, `image`, `filename`, `path` … for the picture and `text`, `caption`,
`prompt` … for what it shows. UTF-8 with or without a mark, UTF-16 with one and GB 18030 are read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.training.samples import text_of

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.json", "metadata.tsv")
CAPTION_SUFFIXES = (".txt", ".caption")
MAX_METADATA_BYTES = 64 << 20
MAX_CAPTION_FILE_BYTES = 64 << 10
PICTURE_COLUMNS = (
    "file_name", "image", "filename", "file", "path", "image_path", "file_path", "image_file", "img", "picture",
    "图片", "文件名", "文件",
)  # fmt: skip
CAPTION_COLUMNS = (
    "text", "caption", "prompt", "captions", "description", "tags", "描述", "文字", "说明", "标注",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A picture's name as written, its caption (empty: none) and where that stands (`metadata.csv:3`)."""

    where: str
    name: str
    caption: str


class MetadataError(Exception):
    """A captions' file cannot be read; the message says why and the mend, without the file's name."""


def find_metadata(folder: Path) -> Path | None:
    """The captions' file that lies in a folder under a usual name; None when there is none."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read_text(file: Path, limit: int) -> str:
    """A text file of at most `limit` bytes.

    Raises:
        MetadataError: it cannot be read, is larger, or is no text.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        why = error.strerror or error
        raise MetadataError(
            f"读不了（{why}）/ cannot be read ({why}); mend the path or the rights"
        ) from error
    if len(data) > limit:
        raise MetadataError(
            f"超过 {limit >> 10} KB，不像文字说明 / is over {limit >> 10} KB; is it a captions' file?"
        )
    try:
        text = text_of(data)
    except UnicodeDecodeError as error:
        raise MetadataError(
            "编码不是 UTF-8 或 GB18030，请另存为 UTF-8 / is neither UTF-8 nor GB 18030; save it as UTF-8"
        ) from error
    if "\0" in text:
        raise MetadataError(
            "含有 NUL 字符，不是文本文件 / holds NUL characters: it is no text; save it as UTF-8"
        )
    return text


def read_rows(file: Path) -> tuple[list[Row], list[str]]:
    """The rows of a captions' file in their order, and what is wrong with it and with single rows."""
    try:
        text = read_text(file, MAX_METADATA_BYTES)
        read = {".jsonl": _lines, ".json": _json}.get(file.suffix.lower(), _table)
        found = list(read(text, file))
    except MetadataError as error:
        return [], [f"{file}：{error}"]
    rows = [one for one in found if isinstance(one, Row)]
    problems = [one for one in found if isinstance(one, str)]
    if not found:
        problems.append(f"{file}：没有一行 / holds no rows; write one for each picture: file_name,text")
    return rows, problems


def _table(text: str, file: Path) -> Iterator[Row | str]:
    """Rows of a table with a header. A caption in the last column may hold commas that nobody quoted."""
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",\t;", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in cells]
                picture_at, caption_at = _columns(header)
                continue
            where = f"{file}:{reader.line_num}"
            if caption_at == len(header) - 1 and len(cells) > len(header):
                cells = [*cells[:caption_at], f"{delimiter} ".join(cells[caption_at:])]
            if len(cells) > len(header):
                yield (
                    f"{where}：有 {len(cells)} 格，表头只有 {len(header)} 格；含逗号的说明请加英文引号 / "
                    f"has {len(cells)} cells, the header {len(header)}; put captions with commas in quotes"
                )
                continue
            name = cells[picture_at].strip() if picture_at < len(cells) else ""
            caption = cells[caption_at] if caption_at is not None and caption_at < len(cells) else ""
            yield Row(where, name, caption) if name else _nameless(where)
    except csv.Error as error:
        raise MetadataError(
            f"第 {reader.line_num} 行起读不了（{error}），引号可能没有成对 / cannot be read from line "
            f"{reader.line_num} ({error}); is a quote left open?"
        ) from error


def _columns(header: list[str]) -> tuple[int, int | None]:
    """Where the picture's name and its caption stand."""
    picture = next((header.index(name) for name in PICTURE_COLUMNS if name in header), None)
    if picture is None:
        shown = ", ".join(header)[:80]
        raise MetadataError(
            f"第一行（{shown}）没有 file_name 列，请写表头 file_name,text / "
            f"the first line ({shown}) names no file_name column; begin with: file_name,text"
        )
    return picture, next((header.index(name) for name in CAPTION_COLUMNS if name in header), None)


def _lines(text: str, file: Path) -> Iterator[Row | str]:
    """One JSON object a line, as Hugging Face's imagefolder has them."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            yield _object(json.loads(line), where)
        except (ValueError, RecursionError):
            yield (
                f'{where}：不是 JSON 对象 / is no JSON object; write {{"file_name": "a.jpg", "text": "…"}} '
                "on each line"
            )


def _json(text: str, file: Path) -> Iterator[Row | str]:
    """A list of objects, or sd-scripts' map from a picture to `caption` and `tags`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"不是 JSON（{error}）/ is no JSON ({error}); mend that line") from error
    if isinstance(data, dict):
        data = [
            {"file_name": name, "text": _joined(said)} if isinstance(said, Mapping) else said
            for name, said in data.items()
        ]
    if not isinstance(data, list):
        raise MetadataError("不是对象的列表 / is no list of objects; write [{file_name, text}, …]")
    for number, one in enumerate(data, 1):
        yield _object(one, f"{file}:#{number}")


def _joined(said: Mapping[str, Any]) -> str:
    return ", ".join(str(said[key]) for key in ("caption", "tags", "text") if said.get(key))


def _object(data: Any, where: str) -> Row | str:
    if not isinstance(data, dict):
        return f'{where}：不是 JSON 对象 / is no JSON object; write {{"file_name": "a.jpg", "text": "…"}}'
    by_key = {str(key).strip().lower(): value for key, value in data.items()}
    name = next((by_key[key] for key in PICTURE_COLUMNS if by_key.get(key)), None)
    caption = next((by_key[key] for key in CAPTION_COLUMNS if by_key.get(key)), "")
    if isinstance(caption, list):
        caption = ", ".join(map(str, caption))
    if not isinstance(name, str) or not name.strip():
        return _nameless(where)
    return Row(where, name.strip(), str(caption))


def _nameless(where: str) -> str:
    return f"{where}：没有写图片文件名 / names no picture; give its file_name"
