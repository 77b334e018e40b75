"""Micro-batches of rows of like length, and the split that holds some rows out.

An epoch's batches are a pure function of (seed, epoch). Each time rows are sorted by their length
with some noise: little is padded, and rows meet other rows in every epoch. The longest batch comes
first, so that memory runs out at once or never.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

NOISE = 0.12  # of a row's length


def batches(lengths: Sequence[int], *, size: int, seed: int, epoch: int) -> list[list[int]]:
    """Every row's index once, in micro-batches of `size` rows (the last may be smaller)."""
    rng = random.Random(seed * 1_000_003 + epoch)
    keys = [length * (1 + NOISE * rng.random()) for length in lengths]
    order = sorted(range(len(lengths)), key=keys.__getitem__, reverse=True)
    made = [order[at : at + size] for at in range(0, len(order), size)]
    if not made:
        return []
    rest = made[1:]
    rng.shuffle(rest)
    return [made[0], *rest]


def split(groups: Sequence[str], *, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on and to hold out; rows of one group are never on both sides.

    Groups go by a digest of the seed and their name, so that adding rows moves few of the others.
    """
    wanted = round(share * len(groups))
    names = sorted(set(groups), key=lambda g: hashlib.sha256(f"{seed}:{g}".encode()).digest())
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    held: set[str] = set()
    count = 0
    for name in names[:-1]:  # one group at least is trained on
        if count >= wanted:
            break
        if count + sizes[name] <= max(wanted, 1) * 2:
            held.add(name)
            count += sizes[name]
    train = [i for i, group in enumerate(groups) if group not in held]
    return train, [i for i, group in enumerate(groups) if group in held]
