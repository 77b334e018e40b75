"""A stage whose personas speak by the embedded engine alone: the same sound on every machine."""

from __future__ import annotations

from typing import Any

import yaml

from tests.conftest import ROOT
from tests.e2e.stage import Stage


def speak_embedded(stage: Stage, **room: Any) -> None:
    """Rewrite the stage's configuration before it starts; `room` overrides fields of its room."""
    personas = yaml.safe_load((ROOT / "configs" / "personas.yaml").read_text(encoding="utf-8"))
    for persona in personas["personas"]:
        voice = persona["voice"]
        voice["chain"] = [engine for engine in voice["chain"] if engine["kind"] == "espeak"]
    own = stage.folder / "personas.yaml"
    own.write_text(yaml.safe_dump(personas, allow_unicode=True), encoding="utf-8")
    config = yaml.safe_load(stage.config.read_text(encoding="utf-8"))
    config["include"] = [str(own) if part.endswith("/personas.yaml") else part for part in config["include"]]
    config["rooms"][0] |= room
    stage.config.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
