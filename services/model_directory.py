"""What stands in a model's directory, read without torch: is it whole, and how big is a slot of the bank.

`livehost check` calls this before any engine runs. Only JSON files and the headers of safetensors
files are read.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Layers that a bank gives room to, by the end of their names: what peft, diffusers and kohya train.
LANGUAGE_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
UNET_TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "time_emb_proj",
    "add_embedding.proj",
)  # fmt: skip
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")

VISION_PIPELINES = {
    "StableDiffusionPipeline": "sd",
    "StableDiffusionImg2ImgPipeline": "sd",
    "LatentConsistencyModelPipeline": "sd",
    "LatentConsistencyModelImg2ImgPipeline": "sd",
    "StableDiffusionXLPipeline": "sdxl",
    "StableDiffusionXLImg2ImgPipeline": "sdxl",
}
EMBEDDED_MODULE = "services.vision"
LFS = b"version https://git-lfs"
MAX_HEADER_BYTES = 100 << 20
SLOT_ALIGN = 32
GET_ONE = "download the whole directory (docs/models.md names where) and name it in the settings"


@dataclass(frozen=True, slots=True)
class Shape:
    """One tensor of a weights file: its type and its sides."""

    dtype: str
    sides: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Bytes it takes."""
        return math.prod(self.sides) * DTYPE_BYTES.get(self.dtype, 4)


