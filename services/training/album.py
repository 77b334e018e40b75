"""An album: the pictures that a visual adapter is trained on, with their captions.

AlbumProblems   the pictures or captions cannot be used; holds every problem, each with file or row and the mend
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


class AlbumProblems(Exception):
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
