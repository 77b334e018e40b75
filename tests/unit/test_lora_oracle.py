"""The bank computes what peft computes: on a UNet, a text encoder and a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from services.lora import Bank, BankSpec
from tests.unit import lora_parts as parts

PER_LAYER, AT_OUTPUT, EFFECT = 1e-5, 1e-4, 100


def _relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


def _attach(name: str, **spec: Any) -> tuple[nn.Module, Bank]:
    model = parts.MODELS[name][0]()
    return model, Bank.attach(
        model, spec=BankSpec(**{"slots": 3, "max_rank": 8, "targets": parts.MODELS[name][2], **spec})
    )


def _layers(model: nn.Module, names: list[str]) -> dict[str, torch.Tensor]:
    """Will hold each layer's last output."""
    outputs: dict[str, torch.Tensor] = {}
    modules = dict(model.named_modules())
    for name in names:
        modules[name].register_forward_hook(
            lambda _m, _x, out, name=name: outputs.__setitem__(name, out.clone())
        )
    return outputs


CONFIGS: dict[str, dict[str, Any]] = {
    "alpha is rank": {"r": 4, "lora_alpha": 4},
    "alpha is not rank": {"r": 4, "lora_alpha": 7},
    "the maximum rank": {"r": 8, "lora_alpha": 3.5},
    "rank 1": {"r": 1, "lora_alpha": 2},
    "rsLoRA": {"r": 8, "lora_alpha": 3, "use_rslora": True},
}


@pytest.mark.parametrize("name", parts.MODELS)
@pytest.mark.parametrize("case", CONFIGS)
def test_one_adapter_equals_peft_at_each_layer_and_at_the_output(
    name: str, case: str, tmp_path: Path
) -> None:
    _, run, targets = parts.MODELS[name]
    model, bank = _attach(name)
    made = parts.twin(model, targets, seed=1, **CONFIGS[case])
    sha = parts.bring(bank, made, tmp_path)
    ours = _layers(model, list(bank.layout.places))
    theirs = _layers(made.base_model.model, list(bank.layout.places))
    base = run(model, 2)
    with bank.rows([sha, sha]):
        found = run(model, 2)
    wanted = run(made, 2)
    assert max(float((ours[n] - theirs[n]).abs().max()) for n in ours) <= PER_LAYER
    assert _relative(found, wanted) <= AT_OUTPUT
    assert float((wanted - base).abs().max()) >= EFFECT * float((found - wanted).abs().max())
    assert torch.equal(run(model, 2), base)


@pytest.mark.parametrize("name", parts.MODELS)
def test_each_row_of_a_mixed_batch_equals_peft_and_a_base_row_is_the_base(name: str, tmp_path: Path) -> None:
    _, run, targets = parts.MODELS[name]
    model, bank = _attach(name)
    twins = [
        parts.twin(model, targets, seed=2, r=4, lora_alpha=6),
        parts.twin(model, targets, seed=3, r=8, lora_alpha=3),
        parts.twin(model, targets, seed=4, r=2, lora_alpha=5, use_rslora=True),
    ]
    shas = [parts.bring(bank, made, tmp_path / str(n)) for n, made in enumerate(twins)]
    base = run(model, 5)
    for _ in range(2):  # the second time from what was gathered
        with bank.rows([shas[2], "", shas[0], shas[1], shas[0]]):
            found = run(model, 5)
    for row, made in ((0, twins[2]), (2, twins[0]), (3, twins[1]), (4, twins[0])):
        wanted = run(made, 5)[row]
        assert _relative(found[row], wanted) <= AT_OUTPUT
        assert float((wanted - base[row]).abs().max()) >= EFFECT * float((found[row] - wanted).abs().max())
    assert torch.equal(found[1], base[1])


def test_rank_and_alpha_patterns_equal_peft(tmp_path: Path) -> None:
    model, bank = _attach("lm")
    made = parts.twin(
        model, parts.LM_TARGETS, seed=5, r=4, lora_alpha=6,
        rank_pattern={"self_attn.q_proj": 8, "model.layers.1.mlp.up_proj": 2},
        alpha_pattern={"v_proj": 3, "^model.layers.0.self_attn.q_proj": 11},
    )  # fmt: skip
    sha = parts.bring(bank, made, tmp_path)
    wanted = parts.run_lm(made)
    with bank.rows([sha]):
        assert _relative(parts.run_lm(model), wanted) <= AT_OUTPUT


def test_the_convolutions_are_among_the_layers_compared() -> None:
    _, bank = _attach("unet")
    kernels = {(p.a_shape[2:]) for p in bank.layout.places.values() if p.is_conv}
    assert kernels == {(3, 3), (1, 1)}
    assert "down_blocks.0.downsamplers.0.conv" in bank.layout.places  # its stride is 2


