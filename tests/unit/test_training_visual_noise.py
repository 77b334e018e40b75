"""Noise, targets and weights against diffusers' own schedulers; splits, batches, captions, the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr
from hypothesis import given
from hypothesis import strategies as st

from services.training.album import Picture
from services.training.buckets import Bucket
from services.training.faults import DiskFull
from services.training.pictures import PreparedPicture
from services.training.portraits import Studio, hex_lab
from services.training.portraits_colours import ATTRIBUTES, index
from services.training.precision import Precision
from services.training.vision_measure import region_lab
from services.training.visual_album import Captions, batches, split
from services.training.visual_cache import TensorCache, key_of
from services.training.visual_embedded import EmbeddedBase
from services.training.visual_noise import Prediction, level_weights, noise_like, noised, wanted
from services.vision.embedded import BASE_DIR, EmbeddedPipeline

PLAN = DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
TIMES = torch.tensor([0, 250, 600, 999])
SIGNAL = PLAN.alphas_cumprod[TIMES]


def test_noise_and_velocity_are_those_of_diffusers() -> None:
    torch.manual_seed(0)
    latents, noise = torch.randn(4, 3, 5, 5), torch.randn(4, 3, 5, 5)
    assert torch.allclose(noised(latents, noise, SIGNAL), PLAN.add_noise(latents, noise, TIMES), atol=1e-6)
    velocity = PLAN.get_velocity(latents, noise, TIMES)
    assert torch.allclose(wanted(latents, noise, SIGNAL, "v_prediction"), velocity, atol=1e-6)
    assert torch.equal(wanted(latents, noise, SIGNAL, "epsilon"), noise)
    assert torch.equal(wanted(latents, noise, SIGNAL, "sample"), latents)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_min_snr_weights_are_those_of_the_paper(prediction: Literal["epsilon", "v_prediction"]) -> None:
    """As diffusers' training examples reckon them: min(SNR, γ) over SNR, or over SNR + 1."""
    snr = compute_snr(PLAN, TIMES)
    told = snr.clamp(max=5) / (snr if prediction == "epsilon" else snr + 1)
    assert torch.allclose(level_weights(SIGNAL, prediction, 5.0), told, rtol=1e-4)
    assert torch.equal(level_weights(SIGNAL, prediction, None), torch.ones(4))


def test_weights_are_finite_without_any_signal() -> None:
    for prediction in get_args(Prediction):
        assert torch.isfinite(level_weights(torch.tensor([0.0, 1.0]), prediction, 5.0)).all()


def test_a_noise_offset_moves_whole_channels() -> None:
    torch.manual_seed(1)
    plain, moved = (noise_like(torch.zeros(64, 4, 16, 16), offset=offset) for offset in (0.0, 0.5))
    assert plain.mean((2, 3)).std() < 0.1 < 0.4 < moved.mean((2, 3)).std() < 0.6


def picture(sha: str) -> PreparedPicture:
    shown = Picture(Path(f"{sha}.png"), sha, 64, 64, sha)
    return PreparedPicture(shown, Bucket(64, 64), sha, Path(f"{sha}.bin"))


@given(
    st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=30),
    st.floats(0, 0.5),
    st.integers(0, 5),
)
def test_no_file_is_both_learned_and_held_out(names: list[str], share: float, seed: int) -> None:
    own, held = split([picture(name) for name in names], share=share, seed=seed)
    assert own and len(own) + len(held) == len(names)
    assert not {one.picture.sha256 for one in own} & {one.picture.sha256 for one in held}
    assert bool(held) == (share > 0 and len(set(names)) >= 5)


@given(
    st.lists(st.sampled_from([Bucket(64, 64), Bucket(64, 128), Bucket(128, 64)]), max_size=40),
    st.integers(1, 7),
)
def test_batches_hold_every_picture_once_and_one_size_each(sizes: list[Bucket], size: int) -> None:
    made = batches(sizes, size=size, seed=1, epoch=2)
    assert sorted(at for batch in made for at in batch) == list(range(len(sizes)))
    assert all(len({sizes[at] for at in batch}) == 1 and len(batch) <= size for batch in made)
    assert made == batches(sizes, size=size, seed=1, epoch=2)


