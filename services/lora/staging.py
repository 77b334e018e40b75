"""Staging: everything about an adapter's folder is checked before anything live is touched.

The file is read once into memory; what is checked, hashed and packed is that copy, whatever happens
to the file meanwhile. No code of the file is ever run, and every fault is listed.

StagingFailed    the adapter cannot be used; `errors` has a sentence for each fault
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import torch

from services.lora.card import WEIGHTS_FILE, Card, CardProblems, Kind, consent_problems, fits, read_card
from services.lora.header import FLOAT_DTYPES, Entry, Header, read_header
from services.lora.layout import Layout
from services.lora.metadata import metadata_problems
from services.lora.names import Format, PairKeys, Parsed, parse
from services.lora.packing import Lora, Packed, pack, shape_problem, value_problem
from services.lora.plain import printable, read_plain

MAX_BYTES = 512 * 1024 * 1024
ALPHA_TOLERANCE = 4e-3  # what rounding to bfloat16 may have done to it
_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class StagingFailed(Exception):
    """An adapter cannot be used; `errors` has a sentence for each fault, with its mend."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        self.errors = tuple(printable(error) for error in errors)
        super().__init__("; ".join(self.errors))


@dataclass(frozen=True)
class StagedAdapter:
    """An adapter that passed every check, ready for `Bank.fill`."""

    card: Card
    sha256: str
    packed: Packed


def stage_folder(
    folder: Path,
    layout: Layout,
    *,
    base_sha256: str,
    kind: Kind | None = None,
    today: date | None = None,
    max_bytes: int = MAX_BYTES,
) -> StagedAdapter:
    """Check and pack the adapter in a folder for the bank with that layout. Needs only the CPU.

    `kind`, where given, is the only kind accepted; `today` defaults to the day of this place.

    Raises:
        StagingFailed: with everything that is wrong with it.
    """
    file = folder / WEIGHTS_FILE
    errors: list[str] = []
    card = None
    try:
        card = read_card(folder)
    except CardProblems as error:
        errors += error.problems
    if card is not None:
        day = today or datetime.now().astimezone().date()
        errors += _card_problems(card, folder, base_sha256=base_sha256, kind=kind, today=day)
    data = b""
    try:
        data = read_plain(file, max_bytes=max_bytes)
        if not data:
            raise ValueError("is empty; copy the adapter again")
    except OSError as error:
        errors.append(f"{file}: cannot be read ({error.strerror or error}); put the adapter's file there")
    except ValueError as error:
        errors.append(f"{file}: {error}")
    if not data:
        raise StagingFailed(tuple(errors))
    sha256 = hashlib.sha256(data).hexdigest()
    if card is not None and sha256 != card.sha256:
        errors.append(
            f"{file}: its SHA-256 is {sha256}, not the card's {card.sha256}; copy the adapter again"
        )
    header = read_header(data)
    problems = list(header.problems)
    parsed = None
    if not problems:
        known = {*layout.places, *layout.refused}
        parsed = parse(header.entries, known=known, models=layout.models)
        problems += parsed.problems
        problems += _shape_problems(header, parsed, layout)
        if card is not None:
            problems += metadata_problems(header.metadata, card)
            problems += _fit_problems(card, header, parsed, layout)
    if parsed is not None and card is not None and not problems:
        loras = {pair.module: _lora(data, header, pair) for pair in parsed.pairs}
        scales = {module: card.scale_of(module) for module in loras}
        problems += _value_problems(card, loras, scales)
        if not problems and not errors:
            return StagedAdapter(card, sha256, pack(loras, layout, scales))
    raise StagingFailed((*errors, *(f"{file}: {problem}" for problem in problems)))


def _card_problems(
    card: Card, folder: Path, *, base_sha256: str, kind: Kind | None, today: date
) -> list[str]:
    file = folder / "adapter.yaml"
    problems = consent_problems(card, today=today, file=file)
    if card.base.sha256 != base_sha256:
        problems.append(
            f"{file}: base.sha256: it was trained on {card.base.name} ({card.base.sha256[:12]}…), but the "
            f"base that runs is {base_sha256[:12]}…; train it on this base"
        )
    if kind is not None and card.kind != kind:
        problems.append(f"{file}: kind: is {card.kind}, but a {kind} adapter is needed; name another folder")
    return problems


