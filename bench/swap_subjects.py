"""The two models of the swap bench, with random weights, and random adapters for them on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from safetensors.torch import save_file
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from services.lora import Bank, Base, Card, Consent, Lora
from services.lora.formats import to_peft, write_adapter
from services.lora.names import Format

BASE_SHA = "b" * 64
RANK, ALPHA = 12, 18.0
ADAPTERS = 4
SIZE = 0.1
Forward = Callable[[nn.Module, int], torch.Tensor]


@dataclass(frozen=True)
class Subject:
    """A model and how it is run. `check` and `batch` run it with some rows: every row is alike.

    `one` runs a row of the numbered input; number 0 is what `check` runs.
    """

    name: str
    label: str
    kind: str
    targets: tuple[str, ...]
    make: Callable[[], nn.Module]
    check: Forward
    batch: Forward
    one: Forward

    def proof(self, model: nn.Module, inputs: int) -> torch.Tensor:
        """Outputs `[inputs, …]` for so many different inputs, one forward each."""
        return torch.cat([self.one(model, number) for number in range(inputs)])


def unet(*, small: bool, latents: int, device: str) -> Subject:
    """Stable Diffusion 1.5's UNet (its configuration, written out)."""
    config: dict[str, Any] = {
        "sample_size": 64, "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
        "block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768, "attention_head_dim": 8,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3, "norm_num_groups": 32,
    }  # fmt: skip
    if small:
        config |= {"block_out_channels": (16, 16, 32, 32), "cross_attention_dim": 16, "norm_num_groups": 4}

    def forward(size: int) -> Callable[..., torch.Tensor]:
        def run(model: nn.Module, rows: int, number: int = 0) -> torch.Tensor:
            g = torch.Generator().manual_seed(1 + number)
            x = torch.randn(1, 4, size, size, generator=g).repeat(rows, 1, 1, 1)
            words = torch.randn(1, 77, config["cross_attention_dim"], generator=g).repeat(rows, 1, 1)
            parameter = next(model.parameters())
            x, words = x.to(parameter), words.to(parameter)
            return model(x, torch.tensor(500, device=device), encoder_hidden_states=words).sample

        return run

    return Subject(
        name="unet", label=f"SD1.5 UNet, batches of {latents}x{latents} latents", kind="visual",
        targets=("to_q", "to_k", "to_v", "to_out.0"), make=lambda: UNet2DConditionModel(**config),
        check=forward(8), batch=forward(latents), one=lambda model, number: forward(8)(model, 1, number),
    )  # fmt: skip


def lm(*, small: bool, tokens: int, device: str) -> Subject:
    """A language model of Qwen2-0.5B's size (its configuration, written out)."""
    config: dict[str, Any] = {
        "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2, "tie_word_embeddings": True,
        "initializer_range": 0.05,
    }  # fmt: skip
    if small:
        config |= {"vocab_size": 64, "hidden_size": 28, "intermediate_size": 32, "num_hidden_layers": 2}

    def forward(length: int, steps: int) -> Callable[..., torch.Tensor]:
        def run(model: nn.Module, rows: int, number: int = 0) -> torch.Tensor:
            ids = torch.arange(3, 3 + length, device=device).repeat(rows, 1) + 5 * number
            if not steps:
                return model(input_ids=ids, logits_to_keep=1, use_cache=False).logits
            made = model(input_ids=ids, logits_to_keep=1, use_cache=True)
            for _ in range(steps):
                made = model(input_ids=ids[:, :1], past_key_values=made.past_key_values, use_cache=True)
            return made.logits

        return run

    return Subject(
        name="lm", label=f"0.5B LM, batches of {tokens} tokens and 4 steps of one", kind="language",
        targets=("q_proj", "k_proj", "v_proj", "o_proj"), make=lambda: Qwen2ForCausalLM(Qwen2Config(**config)),
        check=forward(8, 0), batch=forward(tokens, 4),
        one=lambda model, number: forward(8, 0)(model, 1, number),
    )  # fmt: skip


def write_adapters(subject: Subject, bank: Bank, folder: Path) -> list[Path]:
    """Random adapters in folders that both the bank and the libraries read."""
    today = datetime.now(UTC).date()
    consent = Consent(
        subject="nobody: random numbers", scope=("face", "words"), document="none needed",
        valid_from=today - timedelta(days=1), valid_until=today + timedelta(days=1),
    )  # fmt: skip
    folders = []
    for number in range(ADAPTERS):
        g = torch.Generator().manual_seed(number)
        loras = {
            module: Lora(
                torch.randn(RANK, place.a_shape[1], generator=g) * SIZE,
                torch.randn(place.b_shape[0], RANK, generator=g) * SIZE,
            )
            for module, place in bank.layout.places.items()
        }
        card = Card.model_validate(
            {
                "kind": subject.kind, "persona": f"p{number}", "version": "1", "rank": RANK, "alpha": ALPHA,
                "base": Base(name=subject.name, sha256=BASE_SHA), "target_modules": subject.targets,
                "sha256": "0" * 64, "consent": consent,
            }
        )  # fmt: skip
        own = folder / f"{subject.name}{number}"
        write_adapter(own, loras, card, format=Format.DIFFUSERS if subject.name == "unet" else Format.PEFT)
        peft = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(subject.targets))
        peft.save_pretrained(str(own))
        save_file(to_peft(loras), own / "adapter_model.safetensors")
        folders.append(own)
    return folders
