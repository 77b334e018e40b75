"""An online voice (not written yet)."""

from __future__ import annotations

from services.speech.types import EngineSpec, EngineUnavailable, Script, Take


class Edge:
    """An engine that is never there."""

    async def synthesise(self, script: Script, spec: EngineSpec) -> Take:
        """Raises EngineUnavailable."""
        raise EngineUnavailable("not written yet", unreachable=True)

    async def aclose(self) -> None:
        """Nothing is held."""