def test_guidance_and_pictures_a_prompt_keep_each_row_on_its_adapter(tmp_path: Path) -> None:
    models = {"unet": parts.unet(), "text_encoder": parts.text_encoder()}
    bank = Bank.attach(models, spec=BankSpec(slots=2, max_rank=4, targets=("to_q", "to_v", "q_proj")))
    twins, shas = [], []
    for seed in (6, 7):
        made = parts.twin(models["unet"], ("to_q", "to_v"), seed=seed, size=0.3)
        te = parts.twin(models["text_encoder"], ("q_proj",), seed=seed + 10, size=0.3)
        tensors = {
            k.replace("base_model.model", name): v
            for name, one in (("unet", made), ("text_encoder", te))
            for k, v in parts.peft_tensors(one).items()
        }
        card = parts.card(target_modules=("to_q", "to_v", "q_proj"))
        staged = parts.stage(parts.write(tmp_path / str(seed), tensors, card), bank)
        bank.fill(staged.packed, sha256=staged.sha256)
        shas.append(staged.sha256)
        twins.append((parts.run_unet(made, 8), parts.run_text(te, 2)))
    with bank.rows(shas, images_per_prompt=2, guidance=True):
        words = parts.run_text(models["text_encoder"], 2)
        found = parts.run_unet(models["unet"], 8)
        without = parts.run_unet(models["unet"], 4)
    # diffusers' order: every row without the prompt, then every row with it; a prompt's pictures together
    for row, persona in enumerate([0, 0, 1, 1, 0, 0, 1, 1]):
        assert _relative(found[row], twins[persona][0][row]) <= AT_OUTPUT
    for row, persona in enumerate([0, 0, 1, 1]):
        assert _relative(without[row], twins[persona][0][row]) <= AT_OUTPUT
    for row in (0, 1):
        assert _relative(words[row], twins[row][1][row]) <= AT_OUTPUT
    assert _relative(found[0], found[2]) > 100 * AT_OUTPUT


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_within_its_rounding_of_peft(dtype: torch.dtype, tmp_path: Path) -> None:
    model = parts.lm().to(dtype)
    bank = Bank.attach(model, spec=BankSpec(slots=2, max_rank=4, targets=parts.LM_TARGETS))
    assert bank.layout.dtype == dtype
    made = parts.twin(parts.lm(), parts.LM_TARGETS, seed=8)
    sha = parts.bring(bank, made, tmp_path)
    with bank.rows([sha, ""]):
        found = parts.run_lm(model, 2)
    wanted = parts.run_lm(made, 2)[0]
    effect = float((wanted - parts.run_lm(parts.lm())[0]).abs().max())
    assert float((found[0].float() - wanted).abs().max()) < 0.1 * effect
    assert torch.equal(found[1], parts.run_lm(model, 2)[1])


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("name", ["unet", "lm"])
def test_autocast_is_followed(name: str, mixed: bool, tmp_path: Path) -> None:
    _, run, targets = parts.MODELS[name]
    model, bank = _attach(name)
    made = parts.twin(model, targets, seed=9)
    sha = parts.bring(bank, made, tmp_path)
    wanted = run(made, 2)[0]
    effect = float((wanted - run(model, 2)[0]).abs().max())
    with torch.autocast("cpu", dtype=torch.bfloat16), bank.rows([sha, "" if mixed else sha]):
        found = run(model, 2)
    assert float((found[0].float() - wanted).abs().max()) < 0.15 * effect


def test_a_bank_may_be_finer_than_its_model(tmp_path: Path) -> None:
    model = parts.lm().to(torch.bfloat16)
    bank = Bank.attach(model, spec=BankSpec(slots=1, targets=parts.LM_TARGETS, dtype=torch.float32))
    sha = parts.bring(bank, parts.twin(parts.lm(), parts.LM_TARGETS, seed=10), tmp_path)
    for rows in ([sha, sha], [sha, ""]):
        with bank.rows(rows):
            assert parts.run_lm(model, 2).dtype == torch.bfloat16


def test_channels_last_pictures_are_right_too(tmp_path: Path) -> None:
    model, bank = _attach("unet")
    made = parts.twin(model, parts.UNET_TARGETS, seed=11)
    sha = parts.bring(bank, made, tmp_path)
    wanted = parts.run_unet(made, 2)
    model.to(memory_format=torch.channels_last)
    for rows in ([sha, sha], [sha, ""]):
        with bank.rows(rows):
            assert _relative(parts.run_unet(model, 2)[0], wanted[0]) <= AT_OUTPUT


def test_generation_with_a_cache_equals_peft_row_by_row(tmp_path: Path) -> None:
    model, bank = _attach("lm")
    twins = [parts.twin(model, parts.LM_TARGETS, seed=seed, size=0.2) for seed in (12, 13)]
    shas = [parts.bring(bank, made, tmp_path / str(n)) for n, made in enumerate(twins)]
    ids = torch.arange(3, 8).expand(2, -1)
    options = {"max_new_tokens": 12, "do_sample": False, "attention_mask": torch.ones_like(ids)}
    with bank.rows(shas):
        found = model.generate(ids, **options)
    for row, made in enumerate(twins):
        wanted = made.generate(input_ids=ids, **options)[row]
        assert found[row].tolist()[: len(wanted)] == wanted.tolist()
    assert found[0].tolist() != found[1].tolist()
