"""Whether an adapter in the library is sound, by what its files say: no model is loaded, no torch is needed.

Staging in an engine checks the same and the numbers themselves; this finds what can be found beforehand.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from livehost.library import WEIGHTS_FILE, Shelved

if TYPE_CHECKING:
    from services.lora.card import Card
    from services.lora.header import Entry

TOLD = 5  # so many layers are named one by one
MAX_BYTES = 512 * 1024 * 1024  # as staging takes at most
Layers = Mapping[str, tuple[int, ...]]


def verify(shelved: Shelved, *, today: date, base: Path | None) -> list[str]:
    """Everything that is wrong with an adapter: card, consent on that day, weights' hash and header, base.

    `base` is the directory of the base that it is for; None where that is on another machine: then the
    fit is left to the engine's staging.
    """
    problems = list(shelved.problems(today))
    if shelved.card is None:
        return problems
    from services.lora.plain import read_plain

    file = shelved.folder / WEIGHTS_FILE
    try:
        data = read_plain(file, max_bytes=MAX_BYTES)
    except (OSError, ValueError) as error:
        if not shelved.errors:
            cause = getattr(error, "strerror", None) or str(error)
            problems.append(f"{file}: cannot be read ({cause}); copy the weights there")
        return problems
    found = hashlib.sha256(data).hexdigest()
    if found != shelved.card.sha256:
        told = f"its SHA-256 is {found[:12]}…, not the card's {shelved.card.sha256[:12]}…"
        problems.append(f"{file}: {told}; copy the adapter again")
    from services.lora.header import read_header

    header = read_header(data)
    problems += [f"{file}: {problem}" for problem in header.problems]
    if header.problems or base is None:
        return problems
    wrong = _of_another_base(shelved.card, shelved.folder, base)
    return [*problems, *(wrong or (f"{file}: {one}" for one in _fit(shelved.card, header.entries, base)))]


def _of_another_base(card: Card, folder: Path, base: Path) -> list[str]:
    from services.lora.base_hash import base_sha256

    try:
        sha256 = base_sha256(base)
    except OSError as error:
        return [f"{base}: cannot be read as the base ({error}); name the base's directory"]
    if sha256 == card.base.sha256:
        return []
    return [
        f"{folder / 'adapter.yaml'}: base.sha256: it was trained on {card.base.name} "
        f"({card.base.sha256[:12]}…), but the base in {base} is {sha256[:12]}…; name its base, or train it "
        "on this one"
    ]


def _fit(card: Card, entries: Mapping[str, Entry], base: Path) -> list[str]:
    """What of the file's matrices does not fit the base's layers or the card."""
    from services.lora.header import FLOAT_DTYPES
    from services.lora.names import parse

    try:
        layers, models = _layers(base)
    except (ValueError, OSError) as error:
        return [f"the base cannot be read: {error}"]
    parsed = parse(entries, known=layers, models=models)
    problems = list(parsed.problems)
    for pair in parsed.pairs:
        a, b, layer = entries[pair.a], entries[pair.b], layers[pair.module]
        rank = a.shape[0] if a.shape else 0
        inputs, outputs = math.prod(a.shape[1:]), b.shape[0] if b.shape else 0
        if {a.dtype, b.dtype} - set(FLOAT_DTYPES):
            problems.append(f"{pair.module}: is not stored as {', '.join(FLOAT_DTYPES)}; export it again")
        elif len(b.shape) < 2 or b.shape[1] != rank or not rank:
            problems.append(f"{pair.module}: A is {list(a.shape)} but B is {list(b.shape)}; export it again")
        elif (outputs, inputs) != (layer[0], math.prod(layer[1:])):
            problems.append(f"{pair.module}: does not fit the base's {list(layer)}; train it on this base")
        elif rank != card.rank_of(pair.module):
            told = card.rank_of(pair.module)
            problems.append(f"{pair.module}: is of rank {rank}, the card says {told}; correct the card")
    more = len(problems) - TOLD
    return problems if more <= 1 else [*problems[:TOLD], f"and so {more} layers more"]


def _layers(base: Path) -> tuple[Layers, tuple[str, ...]]:
    """The base's matrices by the path of their layer, and its models' names ("" for a single one).

    Raises:
        ValueError: the directory is not whole.
    """
    from services.model_directory import read_header, vision_parts, weight_files

    models = vision_parts(base) if (base / "model_index.json").is_file() else ("",)
    return {
        f"{model}.{name.removesuffix('.weight')}" if model else name.removesuffix(".weight"): shape.sides
        for model in models
        for file in weight_files(
            base / model, ("diffusion_pytorch_model", "model") if model else ("model", "pytorch_model")
        )
        for name, shape in read_header(file).items()
        if name.endswith(".weight") and len(shape.sides) >= 2
    }, models
