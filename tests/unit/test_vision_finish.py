"""The finish: regions take the generated colour, the drawing and the landmarks stay."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from services.avatar.__main__ import SHAPES, held, picture
from services.avatar.looks import builtin_look, builtin_names, load_look, read_look_file
from services.vision import colour, finish, shift
from services.vision.cache import LookCache
from services.vision.colour import Floats
from services.vision.judge import judge_finished, judge_generated
from services.vision.template import Sheet, Template, read_template
from tests.unit.look_colours import region_colours
from tests.unit.vision_painter import recoloured

WANTED = {
    "dress": (38.0, -34.0, 14.0), "hair": (32.0, 16.0, 20.0), "skin": (76.0, 11.0, 20.0),
    "set": (62.0, -6.0, -14.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def templates() -> dict[str, Template]:
    return {name: read_template(builtin_look(name)) for name in builtin_names()}


def finished(template: Template, pictures: Floats) -> dict[str, Sheet]:
    return finish.finish(template, shift.shifts(template, pictures))


def mean_lab(template: Template, region: Floats, flat: Floats) -> Floats:
    lab = colour.to_lab(flat)
    return (lab * region[..., None]).sum(axis=(0, 1)) / region.sum()


@pytest.mark.parametrize("name", builtin_names())
def test_shares_of_regions_sum_to_one(templates: dict[str, Template], name: str) -> None:
    shown = templates[name].shown
    total = sum(shown.values(), np.zeros_like(shown["set"]))
    assert np.abs(total - 1).max() < 1e-4
    assert {"hair", "skin", "dress0", "set", "table", "feature"} <= set(shown)


@pytest.mark.parametrize("name", builtin_names())
def test_each_region_takes_the_generated_colour(templates: dict[str, Template], name: str) -> None:
    template = templates[name]
    done = finished(template, recoloured(template, WANTED, noise=0.01))
    flat = Template(template.folder, template.spec, done, "").flat
    was = {r: mean_lab(template, seen, template.flat) for r, seen in template.regions.items()}
    for region, goal in WANTED.items():
        # A dress is measured by its main cloth: trims keep their colour.
        seen = template.shown["dress0"] if region == "dress" else template.regions[region]
        got = mean_lab(template, seen, flat)
        left = float(colour.delta_e(got, np.array(goal, np.float32)))
        asked = float(colour.delta_e(was[region], np.array(goal, np.float32)))
        assert left < max(0.45 * asked, 12), f"{region}: {left:.1f} of {asked:.1f} is left"
    verdict = judge_finished(template, done)
    assert verdict.faults == ()
    assert verdict.measures["face"] > 0.9


def test_a_picture_of_the_template_itself_changes_nothing_but_focus(templates: dict[str, Template]) -> None:
    template = templates["evening"]
    same = shift.low(template, (128, 72))[None]
    done = finished(template, same)
    for name in ("head", "body", "front_hair", "table", "lid_closed_l"):
        sheet, own = done[name], template.layers[name]
        apart = np.abs(sheet.rgb - own.rgb)[own.alpha > 0.9]
        assert np.median(apart) < 0.02, name


def test_blotches_of_a_small_base_do_not_reach_the_face(templates: dict[str, Template]) -> None:
    template = templates["morning"]
    done = finished(template, recoloured(template, WANTED, noise=0.05, count=1))
    measures = judge_finished(template, done).measures
    assert measures["mottling_skin"] < 1.0
    assert measures["mottling_dress"] < 1.0


def test_a_lid_closes_without_a_seam(templates: dict[str, Template]) -> None:
    """The shut lid's rim has the colour of the skin around it, as in the template."""
    template = templates["tangzhuang"]
    done = finished(template, recoloured(template, WANTED))
    lid, head = template.layers["lid_closed_l"], template.layers["head"]
    rim = (lid.alpha > 0.05) & (lid.alpha < 0.9)
    ys, xs = np.nonzero(rim)
    on_head = (ys + lid.at[1] - head.at[1], xs + lid.at[0] - head.at[0])

    def step(layers: dict[str, Sheet]) -> float:
        first, second = layers["lid_closed_l"].rgb[ys, xs], layers["head"].rgb[on_head]
        ratio = colour.linear(first) / np.maximum(colour.linear(second), 1e-3)
        return float(np.median(np.abs(np.log(ratio + 1e-3))))

    assert step(done) < step(template.layers) + 0.02


