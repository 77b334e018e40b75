"""`python -m services.training RECIPE.yaml [--set key=value]… [--resume | --no-resume]`: one run of one recipe."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from services.training.launch import launch


def main() -> int:
    """Run the recipe that the command line names; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.training", description=main.__doc__)
    parser.add_argument("recipe", type=Path, help="the run's YAML; see configs/train")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="in place of a key"
    )
    parser.add_argument(
        "--resume", action=argparse.BooleanOptionalAction, help="go on with an unfinished run of the recipe"
    )
    options = parser.parse_args()
    changes = {}
    for change in options.changes:
        key, equals, value = change.partition("=")
        if not equals or not key:
            parser.error(f"--set {change}: 要写成 key=value / must be key=value")
        changes[key] = value
    if options.resume is not None:
        changes["resume"] = str(options.resume).lower()
    return launch(options.recipe, changes=changes, say=print, complain=partial(print, file=sys.stderr))


if __name__ == "__main__":
    sys.exit(main())
