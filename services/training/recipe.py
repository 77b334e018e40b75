"""A run's recipe: one YAML file, checked whole before any model is loaded.

RecipeProblems   the recipe cannot be used; holds every problem, each with file, key and mend
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = Literal["language-base", "vision-base", "language", "visual"]


class RecipeProblems(Exception):
    """A recipe cannot be used; `problems` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Recipe(BaseModel):
    """What a run is told. Paths are absolute once read (relative to the recipe's folder).

    A run ends at `steps` or after `minutes`, whichever comes first, and writes into `output_dir`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    output_dir: Path
    base_model: Path | None = Field(None, description="the base that an adapter is trained on")
    train_data: tuple[Path, ...] = Field((), description="rows: .jsonl or .jsonl.gz")
    persona: str = ""
    version: str = "1"
    consent: Path | None = Field(None, description="the consent's YAML that goes into the card")
    trigger_words: tuple[str, ...] = ()
    lora_rank: int = Field(8, ge=1, le=128)
    lora_alpha: float | None = Field(None, description="default: twice the rank")
    steps: int = Field(1000, ge=1)
    minutes: float | None = Field(None, gt=0)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    warmup: int = Field(100, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    seed: int = 0
    device: str = "auto"
    threads: int = Field(0, ge=0, description="0: all cores")
    resume: bool = Field(False, description="go on from output_dir/checkpoint.pt")
    save_every: int = Field(500, ge=1)
    sizes: dict[str, Any] = Field({}, description="the model's measures, as the kind names them")


def read_recipe(path: Path) -> Recipe:
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
    recipe = None
    try:
        recipe = Recipe.model_validate(data)
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
