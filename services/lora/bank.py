"""The bank: adapters beside a base that is loaded once, a slot for each, picked by row.

`attach` hooks the base's Linear and Conv2d layers; `fill` copies a staged adapter into a slot that
nothing uses; `rows` binds a batch's rows to slots for the forwards inside it. No parameter of the base
is touched, and what is live changes by one reference.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import nn

from services.lora.binding import Binding, PlainCurrent, context_current
from services.lora.errors import (
    BankBusy,
    BankError,
    LayoutMismatch,
    NoFreeSlot,
    NotResident,
    Quarantined,
)
from services.lora.layers import BankedLayer
from services.lora.layout import BankSpec, Layout, layers_of, layout_of
from services.lora.packing import Packed

BASE = ""


@dataclass(frozen=True)
class InSlot:
    """An adapter that is resident: its content's hash, its slot, and whether it may be evicted."""

    sha256: str
    slot: int
    pinned: bool
    in_flight: int


@dataclass(frozen=True)
class Live:
    """What a name speaks with now, and before. "" is the bare base."""

    current: str = BASE
    previous: str = BASE


class Bank:
    """Slots of adapters on one base. Every method may be called from any thread."""

    def __init__(self, models: nn.Module | Mapping[str, nn.Module], layout: Layout, spec: BankSpec) -> None:
        """Use `attach`."""
        self.layout = layout
        self.spec = spec
        modules = layers_of(models)[1]
        first = next(modules[module] for module in layout.places)
        device = torch.device(spec.device) if spec.device is not None else next(first.parameters()).device
        with torch.inference_mode(False):  # slots are filled outside of it
            self._arena = torch.zeros(spec.slots + 1, layout.total, dtype=layout.dtype, device=device)
        self._current: ContextVar[Binding | None] | PlainCurrent = (
            PlainCurrent() if spec.compiled else context_current()
        )
        self._lock = threading.RLock()  # short: bookkeeping only
        self._filling = threading.Lock()  # one fill at a time
        self._slot_of: dict[str, int] = {BASE: 0}
        self._sha_of: list[str | None] = [BASE] + [None] * spec.slots
        self._in_flight = [0] * (spec.slots + 1)
        self._used = [0] * (spec.slots + 1)
        self._ticks = itertools.count(1)
        self._pins: dict[str, frozenset[str]] = {}
        self._live: dict[str, Live] = {}
        self._quarantined: set[str] = set()
        self._hooks = [
            modules[module].register_forward_hook(BankedLayer(place, self._arena, self._current))
            for module, place in layout.places.items()
        ]

    @classmethod
    def attach(cls, models: nn.Module | Mapping[str, nn.Module], *, spec: BankSpec) -> Bank:
        """Put a bank on a model, or on several by name (`{"unet": …, "text_encoder": …}`).

        The models must already be on their device. Their parameters and state dicts stay as they are.

        Raises:
            AttachProblems: a target is not there, or is a layer that no adapter can be put on.
        """
        return cls(models, layout_of(models, spec), spec)

    @property
    def slot_bytes(self) -> int:
        """What one slot takes, in bytes."""
        return self.layout.slot_bytes

    @property
    def arena_bytes(self) -> int:
        """What all slots take, the base's empty one included, in bytes."""
        return self._arena.numel() * self._arena.element_size()

    # ---- filling ----------------------------------------------------------------------------------

    def fill(self, packed: Packed, *, sha256: str) -> int:
        """Copy a staged adapter into a slot and return it; one that is resident already is left there.

        Evicts the adapter that was longest unused; never one that is pinned, live, or in flight.

        Raises:
            NoFreeSlot: every slot is needed.
            Quarantined: the adapter was quarantined.
            LayoutMismatch: it was staged for another bank.
        """
        if packed.layout != self.layout.digest:
            raise LayoutMismatch("the adapter was staged for another bank's layout; stage it for this one")
        with self._filling:
            with self._lock:
                self._refuse_quarantined(sha256)
                if sha256 in self._slot_of:
                    self._used[self._slot_of[sha256]] = next(self._ticks)
                    return self._slot_of[sha256]
                slot = self._evictable()
                gone = self._sha_of[slot]
                if gone is not None:
                    del self._slot_of[gone]
                    self._sha_of[slot] = None
            self._copy(packed.vector, slot, reused=self._used[slot] > 0)
            with self._lock:
                self._refuse_quarantined(sha256)  # it may have been meanwhile
                self._slot_of[sha256] = slot
                self._sha_of[slot] = sha256
                self._used[slot] = next(self._ticks)
        return slot

    def _evictable(self) -> int:
        pinned = self._pinned()
        free = [
            slot
            for slot in range(1, len(self._sha_of))
            if not self._in_flight[slot] and self._sha_of[slot] not in pinned
        ]
        if not free:
            raise NoFreeSlot(
                f"all {self.spec.slots} slots are on air, next, or in use; give the bank more slots "
                f"({self.slot_bytes} bytes each)"
            )
        return min(free, key=lambda slot: (self._sha_of[slot] is not None, self._used[slot]))

    def _copy(self, vector: torch.Tensor, slot: int, *, reused: bool) -> None:
        if self._arena.is_cuda and reused:
            torch.cuda.synchronize(self._arena.device)  # a forward that was left may still be queued
        self._arena[slot].copy_(vector)
        if self._arena.is_cuda:
            torch.cuda.current_stream(self._arena.device).synchronize()

    # ---- forwards ---------------------------------------------------------------------------------

    @contextmanager
    def rows(
        self, adapters: Sequence[str], *, images_per_prompt: int = 1, guidance: bool = False
    ) -> Iterator[Binding]:
        """Bind a batch's rows to adapters (hashes; "" is the base) for the forwards inside the block.

        Run the forwards in the thread that made the binding. Row *n* of the batch takes `adapters[n]`,
        also where diffusers repeats rows (`images_per_prompt`) and doubles them (`guidance`).

        Raises:
            NotResident: an adapter is in no slot.
            Quarantined: an adapter was quarantined.
            BankBusy: the bank is `compiled` and another thread's binding is in force.
        """
        binding = self._bind(adapters, images_per_prompt=images_per_prompt, guidance=guidance)
        try:
            if isinstance(self._current, PlainCurrent):
                binding.gather(self._arena)
                self._current.binding = binding
                yield binding
            else:
                token = self._current.set(binding)
                try:
                    yield binding
                finally:
                    self._current.reset(token)
        finally:
            self._unbind(binding)

    def _bind(self, adapters: Sequence[str], *, images_per_prompt: int, guidance: bool) -> Binding:
        if not adapters or images_per_prompt < 1:
            raise ValueError("name at least one row's adapter, and at least one picture a prompt")
        with self._lock:
            if not self._hooks:
                raise BankError("the bank was detached; attach a new one")
            if isinstance(self._current, PlainCurrent) and self._current.binding is not None:
                raise BankBusy("a compiled bank takes one binding at a time; wait for the other to end")
            slots = [self._slot(sha256) for sha256 in adapters]
            binding = Binding(
                slots, images_per_prompt=images_per_prompt, guidance=guidance, device=self._arena.device
            )
            tick = next(self._ticks)
            for slot in binding.slots:
                self._in_flight[slot] += 1
                self._used[slot] = tick
            if isinstance(self._current, PlainCurrent):
                self._current.binding = binding
        return binding

    def _unbind(self, binding: Binding) -> None:
        with self._lock:
            binding.ended = True
            if isinstance(self._current, PlainCurrent):
                self._current.binding = None
            for slot in binding.slots:
                self._in_flight[slot] -= 1
            self._drop_quarantined()

    def _slot(self, sha256: str) -> int:
        self._refuse_quarantined(sha256)
        slot = self._slot_of.get(sha256)
        if slot is None:
            raise NotResident(f"adapter {sha256[:12]} is in no slot; stage and fill it first")
        return slot

    # ---- what is kept, what is live -----------------------------------------------------------------

    def pin(self, owner: str, adapters: Collection[str]) -> None:
        """Keep these adapters from being evicted; replaces the owner's last pins (none: forget it)."""
        with self._lock:
            self._pins[owner] = frozenset(adapters)
            if not adapters:
                del self._pins[owner]

    def publish(self, name: str, sha256: str) -> None:
        """Make an adapter what `name` is live with, by one reference; the one before is kept.

        Raises:
            NotResident: it is in no slot.
            Quarantined: it was quarantined.
        """
        with self._lock:
            self._slot(sha256)
            before = self._live.get(name, Live()).current
            self._live[name] = Live(sha256, before)

    def live(self, name: str) -> str:
        """What a name is live with; "" (the base) where nothing was published."""
        return self._live.get(name, Live()).current

    def rollback(self, name: str) -> str:
        """Go back to what the name was live with before; returns it."""
        with self._lock:
            now = self._live.get(name, Live())
            self._live[name] = Live(now.previous, now.previous)
            return now.previous

    def quarantine(self, sha256: str) -> tuple[str, ...]:
        """Never use this content again; returns the names that were live with it and were rolled back.

        Forwards that already use it end undisturbed.
        """
        with self._lock:
            if sha256 == BASE:
                raise ValueError("the base cannot be quarantined")
            self._quarantined.add(sha256)
            rolled = []
            for name, now in list(self._live.items()):
                previous = BASE if now.previous == sha256 else now.previous
                if now.current == sha256:
                    rolled.append(name)
                    self._live[name] = Live(previous, previous)
                else:
                    self._live[name] = Live(now.current, previous)
            self._drop_quarantined()
            return tuple(rolled)

    @property
    def quarantined(self) -> frozenset[str]:
        """The contents that are never used again."""
        with self._lock:
            return frozenset(self._quarantined)

    def resident(self) -> tuple[InSlot, ...]:
        """The adapters in slots, by slot; the base is not among them."""
        with self._lock:
            pinned = self._pinned()
            return tuple(
                InSlot(sha256, slot, sha256 in pinned, self._in_flight[slot])
                for slot, sha256 in enumerate(self._sha_of)
                if sha256
            )

    def detach(self) -> None:
        """Take the hooks off: the models are as they were before.

        Raises:
            BankBusy: a forward uses the bank.
        """
        with self._lock:
            if any(self._in_flight):
                raise BankBusy("a forward uses the bank; detach once it is over")
            for hook in self._hooks:
                hook.remove()
            self._hooks.clear()

    def _pinned(self) -> set[str]:
        live = {sha for now in self._live.values() for sha in (now.current, now.previous)}
        return live.union(*self._pins.values())

    def _refuse_quarantined(self, sha256: str) -> None:
        if sha256 in self._quarantined:
            raise Quarantined(f"adapter {sha256[:12]} was quarantined; stage a new version")

    def _drop_quarantined(self) -> None:
        for sha256 in self._quarantined & self._slot_of.keys():
            slot = self._slot_of[sha256]
            if not self._in_flight[slot]:
                del self._slot_of[sha256]
                self._sha_of[slot] = None