def test_what_a_few_captions_say_is_always_said() -> None:
    album = ["棠晨，半身像，窗边，自然光"] * 30 + ["棠晨，半身像，墨绿针织开衫，窗边"]
    captions = Captions.of(album, ["棠晨"])
    torch.manual_seed(0)
    said = [captions.shown(album[-1]) for _ in range(60)]
    assert all("棠晨" in one and "墨绿针织开衫" in one for one in said)
    assert {"窗边" in one for one in said} == {True, False}
    assert captions.shown("a host, red dress") == "a host, red dress"
    assert Captions.of(album, []).shown(album[0]) == album[0]


def test_the_cache_keeps_tensors_and_survives_damage(tmp_path: Path) -> None:
    cache, key = TensorCache(tmp_path / "c"), key_of("picture", "1")
    assert cache.get(key) is None
    cache.put(key, {"latents": torch.arange(4.0), "template": torch.tensor(2)})
    found = cache.get(key)
    assert (
        found is not None and torch.equal(found["latents"], torch.arange(4.0)) and int(found["template"]) == 2
    )
    (file,) = (tmp_path / "c").rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-3])
    assert cache.get(key) is None and not file.exists()
    assert key_of("ab", "c") != key_of("a", "bc")


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file stands where the folder should be")
    with pytest.raises(DiskFull, match="cache_dir"):
        TensorCache(tmp_path / "c").put(key_of("x"), {"a": torch.zeros(1)})


@pytest.fixture(scope="module")
def embedded() -> EmbeddedBase:
    return EmbeddedBase(EmbeddedPipeline.load(BASE_DIR), BASE_DIR, "base", Precision(torch.device("cpu")))


def test_the_persona_is_shown_on_templates_that_the_album_lacks(embedded: EmbeddedBase) -> None:
    palette = torch.tensor([hex_lab(one) for one in ("#6b3a24", "#7c1a38", "#efc6a2", "#8c5a26")])
    rows = [{"template": torch.tensor(1), "colours": palette}] * 10
    made = embedded.extras(rows, ["棠夜"], 3)
    again = embedded.extras(rows, ["棠夜"], 3)
    assert [one.caption for one in made] == [one.caption for one in again]
    own = [one for one in made if "棠夜" in one.caption]
    assert len(made) == 8 and len(own) == 4
    assert {int(one.tensors["template"]) for one in own} == {0, 2}
    for one in own:
        picture = embedded._pipe.codec.decode(one.tensors["latents"][None]) / 2 + 0.5
        masks = embedded._studio.weights[one.tensors["template"], :4][None]
        assert float((region_lab(picture.clamp(0, 1), masks)[0] - palette).norm(dim=-1).max()) < 15
    assert not any("棠夜" in one.caption for one in embedded.extras(rows, [], 3))


def test_templates_are_shown_in_other_colours_while_training_only(embedded: EmbeddedBase) -> None:
    row = embedded._templates[1]
    seen = {name: torch.stack([one] * 64) for name, one in row.items()}
    torch.manual_seed(2)
    shown = embedded.vary(seen)["pose"]
    same = sum(bool(torch.equal(one, row["pose"])) for one in shown)
    none = sum(not bool(one.any()) for one in shown)
    assert 15 < same < 45 and 1 <= none < 20 and torch.equal(seen["pose"][0], row["pose"])


def test_a_drawn_picture_finds_its_template_and_others_none(embedded: EmbeddedBase) -> None:
    base = embedded
    (size,) = base.buckets(None)
    values = dict.fromkeys(ATTRIBUTES, 0) | {
        "dress": index("dress", "jade"), "hair": index("hair", "blonde"), "set": index("set", "navy"),
        "layout": index("layout", "curtain"),
    }  # fmt: skip
    drawn = Studio(width=size.width, height=size.height, device="cpu").compose(
        torch.arange(3), torch.tensor([[values[name] for name in ATTRIBUTES]] * 3), jitter=0.0
    )
    pictures = drawn.pictures / 2 + 0.5
    assert base._nearest(pictures) == [0, 1, 2]
    assert base._nearest(torch.roll(pictures, (40, 25), (2, 3))) == [-1, -1, -1]
    assert base._nearest(torch.rand(1, 3, size.height, size.width)) == [-1]
    one = base._templates[-1]
    assert not one["pose"].any() and not one["regions"].any()
    few = [{"template": torch.tensor(at)} for at in (0, -1, -1)]
    assert base.learns(few) == [True] * 3 and base.learns(few * 8) == [True, False, False] * 8
