"""The language models' training at toy size: rows from the real path, fresh values, loss, resume, adapters."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from livehost.training.rows import write_rows
from livehost.training.wording import ways, worded
from services.language.prompt import SYSTEM, answer_prompt, script_prompt
from services.language.tokenizer import encode, encode_prompt, vocabulary, write_tokenizer
from services.training.language_adapter import AdapterRun, _check, train_language_adapter, write_language_card
from services.training.language_base import (
    BaseRun,
    TrainingFailed,
    answer_loss,
    progress,
    rate,
    train_language_base,
)
from services.training.language_measure import judged
from services.training.language_rows import BUCKETS, Batches, Row, Wording, read_rows, wording
from services.training.language_slots import slotted, unslotted
from services.training.language_values import filled, fresh

TINY = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 24,
}


@pytest.fixture(scope="module")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl.gz"
    assert write_rows(path, count=60, seed=3) == 60
    return path


@pytest.fixture(scope="module")
def base(rows_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    train_language_base(_run(rows_file, folder, steps=3))
    return folder


def _run(rows: Path, folder: Path, *, steps: int, resume: bool = False, rate: float = 1e-2) -> BaseRun:
    return BaseRun(
        rows=rows,
        output_dir=folder,
        steps=steps,
        resume=resume,
        learning_rate=rate,
        batch_tokens=256,
        warmup=2,
        measure_rows=2,
        measure_every=10**6,
        save_every=10**6,
        device="cpu",
        threads=1,
        sizes=TINY,
    )


def test_a_prompt_holds_question_and_core_and_no_style() -> None:
    system, user = answer_prompt("多少钱\n【要点】免费<|end|>", "氨基酸皂直播间价68元。")
    assert system == SYSTEM
    assert user == "【问】多少钱 [要点]免费<end>\n【要点】氨基酸皂直播间价68元"
    assert script_prompt("看2号链接。")[1] == "【台词】\n【要点】看2号链接"


@pytest.mark.parametrize("text", ["你好 12.5元，ABC×3", "𠮷龘😊\n第2行", "한글 é", "  两边有空格  "])
def test_the_saved_tokenizer_writes_every_character_as_training_does(text: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    write_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}')
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == encode(text)
    assert tokenizer.decode(ids) == text
    messages = [{"role": "system", "content": "规矩"}, {"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert tokenizer(rendered, add_special_tokens=False)["input_ids"] == encode_prompt(text)
    assert tokenizer.model_max_length == 1024
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|end|>", "<|pad|>")


def test_slots_hold_every_value_and_go_back_where_they_were() -> None:
    core = "雪松面霜直播间价，50ml是68元，支持7天无理由退货，产自2026年8月"
    text, question, slots = slotted(core, "雪松面霜68多少", {"雪松面霜": "name", "50ml": "spec"})
    assert [kind for kind, _ in slots] == ["name", "spec", "number", "date"]
    assert "7天无理由" in text
    assert unslotted(text, slots) == core
    assert unslotted(question, slots) == "雪松面霜68多少"


@pytest.mark.parametrize("way", ["plain", "morning", "evening", "lady"])
def test_wordings_keep_values_and_negations(way: str) -> None:
    core = "青柠皂直播间价19.9元，券是满99元减10元，券后到手9.9元。这款不包邮，运费另付，以下单页为准"
    said = {
        worded(core, question=q, way=ways()[way], rng=random.Random(1)) for q in ("到手价吗", "多少", "券呢")
    }
    assert len(said) > 1
    for text in said:
        assert all(v in text for v in ("青柠皂", "19.9元", "满99元减10元", "9.9元", "不包邮"))
        assert "." not in text.replace("19.9", "").replace("9.9", "")


def test_each_persona_sounds_like_itself() -> None:
    core, question = "拍下后48小时内发货", "这个几天发"
    said = {n: worded(core, question=question, way=w, rng=random.Random(2)) for n, w in ways().items()}
    assert len(set(said.values())) == 4
    assert all("48小时" in text for text in said.values())


def test_rows_hold_every_value_in_every_way(rows_file: Path) -> None:
    pools, rows = read_rows(rows_file)
    assert pools.known["name"] and len(pools.words) > 5000
    rng = random.Random(4)
    for row in rows:
        for way in ("plain", "morning", "evening", "lady"):
            words = wording(row, way, pools, rng, unseen=True)
            assert all(value in words.target and value in words.core for value in words.values)
            assert not any("\ue000" <= c <= "\ue7ff" for c in words.prompt + words.target)


def test_rows_without_a_header_say_how_to_make_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": "?"}\n')
    with pytest.raises(ValueError, match=r"python -m livehost\.training"):
        read_rows(path)


def test_fresh_values_are_new_and_differ_from_each_other(rows_file: Path) -> None:
    pools, _ = read_rows(rows_file)
    slots = (("name", "雪松面霜"), ("number", "68"), ("number", "9.9"), ("thing", "甘油"), ("spec", "50ml"))
    drawn = {tuple(fresh(slots, pools, random.Random(n), unseen=True)) for n in range(20)}
    assert len(drawn) == 20
    assert filled("\ue001元的\ue000", ["A", "7"]) == "7元的A"


def test_batches_are_the_same_for_the_same_step_and_padded_right(rows_file: Path) -> None:
    pools, rows = read_rows(rows_file)
    batches = Batches(pools, rows, way="plain", tokens=512, seed=1, steps=4)
    one, again, other = batches.batch(2), batches.batch(2), batches.batch(3)
    assert (one.ids == again.ids).all()
    assert one.ids.shape != other.ids.shape or (one.ids != other.ids).any()
    assert one.ids.shape[1] in BUCKETS
    end = vocabulary()["<|end|>"]
    for ids, start, stop in zip(one.ids, one.starts, one.ends, strict=True):
        assert ids[start - 1] == vocabulary()["<|assistant|>"]
        assert ids[stop - 1] == end
        assert (ids[stop:] == 0).all()


def test_the_rate_rises_then_falls_by_steps_or_by_time() -> None:
    assert progress(50, 100, 1.0, None) == 0.5
    assert progress(1, 100, 45.0, 1.0) == 0.75
    assert rate(0, 0.0, 10) < rate(9, 0.1, 10) > rate(99, 1.0, 10)


def test_only_the_answer_is_learned(base: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids = torch.tensor([[2, 300, 301, 3, 302, 1, 0, 0]])
    starts, ends = torch.tensor([4]), torch.tensor([6])
    loss = answer_loss(model, ids, starts, ends, "cpu")
    logits = model(input_ids=ids).logits
    wanted = torch.nn.functional.cross_entropy(logits[0, 3:5], ids[0, 4:6])
    torch.testing.assert_close(loss, wanted)


def test_a_base_is_a_folder_that_loads_with_no_network(base: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    assert model.dtype == torch.bfloat16
    assert type(model).__name__ == "Qwen3ForCausalLM"
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert model.config.max_position_embeddings == tokenizer.model_max_length
    metrics = json.loads((base / "metrics.json").read_text())
    assert metrics["steps"] == 3
    assert 0 <= metrics["whole"] <= metrics["values_copied"] <= 1


def test_a_run_goes_on_exactly_where_it_stopped(rows_file: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_language_base(_run(rows_file, whole, steps=4, rate=1e-3))
    import services.training.language_base as module

    original = module.progress
    module.progress = lambda step, steps, elapsed_s, minutes: 1.0 if step >= 2 else original(step, 4, 0, None)
    try:
        train_language_base(_run(rows_file, parts, steps=4, rate=1e-3))
    finally:
        module.progress = original
    train_language_base(_run(rows_file, parts, steps=4, rate=1e-3, resume=True))
    one, other = load_file(whole / "model.safetensors"), load_file(parts / "model.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_new_run_may_begin_with_a_bases_weights(base: Path, rows_file: Path, tmp_path: Path) -> None:
    run = replace(_run(rows_file, tmp_path, steps=1, rate=1e-9), start_from=base)
    train_language_base(run)
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert all(torch.allclose(before[name].float(), after[name].float(), atol=1e-4) for name in before)


def test_a_loss_that_is_no_number_stops_the_run(rows_file: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="lower learning_rate"):
        train_language_base(_run(rows_file, tmp_path, steps=60, rate=1e30))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's
def test_an_adapter_is_written_in_pefts_format_with_a_card_that_reads(
    base: Path, rows_file: Path, tmp_path: Path
) -> None:
    from services.lora.card import Consent, read_card

    run = AdapterRun(
        base=base,
        rows=rows_file,
        output_dir=tmp_path,
        way="lady",
        rank=2,
        alpha=4.0,
        steps=8,
        batch_tokens=256,
        warmup=1,
        learning_rate=0.1,
        device="cpu",
        threads=1,
        measure_rows=2,
    )
    metrics = train_language_adapter(run)
    tensors = load_file(tmp_path / "adapter.safetensors")
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in tensors
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    consent = Consent.model_validate(
        {"subject": "虚构人物", "scope": ["words"], "document": "x", "valid_from": "2026-01-01", "valid_until": "2027-01-01"}
    )  # fmt: skip
    write_language_card(
        tmp_path, base, persona="tang-lady", version="1", metrics=metrics, consent=consent, recipe="r.yaml"
    )
    card = read_card(tmp_path)
    assert (card.id, card.rank, card.alpha) == ("tang-lady.language.1", 2, 4.0)


def test_an_empty_or_broken_adapter_is_refused() -> None:
    with pytest.raises(TrainingFailed, match="empty"):
        _check({"x.lora_A.weight": torch.ones(1), "x.lora_B.weight": torch.zeros(1)})
    with pytest.raises(TrainingFailed, match="not finite"):
        _check({"x.lora_B.weight": torch.tensor([float("nan")])})


def test_what_is_copied_is_judged() -> None:
    words = Wording("", "皂不含酒精，68元", "皂不含酒精，68元", ("皂", "酒精", "68"))
    assert judged(words, "皂是不含酒精的，68元") == (True, True, True)
    assert judged(words, "皂含酒精，68元") == (True, True, False)
    assert judged(words, "皂不含酒精，68元，减5元") == (True, False, True)
    assert judged(words, "皂不含酒精") == (False, True, True)


def test_a_row_of_a_script_has_no_question() -> None:
    row = Row(None, "看\ue000号链接", {"plain": "来，看\ue000号链接。"}, (("number", "3"),))
    from services.training.language_values import Pools

    words = wording(row, "plain", Pools({}, ["好"], "的"), random.Random(1))
    assert words.prompt.startswith("【台词】")
    assert words.values[0] in words.target
