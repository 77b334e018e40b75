"""What a run learns from: sample files, or generated rows with slots in one way of speaking.

Both come to the same: lines whose values may be swapped for others. Swapping teaches a small base
to copy what it is given instead of what it was shown; a real base copies anyway and keeps its values.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from services.training.faults import TrainingFailed
from services.training.language_batches import split
from services.training.language_rows import is_rows, read_rows
from services.training.language_slots import shared, values_of
from services.training.language_values import Pools, common_characters, everyday_words, filled, fresh
from services.training.samples import Kind, Sample, SampleProblems, read_samples, samples_sha256

SWAPPED = 0.7  # of the times that a line is shown


@dataclass(frozen=True)
class Line:
    """A sample with slots in place of its values (none where nothing may be swapped)."""

    sample: Sample
    slots: tuple[tuple[str, str], ...] = ()

    def worded(self, values: Sequence[str] | None = None) -> Sample:
        """The sample with values in its slots; its own where none are given."""
        if not self.slots:
            return self.sample
        given = [own for _, own in self.slots] if values is None else values
        return replace(
            self.sample,
            question=filled(self.sample.question, given) if self.sample.question else None,
            core=filled(self.sample.core, given),
            target=filled(self.sample.target, given),
        )


@dataclass(frozen=True)
class Data:
    """The lines to train on, the samples held out, and what values are swapped for (None: never)."""

    lines: tuple[Line, ...]
    held: tuple[Sample, ...]
    pools: Pools | None
    seed: int

    def line(self, index: int, epoch: int) -> Sample:
        """A line as it is shown in an epoch: a pure function of seed, epoch and index."""
        line = self.lines[index]
        if self.pools is None or not line.slots:
            return line.worded()
        rng = random.Random(f"{self.seed}:{epoch}:{index}")
        if rng.random() >= SWAPPED:
            return line.worded()
        return line.worded(fresh(line.slots, self.pools, rng))

    @cached_property
    def sha256(self) -> str:
        """A digest of all that is learned from and held out, in its order."""
        both = (samples_sha256(line.worded() for line in self.lines), samples_sha256(self.held))
        return hashlib.sha256(":".join(both).encode()).hexdigest()


def read_data(
    files: Sequence[Path],
    held_files: Sequence[Path],
    *,
    way: str,
    share: float,
    seed: int,
    swap: bool,
) -> Data:
    """Read and split: held out are the held files' rows, else a share of the data, by group.

    Raises:
        TrainingFailed: a file cannot be used, or nothing is left to train on.
    """
    lines, pools = _lines(files, way)
    if held_files:
        held = [line.worded() for line in _lines(held_files, way)[0]]
        kept_out = {sample.group for sample in held}
        lines = [line for line in lines if line.worded().group not in kept_out]
    else:
        train, out = split([line.worded().group for line in lines], share=share, seed=seed)
        held = [lines[i].worded() for i in out]
        lines = [lines[i] for i in train]
    if not lines:
        raise TrainingFailed(
            "没有可训练的样本：全部都留作验证了 / no samples are left to train on, all are held out",
            "验证文件里不要放训练样本 / take the training samples out of validation_data",
        )
    if swap and pools is None:
        lines = [_with_slots(line.sample) for line in lines]
        pools = _pools(lines)
    return Data(tuple(lines), tuple(held), pools if swap else None, seed)


def _lines(files: Sequence[Path], way: str) -> tuple[list[Line], Pools | None]:
    rows = [path for path in files if is_rows(path)]
    try:
        if not rows:
            return [Line(sample) for sample in read_samples(files)], None
        if len(rows) < len(files):
            raise ValueError("generated rows and sample files cannot be mixed; train on one of them")
        lines: list[Line] = []
        for path in rows:
            pools, found = read_rows(path)
            known = sorted({name for row in found for name in row.targets})
            if way not in known:
                raise ValueError(f"{path} has no way {way!r}; write way: {' | '.join(known)}")
            for number, row in enumerate(found, 1):
                kind: Kind = "answer" if row.question is not None else "script"
                sample = Sample(f"r{number}", kind, row.question, row.core, row.targets[way])
                lines.append(Line(sample, row.slots))
        return lines, pools
    except SampleProblems as error:
        raise TrainingFailed("\n".join(error.problems)) from error
    except ValueError as error:
        raise TrainingFailed(str(error)) from error


def _with_slots(sample: Sample) -> Line:
    """A sample with slots for the values that its core and its target share."""
    if sample.messages:
        return Line(sample)
    core, question, target, slots = shared(
        sample.core, sample.question or "", sample.target, values_of(sample.facts)
    )
    return Line(replace(sample, core=core, question=question or None, target=target), tuple(slots))


def _pools(lines: Sequence[Line]) -> Pools:
    known: dict[str, set[str]] = {}
    for line in lines:
        for kind, value in line.slots:
            known.setdefault(kind, set()).add(value)
    return Pools(
        {kind: sorted(values) for kind, values in known.items()}, list(everyday_words()), common_characters()
    )
