"""Visual adapters end to end on small bases: trained, staged by the bank, exported, and the same picture each way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from PIL import Image
from safetensors.torch import load_file

from services.avatar.looks import builtin_look
from services.lora import read_card
from services.training.faults import TrainingFailed
from services.training.recipe import Recipe, read_recipe
from services.training.run import train
from services.training.visual_diffusers import DiffusersBase
from services.training.visual_task import Parts, VisualTask, open_visual
from services.vision.adapters import Adapters
from services.vision.painter import Order, Painter, PainterSettings, open_painter
from services.vision.template import Template, read_template
from tests.unit.test_training_visual_single_file import tiny
from tests.unit.training_runs import saved_bytes
from tests.unit.vision_bases import tiny_embedded, tiny_lcm, tiny_sd, tiny_sdxl, tokenizer
from tests.unit.visual_parts import album, checkpoint, recipe

BASES: dict[str, tuple[str, Callable[[Path], Path], dict[str, Any]]] = {
    "sd": ("diffusers", tiny_sd, {}),
    "sd with its text encoder": ("diffusers", tiny_sd, {"train_text_encoder": True}),
    "sdxl": ("diffusers", tiny_sdxl, {}),
    "embedded": (
        "embedded",
        lambda folder: tiny_embedded(folder, template=builtin_look("morning")),
        {"resolution": None},
    ),
}
QUIET: dict[str, Any] = {"say": lambda _line: None, "bar": None}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def base(name: str) -> Path:
        build = BASES[name][1]
        if name not in made:
            made[name] = build(tmp_path_factory.mktemp("base") / "base")
        return made[name]

    return base


@pytest.fixture(scope="module")
def template() -> Template:
    return read_template(builtin_look("morning"))


def opened(kind: str, base: Path) -> Painter:
    return open_painter(kind, PainterSettings(base=base, device="cpu", dtype="float32"))


def order(sha: str) -> Order:
    return Order(prompt="tang, a host", negative="", seed=4, strength=0.6, guidance=4.0, steps=3, adapter=sha)


def by_peft(modules: dict[str, torch.nn.Module], folder: Path) -> None:
    """Puts an adapter on a painter's modules the way peft does."""
    card, state = read_card(folder), load_file(str(folder / "adapter.safetensors"))
    parts = {name: one for name, one in modules.items() if any(f".{name}." in key for key in state)}
    worn = get_peft_model(
        Parts(parts),
        LoraConfig(r=card.rank, lora_alpha=card.alpha, target_modules=list(card.target_modules)),
    )
    told = set_peft_model_state_dict(worn, state)
    assert not told.unexpected_keys


@pytest.mark.parametrize("name", BASES)
def test_a_trained_adapter_is_taken_by_the_bank_and_paints_what_peft_paints(
    name: str, bases: Callable[[str], Path], tmp_path: Path, template: Template
) -> None:
    kind, _, fields = BASES[name]
    base = bases(name)
    folder = train(recipe(tmp_path, base, epochs=2, **fields), **QUIET)
    ours, theirs = opened(kind, base), opened(kind, base)
    adapters = Adapters.attach(ours, base, slots=2, max_rank=8)
    staged = adapters.check(folder)
    assert not isinstance(staged, tuple), staged
    assert adapters.admit("tang.visual.1", staged) == (False, ())
    by_peft(theirs.modules(), folder)
    bare, worn = (ours.paint(order(sha), template, adapters.rows).pictures for sha in ("", staged.sha256))
    oracle = theirs.paint(order(""), template, lambda *_: nullcontext()).pictures
    effect, apart = np.abs(worn - bare).max(), np.abs(worn - oracle).max()
    assert effect > 1e-3 and apart < 1e-4 and apart < effect / 20


@pytest.mark.parametrize("name", ["sd", "sd with its text encoder", "sdxl"])
def test_other_programs_files_load_in_diffusers_and_paint_the_same(
    name: str, bases: Callable[[str], Path], tmp_path: Path
) -> None:
    """With alpha 6 at rank 4, which wrong readers scale away."""
    base, fields = bases(name), BASES[name][2]
    folder = train(recipe(tmp_path, base, epochs=2, export=["kohya", "diffusers"], **fields), **QUIET)

    def pipeline() -> Any:
        kind: Any = StableDiffusionXLPipeline if name == "sdxl" else StableDiffusionPipeline
        options = {} if name == "sdxl" else {"safety_checker": None}
        made = kind.from_pretrained(str(base), **options)
        made.set_progress_bar_config(disable=True)
        return made

    def paint(pipe: Any) -> Any:
        return pipe(
            "tang, a host", num_inference_steps=3, width=64, height=64, output_type="np",
            generator=torch.Generator().manual_seed(1),
        ).images  # fmt: skip

    bare = paint(pipeline())
    mine = pipeline()
    names = ("unet", "text_encoder", "text_encoder_2")
    by_peft({one: part for one in names if (part := getattr(mine, one, None)) is not None}, folder)
    wanted = paint(mine)
    effect = np.abs(wanted - bare).max()
    assert effect > 1e-3
    for file in ("adapter.kohya.safetensors", "adapter.diffusers.safetensors"):
        theirs = pipeline()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft still asks transformers by names that are going out
            theirs.load_lora_weights(str(folder), weight_name=file)
        apart = np.abs(paint(theirs) - wanted).max()
        assert apart < effect / 50, file  # stored in half precision


