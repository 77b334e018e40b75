"""What a recipe's base and data are: the kind they make, and whether the base can be trained on. No torch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.model_directory import Shape, check_language_base, check_vision_base, read_header
from services.training.metadata import find_metadata
from services.training.picture_files import SUFFIXES
from services.training.recipe_fields import Kind
from services.training.recipe_paths import EMBEDDED, exists
from services.training.recipe_problems import Findings

SAMPLES = (".jsonl", ".jsonl.gz")
PICKLES = (".ckpt", ".pt", ".pth", ".bin")

# Tensors by which a single checkpoint of Stable Diffusion 1.x is known.
VAE = "first_stage_model."
CLIP = "cond_stage_model.transformer."
FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"  # the UNet's: [channels, inputs, 3, 3]
LATENT_CHANNELS = 4  # a base for inpainting or editing takes more


def kind_of(values: Mapping[str, Any]) -> Kind | None:
    """The kind of adapter that a base, else the data, makes; None where they do not say."""
    base = values.get("base_model")
    if isinstance(base, Path) and str(base) != EMBEDDED:
        if base.suffix == ".safetensors" or exists(base / "model_index.json"):
            return "visual"
        if any(str(name).endswith("ForCausalLM") for name in _architectures(base)):
            return "language"
    return _kind_of_data(values)


def check_base(base: Path, kind: Kind, findings: Findings) -> None:
    """Note everything for which a base that exists cannot be trained on as that kind."""
    if base.is_file():
        _check_file(base, kind, findings)
        return
    if kind == "visual" and _architectures(base):
        findings.note(
            "base_model", "这是语言模型，与 kind: visual 不符", "is a language model; correct it or kind"
        )
        return
    if kind == "language" and exists(base / "model_index.json"):
        findings.note(
            "base_model", "这是图像模型，与 kind: language 不符", "is a picture model; correct it or kind"
        )
        return
    for problem in check_vision_base(base) if kind == "visual" else check_language_base(base):
        findings.note("base_model", "底座不能用", problem)


def sample_files(folder: Path) -> list[Path]:
    """The sample files of a folder, by name."""
    try:
        return sorted(one for one in folder.iterdir() if one.name.endswith(SAMPLES) and one.is_file())
    except (OSError, ValueError):
        return []


def within(folder: Path) -> Iterator[Path]:
    """What lies in a folder and in its folders, where sd-scripts' `10_name` keep pictures, as far as it can be read."""
    for one in _listed(folder):
        yield one
        if os.path.isdir(one):
            yield from _listed(one)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def _check_file(base: Path, kind: Kind, findings: Findings) -> None:
    if kind == "language":
        findings.note(
            "base_model", "语言底座要写目录，不是单个文件", "is a file; name a language base's directory"
        )
        return
    if base.suffix != ".safetensors":
        pickled = base.suffix in PICKLES
        findings.note(
            "base_model",
            "只读 .safetensors，请先转换" if pickled else "不是 .safetensors 底模",
            f"is {'a pickle, which may run code' if pickled else 'no checkpoint'}; use a .safetensors file",
        )
        return
    try:
        header = read_header(base)
    except (ValueError, OSError) as error:
        told = str(error) if isinstance(error, ValueError) else f"cannot be read ({error.strerror})"
        findings.note("base_model", "底模文件读不了", told)
        return
    if problem := _not_stable_diffusion_1(header):
        findings.note("base_model", *problem)


def _not_stable_diffusion_1(header: Mapping[str, Shape]) -> tuple[str, str] | None:
    """Why a checkpoint with tensors of these names and shapes is not Stable Diffusion 1.x for text to picture."""
    names = list(header)
    if any(".lora_" in name or name.startswith("lora_") for name in names):
        return (
            "这是一个 LoRA 适配器，不是底模；要接着练请写 init_from",
            "is an adapter, not a base; to continue from one use init_from",
        )
    if any(name.startswith("conditioner.embedders.") for name in names):
        return (
            "这是 SDXL 的单文件底模，请转换成 diffusers 目录再用",
            "is a single SDXL checkpoint; convert it to a diffusers directory",
        )
    if any(name.startswith("cond_stage_model.model.") for name in names):
        return (
            "这是 SD 2.x 的单文件底模，请转换成 diffusers 目录再用",
            "is a single SD 2.x checkpoint; convert it to a diffusers directory",
        )
    lacking = [
        part
        for part, start in (("UNet", FIRST_LAYER), ("VAE", VAE), ("CLIP", CLIP))
        if not any(name.startswith(start) for name in names)
    ]
    if lacking:
        told = ", ".join(lacking)
        return (
            f"不是完整的 SD 1.x 底模，缺 {told}",
            f"is no whole SD 1.x checkpoint: {told} missing; name a whole one or a diffusers directory",
        )
    sides = header[FIRST_LAYER].sides
    if len(sides) == 4 and (inputs := sides[1]) != LATENT_CHANNELS:
        return (
            f"是 {inputs} 通道的重绘或编辑底模，请换文生图的底模",
            f"is a base for inpainting or editing ({inputs} input channels); name one for text to picture",
        )
    return None


def _architectures(base: Path) -> list[Any]:
    try:
        config = json.loads((base / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    names = config.get("architectures") if isinstance(config, dict) else None
    return names if isinstance(names, list) else []


def _kind_of_data(values: Mapping[str, Any]) -> Kind | None:
    metadata, folder = values.get("metadata_path"), values.get("train_data_dir")
    if values.get("train_data"):
        return "language"
    if isinstance(folder, Path) and exists(folder):
        if find_metadata(folder) or any(one.suffix.lower() in SUFFIXES for one in within(folder)):
            return "visual"
        if metadata is None and sample_files(folder):
            return "language"
    return "visual" if metadata is not None else None
