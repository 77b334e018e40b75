"""Small recipes, and files for them to name: pictures, samples, a checkpoint's header, an adapter."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import textwrap
from pathlib import Path

from PIL import Image

from services.lora.card import Base, Card, write_card

CONSENT = """
subject: 虚构人物
scope: [face, words]
document: tests
valid_from: 2026-01-01
valid_until: 2036-01-01
"""
STABLE_DIFFUSION_1 = (
    "model.diffusion_model.input_blocks.0.0.weight",
    "first_stage_model.encoder.conv_in.weight",
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
)


def lines(file: Path, text: str) -> Path:
    """Write a text file, its folder with it; the text may be indented."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def album(folder: Path, *, metadata: bool = False, count: int = 4) -> Path:
    """Plain pictures of 64 × 64 pixels with captions, in a table or beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    captions = [f"唐妆女主播{number}，黑发，朱红上衣，木窗前，暖光" for number in range(count)]
    for number, caption in enumerate(captions):
        picture = Image.new("RGB", (64, 64), (40 * number, 90, 200 - 30 * number))
        picture.putpixel((number, number), (255, 255, 255))
        picture.save(folder / f"{number}.png")
        if not metadata:
            (folder / f"{number}.txt").write_text(caption, encoding="utf-8")
    if metadata:
        rows = "".join(f"{number}.png,{caption}\n" for number, caption in enumerate(captions))
        (folder / "metadata.csv").write_text("file_name,text\n" + rows, encoding="utf-8")
    return folder


def samples(file: Path, *, count: int = 4) -> Path:
    """Rows of a script in plain words and in a persona's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": f"s{n}", "kind": "script", "question": None, "core": f"第{n}款68元", "target": f"姐妹们，第{n}款68元哦"}
        for n in range(count)
    ]  # fmt: skip
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def checkpoint(file: Path, names: tuple[str, ...] = STABLE_DIFFUSION_1, *, inputs: int = 4) -> Path:
    """A safetensors file of one number for each name; a UNet's first layer has one for each of its inputs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    header, end = {}, 0
    for name in names:
        sides = [1, inputs, 1, 1] if name == STABLE_DIFFUSION_1[0] else [1]
        header[name] = {"dtype": "F32", "shape": sides, "data_offsets": [end, end + 4 * math.prod(sides)]}
        end += 4 * math.prod(sides)
    raw = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(end))
    return file


def recipe(folder: Path, more: str = "", *, output: str = "out/tang-lady") -> Path:
    """A visual recipe on the embedded base, its pictures beside it."""
    if not (folder / "pictures").exists():
        album(folder / "pictures")
    told = f"train_data_dir: pictures\nbase_model: embedded\noutput_dir: {json.dumps(output)}\n{more}\n"
    return lines(folder / "r.yaml", told)


def adapter(folder: Path, *, kind: str = "visual", rank: int = 4, alpha: float = 4.0) -> Path:
    """An adapter's folder as far as its card goes."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = checkpoint(folder / "adapter.safetensors", ("x.lora_A.weight",))
    card = Card.model_validate(
        {
            "kind": kind, "persona": "tang-lady", "version": "1", "base": Base(name="b", sha256="0" * 64), "rank": rank,
            "alpha": alpha, "target_modules": ["to_q"], "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        }
    )  # fmt: skip
    write_card(folder, card)
    return folder
