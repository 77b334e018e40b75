"""One checkpoint of Stable Diffusion in the first code's names becomes the directory that it was made from."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from services.lora import base_sha256
from services.model_directory import check_vision_base
from services.training.faults import TrainingFailed
from services.training.visual_diffusers import TARGETS, TEXT_TARGETS
from services.training.visual_single_file import (
    convert,
    main,
    single_file_base,
    text_config,
    unet_config,
    vae_config,
)
from services.training.visual_tokenizer import find_tokenizer
from tests.unit.vision_bases import tokenizer as byte_tokenizer
from tests.unit.visual_parts import checkpoint, ldm_text, ldm_unet, ldm_vae

SD15_UNET = {
    "sample_size": 64, "in_channels": 4, "out_channels": 4, "layers_per_block": 2, "cross_attention_dim": 768,
    "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3], "use_linear_projection": False,
}  # fmt: skip
SD15_VAE = {
    "in_channels": 3, "out_channels": 3, "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
    "latent_channels": 4, "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
    "sample_size": 512, "scaling_factor": 0.18215,
}  # fmt: skip


def tiny(*, words: int = 514, levels: int = 2) -> Any:
    """A small pipeline of SD 1.x's build: eight heads, one head of 64 numbers in the text encoder; `levels` of its VAE."""
    torch.manual_seed(3)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=512 >> (levels - 1), in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32, attention_head_dim=8,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(32,) * (levels - 1) + (64,), down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels, latent_channels=4, sample_size=512, layers_per_block=1,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=1,
            max_position_embeddings=77, projection_dim=32, bos_token_id=words - 2, eos_token_id=words - 1,
            pad_token_id=words - 1,
        )
    )  # fmt: skip
    return type("Parts", (), {"unet": unet, "vae": vae, "text_encoder": text})


@pytest.fixture(scope="module")
def parts() -> Any:
    return tiny()


@pytest.fixture
def words(tmp_path: Path) -> Path:
    byte_tokenizer(tmp_path / "words")
    return tmp_path / "words"


def shapes(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, tuple[int, ...]]:
    return {key.removeprefix(prefix): tuple(value.shape) for key, value in tensors.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_directory_holds_what_the_checkpoint_was_written_from(
    parts: Any, words: Path, tmp_path: Path, dtype: torch.dtype
) -> None:
    file = checkpoint(tmp_path / "tang.safetensors", parts, dtype=dtype)
    convert(file, tmp_path / "base", tokenizer=words)
    assert check_vision_base(tmp_path / "base") == []
    assert not list(tmp_path.glob(".*part*"))
    pipe = StableDiffusionPipeline.from_pretrained(str(tmp_path / "base"), safety_checker=None)
    for name in ("unet", "vae", "text_encoder"):
        want, have = getattr(parts, name).state_dict(), getattr(pipe, name).state_dict()
        assert want.keys() == have.keys()
        for key, value in want.items():
            assert torch.equal(have[key], value.to(dtype).float()), key
    assert pipe.unet.config.attention_head_dim == 8
    assert pipe.text_encoder.config.num_attention_heads == 1
    assert pipe.scheduler.config.prediction_type == "epsilon"
    with torch.no_grad():
        latents, text = torch.randn(1, 4, 8, 8), torch.randn(1, 3, 32)
        if dtype == torch.float32:
            one, two = (unet(latents, 5, text).sample for unet in (parts.unet, pipe.unet))
            assert torch.allclose(one, two, atol=1e-5)


def test_the_configuration_of_sd_1_5_is_read_from_shapes_alone() -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(SD15_UNET)
        vae = AutoencoderKL.from_config(SD15_VAE)
        text = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12))
    named = ldm_unet(unet.state_dict(), layers=2, attended=(True, True, True, False))
    assert "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight" in named
    assert "model.diffusion_model.output_blocks.8.2.conv.weight" in named and len(named) == 686
    assert unet_config(shapes(named, "model.diffusion_model."), latent_side=64) == SD15_UNET
    kept = ldm_vae(vae.state_dict(), levels=4)
    assert len(kept) == 248
    assert vae_config(shapes(kept, "first_stage_model.")) == SD15_VAE
    told = text_config(shapes(ldm_text(text.state_dict()), "cond_stage_model.transformer."))
    assert (told.num_attention_heads, told.num_hidden_layers, told.vocab_size) == (12, 12, 49408)
    assert (told.bos_token_id, told.eos_token_id, told.hidden_act) == (49406, 49407, "quick_gelu")


def test_the_same_checkpoint_is_always_the_same_base(parts: Any, words: Path, tmp_path: Path) -> None:
    """Converted in the cache or by hand, under any name: the bank knows both by one hash."""
    file = checkpoint(tmp_path / "a" / "tang.safetensors", parts)
    again = checkpoint(tmp_path / "b" / "other.safetensors", parts)
    cached = single_file_base(file, tokenizer=words, cache_dir=tmp_path / "cache")
    assert single_file_base(file, tokenizer=words, cache_dir=tmp_path / "cache") == cached
    convert(again, tmp_path / "served", tokenizer=words)
    assert base_sha256(cached) == base_sha256(tmp_path / "served")


