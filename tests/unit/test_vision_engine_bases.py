"""Real bases' architectures, tiny and of random weights: the bank equals peft through a whole picture."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from services.avatar.looks import builtin_look
from services.model_directory import check_vision_base, slot_bytes
from services.vision.adapters import Adapters
from services.vision.painter import Order, Painter, PainterSettings, PaintFailed, open_painter
from services.vision.template import Template, read_template
from tests.unit.vision_bases import adapter, tiny_embedded, tiny_lcm, tiny_sd, tiny_sdxl

# diffusers' Euler schedulers hand torch tensors to numpy the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Make = Callable[[Path], Path]
BASES: dict[str, tuple[str, Make]] = {
    "sd": ("diffusers", tiny_sd),
    "sd turbo": ("diffusers", lambda folder: tiny_sd(folder, turbo=True)),
    "lcm": ("diffusers", tiny_lcm),
    "sdxl": ("diffusers", tiny_sdxl),
    "embedded": ("embedded", lambda folder: tiny_embedded(folder, template=builtin_look("morning"))),
}


@pytest.fixture(scope="module")
def template() -> Template:
    return read_template(builtin_look("morning"))


def order(sha: str, **changes: object) -> Order:
    fields: dict[str, object] = {
        "prompt": "a host in red", "negative": "blurry", "seed": 4, "strength": 0.6, "guidance": 4.0,
        "steps": 3, "adapter": sha,
    }  # fmt: skip
    return Order(**(fields | changes))  # type: ignore[arg-type]


def opened(kind: str, base: Path) -> Painter:
    return open_painter(kind, PainterSettings(base=base, device="cpu", dtype="float32"))


def unbound(*_: object) -> nullcontext[None]:
    return nullcontext()


@pytest.mark.parametrize("name", BASES)
def test_the_bank_equals_peft_through_a_whole_picture(name: str, tmp_path: Path, template: Template) -> None:
    """Guidance, several pictures a prompt, UNet and every text encoder, from prompt to pixels."""
    kind, build = BASES[name]
    base = build(tmp_path / "base")
    ours, theirs = opened(kind, base), opened(kind, base)
    adapters = Adapters.attach(ours, base, slots=3, max_rank=8)
    folder, _ = adapter(tmp_path / "adapter", base, theirs.modules())  # puts peft's layers into `theirs`
    staged = adapters.check(folder)
    assert not isinstance(staged, tuple), staged
    already, errors = adapters.admit("tang.visual.1", staged)
    assert not already and errors == ()
    bare = ours.paint(order(""), template, adapters.rows).pictures
    worn = ours.paint(order(staged.sha256), template, adapters.rows).pictures
    oracle = theirs.paint(order(""), template, unbound).pictures
    effect, apart = np.abs(worn - bare).max(), np.abs(worn - oracle).max()
    assert effect > 1e-3
    assert apart < 1e-4 and apart < effect / 100
    again = ours.paint(order(""), template, adapters.rows).pictures
    assert np.array_equal(bare, again), "the base is as it was"


@pytest.mark.parametrize("name", BASES)
def test_pictures_come_from_the_seed_alone(name: str, tmp_path: Path, template: Template) -> None:
    kind, build = BASES[name]
    painter = opened(kind, build(tmp_path / "base"))
    first, second, other = (
        painter.paint(order("", seed=seed), template, unbound).pictures for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert np.abs(first - other).max() > 1e-4
    assert first.dtype == np.float32 and np.isfinite(first).all() and first.min() >= 0 and first.max() <= 1


@pytest.mark.parametrize("name", ["sd", "lcm", "sdxl", "embedded"])
def test_a_picture_is_given_up_when_the_engine_ends(name: str, tmp_path: Path, template: Template) -> None:
    kind, build = BASES[name]
    painter = opened(kind, build(tmp_path / "base"))
    painter.stop()
    with pytest.raises(PaintFailed, match="given up"):
        painter.paint(order(""), template, unbound)


def test_little_strength_stays_near_the_template(tmp_path: Path, template: Template) -> None:
    painter = opened("diffusers", tiny_sd(tmp_path / "base"))
    apart = []
    for strength in (0.1, 1.0):
        made = painter.paint(order("", strength=strength, steps=6), template, unbound)
        assert made.shown_as is not None
        apart.append(float(np.abs(made.pictures[0] - made.shown_as).mean()))
    assert apart[0] < apart[1]


@pytest.mark.parametrize("name", ["sd", "sdxl", "embedded"])
def test_a_slot_is_as_large_as_the_check_says(name: str, tmp_path: Path) -> None:
    kind, build = BASES[name]
    base = build(tmp_path / "base")
    assert check_vision_base(base) == []
    adapters = Adapters.attach(opened(kind, base), base, slots=3, max_rank=8)
    assert slot_bytes(base, 8) == adapters.slot_bytes


def test_a_base_that_is_not_whole_is_told(tmp_path: Path) -> None:
    base = tiny_sd(tmp_path / "base")
    weights = base / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    (problem,) = check_vision_base(base)
    assert "cut off" in problem and str(weights) in problem
    with pytest.raises(PaintFailed, match="cut off"):
        opened("diffusers", base)
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "git lfs pull" in check_vision_base(base)[0]
    weights.rename(weights.with_name("diffusion_pytorch_model.bin"))
    assert "pickled" in check_vision_base(base)[0]
    index = base / "model_index.json"
    index.write_text(index.read_text().replace("StableDiffusionPipeline", "FluxPipeline"))
    assert "FluxPipeline" in check_vision_base(base)[0]
    index.unlink()
    (base / "v1-5.safetensors").write_bytes(b"")
    assert "v1-5.safetensors alone" in check_vision_base(base)[0]
    assert "does not exist" in check_vision_base(tmp_path / "none")[0]
    assert torch is not None
