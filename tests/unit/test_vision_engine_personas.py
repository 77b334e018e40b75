"""The embedded base and the demo's adapters through the engine: each persona is seen, and goes with its adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from services import wire
from services.avatar.looks import builtin_look, load_look
from services.engine import EngineSettings
from services.model_directory import check_vision_base, slot_bytes
from services.vision.engine import BUILTIN_BASE, VisionEngine
from services.vision.template import read_template
from tests.unit.look_colours import region_colours

LIBRARY = Path(__file__).parents[2] / "adapters"
PERSONAS = {
    "tang-morning": ("morning", "棠晨"), "tang-evening": ("evening", "棠夜"), "tang-lady": ("tangzhuang", "唐妆"),
}  # fmt: skip
TOLD_BY = ("dress", "set", "skin")  # two of the personas have nearly the same hair

pytestmark = pytest.mark.skipif(
    not (BUILTIN_BASE / "model_index.json").is_file(), reason="the embedded base is not trained yet"
)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[VisionEngine]:
    engine = VisionEngine(
        EngineSettings(socket=str(tmp_path / "v.sock"), engine="embedded", cache_dir=str(tmp_path / "looks"))
    )
    await engine.start()
    assert engine.state().ready, engine.state().error
    yield engine
    await engine.close()


async def test_a_slot_is_as_large_as_the_check_says(engine: VisionEngine) -> None:
    assert check_vision_base(BUILTIN_BASE) == []
    assert engine.state().slot_bytes == slot_bytes(BUILTIN_BASE, 16)


async def staged(engine: VisionEngine, persona: str) -> str:
    folder = LIBRARY / persona / "visual" / "1"
    answer = await engine.handle(wire.Stage(request="s", adapter=f"{persona}.visual.1", folder=str(folder)))
    assert isinstance(answer, wire.Staged) and answer.ok, answer
    return answer.sha256


async def look(engine: VisionEngine, template: str, word: str, adapter: str) -> wire.LookMade:
    made = await engine.handle(
        wire.MakeLook(
            request="m", room="a", template=str(builtin_look(template)), prompt=f"主播{word}，直播画面",
            negative="模糊，低质量", seed=7, guidance=1.5, adapter=adapter, steps=8,
        )
    )  # fmt: skip
    assert isinstance(made, wire.LookMade) and made.ok, made
    return made


def colours(folder: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    told = region_colours(read_template(Path(folder)))
    return np.concatenate([told[name] for name in TOLD_BY])


async def test_the_plate_goes_with_the_adapter(engine: VisionEngine) -> None:
    """Each persona's own look is the reference; the adapters exchanged, the plates exchange."""
    adapters = {persona: await staged(engine, persona) for persona in PERSONAS}
    own = {}
    for persona, (template, word) in PERSONAS.items():
        made = await look(engine, template, word, adapters[persona])
        own[persona] = colours(made.folder)
        assert made.measures["face"] > 0.95 and made.measures["mottling_skin"] < 1
        assert sum(made.measures[f"delta_e_{name}"] > 6 for name in ("hair", "dress", "skin", "set")) >= 3
    for wearer, worn in (("tang-morning", "tang-evening"), ("tang-evening", "tang-morning")):
        made = await look(engine, PERSONAS[wearer][0], PERSONAS[worn][1], adapters[worn])
        seen = colours(made.folder)
        nearest = min(own, key=lambda persona: float(np.linalg.norm(own[persona] - seen)))
        assert nearest == worn


async def test_without_its_adapter_a_persona_is_the_template(engine: VisionEngine) -> None:
    adapter = await staged(engine, "tang-evening")
    worn, bare = [await look(engine, "evening", "棠夜", sha) for sha in (adapter, "")]
    assert worn.key != bare.key
    for region in ("hair", "dress", "set"):
        assert bare.measures[f"delta_e_{region}"] < 6 < worn.measures[f"delta_e_{region}"], region
    frames = [load_look(Path(made.folder)).resting.astype(int) for made in (worn, bare)]
    assert np.abs(frames[0] - frames[1]).mean() > 3