def test_a_single_checkpoint_trains_and_goes_on_the_directory_made_from_it(tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "v1-5-pruned.safetensors", tiny())
    tokenizer(tmp_path / "tokenizer")
    folder = train(recipe(tmp_path, file), **QUIET)
    (served,) = (tmp_path / "cache" / "bases").iterdir()
    adapters = Adapters.attach(opened("diffusers", served), served, slots=2, max_rank=8)
    staged = adapters.check(folder)
    assert not isinstance(staged, tuple), staged
    assert staged.card.base.name == "v1-5-pruned"


BRIEF = """\
train_data_dir: "./data/gufeng_face"
metadata_path: "./data/gufeng_face/metadata.csv"
base_model: "./models/v1-5-pruned.safetensors"
lora_rank: 12
batch_size: 4
epochs: 15
learning_rate: 2e-4
output_dir: "./output/tangzhuang_lora"
"""


def test_a_recipe_of_eight_lines_trains_on_a_checkpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CLIP's own tokenizer from the installed package and no trigger word; the small model draws 64 pixels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("services.training.visual_single_file.SIDE_PX", 64)
    checkpoint(tmp_path / "models" / "v1-5-pruned.safetensors", tiny(words=49408, levels=4))
    album(tmp_path / "data" / "gufeng_face", 4)
    (tmp_path / "tangzhuang.yaml").write_text(BRIEF, encoding="utf-8")
    read = read_recipe(tmp_path / "tangzhuang.yaml")
    assert isinstance(read, Recipe) and read.kind == "visual"
    folder = train(read, **QUIET)
    card = read_card(folder)
    assert folder == tmp_path / "output" / "tangzhuang_lora"
    assert (card.rank, card.alpha, card.persona) == (12, 12.0, "tangzhuang_lora")
    assert card.evaluation["steps"] == 15
    with Image.open(next((folder / "samples").glob("*.jpg"))) as made:
        assert made.size == (64, 64)


def grads(task: VisualTask, batch: list[int]) -> tuple[float, dict[str, torch.Tensor], int]:
    """A batch's loss, its gradients, and the bytes that were kept to compute them."""
    task.model.train()
    for part in task.model.parameters():
        if part.requires_grad:
            torch.manual_seed(part.numel())
            part.data = torch.randn_like(part) * 0.1  # B as well, so that A has a gradient
    torch.manual_seed(7)
    with saved_bytes() as saved:
        loss = task.loss(batch)
    loss.backward()
    found = {name: one.grad for name, one in task.model.named_parameters() if one.requires_grad}
    return float(loss.detach()), {name: grad for name, grad in found.items() if grad is not None}, sum(saved)


@pytest.mark.parametrize("name", BASES)
def test_gradient_checkpointing_keeps_less_and_changes_no_gradient(
    name: str, bases: Callable[[str], Path], tmp_path: Path
) -> None:
    fields = BASES[name][2]
    tasks = [
        open_visual(recipe(tmp_path, bases(name), gradient_checkpointing=on, **fields))
        for on in (False, True)
    ]
    plain, saving = (grads(task, [0, 1]) for task in tasks)
    assert plain[0] == pytest.approx(saving[0], rel=1e-6)
    assert plain[1].keys() == saving[1].keys() and plain[1]
    for key, one in plain[1].items():
        assert float((one - saving[1][key]).abs().max()) <= 1e-6 * max(1.0, float(one.abs().max())), key
    assert saving[2] < 0.5 * plain[2]
    for part in tasks[1].model.base_model.model.children():
        assert any(getattr(one, "gradient_checkpointing", False) for one in part.modules())


def test_only_the_adapter_learns_and_it_is_float32(bases: Callable[[str], Path], tmp_path: Path) -> None:
    task = open_visual(recipe(tmp_path, bases("sd"), mixed_precision="bf16"))
    learns = {name: one for name, one in task.model.named_parameters() if one.requires_grad}
    assert learns and all("lora_" in name and one.dtype == torch.float32 for name, one in learns.items())
    frozen = [one for one in task.model.parameters() if not one.requires_grad]
    assert {one.dtype for one in frozen} == {torch.bfloat16}
    facts = task.lora()
    assert facts.trainable == sum(one.numel() for one in learns.values())
    with torch.autocast("cpu", torch.bfloat16):
        task.loss([0, 1]).backward()
    assert all(one.grad is None for one in frozen)
    assert set(task.state()) == {name.replace(".default", "") for name in learns}


