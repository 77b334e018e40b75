"""`python -m bench [--quick] [--only chain|show]`: the figures that the README quotes.

Prints a table, then one JSON object as its last line. Raw rows are left in `bench/out/`. The goals are
printed beside the figures and change nothing: the exit status is 0 once everything was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from typing import Any

from bench import chain, show
from bench.processes import load

GOALS = {
    "chain_over_encoder": 1.9,
    "cores_per_room": 0.65,
    "late_frames": 0,
    "answer_p95_s": 5.0,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, to see that it works")
    parser.add_argument("--only", choices=("chain", "show"), help="one part")
    given = parser.parse_args()
    figures: dict[str, Any] = {
        "quick": given.quick,
        "cpus": len(os.sched_getaffinity(0)),
        "load_before": round(load(), 2),
    }
    if given.only in (None, "chain"):
        figures |= asyncio.run(chain.measure(given.quick))
    if given.only in (None, "show"):
        figures |= show.measure(given.quick)
    for name, value in figures.items():
        goal = f"goal <= {GOALS[name]}" if name in GOALS else ""
        print(f"{name:32} {value!s:>12}   {goal}")
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
