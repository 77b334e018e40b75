"""Reads the configuration and says everything that is wrong with it at once.

`read_settings` is the only way from files to `Settings`; `livehost check` prints what it raises.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from livehost.casting import BUILTIN
from livehost.chat.source_settings import MODELS
from livehost.check_models import check_model_files, check_models
from livehost.check_rooms import check_rooms
from livehost.check_words import check_words
from livehost.config_file import read_file
from livehost.config_parts import Parts
from livehost.problems import Findings, KeyPath, Problem, Said, SettingsProblems, Tongue, of_validation
from livehost.settings import Settings

__all__ = ["Problem", "SettingsProblems", "read_settings", "settings_hash"]


def read_settings(
    path: Path,
    env: Mapping[str, str] = os.environ,
    tongue: Tongue | None = None,
    *,
    review: bool = True,
    models: date | None = None,
) -> Settings:
    """The configuration at `path`, checked; raises SettingsProblems with all that is wrong.

    Messages are in `tongue`, else in English where LIVEHOST_LANG or LANG says so, else in Chinese.
    Without `review` the lines are not held against the compliance rules, which takes seconds. With
    `models`, a day, the bases' directories and the adapters are looked into, as they stand on it.
    """
    path = path.resolve()
    findings = Findings(file=path, tongue=tongue or _tongue(env))
    data = read_file(path, findings, env)
    if data is None:
        if not findings.problems:
            findings.add(
                (),
                Said(
                    "配置文件是空的", "从 configs/demo.yaml 抄一份开始", "the file is empty", "copy demo.yaml"
                ),
            )
        findings.raise_if_any()
    _absolute(data, findings)
    if isinstance(data, dict) and not data.get("redis_url"):
        data["redis_url"] = env.get("LIVEHOST_REDIS_URL") or None
    settings = None
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        for detail in _causes(error.errors(include_url=False, include_input=False)):
            findings.add(_written(detail["loc"]), of_validation(detail, _known_keys(detail["loc"])))
    parts = Parts(data)
    check_rooms(parts, findings)
    catalog = check_words(parts, findings, review=review)
    check_models(parts, findings, None if catalog is None else [one.id for one in catalog.products])
    if models is not None and settings is not None:
        check_model_files(settings, findings, models)
    findings.raise_if_any()
    assert settings is not None
    return settings


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """The errors without those that only follow from one inside (a list short of its bad item)."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(
            len(error["loc"]) < len(place) and place[: len(error["loc"])] == error["loc"] for place in places
        )
    ]


def settings_hash(settings: Settings) -> str:
    """A short hash of everything but the secrets: equal settings, equal hash."""
    plain = json.dumps(settings.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def _tongue(env: Mapping[str, str]) -> Tongue:
    return "en" if env.get("LIVEHOST_LANG", env.get("LANG", "")).lower().startswith("en") else "zh"


def _absolute(data: Any, findings: Findings) -> None:
    """Make the paths in the raw data absolute, each from the folder of the file it stands in."""
    if not isinstance(data, dict):
        return
    for key in ("state_dir", "catalog", "font", "adapters"):
        if isinstance(data.get(key), str):
            data[key] = str(_from(findings, (key,), data[key]))
    models = data.get("models")
    for role in ("language", "vision"):
        model = models.get(role) if isinstance(models, dict) else None
        if isinstance(model, dict) and isinstance(model.get("base"), str):
            model["base"] = str(_from(findings, ("models", role, "base"), model["base"]))
    personas = data.get("personas")
    for index, persona in enumerate(personas if isinstance(personas, list) else []):
        look = persona.get("look") if isinstance(persona, dict) else None
        if isinstance(look, str) and not look.startswith(BUILTIN):
            persona["look"] = str(_from(findings, ("personas", index, "look"), look))


def _from(findings: Findings, path: KeyPath, value: str) -> Path:
    """The path that a value names; one that no disk can have is a problem, and made one that is not there."""
    folder = findings.place(path)[0].parent
    try:
        whole = (folder / Path(value).expanduser()).resolve()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            whole.stat()
        return whole
    except (ValueError, RuntimeError, OSError) as error:
        cause = ascii(getattr(error, "strerror", None) or str(error))
        said = Said(
            f"路径不能用：{value[:80]!a}（{cause}）",
            "改成这台机器上的一个路径",
            f"the path {value[:80]!a} cannot be used ({cause})",
            "write a path of this machine",
        )
        findings.add(path, said)
        return folder / ascii(value[:80]).replace("/", "_")


def _written(loc: tuple[str | int, ...]) -> KeyPath:
    """The path as it stands in the file: without names of validators, and of a source's kind."""
    steps = [step for step in loc if step not in ("function-after", "function-before")]
    return tuple(
        step for place, step in enumerate(steps) if not (place > 1 and steps[place - 2] == "sources")
    )


def _known_keys(loc: tuple[str | int, ...]) -> list[str]:
    """The keys of the model in which a validation error's last step stands."""
    model: type[BaseModel] = Settings
    for step in loc[:-1]:
        model = MODELS.get(str(step), model) if isinstance(step, str) else model
        if isinstance(step, int) or step not in model.model_fields:
            continue
        model = _model_in(model.model_fields[str(step)].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
