"""The bank's slots: filled, pinned, evicted, published, quarantined, from several threads."""

from __future__ import annotations

import contextvars
import copy
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from torch import nn

from services.lora import (
    AttachProblems,
    Bank,
    BankBusy,
    BankError,
    BankSpec,
    BindingEnded,
    LayoutMismatch,
    NoFreeSlot,
    NotResident,
    Quarantined,
    RowsMismatch,
    layout_of,
)
from services.lora.packing import Packed
from tests.unit import lora_parts as parts


def _shas(bank: Bank) -> set[str]:
    return {one.sha256 for one in bank.resident()}


def _run(model: nn.Module, rows: int) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.ones(rows, 4))


def test_the_longest_unused_adapter_makes_room() -> None:
    model, bank = parts.small_bank(slots=2)
    one, two = parts.filled(bank, "one"), parts.filled(bank, "two")
    with bank.rows([one]):
        _run(model, 1)
    three = parts.filled(bank, "three")
    assert _shas(bank) == {one, three}
    assert parts.filled(bank, "one") == one  # it is there already: touched, not copied again
    assert parts.filled(bank, "two") == two
    assert _shas(bank) == {one, two}


def test_what_is_pinned_is_never_evicted() -> None:
    _, bank = parts.small_bank(slots=2)
    one, two = parts.filled(bank, "one"), parts.filled(bank, "two")
    bank.pin("room a", {one})
    bank.pin("room b", {two, one})
    with pytest.raises(NoFreeSlot, match=r"give the bank more slots \(\d+ bytes each\)"):
        parts.filled(bank, "three")
    bank.pin("room b", ())
    three = parts.filled(bank, "three")
    assert _shas(bank) == {one, three}
    assert [r.pinned for r in bank.resident()] == [True, False]


def test_what_is_in_flight_is_never_evicted() -> None:
    _, bank = parts.small_bank(slots=1)
    one = parts.filled(bank, "one")
    with bank.rows([one]), pytest.raises(NoFreeSlot):
        parts.filled(bank, "two")
    assert _shas(bank) == {one}
    two = parts.filled(bank, "two")
    with pytest.raises(NotResident, match="stage and fill it"), bank.rows([one]):
        pass
    assert _shas(bank) == {two}


def test_publishing_flips_one_reference_and_rolls_back() -> None:
    _, bank = parts.small_bank(slots=2)
    one, two = parts.filled(bank, "one"), parts.filled(bank, "two")
    assert bank.live("room") == ""
    bank.publish("room", one)
    bank.publish("room", two)
    assert bank.live("room") == two
    with pytest.raises(NoFreeSlot):  # what is live and the one before are kept
        parts.filled(bank, "three")
    assert bank.rollback("room") == one
    assert bank.live("room") == one
    with pytest.raises(NotResident):
        bank.publish("room", "f" * 64)
    assert bank.live("room") == one


def test_quarantine_rolls_back_and_lets_what_runs_end() -> None:
    model, bank = parts.small_bank(slots=2)
    one, two = parts.filled(bank, "one"), parts.filled(bank, "two", 2.0)
    bank.publish("room", one)
    bank.publish("room", two)
    with bank.rows([two]):
        before = _run(model, 1)
        assert bank.quarantine(two) == ("room",)
        assert torch.equal(_run(model, 1), before)
        assert two in _shas(bank)
    assert _shas(bank) == {one}
    assert bank.live("room") == one and bank.rollback("room") == one
    assert bank.quarantined == {two}
    for refused in (lambda: bank.publish("room", two), lambda: parts.filled(bank, "two", 2.0)):
        with pytest.raises(Quarantined, match="new version"):
            refused()
    with pytest.raises(Quarantined), bank.rows([two]):
        pass


