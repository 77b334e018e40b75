"""Files that are written whole or not at all, and what is said when the disk will not take them.

DiskFull    (services.training.faults) the disk is full, or will not be written
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.training.faults import DiskFull

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(file: Path, data: bytes) -> None:
    """Write a file beside its place, have it on the disk, then put it there.

    Raises:
        DiskFull: it cannot be written; what was there before is still there, and nothing half-written is.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    with writing(file):
        try:
            with part.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(file)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        flush_folder(file.parent)


def flush_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, so that a loss of power does not undo a rename."""
    _flush(folder)


def flush_tree(folder: Path) -> None:
    """Have all files below a folder, and their names, on the disk."""
    for one in (*folder.rglob("*"), folder):
        _flush(one)


def _flush(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turns an operating system's refusal to write into a sentence.

    Raises:
        DiskFull: with what could not be written and why.
    """
    try:
        yield
    except OSError as error:
        if full := disk_full(error, place):
            raise full from error
        raise DiskFull(
            f"无法写入 {place}：{error.strerror} / {place} could not be written: {error.strerror}",
            f"检查 {place.parent} 的权限和磁盘 / check the folder's permissions and its disk",
        ) from error


def disk_full(error: BaseException, place: Path) -> DiskFull | None:
    """The failure to raise where an error says that a disk has no room left, as libraries say it too; else None."""
    told = str(error)
    if getattr(error, "errno", None) not in _NO_ROOM and not any(
        os.strerror(one) in told for one in _NO_ROOM
    ):
        return None
    file = Path(getattr(error, "filename", None) or place)
    return DiskFull(
        f"磁盘已满，无法写入 {file} / the disk is full: {file} could not be written",
        "腾出空间后再次运行，已有存档时会从存档继续 / "
        "free some space on that disk and run again: it goes on from its checkpoint, where it has one",
    )
