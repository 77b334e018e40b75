"""Pictures to train on: checked by their headers, read as an album, cropped and resized into the cache.

No torch here, and the user's folder is only ever read.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from services.training.album import (
    Album,
    AlbumProblems,
    Entry,
    Picture,
    capped,
    gather,
    key_of_file,
    shown,
    some,
)
from services.training.buckets import Bucket, nearest
from services.training.faults import DiskFull
from services.training.picture_files import Header, PictureUnusable, load, quiet, read_header

CROP_VERSION = 1  # goes into the cache's keys: raise it when `crop_box` or the resizing changes
# Of what a crop takes off in height, about a seventh comes off the top and the rest off the bottom. In portraits the face
# lies in the upper third with little room above it, so a crop from the middle cuts heads off; the very top is
# usually empty, so keeping all of it would cost the hands for nothing.
TOP_SHARE = 0.15
ENLARGED_FROM = 1.5  # times; beyond, a crop shows the enlargement more than the person
LOST_FROM = 0.4  # the share of a picture that a crop leaves out before it is worth a word
_PIXELS_KEY = "pixels-sha256"


def check_album(
    train_data_dir: Path, metadata_path: Path | None = None, trigger_words: Sequence[str] = ()
) -> list[str]:
    """Everything that is wrong with an album, a sentence each; empty when it can be trained on.

    Headers are read, and pixels only of files whose end looks cut off: a thousand pictures take a second or two.
    """
    gathered = gather(train_data_dir, metadata_path, trigger_words)
    return gathered.problems + capped(_headers(gathered.entries)[1])


def read_album(
    train_data_dir: Path, metadata_path: Path | None = None, trigger_words: Sequence[str] = ()
) -> Album:
    """The album in a folder; reads every file whole, for its hash.

    Raises:
        AlbumProblems: with everything that is wrong with it, as `check_album` says it.
    """
    gathered = gather(train_data_dir, metadata_path, trigger_words)
    headers, unusable = _headers(gathered.entries)
    problems = gathered.problems + capped(unusable)
    if problems:
        raise AlbumProblems(problems)
    try:
        with ThreadPoolExecutor(_threads(0)) as pool:
            hashes = list(pool.map(key_of_file, (entry.path for entry in gathered.entries)))
    except OSError as error:
        raise AlbumProblems([_unreadable(error.filename, error)]) from error
    pictures = tuple(
        Picture(entry.path, entry.caption, header.width, header.height, sha256)
        for entry, header, sha256 in zip(gathered.entries, headers, hashes, strict=True)
    )
    return Album(pictures, (*gathered.notes, *_alike(pictures)))


def _headers(entries: Sequence[Entry]) -> tuple[list[Header], list[str]]:
    """The headers of files that can be used, and what is wrong with the others."""
    headers, problems = [], []
    for entry in entries:
        try:
            headers.append(read_header(entry.path))
        except PictureUnusable as error:
            problems.append(f"{shown(entry.path)}：{error}")
    return headers, problems


def _alike(pictures: Sequence[Picture]) -> Iterator[str]:
    """A note when files hold the same bytes under several names."""
    first: dict[str, Picture] = {}
    again = [one for one in pictures if first.setdefault(one.sha256, one) is not one]
    if again:
        names = some(shown(one.path.name) for one in again)
        yield (
            f"{len(again)} 张图片与别的文件完全相同，会被练得更重 / {len(again)} pictures are copies of others "
            f"and weigh more: {names}"
        )


@dataclass(frozen=True)
class PreparedPicture:
    """A picture of an album and the file of its crop in the cache; `key` names the crop's content."""

    picture: Picture
    bucket: Bucket
    key: str
    file: Path

    def pixels(self) -> NDArray[np.uint8]:
        """The crop, sRGB [bucket.height, bucket.width, 3]; made again when its file is gone or damaged.

        Raises:
            AlbumProblems: it must be made again, and the user's file is gone or another one now.
            DiskFull: it must be made again, and the cache cannot be written.
        """
        kept = _read_crop(self.file, self.bucket)
        if kept is not None:
            return kept
        with quiet():
            return _make_crop(self)


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
) -> Prepared:
    """Crops and resizes an album's pictures into `cache_dir`, each to the bucket nearest its shape.

    What lies there already is used: a crop's name is a hash of its file's bytes, the bucket and the crop's version.
    `workers` is the number of threads, 0 for one a core up to four.

    Raises:
        AlbumProblems: pictures that cannot be decoded, all of them.
        DiskFull: the cache cannot be written.
    """
    prepared = []
    for picture in album.pictures:
        bucket = nearest(buckets, picture.width, picture.height)
        named = f"{CROP_VERSION} {picture.sha256} {bucket.width}x{bucket.height}"
        key = hashlib.sha256(named.encode()).hexdigest()
        prepared.append(
            PreparedPicture(picture, bucket, key, cache_dir / "pictures" / key[:2] / f"{key}.png")
        )
    with quiet(), ThreadPoolExecutor(_threads(workers)) as pool:
        problems = [problem for problem in pool.map(_make_if_missing, prepared) if problem]
    if problems:
        raise AlbumProblems(capped(problems))
    return Prepared(tuple(prepared), tuple(_shape_notes(prepared)))


