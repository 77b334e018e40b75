"""The language engine with a base in this process: bank, staging, decoding, caches.

Who may touch what: the socket's loop answers messages; staging reads and checks files in a thread;
the owner's thread alone runs forwards, fills the bank and tries adapters (canary).
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Literal

import torch

from services import wire
from services.engine import EngineSettings, rss_bytes
from services.language.answer_cache import AnswerCache
from services.language.generation import Decoder
from services.language.loading import PACKAGED, Base, BaseUnusable, load_base
from services.language.owner import Job, Owner
from services.lora import Bank, BankSpec, NoFreeSlot, StagedAdapter, StagingFailed, stage_folder
from services.model_directory import LANGUAGE_TARGETS

log = logging.getLogger(__name__)

CANARY = ("", "今天有什么好东西？")
IN_FLIGHT = "in flight"


class Shelf:
    """The bank as the owner's thread works it, and copies of what others may know of it."""

    def __init__(self, bank: Bank, decoder: Decoder, canary: list[int]) -> None:
        self._bank = bank
        self._decoder = decoder
        self._canary = canary
        self._bare = decoder.logits(canary, "")
        self._names: dict[str, str] = {}
        self.seen: tuple[wire.Resident, ...] = ()
        self.quarantined: tuple[str, ...] = ()

    def holds(self, sha256: str) -> bool:
        """Whether an adapter is resident; the bare base always is."""
        return not sha256 or any(one.sha256 == sha256 for one in self.seen)

    def in_flight(self, adapters: set[str]) -> None:
        """Keep what running rows use."""
        self._bank.pin(IN_FLIGHT, adapters)

    def pin(self, room: str, adapters: tuple[str, ...]) -> None:
        """Keep what a room needs."""
        self._bank.pin(room, set(adapters))
        self._look()

    def put(self, adapter: str, staged: StagedAdapter) -> tuple[str, ...]:
        """Fill a slot with a checked adapter and try it; returns what is wrong with it."""
        sha256 = staged.sha256
        self._names[sha256] = adapter
        if not self.holds(sha256):
            try:
                self._bank.fill(staged.packed, sha256=sha256)
            except NoFreeSlot as error:
                return (str(error),)
            fault = self._try(sha256)
            if fault:
                self._bank.quarantine(sha256)
                self._look()
                return (f"{adapter}: {fault}",)
        self._look()
        return ()

    def _try(self, sha256: str) -> str:
        """What a forward with the adapter shows to be wrong; empty when it is sound."""
        logits = self._decoder.logits(self._canary, sha256)
        if not torch.isfinite(logits).all():
            return "a trial forward gives numbers that are not finite; train it again at a lower rate"
        if torch.equal(logits, self._bare):
            return "a trial forward gives the bare base's numbers; it has no effect: train it again"
        return ""

    def _look(self) -> None:
        self.seen = tuple(
            wire.Resident(
                adapter=self._names.get(one.sha256, ""),
                sha256=one.sha256,
                slot=one.slot,
                pinned=one.pinned or one.in_flight > 0,
            )
            for one in self._bank.resident()
        )
        self.quarantined = tuple(sorted(self._bank.quarantined))


