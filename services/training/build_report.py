"""What building a data set did: what was kept, what was left out and why, and what an operator should mend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class BuildReport:
    """A build's outcome, the same for pictures and for text.

    Args:
        kept: how many pictures or samples the data set holds.
        dropped: how many were left out by reason; a reason is one sentence, Chinese first (`太模糊 / too blurred`).
        warnings: sentences to act on, Chinese first, the most telling first.
        files: what was written, the data set's own file first.
        details: what `report.json` holds besides, JSON-able.
    """

    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """How many there were: kept and left out."""
        return self.kept + sum(self.dropped.values())

    def lines(self) -> list[str]:
        """The report as it is printed: counts, then warnings, then the files."""
        out = [f"保留 {self.kept} / 共 {self.seen} / kept {self.kept} of {self.seen}"]
        out += [f"  − {count} {reason}" for reason, count in sorted(self.dropped.items(), key=_by_count)]
        out += [f"  ! {one}" for one in self.warnings]
        return [*out, *(f"  → {one}" for one in self.files)]

    def content(self) -> dict[str, Any]:
        """The report as `report.json` holds it."""
        return {
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items(), key=_by_count)),
            "warnings": list(self.warnings),
            "files": [one.name for one in self.files],
            **self.details,
        }


def _by_count(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]
