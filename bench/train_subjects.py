"""What the training bench trains on: bases of random weights in their real layout, pictures, and answers."""

from __future__ import annotations

import json
import random
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from services.training.visual_tokenizer import find_tokenizer, write_tokenizer

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)

# Stable Diffusion 1.5's configuration, written out; `width` scales its channels.
SD15_CHANNELS = (320, 640, 1280, 1280)
# Qwen2-0.5B's and Qwen2.5-7B's measures.
QWEN_05B: dict[str, Any] = {
    "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
    "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True,
}  # fmt: skip
QWEN_7B: dict[str, Any] = {
    "hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152_064, "tie_word_embeddings": False,
}  # fmt: skip
# The same proportions, for a CPU: an eighth of the 0.5B model's layers and half its width.
QWEN_CPU: dict[str, Any] = QWEN_05B | {
    "hidden_size": 448, "intermediate_size": 2432, "num_hidden_layers": 6, "num_attention_heads": 7,
    "num_key_value_heads": 1, "vocab_size": 37_984,
}  # fmt: skip


def sd_unet_config(width: float = 1.0) -> dict[str, Any]:
    """The UNet's configuration of Stable Diffusion 1.5, its channels times `width`."""
    return {
        "sample_size": 64, "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
        "block_out_channels": tuple(int(width * one) for one in SD15_CHANNELS),
        "cross_attention_dim": 768, "attention_head_dim": 8, "norm_num_groups": 32,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    }  # fmt: skip


def write_sd(folder: Path, *, width: float, dtype: torch.dtype) -> Path:
    """A pipeline directory of Stable Diffusion 1.5's architecture; `width` scales UNet and autoencoder."""
    from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    folder.mkdir(parents=True)
    tokenizer = find_tokenizer(None, folder)
    text = CLIPTextConfig(
        vocab_size=49_408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
        num_attention_heads=12, max_position_embeddings=77, projection_dim=768, hidden_act="quick_gelu",
        bos_token_id=49_406, eos_token_id=49_407, pad_token_id=49_407,
    )  # fmt: skip
    pipeline = StableDiffusionPipeline(
        unet=UNet2DConditionModel(**sd_unet_config(width)),
        vae=AutoencoderKL(
            block_out_channels=tuple(int(width * one) for one in (128, 256, 512, 512)), layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4, sample_size=512,
        ),
        text_encoder=CLIPTextModel(text), tokenizer=tokenizer,
        scheduler=DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.to(dtype=dtype).save_pretrained(folder)
    write_tokenizer(tokenizer, folder / "tokenizer")
    return folder


def write_qwen(folder: Path, sizes: dict[str, Any], *, dtype: torch.dtype) -> Path:
    """A directory of a Qwen2 model of random weights, with the embedded base's tokenizer and chat template."""
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "services/language/base", local_files_only=True)
    config = Qwen2Config(
        **sizes, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Qwen2ForCausalLM(config).to(dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_pictures(folder: Path, *, count: int, side_px: int) -> Path:
    """Drawn pictures, larger than they are trained at, with `metadata.csv`."""
    rng = random.Random(1)
    folder.mkdir(parents=True)
    rows = ["file_name,text"]
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 40, (side_px, side_px, 3), dtype=np.uint8)
        picture = Image.fromarray(noise + np.uint8(rng.randrange(60, 180)))
        pen = ImageDraw.Draw(picture)
        for _ in range(12):
            x, y, size = (
                rng.randrange(side_px),
                rng.randrange(side_px),
                rng.randrange(side_px // 8, side_px // 3),
            )
            pen.ellipse(
                (x - size, y - size, x + size, y + size), fill=tuple(rng.randrange(256) for _ in range(3))
            )
        picture.save(folder / f"{number:03}.jpg", quality=92)
        rows.append(f"{number:03}.jpg,a host in tang dress number {number} by warm window light")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def write_answers(file: Path, *, most: int) -> Path:
    """Viewers' questions with what the deterministic path answers, as samples."""
    from livehost.answers import answer
    from livehost.catalog import Catalog

    catalog = Catalog.load(ROOT / "tests/data/catalog.yaml")
    lines = (ROOT / "tests/data/questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = []
    for line in map(json.loads, lines):
        said = answer(line["text"], catalog=catalog, on_air=line["on_air"], now=NOW)
        if said.act in ("answer", "disclose") and len(rows) < most:
            rows.append(
                {"id": line["id"], "kind": "answer", "question": line["text"], "core": said.text, "target": said.text,
                 "facts": [], "weight": 1.0, "source": "qa"}
            )  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file
