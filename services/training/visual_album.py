"""An album as a base sees it: pictures split into learned and held out, what is frozen of them cached, in batches."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
MADE_BY = "2"  # of what is cached: raise it when a base makes something else of the same picture
CAPTIONS_AT_ONCE = 16
SHARED_FROM = 0.04  # of an album's captions: a clause that so many have may be left unsaid


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
class Captions:
    """Captions as they are shown, anew each time: what a good part of an album says is now and then left unsaid.

    So the trigger word comes to stand for what the pictures share (hair, dress, set), and what few of them have (another
    dress) is always said. Only for text encoders that are trained: else each caption is read once.
    """

    trigger_words: tuple[str, ...]
    shared: frozenset[str]

    @classmethod
    def of(cls, captions: Sequence[str], trigger_words: Sequence[str]) -> Captions:
        """From an album's captions."""
        counts = Counter(one for text in captions for one in set(_clauses(text)))
        least = max(2, SHARED_FROM * len(captions))
        shared = (one for one, count in counts.items() if count >= least)
        return cls(
            tuple(trigger_words),
            frozenset(one for one in shared if not any(word in one for word in trigger_words)),
        )

    def shown(self, caption: str) -> str:
        """A caption for one step, by torch's global generator; without a trigger word in it, as it is."""
        if not any(word in caption for word in self.trigger_words):
            return caption
        parts = _clauses(caption)
        kept = (torch.rand(len(parts)) < torch.rand(1)).tolist()  # from all of them to none
        said = [one for one, keep in zip(parts, kept, strict=True) if keep or one not in self.shared]
        return ("，" if "，" in caption else ", ").join(said)


def _clauses(caption: str) -> list[str]:
    return [one for part in re.split(r"[，,;；、]", caption) if (one := part.strip())]


@dataclass(frozen=True)
class CachedAlbum:
    """Rows by number: first those that are learned (pictures, then the base's own extras), then those held out.

    What is cached of a row is read when a batch needs it, so that a large album takes no more memory than a small one.
    """

    cache: TensorCache
    pictures: tuple[PreparedPicture, ...]
    extras: tuple[Extra, ...]
    held: tuple[PreparedPicture, ...]
    base_sha256: str
    text_key: str  # what captions' keys begin with; "" where text encoders are trained

    @property
    def learned(self) -> int:
        """How many rows are learned."""
        return len(self.pictures) + len(self.extras)

    @property
    def sizes(self) -> list[Bucket]:
        """Every row's size; extras have that of the first picture."""
        first = self.pictures[0].bucket
        return [
            *(one.bucket for one in self.pictures),
            *(first for _ in self.extras),
            *(one.bucket for one in self.held),
        ]

    @property
    def captions(self) -> list[str]:
        """Every row's caption."""
        return [
            *(one.picture.caption for one in self.pictures),
            *(one.caption for one in self.extras),
            *(one.picture.caption for one in self.held),
        ]

    def seen(self, batch: Sequence[int], device: torch.device) -> Rows:
        """What is cached of rows of one size, stacked."""
        return _stacked([self._row(at) for at in batch], device)

    def words(self, captions: Sequence[str], device: torch.device) -> Rows:
        """What is cached of captions, stacked."""
        return _stacked([self._read(_text(self.text_key, one)) for one in captions], device)

    def _row(self, at: int) -> Mapping[str, Tensor]:
        if at < len(self.pictures):
            return self._read(_picture(self.base_sha256, self.pictures[at]))
        if at < self.learned:
            return self.extras[at - len(self.pictures)].tensors
        return self._read(_picture(self.base_sha256, self.held[at - self.learned]))

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
    pictures: Sequence[PreparedPicture],
    folder: Path,
    *,
    train_text: bool,
    prompts: Sequence[str],
    trigger_words: Sequence[str],
    share: float,
    seed: int,
) -> CachedAlbum:
    """Has the base see every picture and read every caption that is not cached yet, then settle; holds `share` out.

    Raises:
        TrainingFailed: a picture cannot be seen, or the cache not be written.
    """
    cache = TensorCache(folder / "latents")
    rows = _see(base, base_sha256, pictures, cache)
    useful = base.learns(rows)
    if not all(useful):
        print(
            f"{len(useful)} 张图片里有 {useful.count(False)} 张与底模的构图不同，不参与训练 / "
            f"{useful.count(False)} of {len(useful)} pictures are framed unlike the base's and are left out",
            flush=True,
        )
    kept = {one.key: row for one, row in zip(pictures, rows, strict=True)}
    own, held = split(
        [one for one, used in zip(pictures, useful, strict=True) if used], share=share, seed=seed
    )
    album = CachedAlbum(
        cache=cache,
        pictures=tuple(own),
        extras=tuple(base.extras([kept[one.key] for one in own], trigger_words, seed)),
        held=tuple(held),
        base_sha256=base_sha256,
        text_key="" if train_text else key_of("text", MADE_BY, base_sha256, base.text_format),
    )
    if not train_text:
        _read(base, album, ["", *album.captions, *prompts])
    base.settle(rows, text=not train_text)
    return album


def _see(
    base: VisualBase, base_sha256: str, pictures: Sequence[PreparedPicture], cache: TensorCache
) -> list[Mapping[str, Tensor]]:
    """What is cached of every picture; made, each content once and in batches of one size, where it is missing."""
    rows: dict[str, Mapping[str, Tensor]] = {}
    missing: dict[Bucket, dict[str, PreparedPicture]] = defaultdict(dict)
    for one in pictures:
        key = _picture(base_sha256, one)
        found = cache.get(key)
        if found is None:
            missing[one.bucket][key] = one
        else:
            rows[key] = found
    for alike in missing.values():
        listed = list(alike.items())
        for at in range(0, len(listed), base.at_once):
            part = listed[at : at + base.at_once]
            for (key, _), tensors in zip(part, base.see([one for _, one in part]), strict=True):
                cache.put(key, tensors)
                rows[key] = tensors
    return [rows[_picture(base_sha256, one)] for one in pictures]


def _read(base: VisualBase, album: CachedAlbum, captions: Sequence[str]) -> None:
    """Have the base read the captions that are not cached."""
    texts = {_text(album.text_key, one): one for one in captions}
    wanted = [(key, one) for key, one in texts.items() if album.cache.get(key) is None]
    for at in range(0, len(wanted), CAPTIONS_AT_ONCE):
        part = wanted[at : at + CAPTIONS_AT_ONCE]
        for (key, _), tensors in zip(part, base.read([one for _, one in part]), strict=True):
            album.cache.put(key, tensors)


def _stacked(rows: Sequence[Mapping[str, Tensor]], device: torch.device) -> Rows:
    """What all rows have."""
    names = [name for name in rows[0] if all(name in one for one in rows)]
    return {name: torch.stack([one[name] for one in rows]).to(device) for name in names}


def _picture(base_sha256: str, one: PreparedPicture) -> str:
    return key_of("picture", MADE_BY, base_sha256, one.key)


def _text(text_key: str, caption: str) -> str:
    return hashlib.sha256(f"{text_key}\0{caption}".encode()).hexdigest()
