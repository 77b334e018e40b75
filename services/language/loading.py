"""A language base from a directory on this disk: model, tokenizer, hash; nothing is fetched.

BaseUnusable   the directory cannot serve; `mend` says what to do
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from services.lora import base_sha256
from services.model_directory import check_language_base

PACKAGED = Path(__file__).with_name("base")
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class BaseUnusable(Exception):
    """A base cannot be loaded: the cause, and in `mend` what to do."""

    def __init__(self, cause: str, mend: str) -> None:
        super().__init__(f"{cause}; {mend}")
        self.cause, self.mend = cause, mend


@dataclass(frozen=True)
class Base:
    """A loaded base. `stops` are the tokens that end an answer; `context` is its longest text in tokens."""

    model: Any
    tokenizer: Any
    sha256: str
    folder: Path
    device: torch.device
    size_bytes: int
    stops: frozenset[int]
    context: int

    def prompt(self, system: str, user: str) -> list[int]:
        """The tokens that the model is given."""
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": user})
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def text(self, tokens: list[int]) -> str:
        """Generated tokens as words."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()


def load_base(folder: Path, *, device: str = "auto", dtype: str = "auto", threads: int = 1) -> Base:
    """The base in `folder`, ready for forwards, without gradients.

    Raises:
        BaseUnusable: with the cause and the mend.
    """
    problems = check_language_base(folder)
    if problems:
        raise BaseUnusable("; ".join(problems), "`livehost check` says the same before a start")
    torch.set_num_threads(max(1, threads))
    place = _device(device)
    number = _dtype(dtype, place)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    no_bars_in_logs()

    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=number
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = model.to(place).eval().requires_grad_(False)
    except torch.cuda.OutOfMemoryError as error:
        raise BaseUnusable(
            f"{folder} does not fit on {place}", "choose a smaller base or another device"
        ) from error
    except Exception as error:  # the libraries raise many kinds for a directory that is not whole
        raise BaseUnusable(
            f"{folder} cannot be loaded: {type(error).__name__}: {error}",
            "download the model's directory again, whole",
        ) from error
    if not getattr(tokenizer, "chat_template", None):
        raise BaseUnusable(f"{folder} has no chat template", "use an instruct model, not a bare one")
    return Base(
        model=model,
        tokenizer=tokenizer,
        sha256=base_sha256(folder),
        folder=folder,
        device=place,
        size_bytes=sum(p.numel() * p.element_size() for p in model.parameters()),
        stops=_stops(model, tokenizer),
        context=int(getattr(model.config, "max_position_embeddings", 2048)),
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BaseUnusable(f"{name!r} is no device", "write auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BaseUnusable("no NVIDIA GPU can be used here", "write device: auto or cpu")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" or counts_in_bf16() else torch.float32
    if name not in _DTYPES:
        raise BaseUnusable(f"{name!r} is no number type", f"write auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def no_bars_in_logs() -> None:
    """Switch the loading bars of transformers off where the errors' stream is no terminal: a log keeps every frame."""
    if not sys.stderr.isatty():
        from transformers.utils import logging

        logging.disable_progress_bar()


def counts_in_bf16() -> bool:
    """Whether this processor has instructions for bfloat16: then it takes half the time and memory, and
    the same words come out; without them it is emulated and slower."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(told.split()))


def _stops(model: Any, tokenizer: Any) -> frozenset[int]:
    found: set[int] = set()
    for value in (
        getattr(model.generation_config, "eos_token_id", None),
        tokenizer.eos_token_id,
        tokenizer.get_vocab().get("<|im_end|>"),
    ):
        if isinstance(value, int):
            found.add(value)
        elif value is not None:
            found.update(int(one) for one in value)
    return frozenset(found)
