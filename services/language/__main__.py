"""`python -m services.language SETTINGS.json`: the language engine's process."""

from __future__ import annotations

import sys

from services.engine import Engine, EngineSettings, run


def make(settings: EngineSettings) -> Engine:
    """The engine that the settings name; torch loads only for a base in this process."""
    match settings.engine:
        case "openai":
            from services.language.remote import RemoteEngine

            return RemoteEngine(settings)
        case _:
            from services.language.engine import LanguageEngine

            return LanguageEngine(settings)


if __name__ == "__main__":
    sys.exit(run(make))
