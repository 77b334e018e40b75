"""Finished looks on disk, each in a folder named by everything that went into it.

A look is written beside its place, synced, and renamed, so a folder of its final name is whole. Its
`made.json` holds the hash of every file; a torn or altered look is found out and made again. The
least recently used go first when there are too many, never one that a room uses or that was asked for
within the last hours.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from services.vision.template import MARKS, Sheet, Template

MANIFEST = "made.json"
KEEP_S = 6 * 3600.0  # a look asked for within this time may be on air
JPEG_QUALITY = 93
PNG_LEVEL = 3


def look_key(parts: Mapping[str, str | int | float]) -> str:
    """The name of a look: the hash of all that decides its picture."""
    text = json.dumps(dict(parts), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole look in the cache: its folder, and what was measured when it was made."""

    folder: Path
    measures: dict[str, float]


class LookCache:
    """The folder of finished looks. Used from one thread at a time."""

    def __init__(self, folder: Path, *, max_bytes: int, now_s: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._now_s = now_s

    def find(self, key: str) -> Kept | None:
        """The look of that key, proved whole; None where there is none. It counts as just used."""
        folder = self._folder / key
        if not folder.is_dir():
            return None
        try:
            made = json.loads((folder / MANIFEST).read_bytes())
            files: dict[str, str] = made["files"]
            whole = set(files) | {MANIFEST} == {p.name for p in folder.iterdir()} and all(
                _hash(folder / name) == wanted for name, wanted in files.items()
            )
            measures = {str(k): float(v) for k, v in made["measures"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            whole, measures = False, {}
        if not whole:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        with suppress(OSError):
            os.utime(folder, (self._now_s(), self._now_s()))
        return Kept(folder, measures)

    def put(
        self, key: str, template: Template, layers: Mapping[str, Sheet], *, measures: Mapping[str, float],
        about: Mapping[str, Any], in_use: frozenset[str] = frozenset(),
    ) -> Path:  # fmt: skip
        """Write a finished look and return its folder; the keys `in_use` are not evicted for it.

        Raises:
            OSError: the disk is full or the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f".part-{key}-{os.getpid()}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            # Byte for byte: the landmarks are the template's.
            (part / "look.yaml").write_bytes((template.folder / "look.yaml").read_bytes())
            if (template.folder / MARKS).is_file():
                (part / MARKS).write_bytes((template.folder / MARKS).read_bytes())
            for name, sheet in layers.items():
                _write(part / template.spec.layers[name].file, sheet, opaque=name == "set")
            files = {p.name: _hash(p) for p in sorted(part.iterdir())}
            made = {"files": files, "measures": dict(measures), "about": dict(about)}
            (part / MANIFEST).write_text(json.dumps(made, ensure_ascii=False, indent=1), encoding="utf-8")
            for file in part.iterdir():
                _sync(file)
            _sync(part)
            final = self._folder / key
            shutil.rmtree(final, ignore_errors=True)
            part.rename(final)
            _sync(self._folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        os.utime(final, (self._now_s(), self._now_s()))
        self._evict(in_use | {key})
        return final

    def bytes(self) -> int:
        """What all finished looks take on disk."""
        return sum(_size(p) for p in self._looks())

    def _looks(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [p for p in self._folder.iterdir() if p.is_dir() and not p.name.startswith(".")]

    def _evict(self, kept: frozenset[str]) -> None:
        old = sorted(self._looks(), key=lambda p: p.stat().st_mtime)
        total = sum(_size(p) for p in old)
        for folder in old:
            if total <= self._max_bytes:
                return
            if folder.name not in kept and self._now_s() - folder.stat().st_mtime > KEEP_S:
                total -= _size(folder)
                shutil.rmtree(folder, ignore_errors=True)


def _write(file: Path, sheet: Sheet, *, opaque: bool) -> None:
    bgr = np.rint(np.clip(sheet.rgb[..., ::-1], 0, 1) * 255).astype(np.uint8)
    if file.suffix.lower() in (".jpg", ".jpeg"):
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    else:
        options = [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
        if not opaque:
            alpha = np.rint(np.clip(sheet.alpha, 0, 1) * 255).astype(np.uint8)
            bgr[alpha == 0] = 0  # unseen colours only cost bytes
            bgr = np.dstack([bgr, alpha])
    done, data = cv2.imencode(file.suffix, bgr, options)
    if not done:
        raise OSError(f"{file} cannot be written as a picture; name the layer's file .png or .jpg")
    file.write_bytes(data.tobytes())


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.iterdir() if p.is_file())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
