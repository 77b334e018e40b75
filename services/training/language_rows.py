"""Rows to train a language model on, and the batches made of them.

A batch is a pure function of (seed, step): workers make them ahead in any order, and a run that
goes on from a checkpoint sees what it would have seen.
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.language.prompt import answer_prompt, script_prompt
from services.language.tokenizer import END, PAD, encode, encode_prompt, vocabulary
from services.training.language_values import Pools, filled, fresh

Ints = npt.NDArray[np.int32]
BUCKETS = (64, 96, 128, 160, 208, 272, 384)


@dataclass(frozen=True)
class Row:
    """A row with slots: what was asked (None for a script), the core, what is said, the values."""

    question: str | None
    core: str
    targets: dict[str, str]
    slots: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wording:
    """A row with values in its slots."""

    prompt: str
    core: str
    target: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """Token numbers [rows, length], padded right; where answers start and rows end [rows]."""

    ids: Ints
    starts: Ints
    ends: Ints


def read_rows(path: Path) -> tuple[Pools, list[Row]]:
    """The pools and rows of a `.jsonl` or `.jsonl.gz` file.

    Raises:
        ValueError: when the file has no header or no rows.
    """
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.strip()]
    if len(lines) < 2 or "pools" not in lines[0]:
        raise ValueError(f"{path} holds no training rows; make it with `python -m livehost.training {path}`")
    head = lines[0]
    pools = Pools(head["pools"], head["words"], head["characters"])
    rows = [Row(r["q"], r["c"], r["t"], tuple((k, v) for k, v in r["v"])) for r in lines[1:]]
    return pools, rows


def is_rows(path: Path) -> bool:
    """Whether a file holds generated rows (their header comes first), not samples."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as file:
            return str(file.read(64)).startswith('{"pools"')
    except (OSError, EOFError):
        return False


def wording(row: Row, way: str, pools: Pools, rng: random.Random, *, unseen: bool = False) -> Wording:
    """A row with fresh values, in a way of speaking."""
    values = fresh(row.slots, pools, rng, unseen=unseen)
    core = filled(row.core, values)
    if row.question is None:
        _, prompt = script_prompt(core)
    else:
        _, prompt = answer_prompt(filled(row.question, values), core)
    return Wording(prompt, core, filled(row.targets[way], values), tuple(values))


class Batches:
    """Batch number `step`, of about `tokens` tokens, all rows of one bucket of lengths."""

    def __init__(
        self, pools: Pools, rows: list[Row], *, way: str, tokens: int, seed: int, steps: int
    ) -> None:
        self.pools, self.rows, self.way = pools, rows, way
        self.tokens, self.seed, self.steps = tokens, seed, steps
        self.buckets: dict[int, list[int]] = {}
        rng = random.Random(seed)
        for number, row in enumerate(rows):
            size = max(_size(wording(row, way, pools, rng)) for _ in range(2))
            bucket = next((b for b in BUCKETS if size <= b), None)
            if bucket is not None:
                self.buckets.setdefault(bucket, []).append(number)
        # A bucket is drawn as often as its tokens are of all tokens.
        self.weights = [bucket * len(numbers) for bucket, numbers in self.buckets.items()]

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Ints, Ints, Ints]:
        """The batch's arrays as plain numpy, which pass between processes without shared memory."""
        batch = self.batch(step)
        return batch.ids, batch.starts, batch.ends

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        rng = random.Random(self.seed * 1_000_003 + step)
        length = rng.choices(list(self.buckets), weights=self.weights)[0]
        numbers = self.buckets[length]
        count = max(1, self.tokens // length)
        table = vocabulary()
        ids = np.full((count, length), table[PAD], np.int32)
        starts, ends = np.zeros(count, np.int32), np.zeros(count, np.int32)
        at = tries = 0
        while at < count and tries < count * 4:
            tries += 1
            prompt, answer = encoded(wording(self.rows[rng.choice(numbers)], self.way, self.pools, rng))
            size = len(prompt) + len(answer)
            if size > length:
                continue
            ids[at, : len(prompt)] = prompt
            ids[at, len(prompt) : size] = answer
            starts[at], ends[at] = len(prompt), size
            at += 1
        return Batch(ids[: max(at, 1)], starts[: max(at, 1)], ends[: max(at, 1)])


def encoded(words: Wording) -> tuple[list[int], list[int]]:
    """Prompt and answer as token numbers, the answer with its end mark."""
    return encode_prompt(words.prompt), [*encode(words.target), vocabulary()[END]]


def _size(words: Wording) -> int:
    return len(words.prompt) + len(words.target) + 3


def loader(batches: Batches, first: int, workers: int) -> Any:
    """The arrays of the batches from a step on; worker processes make them ahead."""
    from torch.utils.data import DataLoader

    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, len(batches)),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        collate_fn=_as_is,
    )


def _as_is(arrays: Any) -> Any:
    return arrays
