"""Staging refuses what is damaged, wrong or not consented to, with every reason, and touches nothing."""

from __future__ import annotations

import io
import json
import os
import re
import struct
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

import services.lora.plain as plain
import services.lora.staging as staging
from services.lora import Bank, BankSpec, StagingFailed
from services.lora.formats import to_kohya
from services.lora.header import HEADER_MAX_BYTES, read_header
from tests.unit import lora_parts as parts

Tensors = dict[str, torch.Tensor]
TARGETS = ("to_q", "to_k", "conv1")
FIRST = "base_model.model.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_{}.weight"


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank.attach(parts.unet(), spec=BankSpec(slots=2, max_rank=4, targets=TARGETS))


@pytest.fixture(scope="module")
def good() -> Tensors:
    return parts.peft_tensors(parts.twin(parts.unet(), TARGETS, seed=1))


CARD: dict[str, Any] = {"target_modules": TARGETS}


def _errors(folder: Path, bank: Bank, **options: Any) -> tuple[str, ...]:
    before = bank.resident()
    with pytest.raises(StagingFailed) as failure:
        parts.stage(folder, bank, **options)
    assert bank.resident() == before
    for error in failure.value.errors:
        assert error.startswith(str(folder)) and ";" in error, error  # the file, and a mend
    return failure.value.errors


def _with(tensors: Tensors, **changed: torch.Tensor | None) -> Tensors:
    """The tensors with A or B of the first layer changed, or left out."""
    made = dict(tensors)
    for side, tensor in changed.items():
        if tensor is None:
            del made[FIRST.format(side)]
        else:
            made[FIRST.format(side)] = tensor
    return made