def test_a_tokenizer_beside_the_checkpoint_is_taken(parts: Any, tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "tang.safetensors", parts)
    byte_tokenizer(tmp_path / "tokenizer")
    assert len(find_tokenizer(None, tmp_path)) == 514
    convert(file, tmp_path / "base")
    assert (tmp_path / "base" / "tokenizer" / "vocab.json").is_file()


def test_clips_own_words_come_from_the_installed_package(tmp_path: Path) -> None:
    """The token numbers that OpenAI's CLIP gives "a photo of a cat"."""
    made = find_tokenizer(None, tmp_path)
    assert made("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    padded = made("唐装", padding="max_length", max_length=77).input_ids
    assert len(made) == 49408 and len(padded) == 77 and padded[-1] == 49407


def test_without_any_tokenizer_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainingFailed, match=r"tokenizer.*clip-anytorch"):
        find_tokenizer(None, tmp_path)
    with pytest.raises(TrainingFailed, match=r"vocab\.json"):
        find_tokenizer(tmp_path, tmp_path)


def test_a_tokenizer_that_knows_more_words_than_the_model_is_refused(parts: Any, tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "tang.safetensors", parts)
    with pytest.raises(TrainingFailed, match=r"49408 tokens.*514"):
        convert(file, tmp_path / "base")
    assert [one.name for one in tmp_path.iterdir()] == ["tang.safetensors"]


def test_a_vocabulary_that_is_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_bytes(gzip.compress(b"{}"))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    with pytest.raises(TrainingFailed, match="holds no CLIP tokenizer"):
        find_tokenizer(tmp_path, tmp_path)


OTHERS: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "a LoRA": ("is a LoRA", {"lora_unet_x.lora_down.weight": (4, 8)}),
    "SDXL": ("is SDXL", {"conditioner.embedders.0.transformer.text_model.x": (1,)}),
    "SD 2": ("2.x", {"cond_stage_model.model.transformer.x": (1,)}),
    "a VAE": ("lacks model.diffusion_model", {"first_stage_model.encoder.conv_in.weight": (1,)}),
    "inpainting": (
        "9 input channels",
        {
            "model.diffusion_model.input_blocks.0.0.weight": (8, 9, 3, 3), "first_stage_model.x": (1,),
            "cond_stage_model.transformer.x": (1,),
        },
    ),
    "another build": (
        "not built as SD 1.x",
        {
            "model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3), "first_stage_model.encoder.down.0.x": (1,),
            "cond_stage_model.transformer.x": (1,),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_sd_1_checkpoint_is_named_with_what_is_supported(
    name: str, words: Path, tmp_path: Path
) -> None:
    told, tensors = OTHERS[name]
    file = tmp_path / "other.safetensors"
    save_file({key: torch.zeros(shape) for key, shape in tensors.items()}, str(file))
    with pytest.raises(TrainingFailed, match=told) as failure:
        convert(file, tmp_path / "base", tokenizer=words)
    assert "name a diffusers directory" in str(failure.value)
    assert not (tmp_path / "base").exists() and not list(tmp_path.glob(".*"))


def test_a_checkpoint_with_a_tensor_missing_or_cut_off_is_told(
    parts: Any, words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = checkpoint(tmp_path / "tang.safetensors", parts)
    tensors = load_file(str(file))
    del tensors["model.diffusion_model.middle_block.0.in_layers.2.weight"]
    save_file(tensors, str(tmp_path / "less.safetensors"))
    with pytest.raises(TrainingFailed, match=r"1 tensors of its unet .*mid_block\.resnets\.0\.conv1"):
        convert(tmp_path / "less.safetensors", tmp_path / "base", tokenizer=words)
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(TrainingFailed, match="cut off"):
        convert(file, tmp_path / "base", tokenizer=words)
    assert not (tmp_path / "base").exists()


def test_the_command_converts_and_never_writes_over_files(
    parts: Any,
    words: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = checkpoint(tmp_path / "tang.safetensors", parts, averaged=False)
    arguments = ["visual_single_file", str(file), str(tmp_path / "base"), "--tokenizer", str(words)]
    monkeypatch.setattr("sys.argv", arguments)
    assert main() == 0 and check_vision_base(tmp_path / "base") == []
    assert main() == 1 and "is not empty" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", [arguments[0], str(tmp_path / "none.safetensors"), str(tmp_path / "x")])
    assert main() == 2


@pytest.mark.parametrize("rank", [12, 16])
def test_at_sd_1_5s_size_under_a_hundredth_is_trained_and_the_file_is_small(rank: int) -> None:
    """Reckoned from the layers' shapes: with and without the text encoder."""
    with torch.device("meta"):
        parts = {
            "unet": UNet2DConditionModel.from_config(SD15_UNET),
            "text_encoder": CLIPTextModel(
                CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12)
            ),
        }
    total = sum(one.numel() for part in parts.values() for one in part.parameters())
    assert 980e6 < total < 985e6
    for names, targets in ((["unet"], TARGETS), (list(parts), (*TARGETS, *TEXT_TARGETS))):
        layers = [
            layer
            for name in names
            for path, layer in parts[name].named_modules()
            if any(f".{path}".endswith(f".{one}") for one in targets)
        ]
        trained = sum(rank * (layer.in_features + layer.out_features) for layer in layers)
        assert trained / total < 0.01
        assert trained * 2 < 10e6  # bytes in half precision
    assert len(layers) == 128 + 48
