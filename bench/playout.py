"""What a room's playout costs: CPU-seconds per stream-second of the process and its children.

python -m bench.playout [--seconds 30] [--preset superfast] [--outputs 1]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

from services import wire
from tests.playout import Playout, phrase
from tests.rtmp import Ingest

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU-seconds of a process, its ended children and its living ones."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(entry.parent.name) == pid or int(fields[1]) == pid:
            total += sum(map(int, fields[11:13])) * _TICK_S
    return total


def rss_mb(pid: int) -> int:
    """The memory of a process."""
    return round(int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024)


async def measure(seconds: float, preset: str, outputs: int) -> dict[str, float]:
    """Speak for a while and count."""
    with tempfile.TemporaryDirectory() as folder:
        ingest = Ingest(Path(folder) / "rtmp")
        ingest.start()
        playout = Playout(Path(folder) / "p", width=720, height=1280, preset=preset, video_kbps=2500)
        try:
            await playout.start()
            await playout.connect()
            specs = tuple(
                wire.OutputSpec(name=f"o{n}", url=ingest.url, key=f"goodkey{n}") for n in range(outputs)
            )
            playout.send(wire.SetOutputs(outputs=specs))
            playout.open(wire.SessionMode.ON_AIR)
            answered = 0
            warm_until = time.monotonic() + 5
            began, used = 0.0, 0.0
            while not began or time.monotonic() - began < seconds:
                wants = playout.all(wire.Want)
                if wants and wants[-1].serial > answered:
                    answered = wants[-1].serial
                    playout.send(phrase(f"p{answered}", 2.5, gap_s=0.12), wire.Alive())
                playout.send(wire.Alive())
                await asyncio.sleep(0.1)
                if not began and time.monotonic() > warm_until:
                    assert playout.process is not None
                    began, used = time.monotonic(), cpu_s(playout.process.pid)
            assert playout.process is not None
            wall = time.monotonic() - began
            used = cpu_s(playout.process.pid) - used
            status = playout.status()
            rss = rss_mb(playout.process.pid)
            return {
                "cores": round(used / wall, 3),
                "late_frames": status.late_frames,
                "repeated_frames": status.repeated_frames,
                "reanchors": status.reanchors,
                "rss_mb": rss,
            }
        finally:
            await playout.stop()
            ingest.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--preset", default="superfast")
    parser.add_argument("--outputs", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.seconds, given.preset, given.outputs))))


if __name__ == "__main__":
    main()
