"""Starts a run from a recipe's file and turns whatever ends it into a sentence and an exit status.

No model library loads before the recipe has been checked whole.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.training.faults import TrainingFailed
from services.training.recipe import BaseRecipe, Recipe, RecipeProblems, read_recipe

DONE = 0
FAILED = 1
WRONG_RECIPE = 2
STOPPED = 130  # as a shell has it after Ctrl-C

NEEDED = ("torch", "transformers", "diffusers", "peft", "safetensors", "matplotlib")
INSTALL = "`make setup-train` (`pip install -e '.[train]'`)"

Say = Callable[[str], None]


def launch(file: Path, *, changes: Mapping[str, str], say: Say, complain: Say) -> int:
    """Run the recipe in a file to its end; `changes` take the place of its keys. Gives the exit status.

    0: the adapter is written. 1: the run failed. 2: the recipe is wrong. 130: stopped by the person, saved.
    """
    try:
        recipe = read_recipe(file, changes=changes)
    except RecipeProblems as found:
        for problem in found.problems:
            complain(problem)
        complain(f"{len(found.problems)} 处问题，没有开始训练 / problems, nothing was trained")
        return WRONG_RECIPE
    if absent := missing_packages(NEEDED):
        complain(absent)
        return FAILED
    if isinstance(recipe, Recipe):
        from services.training.run import exit_status

        return exit_status(recipe, say=say)
    try:
        _train_shipped(recipe)
    except TrainingFailed as error:
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        complain("已停止 / stopped")
        return STOPPED
    return DONE


def changes_told(pairs: Sequence[str], resume: bool | None) -> dict[str, str]:
    """What a command line changes in a recipe: its `KEY=VALUE` pairs, and `resume` where that is told.

    Raises:
        ValueError: a pair is none; the message is a sentence.
    """
    changes = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"--set {pair}: 要写成 KEY=VALUE / must be KEY=VALUE")
        changes[key.strip()] = value
    if resume is not None:
        changes["resume"] = str(resume).lower()
    return changes


def missing_packages(names: Sequence[str]) -> str:
    """A sentence that names the packages that are not installed, and the command; empty where all are. Loads none."""
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"没有安装 {'、'.join(absent)}，请先运行 {INSTALL} / not installed: {', '.join(absent)}; run {INSTALL}"


def _train_shipped(recipe: BaseRecipe) -> None:
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
