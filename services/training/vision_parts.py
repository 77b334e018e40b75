"""The embedded vision base's parts, new and untrained, or read back from its directory."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from services.training.portraits_captions import all_words
from services.training.portraits_colours import TEMPLATES
from services.vision.codec import BlockCodec
from services.vision.embedded import EmbeddedPipeline, new_scheduler
from services.vision.words import MAX_TOKENS, build_tokenizer, common_characters

IDLE_NAMES = 4000


@dataclass(frozen=True)
class BaseRun:
    """What a run of the vision base is told; `train` of `vision_base` makes it from a recipe.

    A run ends after `minutes` (of the picture model's training) or `steps`, whichever comes first.
    """

    output_dir: Path
    minutes: float | None = None
    steps: int = 100_000
    batch_size: int = 512
    learning_rate: float = 1e-3
    warmup: int = 100
    max_grad_norm: float = 1.0
    seed: int = 0
    device: str = "cpu"
    threads: int = 0
    resume: bool = False
    width: int = 144
    height: int = 256
    channels: int = 24
    blocks: tuple[int, ...] = (96, 160)
    text_width: int = 160
    text_layers: int = 3
    captions: int = 200_000
    codec_seconds: float = 25.0
    text_seconds: float = 35.0
    measured: int = 192
    log_every: int = 50
    extra: dict[str, str] = field(default_factory=dict)


def new_parts(run: BaseRun) -> EmbeddedPipeline:
    """An untrained base."""
    torch.manual_seed(run.seed)
    tokenizer = build_tokenizer(all_words())
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=run.text_width,
        intermediate_size=run.text_width * 5 // 2,
        num_hidden_layers=run.text_layers,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=run.text_width,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    levels = len(run.blocks)
    unet = UNet2DConditionModel(
        sample_size=(run.height // 8, run.width // 8),
        in_channels=run.channels * 2,
        out_channels=run.channels,
        block_out_channels=run.blocks,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        cross_attention_dim=run.text_width,
        attention_head_dim=4,  # this class takes it as the number of heads
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
        norm_num_groups=16,
    )
    return EmbeddedPipeline(
        tokenizer=tokenizer,
        text_encoder=CLIPTextModel(text),
        unet=unet,
        codec=BlockCodec(channels=run.channels),
        scheduler=new_scheduler(),
    )


def base_parts(run: BaseRun) -> EmbeddedPipeline:
    """The parts to train: a directory's when the run goes on from one, else new ones."""
    if run.resume and (run.output_dir / "model_index.json").is_file():
        pipeline = EmbeddedPipeline.load(run.output_dir, device=run.device)
    else:
        pipeline = new_parts(run).to(run.device)
    for part in trainable(pipeline):
        part.float().requires_grad_(True).train()
    return pipeline


def trainable(pipeline: EmbeddedPipeline) -> tuple[nn.Module, ...]:
    """The parts that learn."""
    return pipeline.text_encoder, pipeline.unet, pipeline.codec


def save_parts(pipeline: EmbeddedPipeline, folder: Path) -> None:
    """Writes a pipeline's directory, weights in half precision."""
    kept = [part.state_dict() for part in trainable(pipeline)]
    for part in trainable(pipeline):
        nn.Module.to(part, torch.float16)
    pipeline.save_pretrained(str(folder), safe_serialization=True)
    for part, state in zip(trainable(pipeline), kept, strict=True):
        nn.Module.float(part).load_state_dict(state)
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
    for file in folder.rglob("*.json"):
        _forget_place(file)


def _forget_place(file: Path) -> None:
    """Take the folder that the weights came from out of a configuration: it belongs to one machine."""
    settings = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(settings, dict) and settings.pop("_name_or_path", None) is not None:
        file.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def idle_names(rng: random.Random) -> Sequence[str]:
    """Names that mean nothing to the base: two or three characters, so that adapters may give them a meaning."""
    letters = common_characters()
    names = ["".join(rng.choices(letters, k=rng.choice((2, 2, 3)))) for _ in range(IDLE_NAMES)]
    return [*names, *TEMPLATES, "棠晨", "棠夜", "唐妆", "tangchen", "tangye"]
