"""Where each layer's A and B lie in a slot: fixed once per base, when the bank is attached.

A slot is one vector of `total` numbers. For each target layer it holds A, padded with zero rows to the
maximum rank, then B with the scale folded in, padded with zero columns. Both begin at a multiple of
`ALIGN` numbers.

AttachProblems    the bank does not fit the model; `problems` has a sentence for each cause
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from services.lora.card import fits

ALIGN = 32


class AttachProblems(Exception):
    """A bank does not fit a model; `problems` has a sentence for each cause, with its mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class BankSpec:
    """How much room adapters get. Slot 0, the bare base, is beside the `slots`.

    `targets` are ends of module paths as peft's `target_modules`; empty means every Linear and Conv2d.
    `skip` is left out in any case. `dtype` and `device` default to those of the first target's weight.
    `compiled` is for models under torch.compile: see `services.lora`.
    """

    slots: int = 8
    max_rank: int = 16
    targets: tuple[str, ...] = ()
    skip: tuple[str, ...] = ("lm_head",)
    dtype: torch.dtype | None = None
    device: torch.device | str | None = None
    compiled: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """One layer's place in a slot. Shapes: A `[rank, in, …kernel]`, B `[out, rank]`."""

    module: str
    is_conv: bool
    a_shape: tuple[int, ...]
    b_shape: tuple[int, int]
    a_at: int
    b_at: int

    @property
    def a_span(self) -> slice:
        """A's numbers in a slot."""
        return slice(self.a_at, self.a_at + math.prod(self.a_shape))

    @property
    def b_span(self) -> slice:
        """B's numbers in a slot."""
        return slice(self.b_at, self.b_at + math.prod(self.b_shape))


@dataclass(frozen=True)
class Layout:
    """Every layer's place, by the module's path (with its model's name before it where there are several).

    `refused` says of the base's other layers why no adapter can be on them.
    """

    places: Mapping[str, Place]
    refused: Mapping[str, str]
    models: tuple[str, ...]
    total: int
    max_rank: int
    dtype: torch.dtype

    @property
    def slot_bytes(self) -> int:
        """What one slot takes, in bytes."""
        return self.total * self.dtype.itemsize

    @cached_property
    def digest(self) -> str:
        """Equal for two layouts exactly when a packed vector fits both."""
        text = repr([(p.module, p.a_shape, p.b_shape, p.a_at, p.b_at) for p in self.places.values()])
        return hashlib.sha256(f"{text} {self.total} {self.dtype}".encode()).hexdigest()


def layers_of(models: nn.Module | Mapping[str, nn.Module]) -> tuple[tuple[str, ...], dict[str, nn.Module]]:
    """The models' names ("" for a single one) and all their modules by full path."""
    named = {"": models} if isinstance(models, nn.Module) else dict(models)
    modules = {
        f"{name}.{path}" if name else path: module
        for name, model in named.items()
        for path, module in model.named_modules()
        if path
    }
    return tuple(named), modules


def layout_of(models: nn.Module | Mapping[str, nn.Module], spec: BankSpec) -> Layout:
    """The layout of a bank over one model, or over several by name.

    Raises:
        AttachProblems: a target is not there, or is a layer that no adapter can be put on.
    """
    names, modules = layers_of(models)
    problems, refused, chosen = [], {}, {}
    used: set[str] = set()
    for path, module in modules.items():
        if not isinstance(module, nn.Linear | nn.Conv2d):
            hit = [t for t in spec.targets if fits(t, path)]
            if hit and not list(module.children()):
                used |= set(hit)
                problems.append(
                    f"target {path} is a {type(module).__name__}: only Linear and Conv2d carry LoRA"
                )
            continue
        hit = [t for t in spec.targets if fits(t, path)]
        used |= set(hit)
        why = _why_not(module)
        if any(fits(one, path) for one in spec.skip):
            refused[path] = "the bank is told to leave it out"
        elif spec.targets and not hit:
            refused[path] = "it is not among the bank's targets"
        elif why:
            refused[path] = why
            if hit:
                problems.append(f"target {path} cannot carry LoRA: {why}; take it out of the targets")
        else:
            chosen[path] = module
    problems += [f"target {t} is no layer of the base; correct it" for t in spec.targets if t not in used]
    if not chosen:
        problems.append("no layer of the base is a target; give targets as ends of module paths")
    if spec.slots < 1 or spec.max_rank < 1:
        problems.append(f"slots {spec.slots} and max_rank {spec.max_rank} must be at least 1")
    dtype = spec.dtype or next((m.weight.dtype for m in chosen.values()), torch.float32)
    if not dtype.is_floating_point or dtype.itemsize < 2:
        problems.append(f"weights are {dtype}; give the bank's dtype: float32, bfloat16 or float16")
    if problems:
        raise AttachProblems(problems)
    places, total = _place(chosen, spec.max_rank)
    return Layout(places, refused, names, total, spec.max_rank, dtype)


def _why_not(layer: nn.Linear | nn.Conv2d) -> str:
    """Why a layer cannot carry an adapter, or nothing."""
    if isinstance(layer, nn.modules.linear.NonDynamicallyQuantizableLinear):
        return "nn.MultiheadAttention reads its weights without calling it"
    if isinstance(layer, nn.Conv2d):
        if layer.groups != 1:
            return f"it is a convolution of {layer.groups} groups"
        if layer.dilation not in (1, (1, 1)):
            return f"it is a convolution of dilation {layer.dilation}"
        if layer.padding_mode != "zeros":
            return f"it is a convolution of padding mode {layer.padding_mode}"
    return ""


def _place(chosen: Mapping[str, nn.Linear | nn.Conv2d], rank: int) -> tuple[dict[str, Place], int]:
    places, at = {}, 0
    for path, layer in chosen.items():
        if isinstance(layer, nn.Conv2d):
            a_shape: tuple[int, ...] = (rank, layer.in_channels, *layer.kernel_size)
            out = layer.out_channels
        else:
            a_shape, out = (rank, layer.in_features), layer.out_features
        b_at = at + _aligned(math.prod(a_shape))
        places[path] = Place(
            module=path, is_conv=isinstance(layer, nn.Conv2d), a_shape=a_shape, b_shape=(out, rank),
            a_at=at, b_at=b_at,
        )  # fmt: skip
        at = b_at + _aligned(out * rank)
    return places, at


def _aligned(count: int) -> int:
    return -(-count // ALIGN) * ALIGN
