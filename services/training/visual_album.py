"""An album as a base sees it: pictures split into learned and held out, what is frozen of them cached, in batches."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from services.training.buckets import Bucket
from services.training.faults import TrainingFailed
from services.training.pictures import PreparedPicture
from services.training.visual_bases import Extra, Rows, VisualBase
from services.training.visual_cache import TensorCache, key_of

LEAST_TO_SPLIT = 5  # with fewer pictures than this, none is held out
MADE_BY = "1"  # of what is cached: raise it when a base makes something else of the same picture
CAPTIONS_AT_ONCE = 16


def split(
    pictures: Sequence[PreparedPicture], *, share: float, seed: int
) -> tuple[list[PreparedPicture], list[PreparedPicture]]:
    """The pictures to learn and those held out; the same file never lies on both sides."""
    files = sorted({one.picture.sha256 for one in pictures}, key=lambda one: key_of(str(seed), one))
    count = max(1, round(len(files) * share)) if share and len(files) >= LEAST_TO_SPLIT else 0
    held = set(files[:count])
    return (
        [one for one in pictures if one.picture.sha256 not in held],
        [one for one in pictures if one.picture.sha256 in held],
    )


def batches(sizes: Sequence[Bucket], *, size: int, seed: int, epoch: int) -> list[list[int]]:
    """Batches of at most `size` numbers of pictures, all of one size, in an order that `seed` and `epoch` give."""
    rng = random.Random(f"{seed}/{epoch}")
    alike: dict[Bucket, list[int]] = defaultdict(list)
    for at, one in enumerate(sizes):
        alike[one].append(at)
    made = []
    for _, numbers in sorted(alike.items()):
        rng.shuffle(numbers)
        made += [numbers[at : at + size] for at in range(0, len(numbers), size)]
    rng.shuffle(made)
    return made


@dataclass(frozen=True)
class CachedAlbum:
    """Rows by number: first those that are learned (`own` pictures, then the base's own extras), then those held out.

    What is cached of a row is read when a batch needs it, so that a large album takes no more memory than a small one.
    """

    cache: TensorCache
    captions: tuple[str, ...]
    sizes: tuple[Bucket, ...]
    keys: tuple[str, ...]  # "" for an extra
    extras: tuple[Extra, ...]
    own: int
    text_key: str  # what captions' keys begin with; "" where text encoders are trained

    @property
    def learned(self) -> int:
        """How many rows are learned."""
        return self.own + len(self.extras)

    @property
    def held(self) -> range:
        """The numbers of the rows held out."""
        return range(self.learned, len(self.captions))

    def seen(self, batch: Sequence[int], device: torch.device) -> Rows:
        """What is cached of rows of one size, stacked."""
        return _stacked([self.row(at) for at in batch], device)

    def words(self, captions: Sequence[str], device: torch.device) -> Rows:
        """What is cached of captions, stacked."""
        return _stacked([self._read(_text(self.text_key, one)) for one in captions], device)

    def row(self, at: int) -> Mapping[str, Tensor]:
        return self._read(self.keys[at]) if self.keys[at] else self.extras[at - self.own].tensors

    def _read(self, key: str) -> Mapping[str, Tensor]:
        found = self.cache.get(key)
        if found is None:
            raise TrainingFailed(
                f"缓存 {self.cache.folder} 在训练中被清空 / the cache was emptied while it was used",
                "再运行一次，会接着练 / run it again: it goes on",
            )
        return found


def cache_album(
    base: VisualBase,
    base_sha256: str,
    own: Sequence[PreparedPicture],
    held: Sequence[PreparedPicture],
    folder: Path,
    *,
    train_text: bool,
    prompts: Sequence[str],
    seed: int,
) -> CachedAlbum:
    """Has the base see every picture and read every caption that is not cached yet, then settle.

    Raises:
        TrainingFailed: a picture cannot be seen, or the cache not be written.
    """
    cache = TensorCache(folder / "latents")
    pictures = [*own, *held]
    keys = [key_of("picture", MADE_BY, base_sha256, one.key) for one in pictures]
    for batch in _missing(cache, keys, pictures, base.at_once):
        for (key, _), tensors in zip(batch, base.see([one for _, one in batch]), strict=True):
            cache.put(key, tensors)
    extras = tuple(base.extras(len(own), seed))
    captions = [
        *(one.picture.caption for one in own),
        *(one.caption for one in extras),
        *(one.picture.caption for one in held),
    ]
    text_key = "" if train_text else key_of("text", MADE_BY, base_sha256, base.text_format)
    if not train_text:
        texts = {_text(text_key, one): one for one in ("", *captions, *prompts)}
        wanted = [(key, one) for key, one in texts.items() if cache.get(key) is None]
        for at in range(0, len(wanted), CAPTIONS_AT_ONCE):
            part = wanted[at : at + CAPTIONS_AT_ONCE]
            for (key, _), tensors in zip(part, base.read([one for _, one in part]), strict=True):
                cache.put(key, tensors)
    first = own[0].bucket
    album = CachedAlbum(
        cache=cache,
        captions=tuple(captions),
        sizes=(*(one.bucket for one in own), *(first for _ in extras), *(one.bucket for one in held)),
        keys=(*keys[: len(own)], *("" for _ in extras), *keys[len(own) :]),
        extras=extras,
        own=len(own),
        text_key=text_key,
    )
    base.settle([album.row(at) for at in range(len(own))] if extras else [], text=not train_text)
    return album


def _missing(
    cache: TensorCache, keys: Sequence[str], pictures: Sequence[PreparedPicture], count: int
) -> Iterator[list[tuple[str, PreparedPicture]]]:
    """The pictures that are not cached, each content once, in batches of one size."""
    alike: dict[Bucket, dict[str, PreparedPicture]] = defaultdict(dict)
    for key, one in zip(keys, pictures, strict=True):
        if cache.get(key) is None:
            alike[one.bucket][key] = one
    for rows in alike.values():
        listed = list(rows.items())
        yield from (listed[at : at + count] for at in range(0, len(listed), count))


def _stacked(rows: Sequence[Mapping[str, Tensor]], device: torch.device) -> Rows:
    return {name: torch.stack([one[name] for one in rows]).to(device) for name in rows[0]}


def _text(text_key: str, caption: str) -> str:
    return hashlib.sha256(f"{text_key}\0{caption}".encode()).hexdigest()
