"""`python -m services.training RECIPE.yaml`: one run of one recipe.

Heavy libraries load with the kind of run that needs them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from services.training.recipe import RecipeProblems, read_recipe

EXIT_RECIPE = 2


def main() -> int:
    """Run the recipe that the command line names; returns the exit status."""
    if len(sys.argv) != 2:
        print("usage: python -m services.training RECIPE.yaml", file=sys.stderr)
        return EXIT_RECIPE
    try:
        recipe = read_recipe(Path(sys.argv[1]))
    except RecipeProblems as found:
        for problem in found.problems:
            print(problem, file=sys.stderr)
        return EXIT_RECIPE
    match recipe.kind:
        case "language-base":
            from services.training.language_base import train as train_language_base

            train_language_base(recipe)
        case "vision-base":
            from services.training.vision_base import train as train_vision_base

            train_vision_base(recipe)
        case "language-ways":
            from services.training.language_adapter import train as train_language

            train_language(recipe)
        case "visual-colours":
            from services.training.visual_adapter import train as train_visual

            train_visual(recipe)
    return 0


if __name__ == "__main__":
    sys.exit(main())
