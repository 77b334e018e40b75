"""Tiny vision bases of random weights for tests, saved as directories in diffusers' layout; adapters for them."""

from __future__ import annotations

import hashlib
import json
import warnings
from datetime import date
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from services.lora import Base, Card, Consent, base_sha256, write_card
from services.vision.codec import BlockCodec
from services.vision.embedded import EmbeddedPipeline, new_scheduler
from services.vision.words import build_tokenizer

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")
TEXT_TARGETS = ("q_proj", "v_proj")


def tokenizer(folder: Path) -> CLIPTokenizer:
    """A CLIP tokenizer that knows single bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(n) for n in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + n) for n in range(256 - len(letters))]
    vocabulary = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({t: n for n, t in enumerate(vocabulary)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    made: CLIPTokenizer = CLIPTokenizer.from_pretrained(str(folder), model_max_length=77)
    return made


def _text_config(projection: int = 32) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=514, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=77, projection_dim=projection, bos_token_id=512, eos_token_id=513,
        pad_token_id=513,
    )  # fmt: skip


def _unet(**changes: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32,
        attention_head_dim=2, **changes,
    )  # fmt: skip


def _plan() -> DDIMScheduler:
    return DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(32, 64), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, sample_size=64,
    )  # fmt: skip


def tiny_sd(folder: Path, *, seed: int = 3, turbo: bool = False) -> Path:
    """A pipeline of Stable Diffusion 1.5's architecture, or of its turbo variant."""
    torch.manual_seed(seed)
    plan = EulerAncestralDiscreteScheduler(timestep_spacing="trailing", steps_offset=1) if turbo else _plan()
    StableDiffusionPipeline(
        unet=_unet(), vae=_vae(), text_encoder=CLIPTextModel(_text_config()),
        tokenizer=tokenizer(folder / "tokenizer"), scheduler=plan, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_lcm(folder: Path, *, seed: int = 3) -> Path:
    """A pipeline of a latent consistency model: few steps, guidance as a condition of the UNet."""
    torch.manual_seed(seed)
    LatentConsistencyModelPipeline(
        unet=_unet(time_cond_proj_dim=32), vae=_vae(), text_encoder=CLIPTextModel(_text_config()),
        tokenizer=tokenizer(folder / "tokenizer"),
        scheduler=LCMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_sdxl(folder: Path, *, seed: int = 3) -> Path:
    """A pipeline of SDXL's architecture: two text encoders, sizes as a condition."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(2, 4),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2), projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
    )  # fmt: skip
    StableDiffusionXLPipeline(
        unet=unet, vae=_vae(), text_encoder=CLIPTextModel(_text_config()),
        text_encoder_2=CLIPTextModelWithProjection(_text_config()),
        tokenizer=tokenizer(folder / "tokenizer"), tokenizer_2=tokenizer(folder / "tokenizer_2"),
        scheduler=_plan(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def tiny_embedded(folder: Path, *, seed: int = 3, template: Path | None = None) -> Path:
    """A pipeline of the embedded base's architecture; its codec is fitted to a template's picture."""
    torch.manual_seed(seed)
    words = build_tokenizer(["host", "red", "green", "dress"])
    words.save_pretrained(folder / "tokenizer")
    codec = BlockCodec(channels=8, hidden=8, depth=1)
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=(8, 8), in_channels=16, out_channels=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32, attention_head_dim=2,
    )  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=37, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=77, projection_dim=32,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    pipeline = EmbeddedPipeline(
        tokenizer=words, text_encoder=CLIPTextModel(text), unet=unet, codec=codec, scheduler=new_scheduler()
    )
    if template is not None:
        width, height = pipeline.size
        from services.vision.regions import template as seen

        picture = torch.from_numpy(seen(template, width=width, height=height)).permute(2, 0, 1)[None]
        codec.fit(picture * 2 - 1)
    pipeline.save_pretrained(folder)
    return folder


def adapter(
    folder: Path, base: Path, modules: dict[str, nn.Module], *, seed: int = 5, size: float = 0.3,
    persona: str = "tang", spoil: bool = False,
) -> tuple[Path, dict[str, nn.Module]]:  # fmt: skip
    """An adapter over UNet and text encoder as peft makes it, with its card; and peft's own models, the
    oracle. `spoil` puts a NaN into it."""
    torch.manual_seed(seed)
    tensors, oracle = {}, {}
    for part, model in modules.items():
        targets = TARGETS if part == "unet" else TEXT_TARGETS
        with warnings.catch_warnings():  # peft still asks transformers by a name that is going out
            warnings.simplefilter("ignore", FutureWarning)
            worn = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=list(targets)))
        for name, value in worn.named_parameters():
            if "lora_" in name:
                nn.init.normal_(value, std=size)
                key = name.replace(".default.", ".").replace(
                    "base_model.model.", f"base_model.model.{part}.", 1
                )
                tensors[key] = value.detach().clone().contiguous()
        oracle[part] = worn.eval()
    if spoil:
        next(iter(tensors.values())).view(-1)[0] = float("nan")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter.safetensors")
    digest = hashlib.sha256((folder / "adapter.safetensors").read_bytes()).hexdigest()
    consent = Consent(
        subject="a drawn character", scope=("face",), document="test", valid_from=date(2020, 1, 1),
        valid_until=date(2099, 1, 1),
    )  # fmt: skip
    card = Card(
        kind="visual", persona=persona, version="1", base=Base(name="tiny", sha256=base_sha256(base)), rank=4,
        alpha=8, target_modules=(*TARGETS, *TEXT_TARGETS), sha256=digest, consent=consent,
    )  # fmt: skip
    write_card(folder, card)
    return folder, oracle
