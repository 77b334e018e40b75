"""Training the vision base: portraits, captions, measures, and a run of seconds."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from services.training import portraits_captions as captions
from services.training.portraits import Studio, hex_lab, to_lab, to_rgb
from services.training.portraits_colours import ATTRIBUTES, TEMPLATES, VALUES, index
from services.training.vision_base import Corpus, PictureLoss, TrainingStopped, train_base, train_pictures
from services.training.vision_measure import ciede2000, region_lab
from services.training.vision_parts import BaseRun, new_parts
from services.training.visual_adapter import (
    AdapterRun,
    AdapterUseless,
    PersonaColours,
    persona_colours,
    train_adapter,
)
from services.vision.embedded import EmbeddedPipeline
from services.vision.regions import REGIONS


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(width=40, height=64, device="cpu")


EVENING = PersonaColours("棠夜", "evening", "#6b3a24", "#7c1a38", "#efc6a2", "#8c5a26", "shelf")


def tiny(folder: Path) -> BaseRun:
    return BaseRun(
        output_dir=folder, width=40, height=64, channels=8, blocks=(16, 32), text_width=16, text_layers=1,
        captions=64, steps=2, batch_size=4, codec_seconds=0, text_seconds=0, measured=4, log_every=1,
    )  # fmt: skip


def values(**keys: str) -> torch.Tensor:
    return torch.tensor([[index(name, keys.get(name, "")) for name in ATTRIBUTES]])


def test_lab_and_back() -> None:
    rgb = torch.rand(2, 3, 5, 5)
    assert (to_rgb(to_lab(rgb)) - rgb).abs().max() < 1e-3
    assert hex_lab("#ffffff")[0] == pytest.approx(100, abs=0.1)


def test_ciede2000_gives_the_published_values() -> None:
    one = np.array([[50, 2.6772, -79.7751], [50, 2.5, 0], [60.2574, -34.0099, 36.2677]])
    two = np.array([[50, 0, -82.7485], [73, 25, -18], [60.4626, -34.1751, 39.4387]])
    assert ciede2000(one, two) == pytest.approx([2.0425, 27.1492, 1.2644], abs=1e-3)


def test_unnamed_regions_stay_as_the_template_has_them(studio: Studio) -> None:
    drawn = studio.compose(torch.arange(3), torch.zeros(3, len(ATTRIBUTES), dtype=torch.long), jitter=0)
    assert (drawn.pictures - drawn.templates).abs().mean() < 0.002


@pytest.mark.parametrize("template", range(len(TEMPLATES)))
def test_a_named_region_takes_its_colour_and_no_other_changes(studio: Studio, template: int) -> None:
    drawn = studio.compose(torch.tensor([template]), values(dress="jade", hair="auburn"), jitter=0)
    lab = region_lab(drawn.pictures / 2 + 0.5, drawn.masks)[0]
    plain = region_lab(drawn.templates / 2 + 0.5, drawn.masks)[0]
    jade, auburn = VALUES["dress"][index("dress", "jade") - 1], VALUES["hair"][index("hair", "auburn") - 1]
    assert (lab[REGIONS.index("dress")] - torch.tensor(hex_lab(jade.colour))).norm() < 12
    assert (lab[REGIONS.index("hair")] - torch.tensor(hex_lab(auburn.colour))).norm() < 12
    assert (lab[REGIONS.index("skin")] - plain[REGIONS.index("skin")]).norm() < 3
    assert (lab[REGIONS.index("set")] - plain[REGIONS.index("set")]).norm() < 1


def test_shading_is_kept(studio: Studio) -> None:
    drawn = studio.compose(torch.tensor([1]), values(dress="sky"), jitter=0)
    dress = drawn.masks[0, REGIONS.index("dress")] > 0.9
    assert to_lab(drawn.pictures / 2 + 0.5)[0, 0][dress].std() > 2


@pytest.mark.parametrize("layout", [one.key for one in VALUES["layout"]])
def test_every_set_takes_its_colour(studio: Studio, layout: str) -> None:
    drawn = studio.compose(torch.tensor([0]), values(layout=layout, set="teal"), jitter=0)
    lab = region_lab(drawn.pictures / 2 + 0.5, drawn.masks)[0, REGIONS.index("set")]
    assert (lab - torch.tensor(hex_lab("#2a8c94"))).norm() < 16


def test_a_palette_colours_what_is_not_named(studio: Studio) -> None:
    palette = EVENING.palette()
    drawn = studio.compose(torch.tensor([0]), values(dress="jade"), jitter=0, palette=palette)
    lab = region_lab(drawn.pictures / 2 + 0.5, drawn.masks)[0]
    assert (lab[REGIONS.index("skin")] - palette[REGIONS.index("skin")]).norm() < 8
    assert (lab[REGIONS.index("dress")] - torch.tensor(hex_lab("#2f9e77"))).norm() < 12


def test_light_is_on_the_whole_picture(studio: Studio) -> None:
    dim = studio.compose(torch.tensor([0]), values(light="dim"), jitter=0)
    assert dim.pictures.mean() < dim.templates.mean() - 0.2


def test_captions_name_what_is_asked_for_and_hold_pairs_back() -> None:
    rng = random.Random(3)
    for _ in range(200):
        unseen = rng.random() < 0.5
        portrait = captions.draw(rng, unseen=unseen)
        named = dict(zip(ATTRIBUTES, portrait.values, strict=True))
        assert captions.held_out(named) == unseen
        text = "，".join(captions.clauses(rng, portrait, "zh", unseen=unseen))
        for name, number in named.items():
            if number:
                assert any(word in text for word in VALUES[name][number - 1].zh), (text, name)


def test_the_last_phrasings_are_never_trained_on() -> None:
    rng = random.Random(5)
    made = captions.pool(3000, seed=1, names=("棠晨",)).captions
    assert not any("的裙装" in text or "a dress in" in text or "布景是" in text for text in made)
    assert any("一身" in text for text in made)
    unseen = captions.clauses(rng, captions.Portrait(0, (0, 3, 0, 0, 0, 0)), "zh", unseen=True)
    assert unseen[0].endswith("的裙装")


def test_a_run_leaves_a_base_with_its_measures_and_goes_on(tmp_path: Path, studio: Studio) -> None:
    train_base(tiny(tmp_path))
    report = json.loads((tmp_path / "measures.json").read_text(encoding="utf-8"))
    assert report["steps"] == 2 and "de76" in report["guidance_1.0"]
    assert (tmp_path / "sheet.jpg").stat().st_size > 0
    train_base(replace(tiny(tmp_path), resume=True, steps=1))
    assert EmbeddedPipeline.load(tmp_path).size == (40, 64)
    run = AdapterRun(
        base=tmp_path, output_dir=tmp_path / "a", persona="tang-evening", colours=EVENING, pictures=4, others=4,
        steps=1, batch_size=2, learning_rate=1e-9,
    )  # fmt: skip
    with pytest.raises(AdapterUseless, match="moves colours"):
        train_adapter(run)
    assert not (tmp_path / "a").exists()
    with pytest.raises(AdapterUseless, match="the loss is nan"):
        train_adapter(replace(run, learning_rate=float("inf"), steps=3))


def test_a_run_stops_at_numbers_that_are_none(
    tmp_path: Path, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny(tmp_path)
    pipeline = new_parts(run)
    corpus = Corpus(captions.pool(8, seed=0, names=()), pipeline, torch.device("cpu"))
    monkeypatch.setattr(
        PictureLoss, "of_latents", lambda *_: pipeline.unet.conv_in.weight.sum() * float("nan")
    )
    with pytest.raises(TrainingStopped, match="step 1"):
        train_pictures(run, pipeline, studio, corpus, 0.0)
    assert not list(tmp_path.iterdir())


def test_the_demo_recipes_name_their_personas_colours(root: Path) -> None:
    for name in ("morning", "evening", "lady"):
        text = (root / f"configs/train/visual-tang-{name}.yaml").read_text(encoding="utf-8")
        recipe = yaml.safe_load(text)
        colours = persona_colours(recipe["sizes"]["colours"], recipe["trigger_words"])
        assert colours.template in TEMPLATES and len(colours.palette()) == len(REGIONS)
        assert index("layout", colours.layout) > 0


@pytest.mark.parametrize(
    ("given", "words", "told"),
    [
        (None, ["棠夜"], "sizes.colours"),
        ({"hair": "#000000"}, ["棠夜"], "template, hair, dress, skin, set, layout"),
        ({n: "x" for n in ("template", "hair", "dress", "skin", "set", "layout")}, [], "trigger_words"),
    ],
)
def test_colours_that_are_not_whole_are_told(given: object, words: list[str], told: str) -> None:
    with pytest.raises(AdapterUseless, match=told):
        persona_colours(given, words)
