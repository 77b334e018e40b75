"""What a layer with a bank adds to its base's output: a forward hook on Linear or Conv2d.

Without a binding, or where all rows are in slot 0, nothing is added: the base's output, bit for bit.
Where all rows share a slot, that slot's matrices are used where they lie. In a mixed batch each row's
matrices are gathered once per binding and multiplied as a batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from services.lora.binding import Binding, Current, Rows
from services.lora.layout import Place


class BankedLayer:
    """The hook of one layer: views of its A and B in every slot of the arena."""

    def __init__(self, place: Place, arena: torch.Tensor, current: Current) -> None:
        self._name = place.module
        self._place = place
        self._current = current
        slots = arena.shape[0]
        self._a_all = arena[:, place.a_span].view(slots, *place.a_shape)
        self._b_all = arena[:, place.b_span].view(slots, *place.b_shape)
        self._pairs = [(self._a_all[slot], self._b_all[slot]) for slot in range(slots)]

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], out: torch.Tensor) -> torch.Tensor | None:
        """Add what the binding's slots add to the base's output; None leaves it as it is."""
        binding = self._current.get()
        if binding is None:
            return None
        x = args[0]
        if binding.blocks:
            a, b = self._from_block(binding, x.shape[0])
        else:
            rows = binding.rows(x.shape[0])
            if rows.only == 0:
                return None
            a, b = self._pairs[rows.only] if rows.only is not None else self._gathered(rows)
        if x.dtype is not a.dtype and not torch.is_autocast_enabled(x.device.type):
            x = x.to(a.dtype)
        if isinstance(layer, nn.Conv2d):
            return _add_conv(layer, x, out, a, b)
        return _add_linear(x, out, a, b)

    def __deepcopy__(self, memo: dict[int, Any]) -> BankedLayer:
        """A copy of the model shares the bank: its slots are not copied."""
        return self

    def _gathered(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        pair = rows.taken.get(self._name)
        if pair is None:
            assert rows.index is not None
            pair = self._a_all.index_select(0, rows.index), self._b_all.index_select(0, rows.index)
            rows.taken[self._name] = pair
        return pair

    def _from_block(self, binding: Binding, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        block = binding.blocks.get(size)
        if block is None:
            binding.rows(size)  # raises with the sizes that fit
            raise AssertionError
        place = self._place
        a = block[:, place.a_span].view(size, *place.a_shape)
        return a, block[:, place.b_span].view(size, *place.b_shape)


def _add_linear(x: torch.Tensor, out: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`x [rows, …, in]`, `out [rows, …, out]`; A and B of one slot, or with a row for each of x's."""
    if a.dim() == 2:
        down = F.linear(x, a)
        if _in_place(out, down, b):
            out.view(-1, out.shape[-1]).addmm_(down.view(-1, down.shape[-1]), b.t())
            return out
        return out + F.linear(down, b).to(out.dtype)
    rows = x.shape[0]
    down = torch.bmm(x.reshape(rows, -1, x.shape[-1]), a.transpose(1, 2))
    if _in_place(out, down, b):
        out.view(rows, -1, out.shape[-1]).baddbmm_(down, b.transpose(1, 2))
        return out
    return out + torch.bmm(down, b.transpose(1, 2)).view(out.shape).to(out.dtype)


def _add_conv(
    layer: nn.Conv2d, x: torch.Tensor, out: torch.Tensor, a: torch.Tensor, b: torch.Tensor
) -> torch.Tensor:
    """`x [rows, in, h, w]`, `out [rows, out, h', w']`; A and B of one slot, or with a row for each."""
    rows = x.shape[0]
    if a.dim() == 4:
        down = F.conv2d(x, a, None, layer.stride, layer.padding)
        b = b.expand(rows, -1, -1)
    elif layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.padding in (0, (0, 0)):
        down = torch.bmm(a.flatten(2).flatten(2), x.flatten(2))
    else:
        wide = x.reshape(1, -1, *x.shape[2:])
        down = F.conv2d(wide, a.flatten(0, 1), None, layer.stride, layer.padding, groups=rows)
    down = down.reshape(rows, -1, out.shape[2] * out.shape[3])
    if _in_place(out, down, b):
        out.view(rows, out.shape[1], -1).baddbmm_(b, down)
        return out
    return out + torch.bmm(b, down).view(out.shape).to(out.dtype)


def _in_place(out: torch.Tensor, down: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether the product may be added into the base's fresh output, which saves a pass over it."""
    return out.dtype is down.dtype and down.dtype is b.dtype and out.is_contiguous()
