"""Where an export lies: a folder of its own, whole or not at all.

ExportFailed   nothing was written; the message says why and what to do
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

FILES = ("samples.jsonl", "held.jsonl", "hot_words.json", "unanswered.jsonl", "report.json", "report.md")


class ExportFailed(Exception):
    """Nothing was written; the message says why and what to do."""


def check(journal: Path, out: Path, held_share: float) -> None:
    """Refuse what could not be read or written, before anything is."""
    if not 0 <= held_share <= 0.5:
        raise ExportFailed(f"留出比例 {held_share} 应在 0 到 0.5 之间 / --held-share must be from 0 to 0.5")
    if not journal.is_dir():
        raise ExportFailed(
            f"{journal} 不是播出记录的文件夹，检查路径 / is no folder of journals; mend the path"
        )
    if out.resolve().is_relative_to(journal.resolve()):
        raise ExportFailed(f"{out} 在播出记录里面，换一个地方 / lies within the journal; name another place")
    if out.exists() and not out.is_dir():
        raise ExportFailed(f"{out} 是一个文件，换一个文件夹 / is a file; name a folder")
    held = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if held and (held - set(FILES) or not is_export(out)):
        raise ExportFailed(
            f"{out} 里有别的文件，换一个空文件夹 / holds other files; name an empty folder or an earlier export"
        )


def is_export(folder: Path) -> bool:
    """Whether an export wrote the folder, by its own report; a built data set's has no journal."""
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and {"journal", "questions_held", "hot_words"} <= set(report)


def put_in_place(part: Path, out: Path) -> None:
    """Put the finished folder in its place; an earlier export there goes once the new one stands."""
    old = _set_aside(out)
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def restore(out: Path) -> None:
    """Bring back the earlier export that a killed one had set aside."""
    if not out.exists() and _set_aside(out).is_dir():
        _set_aside(out).rename(out)


def _set_aside(out: Path) -> Path:
    return out.with_name(f".{out.name}.old")


def failed(error: OSError, place: Path) -> ExportFailed:
    """What to say of a failed reading or writing, with the file it names, else `place`."""
    where, why = error.filename or place, error.strerror or error
    return ExportFailed(
        f"{where}：{why}，检查权限和磁盘空间 / {where}: {why}; mind its rights and the disk's space"
    )
