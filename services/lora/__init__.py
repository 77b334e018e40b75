"""LoRA adapters beside a shared base: card, formats, staging, and the bank. For engines:

    from services.lora import Bank, BankSpec, base_sha256, stage_folder, StagingFailed

    bank = Bank.attach(model, spec=BankSpec(slots=8, max_rank=16, targets=("q_proj", "v_proj")))
    bank = Bank.attach({"unet": unet, "text_encoder": te}, spec=…)   # paths are then unet.…, text_encoder.…
    staged = stage_folder(folder, bank.layout, base_sha256=base_sha256(base), kind="language")
    bank.fill(staged.packed, sha256=staged.sha256)
    with bank.rows([staged.sha256, ""]):            # row 0 with the adapter, row 1 the bare base
        model(ids)                                  # a batch of 2
    with bank.rows([sha], images_per_prompt=2, guidance=True):
        pipeline(prompt=[…], num_images_per_prompt=2, guidance_scale=5)

What to know:
- Attach once the models are on their device and in their dtype. The arena holds `slots` + 1 vectors.
- An adapter is its SHA-256 (of adapter.safetensors); "" is the bare base, exactly.
- `stage_folder` reads, checks, and packs on the CPU and may run in any thread. `fill` may run while
  forwards run: it only ever writes a slot that nothing uses. Order: stage, fill, canary forward (finite,
  differs from the base; on failure `bank.quarantine(sha)`), then announce it.
- A binding belongs to the thread (or task) that entered `rows`: enter it in the thread that runs the
  forward. Adapters that a binding names cannot be evicted while it lasts. It holds for a whole
  generation: keep one binding from the prompt to the last token.
- A batch whose size does not fit the binding raises RowsMismatch; name every row. When rows leave a
  batch, bind the rest anew. Rows of a decoder-only LM: N; `num_return_sequences` or beams count as
  `images_per_prompt`.
- `bank.pin(room, {shas})` keeps adapters from eviction (on air, previous, next); it replaces the owner's
  last pins. `publish(name, sha)`, `live(name)`, `rollback(name)` keep a named reference, pinned with the
  one before it. `resident()` and `quarantined` say what there is; `slot_bytes`, `arena_bytes` what it takes.
- Whatever depends on an adapter (answers, keys and values, looks) is cached by its SHA-256, never by a name.
- `layout_of(model, spec).slot_bytes` says what a slot takes with no bank (a model on "meta" will do).
- Trainers: `write_adapter(folder, loras, card, format=…)` writes both files of an adapter; or save peft's
  own keys as adapter.safetensors and `write_card` with that file's hash. The card's `target_modules` must
  all be in the file: list what was trained, no more.
- `base_sha256(folder)` is the base's name in cards; trainers and engines both use it.
- `read_card`, `write_card`, `Card`, `read_consent`, `base_sha256` need no torch.
- torch.compile: attach with `BankSpec(compiled=True)`. Then one binding at a time, every batch takes the
  mixed path, and another binding of the same size does not retrace.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.lora.bank import Bank, InSlot
    from services.lora.base_hash import base_sha256
    from services.lora.card import Base, Card, CardProblems, Consent, read_card, read_consent, write_card
    from services.lora.errors import (
        BankBusy,
        BankError,
        BindingEnded,
        LayoutMismatch,
        NoFreeSlot,
        NotResident,
        Quarantined,
        RowsMismatch,
    )
    from services.lora.formats import FormatProblems, read_loras, write_adapter
    from services.lora.layout import AttachProblems, BankSpec, Layout, layout_of
    from services.lora.names import Format
    from services.lora.packing import Lora, Packed
    from services.lora.staging import StagedAdapter, StagingFailed, stage_folder

_HOME = {
    "bank": ("Bank", "InSlot"),
    "base_hash": ("base_sha256",),
    "card": ("Base", "Card", "CardProblems", "Consent", "read_card", "read_consent", "write_card"),
    "errors": (
        "BankBusy", "BankError", "BindingEnded", "LayoutMismatch", "NoFreeSlot", "NotResident",
        "Quarantined", "RowsMismatch",
    ),
    "formats": ("FormatProblems", "read_loras", "write_adapter"),
    "layout": ("AttachProblems", "BankSpec", "Layout", "layout_of"),
    "names": ("Format",),
    "packing": ("Lora", "Packed"),
    "staging": ("StagedAdapter", "StagingFailed", "stage_folder"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AttachProblems", "Bank", "BankBusy", "BankError", "BankSpec", "Base", "BindingEnded", "Card",
    "CardProblems", "Consent", "Format", "FormatProblems", "InSlot", "Layout", "LayoutMismatch",
    "Lora", "NoFreeSlot", "NotResident", "Packed", "Quarantined", "RowsMismatch", "StagedAdapter",
    "StagingFailed", "base_sha256", "layout_of", "read_card", "read_consent",
    "read_loras", "stage_folder", "write_adapter", "write_card",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a part when it is first used: reading a card needs no torch."""
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"services.lora.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
