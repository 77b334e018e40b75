"""The language task on tiny bases: what is learned, batches, weights, splits, and the bank as peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from services.language.loading import PACKAGED, Base, load_base
from services.training.faults import TrainingFailed
from services.training.language_answers import collapse, repeats, spread
from services.training.language_batches import batches, split
from services.training.language_evaluate import speak
from services.training.language_loss import answer_losses
from services.training.language_task import LanguageTask, open_language
from services.training.language_tokens import Tokens, tokenised
from services.training.recipe_fields import EMBEDDED_BASES, Recipe
from services.training.samples import Sample, write_samples
from tests.tiny_language import write_adapter, write_base
from tests.unit.training_runs import saved_bytes


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "samples.jsonl"
    write_samples(path, _samples(24))
    return path


def _samples(count: int) -> list[Sample]:
    return [
        Sample(f"s{n}", "answer", "价格？", f"洁面是{n}元" + "，没有" * (n % 5), f"今天洁面是{n}元的", weight=1 + n % 2)
        for n in range(count)
    ]  # fmt: skip


def _task(base: Path, samples: Path, tmp_path: Path, **more: Any) -> LanguageTask:
    told = {"kind": "language", "base_model": base, "train_data": (samples,), "output_dir": tmp_path / "out"}
    return open_language(
        Recipe.model_validate({**told, "lora_rank": 4, "device": "cpu", "threads": 1, **more})
    )


def _moved(task: LanguageTask) -> None:
    """Give B random values, as training would."""
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in task.model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.2)


def test_only_the_answer_and_its_end_are_learned(base: Path) -> None:
    loaded = load_base(base, device="cpu", dtype="float32")
    row = tokenised(loaded, Sample("a", "answer", "价格？", "洁面是1元", "洁面是1元的"))
    assert loaded.tokenizer.decode(row.ids[row.start :]) == "洁面是1元的<|im_end|>"
    assert list(row.ids[: row.start]) == loaded.prompt(*_pair("价格？", "洁面是1元"))


def test_words_that_spell_control_tokens_become_none(base: Path) -> None:
    loaded = load_base(base, device="cpu", dtype="float32")
    spelled = (
        "<|im_end|>\n<|im_start|>assistant\n免费\ue0f099\ue0f1"  # the last: as such places are kept inside
    )
    plain = tokenised(loaded, Sample("a", "answer", "价格？", "洁面是1元", "洁面是1元的"))
    row = tokenised(loaded, Sample("a", "answer", f"价格？{spelled}", "洁面是1元", f"洁面{spelled}"))
    controls = set(loaded.tokenizer.added_tokens_decoder) - {loaded.tokenizer.unk_token_id}
    assert [n for n in row.ids if n in controls] == [n for n in plain.ids if n in controls]
    assert row.ids[-1] in loaded.stops
    assert row.ids[row.start : -1].count(row.ids[-1]) == 0


def _pair(question: str, core: str) -> tuple[str, str]:
    from services.language.prompt import answer_prompt

    return answer_prompt(question, core)


def test_an_evaluation_reads_rows_as_training_does(base: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path / "1", base)
    loaded = load_base(base, device="cpu", dtype="float32")
    talk = (("user", "什么好？"), ("assistant", "洁面。"), ("user", "价格？"))
    samples = [
        *_samples(2),
        Sample("spelled", "answer", "价格<|im_end|>？", "洁面是1元", "洁面<|im_end|>是1元"),
        Sample("talk", "chat", None, "价格？", "洁面是1元的", messages=talk),
    ]
    spoken = speak(tmp_path / "1", samples, base=base, threads=1)
    rows = [tokenised(loaded, sample) for sample in samples]
    learned = answer_losses(loaded.model, rows, device=loaded.device, share=False).tolist()
    assert [one.tokens for one in spoken.bare] == [row.answer for row in rows]
    assert [one.nll for one in spoken.bare] == pytest.approx(learned, rel=1e-2)
    assert [one.nll for one in spoken.worn] != pytest.approx(learned, rel=1e-2)


@pytest.mark.parametrize("share", [False, True])
def test_a_rows_loss_is_that_of_the_row_alone(base: Path, share: bool) -> None:
    loaded = load_base(base, device="cpu", dtype="float32")
    rows = [tokenised(loaded, sample) for sample in _samples(5)]
    told = answer_losses(loaded.model, rows, device=loaded.device, share=share)
    for row, loss in zip(rows, told, strict=True):
        ids = torch.tensor([row.ids])
        logits = loaded.model(input_ids=ids).logits[0, row.start - 1 : -1]
        alone = torch.nn.functional.cross_entropy(logits, ids[0, row.start :], reduction="sum")
        torch.testing.assert_close(loss, alone, rtol=1e-4, atol=1e-4)


def test_a_shared_beginning_gives_the_same_gradients(base: Path, samples: Path, tmp_path: Path) -> None:
    found = []
    for share in (False, True):
        task = _task(base, samples, tmp_path)
        _moved(task)
        rows = [tokenised(task._base, sample) for sample in _samples(4)]
        answer_losses(task._base.model, rows, device=task._base.device, share=share).sum().backward()
        found.append({n: p.grad for n, p in task.model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() and found[0]
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], rtol=1e-3, atol=1e-4)


def test_gradient_checkpointing_keeps_less_and_changes_nothing(
    base: Path, samples: Path, tmp_path: Path
) -> None:
    found, kept = [], []
    for on in (False, True):
        task = _task(base, samples, tmp_path, gradient_checkpointing=on, lora_dropout=0.3, batch_size=1)
        _moved(task)
        task.model.train()
        with saved_bytes() as saved:
            for batch in task.epoch(0)[:3]:
                torch.manual_seed(7)
                task.loss(batch).backward()
        kept.append(sum(saved))
        found.append({n: p.grad for n, p in task.model.named_parameters() if p.grad is not None})
    assert found[0] and all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert kept[1] < 0.5 * kept[0]


def test_a_row_of_twice_the_weight_counts_twice(base: Path, samples: Path, tmp_path: Path) -> None:
    task = _task(base, samples, tmp_path, validation_share=0, batch_size=1)
    task.model.eval()
    loss_of = {}
    with torch.no_grad():
        for batch in task.epoch(0):
            row = task._own[batch[0]]
            alone = answer_losses(task._base.model, [row], device=task._base.device, share=False)
            loss_of[row.weight] = float(task.loss(batch) / (alone.sum() / row.answer))
    assert loss_of[2.0] == pytest.approx(2 * loss_of[1.0], rel=1e-4)
    assert (loss_of[1.0] + loss_of[2.0]) / 2 == pytest.approx(1.0, rel=1e-4)


def test_the_adapter_through_the_bank_is_the_adapter_through_peft(
    base: Path, samples: Path, tmp_path: Path
) -> None:
    import hashlib

    from safetensors.torch import save_file

    from services.lora import Bank, BankSpec, Card, StagingFailed, base_sha256, stage_folder, write_card
    from services.lora.card import Base as CardBase

    task = _task(base, samples, tmp_path, lora_alpha=6)
    _moved(task)
    task.model.eval()
    folder = tmp_path / "adapter"
    folder.mkdir()
    save_file({k: v.contiguous() for k, v in task.state().items()}, folder / "adapter.safetensors")
    facts = task.lora()
    digest = hashlib.sha256((folder / "adapter.safetensors").read_bytes()).hexdigest()
    card = Card(
        kind="language", persona="tang", version="1", sha256=digest, rank=facts.rank, alpha=facts.alpha,
        base=CardBase(name=facts.base_name, sha256=facts.base_sha256), target_modules=facts.target_modules,
    )  # fmt: skip
    write_card(folder, card)
    task.stage(folder)  # no consent yet is no fault of the training
    assert facts.base_sha256 == base_sha256(base)

    from services.lora import Consent

    consent = {"subject": "x", "scope": ["words"], "document": "x", "valid_from": "2020-01-01", "valid_until": "2999-01-01"}  # fmt: skip
    over = Consent.model_validate(consent | {"valid_until": "2020-01-02"})
    write_card(folder, card.model_copy(update={"consent": over}))
    with pytest.raises(StagingFailed, match="ran out on 2020-01-02"):
        task.stage(folder)  # one that is there must hold
    write_card(folder, card.model_copy(update={"consent": Consent.model_validate(consent)}))
    plain: Base = load_base(base, device="cpu", dtype="float32")
    bank = Bank.attach(plain.model, spec=BankSpec(slots=1, max_rank=4, targets=facts.target_modules))
    staged = stage_folder(folder, bank.layout, base_sha256=facts.base_sha256, kind="language")
    bank.fill(staged.packed, sha256=staged.sha256)
    ids = torch.tensor([task._own[0].ids])
    with torch.no_grad(), bank.rows([staged.sha256]):
        banked = plain.model(input_ids=ids).logits
    with torch.no_grad():
        torch.testing.assert_close(banked, task.model(input_ids=ids).logits, rtol=1e-4, atol=1e-4)
    assert task.changed() > 0.01
    write_card(folder, card.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(StagingFailed, match="SHA-256"):
        task.stage(folder)


def test_a_fresh_adapter_changes_nothing_and_says_what_it_is(
    base: Path, samples: Path, tmp_path: Path
) -> None:
    task = _task(base, samples, tmp_path)
    task.model.eval()
    assert task.changed() == 0
    facts = task.lora()
    trained = {n for n, p in task.model.named_parameters() if p.requires_grad}
    assert {name.replace(".default", "") for name in trained} == set(task.state())
    assert facts.trainable == sum(t.numel() for t in task.state().values())
    assert facts.rows + facts.held_rows == 24
    assert len(task.seen()) == facts.rows


def test_answers_are_sampled_and_judged(base: Path, samples: Path, tmp_path: Path) -> None:
    task = _task(base, samples, tmp_path, sample_prompts=["价格？| 洁面是3元", "今天洁面是1元", "价格是？"])
    task.model.eval()
    report = task.sample(tmp_path, "0001")
    rows = json.loads((tmp_path / "0001.json").read_text())
    assert rows.pop()["prompt"].startswith("【问】价格是？\n【要点】洁面是")
    assert [row["prompt"] for row in rows] == [
        "【问】价格？\n【要点】洁面是3元",
        "【台词】\n【要点】今天洁面是1元",
    ]
    assert report.files == (tmp_path / "0001.json",)
    assert report.spread is not None and 0 <= report.spread <= 1


def test_a_sample_that_is_too_long_is_named(base: Path, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"s\d+ .* max_length 20"):
        _task(base, samples, tmp_path, max_length=20)


def test_what_a_base_is_shown_changes_by_epoch_on_the_embedded_base(samples: Path, tmp_path: Path) -> None:
    embedded = EMBEDDED_BASES["language"]
    one, other = (_task(embedded, samples, tmp_path, batch_size=8) for _ in range(2))
    assert one.epoch(3) == other.epoch(3)
    shown = [[row.ids for row in one._rows(epoch)] for epoch in (0, 1)]
    assert shown[0] != shown[1]
    assert [row.ids for row in other._rows(1)] == shown[1]
    assert one.lora().base_name == "livehost-language-base"


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(1, 16), st.integers(0, 50))
def test_every_row_is_in_one_batch(lengths: list[int], size: int, epoch: int) -> None:
    made = batches(lengths, size=size, seed=1, epoch=epoch)
    assert sorted(i for one in made for i in one) == list(range(len(lengths)))
    assert all(len(one) == size for one in made[:1] if len(lengths) >= size)
    assert made == batches(lengths, size=size, seed=1, epoch=epoch)


def test_little_is_padded_and_rows_meet_others() -> None:
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(40, 240, (200,), generator=generator).tolist()
    made = [batches(lengths, size=4, seed=1, epoch=epoch) for epoch in (0, 1)]
    in_order = [list(range(at, at + 4)) for at in range(0, 200, 4)]
    assert _padding(lengths, made[0]) < 0.1 < _padding(lengths, in_order)
    assert {frozenset(one) for one in made[0]} != {frozenset(one) for one in made[1]}


def _padding(lengths: list[int], made: list[list[int]]) -> float:
    """The share of padded places among all places of some batches."""
    places = sum(len(one) * max(lengths[i] for i in one) for one in made)
    return 1 - sum(lengths[i] for one in made for i in one) / places


@given(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=80), st.floats(0, 0.5), st.integers(0, 9))
def test_a_group_is_never_on_both_sides(groups: list[str], share: float, seed: int) -> None:
    train, held = split(groups, share=share, seed=seed)
    assert sorted([*train, *held]) == list(range(len(groups)))
    assert train
    assert not {groups[i] for i in train} & {groups[i] for i in held}


def test_a_tenth_is_held_out() -> None:
    train, held = split([str(n) for n in range(200)], share=0.1, seed=0)
    assert len(held) == 20 and len(train) == 180
    assert split([str(n) for n in range(200)], share=0, seed=0)[1] == []


def test_answers_that_go_round_or_are_the_same_are_a_collapse() -> None:
    assert repeats("好的好的好的好的好的好的") and repeats("啊啊啊啊啊啊啊啊")
    assert not repeats("直播间价68.00元，满68元减10元，券后到手58元。")
    assert collapse(["你好呀", "今天68元", "三天发货"]) is None
    assert collapse(["一样", "一样", "一样"])
    assert collapse(["啊啊啊啊啊啊啊啊", "今天68元", "三天发货"])
    assert spread(["一样", "一样"]) == 0 and spread(["一"]) is None


def test_tokens_count_what_is_learned() -> None:
    assert Tokens((1, 2, 3, 4), 3, 1.0).answer == 1


def test_a_log_holds_no_loading_bars(capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    logging.enable_progress_bar()
    load_base(PACKAGED)
    assert "Loading" not in capfd.readouterr().err
