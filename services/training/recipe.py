"""A run's recipe: one YAML file, checked whole before any model is loaded.

RecipeProblems   the recipe cannot be used; holds every problem, each with file, line, key, value and mend
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from services.training.recipe_aliases import ALIASES, NOT_HERE, plain_name
from services.training.recipe_base import check_base, kind_of
from services.training.recipe_checks import (
    check_keys,
    check_output,
    with_consent,
    with_data,
    with_parent,
    with_prompts,
)
from services.training.recipe_fields import EMBEDDED_BASES, BaseKind, BaseRecipe, Kind, Recipe
from services.training.recipe_paths import EMBEDDED, exists, placed
from services.training.recipe_problems import Findings, RecipeProblems, note_invalid
from services.training.recipe_yaml import Keys, read_keys, read_value

__all__ = ["BaseRecipe", "Kind", "Recipe", "RecipeProblems", "read_recipe"]

_Model = TypeVar("_Model", bound=BaseModel)


def read_recipe(path: Path, *, changes: Mapping[str, str] | None = None) -> Recipe | BaseRecipe:
    """The recipe in a file, with `changes` (a command line's `key=value`) in place of what it says.

    Raises:
        RecipeProblems: with everything that is wrong with it, its data and its base.
    """
    keys, problems = read_keys(path)
    findings = Findings(path, problems=problems)
    told = _changed(keys, changes or {}, findings)
    shipped = keys.values.get("kind") in get_args(BaseKind)
    values = _named(keys, BaseRecipe if shipped else Recipe, findings)
    values = placed(
        values, findings, beside=Path(os.path.abspath(path)).parent, told=told, found_in_cwd=not shipped
    )
    recipe: Recipe | BaseRecipe | None
    if shipped:
        recipe = _made(BaseRecipe, values, findings)
    else:
        recipe = _made(Recipe, _checked(values, findings), findings)
    findings.raise_any()
    assert recipe is not None  # what could not be made was noted
    return recipe


def _changed(keys: Keys, changes: Mapping[str, str], findings: Findings) -> set[str]:
    """Put the command line's values over the file's; gives the recipe's names of their keys."""
    told = set()
    for written, text in changes.items():
        target = _target(written)
        told.add(target)
        for old in [one for one in keys.values if _target(one) == target]:
            del keys.values[old]
        keys.places[written] = "--set"
        try:
            keys.values[written] = read_value(text)
        except ValueError as error:
            findings.note(written, f"值读不懂（{error}）", f"the value cannot be read ({error}); quote it")
    return told


def _target(written: str) -> str:
    name = plain_name(written)
    return ALIASES.get(name, name)


def _named(keys: Keys, model: type[BaseModel], findings: Findings) -> dict[str, Any]:
    """The values by the recipe's own names, empty ones left out; unknown and doubled keys are noted."""
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    written: dict[str, str] = {}
    as_written = Findings(findings.file, keys.places, keys.values, problems=findings.problems)
    for key, value in keys.values.items():
        name = _target(key)
        if name not in model.model_fields:
            as_written.note(key, *_unknown(name, model))
        elif name in values and values[name] != value:
            as_written.note(
                key,
                f"与 {written[name]} 是同一项，值却不同，只留一个",
                f"is the same as {written[name]} with another value; keep one",
            )
        elif value is not None:
            values[name], written[name], places[name] = value, key, keys.places[key]
    findings.given, findings.places, findings.written = dict(values), places, written
    return values


def _unknown(name: str, model: type[BaseModel]) -> tuple[str, str]:
    if name in NOT_HERE:
        return NOT_HERE[name]
    known = {field: field for field in model.model_fields}
    known |= {alias: field for alias, field in ALIASES.items() if field in known and alias not in known}
    if close := difflib.get_close_matches(name, known, 1, cutoff=0.6):
        return f"没有这一项，是不是想写 {known[close[0]]}？", f"unknown key; did you mean {known[close[0]]}?"
    return (
        "没有这一项，请删掉或改名；例子见 configs/train",
        "unknown key; take it out (see configs/train for examples)",
    )


def _checked(given: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """The keys with the kind found and defaults that follow from files filled in; every file is checked."""
    values = with_prompts(with_consent(_lower(given), findings), findings)
    check_output(values, findings)
    kind: Kind | None
    match values.get("kind"):
        case "language" | "visual" as kind:
            pass
        case None:
            kind = kind_of(values)
            values["kind"] = kind or "visual"
            if kind is None:
                _note_kind(values, findings)
        case _:
            kind = None  # the model says it
    if kind is None:
        return values
    base = values.get("base_model")
    if isinstance(base, Path):
        if str(base) == EMBEDDED:
            values["base_model"] = EMBEDDED_BASES[kind]
        elif exists(base):
            check_base(base, kind, findings)
    check_keys(kind, values, findings)
    return with_data(kind, with_parent(kind, values, findings), findings)


def _note_kind(values: Mapping[str, Any], findings: Findings) -> None:
    named = [values.get(key) for key in ("base_model", "train_data_dir", "metadata_path")]
    if any(isinstance(one, Path) and str(one) != EMBEDDED and not exists(one) for one in named):
        return  # that is noted, and the kind may follow from it
    findings.note(
        "kind",
        "从底座和数据看不出练的是图像还是语言，请写 kind: visual 或 kind: language",
        "cannot be told from the base and the data; write kind: visual or kind: language",
    )


def _lower(values: dict[str, Any]) -> dict[str, Any]:
    """Choices as other trainers write them (`AdamW`, `BF16`)."""
    choices = ("kind", "optimizer", "lr_scheduler", "mixed_precision", "device", "resume")
    return {
        key: value.lower() if key in choices and isinstance(value, str) else value
        for key, value in values.items()
    }


def _made(model: type[_Model], values: Mapping[str, Any], findings: Findings) -> _Model | None:
    """The model of the values; what it refuses is noted, once for a key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        note_invalid(findings, error)
        return None
