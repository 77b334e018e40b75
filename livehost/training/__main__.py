"""`python -m livehost.training ROWS.jsonl.gz [--count N] [--seed N] [--rundowns FOLDER]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from livehost.training.rows import write_rows


def main() -> None:
    """Write the rows that the language base and the personas' adapters are trained on."""
    parser = argparse.ArgumentParser(prog="python -m livehost.training", description=main.__doc__)
    parser.add_argument("rows", type=Path, help="the file to write, .jsonl.gz")
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rundowns", type=Path, default=None, help="a folder of rundowns to word anew too")
    args = parser.parse_args()
    written = write_rows(args.rows, count=args.count, seed=args.seed, rundowns=args.rundowns)
    print(f"{written} rows in {args.rows}")


if __name__ == "__main__":
    main()