def test_a_stopped_run_ends_in_the_same_weights(
    bases: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: dict[str, Any] = {"epochs": 3, "save_every_steps": 1, "lora_dropout": 0.1, "noise_offset": 0.1}
    whole = train(recipe(tmp_path, bases("sd"), output_dir=str(tmp_path / "whole"), **fields), **QUIET)
    real, calls = VisualTask.loss, iter(range(1000))

    def breaks(self: VisualTask, batch: list[int]) -> torch.Tensor:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return real(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(VisualTask, "loss", breaks)
        with pytest.raises(KeyboardInterrupt):
            train(recipe(tmp_path, bases("sd"), output_dir=str(tmp_path / "stopped"), **fields), **QUIET)
    again = train(recipe(tmp_path, bases("sd"), output_dir=str(tmp_path / "stopped"), **fields), **QUIET)
    one, two = (load_file(str(folder / "adapter.safetensors")) for folder in (whole, again))
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_the_vae_and_the_text_encoder_are_asked_once(
    bases: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    see, read = DiffusersBase.see, DiffusersBase.read
    monkeypatch.setattr(DiffusersBase, "see", lambda self, some: asked.append(len(some)) or see(self, some))
    monkeypatch.setattr(DiffusersBase, "read", lambda self, some: asked.append(len(some)) or read(self, some))
    first = open_visual(recipe(tmp_path, bases("sd")))
    assert sum(asked) == 6 + 6 + 2  # pictures; captions, none, and the trigger word for a sample
    kept = sorted((tmp_path / "cache" / "latents").rglob("*.safetensors"))
    assert len(kept) == 14
    asked.clear()
    torch.manual_seed(5)
    loss = float(first.loss([0, 1]).detach())
    second = open_visual(recipe(tmp_path, bases("sd"), batch_size=1))
    assert asked == []
    torch.manual_seed(5)
    assert float(second.loss([0, 1]).detach()) == loss
    kept[0].write_bytes(kept[0].read_bytes()[:40])  # damaged: made again
    open_visual(recipe(tmp_path, bases("sd")))
    assert asked == [1]
    kept[1].unlink()
    with pytest.raises(TrainingFailed, match="the cache was emptied"):
        for batch in first.epoch(0):
            first.loss(batch)
        first.validate()
        first._words(["", "tang"])


def test_pictures_with_another_shape_have_batches_of_their_own(
    bases: Callable[[str], Path], tmp_path: Path
) -> None:
    album(tmp_path / "pictures", 8)
    album(tmp_path / "wide", 8, size=(300, 150), seed=1)
    for file in (tmp_path / "wide").glob("*.png"):
        file.rename(tmp_path / "pictures" / f"wide-{file.name}")
    table = tmp_path / "pictures" / "metadata.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([*rows, *(f"wide-{row}" for row in rows[1:])]), encoding="utf-8")
    task = open_visual(recipe(tmp_path, bases("sdxl"), resolution=192, batch_size=3, validation_share=0))
    for epoch in (0, 1):
        made = task.epoch(epoch)
        assert made == task.epoch(epoch) and sorted(at for batch in made for at in batch) == list(range(16))
        for batch in made:
            assert len({task._sizes[at] for at in batch}) == 1 and len(batch) <= 3
    assert task.epoch(0) != task.epoch(1)
    assert len(set(task._sizes)) == 2 and torch.isfinite(task.loss(task.epoch(0)[0]))


def test_samples_validation_and_the_canary(bases: Callable[[str], Path], tmp_path: Path) -> None:
    task = open_visual(recipe(tmp_path, bases("sd"), sample_prompts=["tang in red", "tang in green"]))
    task.model.eval()
    with torch.no_grad():
        torch.manual_seed(1)
        first = task.validate()
        torch.manual_seed(1)
        assert first is not None and task.validate() == first
        assert task.changed() == 0.0
        report = task.sample(tmp_path, "epoch-1")
    assert [file.name for file in report.files] == [f"epoch-1-{at}.jpg" for at in (1, 2)]
    assert report.spread is not None and 0 < report.spread <= 1
    for name, one in task.model.named_parameters():
        if "lora_B" in name:
            one.data.fill_(0.1)
    assert task.changed() > 1e-3
    assert len(task.seen()) == task.lora().rows == 5 and task.lora().held_rows == 1


@pytest.mark.parametrize(
    ("build", "fields", "told"),
    [
        (tiny_lcm, {}, "distilled LCM"),
        (tiny_sd, {"resolution": 72}, "no multiple of 64"),
        (tiny_embedded, {"resolution": 512}, "draws at 64×64 only"),
    ],
)
def test_what_cannot_be_trained_on_is_told_in_a_sentence(
    build: Callable[[Path], Path], fields: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingFailed, match=told):
        open_visual(recipe(tmp_path, build(tmp_path / "base"), **fields))


def test_a_base_that_lost_a_file_is_told(tmp_path: Path) -> None:
    base = tiny_sd(tmp_path / "base")
    (base / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    made = tmp_path / "later"
    made.mkdir()
    whole = recipe(made, tiny_sd(tmp_path / "whole"))
    with pytest.raises(TrainingFailed, match="vae"):
        open_visual(whole.model_copy(update={"base_model": base}))
