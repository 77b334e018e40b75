"""What a run has seen so far: kept in its checkpoints, drawn as its curve, judged for over-fitting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Point:
    """One step: number (from 1), epoch (from 1), mean loss, learning rate and the gradients' norm."""

    step: int
    epoch: int
    loss: float
    rate: float
    norm: float


@dataclass(frozen=True)
class Look:
    """What was seen after `step` steps, at the end of epoch `epoch` (0 and 0: before the first step)."""

    step: int
    epoch: int
    validation: float | None = None
    spread: float | None = None
    collapse: str | None = None
    files: tuple[str, ...] = ()


@dataclass
class History:
    """Every step and every look, oldest first."""

    points: list[Point] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def looked(self, step: int) -> bool:
        """Whether the look after that step was taken already."""
        return any(look.step == step for look in self.looks)

    @property
    def validations(self) -> list[tuple[int, float]]:
        """(step, mean loss over the held-out split) of every look that had one."""
        return [(look.step, look.validation) for look in self.looks if look.validation is not None]

    @property
    def files(self) -> list[str]:
        """The names of all sample files, oldest first."""
        return [name for look in self.looks for name in look.files]

    def loss_around(self, step: int) -> float | None:
        """The mean training loss of the epoch that ends with `step`, or None before the first step."""
        epoch = next((point.epoch for point in reversed(self.points) if point.step <= step), None)
        losses = [point.loss for point in self.points if point.epoch == epoch and point.step <= step]
        return sum(losses) / len(losses) if losses else None

    def smooth(self) -> list[float]:
        """The exponential mean of the losses over about a twentieth of the run, corrected for its start."""
        beta = 1 - 1 / max(10, len(self.points) / 20)
        means, mean, weight = [], 0.0, 0.0
        for point in self.points:
            mean = beta * mean + (1 - beta) * point.loss
            weight = beta * weight + (1 - beta)
            means.append(mean / weight)
        return means

    def packed(self) -> dict[str, Any]:
        """As plain values, for a checkpoint."""
        return {
            "points": [(one.step, one.epoch, one.loss, one.rate, one.norm) for one in self.points],
            "looks": [asdict(look) for look in self.looks],
        }

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> History:
        """From what `packed` gave."""
        looks = [Look(**{**look, "files": tuple(look["files"])}) for look in packed["looks"]]
        return cls([Point(*point) for point in packed["points"]], looks)
