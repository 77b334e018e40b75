"""A language base of random weights, a few kilobytes, written as a real model directory is."""

from __future__ import annotations

from pathlib import Path

CHARACTERS = (
    "0123456789abcdefghijklmnopqrstuvwxyz，。！？：【】问要点台词的是元价格洁面精华一二三不有没今天什么好东西"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_base(folder: Path, *, seed: int = 0) -> Path:
    """A tiny Qwen3 with its own tokenizer over characters; the same seed gives the same bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    special = ["<|pad|>", "<|im_end|>", "<|im_start|>", "<|unk|>"]
    vocabulary = {token: index for index, token in enumerate([*special, "\n", *dict.fromkeys(CHARACTERS)])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unk|>"))
    inner.pre_tokenizer = pre_tokenizers.Split(pattern="", behavior="isolated")
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        unk_token="<|unk|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHAT_TEMPLATE,
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=512,
            initializer_range=0.5,
            eos_token_id=1,
            pad_token_id=0,
            bos_token_id=None,
        )
    )
    model.save_pretrained(folder)
    return folder


def write_adapter(
    folder: Path, base: Path, *, persona: str = "tang", version: str = "1", seed: int = 1, rank: int = 4
) -> str:
    """An adapter of random weights for a base, as peft saves it, with its card; returns its SHA-256."""
    import hashlib
    from datetime import date

    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    from services.lora.base_hash import base_sha256
    from services.lora.card import Base, Card, Consent, write_card

    dice = torch.Generator().manual_seed(seed)
    targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    tensors = {}
    with safe_open(base / "model.safetensors", "pt") as weights:
        for name in weights.keys():  # noqa: SIM118 (no dict)
            module = name.removesuffix(".weight")
            if module.endswith(targets):
                out, into = weights.get_slice(name).get_shape()
                key = f"base_model.model.{module}"
                tensors[f"{key}.lora_A.weight"] = torch.randn(rank, into, generator=dice) * 0.3
                tensors[f"{key}.lora_B.weight"] = torch.randn(out, rank, generator=dice) * 0.3
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter.safetensors")
    sha256 = hashlib.sha256((folder / "adapter.safetensors").read_bytes()).hexdigest()
    consent = Consent(
        subject="a character that nobody sat for",
        scope=("words",),
        document="tests",
        valid_from=date(2020, 1, 1),
        valid_until=date(2999, 1, 1),
    )
    card = Card(
        kind="language",
        persona=persona,
        version=version,
        base=Base(name="tiny", sha256=base_sha256(base)),
        rank=rank,
        alpha=2 * rank,
        target_modules=targets,
        sha256=sha256,
        consent=consent,
    )
    write_card(folder, card)
    return sha256
