"""The hazards of swapping adapters in the usual libraries, each shown to be absent from the bank."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from services import wire
from services.language.answer_cache import AnswerCache
from services.lora import Bank, BankSpec, StagingFailed
from services.lora.formats import to_kohya
from services.lora.packing import pack
from tests.unit import lora_parts as parts


def _lm_bank(slots: int = 3, rank: int = 4) -> tuple[torch.nn.Module, Bank]:
    model = parts.lm()
    return model, Bank.attach(model, spec=BankSpec(slots=slots, max_rank=rank, targets=parts.LM_TARGETS))


def _close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return float((found - wanted).abs().max() / wanted.abs().max()) <= 1e-4


def test_hazard_1_preloading_another_adapter_does_not_activate_it(tmp_path: Path) -> None:
    model, bank = _lm_bank()
    one = parts.bring(bank, parts.twin(parts.lm(), parts.LM_TARGETS, seed=1), tmp_path / "1")
    bank.publish("room", one)
    with bank.rows([bank.live("room")]):
        before = parts.run_lm(model)
    bare = parts.run_lm(model)
    with ThreadPoolExecutor(1) as pool, bank.rows([bank.live("room")]):
        made = parts.twin(parts.lm(), parts.LM_TARGETS, seed=2)
        pool.submit(parts.bring, bank, made, tmp_path / "2").result(60)
        assert torch.equal(parts.run_lm(model), before)
    assert bank.live("room") == one
    assert torch.equal(parts.run_lm(model), bare)
    assert len(bank.resident()) == 2


def test_hazard_2_swapping_p1_leaves_p10_alone() -> None:
    model, bank = parts.small_bank(slots=3)
    x = torch.ones(1, 4)
    ten = parts.filled(bank, "p10", 1.5)
    parts.filled(bank, "p1", 0.5)
    with torch.no_grad(), bank.rows([ten]):
        before = model(x)
    parts.filled(bank, "p1 version 2", 0.7)
    bank.quarantine(parts.filled(bank, "p1", 0.5))
    with torch.no_grad(), bank.rows([ten]):
        assert torch.equal(model(x), before)


def test_hazard_3_a_failed_staging_leaves_what_is_live_untouched(tmp_path: Path) -> None:
    model, bank = _lm_bank()
    made = parts.twin(parts.lm(), parts.LM_TARGETS, seed=3)
    one = parts.bring(bank, made, tmp_path / "good")
    bank.publish("room", one)
    with bank.rows([one]):
        before = parts.run_lm(model)
    arena = bank._arena.clone()
    tensors = parts.peft_tensors(made)
    first = next(iter(tensors))
    bad = {
        "wrong shapes": tensors | {first: torch.zeros(4, 99)},
        "NaN": tensors | {first: torch.full_like(tensors[first], float("nan"))},
        "half the modules": dict(list(tensors.items())[: len(tensors) // 2]),
        "no keys": {},
    }
    for name, broken in bad.items():
        folder = parts.write(tmp_path / name, broken, parts.card_of(made))
        with pytest.raises(StagingFailed):
            parts.stage(folder, bank)
    assert bank.live("room") == one
    assert torch.equal(bank._arena, arena)
    with bank.rows([one]):
        assert torch.equal(parts.run_lm(model), before)


def test_hazard_4_the_callers_tensors_are_never_aliased() -> None:
    model, bank = _lm_bank()
    loras = parts.neutral(parts.twin(parts.lm(), parts.LM_TARGETS, seed=4))
    packed = pack(loras, bank.layout, dict.fromkeys(loras, 1.0))
    bank.fill(packed, sha256="a" * 64)
    with bank.rows(["a" * 64]):
        before = parts.run_lm(model)
        for lora in loras.values():
            lora.a.zero_()
            lora.b.fill_(9.0)
        packed.vector.fill_(7.0)
        assert torch.equal(parts.run_lm(model), before)


def test_hazard_5_the_next_adapter_is_scaled_by_its_own_alpha(tmp_path: Path) -> None:
    model, bank = _lm_bank(slots=1)
    for seed, alpha in ((5, 2.0), (6, 16.0), (7, 4.0)):  # each takes the slot of the one before
        made = parts.twin(parts.lm(), parts.LM_TARGETS, seed=seed, lora_alpha=alpha)
        sha = parts.bring(bank, made, tmp_path / str(seed))
        with bank.rows([sha]):
            found = parts.run_lm(model)
        assert _close(found, parts.run_lm(made))


def test_hazard_5_a_smaller_rank_leaves_nothing_of_a_greater_one_behind(tmp_path: Path) -> None:
    model, bank = _lm_bank(slots=1, rank=8)
    for seed, rank in ((8, 8), (9, 2)):
        made = parts.twin(parts.lm(), parts.LM_TARGETS, seed=seed, r=rank)
        sha = parts.bring(bank, made, tmp_path / str(seed))
        with bank.rows([sha]):
            found = parts.run_lm(model)
        assert _close(found, parts.run_lm(made))


def test_hazard_6_a_file_with_unet_and_text_encoder_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    models = {"unet": parts.unet(), "text_encoder": parts.text_encoder()}
    targets = ("to_q", "q_proj")
    bank = Bank.attach(models, spec=BankSpec(slots=2, max_rank=4, targets=targets))
    unet = parts.twin(models["unet"], ("to_q",), seed=10)
    words = parts.twin(models["text_encoder"], ("q_proj",), seed=11)
    loras = {f"unet.{k}": v for k, v in parts.neutral(unet).items()}
    loras |= {f"text_encoder.{k}": v for k, v in parts.neutral(words).items()}
    card = parts.card(target_modules=targets)
    staged = parts.stage(parts.write(tmp_path / "a", to_kohya(loras, dict.fromkeys(loras, 8.0)), card), bank)
    bank.fill(staged.packed, sha256=staged.sha256)
    wanted = parts.run_unet(unet), parts.run_text(words)
    with bank.rows([staged.sha256]):
        assert _close(parts.run_unet(models["unet"]), wanted[0])
        assert _close(parts.run_text(models["text_encoder"]), wanted[1])
    last = next(k for k in loras if k.startswith("text_encoder"))
    loras[last] = replace(loras[last], b=torch.zeros(99, 4))
    arena = bank._arena.clone()
    with pytest.raises(StagingFailed):
        parts.stage(parts.write(tmp_path / "b", to_kohya(loras, dict.fromkeys(loras, 8.0)), card), bank)
    assert torch.equal(bank._arena, arena)


def test_hazard_7_alpha_is_applied_on_a_language_model(tmp_path: Path) -> None:
    model, bank = _lm_bank()
    made = parts.twin(parts.lm(), parts.LM_TARGETS, seed=12, r=4, lora_alpha=20)
    sha = parts.bring(bank, made, tmp_path)
    with bank.rows([sha]):
        found = parts.run_lm(model)
    assert _close(found, parts.run_lm(made))
    made.set_adapter("default")
    for module in made.modules():
        if hasattr(module, "lora_A"):
            module.scaling["default"] = 1.0
    assert not _close(found, parts.run_lm(made))


def test_hazard_8_a_swap_during_a_forward_does_not_tear_it(tmp_path: Path) -> None:
    model, bank = _lm_bank(slots=2)
    shas = [
        parts.bring(bank, parts.twin(parts.lm(), parts.LM_TARGETS, seed=seed, size=0.3), tmp_path / str(seed))
        for seed in (13, 14)
    ]
    whole = []
    for sha in shas:
        with bank.rows([sha]):
            whole.append(parts.run_lm(model))
    assert not _close(*whole)
    in_the_middle, go_on = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        in_the_middle.set()
        assert go_on.wait(30)

    bank.publish("room", shas[0])
    hook = model.model.layers[1].register_forward_pre_hook(wait)

    def forward() -> torch.Tensor:
        with bank.rows([bank.live("room")]):
            return parts.run_lm(model)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(forward)
        assert in_the_middle.wait(30)
        bank.publish("room", shas[1])
        bank.quarantine(shas[0])
        go_on.set()
        assert torch.equal(running.result(30), whole[0])
    hook.remove()
    assert torch.equal(forward(), whole[1])


def test_hazard_9_a_thousand_swaps_do_not_drift() -> None:
    model, bank = parts.small_bank(slots=1)
    model.to(torch.bfloat16)
    x = torch.ones(1, 4, dtype=torch.bfloat16)
    bank.detach()
    bank = Bank.attach(model, spec=BankSpec(slots=1, max_rank=2))
    weights = model[0].weight.clone()
    first = []
    for cycle in range(1000):
        sha = parts.filled(bank, "one" if cycle % 2 else "two", 0.1 if cycle % 2 else 0.3)
        with torch.no_grad(), bank.rows([sha]):
            found = model(x)
        if cycle < 2:
            first.append(found)
        assert torch.equal(found, first[cycle % 2])
    assert torch.equal(model[0].weight, weights)


def test_hazard_10_caches_hang_on_content_and_one_binding_spans_the_generation(tmp_path: Path) -> None:
    model, bank = _lm_bank()
    twins = [parts.twin(parts.lm(), parts.LM_TARGETS, seed=seed, size=0.3) for seed in (15, 16)]
    shas = [parts.bring(bank, made, tmp_path / str(n)) for n, made in enumerate(twins)]
    kept = AnswerCache()
    asked = {sha: wire.Generate(request="1", room="r", user="the same prompt", adapter=sha) for sha in shas}
    kept.put(asked[shas[0]], wire.Generated(request="1", text="the first one's words", adapter=shas[0]))
    found_again = kept.get(msgspec.structs.replace(asked[shas[0]], request="2", room="another"))
    assert found_again is not None and found_again.adapter == shas[0]
    assert kept.get(asked[shas[1]]) is None
    kept.put(asked[shas[1]], wire.Generated(request="2", text="cut off", finish="deadline"))
    assert kept.get(asked[shas[1]]) is None, "only what ended by itself is kept"
    caches = {}
    ids = torch.arange(3, 10)[None]
    for sha in shas:
        with torch.no_grad(), bank.rows([sha]):
            caches[sha] = model(ids[:, :-1], use_cache=True).past_key_values
    with torch.no_grad(), bank.rows([shas[1]]):
        found = model(ids[:, -1:], past_key_values=caches[shas[1]]).logits
    assert _close(found, parts.run_lm(twins[1])[:, -1:])


def test_hazard_11_new_adapters_add_no_module_and_retrace_nothing() -> None:
    """See also test_compiled_code_is_not_traced_again_for_another_binding."""
    model = parts.unet()
    before = [name for name, _ in model.named_modules()]
    bank = Bank.attach(model, spec=BankSpec(slots=4, max_rank=2, targets=("to_q", "to_v")))
    hooks = sum(len(module._forward_hooks) for module in model.modules())
    for name in ("one", "two", "three"):
        parts.filled(bank, name, 0.01)
    assert [name for name, _ in model.named_modules()] == before
    assert sum(len(module._forward_hooks) for module in model.modules()) == hooks == len(bank.layout.places)