def _shape_problems(header: Header, parsed: Parsed, layout: Layout) -> list[str]:
    found = _Found()
    for pair in parsed.pairs:
        a, b = header.entries[pair.a], header.entries[pair.b]
        wrong = {e.dtype for e in (a, b) if e.dtype not in FLOAT_DTYPES}
        if wrong:
            names = ", ".join(sorted(wrong))
            found.add(pair.module, f"is stored as {names}; save it as {', '.join(FLOAT_DTYPES)}")
        if pair.alpha and not _is_number(header.entries[pair.alpha]):
            found.add(pair.module, "its alpha is not one number; export the adapter again")
        if pair.module in layout.refused:
            found.add(pair.module, f"{layout.refused[pair.module]}; train on the bank's targets only")
        elif pair.module not in layout.places:
            found.add(pair.module, "it is no Linear or Conv2d; train on the bank's targets only")
        elif problem := shape_problem(layout.places[pair.module], a.shape, b.shape, layout.max_rank):
            found.add(pair.module, f"{problem}; train it on this base within the bank's rank")
    return found.sentences()


def _is_number(entry: Entry) -> bool:
    return entry.dtype in FLOAT_DTYPES and entry.shape in ((), (1,))


def _fit_problems(card: Card, header: Header, parsed: Parsed, layout: Layout) -> list[str]:
    """Where the card and the file say different things: ranks, and which layers there are."""
    found = _Found()
    there = {pair.module for pair in parsed.pairs}
    for pair in parsed.pairs:
        shape = header.entries[pair.a].shape
        rank, told = shape[0] if shape else 0, card.rank_of(pair.module)
        if rank != told:
            found.add(pair.module, f"is of rank {rank}, but the card says {told}; correct the card")
        if not any(fits(target, pair.module) for target in card.target_modules):
            found.add(pair.module, "is not among the card's target_modules; correct the card")
    problems = found.sentences()
    models = [name for name in layout.models if any(m.startswith(f"{name}.") for m in there)] or [""]
    wanted = {
        module
        for module in layout.places
        if any(fits(target, module) for target in card.target_modules)
        and any(not name or module.startswith(f"{name}.") for name in models)
    }
    if missing := sorted(wanted - there):
        problems.append(
            f"{len(missing)} of the {len(wanted)} layers that the card's target_modules name are missing "
            f"(first: {missing[0]}); export the whole adapter"
        )
    if parsed.format is Format.KOHYA and card.use_rslora:
        problems.append("kohya's files are scaled by alpha / rank; set use_rslora to false in the card")
    return problems


class _Found:
    """Faults of layers; one that many layers share is one sentence."""

    def __init__(self) -> None:
        self._layers: dict[str, list[str]] = {}

    def add(self, module: str, fault: str) -> None:
        """Note a layer's fault."""
        self._layers.setdefault(fault, []).append(module)

    def sentences(self) -> list[str]:
        """A sentence for each fault, with the layers that have it."""
        return [
            f"{layers[0]}{f' and {len(layers) - 1} more layers' if layers[1:] else ''}: {fault}"
            for fault, layers in self._layers.items()
        ]


def _lora(data: bytes, header: Header, pair: PairKeys) -> Lora:
    alpha = float(_tensor(data, header.entries[pair.alpha])) if pair.alpha else None
    return Lora(_tensor(data, header.entries[pair.a]), _tensor(data, header.entries[pair.b]), alpha)


def _tensor(data: bytes, entry: Entry) -> torch.Tensor:
    """A tensor of its own: nothing keeps the file's bytes alive."""
    buffer = bytearray(memoryview(data)[entry.begin : entry.end])
    return torch.frombuffer(buffer, dtype=_DTYPES[entry.dtype]).reshape(entry.shape)


def _value_problems(card: Card, loras: dict[str, Lora], scales: dict[str, float]) -> list[str]:
    found = _Found()
    for module, lora in loras.items():
        told = card.alpha_of(module)
        if lora.alpha is not None and not math.isclose(lora.alpha, told, rel_tol=ALPHA_TOLERANCE):
            found.add(module, f"the file's alpha is {lora.alpha:g}, the card's {told:g}; correct the card")
        if problem := value_problem(lora, scales[module]):
            found.add(module, f"{problem}; the training went wrong: train it again")
    problems = found.sentences()
    if not any(torch.any(lora.b) for lora in loras.values()):
        problems.append("every B is zero, so the adapter changes nothing; train it")
    return problems