@pytest.mark.parametrize(
    ("given", "options", "rows"),
    [(2, {}, 4), (2, {"guidance": True}, 6), (2, {"images_per_prompt": 3}, 12), (3, {}, 1)],
)
def test_a_batch_that_does_not_fit_its_binding_is_an_error(
    given: int, options: dict[str, Any], rows: int
) -> None:
    model, bank = parts.small_bank()
    with (
        bank.rows([parts.filled(bank, "one")] * given, **options),
        pytest.raises(RowsMismatch, match="name each row"),
    ):
        _run(model, rows)


def test_without_a_binding_or_with_base_rows_the_base_answers_bit_for_bit() -> None:
    model, bank = parts.small_bank()
    one = parts.filled(bank, "one")
    bare = _run(model, 2)
    with bank.rows([one, one]):
        changed = _run(model, 2)
    with bank.rows(["", ""]):
        assert torch.equal(_run(model, 2), bare)
    with bank.rows([one, ""]):
        mixed = _run(model, 2)
    assert torch.equal(_run(model, 2), bare)
    assert torch.equal(mixed[1], bare[1])
    assert torch.equal(mixed[0], changed[0])
    assert not torch.equal(changed, bare)


def test_bindings_nest_and_end_with_their_block() -> None:
    model, bank = parts.small_bank()
    one, two = parts.filled(bank, "one"), parts.filled(bank, "two", 2.0)
    with bank.rows([one]):
        outer = _run(model, 1)
        with bank.rows([two]):
            assert not torch.equal(_run(model, 1), outer)
        assert torch.equal(_run(model, 1), outer)
    assert [r.in_flight for r in bank.resident()] == [0, 0]
    with pytest.raises(RuntimeError), bank.rows([one]):
        raise RuntimeError
    assert [r.in_flight for r in bank.resident()] == [0, 0]


def test_a_binding_does_not_outlive_its_block_in_a_copied_context() -> None:
    model, bank = parts.small_bank()
    with bank.rows([parts.filled(bank, "one")]):
        later = contextvars.copy_context()
    with pytest.raises(BindingEnded):
        later.run(_run, model, 1)


def test_each_thread_has_its_own_binding() -> None:
    model, bank = parts.small_bank()
    shas = [parts.filled(bank, str(n), 0.1 * n) for n in range(1, 4)]
    wanted = []
    for sha in shas:
        with bank.rows([sha]):
            wanted.append(_run(model, 1))
    both = threading.Barrier(3)

    def forward(n: int) -> bool:
        with bank.rows([shas[n]]):
            both.wait(10)
            return all(torch.equal(_run(model, 1), wanted[n]) for _ in range(50))

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(forward, range(3)))


def test_filling_beside_forwards_never_touches_them() -> None:
    model, bank = parts.small_bank(slots=2)
    one = parts.filled(bank, "one", 0.5)
    with bank.rows([one]):
        wanted = _run(model, 1)
    over = threading.Event()

    def fills() -> int:
        count = 0
        while not over.is_set():
            parts.filled(bank, f"other {count}", float(count % 7))
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool, bank.rows([one]):
        filling = pool.submit(fills)
        same = [torch.equal(_run(model, 1), wanted) for _ in range(300)]
        over.set()
        assert filling.result(10) > 0
    assert all(same)


