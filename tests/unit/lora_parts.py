"""Small models of the real architectures, peft's twins of them, and adapters' folders for tests."""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, Qwen3Config, Qwen3ForCausalLM

from services.lora import Bank, BankSpec, Base, Card, Consent, StagedAdapter, stage_folder, write_card
from services.lora.packing import Lora, Packed

torch.set_num_threads(1)

BASE_SHA = "b" * 64
TODAY = date(2026, 6, 1)
UNET_TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "conv1", "conv2", "conv_shortcut",
                "downsamplers.0.conv", "time_emb_proj", "ff.net.0.proj")  # fmt: skip
TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
LM_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@cache
def _unet() -> UNet2DConditionModel:
    torch.manual_seed(1)
    return UNet2DConditionModel(
        sample_size=8, layers_per_block=1, block_out_channels=(16, 32), norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=16, attention_head_dim=4,
    ).eval()  # fmt: skip


@cache
def _text_encoder() -> CLIPTextModel:
    torch.manual_seed(2)
    config = CLIPTextConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=8, bos_token_id=0, eos_token_id=63, pad_token_id=63,
    )  # fmt: skip
    return CLIPTextModel(config).eval()


@cache
def _lm() -> Qwen3ForCausalLM:
    torch.manual_seed(3)
    config = Qwen3Config(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=64, initializer_range=0.2,
        bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    return Qwen3ForCausalLM(config).eval()


def unet() -> UNet2DConditionModel:
    """A UNet of Stable Diffusion's kind, of its own, always with the same numbers."""
    return copy.deepcopy(_unet())


def text_encoder() -> CLIPTextModel:
    """CLIP's text model, of its own, always with the same numbers."""
    return copy.deepcopy(_text_encoder())


def lm() -> Qwen3ForCausalLM:
    """A Qwen3 language model, of its own, always with the same numbers."""
    return copy.deepcopy(_lm())


def run_unet(model: nn.Module, rows: int = 1, seed: int = 0) -> torch.Tensor:
    """The UNet's output for random latents; every row is the same picture."""
    g = torch.Generator().manual_seed(seed)
    latents = torch.randn(1, 4, 8, 8, generator=g).expand(rows, -1, -1, -1).contiguous()
    words = torch.randn(1, 3, 16, generator=g).expand(rows, -1, -1).contiguous()
    with torch.no_grad():
        return model(latents, torch.tensor(5), encoder_hidden_states=words).sample


def run_text(model: nn.Module, rows: int = 1) -> torch.Tensor:
    """The text model's output for a few tokens; every row is the same."""
    with torch.no_grad():
        return model(input_ids=torch.arange(8).expand(rows, -1)).last_hidden_state


def run_lm(model: nn.Module, rows: int = 1) -> torch.Tensor:
    """The language model's logits for a few tokens; every row is the same."""
    with torch.no_grad():
        return model(input_ids=torch.arange(3, 10).expand(rows, -1)).logits


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[..., torch.Tensor], tuple[str, ...]]] = {
    "unet": (unet, run_unet, UNET_TARGETS),
    "text_encoder": (text_encoder, run_text, TEXT_TARGETS),
    "lm": (lm, run_lm, LM_TARGETS),
}


def twin(
    model: nn.Module, targets: tuple[str, ...], *, seed: int, size: float = 0.1, **config: Any
) -> PeftModel:
    """A copy of the model with an adapter of random numbers on it, by peft: the oracle."""
    config = {"r": 4, "lora_alpha": 8.0, **config}
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "`is_gradient_checkpointing`"
        )  # peft reads what transformers renames
        made = get_peft_model(copy.deepcopy(model), LoraConfig(target_modules=list(targets), **config))
    g = torch.Generator().manual_seed(seed)
    for name, parameter in made.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=g) * size
    return made.eval()


def card(**fields: Any) -> Card:
    """A card that is in order, but for what is given."""
    return Card.model_validate(
        {
            "kind": "visual", "persona": "lan", "version": "1", "base": Base(name="small", sha256=BASE_SHA),
            "rank": 4, "alpha": 8.0, "target_modules": UNET_TARGETS, "sha256": "0" * 64,
            "consent": Consent(
                subject="a drawn character; nobody sat for it", scope=("face", "words"), document="note 1",
                valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31),
            ),
        }
        | fields
    )  # fmt: skip


def card_of(made: PeftModel, **fields: Any) -> Card:
    """The card that a peft model's configuration asks for."""
    config = made.peft_config["default"]
    own = {
        "rank": config.r, "alpha": config.lora_alpha, "use_rslora": config.use_rslora,
        "rank_pattern": config.rank_pattern, "alpha_pattern": config.alpha_pattern,
        "target_modules": tuple(sorted(config.target_modules)),
    }  # fmt: skip
    return card(**own | fields)


def write(
    folder: Path, tensors: Mapping[str, torch.Tensor] | bytes, card: Card, *, sha: str | None = None
) -> Path:
    """An adapter's folder with these tensors (or bytes) and this card, its hash set right unless given."""
    folder.mkdir(parents=True, exist_ok=True)
    data = tensors if isinstance(tensors, bytes) else save({k: v.contiguous() for k, v in tensors.items()})
    (folder / "adapter.safetensors").write_bytes(data)
    sha = hashlib.sha256(data).hexdigest() if sha is None else sha
    write_card(folder, card.model_copy(update={"sha256": sha}))
    return folder


def peft_tensors(made: PeftModel) -> dict[str, torch.Tensor]:
    """What peft saves of a twin."""
    return get_peft_model_state_dict(made)


def stage(folder: Path, bank: Bank, **options: Any) -> StagedAdapter:
    """Stage a folder for a bank as a test's engine does."""
    return stage_folder(folder, bank.layout, **{"base_sha256": BASE_SHA, "today": TODAY, **options})


def bring(bank: Bank, made: PeftModel, folder: Path, **fields: Any) -> str:
    """Save a twin by peft, stage it, fill it; returns its hash."""
    staged = stage(write(folder, peft_tensors(made), card_of(made, **fields)), bank)
    bank.fill(staged.packed, sha256=staged.sha256)
    return staged.sha256


def neutral(made: PeftModel) -> dict[str, Lora]:
    """A twin's A and B by module path, straight from its layers."""
    return {
        name.removeprefix("base_model.model."): Lora(
            module.lora_A["default"].weight.detach().clone(), module.lora_B["default"].weight.detach().clone()
        )
        for name, module in made.named_modules()
        if hasattr(module, "lora_A")
    }


def small_bank(slots: int = 3) -> tuple[nn.Module, Bank]:
    """One Linear layer of 4 to 3 numbers with a bank of rank 2: for what needs no real model."""
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(4, 3))
    return model, Bank.attach(model, spec=BankSpec(slots=slots, max_rank=2))


def filled(bank: Bank, name: str, value: float = 1.0) -> str:
    """Fill a slot with one number everywhere, under a made-up hash; returns the hash."""
    sha = hashlib.sha256(name.encode()).hexdigest()
    vector = torch.full((bank.layout.total,), value, dtype=bank.layout.dtype)
    bank.fill(Packed(vector, bank.layout.digest), sha256=sha)
    return sha
