"""Batches whose rows have adapters of their own: equal to single rows, and to peft."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from services.language.generation import Decoder, Row
from services.language.loading import Base, BaseUnusable, load_base
from services.lora import Bank, BankSpec, stage_folder
from services.model_directory import LANGUAGE_TARGETS
from tests.tiny_language import write_adapter, write_base

LENGTH = 24
QUESTIONS = ("洁面多少元？", "精华一二三，有没有今天的好东西", "不要", "问：abcdefg")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and two adapters."""
    folder = tmp_path_factory.mktemp("language")
    write_base(folder / "base")
    write_adapter(folder / "a", folder / "base", seed=1)
    write_adapter(folder / "b", folder / "base", seed=2, rank=2)
    return folder


@pytest.fixture(scope="module")
def base(folder: Path) -> Base:
    """The base, with float32 weights on the CPU."""
    return load_base(folder / "base", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def hashes(folder: Path, base: Base) -> Iterator[tuple[Bank, str, str]]:
    """A bank that holds both adapters, and their names."""
    bank = Bank.attach(base.model, spec=BankSpec(slots=3, max_rank=8, targets=LANGUAGE_TARGETS))
    names = []
    for name in ("a", "b"):
        staged = stage_folder(folder / name, bank.layout, base_sha256=base.sha256)
        bank.fill(staged.packed, sha256=staged.sha256)
        names.append(staged.sha256)
    yield bank, names[0], names[1]
    bank.detach()


def written(decoder: Decoder, rows: list[Row], *, late: dict[int, Row] | None = None) -> list[list[int]]:
    """What each row comes to; a row of `late` joins after that many steps."""
    decoder.admit(rows)
    waiting, done, steps = dict(late or {}), list(rows), 0
    while decoder.rows or waiting:
        decoder.leave(lambda row: row.stopped or row.full)
        if steps in waiting:
            row = waiting.pop(steps)
            decoder.admit([row])
            done.append(row)
        if decoder.rows:
            decoder.step()
        steps += 1
    return [row.tokens for row in done]


def row(base: Base, question: str, adapter: str = "", **more: Any) -> Row:
    """A row that asks a question."""
    return Row(adapter, base.prompt("", question), LENGTH, **more)


def test_a_batch_without_adapters_is_what_the_library_generates(base: Base) -> None:
    """Left padding, positions and the cache are right: greedy words equal `generate`'s."""
    decoder = Decoder(base, lambda rows: nullcontext())
    got = written(decoder, [row(base, question) for question in QUESTIONS])
    for question, tokens in zip(QUESTIONS, got, strict=True):
        prompt = base.prompt("", question)
        whole = base.model.generate(
            torch.tensor([prompt]),
            max_new_tokens=LENGTH,
            do_sample=False,
            eos_token_id=sorted(base.stops),
            pad_token_id=0,
        )
        assert tokens == [token for token in whole[0, len(prompt) :].tolist() if token not in base.stops]


def test_mixed_rows_are_what_each_would_be_alone(base: Base, hashes: tuple[Bank, str, str]) -> None:
    """Rows of two adapters and the base in one batch, some joining late, none disturbing another."""
    bank, a, b = hashes
    pairs = [(question, adapter) for question in QUESTIONS for adapter in (a, b, "")]
    alone = [written(Decoder(base, bank.rows), [row(base, *pair)])[0] for pair in pairs]
    together = written(Decoder(base, bank.rows), [row(base, *pair) for pair in pairs])
    late = {3 * index: row(base, *pair) for index, pair in enumerate(pairs[4:])}
    joining = written(Decoder(base, bank.rows), [row(base, *pair) for pair in pairs[:4]], late=late)
    assert together == alone
    assert joining == alone
    assert len({tuple(tokens) for tokens in alone[:3]}) == 3, "the adapters must differ"


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # within peft
def test_each_adapter_writes_what_peft_writes(
    folder: Path, base: Base, hashes: tuple[Bank, str, str], tmp_path: Path
) -> None:
    """The oracle: peft on a copy of the base, one adapter after the other."""
    from peft import LoraConfig, PeftModel, set_peft_model_state_dict
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    bank, a, b = hashes
    mixed = written(
        Decoder(base, bank.rows), [row(base, q, adapter) for q in QUESTIONS for adapter in (a, b)]
    )
    for name, rank, own in (("a", 4, mixed[0::2]), ("b", 2, mixed[1::2])):
        bare = AutoModelForCausalLM.from_pretrained(folder / "base", local_files_only=True)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(LANGUAGE_TARGETS))
        model = PeftModel(bare, config)
        set_peft_model_state_dict(model, load_file(folder / name / "adapter.safetensors"))
        for question, tokens in zip(QUESTIONS, own, strict=True):
            prompt = torch.tensor([base.prompt("", question)])
            whole = model.generate(
                input_ids=prompt,
                max_new_tokens=LENGTH,
                do_sample=False,
                eos_token_id=sorted(base.stops),
                pad_token_id=0,
            )
            assert tokens == [t for t in whole[0, prompt.shape[1] :].tolist() if t not in base.stops]


