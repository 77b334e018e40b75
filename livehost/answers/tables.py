"""The tables of words that lie beside this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def packaged_yaml(name: str) -> Any:
    """The contents of one of the package's YAML files."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files("livehost.answers").joinpath(name).read_text(encoding="utf-8"), Loader=loader)
