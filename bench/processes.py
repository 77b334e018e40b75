"""What processes cost, read from /proc: CPU-seconds with all descendants, and memory."""

from __future__ import annotations

import os
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU-seconds so far of a process and all below it, those that ended and were waited for included."""
    own: dict[int, tuple[int, float]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        own[int(entry.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])) * _TICK_S)
    below = {pid}
    while more := {child for child, (parent, _) in own.items() if parent in below} - below:
        below |= more
    return sum(own[each][1] for each in below if each in own)


def rss_mb(pid: int) -> float:
    """The memory that a process holds."""
    return round(int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024, 1)


def load() -> float:
    """The machine's load average of the last minute."""
    return os.getloadavg()[0]