DTYPE_BYTES = {
    "F64": 8,
    "I64": 8,
    "F32": 4,
    "I32": 4,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


def read_header(file: Path) -> dict[str, Shape]:
    """The tensors that a safetensors file says it holds; its data is not read.

    Raises:
        ValueError: the file is not whole; the message says why, without the file's name.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        first = stream.read(max(8, len(LFS)))
        if first.startswith(LFS):
            raise ValueError("is a Git LFS pointer, not the weights; run `git lfs pull` there")
        if len(first) < 8:
            raise ValueError("is cut off; download it again")
        length = struct.unpack("<Q", first[:8])[0]
        if length > min(size - 8, MAX_HEADER_BYTES):
            raise ValueError("is cut off or no safetensors file; download it again")
        stream.seek(8)
        raw = stream.read(length)
    try:
        header = json.loads(raw)
        shapes, end = {}, 0
        for name, entry in header.items():
            if name != "__metadata__":
                shapes[name] = Shape(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]))
                end = max(end, int(entry["data_offsets"][1]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("has an unreadable header; download it again") from error
    if 8 + length + end > size:
        raise ValueError(f"is cut off: {size} bytes of {8 + length + end}; download it again")
    return shapes


def weight_files(folder: Path, stems: tuple[str, ...]) -> list[Path]:
    """The safetensors files of one model: whole, or the parts that its index names.

    Raises:
        ValueError: there are none that can be used; the message says what is missing and the mend.
    """
    for stem in stems:
        for variant in ("", ".fp16"):
            whole = folder / f"{stem}{variant}.safetensors"
            if whole.is_file():
                return [whole]
            index = folder / f"{stem}.safetensors.index{variant}.json"
            if index.is_file():
                names = sorted(set(_json(index).get("weight_map", {}).values()))
                missing = [name for name in names if not (folder / name).is_file()]
                if missing or not names:
                    raise ValueError(
                        f"{index} names {', '.join(missing) or 'nothing'}, which is missing; {GET_ONE}"
                    )
                return [folder / name for name in names]
    if any(folder.glob("*.bin")) or any(folder.glob("*.ckpt")):
        raise ValueError(
            f"{folder} holds pickled weights only; download the .safetensors files, or convert them there"
        )
    raise ValueError(f"{folder} holds no {stems[0]}.safetensors; {GET_ONE}")


def check_language_base(path: Path) -> list[str]:
    """Every problem of a language base's directory (a sentence each, with its mend); empty: none."""
    if problem := _no_folder(path):
        return [problem]
    problems: list[str] = []
    try:
        config = _json(path / "config.json")
        names = config.get("architectures") or []
        if not any(str(name).endswith("ForCausalLM") for name in names):
            problems.append(
                f"{path / 'config.json'} describes {', '.join(map(str, names)) or 'no architecture'}, not a "
                "causal language model; name a directory whose architecture ends in ForCausalLM"
            )
    except ValueError as error:
        problems.append(str(error))
    problems += _weights(path, ("model", "pytorch_model"))
    if not any((path / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        problems.append(f"{path} holds no tokenizer (tokenizer.json); {GET_ONE}")
    return problems


def check_vision_base(path: Path) -> list[str]:
    """Every problem of a diffusers directory (a sentence each, with its mend); empty: none."""
    if problem := _no_folder(path):
        return [problem]
    if not (path / "model_index.json").is_file():
        single = sorted(p.name for p in path.glob("*.safetensors"))
        hint = f" ({single[0]} alone is no directory of diffusers' layout)" if single else ""
        return [f"{path} holds no model_index.json{hint}; {GET_ONE}"]
    try:
        index = _json(path / "model_index.json")
    except ValueError as error:
        return [str(error)]
    name = str(index.get("_class_name", ""))
    if not is_embedded(path) and name not in VISION_PIPELINES:
        return [
            f"{path / 'model_index.json'} describes {name or 'no pipeline'}, which this engine does not run; "
            "use Stable Diffusion 1.x, SDXL, or a turbo or LCM variant of them"
        ]
    problems: list[str] = []
    for part, kind in index.items():
        if part.startswith("_") or not isinstance(kind, list) or not all(kind[:2]):
            continue
        if part in ("safety_checker", "feature_extractor", "image_encoder"):
            continue
        folder = path / part
        if not folder.is_dir():
            problems.append(f"{path} lacks its folder {part}; {GET_ONE}")
        elif part.startswith("tokenizer"):
            if not any((folder / f).is_file() for f in ("tokenizer.json", "vocab.json", "spiece.model")):
                problems.append(f"{folder} holds no vocabulary; {GET_ONE}")
        elif part == "scheduler":
            problems += _needs_json(folder / "scheduler_config.json")
        else:
            problems += _needs_json(folder / "config.json")
            problems += _weights(folder, ("diffusion_pytorch_model", "model"))
    for needed in ("unet", "vae") if not is_embedded(path) else ():
        if needed not in index:
            problems.append(f"{path / 'model_index.json'} names no {needed}; {GET_ONE}")
    return problems


def is_embedded(path: Path) -> bool:
    """Whether a pipeline directory holds the project's own kind of base (its parts' classes are here)."""
    try:
        index = _json(path / "model_index.json")
    except ValueError:
        return False
    owners = [str(kind[0]) for kind in index.values() if isinstance(kind, list) and kind]
    name = index.get("_class_name")
    own = isinstance(name, list) and str(name[0]).startswith(EMBEDDED_MODULE)
    return own or any(owner.startswith(EMBEDDED_MODULE) for owner in owners)


def vision_parts(path: Path) -> tuple[str, ...]:
    """The parts of a vision base that take adapters."""
    index = _json(path / "model_index.json")
    parts = ("unet", "text_encoder", "text_encoder_2")
    return tuple(part for part in parts if part in index and (path / part).is_dir())


def slot_bytes(path: Path, max_rank: int, *, item_bytes: int = 4) -> int:
    """Bytes that one adapter of `max_rank` takes in the bank beside this base.

    Raises:
        ValueError: the directory is not whole.
    """
    files: list[tuple[Path, tuple[str, ...]]]
    if (path / "model_index.json").is_file():
        files = [
            (one, (*UNET_TARGETS, *TEXT_TARGETS))
            for part in vision_parts(path)
            for one in weight_files(path / part, ("diffusion_pytorch_model", "model"))
        ]
    else:
        files = [(one, LANGUAGE_TARGETS) for one in weight_files(path, ("model", "pytorch_model"))]
    return sum(
        (_aligned(max_rank * shape.sides[0]) + _aligned(max_rank * math.prod(shape.sides[1:]))) * item_bytes
        for file, targets in files
        for name, shape in read_header(file).items()
        if len(shape.sides) >= 2 and _targeted(name, targets)
    )


def _aligned(count: int) -> int:
    """The bank begins each matrix at a multiple of this many numbers."""
    return -(-count // SLOT_ALIGN) * SLOT_ALIGN


def _targeted(name: str, targets: tuple[str, ...]) -> bool:
    module = name.removesuffix(".weight")
    return name != module and any(module == end or module.endswith("." + end) for end in targets)


def weights_bytes(path: Path) -> int:
    """Bytes of the weights in a model's directory, all parts together (0 where none are)."""
    return sum(file.stat().st_size for file in _base_files(path))


def _base_files(path: Path) -> list[Path]:
    """The weight files that the engines load, once each, in a lasting order."""

    def found() -> Iterator[Path]:
        folders = [path, *sorted(p for p in path.iterdir() if p.is_dir())] if path.is_dir() else []
        for folder in folders:
            if folder.name in ("safety_checker", "image_encoder"):
                continue
            try:
                yield from weight_files(folder, ("model", "diffusion_pytorch_model", "pytorch_model"))
            except ValueError:
                continue

    return sorted(set(found()))


def _no_folder(path: Path) -> str:
    if path.is_dir():
        return ""
    return f"{path} is no directory; {GET_ONE}" if path.exists() else f"{path} does not exist; {GET_ONE}"


def _json(file: Path) -> dict[str, Any]:
    """A JSON object in a file; ValueError with cause and mend where there is none."""
    try:
        value = json.loads(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); {GET_ONE}") from error
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}); download it again") from error
    if not isinstance(value, dict):
        raise ValueError(f"{file} is no JSON object; download it again")
    return value


def _needs_json(file: Path) -> list[str]:
    return _problem(lambda: _json(file))


def _weights(folder: Path, stems: tuple[str, ...]) -> list[str]:
    try:
        files = weight_files(folder, stems)
    except ValueError as error:
        return [str(error)]
    problems = []
    for file in files:
        try:
            read_header(file)
        except ValueError as error:
            problems.append(f"{file} {error}")
        except OSError as error:
            problems.append(f"{file} cannot be read ({error.strerror}); mend its permissions")
    return problems


def _problem(attempt: Callable[[], object]) -> list[str]:
    try:
        attempt()
    except ValueError as error:
        return [str(error)]
    return []
