"""The bank over a vision base: an adapter is checked, put into a slot, and proved by a small forward.

Only the thread that owns forwards calls `admit`; `check` may run anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

import torch
from torch import nn

from services import wire
from services.lora import Bank, BankSpec, StagedAdapter, StagingFailed, base_sha256, stage_folder
from services.lora.card import fits
from services.lora.errors import BankError
from services.lora.layout import AttachProblems
from services.model_directory import TEXT_TARGETS, UNET_TARGETS
from services.vision.painter import Painter, PaintFailed

LEAST_EFFECT = 1e-5  # of the base's output: an adapter that changes less than this changes nothing
MOST_EFFECT = 50.0  # times the base's output: such an adapter breaks any picture


class Adapters:
    """What is resident beside a base, and the base's own figures."""

    def __init__(self, painter: Painter, bank: Bank, *, base: str, device: str, base_bytes: int) -> None:
        self._painter, self._bank = painter, bank
        self._ids: dict[str, str] = {}
        self.base_sha256, self.device, self.base_bytes = base, device, base_bytes
        self.slots = bank.spec.slots
        self.slot_bytes = bank.slot_bytes

    @classmethod
    def attach(cls, painter: Painter, base: Path, *, slots: int, max_rank: int) -> Self:
        """Put a bank on a painter's UNet and text encoders. One of `slots` is the bare base's.

        Raises:
            PaintFailed: the base has no layer that adapters go on, or no weights.
        """
        modules = painter.modules()
        first = next(next(iter(modules.values())).parameters())
        spec = BankSpec(slots=max(1, slots - 1), max_rank=max_rank, targets=_targets(modules))
        try:
            bank = Bank.attach(modules, spec=spec)
            name = base_sha256(base)
        except AttachProblems as error:
            raise PaintFailed(f"{base}: {error}", "name a base of Stable Diffusion's kind") from error
        except OSError as error:
            raise PaintFailed(f"{base}: {error}", "restore the base's weights") from error
        size = sum(p.numel() * p.element_size() for part in modules.values() for p in part.parameters())
        return cls(painter, bank, base=name, device=str(first.device), base_bytes=size)

    def rows(self, adapters: list[str], pictures: int, guided: bool) -> AbstractContextManager[object]:
        """The binding for a forward; see `painter.Rows`."""
        return self._bank.rows(adapters, images_per_prompt=pictures, guidance=guided)

    def check(self, folder: Path) -> StagedAdapter | tuple[str, ...]:
        """Everything that can be known of an adapter without the base: it packed, or every error."""
        try:
            return stage_folder(folder, self._bank.layout, base_sha256=self.base_sha256, kind="visual")
        except StagingFailed as error:
            return error.errors

    def admit(self, name: str, staged: StagedAdapter) -> tuple[bool, tuple[str, ...]]:
        """Fill a slot and prove it: whether it was there already, and every error.

        An adapter that breaks the forward is quarantined: no request can name it any more.
        """
        sha = staged.sha256
        already = any(one.sha256 == sha for one in self._bank.resident())
        try:
            self._bank.fill(staged.packed, sha256=sha)
            if not already and (fault := self._canary(sha)):
                self._bank.quarantine(sha)
                return False, (f"{name} {fault}; train it again",)
        except BankError as error:
            return already, (f"{name}: {error}",)
        self._ids[sha] = name
        return already, ()

    def _canary(self, sha: str) -> str:
        """What is wrong with the forward of an adapter, or nothing."""
        bare, worn = self._painter.canary(["", sha], self.rows)
        if not torch.isfinite(worn).all():
            return "makes the base's output overflow"
        power = float(bare.norm())
        effect = float((worn - bare).norm()) / max(power, 1e-9)
        if effect < LEAST_EFFECT:
            return f"changes nothing (its effect is {effect:.1e} of the output)"
        if effect > MOST_EFFECT:
            return f"drowns the base (its effect is {effect:.0f} times the output)"
        return ""

    def pin(self, room: str, adapters: tuple[str, ...]) -> None:
        """Keep these from eviction for a room."""
        self._bank.pin(room, frozenset(adapters))

    def has(self, sha: str) -> bool:
        """Whether a request may name this adapter now."""
        return not sha or any(one.sha256 == sha for one in self._bank.resident())

    def resident(self) -> tuple[wire.Resident, ...]:
        """What is in the slots."""
        return tuple(
            wire.Resident(
                adapter=self._ids.get(one.sha256, ""), sha256=one.sha256, slot=one.slot, pinned=one.pinned
            )
            for one in self._bank.resident()
        )

    def quarantined(self) -> tuple[str, ...]:
        """Contents that are never used again."""
        return tuple(sorted(self._bank.quarantined))


def _targets(modules: Mapping[str, nn.Module]) -> tuple[str, ...]:
    """The usual targets that this base has."""
    layers = [
        f"{part}.{path}"
        for part, model in modules.items()
        for path, layer in model.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    wanted = dict.fromkeys((*UNET_TARGETS, *TEXT_TARGETS))
    return tuple(one for one in wanted if any(fits(one, path) for path in layers))