def test_a_common_beginning_is_kept_by_the_adapters_content(
    base: Base, hashes: tuple[Bank, str, str]
) -> None:
    """The hazard: keys and values of one adapter under another. Kept beginnings never cross."""
    bank, a, b = hashes
    system = "要点：今天有什么好东西，洁面多少元。" * 3
    decoder = Decoder(base, bank.rows)

    def asked(question: str, adapter: str, prefix: int) -> Row:
        return Row(adapter, base.prompt(system, question), LENGTH, prefix=prefix)

    for _ in range(2):  # computed, then kept
        for question in QUESTIONS[:2]:
            for adapter in (a, b, ""):
                whole = written(Decoder(base, bank.rows), [asked(question, adapter, 0)])
                assert written(decoder, [asked(question, adapter, 50)]) == whole
    mixed = [asked(question, adapter, 50) for question in QUESTIONS[:2] for adapter in (a, b, "")]
    whole = [written(Decoder(base, bank.rows), [Row(r.adapter, r.prompt, LENGTH)])[0] for r in mixed]
    assert written(decoder, mixed) == whole


def test_a_small_store_of_beginnings_forgets_the_oldest(base: Base) -> None:
    """A bound of zero bytes keeps nothing and changes no word."""
    decoder = Decoder(base, lambda rows: nullcontext(), prefix_bytes=0)
    prompt = base.prompt("要点" * 30, "洁面")
    assert written(decoder, [Row("", prompt, LENGTH, prefix=40)]) == written(
        Decoder(base, lambda rows: nullcontext()), [Row("", prompt, LENGTH)]
    )


def test_dice_belong_to_a_row(base: Base) -> None:
    """Sampled words hang on the row's seed alone, not on who else is in the batch."""
    decoder = Decoder(base, lambda rows: nullcontext())
    alone = written(decoder, [row(base, QUESTIONS[0], temperature=1.0, seed=5)])[0]
    mixed = written(
        decoder,
        [row(base, QUESTIONS[1], temperature=1.0, seed=9), row(base, QUESTIONS[0], temperature=1.0, seed=5)],
    )
    assert mixed[1] == alone
    assert written(decoder, [row(base, QUESTIONS[0], temperature=1.0, seed=6)])[0] != alone


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_directory_that_is_not_whole_is_refused_with_its_mend(tmp_path: Path, missing: str) -> None:
    """Cause and mend, before anything is loaded."""
    folder = write_base(tmp_path / "base")
    (folder / missing).unlink()
    with pytest.raises(BaseUnusable, match=missing.split(".")[0]):
        load_base(folder)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """No hub is asked."""
    with pytest.raises(BaseUnusable, match="does not exist"):
        load_base(tmp_path / "nowhere")