class LanguageEngine:
    """Serves one base. A base that cannot be loaded leaves the engine up, with the mend in its state."""

    role: Literal["language", "vision"] = "language"

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._folder = Path(settings.base) if settings.base else PACKAGED
        self._cache = AnswerCache()
        self._loaded = asyncio.Event()  # set too when loading failed
        self._fault: BaseUnusable | None = None
        self._base: Base | None = None
        self._bank: Bank | None = None
        self._shelf: Shelf | None = None
        self._owner: Owner | None = None
        self._cached = 0

    async def start(self) -> None:
        """Load the base and make the bank; see `state` for how it went."""
        try:
            await asyncio.to_thread(self._load)
        except BaseUnusable as fault:
            log.error("%s", fault)
            self._fault = fault
        except Exception as error:
            log.exception("the base was not loaded")
            self._fault = BaseUnusable(
                f"{self._folder}: {type(error).__name__}: {error}", "see the engine's log"
            )
        self._loaded.set()

    def _load(self) -> None:
        settings = self._settings
        base = load_base(self._folder, device=settings.device, dtype=settings.dtype, threads=settings.threads)
        # One of the slots that are asked for is the bare base's.
        spec = BankSpec(
            slots=max(1, settings.slots - 1), max_rank=settings.max_rank, targets=LANGUAGE_TARGETS
        )
        bank = Bank.attach(base.model, spec=spec)
        decoder = Decoder(base, bank.rows)
        self._shelf = Shelf(bank, decoder, base.prompt(*CANARY))
        self._owner = Owner(base, decoder, self._shelf)
        self._base, self._bank = base, bank

    async def handle(self, message: wire.AnyMessage) -> wire.Message | None:
        """Answer a request."""
        match message:
            case wire.Stage():
                return await self._stage(message)
            case wire.Pin():
                await self._pin(message)
            case wire.Generate():
                return await self._generate(message)
            case wire.CancelBelow() if self._owner is not None:
                self._owner.cancel_below(message.room, message.generation)
            case _:
                pass
        return None

    async def _stage(self, message: wire.Stage) -> wire.Staged:
        began = time.monotonic()
        await self._loaded.wait()
        if self._fault is not None:
            return _staged(message, began, errors=(str(self._fault),))
        base, bank, shelf, owner = self._base, self._bank, self._shelf, self._owner
        assert base and bank and shelf and owner
        try:
            staged = await asyncio.to_thread(
                stage_folder, Path(message.folder), bank.layout, base_sha256=base.sha256, kind="language"
            )
        except StagingFailed as failed:
            return _staged(message, began, errors=tuple(failed.errors))
        if staged.sha256 in shelf.quarantined:
            error = f"{message.adapter} was found faulty before and is quarantined; train it again"
            return _staged(message, began, errors=(error,))
        already = shelf.holds(staged.sha256)
        errors = await asyncio.wrap_future(owner.call(lambda: shelf.put(message.adapter, staged)))
        return _staged(message, began, sha256=staged.sha256, already=already, errors=errors)

    async def _pin(self, message: wire.Pin) -> None:
        await self._loaded.wait()
        shelf, owner = self._shelf, self._owner
        if shelf is not None and owner is not None:
            await asyncio.wrap_future(owner.call(lambda: shelf.pin(message.room, message.adapters)))

    async def _generate(self, message: wire.Generate) -> wire.Generated:
        owner, shelf = self._owner, self._shelf
        if owner is None or shelf is None:
            error = str(self._fault) if self._fault else "the base is still loading"
            return wire.Generated(
                request=message.request, adapter=message.adapter, finish="error", error=error
            )
        kept = self._cache.get(message) if shelf.holds(message.adapter) else None
        if kept is not None:
            self._cached += 1
            return wire.Generated(
                request=message.request, text=kept.text, adapter=kept.adapter, tokens=kept.tokens
            )
        job = Job(message)
        answering: Future[wire.Generated] = owner.submit(job)
        try:
            answer = await asyncio.wrap_future(answering)
        except asyncio.CancelledError:
            job.cancelled = True
            raise
        self._cache.put(message, answer)
        return answer

    def state(self) -> wire.EngineState:
        """The figures of this moment."""
        base, bank, shelf, owner, fault = self._base, self._bank, self._shelf, self._owner, self._fault
        return wire.EngineState(
            kind="language",
            ready=owner is not None,
            error=fault.cause if fault else "",
            mend=fault.mend if fault else "",
            base=str(self._folder),
            base_sha256=base.sha256 if base else "",
            device=str(base.device) if base else "",
            base_bytes=base.size_bytes if base else 0,
            slot_bytes=bank.slot_bytes if bank else 0,
            slots=bank.spec.slots if bank else 0,
            resident=shelf.seen if shelf else (),
            quarantined=shelf.quarantined if shelf else (),
            served=(owner.served if owner else 0) + self._cached,
            waiting=owner.waiting if owner else 0,
            tokens_per_s=round(owner.tokens_per_s, 1) if owner else 0.0,
            rss_bytes=rss_bytes(),
        )

    async def close(self) -> None:
        """End the owner's thread."""
        if self._owner is not None:
            await asyncio.to_thread(self._owner.close)


def _staged(
    message: wire.Stage,
    began: float,
    *,
    sha256: str = "",
    already: bool = False,
    errors: tuple[str, ...] = (),
) -> wire.Staged:
    return wire.Staged(
        request=message.request,
        adapter=message.adapter,
        ok=not errors,
        sha256="" if errors else sha256,
        already=already and not errors,
        errors=errors,
        took_ms=(time.monotonic() - began) * 1000,
    )
