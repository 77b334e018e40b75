"""Which slot each row of a batch takes, for the forwards inside one `with bank.rows(…)`.

A binding never changes once it is made, so a forward sees one state of things from its first layer to
its last. What each layer needs is gathered once per binding, when the layer is first reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Protocol

import torch

from services.lora.errors import BindingEnded, RowsMismatch


class Rows:
    """The slots of a batch of one size, in the order of its rows.

    `only` is the slot that all rows share, None for a mixed batch. `taken` keeps what layers gathered.
    """

    __slots__ = ("index", "only", "slots", "taken")

    def __init__(self, slots: tuple[int, ...], device: torch.device) -> None:
        self.slots = slots
        self.only = slots[0] if len(set(slots)) == 1 else None
        self.index = torch.tensor(slots, device=device) if self.only is None else None
        self.taken: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}


class Binding:
    """Rows for every batch size that the forwards inside may have.

    For N given rows these are N (text encoders), N·pictures (each row repeated in place) and, with
    guidance, twice that (all rows without the prompt, then all rows with it), as diffusers lays them.
    """

    __slots__ = ("_by_size", "blocks", "ended", "slots")

    def __init__(
        self, slots: Sequence[int], *, images_per_prompt: int, guidance: bool, device: torch.device
    ) -> None:
        self.slots = frozenset(slots)
        self.ended = False
        self.blocks: dict[int, torch.Tensor] = {}
        plain = tuple(slots)
        repeated = tuple(slot for slot in slots for _ in range(images_per_prompt))
        sizes = {plain, repeated, *((repeated * 2,) if guidance else ())}
        self._by_size = {len(rows): Rows(rows, device) for rows in sizes}

    def rows(self, size: int) -> Rows:
        """The rows of a batch of `size`.

        Raises:
            RowsMismatch: the binding was made for other sizes.
            BindingEnded: its `with` block is over.
        """
        if self.ended:
            raise BindingEnded("a forward runs after its `with bank.rows(…)` ended; run it inside")
        rows = self._by_size.get(size)
        if rows is None:
            fit = " or ".join(map(str, sorted(self._by_size)))
            raise RowsMismatch(
                f"a batch of {size} rows meets a binding for {fit}; name each row's adapter in bank.rows, "
                f"and give it images_per_prompt and guidance as the pipeline has them"
            )
        return rows

    def gather(self, arena: torch.Tensor) -> None:
        """Take every batch size's slots at once, one block each: what compiled code reads."""
        for size, rows in self._by_size.items():
            index = torch.tensor(rows.slots, device=arena.device)
            self.blocks[size] = arena.index_select(0, index)


class Current(Protocol):
    """Where layers find the binding of the forward that runs."""

    def get(self) -> Binding | None:
        """It, or None where the bare base runs."""
        ...


def context_current() -> ContextVar[Binding | None]:
    """A binding for each thread or task of its own."""
    return ContextVar("binding", default=None)


class PlainCurrent:
    """One binding for all threads, in an attribute, which torch.compile can trace."""

    __slots__ = ("binding",)

    def __init__(self) -> None:
        self.binding: Binding | None = None

    def get(self) -> Binding | None:
        """It, or None where the bare base runs."""
        return self.binding
