"""Opens files that others put there: never waits, and takes plain files only.

A named pipe without a writer would block whoever opens it for ever, a device may never end.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path


def open_plain(file: Path) -> BufferedReader:
    """A plain file, open for reading; opening never waits.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is a pipe, a device or a folder; the message is the rest of a sentence.
    """
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("is no plain file (a pipe, a device or a folder); put the file itself there")
        return open(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_plain(file: Path, *, max_bytes: int) -> bytes:
    """The whole of a plain file, which must stay as it is while it is read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no plain file, too long, or was written meanwhile; the rest of a sentence.
    """
    with open_plain(file) as stream:
        before = os.fstat(stream.fileno())
        if before.st_size > max_bytes:
            raise ValueError(f"is {before.st_size} bytes, over {max_bytes}; this is not what belongs here")
        data = stream.read(max_bytes + 1) or b""
        after = os.fstat(stream.fileno())
    if len(data) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise ValueError("changed while it was read; try again once it is written whole")
    return data


def printable(text: str) -> str:
    """The text with what no UTF-8 can hold (half a character, a name in another encoding) escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