def crop_box(width: int, height: int, bucket: Bucket) -> tuple[float, float, float, float]:
    """The part of a `width` × `height` picture that fills a bucket: left, top, right, bottom in its pixels.

    As large as fits; from the middle across, and near the top (`TOP_SHARE`).
    """
    scale = max(bucket.width / width, bucket.height / height)
    across, down = min(width, bucket.width / scale), min(height, bucket.height / scale)
    left, top = (width - across) / 2, (height - down) * TOP_SHARE
    return left, top, left + across, top + down


def crop(picture: Image.Image, bucket: Bucket) -> Image.Image:
    """A picture cropped and resized (Lanczos) to a bucket."""
    box = crop_box(picture.width, picture.height, bucket)
    return picture.resize(bucket, Image.Resampling.LANCZOS, box=box)


def _unreadable(path: Path, error: OSError) -> str:
    why = error.strerror or error
    return f"{shown(path)}：读不了（{why}）/ cannot be read ({why}); put the file back and start again"


def _threads(workers: int) -> int:
    return workers or min(4, os.cpu_count() or 1)


def _make_if_missing(one: PreparedPicture) -> str | None:
    """Makes a crop unless it is there; gives what is wrong with its picture."""
    if one.file.is_file():
        return None
    try:
        _make_crop(one)
    except AlbumProblems as error:
        return error.problems[0]
    return None


def _make_crop(one: PreparedPicture) -> NDArray[np.uint8]:
    """Decodes, crops and keeps a picture."""
    path, bucket = one.picture.path, one.bucket
    scale = max(bucket.width / one.picture.width, bucket.height / one.picture.height)
    enough = (int(one.picture.width * scale * 2) + 1, int(one.picture.height * scale * 2) + 1)
    try:
        if key_of_file(path) != one.picture.sha256:
            raise PictureUnusable(
                "文件在读入之后变了，请重新运行 / was changed after it was read; start again"
            )
        pixels = np.asarray(crop(load(path, at_least=enough), bucket))
    except PictureUnusable as error:
        raise AlbumProblems([f"{shown(path)}：{error}"]) from error
    except OSError as error:
        raise AlbumProblems([_unreadable(path, error)]) from error
    _keep(one.file, pixels)
    return pixels


def _keep(file: Path, pixels: NDArray[np.uint8]) -> None:
    """Writes a crop as PNG under its name at once, with a hash of its pixels inside."""
    noted = PngImagePlugin.PngInfo()
    noted.add_text(_PIXELS_KEY, hashlib.sha256(pixels.tobytes()).hexdigest())
    part = file.with_name(f".{file.stem[:16]}.{secrets.token_hex(4)}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            Image.fromarray(pixels).save(part, "PNG", compress_level=1, pnginfo=noted)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or error
        raise DiskFull(
            f"缓存 {shown(file.parent)} 写不进去（{why}）/ the cache cannot be written ({why})",
            "请清出空间，或用 cache_dir 换个地方 / free some space, or name another cache_dir",
        ) from error


def _read_crop(file: Path, bucket: Bucket) -> NDArray[np.uint8] | None:
    """A kept crop; None when it is gone, or its pixels are not those that were kept."""
    try:
        with Image.open(file, formats=("PNG",)) as opened:
            opened.load()
            pixels = np.asarray(opened)
            noted = opened.info.get(_PIXELS_KEY)
    except Exception:  # whatever is wrong with it, it is made again
        return None
    whole = pixels.shape == (bucket.height, bucket.width, 3) and pixels.dtype == np.uint8
    return pixels if whole and hashlib.sha256(pixels.tobytes()).hexdigest() == noted else None


def _shape_notes(prepared: Sequence[PreparedPicture]) -> Iterator[str]:
    """What the operator should know of crops: enlarged pictures, and much that is left out."""
    enlarged, lost = [], []
    for one in prepared:
        picture, bucket = one.picture, one.bucket
        scale = max(bucket.width / picture.width, bucket.height / picture.height)
        left = 1 - bucket.width * bucket.height / (picture.width * picture.height * scale**2)
        enlarged += [shown(picture.path.name)] if scale > ENLARGED_FROM else []
        lost += [shown(picture.path.name)] if left > LOST_FROM else []
    if enlarged:
        yield (
            f"{len(enlarged)} 张图片太小，被放大 {ENLARGED_FROM} 倍以上，画面会糊 / {len(enlarged)} pictures are "
            f"enlarged more than {ENLARGED_FROM} times and will look soft: {some(enlarged)}"
        )
    if lost:
        yield (
            f"{len(lost)} 张图片太长，裁掉了 {LOST_FROM:.0%} 以上 / {len(lost)} pictures lose over "
            f"{LOST_FROM:.0%} to the crop: {some(lost)}"
        )