def test_eyes_and_lips_stay_drawn(templates: dict[str, Template]) -> None:
    template = templates["tangzhuang"]
    done = finished(template, recoloured(template, WANTED))
    for name in ("iris_l", "teeth_upper", "eye_mask_l"):
        own = template.layers[name]
        assert np.abs(done[name].rgb - own.rgb)[own.alpha > 0.5].mean() < 0.03, name
    lips = colour.to_lab(done["lip_upper"].rgb)[template.layers["lip_upper"].alpha > 0.9].mean(axis=0)
    assert lips[1] > 25, "lips are red still"


def test_trims_keep_their_gold(templates: dict[str, Template]) -> None:
    template = templates["tangzhuang"]
    gold = max((k for k in template.shown if k.startswith("dress")), key=lambda k: mean_lab(
        template, template.shown[k], template.flat)[2])  # fmt: skip
    assert gold != "dress0"
    done = finished(template, recoloured(template, {"dress": (35.0, 10.0, -55.0)}))
    flat = Template(template.folder, template.spec, done, "").flat
    before, after = (mean_lab(template, template.shown[gold], p) for p in (template.flat, flat))
    assert colour.delta_e(before, after) < 14
    assert mean_lab(template, template.shown["dress0"], flat)[2] < -20


def test_another_looks_set_is_known_by_its_shapes(templates: dict[str, Template]) -> None:
    """A lattice behind the evening host: the drawn lattice stands there, not a blur of it."""
    template, other = templates["evening"], templates["tangzhuang"]
    seen = template.regions["set"][..., None]
    mixed = template.flat * (1 - seen) + other.layers["set"].rgb * seen
    small = cv2.resize(mixed.astype(np.float32), (72, 128), interpolation=cv2.INTER_AREA)
    backdrop = shift.shifts(template, small[None]).backdrop
    assert backdrop.alike > 0.9
    assert np.abs(backdrop.drawn - other.layers["set"].rgb).mean() < 0.02


def test_a_set_nobody_drew_is_shown_as_it_was_generated(templates: dict[str, Template]) -> None:
    template = templates["evening"]
    seen = template.regions["set"][..., None]
    stripes = 0.5 + 0.3 * np.sin(np.arange(720) / 25)[None, :, None] * np.array([1.0, 0.4, 0.8])
    mixed = template.flat * (1 - seen) + stripes * seen
    small = cv2.resize(mixed.astype(np.float32), (72, 128), interpolation=cv2.INTER_AREA)
    change = shift.shifts(template, small[None])
    assert change.backdrop.alike < 0.3
    flat = Template(template.folder, template.spec, finish.finish(template, change), "").flat
    row = slice(100, 160)
    drawn = np.corrcoef(flat[row].mean(axis=(0, 2)), np.broadcast_to(stripes, (1, 720, 3)).mean(axis=(0, 2)))
    assert drawn[0, 1] > 0.8


def test_half_the_strength_is_half_the_way(templates: dict[str, Template]) -> None:
    template = templates["morning"]
    pictures = recoloured(template, {"dress": (30.0, 20.0, -40.0)})
    seen = template.shown["dress0"]
    flats = [
        Template(
            template.folder,
            template.spec,
            finish.finish(template, shift.shifts(template, pictures, part=part)),
            "",
        ).flat
        for part in (0.5, 1.0)
    ]
    own = mean_lab(template, seen, template.flat)
    half, whole = (float(colour.delta_e(mean_lab(template, seen, flat), own)) for flat in flats)
    assert 0.3 * whole < half < 0.7 * whole


def test_a_finished_look_loads_and_draws(templates: dict[str, Template], tmp_path: Path) -> None:
    template = templates["tangzhuang"]
    done = finished(template, recoloured(template, WANTED))
    folder = LookCache(tmp_path, max_bytes=1 << 30).put("key", template, done, measures={}, about={})
    assert read_look_file(folder) == template.spec
    assert (folder / "look.yaml").read_bytes() == (template.folder / "look.yaml").read_bytes()
    made, own = load_look(folder), load_look(template.folder)
    for bearing in (held(smile=0.3), held(shut=1.0), held(shut=0.5, mouth=SHAPES["aa"])):
        frame, before = picture(made, bearing), picture(own, bearing)
        assert frame.shape == (1280, 720, 3)
        assert frame.std() > 20
        assert np.abs(frame.astype(int) - before).mean() > 8
    # A finished look may itself be a template: the same regions are found in it.
    again = read_template(folder)
    assert again.regions["skin"].mean() == pytest.approx(template.regions["skin"].mean(), rel=0.02)


