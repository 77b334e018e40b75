"""Small things that the visual training's tests share: an album, a recipe, a checkpoint in the first code's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from services.training.recipe import Recipe, read_recipe

torch.set_num_threads(1)  # the models are tiny, and tests run side by side

_RESNET = (
    ("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"), ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection"),
)  # fmt: skip
_ENDS = (
    ("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2"),
    ("conv_in", "input_blocks.0.0"), ("conv_norm_out", "out.0"), ("conv_out", "out.2"),
)  # fmt: skip
CONSENT = {
    "subject": "a drawn character", "scope": ["face"], "document": "test",
    "valid_from": date(2020, 1, 1), "valid_until": date(2099, 1, 1),
}  # fmt: skip


def album(folder: Path, count: int = 6, *, size: tuple[int, int] = (96, 96), seed: int = 0) -> Path:
    """Soft random pictures with captions in `metadata.csv`."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    rows = ["file_name,text"]
    for at in range(count):
        soft = Image.fromarray(random.integers(0, 255, (5, 5, 3), dtype=np.uint8))
        soft.resize(size, Image.Resampling.BICUBIC).save(folder / f"{at}.png")
        rows.append(f'{at}.png,"tang, a host in dress number {at}, by a window, soft light"')
    (folder / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def recipe(folder: Path, base: Path | str, **fields: Any) -> Recipe:
    """A visual recipe of the album `pictures` in a folder, read as the command line reads it."""
    if not (folder / "pictures").exists():
        album(folder / "pictures")
    (folder / "consent.yaml").write_text(yaml.safe_dump(CONSENT), encoding="utf-8")
    said = {
        "train_data_dir": "pictures", "metadata_path": "pictures/metadata.csv", "base_model": str(base), "lora_rank": 4,
        "lora_alpha": 6, "batch_size": 2, "epochs": 1, "learning_rate": "2e-2", "resolution": 64,
        "output_dir": str(folder / "out"), "cache_dir": str(folder / "cache"), "trigger_words": ["tang"],
        "persona": "tang", "consent": "consent.yaml", "sample_every": 0, "device": "cpu", "seed": 3,
    } | fields  # fmt: skip
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in said.items() if v is not None}), encoding="utf-8")
    made = read_recipe(file)
    assert isinstance(made, Recipe)
    return made


def ldm_unet(state: Mapping[str, Tensor], *, layers: int, attended: tuple[bool, ...]) -> dict[str, Tensor]:
    """A diffusers UNet's tensors under the first code's names; `attended` says of each down block if it has attention."""
    return {
        f"model.diffusion_model.{_unet_name(key, layers, tuple(reversed(attended)))}": value
        for key, value in state.items()
    }


def _unet_name(key: str, layers: int, attended_up: tuple[bool, ...]) -> str:
    for ours, theirs in _ENDS:
        if key.startswith(f"{ours}."):
            return key.replace(ours, theirs, 1)
    parts = key.split(".")
    inner = ".".join(parts[4:] if parts[0] != "mid_block" else parts[3:])
    kind = parts[2] if parts[0] != "mid_block" else parts[1]
    if kind == "resnets":
        for ours, theirs in _RESNET:
            inner = re.sub(rf"^{ours}\.", f"{theirs}.", inner)
    if parts[0] == "mid_block":
        at = 1 if kind == "attentions" else 2 * int(parts[2])
        return f"middle_block.{at}.{inner}"
    block, layer = int(parts[1]), int(parts[3])
    if kind == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{parts[-1]}"
    if kind == "upsamplers":
        at = 2 if attended_up[block] else 1
        return f"output_blocks.{block * (layers + 1) + layers}.{at}.conv.{parts[-1]}"
    side, at = ("input", block * (layers + 1) + layer + 1) if parts[0] == "down_blocks" else (
        "output", block * (layers + 1) + layer
    )  # fmt: skip
    return f"{side}_blocks.{at}.{0 if kind == 'resnets' else 1}.{inner}"


def ldm_vae(state: Mapping[str, Tensor], *, levels: int) -> dict[str, Tensor]:
    """A diffusers VAE's tensors under the first code's names; its attention's linears are 1×1 convolutions there."""
    made = {}
    for key, value in state.items():
        name = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
        name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
        name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
        name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", name)
        name = re.sub(
            r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name
        )
        if "mid_block.attentions.0" in name:
            name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
            for ours, theirs in (("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
                name = name.replace(ours, theirs)
            value = value[:, :, None, None] if value.ndim == 2 else value
        made[f"first_stage_model.{name}"] = value
    return made


def ldm_text(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """CLIP's tensors under the first code's names."""
    return {
        f"cond_stage_model.transformer.text_model.{key.removeprefix('text_model.')}": value
        for key, value in state.items()
    }


def checkpoint(
    file: Path, pipeline: Any, *, dtype: torch.dtype = torch.float32, averaged: bool = True
) -> Path:
    """One `.safetensors` file of a small Stable Diffusion pipeline as the first code wrote it, with averaged copies."""
    unet = pipeline.unet
    attended = tuple("CrossAttn" in one for one in unet.config.down_block_types)
    tensors = ldm_unet(unet.state_dict(), layers=unet.config.layers_per_block, attended=attended)
    if averaged:
        tensors |= {
            "model_ema." + key.removeprefix("model.").replace(".", ""): torch.full_like(value, 7.0)
            for key, value in tensors.items()
        }
    tensors |= ldm_vae(pipeline.vae.state_dict(), levels=len(pipeline.vae.config.down_block_types))
    tensors |= ldm_text(pipeline.text_encoder.state_dict())
    tensors = {key: value.detach().to(dtype).contiguous() for key, value in tensors.items()}
    tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    tensors["alphas_cumprod"] = torch.linspace(1, 0, 1000)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(file))
    return file
