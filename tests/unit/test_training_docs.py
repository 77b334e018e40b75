"""docs/training.md: its table of keys is the recipe's, and every recipe in it can be read."""

import re
from pathlib import Path

import yaml

from services.training.recipe_aliases import ALIASES
from services.training.recipe_fields import Recipe

GUIDE = Path("docs/training.md").read_text("utf-8")
TABLE = GUIDE.partition("<!-- keys:")[2].partition("<!-- end of keys -->")[0]
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
    for line in TABLE.splitlines()
    if line.startswith("| `")
]


def default(key: str) -> str:
    field = Recipe.model_fields[key]
    if key == "kind":
        return "inferred"
    if field.is_required():
        return "**needed**"
    if field.default_factory is not None:
        return "from `output_dir`"
    value = field.default
    if value is None or value in ((), ""):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def aliases(key: str) -> str:
    return ", ".join(f"`{name}`" for name, target in ALIASES.items() if target == key)


def test_the_table_has_every_key_with_its_default_and_its_other_names():
    table = {key.strip("`"): (value, names) for key, value, _, names in ROWS}
    assert table == {key: (default(key), aliases(key)) for key in Recipe.model_fields}
    assert len(ROWS) == len(table)


def test_every_key_is_explained():
    assert all(len(text) > 5 for _, _, text, _ in ROWS)


def test_the_guide_names_no_key_that_a_recipe_does_not_have():
    recipes = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    found = [one for one in recipes if isinstance(one, dict) and "output_dir" in one]
    assert len(found) == 4
    for recipe in found:
        assert set(recipe) <= set(Recipe.model_fields)
