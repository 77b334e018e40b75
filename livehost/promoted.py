"""Which version of a persona's adapter is promoted, and which are retired, as the library keeps it.

`<library>/<persona>/<kind>/promoted.yaml` is the pointer that a setting of `promoted` follows: the
version, those it can be rolled back to, and who changed it when. `retired.yaml` in a version's folder
takes that version out of use and deletes nothing. Both are written whole or not at all.

PointerUnreadable    the pointer cannot be used; the message has file, cause and mend
PointerBusy          somebody else changes it at this moment
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from services.lora.plain import printable, read_plain

PROMOTED = "promoted"
PROMOTED_FILE = "promoted.yaml"
RETIRED_FILE = "retired.yaml"
LOCK_FILE = ".promoted.lock"
MAX_BYTES = 256 * 1024
KEPT_BEFORE = 50
KEPT_DEEDS = 200

VersionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]


class PointerUnreadable(Exception):
    """A pointer cannot be used; says which file, why, and what to mend."""


class PointerBusy(Exception):
    """Somebody else changes the pointer at this moment."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)  # YAML's 1 is "1"


class Deed(_Kept):
    """One change of the pointer: who made which version the one that is worn."""

    action: Literal["promote", "rollback"]
    version: VersionName
    sha256: str = ""  # of the version's weights at that moment
    at: AwareDatetime
    by: str
    why: str = ""


class Promotion(_Kept):
    """What `promoted.yaml` holds. `before` is a stack: a rollback takes its last version."""

    version: VersionName
    before: tuple[VersionName, ...] = ()
    at: AwareDatetime | None = None
    by: str = ""
    history: tuple[Deed, ...] = ()

    @field_validator("version")
    @classmethod
    def _is_a_version(cls, version: str) -> str:
        if version == PROMOTED:
            raise ValueError("names itself; write a version's folder")
        return version


class Retirement(_Kept):
    """What `retired.yaml` holds."""

    at: AwareDatetime
    by: str
    why: str = ""


_Model = TypeVar("_Model", bound=_Kept)


def read_promotion(folder: Path) -> Promotion | None:
    """The pointer of one persona's kind (`<library>/<persona>/<kind>`); None where nothing is promoted.

    Raises:
        PointerUnreadable: the file is there and cannot be used.
    """
    return _read(folder / PROMOTED_FILE, Promotion)


def read_retirement(folder: Path) -> Retirement | None:
    """Who retired the version in a folder; None where nobody did.

    Raises:
        PointerUnreadable: the file is there and cannot be used.
    """
    return _read(folder / RETIRED_FILE, Retirement)


def moved(old: Promotion | None, deed: Deed, before: tuple[str, ...]) -> Promotion:
    """The pointer after a deed."""
    history = (*(old.history if old is not None else ()), deed)[-KEPT_DEEDS:]
    return Promotion(
        version=deed.version, before=before[-KEPT_BEFORE:], at=deed.at, by=deed.by, history=history
    )


def write_promotion(folder: Path, promotion: Promotion) -> None:
    """Replace the pointer; only within `changing`.

    Raises:
        OSError: the disk is full or not writable; the file is as it was.
    """
    head = (
        "# livehost adapters promote | rollback write this file; the service follows it without a restart.\n"
    )
    _write(folder / PROMOTED_FILE, head, promotion)


def write_retirement(folder: Path, retirement: Retirement) -> None:
    """Mark the version in a folder as retired.

    Raises:
        OSError: the disk is full or not writable.
    """
    _write(folder / RETIRED_FILE, "# This version is not put on air; remove this file to allow it again.\n",
           retirement)  # fmt: skip


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold the pointer of a folder, so that no two changes meet; the lock ends with its process.

    Raises:
        PointerBusy: another process or thread holds it.
        OSError: the folder is not writable.
    """
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PointerBusy(str(folder)) from error
        yield
    finally:
        os.close(handle)


def this_moment() -> datetime:
    """Now, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _read(file: Path, model: type[_Model]) -> _Model | None:
    try:
        raw = read_plain(file, max_bytes=MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise PointerUnreadable(f"{file}: cannot be read ({cause}); mend the file") from error
    mend = "correct that, or remove the file and promote a version again"
    if model is Retirement:
        mend = "correct that, or remove the file to bring the version back"
    try:
        return model.model_validate(yaml.safe_load(raw.decode("utf-8")))
    except ValidationError as error:
        told = "; ".join(_sentence(fault) for fault in error.errors(include_url=False)[:5])
        raise PointerUnreadable(printable(f"{file}: {told}; {mend}")) from error
    except Exception as error:  # PyYAML raises anything for what is torn, or nested without end
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise PointerUnreadable(printable(f"{file}: is not YAML ({cause}); {mend}")) from error


def _sentence(fault: Any) -> str:
    at = ".".join(map(str, fault["loc"]))[:80]
    return f"{at or 'the file'}: {fault['msg']}" if fault["type"] != "model_type" else "holds no fields"


def _write(file: Path, head: str, content: _Kept) -> None:
    """Replace a file whole, and have it on the disk before anybody is told so."""
    text = head + yaml.safe_dump(content.model_dump(mode="json"), allow_unicode=True, sort_keys=False)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
