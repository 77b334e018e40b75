"""What a layer adds, for any shape, stride and padding: base + B·A·x, row by row."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from services.lora import Bank, BankSpec
from services.lora.packing import Lora, pack
from tests.unit import lora_parts as parts  # noqa: F401 (one thread)

RANK = 3


def _fill(bank: Bank, ranks: list[int]) -> tuple[list[str], list[Lora]]:
    [(name, place)] = bank.layout.places.items()
    shas, loras = [], []
    for number, rank in enumerate(ranks):
        g = torch.Generator().manual_seed(number)
        kernel = (1, 1) if place.is_conv else ()
        a = torch.randn(rank, *place.a_shape[1:], generator=g)
        b = torch.randn(place.b_shape[0], rank, *kernel, generator=g)
        bank.fill(pack({name: Lora(a, b)}, bank.layout, {name: 0.5}), sha256=str(number))
        shas.append(str(number))
        loras.append(Lora(a, b))
    return shas, loras


def _check(layer: nn.Module, x: torch.Tensor, picks: list[int], ranks: list[int], delta: Any) -> None:
    model = nn.Sequential(layer).eval()
    bank = Bank.attach(model, spec=BankSpec(slots=len(ranks), max_rank=RANK))
    shas, loras = _fill(bank, ranks)
    with torch.no_grad():
        base = layer(x).clone()
        names = [shas[pick] if pick < len(shas) else "" for pick in picks]
        with bank.rows(names):
            found = model(x)
        for row, pick in enumerate(picks):
            wanted = base[row]
            if pick < len(shas):
                wanted = wanted + 0.5 * delta(x[row : row + 1], loras[pick])[0]
            assert torch.allclose(found[row], wanted, atol=1e-4, rtol=1e-4)


ROWS = st.lists(st.integers(0, 2), min_size=1, max_size=4)  # 2 is the base
RANKS = st.lists(st.integers(1, RANK), min_size=2, max_size=2)


@settings(max_examples=60, deadline=None)
@given(picks=ROWS, ranks=RANKS, sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)), bias=st.booleans(),
       middle=st.lists(st.integers(1, 3), max_size=2), turned=st.booleans())  # fmt: skip
def test_linear(
    picks: list[int], ranks: list[int], sizes: tuple[int, int], bias: bool, middle: list[int], turned: bool
) -> None:
    torch.manual_seed(0)
    x = torch.randn(len(picks), *middle, sizes[0])
    if turned:  # not contiguous
        x = torch.randn(sizes[0], *reversed(middle), len(picks)).permute(*range(x.dim() - 1, -1, -1))
    layer = nn.Linear(*sizes, bias=bias)
    _check(layer, x, picks, ranks, lambda row, lora: F.linear(F.linear(row, lora.a), lora.b))


@settings(max_examples=60, deadline=None)
@given(picks=ROWS, ranks=RANKS, channels=st.tuples(st.integers(1, 5), st.integers(1, 5)), bias=st.booleans(),
       kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)), stride=st.integers(1, 3),
       padding=st.sampled_from([0, 1, (2, 0), "same", "valid"]), last=st.booleans())  # fmt: skip
def test_conv(picks: list[int], ranks: list[int], channels: tuple[int, int], bias: bool, kernel: tuple[int, int],
              stride: int, padding: Any, last: bool) -> None:  # fmt: skip
    torch.manual_seed(0)
    if padding == "same":
        stride, kernel = 1, (3, 1)  # torch warns of even kernels
    layer = nn.Conv2d(*channels, kernel, stride=stride, padding=padding, bias=bias)
    x = torch.randn(len(picks), channels[0], 7, 6)
    if last:
        x = x.to(memory_format=torch.channels_last)

    def delta(row: torch.Tensor, lora: Lora) -> torch.Tensor:
        return F.conv2d(F.conv2d(row, lora.a, stride=stride, padding=padding), lora.b)

    _check(layer, x, picks, ranks, delta)
