"""A stage with both embedded bases and an adapter library."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.e2e.stage import Stage


def with_models(stage: Stage, library: Path, **top: object) -> None:
    """Rewrite the stage's configuration before it starts; `top` overrides keys of its top level."""
    config = yaml.safe_load(stage.config.read_text(encoding="utf-8"))
    config["adapters"] = str(library)
    config["models"] = {"language": {"engine": "embedded"}, "vision": {"engine": "embedded"}}
    config |= top
    stage.config.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


def engines_ready(stage: Stage) -> bool:
    """Whether both engines have their base."""
    answer = stage.client.get("/v1/engines")
    return answer.status_code == 200 and all(one["state"] == "ready" for one in answer.json()["items"])


def dressed(stage: Stage, persona: str) -> bool:
    """Whether a persona is on air with both adapters and all her looks."""
    room = stage.room()
    return room["on_air"]["persona"] == persona and room["wearing"]["state"] == "dressed"
