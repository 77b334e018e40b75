"""What the host says while her playout is measured: the demo's script, voiced by the embedded engine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from livehost.casting import Casting, card
from livehost.catalog import Catalog
from livehost.check import read_settings
from livehost.lines import Line
from livehost.settings import Settings
from livehost.voicing import Voicer
from livehost.writer import TemplateWriter
from services import wire
from services.speech import Speaker
from tests.conftest import ROOT

PERSONA, RUNDOWN = "tang-morning", "morning-skincare"


async def phrases(folder: Path, seconds: float) -> list[wire.Phrase]:
    """At least so many seconds of the rundown's phrases, with words, visemes and product cards."""
    settings = embedded_only(read_settings(ROOT / "configs" / "demo.yaml", review=False))
    catalog = Catalog.load(settings.catalog)
    now = datetime.now(UTC)
    cast = Casting(settings, settings.rooms[0]).cast(PERSONA, RUNDOWN)
    writer = TemplateWriter(platform=settings.rooms[0].platform)
    found: list[wire.Phrase] = []
    async with Speaker(folder / "speech", offline=True) as speaker:
        voicer, turn = Voicer(speaker), 0
        while sum(len(phrase.pcm) for phrase in found) / 2 / wire.SAMPLE_RATE_HZ < seconds:
            segment = cast.rundown.segments[turn % len(cast.rundown.segments)]
            turn += 1
            written = await writer.script(
                segment,
                cast,
                catalog,
                now,
                lambda true, turn=turn: true[turn % len(true)][0],  # type: ignore[misc]
            )
            if written is None or not written[1].texts:
                continue
            shown = card(catalog, segment.product, show_prices=True, images=settings.catalog.parent, now=now)
            line = Line(kind=wire.PhraseKind.SCRIPT, cast=cast, draft=written[1], card=shown)
            await voicer.voice(line, lambda: None)
            if line.failed:
                raise RuntimeError(f"the embedded voice failed: {line.failed}")
            found += [phrase for phrase in line.voiced if phrase is not None]
    return [msgspec.structs.replace(phrase, session="s1") for phrase in found]


def embedded_only(settings: Settings) -> Settings:
    """The settings with personas that speak by the embedded engine alone."""
    personas = []
    for persona in settings.personas:
        chain = tuple(engine for engine in persona.voice.chain if engine.kind == "espeak")
        voice = persona.voice.model_copy(update={"chain": chain})
        personas.append(persona.model_copy(update={"voice": voice}))
    return settings.model_copy(update={"personas": tuple(personas)})
