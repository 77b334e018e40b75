"""One `.safetensors` checkpoint of Stable Diffusion 1.x, turned into a diffusers directory with no hub access.

Such a file names its tensors as the first code (LDM) did and holds no configuration: that is read from the tensors'
names and shapes, so a small model of the same build works too. What shapes do not say is SD 1.x's own: eight heads
in the UNet, 64 numbers a head in the text encoder, the noise schedule, 512 pixels, latents scaled by 0.18215.
Averaged copies of the weights (`model_ema.`) are left out. The names are mapped by diffusers' own converters.

    python -m services.training.visual_single_file v1-5-pruned.safetensors models/v1-5

The directory is what an adapter's card names as its base: an adapter trained on a checkpoint is trained on the
directory made from it, whose files (and so whose `base_sha256`) are always the same for the same checkpoint. Serve
that directory and the adapter fits; another directory with the same model, say one that was downloaded, holds other
bytes and is another base to the bank: train on what is served.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel
from transformers.utils import logging as transformers_log

from services.training.faults import DiskFull, TrainingFailed
from services.training.visual_tokenizer import find_tokenizer, write_tokenizer

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
SIDE_PX = 512  # what SD 1.x was trained at
UNET_HEADS = 8
TEXT_HEAD = 64  # numbers a head
LATENT_SCALE = 0.18215
SUPPORTED = (
    "单文件底模支持 SD 1.x；SDXL、SD 2.x 请写 diffusers 文件夹 / a single checkpoint may be Stable Diffusion 1.x; "
    "for SDXL or 2.x name a diffusers directory"
)
Shapes = Mapping[str, tuple[int, ...]]


def single_file_base(file: Path, *, tokenizer: Path | None, cache_dir: Path) -> Path:
    """The diffusers directory of a checkpoint, in the cache under the hash of its content; made when it is not there.

    Raises:
        TrainingFailed: it is no checkpoint of SD 1.x, there is no tokenizer for it, or no room.
    """
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    folder = cache_dir / "bases" / f"{file.stem}-{digest[:16]}"
    if not (folder / "model_index.json").is_file():
        convert(file, folder, tokenizer=tokenizer)
    return folder


def convert(file: Path, folder: Path, *, tokenizer: Path | None = None) -> None:
    """Writes a checkpoint as a diffusers directory, whole or not at all; numbers stay in the file's precision.

    Raises:
        TrainingFailed: it is no checkpoint of SD 1.x, there is no tokenizer for it, no room, or `folder` has files.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TrainingFailed(
            f"{folder} 已有文件 / {folder} is not empty", "换一个文件夹 / name another folder"
        )
    words = find_tokenizer(tokenizer, file.parent)
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    try:
        with safe_open(str(file), "pt") as stream:
            _check(file, {key: tuple(stream.get_slice(key).get_shape()) for key in stream.keys()})  # noqa: SIM118
            part.mkdir(parents=True, exist_ok=True)
            _write_parts(file, stream, part, len(words))
        write_tokenizer(words, part / "tokenizer")
        _write_index(part)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except SafetensorError as error:
        raise TrainingFailed(
            f"{file} 不完整或不是 safetensors / {file} is cut off or no safetensors file ({error})",
            "重新下载 / download it again",
        ) from error
    except OSError as error:
        raise DiskFull(
            f"{folder} 写不进去（{error.strerror}）/ {folder} cannot be written ({error.strerror})",
            f"腾出 {file.stat().st_size >> 20} MB 或换 cache_dir / make room or set cache_dir elsewhere",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check(file: Path, shapes: Shapes) -> None:
    """Refuse, in a sentence, what is no SD 1.x for text to picture."""
    found = ""
    if any("lora_" in key or ".lora." in key for key in shapes):
        found = "是 LoRA，不是底模 / is a LoRA, not a base"
    elif any(key.startswith("conditioner.embedders.") for key in shapes):
        found = "是 SDXL / is SDXL"
    elif any(key.startswith("cond_stage_model.model.") for key in shapes):
        found = "是 SD 2.x / is Stable Diffusion 2.x"
    elif missing := [name for name in (UNET, VAE, TEXT) if not any(key.startswith(name) for key in shapes)]:
        names = ", ".join(f"{one}*" for one in missing)
        found = (
            f"不是完整的 SD 1.x 模型，缺 {names} / is no whole Stable Diffusion checkpoint: it lacks {names}"
        )
    elif (inputs := shapes[f"{UNET}input_blocks.0.0.weight"][1]) != 4:
        found = f"是 {inputs} 通道的重绘或编辑模型 / is a model for inpainting or editing ({inputs} input channels)"
    if found:
        raise TrainingFailed(f"{file.name} {found}", SUPPORTED)


def _write_parts(file: Path, stream: Any, folder: Path, vocabulary: int) -> None:
    """UNet, VAE and text encoder, one after the other, so that only one is in memory."""
    for name, prefix in (("unet", UNET), ("vae", VAE), ("text_encoder", TEXT)):
        tensors = {key: stream.get_tensor(key) for key in stream.keys() if key.startswith(prefix)}  # noqa: SIM118
        shapes = {key.removeprefix(prefix): tuple(value.shape) for key, value in tensors.items()}
        try:
            match name:
                case "unet":
                    config: Any = unet_config(shapes, latent_side=SIDE_PX // _shrink(stream))
                    made = convert_ldm_unet_checkpoint(tensors, config)
                    model = _empty(UNet2DConditionModel, config)
                case "vae":
                    config = vae_config(shapes)
                    made = convert_ldm_vae_checkpoint(tensors, config)
                    model = _empty(AutoencoderKL, config)
                case _:
                    config = text_config(shapes)
                    made = _text_names(convert_ldm_clip_checkpoint(tensors))
                    model = _empty(CLIPTextModel, config)
        except (KeyError, IndexError, ValueError, StopIteration) as error:
            raise TrainingFailed(
                f"{file.name} 的 {name} 不是 SD 1.x 的结构 / its {name} is not built as SD 1.x ({error!r})",
                SUPPORTED,
            ) from error
        _must_fit(file, name, made, model)
        _write_part(folder / name, name, made, model)
    words = shapes["text_model.embeddings.token_embedding.weight"][0]
    if words < vocabulary:
        raise TrainingFailed(
            f"分词器有 {vocabulary} 个词，文本编码器只有 {words} 个 / the tokenizer knows {vocabulary} tokens, the "
            f"text encoder of {file.name} {words}",
            "在配方里写它自己的 tokenizer / name its own tokenizer in the recipe",
        )


def _shrink(stream: Any) -> int:
    """How many pixels a latent spans."""
    levels = {m[1] for key in stream.keys() if (m := re.match(rf"{VAE}encoder\.down\.(\d+)\.", key))}  # noqa: SIM118
    return int(2 ** (len(levels) - 1))


def _empty(kind: Any, config: Any) -> torch.nn.Module:
    """A model of a configuration, without memory for its weights."""
    before = transformers_log.get_verbosity()
    transformers_log.set_verbosity_error()
    try:
        with torch.device("meta"):
            model: torch.nn.Module = kind.from_config(config) if isinstance(config, dict) else kind(config)
    finally:
        transformers_log.set_verbosity(before)
    return model


def unet_config(shapes: Shapes, *, latent_side: int) -> dict[str, Any]:
    """The configuration of a UNet from the shapes of its LDM tensors.

    Raises:
        KeyError, StopIteration: the tensors are not those of such a UNet.
    """
    blocks = 1 + max(int(m[1]) for key in shapes if (m := re.match(r"input_blocks\.(\d+)\.", key)))
    widths: list[int] = []
    attended: list[bool] = []
    layers: list[int] = []
    begins = True
    for at in range(1, blocks):
        if f"input_blocks.{at}.0.op.weight" in shapes:
            begins = True
            continue
        width = shapes[f"input_blocks.{at}.0.in_layers.2.weight"][0]
        if begins:
            widths, attended, layers = [*widths, width], [*attended, False], [*layers, 0]
            begins = False
        layers[-1] += 1
        attended[-1] = f"input_blocks.{at}.1.proj_in.weight" in shapes
    text = next(key for key in shapes if key.endswith("attn2.to_k.weight"))
    kinds = ["CrossAttn" if one else "" for one in attended]
    return {
        "sample_size": latent_side,
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "block_out_channels": widths,
        "layers_per_block": layers[0],
        "down_block_types": [f"{one}DownBlock2D" for one in kinds],
        "up_block_types": [f"{one}UpBlock2D" for one in reversed(kinds)],
        "cross_attention_dim": shapes[text][1],
        "attention_head_dim": UNET_HEADS,  # this class takes it as the number of heads
        "use_linear_projection": False,
    }


def vae_config(shapes: Shapes) -> dict[str, Any]:
    """The configuration of a VAE from the shapes of its LDM tensors.

    Raises:
        KeyError: the tensors are not those of such a VAE.
    """
    levels = 1 + max(int(m[1]) for key in shapes if (m := re.match(r"encoder\.down\.(\d+)\.", key)))
    layers = sum(bool(re.fullmatch(r"encoder\.down\.0\.block\.\d+\.conv1\.weight", key)) for key in shapes)
    return {
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "block_out_channels": [shapes[f"encoder.down.{at}.block.0.conv2.weight"][0] for at in range(levels)],
        "layers_per_block": layers,
        "latent_channels": shapes["post_quant_conv.weight"][0],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "sample_size": SIDE_PX,
        "scaling_factor": LATENT_SCALE,
    }


def text_config(shapes: Shapes) -> CLIPTextConfig:
    """The configuration of CLIP's text encoder from the shapes of its tensors.

    Raises:
        KeyError: the tensors are not those of such an encoder.
    """
    shapes = {key.removeprefix("text_model."): shape for key, shape in shapes.items()}
    words, width = shapes["embeddings.token_embedding.weight"]
    layers = 1 + max(int(m[1]) for key in shapes if (m := re.match(r"encoder\.layers\.(\d+)\.", key)))
    return CLIPTextConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=shapes["encoder.layers.0.mlp.fc1.weight"][0],
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // TEXT_HEAD),
        max_position_embeddings=shapes["embeddings.position_embedding.weight"][0],
        projection_dim=width,
        hidden_act="quick_gelu",
        bos_token_id=words - 2,
        eos_token_id=words - 1,
        pad_token_id=words - 1,
    )


def _text_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names that files have: `text_model.` before each; position numbers are no weights."""
    return {
        f"text_model.{key.removeprefix('text_model.')}": value
        for key, value in tensors.items()
        if not key.endswith("position_ids")
    }


def _must_fit(file: Path, name: str, tensors: Mapping[str, Tensor], model: torch.nn.Module) -> None:
    """Every tensor that the model has is there in its shape, and no other."""
    want = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    have = {key: tuple(value.shape) for key, value in tensors.items()}
    if name == "text_encoder":
        have = {key.removeprefix("text_model."): shape for key, shape in have.items()}
        want = {key.removeprefix("text_model."): shape for key, shape in want.items()}
    wrong: Sequence[str] = sorted(key for key in want.keys() | have.keys() if want.get(key) != have.get(key))
    if wrong:
        raise TrainingFailed(
            f"{file.name} 的 {name} 与 SD 1.x 有 {len(wrong)} 处不合（如 {wrong[0]}）/ {len(wrong)} tensors of its "
            f"{name} are not those of SD 1.x (first: {wrong[0]})",
            SUPPORTED,
        )


def _write_part(folder: Path, name: str, tensors: Mapping[str, Tensor], model: Any) -> None:
    folder.mkdir()
    stem = "model" if name == "text_encoder" else "diffusion_pytorch_model"
    kept = {key: value.contiguous() for key, value in tensors.items()}
    save_file(kept, str(folder / f"{stem}.safetensors"), metadata={"format": "pt"})
    (folder / f"{stem}.safetensors").chmod(0o644)
    if name == "text_encoder":
        model.config.architectures = ["CLIPTextModel"]
        model.config.save_pretrained(str(folder))
    else:
        model.save_config(str(folder))


def _write_index(folder: Path) -> None:
    """The schedule of SD 1.x and the list of parts."""
    schedule = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False,
        set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
    schedule.save_pretrained(str(folder / "scheduler"))
    index = {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """The command line: a checkpoint and the new directory."""
    parser = argparse.ArgumentParser(
        prog="python -m services.training.visual_single_file",
        description="One .safetensors checkpoint of Stable Diffusion 1.x as a diffusers directory to serve.",
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, help="a folder with CLIP's vocab.json and merges.txt")
    options = parser.parse_args()
    if not options.checkpoint.is_file():
        print(f"{options.checkpoint} 不存在 / does not exist", file=sys.stderr)
        return 2
    try:
        convert(options.checkpoint, options.folder, tokenizer=options.tokenizer)
    except TrainingFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
