"""The vision engine: looks asked for, made, kept, refused; adapters staged and proved."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from services import wire
from services.avatar.looks import builtin_look, read_look_file
from services.engine import EngineSettings
from services.vision import painter as painters
from services.vision.colour import Floats
from services.vision.engine import VisionEngine
from services.vision.painter import Painter
from services.vision.template import read_template
from tests.unit.vision_bases import adapter, tiny_embedded
from tests.unit.vision_painter import ScriptedPainter, recoloured

TEMPLATE = builtin_look("morning")
RED = {"dress": (42.0, 55.0, 30.0), "hair": (25.0, 8.0, 10.0)}
BLUE = {"dress": (40.0, 5.0, -45.0), "set": (60.0, 0.0, -15.0)}


@pytest.fixture(scope="module")
def red() -> Floats:
    return recoloured(read_template(TEMPLATE), RED)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedded(tmp_path_factory.mktemp("base"), template=TEMPLATE)


Start = Callable[..., "asyncio.Future[VisionEngine]"]


@pytest.fixture
async def start(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts an engine on the tiny base, or with a scripted painter in its place."""
    engines: list[VisionEngine] = []

    async def started(painter: Painter | None = None, **changes: object) -> VisionEngine:
        if painter is not None:
            monkeypatch.setattr("services.vision.engine.open_painter", lambda kind, settings: painter)
        fields = {"socket": str(tmp_path / "v.sock"), "engine": "embedded", "base": str(base)}
        fields |= {"cache_dir": str(tmp_path / "looks"), **changes}
        engine = VisionEngine(EngineSettings(**fields))  # type: ignore[arg-type]
        engines.append(engine)
        await engine.start()
        return engine

    yield started  # type: ignore[misc]
    for engine in engines:
        await engine.close()


def order(**changes: object) -> wire.MakeLook:
    fields: dict[str, object] = {
        "request": "1",
        "room": "a",
        "template": str(TEMPLATE),
        "prompt": "red dress",
    }
    return wire.MakeLook(**(fields | changes))  # type: ignore[arg-type]


async def make(engine: VisionEngine, **changes: object) -> wire.LookMade:
    made = await engine.handle(order(**changes))
    assert isinstance(made, wire.LookMade)
    return made


async def test_a_look_is_made_once_and_then_found(start: Start, red: Floats) -> None:
    painter = ScriptedPainter(red)
    engine = await start(painter)
    first = await make(engine)
    assert first.ok and not first.cached, first.errors
    again = await make(engine, request="2", room="b")
    assert again.ok and again.cached and again.folder == first.folder and again.request == "2"
    assert again.measures == first.measures
    assert len(painter.orders) == 1
    assert read_look_file(Path(first.folder)).landmarks == read_look_file(TEMPLATE).landmarks
    assert engine.state().served == 2
    about = json.loads((Path(first.folder) / "made.json").read_text())["about"]
    assert about["prompt"] == "red dress" and "AI" in about["made_by"]


async def test_everything_that_decides_the_picture_is_in_the_key(start: Start, red: Floats) -> None:
    engine = await start(ScriptedPainter(red))
    keys = [(await make(engine)).key]
    for change in (
        {"prompt": "blue dress"}, {"negative": "blurry"}, {"seed": 1}, {"strength": 0.5}, {"guidance": 3.0},
        {"steps": 5}, {"template": str(builtin_look("evening"))},
    ):  # fmt: skip
        keys.append((await make(engine, **change)).key)
    assert len(set(keys)) == len(keys)


async def test_the_same_look_asked_for_twice_at_a_time_is_painted_once(start: Start, red: Floats) -> None:
    painter = ScriptedPainter(red)
    engine = await start(painter)
    both = await asyncio.gather(make(engine, request="1"), make(engine, request="2", room="b"))
    assert all(made.ok for made in both)
    assert {made.request for made in both} == {"1", "2"}
    assert len(painter.orders) == 1


async def test_a_torn_or_altered_look_is_made_again(start: Start, red: Floats) -> None:
    painter = ScriptedPainter(red)
    engine = await start(painter)
    folder = Path((await make(engine)).folder)
    for spoil in (
        lambda: (folder / "head.png").write_bytes((folder / "head.png").read_bytes()[:-40]),
        lambda: (folder / "table.png").unlink(),
        lambda: (folder / "made.json").write_text("{"),
    ):
        spoil()
        made = await make(engine)
        assert made.ok and not made.cached
    assert (await make(engine)).cached
    assert len(painter.orders) == 4


async def test_a_bad_picture_is_refused_and_nothing_is_kept(
    start: Start, red: Floats, tmp_path: Path
) -> None:
    painter = ScriptedPainter(
        np.zeros_like(red), np.full_like(red, np.nan), RuntimeError("out of memory"), red
    )
    engine = await start(painter)
    for word in ("black", "no numbers", "out of memory"):
        made = await make(engine)
        assert not made.ok and not made.folder and word in made.errors[0]
        assert not list((tmp_path / "looks").glob("*"))
    assert (await make(engine)).ok, "the engine goes on"


async def test_what_cannot_be_asked_is_said(start: Start, red: Floats, tmp_path: Path) -> None:
    engine = await start(ScriptedPainter(red))
    made = await make(engine, prompt=" ", strength=0.0, guidance=-1.0, steps=1000, seed=-1)
    assert len(made.errors) == 5
    made = await make(engine, template=str(tmp_path / "none"))
    assert "look.yaml" in made.errors[0]
    made = await make(engine, adapter="f" * 64)
    assert "stage it first" in made.errors[0]


