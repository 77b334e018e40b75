"""peft's, diffusers' and kohya's files: read, written, and loaded alike by the libraries themselves."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.loaders import StableDiffusionLoraLoaderMixin
from diffusers.loaders.lora_conversion_utils import _maybe_map_sgm_blocks_to_diffusers
from diffusers.utils import convert_state_dict_to_diffusers
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from torch import nn

from services.lora import Bank, BankSpec, read_card
from services.lora.formats import (
    FormatProblems,
    diffusers_metadata,
    read_loras,
    to_diffusers,
    to_kohya,
    to_peft,
    write_adapter,
)
from services.lora.names import Format
from services.lora.packing import Lora
from services.lora.sgm import sgm_aliases
from tests.unit import lora_parts as parts

TARGETS = ("to_q", "to_v", "conv1", "q_proj", "fc1")


def _models() -> dict[str, nn.Module]:
    return {"unet": parts.unet(), "text_encoder": parts.text_encoder()}


def _bank(models: dict[str, nn.Module]) -> Bank:
    return Bank.attach(models, spec=BankSpec(slots=3, max_rank=8, targets=TARGETS))


def _twins(models: dict[str, nn.Module], **config: Any) -> dict[str, PeftModel]:
    return {
        "unet": parts.twin(models["unet"], ("to_q", "to_v", "conv1"), seed=1, **config),
        "text_encoder": parts.twin(models["text_encoder"], ("q_proj", "fc1"), seed=2, **config),
    }


def _loras(twins: dict[str, PeftModel]) -> dict[str, Lora]:
    return {
        f"{name}.{path}": lora for name, made in twins.items() for path, lora in parts.neutral(made).items()
    }


def _same(found: dict[str, Lora], wanted: dict[str, Lora]) -> None:
    assert found.keys() == wanted.keys()
    for module, lora in wanted.items():
        assert torch.equal(found[module].a, lora.a)
        assert torch.equal(found[module].b, lora.b)


def _known(models: dict[str, nn.Module]) -> set[str]:
    return {f"{name}.{path}" for name, model in models.items() for path, _ in model.named_modules()}


def test_each_format_is_read_back_as_it_was_written() -> None:
    models = _models()
    loras = _loras(_twins(models))
    options: dict[str, Any] = {"known": _known(models), "models": tuple(models)}
    _same(read_loras(to_peft(loras), **options), loras)
    _same(read_loras(to_diffusers(loras), **options), loras)
    back = read_loras(to_kohya(loras, dict.fromkeys(loras, 6.5)), **options)
    _same(back, loras)
    assert {lora.alpha for lora in back.values()} == {6.5}


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize(
    "config",
    [{"r": 4, "lora_alpha": 9}, {"r": 8, "lora_alpha": 3, "use_rslora": True}],
    ids=["alpha", "rslora"],
)
def test_an_adapter_in_each_format_speaks_as_peft_does(
    format: Format, config: dict[str, Any], tmp_path: Path
) -> None:
    models = _models()
    twins = _twins(models, **config)
    wanted = parts.run_unet(twins["unet"]), parts.run_text(twins["text_encoder"])
    bank = _bank(models)
    card = parts.card_of(twins["unet"], target_modules=TARGETS)
    written = write_adapter(tmp_path, _loras(twins), card, format=format)
    assert read_card(tmp_path) == written
    staged = parts.stage(tmp_path, bank)
    bank.fill(staged.packed, sha256=staged.sha256)
    with bank.rows([staged.sha256]):
        found = parts.run_unet(models["unet"]), parts.run_text(models["text_encoder"])
    for one, other in zip(found, wanted, strict=True):
        assert float((one - other).abs().max() / other.abs().max()) <= 1e-4


@pytest.mark.parametrize("format", [Format.DIFFUSERS, Format.KOHYA])
def test_diffusers_loads_what_we_write_to_the_same_effect(format: Format) -> None:
    unet = parts.unet()
    made = parts.twin(unet, ("to_q", "to_v", "conv1"), seed=3, r=4, lora_alpha=9)
    loras = parts.neutral(made)
    wanted = parts.run_unet(made)
    loader = StableDiffusionLoraLoaderMixin
    if format is Format.KOHYA:
        tensors = to_kohya(loras, dict.fromkeys(loras, 9.0))
        tensors, alphas = loader.lora_state_dict(tensors)
        loader.load_lora_into_unet(tensors, alphas, unet)
    else:
        told = diffusers_metadata(loras, parts.card_of(made))
        loader.load_lora_into_unet(to_diffusers(loras), None, unet, metadata=told)
    found = parts.run_unet(unet)
    assert float((found - wanted).abs().max() / wanted.abs().max()) <= 1e-4


SPELLINGS: dict[str, Callable[[str, str], str]] = {
    "peft": lambda path, side: f"base_model.model.{path}.lora_{side}.weight",
    "peft with the adapter's name": lambda path, side: f"base_model.model.{path}.lora_{side}.lan.weight",
    "bare": lambda path, side: f"{path}.lora_{side}.weight",
    "diffusers": lambda path, side: f"unet.{path}.lora_{side}.weight",
    "diffusers down and up": lambda path, side: f"unet.{path}.lora.{_DOWN[side]}.weight",
    "diffusers processor": lambda path, side: f"unet.{_processor(path)}_lora.{_DOWN[side]}.weight",
    "kohya": lambda path, side: f"lora_unet_{path.replace('.', '_')}.lora_{_DOWN[side]}.weight",
}
_DOWN = {"A": "down", "B": "up"}


def _processor(path: str) -> str:
    block, _, name = path.removesuffix(".0").rpartition(".")
    return f"{block}.processor.{name}"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("several", [False, True])
def test_every_spelling_of_a_layer_is_found(spelling: str, several: bool) -> None:
    unet = parts.unet()
    loras = parts.neutral(parts.twin(unet, ("to_q", "to_out.0"), seed=4))
    tensors = {
        SPELLINGS[spelling](path, side): tensor
        for path, lora in loras.items()
        for side, tensor in (("A", lora.a), ("B", lora.b))
    }
    if several:
        found = read_loras(tensors, known=_known(_models()), models=("unet", "text_encoder"))
        found = {path.removeprefix("unet."): lora for path, lora in found.items()}
    else:
        found = read_loras(tensors, known={path for path, _ in unet.named_modules()})
    _same(found, loras)


@pytest.mark.parametrize(
    "start", ["text_encoder.text_model.", "text_encoder.", "lora_te_text_model_", "lora_te1_"]
)
def test_a_text_encoder_is_found_with_and_without_text_model(start: str) -> None:
    tail = "encoder.layers.1.self_attn.q_proj"
    kohya = start.startswith("lora")
    key = start + (tail.replace(".", "_") + ".lora_{}.weight" if kohya else tail + ".lora.{}.weight")
    tensors = {key.format("down"): torch.ones(2, 16), key.format("up"): torch.ones(16, 2)}
    assert set(read_loras(tensors, known=_known(_models()), models=("unet", "text_encoder"))) == {
        f"text_encoder.{tail}"
    }


REFUSED = {
    "DoRA": ("base_model.model.{}.lora_magnitude_vector.default.weight", "lora_unet_{}.dora_scale"),
    "LoHa": ("lora_unet_{}.hada_w1_a",),
    "LoKr": ("lora_unet_{}.lokr_w1",),
    "Tucker": ("lora_unet_{}.lora_mid.weight",),
    "a bias": ("base_model.model.{}.lora_B.bias", "lora_unet_{}.diff_b"),
    "a saved module": ("base_model.model.{}.modules_to_save.weight", "base_model.model.lm_head.weight"),
    "embedding": ("base_model.model.{}.lora_embedding_A",),
    "another method": ("base_model.model.{}.oft_r", "lora_unet_{}.diff"),
    "does not have": ("base_model.model.no.such.layer.lora_A.weight", "lora_unet_no_such.lora_up.weight"),
    "unknown": ("{}.something", "x"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_plain_lora_is_refused_by_its_name(what: str) -> None:
    unet = parts.unet()
    known = {path for path, _ in unet.named_modules()}
    good = parts.peft_tensors(parts.twin(unet, ("to_q",), seed=5))
    path = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    for template in REFUSED[what]:
        key = template.format(path.replace(".", "_") if template.startswith("lora_") else path)
        with pytest.raises(FormatProblems, match=what) as failure:
            read_loras({**good, key: torch.zeros(1)}, known=known)
        assert key in str(failure.value)
        assert ";" in failure.value.problems[0]  # a mend


def test_every_kind_of_fault_is_listed_at_once() -> None:
    keys = ["a.hada_w1_a", "a.lokr_w1", "a.dora_scale", "a.bias", "m.lora_A.weight", "nope.lora_A.weight"]
    with pytest.raises(FormatProblems) as failure:
        read_loras(dict.fromkeys(keys, torch.zeros(1)), known={"m"})
    text = " ".join(failure.value.problems)
    for word in ("LoHa", "LoKr", "DoRA", "bias", "B (up) is missing", "does not have"):
        assert word in text


def test_a_mixture_of_formats_is_refused() -> None:
    tensors = dict.fromkeys(
        ["base_model.model.a.lora_A.weight", "base_model.model.a.lora_B.weight", "lora_unet_b.lora_down.weight",
         "lora_unet_b.lora_up.weight"], torch.zeros(1))  # fmt: skip
    with pytest.raises(FormatProblems, match="kohya and peft"):
        read_loras(tensors, known={"a", "b"})


def test_an_underscored_name_that_fits_two_layers_is_an_error() -> None:
    tensors = dict.fromkeys(
        ["lora_unet_a_b_c.lora_down.weight", "lora_unet_a_b_c.lora_up.weight"], torch.zeros(1)
    )
    with pytest.raises(FormatProblems, match=r"fits a\.b_c and a_b\.c"):
        read_loras(tensors, known={"a.b_c", "a_b.c"})


def test_a_path_that_two_models_have_is_an_error() -> None:
    with pytest.raises(FormatProblems, match=r"fits one\.x and two\.x"):
        read_loras(
            {"base_model.model.x.lora_A.weight": torch.zeros(1)},
            known={"one.x", "two.x"},
            models=("one", "two"),
        )


def test_the_same_layer_twice_is_an_error() -> None:
    keys = ["base_model.model.x.lora_A.weight", "base_model.model.x.lora_A.lan.weight", "x.lora_B.weight"]
    with pytest.raises(FormatProblems, match="already has"):
        read_loras(dict.fromkeys(keys, torch.zeros(1)), known={"x"})


def test_sdxl_names_of_sgm_are_those_that_diffusers_maps_back() -> None:
    """For every attention and resnet layer of an SDXL-shaped UNet: its own mapping undoes ours."""
    paths = []
    for side, blocks, layers in (("down", 3, 2), ("up", 3, 3)):
        for block in range(blocks):
            attended = block > 0 if side == "down" else block < 2
            for layer in range(layers):
                paths.append(f"{side}_blocks.{block}.resnets.{layer}.conv1")
                paths.append(f"{side}_blocks.{block}.resnets.{layer}.time_emb_proj")
                if attended:
                    paths.append(f"{side}_blocks.{block}.attentions.{layer}.proj_in")
    paths += ["mid_block.resnets.0.conv1", "mid_block.attentions.0.proj_in", "mid_block.resnets.1.conv2"]
    paths += ["down_blocks.0.downsamplers.0.conv", "up_blocks.0.upsamplers.0.conv"]
    aliases = sgm_aliases(f"unet.{path}" for path in paths)
    assert set(aliases.values()) == {f"unet.{path}" for path in paths}
    for alias, name in aliases.items():
        key = "lora_unet_" + alias.removeprefix("unet.").replace(".", "_") + ".lora_down.weight"
        unet_config = type("Config", (), {"layers_per_block": 2})
        [back] = _maybe_map_sgm_blocks_to_diffusers({key: 0}, unet_config)
        for theirs, ours in (
            ("input_blocks", "down_blocks"),
            ("output_blocks", "up_blocks"),
            ("middle", "mid"),
        ):
            back = back.replace(theirs, ours)
        block = name.removeprefix("unet.").split(".")[: 3 if "mid_block" in name else 4]
        assert back.startswith("lora_unet_" + "_".join(block) + "_")
    assert aliases["unet.input_blocks.4.1.proj_in"] == "unet.down_blocks.1.attentions.0.proj_in"
    assert aliases["unet.output_blocks.2.2.conv"] == "unet.up_blocks.0.upsamplers.0.conv"
    key = "lora_unet_input_blocks_4_1_proj_in.lora_{}.weight"
    found = read_loras(
        {key.format(s): torch.zeros(1) for s in ("down", "up")},
        known={f"unet.{p}" for p in paths},
        models=("unet",),
    )
    assert set(found) == {"unet.down_blocks.1.attentions.0.proj_in"}


def test_stored_numbers_may_be_halved_and_still_fit(tmp_path: Path) -> None:
    unet = parts.unet()
    bank = Bank.attach(unet, spec=BankSpec(slots=1, max_rank=4, targets=("to_q",)))
    made = parts.twin(parts.unet(), ("to_q",), seed=6)
    write_adapter(tmp_path / "full", parts.neutral(made), parts.card_of(made))
    write_adapter(tmp_path / "half", parts.neutral(made), parts.card_of(made), dtype=torch.bfloat16)
    full, half = (parts.stage(tmp_path / name, bank).packed.vector for name in ("full", "half"))
    assert 0 < float((full - half).abs().max()) < 0.01
    assert sum(f.stat().st_size for f in (tmp_path / "half").glob("*.safetensors")) < 0.7 * sum(
        f.stat().st_size for f in (tmp_path / "full").glob("*.safetensors")
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=8))
def test_no_keys_ever_break_the_reader(keys: list[str]) -> None:
    try:
        read_loras(dict.fromkeys(keys, torch.zeros(1)), known={"a.b", "c"})
    except FormatProblems as failure:
        assert failure.problems


def test_old_diffusers_text_encoder_keys_are_read() -> None:
    made = parts.twin(parts.text_encoder(), ("q_proj",), seed=7)
    plain = {k.removeprefix("base_model.model."): v for k, v in parts.peft_tensors(made).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensors = {f"text_encoder.{k}": v for k, v in convert_state_dict_to_diffusers(plain).items()}
    assert any("lora_linear_layer" in key for key in tensors)
    found = read_loras(tensors, known=_known(_models()), models=("unet", "text_encoder"))
    _same({k.removeprefix("text_encoder."): v for k, v in found.items()}, parts.neutral(made))
