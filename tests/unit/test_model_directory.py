"""A model's directory, judged without torch: what is missing is named with its mend."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.model_directory import (
    check_language_base,
    check_vision_base,
    slot_bytes,
    weight_files,
    weights_bytes,
)


def weights(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """A safetensors file of zeros, written by hand."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


@pytest.fixture
def language(tmp_path: Path) -> Path:
    folder = tmp_path / "qwen"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["Qwen3ForCausalLM"]}')
    (folder / "tokenizer.json").write_text("{}")
    shapes = {f"model.layers.0.self_attn.{p}_proj.weight": (64, 64) for p in "qkvo"}
    weights(folder / "model.safetensors", {**shapes, "model.norm.weight": (64,)})
    return folder


def test_a_whole_language_base_has_no_problem(language: Path) -> None:
    assert check_language_base(language) == []
    # Four layers: A [8, 64] and B [64, 8] each, two bytes a number.
    assert slot_bytes(language, 8, item_bytes=2) == 4 * 2 * 8 * 64 * 2
    assert weights_bytes(language) == (language / "model.safetensors").stat().st_size


def test_every_problem_of_a_language_base_is_told(language: Path) -> None:
    (language / "tokenizer.json").unlink()
    (language / "config.json").write_text('{"architectures": ["BertModel"]}')
    file = language / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    problems = check_language_base(language)
    assert len(problems) == 3
    assert any("BertModel" in one for one in problems)
    assert any("cut off" in one and str(file) in one for one in problems)
    assert any("tokenizer" in one for one in problems)
    file.unlink()
    (language / "pytorch_model.bin").write_bytes(b"x")
    assert any("pickled" in one for one in check_language_base(language))


def test_a_base_in_parts_needs_all_of_them(language: Path) -> None:
    (language / "model.safetensors").unlink()
    weights(language / "model-1.safetensors", {"model.layers.0.self_attn.q_proj.weight": (8, 8)})
    parts = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (language / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    (problem,) = check_language_base(language)
    assert "model-2.safetensors" in problem
    weights(language / "model-2.safetensors", {"model.norm.weight": (8,)})
    assert check_language_base(language) == []
    assert [file.name for file in weight_files(language, ("model",))] == sorted(parts.values())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_broken_index_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model_index.json").write_bytes(content)
    (problem,) = check_vision_base(tmp_path)
    assert "model_index.json" in problem and ";" in problem


@pytest.mark.parametrize(
    "content", [b"abc", b"\xff" * 16, struct.pack("<Q", 4) + b"nope", struct.pack("<Q", 2) + b"[]"]
)
def test_hostile_weights_are_told_not_raised(language: Path, content: bytes) -> None:
    (language / "model.safetensors").write_bytes(content)
    (problem,) = check_language_base(language)
    assert "model.safetensors" in problem


def test_no_folder_is_told(tmp_path: Path) -> None:
    for check in (check_language_base, check_vision_base):
        assert "does not exist" in check(tmp_path / "none")[0]
    (tmp_path / "file").write_text("")
    assert "no directory" in check_vision_base(tmp_path / "file")[0]
