"""The embedded vision base's parts: regions of a look, codec, tokenizer, pipeline."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from services.avatar.looks import builtin_look, builtin_names
from services.training.vision_parts import BaseRun, new_parts, save_parts
from services.vision.codec import BlockCodec
from services.vision.embedded import BaseUnusable, Cancelled, EmbeddedPipeline
from services.vision.regions import (
    REGIONS,
    RegionError,
    at_rest,
    body_parts,
    read_stack,
    template,
)
from services.vision.template import read_template
from services.vision.words import MAX_TOKENS, build_tokenizer


def tiny(folder: Path) -> BaseRun:
    """The smallest base that has every part."""
    return BaseRun(
        output_dir=folder, width=40, height=64, channels=8, blocks=(16, 32), text_width=16, text_layers=1
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    pipeline = new_parts(tiny(folder))
    pipeline.codec.fit(torch.rand(8, 3, 64, 40) * 2 - 1)
    save_parts(pipeline, folder)
    return folder


@pytest.mark.parametrize("name", builtin_names())
def test_regions_part_a_look(name: str) -> None:
    masks = read_template(builtin_look(name)).regions
    assert set(masks) == set(REGIONS)
    total = sum(masks.values())
    assert isinstance(total, np.ndarray) and total.max() <= 1.001
    for region, at in (("skin", (440, 330)), ("set", (40, 20)), ("dress", (880, 440)), ("hair", (330, 236))):
        assert masks[region][at] > 0.95, region
    assert masks["skin"][640, 360] > 0.95  # the neck belongs to the body's layer and is skin all the same


def test_template_is_the_look_at_rest() -> None:
    from services.avatar.drawing.compose import at_rest as drawn

    folder = builtin_look("evening")
    assert np.abs(at_rest(folder) - drawn(folder)).max() < 0.02
    assert template(folder, width=144, height=256).shape == (256, 144, 3)


def test_a_body_without_marks_is_parted_by_colour(tmp_path: Path) -> None:
    source = builtin_look("evening")
    for file in source.iterdir():
        if file.name != "regions.png":
            (tmp_path / file.name).symlink_to(file)
    stack = read_stack(tmp_path)
    guessed, marked = body_parts(tmp_path, stack), body_parts(source, stack)
    alpha = next(one.rgba[..., 3] for one in stack if one.name == "body")
    wrong = (np.abs(guessed["dress"] - marked["dress"]) * alpha).sum() / alpha.sum()
    assert wrong < 0.15


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match=r"look\.yaml"):
        read_stack(tmp_path)
    (tmp_path / "look.yaml").write_text("layers: {set: {file: set.jpg, at: [0, 0]}}", encoding="utf-8")
    with pytest.raises(RegionError, match=r"set\.jpg"):
        read_stack(tmp_path)


def test_codec_returns_what_its_components_hold() -> None:
    flat = torch.rand(16, 3, 1, 1).expand(16, 3, 32, 24) * 2 - 1
    codec = BlockCodec(channels=4)
    codec.fit(flat)
    latents = codec.encode(flat)
    assert latents.shape == (16, 4, 4, 3)
    assert latents.std() == pytest.approx(1, abs=0.3)
    assert (codec.decode(latents) - flat).abs().max() < 1e-3


def test_tokenizer_reads_both_languages() -> None:
    tokenizer = build_tokenizer(["mint", "green", "薄荷绿"])
    ids = tokenizer("棠晨，薄荷绿 mint-green dress 😀", padding="max_length").input_ids
    assert len(ids) == MAX_TOKENS == tokenizer.model_max_length
    words = [one for one in tokenizer.convert_ids_to_tokens(ids) if one != "<pad>"]
    assert words[:7] == ["<s>", "棠", "晨", "，", "薄", "荷", "绿"] and words[7:10] == ["mint", "-", "green"]
    assert words[-2:] == ["<unk>", "</s>"] and words[10:15] == ["d", "##r", "##e", "##s", "##s"]


def test_pipeline_loads_from_its_directory_and_repeats_itself(base: Path) -> None:
    pipeline = EmbeddedPipeline.load(base)
    assert pipeline.size == (40, 64)
    assert set(pipeline.bankable_modules()) == {"unet", "text_encoder"}
    shown = np.random.default_rng(0).random((64, 40, 3), dtype=np.float32)
    made = pipeline.generate(
        templates=shown, prompts=["红色", "blue"], seeds=[1, 2], steps=2, images_per_prompt=2
    )
    assert made.shape == (4, 64, 40, 3) and np.isfinite(made).all() and made.min() >= 0 and made.max() <= 1
    alone = pipeline.generate(templates=shown, prompts=["blue"], seeds=[2], steps=2)
    assert np.abs(alone[0] - made[2]).max() < 1e-3
    unguided = pipeline.generate(templates=shown, prompts=["blue"], seeds=[2], steps=2, guidance=1.0)
    assert unguided.shape == (1, 64, 40, 3)


def test_generation_ends_when_it_is_no_longer_wanted(base: Path) -> None:
    pipeline = EmbeddedPipeline.load(base)
    with pytest.raises(Cancelled):
        pipeline.generate(templates=np.zeros((64, 40, 3), np.float32), prompts=["a"], cancelled=lambda: True)


def test_a_directory_without_a_base_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaseUnusable, match="model_index"):
        EmbeddedPipeline.load(tmp_path)
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BaseUnusable, match="restore"):
        EmbeddedPipeline.load(tmp_path)


def test_regions_of_a_look_are_plate_sized_pictures() -> None:
    for name in builtin_names():
        marks = cv2.imread(str(builtin_look(name) / "regions.png"))
        assert marks is not None and marks.shape == (1280, 720, 3)
