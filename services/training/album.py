"""An album: the pictures that a visual adapter is trained on, with their captions, and how both are found.

AlbumProblems   the pictures or captions cannot be used; holds every problem, each with file or row and the mend
"""

from __future__ import annotations

import difflib
import hashlib
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from services.training.captions import MAX_CAPTION_CHARS, READ_TOKENS, least_tokens, tidy, with_triggers
from services.training.faults import TrainingFailed
from services.training.metadata import (
    CAPTION_SUFFIXES,
    MAX_CAPTION_FILE_BYTES,
    MetadataError,
    Row,
    find_metadata,
    read_rows,
    read_text,
)
from services.training.picture_files import SUFFIXES, unread

MOST_ALIKE = 20  # problems of one sort that are listed
_NOT_THE_USERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})


class AlbumProblems(TrainingFailed):
    """An album cannot be used; `problems` has a sentence for each cause."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Picture:
    """A picture as it will be trained on.

    Args:
        path: the user's file; it is only ever read.
        caption: with the trigger words.
        width, height: in pixels as it is seen, that is after its EXIF orientation.
        sha256: of the file's bytes.
    """

    path: Path
    caption: str
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class Album:
    """Pictures in the metadata's order, else by name; `notes` are sentences for the operator, Chinese first."""

    pictures: tuple[Picture, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """A digest of what is trained on: every picture's bytes and caption, wherever the files lie."""
        digest = hashlib.sha256()
        for one in sorted((picture.sha256, picture.caption) for picture in self.pictures):
            digest.update("\0".join(one).encode() + b"\n")
        return digest.hexdigest()


@dataclass(frozen=True)
class Entry:
    """A picture's file, what is written of it, and where that stands."""

    path: Path
    caption: str
    where: str


@dataclass
class Gathered:
    """What a folder and its captions' file come to, before any picture is opened."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def shown(path: Path | str) -> str:
    """A path as text that can always be printed; a name in GBK bytes, as old archives leave them, is read as such."""
    raw = os.fsencode(path)
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "backslashreplace")


def capped(sentences: Sequence[str]) -> list[str]:
    """The first sentences of one sort, and how many more there are."""
    more = len(sentences) - MOST_ALIKE
    if more <= 1:
        return list(sentences)
    return [
        *sentences[:MOST_ALIKE],
        f"另有 {more} 处同类问题未列出 / {more} more problems of this sort are not listed",
    ]


def some(names: Iterable[str]) -> str:
    """The first few names of a list."""
    listed = list(names)
    return ", ".join(listed[:3]) + (" …" if len(listed) > 3 else "")


@dataclass(frozen=True)
class Folder:
    """The picture files below a folder by name, sub-folders and links included."""

    root: Path
    pictures: tuple[Path, ...]
    unread: tuple[str, ...]
    broken: tuple[str, ...]
    by_key: dict[str, list[Path]]

    @classmethod
    def read(cls, root: Path) -> Folder:
        """Walks a folder; a link that leads back up is followed once."""
        pictures: list[Path] = []
        others: list[str] = []
        broken: list[str] = []
        been: set[str] = set()

        def locked(error: OSError) -> None:
            broken.append(
                f"{shown(error.filename or root)}：打不开（{error.strerror}）/ cannot be opened "
                f"({error.strerror}); mend the rights"
            )

        for at, folders, files in os.walk(root, followlinks=True, onerror=locked):
            real = os.path.realpath(at)
            if real in been:
                folders.clear()
                continue
            been.add(real)
            folders[:] = sorted(one for one in folders if one not in _NOT_THE_USERS and one[0] != ".")
            for name in sorted(one for one in files if one[0] != "."):
                path = Path(at, name)
                if why := unread(path.suffix):
                    others.append(f"{shown(path)}：{why}")
                elif path.suffix.lower() not in SUFFIXES:
                    continue
                elif os.path.isfile(path):
                    pictures.append(path)
                else:
                    broken.append(
                        f"{shown(path)}：链接指向的文件不存在 / is a link to nothing; put the file back"
                    )
        by_key: dict[str, list[Path]] = {}
        for path in pictures:
            name = _key(shown(path.relative_to(root)))
            for key in {name, os.path.splitext(name)[0]}:
                by_key.setdefault(key, []).append(path)
        return cls(root, tuple(pictures), tuple(others), tuple(broken), by_key)

    def find(self, name: str, beside: Path) -> Path | list[Path]:
        """The file of a name from a row: from the row's own folder `beside`, else from this folder.

        Backslashes, another case, decomposed characters and a missing suffix are forgiven when one file fits;
        several that fit, or none, come back as a list.
        """
        name = name.strip().replace("\\", "/").removeprefix("./")
        for root in (beside, self.root):
            if os.path.isfile(root / name):
                return root / name
        inside = os.path.relpath(beside / name, self.root) if "\0" not in name else name
        fits = self.by_key.get(_key(name)) or self.by_key.get(_key(inside)) or []
        return fits[0] if len(fits) == 1 else fits

    def like(self, name: str) -> str:
        """A hint at a file whose name is near one that is not found; empty when none is."""
        names = {path.name.casefold(): shown(path.relative_to(self.root)) for path in self.pictures}
        close = difflib.get_close_matches(os.path.basename(name.replace("\\", "/")).casefold(), names, 1, 0.7)
        return names[close[0]] if close else ""


def gather(train_data_dir: Path, metadata_path: Path | None, trigger_words: Sequence[str]) -> Gathered:
    """Finds pictures and captions: from the captions' file, else from `.txt` beside pictures, else trigger words.

    Without `metadata_path`, a file with a usual name in the folder is taken (`services.training.metadata.NAMES`).
    """
    out = Gathered()
    if not train_data_dir.is_dir():
        why = "不是文件夹 / is no folder" if train_data_dir.exists() else "不存在 / does not exist"
        out.problems.append(f"train_data_dir: {shown(train_data_dir)}：{why}; name the pictures' folder")
        return out
    if metadata_path is not None and not metadata_path.is_file():
        out.problems.append(
            f"metadata_path: {shown(metadata_path)}：不存在 / does not exist; mend the path or leave it out"
        )
        return out
    folder = Folder.read(train_data_dir)
    metadata = metadata_path or find_metadata(train_data_dir)
    found = _by_folder(folder, out) if metadata is None else _by_rows(folder, metadata, out)
    if not found and not out.problems:
        out.problems.append(
            f"{shown(train_data_dir)}：没有图片 / holds no pictures; put JPEG, PNG or WebP files there"
        )
    _caption_all(found, trigger_words, out)
    return out


def _by_rows(folder: Folder, metadata: Path, out: Gathered) -> list[Entry]:
    """The pictures that the rows name, each once."""
    rows, problems = read_rows(metadata)
    out.problems += capped(problems)
    missing: list[str] = []
    twice: list[str] = []
    repeated: list[Row] = []
    found: dict[str, Entry] = {}
    for row in rows:
        path = folder.find(row.name, metadata.parent)
        if isinstance(path, list):
            missing.append(_not_found(row, path, folder))
            continue
        entry = Entry(path, row.caption, row.where)
        before = found.setdefault(os.path.abspath(path), entry)
        if before is entry:
            continue
        if tidy(before.caption) == tidy(row.caption):
            repeated.append(row)
        else:
            twice.append(
                f"{row.where}：{row.name} 在 {before.where} 已有另一条说明，请只留一条 / "
                f"{row.name} has another caption at {before.where}; keep one"
            )
    out.problems += capped(missing) + capped(twice)
    if repeated:
        names = some(row.name for row in repeated)
        out.notes.append(
            f"{len(repeated)} 行重复，只算一次 / {len(repeated)} repeated rows count once: {names}"
        )
    named = {os.path.realpath(path) for path in found}
    idle = [shown(one.name) for one in folder.pictures if os.path.realpath(one) not in named]
    if idle:
        out.notes.append(
            f"{len(idle)} 张图片在 {metadata.name} 里没有一行，不参加训练 / "
            f"{len(idle)} pictures have no row in {metadata.name} and are not used: {some(idle)}"
        )
    return list(found.values())


def _not_found(row: Row, fits: list[Path], folder: Folder) -> str:
    if fits:
        names = some(shown(one.relative_to(folder.root)) for one in fits)
        return f"{row.where}：{row.name} 对应多个文件 / could be any of {names}; write the name exactly"
    like = folder.like(row.name)
    hint = f"; 是不是 / did you mean {like}?" if like else "; put it there or take the row out"
    return f"{row.where}：找不到 {row.name} / {row.name} is not found{hint}"


def _by_folder(folder: Folder, out: Gathered) -> list[Entry]:
    """Every picture below the folder, with the text file of its name."""
    out.problems += capped(folder.unread) + capped(folder.broken)
    entries, problems = [], []
    for path in folder.pictures:
        caption, where = "", shown(path)
        for suffix in CAPTION_SUFFIXES:
            beside = path.with_suffix(suffix)
            if beside.is_file():
                where = shown(beside)
                try:
                    caption = read_text(beside, MAX_CAPTION_FILE_BYTES)
                except MetadataError as error:
                    problems.append(f"{where}：{error}")
                break
        entries.append(Entry(path, caption, where))
    out.problems += capped(problems)
    repeats = sorted({part for one in folder.pictures for part in one.relative_to(folder.root).parts[:-1]})
    repeats = [name for name in repeats if name.partition("_")[0].isdigit() and "_" in name]
    if repeats:
        out.notes.append(
            f"文件夹名里的重复次数不生效，请用 epochs 控制 / repeat counts in folder names "
            f"({some(map(shown, repeats))}) are not used; set epochs instead"
        )
    return entries


def _caption_all(found: list[Entry], trigger_words: Sequence[str], out: Gathered) -> None:
    """Tidies captions and gives them the trigger words."""
    problems: list[str] = []
    bare: list[str] = []
    long: list[str] = []
    for entry in found:
        said = tidy(entry.caption)
        caption = with_triggers(said, trigger_words)
        if len(said) > MAX_CAPTION_CHARS:
            problems.append(
                f"{entry.where}：说明有 {len(said)} 个字，最多 {MAX_CAPTION_CHARS}，引号是否没有成对？ / "
                f"the caption has {len(said)} characters, at most {MAX_CAPTION_CHARS}; is a quote left open?"
            )
        elif not caption:
            problems.append(
                f"{entry.where}：没有说明，也没有 trigger_words / has no caption, and there are no "
                "trigger_words; write one of them"
            )
        elif not said:
            bare.append(shown(entry.path.name))
        elif least_tokens(caption) > READ_TOKENS:
            long.append(shown(entry.path.name))
        out.entries.append(Entry(entry.path, caption, entry.where))
    out.problems += capped(problems)
    if bare:
        out.notes.append(
            f"{len(bare)} 张图片没有说明，只用触发词 / {len(bare)} pictures have no caption and get the "
            f"trigger words alone: {some(bare)}"
        )
    if long:
        out.notes.append(
            f"{len(long)} 条说明超过 {READ_TOKENS} 个词元，后面的内容读不到 / {len(long)} captions are over "
            f"{READ_TOKENS} tokens and their end is not read: {some(long)}"
        )


def key_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _key(name: str) -> str:
    """A name regardless of case and of how its characters are composed."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()
