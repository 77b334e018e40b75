"""From an adapter's A and B to one vector of the layout: padded, the scale folded into B."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from services.lora.layout import Layout, Place

LARGEST = 100.0


@dataclass(frozen=True)
class Lora:
    """One layer's LoRA: A `[rank, in, …kernel]`, B `[out, rank]` (a convolution's: `[out, rank, 1, 1]`).

    `alpha` is the file's own; None where it leaves it to the card.
    """

    a: torch.Tensor
    b: torch.Tensor
    alpha: float | None = None

    @property
    def rank(self) -> int:
        """How many rows A has."""
        return self.a.shape[0]


@dataclass(frozen=True)
class Packed:
    """An adapter as one vector in main memory, ready to be copied into a slot of its layout."""

    vector: torch.Tensor
    layout: str

    @property
    def bytes(self) -> int:
        """How many bytes a fill copies."""
        return self.vector.numel() * self.vector.element_size()


def shape_problem(place: Place, a: tuple[int, ...], b: tuple[int, ...], max_rank: int) -> str:
    """What is wrong with the shapes of A and B for a layer, or nothing."""
    want = place.a_shape[1:]
    a_in, b_kernel = a[1:], b[2:]
    if place.is_conv and want[1:] == (1, 1) and len(a_in) == 1:
        a_in = (*a_in, 1, 1)
    if not place.is_conv and a_in[1:] == (1, 1):
        a_in = a_in[:1]
    if not a or a_in != want or a[0] < 1:
        return f"A is {list(a)}, not [rank, {', '.join(map(str, want))}]"
    if len(b) < 2 or b[0] != place.b_shape[0] or b_kernel not in ((), (1, 1)):
        return f"B is {list(b)}, not [{place.b_shape[0]}, rank]"
    if b[1] != a[0]:
        return f"A is of rank {a[0]} but B of rank {b[1]}"
    if a[0] > max_rank:
        return f"its rank {a[0]} is over the bank's {max_rank}"
    return ""


def value_problem(lora: Lora, scale: float) -> str:
    """What is wrong with the values of a layer, or nothing."""
    for name, tensor, factor in (("A", lora.a, 1.0), ("B", lora.b, scale)):
        low, high = torch.aminmax(tensor)
        if not (torch.isfinite(low) and torch.isfinite(high)):
            return f"{name} holds values that are not finite"
        if (largest := max(-float(low), float(high)) * factor) > LARGEST:
            return f"{name} reaches {largest:.4g}, over {LARGEST:g}"
    return ""


def pack(loras: Mapping[str, Lora], layout: Layout, scales: Mapping[str, float]) -> Packed:
    """Pack checked layers. Nothing of the given tensors is kept: the vector is a copy.

    Raises:
        ValueError: a layer's shapes do not fit the layout.
    """
    vector = torch.zeros(layout.total, dtype=layout.dtype)
    for module, lora in loras.items():
        place = layout.places[module]
        if problem := shape_problem(place, tuple(lora.a.shape), tuple(lora.b.shape), layout.max_rank):
            raise ValueError(f"{module}: {problem}")
        rank = lora.rank
        a = vector[place.a_span].view(place.a_shape)
        a[:rank].copy_(lora.a.detach().reshape(rank, *place.a_shape[1:]))
        b = vector[place.b_span].view(place.b_shape)
        b[:, :rank].copy_(lora.b.detach().reshape(-1, rank).to(torch.float32) * scales[module])
    return Packed(vector, layout.digest)