def test_pictures_without_a_picture_are_refused(templates: dict[str, Template]) -> None:
    template = templates["morning"]
    low = shift.low(template, (128, 72))
    good = recoloured(template, WANTED)
    for picture_, word in (
        (np.zeros_like(good), "black"), (np.ones_like(good), "blown"), (np.full_like(good, 0.5), "flat"),
        (np.where(good > 0.5, np.nan, good).astype(np.float32), "no numbers"),
    ):  # fmt: skip
        faults = judge_generated(picture_, low, template, face_least=0.3).faults
        assert len(faults) == 1 and word in faults[0]
    assert judge_generated(good, low, template, face_least=0.3).faults == ()


def test_a_broken_face_is_refused(templates: dict[str, Template]) -> None:
    template = templates["morning"]
    low = shift.low(template, (128, 72))
    good = recoloured(template, WANTED)
    moved = np.roll(good, 14, axis=2)
    (fault,) = judge_generated(moved, low, template, face_least=0.3).faults
    assert "face" in fault and "strength" in fault
    done = dict(finished(template, good))
    for name in ("head", "lash_l", "lash_r", "brow_l", "brow_r", "lip_upper", "lip_lower"):
        sheet = done[name]
        done[name] = Sheet(np.roll(sheet.rgb, 9, axis=0), np.roll(sheet.alpha, 9, axis=0), sheet.at)
    assert any("face" in fault for fault in judge_finished(template, done).faults)


def test_green_skin_and_blotches_are_refused(templates: dict[str, Template]) -> None:
    template = templates["evening"]
    low = shift.low(template, (128, 72))
    for skin, word in (
        ((70.0, -30.0, 30.0), "hue"), ((60.0, 10.0, -40.0), "hue"), ((12.0, 8.0, 9.0), "too dark"),
        ((60.0, 60.0, 50.0), "far from"),
    ):  # fmt: skip
        faults = judge_generated(recoloured(template, {"skin": skin}), low, template, face_least=-1).faults
        assert any(word in fault for fault in faults), (skin, faults)
    done = dict(finished(template, recoloured(template, WANTED)))
    body = done["body"]
    spots = cv2.GaussianBlur(
        np.random.default_rng(2).normal(0, 1, body.rgb.shape).astype(np.float32), (0, 0), 14
    )
    done["body"] = Sheet(np.clip(body.rgb + 6 * spots, 0, 1), body.alpha, body.at)
    assert any("dress is blotched" in fault for fault in judge_finished(template, done).faults)


def test_filled_spreads_what_is_known() -> None:
    values = np.zeros((40, 30, 3), np.float32)
    values[:, :10] = 0.7
    weight = np.zeros((40, 30), np.float32)
    weight[:, :10] = 1
    assert np.allclose(colour.filled(values, weight), 0.7, atol=0.02)


def test_a_fine_picture_is_the_set_itself_without_the_host(templates: dict[str, Template]) -> None:
    """What a drawing base made of the host, a little elsewhere, does not stand beside her as a ghost."""
    template = templates["evening"]
    picture_ = recoloured(template, {"dress": (80.0, 0.0, 80.0)}, size=(360, 640), count=1)
    moved = np.roll(picture_, 4, axis=2)
    change = shift.shifts(template, moved, shift.low(template, (640, 360)), detail=True)
    behind = colour.to_lab(change.backdrop.made)[template.shown["dress0"] > 0.5]
    assert np.median(behind[:, 2]) < 45, "no yellow dress in the set"
    assert change.texture is not None
    done = finish.finish(template, change)
    assert judge_finished(template, done).faults == ()
    shelf = (slice(40, 300), slice(20, 200))
    flat = Template(template.folder, template.spec, done, "").flat
    alike = np.corrcoef(
        flat[shelf].mean(axis=2).ravel(), np.roll(template.flat, 8, axis=1)[shelf].mean(axis=2).ravel()
    )
    assert alike[0, 1] > 0.95


def test_region_colours_tell_looks_apart(templates: dict[str, Template]) -> None:
    colours = {name: region_colours(template) for name, template in templates.items()}
    assert set(colours["morning"]) == {"hair", "skin", "dress", "set"}
    apart = [
        np.linalg.norm(np.subtract(colours[a]["dress"], colours[b]["dress"]))
        for a, b in (("morning", "evening"), ("evening", "tangzhuang"), ("morning", "tangzhuang"))
    ]
    assert min(apart) > 15
