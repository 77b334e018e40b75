"""When things fall in a run: the step's batches, its learning rate, the ends of epochs. Pure functions of the step.

Nothing here looks at a clock, so a run that was stopped goes on exactly as it would have gone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.training.faults import TrainingFailed

SchedulerName = Literal[
    "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"
]
RESTARTS = 3  # how often cosine_with_restarts falls
POWER = 2.0  # of polynomial

Batches = Sequence[Sequence[int]]


def rate_factor(name: SchedulerName, step: int, steps: int, warmup: int) -> float:
    """What the learning rate is multiplied by at step 0 … steps - 1; in (0, 1].

    It rises over `warmup` steps, linearly and never from 0; what then falls, falls over the rest.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    share = (step - warmup) / max(1, steps - warmup)
    match name:
        case "constant" | "constant_with_warmup":
            return 1.0
        case "linear":
            return 1.0 - share
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * share))
        case "cosine_with_restarts":
            return 0.5 * (1 + math.cos(math.pi * (share * RESTARTS % 1.0)))
        case "polynomial":
            return (1.0 - share) ** POWER


def warmup_steps(warmup: float, steps: int) -> int:
    """Warm-up as a number of steps, from a number of them (1 or more) or a share of the run (below 1)."""
    return min(steps, int(warmup) if warmup >= 1 else round(warmup * steps))


def seed_of(seed: int, what: str, number: int) -> int:
    """The seed of torch's generator for one step (validation, sampling) of a run: 63 bits."""
    digest = hashlib.blake2b(f"{seed}:{what}:{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass
class Plan:
    """Which batches each step takes. A step takes `accumulation` micro-batches of its epoch; the last one of
    an epoch takes what is left. Every epoch has `per_epoch` steps, the last one of a capped run fewer."""

    epoch: Callable[[int], Batches]
    accumulation: int
    per_epoch: int
    steps: int
    _kept: tuple[int, Batches]

    @classmethod
    def of(cls, epoch: Callable[[int], Batches], *, epochs: int, accumulation: int, most: int | None) -> Plan:
        """The plan of a run of so many epochs, of at most `most` steps.

        Raises:
            TrainingFailed: an epoch has no batches.
        """
        first = epoch(0)
        per_epoch = -(-len(first) // accumulation)
        if not per_epoch:
            raise TrainingFailed(
                "训练数据是空的 / there is nothing to train on",
                "加入图片或句子，或调低 validation_share / add pictures or lines, or lower validation_share",
            )
        steps = epochs * per_epoch
        return cls(epoch, accumulation, per_epoch, steps if most is None else min(steps, most), (0, first))

    @property
    def epochs(self) -> int:
        """How many epochs the run enters."""
        return self.epoch_of(self.steps - 1) + 1

    def epoch_of(self, step: int) -> int:
        """The epoch (from 0) that step number `step` (from 0) belongs to."""
        return step // self.per_epoch

    def ends_epoch(self, done: int) -> bool:
        """Whether an epoch, or the run, is over when `done` steps are done."""
        return done > 0 and (done % self.per_epoch == 0 or done == self.steps)

    def batches(self, step: int) -> Batches:
        """The micro-batches of a step (from 0)."""
        number, within = divmod(step, self.per_epoch)
        if self._kept[0] != number:
            self._kept = (number, self.epoch(number))
        at = within * self.accumulation
        return self._kept[1][at : at + self.accumulation]
