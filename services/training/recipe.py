"""A run's recipe: one YAML file, checked whole before any model is loaded.

RecipeProblems   the recipe cannot be used; holds every problem, each with file, key and mend
"""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import ValidationError

from services.training.recipe_fields import BaseRecipe, Kind, Recipe

__all__ = ["BaseRecipe", "Kind", "Recipe", "RecipeProblems", "read_recipe"]


class RecipeProblems(Exception):
    """A recipe cannot be used; `problems` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_recipe(path: Path) -> Recipe | BaseRecipe:
    """The recipe in a file.

    Raises:
        RecipeProblems: with everything that is wrong with it.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeProblems([f"{path} cannot be read: {error.strerror}; name a recipe"]) from error
    except yaml.YAMLError as error:
        raise RecipeProblems([f"{path} is not YAML: {error}; mend that line"]) from error
    if not isinstance(data, dict):
        raise RecipeProblems([f"{path} holds no keys; see configs/train for examples"])
    folder = path.resolve().parent
    for key in ("output_dir", "base_model", "consent"):
        if isinstance(data.get(key), str):
            data[key] = (folder / data[key]).resolve()
    if isinstance(data.get("train_data"), str):
        data["train_data"] = [data["train_data"]]
    if isinstance(data.get("train_data"), list):
        data["train_data"] = [(folder / str(one)).resolve() for one in data["train_data"]]
    problems = []
    recipe: Recipe | BaseRecipe | None = None
    try:
        recipe = (Recipe if data.get("kind") in (None, "language", "visual") else BaseRecipe).model_validate(
            data
        )
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key = ".".join(map(str, detail["loc"]))
            close = difflib.get_close_matches(key, Recipe.model_fields, 1)
            mend = (
                f"did you mean {close[0]}?" if close and detail["type"] == "extra_forbidden" else "correct it"
            )
            problems.append(f"{path}: {key}: {detail['msg']}; {mend}")
    if recipe is not None:
        files = [*recipe.train_data, *filter(None, (recipe.base_model, recipe.consent))]
        problems += [f"{path}: {one} does not exist; mend the path" for one in files if not one.exists()]
    if problems or recipe is None:
        raise RecipeProblems(problems)
    return recipe
