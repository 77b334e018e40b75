"""Pictures to train on: checked by their headers, read as an album, cropped and resized into the cache.

No torch here, and the user's folder is only ever read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.training.album import Album, Picture
from services.training.buckets import Bucket


def check_album(
    train_data_dir: Path, metadata_path: Path | None = None, trigger_words: Sequence[str] = ()
) -> list[str]:
    """Everything that is wrong with an album, a sentence each; empty when it can be trained on."""
    raise NotImplementedError


def read_album(
    train_data_dir: Path, metadata_path: Path | None = None, trigger_words: Sequence[str] = ()
) -> Album:
    """The album in a folder.

    Raises:
        AlbumProblems: with everything that is wrong with it.
    """
    raise NotImplementedError


@dataclass(frozen=True)
class PreparedPicture:
    """A picture of an album and the file of its crop in the cache; `key` names the crop's content."""

    picture: Picture
    bucket: Bucket
    key: str
    file: Path

    def pixels(self) -> NDArray[np.uint8]:
        """The crop, sRGB [bucket.height, bucket.width, 3]; made again when its file is gone or damaged."""
        raise NotImplementedError


@dataclass(frozen=True)
class Prepared:
    """An album's crops in the album's order; `notes` are sentences for the operator."""

    pictures: tuple[PreparedPicture, ...]
    notes: tuple[str, ...] = ()


def prepare(
    album: Album,
    buckets: Sequence[Bucket],
    cache_dir: Path,
    *,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Crops and resizes an album's pictures into `cache_dir`, each to the bucket nearest its shape.

    Raises:
        AlbumProblems: pictures that cannot be decoded, all of them.
    """
    raise NotImplementedError