async def test_a_full_disk_is_a_sentence(start: Start, red: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = await start(ScriptedPainter(red))

    def full(*_: object, **__: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("services.vision.cache.LookCache.put", full)
    assert "make room" in (await make(engine)).errors[0]


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda base: (base / "model_index.json").unlink(), "model_index.json"),
        (lambda base: (base / "unet" / "diffusion_pytorch_model.safetensors").unlink(), "unet"),
        (lambda base: __import__("shutil").rmtree(base), "base"),
    ],
)
async def test_a_missing_base_is_told_and_the_engine_stays_up(
    start: Start, tmp_path: Path, spoil: Callable[[Path], None], word: str
) -> None:
    base = tiny_embedded(tmp_path / "base")
    spoil(base)
    engine = await start(base=str(base))
    state = engine.state()
    assert not state.ready and word in state.error and state.mend
    made = await make(engine)
    assert not made.ok and word in made.errors[0]
    staged = await engine.handle(wire.Stage(request="1", adapter="x.visual.1", folder=str(tmp_path)))
    assert isinstance(staged, wire.Staged) and not staged.ok and word in staged.errors[0]


async def test_an_adapter_is_staged_once_and_changes_the_plate(
    start: Start, base: Path, tmp_path: Path
) -> None:
    engine = await start()
    pipeline = painters.open_painter(
        "embedded", painters.PainterSettings(base=base, device="cpu", dtype="auto")
    )
    folder, _ = adapter(tmp_path / "tang", base, pipeline.modules(), size=0.5)
    stage = wire.Stage(request="1", adapter="tang.visual.1", folder=str(folder))
    staged = await engine.handle(stage)
    assert isinstance(staged, wire.Staged) and staged.ok and not staged.already, staged
    again = await engine.handle(stage)
    assert isinstance(again, wire.Staged) and again.ok and again.already
    (resident,) = engine.state().resident
    assert resident.adapter == "tang.visual.1" and resident.sha256 == staged.sha256
    await engine.handle(wire.Pin(room="a", adapters=(staged.sha256,)))
    assert engine.state().resident[0].pinned
    # What the base paints with and without it differs; a look's key as well.
    maker = engine._maker
    assert maker is not None
    pictures = []
    for sha in ("", staged.sha256):
        asked = maker.read(order(adapter=sha))
        assert not isinstance(asked, tuple)
        painted = maker.paint(asked)
        assert not isinstance(painted, tuple), painted
        pictures.append(painted.pictures)
    assert np.abs(pictures[0] - pictures[1]).mean() > 1e-3
    keys = {(await make(engine, adapter=sha)).key for sha in ("", staged.sha256)}
    assert len(keys) == 2


async def test_adapters_that_break_the_base_are_refused(start: Start, base: Path, tmp_path: Path) -> None:
    engine = await start()
    pipeline = painters.open_painter(
        "embedded", painters.PainterSettings(base=base, device="cpu", dtype="auto")
    )
    for name, options, word in (
        ("nan", {"spoil": True}, "finite"), ("vast", {"size": 20.0}, "over 100"),
        ("faint", {"size": 1e-7}, "changes nothing"),
    ):  # fmt: skip
        folder, _ = adapter(tmp_path / name, base, pipeline.modules(), persona=name, **options)  # type: ignore[arg-type]
        pipeline = painters.open_painter(
            "embedded", painters.PainterSettings(base=base, device="cpu", dtype="auto")
        )
        staged = await engine.handle(wire.Stage(request="1", adapter=f"{name}.visual.1", folder=str(folder)))
        assert isinstance(staged, wire.Staged) and not staged.ok
        assert any(word in error for error in staged.errors), staged.errors
        assert engine.state().resident == ()
    assert engine.state().ready


async def test_the_state_tells_what_there_is(start: Start, base: Path) -> None:
    engine = await start(slots=5, max_rank=4)
    state = engine.state()
    assert state.kind == "vision" and state.ready and state.base == str(base)
    assert len(state.base_sha256) == 64 and state.device == "cpu"
    assert state.slots == 4, "one of five is the bare base's"
    assert state.base_bytes > 100_000 and state.slot_bytes > 1000 and state.rss_bytes > 50_000_000


async def test_the_process_answers_on_its_socket(start: Start, red: Floats, tmp_path: Path) -> None:
    from services.engine import serve
    from tests.conftest import wait_until

    engine = await start(ScriptedPainter(red))
    stop, socket = asyncio.Event(), tmp_path / "run" / "vision.sock"
    serving = asyncio.create_task(serve(engine, socket, stop=stop))
    await wait_until(socket.exists)
    reader, writer = await asyncio.open_unix_connection(socket)
    hello = await wire.read(reader)
    assert isinstance(hello, wire.Hello) and hello.role == "vision"
    writer.write(wire.encode(wire.Hello(role="show", pid=1)) + wire.encode(order(request="77")))
    await writer.drain()
    while not isinstance(message := await wire.read(reader), wire.LookMade):
        assert isinstance(message, wire.EngineState)
    assert message.request == "77" and message.ok
    writer.close()
    stop.set()
    await serving


def test_torch_stays_out_until_a_base_is_loaded() -> None:
    """Importing the engine's module is quick: settings are read before torch is."""
    import subprocess
    import sys

    code = "import sys, services.vision.engine, services.model_directory; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert torch is not None
