"""`python -m services.training RECIPE.yaml [--set key=value]… [--resume | --no-resume]`: one run of one recipe."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from services.training.launch import changes_told, launch


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
    try:
        changes = changes_told(options.changes, options.resume)
    except ValueError as error:
        parser.error(str(error))
    return launch(options.recipe, changes=changes, say=print, complain=partial(print, file=sys.stderr))


if __name__ == "__main__":
    sys.exit(main())