def test_a_good_adapter_is_staged(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    staged = parts.stage(parts.write(tmp_path, good, parts.card(**CARD)), bank, kind="visual")
    assert staged.sha256 == staged.card.sha256
    assert staged.packed.bytes == bank.slot_bytes


def _poke(tensors: Tensors, value: float, side: str = "B") -> Tensors:
    poked = tensors[FIRST.format(side)].clone()
    poked[0, 0] = value
    return _with(tensors, **{side: poked})


WEIGHTS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "a NaN": (lambda t: _poke(t, float("nan")), "not finite"),
    "an Inf": (lambda t: _poke(t, float("inf"), "A"), "not finite"),
    "a minus Inf": (lambda t: _poke(t, -float("inf")), "not finite"),
    "a huge number": (lambda t: _poke(t, 1e6), "over 100"),
    "one that the scale makes huge": (lambda t: _poke(t, -60.0), "reaches 120"),
    "a wrong width": (lambda t: _with(t, A=torch.zeros(4, 99)), r"A is \[4, 99\]"),
    "a wrong height": (lambda t: _with(t, B=torch.zeros(99, 4)), r"B is \[99, 4\]"),
    "unlike ranks": (lambda t: _with(t, B=torch.zeros(16, 3)), "A is of rank 4 but B of rank 3"),
    "too high a rank": (lambda t: _with(t, A=torch.ones(5, 16), B=torch.ones(16, 5)), "over the bank's 4"),
    "rank 0": (lambda t: _with(t, A=torch.zeros(0, 16), B=torch.zeros(16, 0)), "A is"),
    "another rank than the card's": (lambda t: _with(t, A=torch.ones(2, 16), B=torch.ones(16, 2)), "card says 4"),
    "a vector for a matrix": (lambda t: _with(t, A=torch.zeros(4)), "A is"),
    "a number for a matrix": (lambda t: _with(t, A=torch.zeros(())), "A is"),
    "whole numbers": (lambda t: _with(t, A=torch.zeros(4, 16, dtype=torch.int32)), "stored as I32"),
    "doubles": (lambda t: _with(t, A=torch.zeros(4, 16, dtype=torch.float64)), "stored as F64"),
    "no B": (lambda t: _with(t, B=None), r"B \(up\) is missing"),
    "half the layers": (lambda t: dict(list(t.items())[: len(t) // 4 * 2]), "are missing"),
    "no layer": (lambda t: {}, "holds no LoRA"),
    "a layer that is not there": (lambda t: t | {"x.lora_A.weight": torch.zeros(4, 4)}, "does not have"),
    "nothing but zeros in B": (lambda t: {k: v * ("lora_A" in k) for k, v in t.items()}, "changes nothing"),
    "DoRA": (lambda t: t | {"x.lora_magnitude_vector": torch.zeros(4)}, "DoRA"),
}  # fmt: skip


@pytest.mark.parametrize("what", WEIGHTS)
def test_wrong_weights_are_refused(what: str, bank: Bank, good: Tensors, tmp_path: Path) -> None:
    change, error = WEIGHTS[what]
    folder = parts.write(tmp_path, change(good), parts.card(**CARD))
    assert re.search(error, " ".join(_errors(folder, bank)))


CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "no consent": ({"consent": None}, "consent: is missing"),
    "another base": ({"base": {"name": "other", "sha256": "c" * 64}}, "trained on other"),
    "another rank": ({"rank": 3}, "is of rank 4, but the card says 3"),
    "other targets": ({"target_modules": ("to_q", "to_k")}, "is not among the card's target_modules"),
    "more targets": ({"target_modules": (*TARGETS, "conv2")}, ""),
    "the other kind": ({"kind": "language"}, "a visual adapter is needed"),
}


@pytest.mark.parametrize("what", CARDS)
def test_a_card_that_does_not_fit_is_refused(what: str, bank: Bank, good: Tensors, tmp_path: Path) -> None:
    fields, error = CARDS[what]
    folder = parts.write(tmp_path, good, parts.card(**CARD | fields))
    if error:
        assert error in " ".join(_errors(folder, bank, kind="visual"))
    else:  # the bank has no such layers, so none of them can be missing
        parts.stage(folder, bank)


def test_consent_that_ran_out_is_refused(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    folder = parts.write(tmp_path, good, parts.card(**CARD))
    assert "ran out on 2026-12-31" in _errors(folder, bank, today=date(2027, 1, 1))[0]


def test_another_hash_than_the_cards_is_refused(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    folder = parts.write(tmp_path, good, parts.card(**CARD), sha="1" * 64)
    [error] = _errors(folder, bank)
    assert "SHA-256" in error


def test_every_fault_of_card_and_file_is_listed_at_once(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    tensors = _with(good, B=torch.zeros(99, 4)) | {
        "x.hada_w1": torch.zeros(1),
        "y.lora_A.weight": torch.zeros(1),
    }
    card = parts.card(**CARD, consent=None, base={"name": "other", "sha256": "c" * 64}, rank=3)
    errors = " ".join(_errors(parts.write(tmp_path, tensors, card, sha="1" * 64), bank))
    for fault in (
        "consent",
        "trained on other",
        "SHA-256",
        "B is [99, 4]",
        "LoHa",
        "does not have",
        "card says 3",
    ):
        assert fault in errors


def test_layers_that_the_bank_does_not_target_are_refused_by_their_reason(
    good: Tensors, tmp_path: Path
) -> None:
    narrow = Bank.attach(parts.unet(), spec=BankSpec(slots=1, max_rank=4, targets=("to_q", "conv1")))
    errors = _errors(parts.write(tmp_path, good, parts.card(**CARD)), narrow)
    assert any("more layers: it is not among the bank's targets" in error for error in errors)


def test_a_kohya_alpha_that_contradicts_the_card_is_refused(bank: Bank, tmp_path: Path) -> None:
    loras = parts.neutral(parts.twin(parts.unet(), TARGETS, seed=2))
    folder = parts.write(tmp_path, to_kohya(loras, dict.fromkeys(loras, 4.0)), parts.card(**CARD))
    assert "the file's alpha is 4, the card's 8" in _errors(folder, bank)[0]


def test_metadata_that_contradicts_the_card_is_refused(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    told = {"unet.lora_alpha": 3.0, "unet.use_dora": True}
    data = save(good, {"lora_adapter_metadata": json.dumps(told)})
    errors = " ".join(_errors(parts.write(tmp_path, data, parts.card(**CARD)), bank))
    assert "DoRA" in errors and "lora_alpha is 3.0, but the card 8.0" in errors
    data = save(good, {"lora_adapter_metadata": "{"})
    assert "not JSON" in _errors(parts.write(tmp_path, data, parts.card(**CARD)), bank)[0]


def _pickle(tensors: Tensors) -> bytes:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def _header(text: str | bytes, rest: bytes = b"") -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw + rest


DEEP = '{"a":' * 100_000
ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'
FILES: dict[str, tuple[Callable[[Tensors], bytes], str]] = {
    "empty": (lambda t: b"", "is empty"),
    "a few bytes": (lambda t: b"abc", "only 3 bytes"),
    "a pickle": (_pickle, "is a pickle"),
    "an old pickle": (lambda t: b"\x80\x02}q\x00." + b"." * 99, "is a pickle"),
    "cut in the header": (lambda t: save(t)[:200], "cut short"),
    "cut in the numbers": (lambda t: save(t)[:-100], "after the file's end"),
    "longer than it says": (lambda t: save(t) + b"\0", "follow the last tensor"),
    "a giant header": (lambda t: struct.pack("<Q", 2**63) + b"{}" * 9, "the header claims"),
    "a header over the cap": (lambda t: struct.pack("<Q", HEADER_MAX_BYTES + 1) + b"{" * 9, "the header claims"),
    "no JSON": (lambda t: _header("{nope}"), "not JSON"),
    "no text": (lambda t: _header(b"\xff\xfe"), "not JSON"),
    "JSON without end": (lambda t: _header(DEEP), "not JSON"),
    "no table": (lambda t: _header("[]"), "not an object"),
    "a key twice": (lambda t: _header('{"a":' + ENTRY % (0, 4) + ',"a":' + ENTRY % (0, 4) + "}", b"0000"), "twice"),
    "tensors that overlap": (lambda t: _header('{"a":' + ENTRY % (0, 4) + ',"b":' + ENTRY % (0, 4) + "}", b"0000"), "overlap"),
    "a tensor before the start": (lambda t: _header('{"a":' + ENTRY % (-4, 0) + "}"), "not a pair"),
    "a size without end": (lambda t: _header('{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', b"0000"), "shape"),
    "a size that is true": (lambda t: _header('{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}', b"0000"), "shape"),
    "a name without end": (lambda t: _header('{"' + "a." * 9999 + '":' + ENTRY % (0, 4) + "}", b"0000"), "too long"),
    "an unknown dtype": (lambda t: _header('{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}', b"0000"), "unknown"),
    "metadata that is no text": (lambda t: _header('{"__metadata__":{"a":1}}'), "__metadata__"),
}  # fmt: skip


@pytest.mark.parametrize("what", FILES)
def test_damaged_files_are_refused(what: str, bank: Bank, good: Tensors, tmp_path: Path) -> None:
    make, error = FILES[what]
    assert error in " ".join(_errors(parts.write(tmp_path, make(good), parts.card(**CARD)), bank))


def test_a_flipped_bit_is_refused(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    folder = parts.write(tmp_path, good, parts.card(**CARD))
    file = folder / "adapter.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(bytes(data))
    assert "SHA-256" in _errors(folder, bank)[0]


def test_a_file_over_the_cap_is_not_even_read(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    folder = parts.write(tmp_path, good, parts.card(**CARD))
    assert "over 1000" in _errors(folder, bank, max_bytes=1000)[0]
    with (folder / "adapter.safetensors").open("wb") as file:
        file.truncate(2**40)  # a hole of a terabyte
    assert "over" in _errors(folder, bank)[0]


def test_a_missing_folder_file_or_pipe_is_refused(bank: Bank, good: Tensors, tmp_path: Path) -> None:
    assert "cannot be read" in _errors(tmp_path / "nowhere", bank)[0]
    folder = parts.write(tmp_path / "a", good, parts.card(**CARD))
    (folder / "adapter.safetensors").unlink()
    assert "adapter.safetensors: cannot be read" in _errors(folder, bank)[0]
    os.mkfifo(folder / "adapter.safetensors")
    assert "no plain file" in _errors(folder, bank)[0]
    (folder / "adapter.safetensors").unlink()
    (folder / "adapter.safetensors").mkdir()
    assert "no plain file" in _errors(folder, bank)[0]


@pytest.mark.parametrize("low", [0x80, 0x50])
def test_a_headers_length_may_begin_like_a_pickle_or_a_zip(
    low: int, bank: Bank, good: Tensors, tmp_path: Path
) -> None:
    raw = save(good)
    length = int.from_bytes(raw[:8], "little")
    wanted = next(n for n in range(length, length + 2**18) if n & (0xFF if low == 0x80 else 0xFFFF) == (
        0x80 if low == 0x80 else 0x4B50))  # fmt: skip
    data = struct.pack("<Q", wanted) + raw[8 : 8 + length].ljust(wanted) + raw[8 + length :]
    assert parts.stage(parts.write(tmp_path, data, parts.card(**CARD)), bank).packed is not None


def test_half_a_character_in_a_header_is_told_in_words_that_any_line_can_carry() -> None:
    with pytest.raises(StagingFailed) as failed:
        raise StagingFailed(read_header(_header('{"a\\ud800": {"dtype": [[1]]}}')).problems)
    assert "\\ud800" in failed.value.errors[0]
    failed.value.errors[0].encode()


class _Meanwhile:
    """`read_header`, with something else happening just before it: after the file was read."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens

    def __call__(self, data: bytes) -> Any:
        self._happens()
        return read_header(data)


def test_a_file_deleted_after_it_was_read_is_staged_from_what_was_read(
    bank: Bank, good: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts.write(tmp_path, good, parts.card(**CARD))
    monkeypatch.setattr(staging, "read_header", _Meanwhile((folder / "adapter.safetensors").unlink))
    staged = parts.stage(folder, bank)
    assert torch.isfinite(staged.packed.vector).all()


def test_a_file_replaced_after_it_was_read_changes_nothing(
    bank: Bank, good: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts.write(tmp_path, good, parts.card(**CARD))
    wanted = parts.stage(folder, bank)
    file = folder / "adapter.safetensors"
    monkeypatch.setattr(staging, "read_header", _Meanwhile(lambda: file.write_bytes(save(_poke(good, 7.0)))))
    staged = parts.stage(folder, bank)
    assert staged.sha256 == wanted.sha256
    assert torch.equal(staged.packed.vector, wanted.packed.vector)


def test_a_file_that_grows_while_it_is_read_is_refused(
    bank: Bank, good: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts.write(tmp_path, good, parts.card(**CARD))
    real, inode = os.fstat, (folder / "adapter.safetensors").stat().st_ino
    calls: list[int] = []

    def grows(handle: int) -> os.stat_result:
        found = real(handle)
        if found.st_ino != inode:
            return found
        if len(calls) == 1:
            with (folder / "adapter.safetensors").open("ab") as file:
                file.write(b"more")
        calls.append(handle)
        return found

    monkeypatch.setattr(plain.os, "fstat", grows)
    assert "changed while it was read" in _errors(folder, bank)[0]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_ever_break_the_header(data: bytes) -> None:
    for one in (data, _header(data), _header(b"{" + data + b"}", data)):
        header = read_header(one)
        assert header.problems or all(e.end <= len(one) for e in header.entries.values())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("F32"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_JSON)
def test_no_json_ever_breaks_the_header(value: Any) -> None:
    header = read_header(_header(json.dumps({"t": value, "__metadata__": value}), b"0" * 8))
    assert header.problems or header.entries == {} or "t" in header.entries