def test_an_adapter_quarantined_while_it_is_filled_does_not_become_resident(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, bank = parts.small_bank()
    monkeypatch.setattr(bank, "_copy", lambda *_, **__: bank.quarantine(hashlib.sha256(b"one").hexdigest()))
    with pytest.raises(Quarantined):
        parts.filled(bank, "one")
    assert bank.resident() == ()


def test_a_bank_attached_in_inference_mode_is_filled_outside_of_it() -> None:
    with torch.inference_mode():
        model, bank = parts.small_bank()
    one = parts.filled(bank, "one")
    with torch.inference_mode(), bank.rows([one, ""]):
        assert not torch.equal(*model(torch.ones(2, 4)))


def test_a_packed_adapter_of_another_bank_is_refused() -> None:
    _, bank = parts.small_bank()
    with pytest.raises(LayoutMismatch, match="stage it for this one"):
        bank.fill(Packed(torch.zeros(bank.layout.total), "other"), sha256="a" * 64)
    assert bank.resident() == ()


def test_the_base_is_untouched_and_counted_once() -> None:
    model = parts.unet()
    before = {name: (p.data_ptr(), p.clone()) for name, p in model.named_parameters()}
    keys = list(model.state_dict())
    bank = Bank.attach(model, spec=BankSpec(slots=8, max_rank=4, targets=("to_q", "conv1")))
    for n in range(8):
        parts.filled(bank, str(n), 0.01)
    assert len(bank.resident()) == 8
    assert list(model.state_dict()) == keys
    for name, parameter in model.named_parameters():
        assert parameter.data_ptr() == before[name][0]
        assert torch.equal(parameter, before[name][1])
    assert bank.arena_bytes == 9 * bank.slot_bytes
    assert bank.slot_bytes == bank.layout.total * 4


def test_what_a_slot_takes_is_known_without_the_bases_weights() -> None:
    spec = BankSpec(max_rank=4, targets=("to_q", "conv1"))
    with torch.device("meta"):
        empty = nn.ModuleDict({"to_q": nn.Linear(8, 6), "conv1": nn.Conv2d(4, 2, 3)})
    assert layout_of(empty, spec).slot_bytes == 4 * (32 + 32 + 160 + 32)  # 4·8, 6·4, 4·4·9, 2·4: each to 32


def test_detaching_restores_the_model() -> None:
    model, bank = parts.small_bank()
    one = parts.filled(bank, "one")
    bare = _run(model, 1)
    with bank.rows([one]), pytest.raises(BankBusy):
        bank.detach()
    bank.detach()
    assert not model[0]._forward_hooks
    assert torch.equal(_run(model, 1), bare)
    with pytest.raises(BankError, match="detached"), bank.rows([one]):
        pass


def test_a_copy_of_the_model_shares_the_slots() -> None:
    model, bank = parts.small_bank()
    one = parts.filled(bank, "one")
    twin = copy.deepcopy(model)
    with bank.rows([one]):
        assert torch.equal(_run(twin, 1), _run(model, 1))


class _Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Conv2d(4, 4, 3)
        self.grouped = nn.Conv2d(4, 4, 3, groups=2)
        self.wide = nn.Conv2d(4, 4, 3, dilation=2)
        self.mirrored = nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")
        self.words = nn.Embedding(4, 4)
        self.attention = nn.MultiheadAttention(4, 2)


def test_layers_that_no_adapter_can_be_on_are_refused_by_name() -> None:
    with pytest.raises(AttachProblems) as failure:
        Bank.attach(
            _Grouped(),
            spec=BankSpec(targets=("plain", "grouped", "wide", "mirrored", "words", "out_proj", "nope")),
        )
    text = "\n".join(failure.value.problems)
    for fault in (
        "grouped cannot carry LoRA: it is a convolution of 2 groups", "dilation (2, 2)", "padding mode reflect",
        "words is a Embedding", "nn.MultiheadAttention reads its weights", "nope is no layer of the base",
    ):  # fmt: skip
        assert fault in text
    assert "plain " not in text
    whole = Bank.attach(_Grouped(), spec=BankSpec())
    assert list(whole.layout.places) == ["plain"]
    assert "2 groups" in whole.layout.refused["grouped"]


def test_an_empty_target_list_means_every_layer_but_the_head() -> None:
    bank = Bank.attach(parts.lm(), spec=BankSpec(slots=1))
    assert len(bank.layout.places) == 14
    assert "lm_head" in bank.layout.refused


def test_compiled_code_is_not_traced_again_for_another_binding() -> None:
    """What holds under torch.compile: one graph for every binding of a size; base rows stay the base's."""
    model = nn.Sequential(nn.Linear(4, 3))
    bare = _run(model, 2)
    bank = Bank.attach(model, spec=BankSpec(slots=2, max_rank=2, compiled=True))
    graphs: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    fast = torch.compile(model, backend=backend, fullgraph=True, dynamic=False)
    assert torch.equal(_run(fast, 2), bare)
    assert len(graphs) == 1
    shas = [parts.filled(bank, name, value) for name, value in (("one", 0.1), ("two", 0.2))]
    for rows in ([shas[0], ""], [shas[1], shas[0]], ["", ""], [shas[1], shas[1]]):
        with bank.rows(rows):
            found, plain = _run(fast, 2), _run(model, 2)
        assert torch.allclose(found, plain)
        for row, sha in enumerate(rows):
            assert torch.equal(found[row], bare[row]) is (sha == "")
    shas[0] = parts.filled(bank, "three", 0.3)  # another adapter in a used slot
    with bank.rows([shas[0], ""]):
        assert torch.allclose(_run(fast, 2), _run(model, 2))
    assert torch.equal(_run(fast, 2), bare)
    assert len(graphs) == 2
    with bank.rows(["", ""]), pytest.raises(BankBusy), bank.rows(["", ""]):
        pass


def test_a_compiled_language_model_is_one_graph_for_every_binding() -> None:
    model = parts.lm()
    spec = BankSpec(slots=3, max_rank=4, targets=parts.LM_TARGETS, compiled=True)
    bank = Bank.attach(model, spec=spec)
    shas = [parts.filled(bank, str(n), 0.002 * (n + 1)) for n in range(3)]
    graphs: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    fast = torch.compile(model, backend=backend, dynamic=False)
    for rows in ([shas[0], ""], [shas[1], shas[2]], [shas[2]] * 2, ["", ""]):
        with bank.rows(rows):
            assert torch.allclose(parts.run_lm(fast, 2), parts.run_lm(model, 2), atol=1e-6)
    assert len(graphs) == 1


class Slots(RuleBasedStateMachine):
    """Any order of calls: each resident adapter's slot holds its own numbers; what is kept stays."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.bank = parts.small_bank(slots=3)
        self.values: dict[str, float] = {}
        self.pins: set[str] = set()

    @rule(n=st.integers(1, 9))
    def fill(self, n: int) -> None:
        before = _shas(self.bank)
        try:
            self.values[parts.filled(self.bank, str(n), float(n))] = float(n)
        except NoFreeSlot:
            assert len(self.kept()) >= 3
            assert _shas(self.bank) == before
        except Quarantined:
            assert _shas(self.bank) == before

    @rule(data=st.data())
    def pin(self, data: st.DataObject) -> None:
        there = sorted(_shas(self.bank))
        if there:
            self.pins = data.draw(st.sets(st.sampled_from(there), max_size=2))
            self.bank.pin("room", self.pins)

    @rule(data=st.data(), name=st.sampled_from("ab"))
    def publish(self, data: st.DataObject, name: str) -> None:
        there = sorted(_shas(self.bank))
        if there:
            self.bank.publish(name, data.draw(st.sampled_from(there)))

    @rule(name=st.sampled_from("ab"))
    def rollback(self, name: str) -> None:
        self.bank.rollback(name)

    @rule(data=st.data())
    def quarantine(self, data: st.DataObject) -> None:
        there = sorted(_shas(self.bank))
        if there:
            gone = data.draw(st.sampled_from(there))
            self.bank.quarantine(gone)
            self.pins.discard(gone)

    def kept(self) -> set[str]:
        return (
            self.pins
            | {self.bank.live("a"), self.bank.live("b")}
            | {r.sha256 for r in self.bank.resident() if r.pinned}
        ) - {""}

    @invariant()
    def holds(self) -> None:
        there = self.bank.resident()
        assert len({r.slot for r in there}) == len(there)
        assert all(1 <= r.slot <= 3 and r.in_flight == 0 for r in there)
        assert self.kept() <= _shas(self.bank)
        for one in there:
            assert (
                float(self.bank._arena[one.slot].min())
                == float(self.bank._arena[one.slot].max())
                == self.values[one.sha256]
            )
        assert not torch.any(self.bank._arena[0])


TestSlots = Slots.TestCase
TestSlots.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
