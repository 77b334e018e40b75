"""What a visual adapter paints for a persona's held-out captions, beside the persona's pictures and the bare base.

The engine's own painter, bank and judge: a caption is painted on the template that its picture is drawn like (else
on the first), with the adapter and without, several seeds where the painter takes several. A processor that counts
in bfloat16 paints the embedded base in it: a third of the time, and colour distances that differ by 0.1 at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from services.avatar.looks import builtin_look
from services.language.loading import counts_in_bf16
from services.lora import StagingFailed, read_card
from services.model_directory import is_embedded
from services.training.album import Picture
from services.training.picture_distance import (
    features,
    fitted,
    picture_distance,
    posed_like,
    region_distances,
    region_shares,
    spread,
)
from services.training.picture_files import load
from services.training.portraits_colours import TEMPLATES
from services.vision.adapters import Adapters
from services.vision.colour import Floats, delta_e, to_lab
from services.vision.embedded import BASE_DIR
from services.vision.judge import judge_generated
from services.vision.painter import Order, Painted, Painter, PainterSettings, device_of, open_painter
from services.vision.shift import low
from services.vision.template import Template, read_template

GUIDANCE = {"embedded": 1.5, "diffusers": 5.0}
SEEDS = {"embedded": 1, "diffusers": 2}  # orders a caption; the embedded painter takes four seeds in each
THUMB_PX = (90, 160)
IN_A_LINE = 4  # rows of the sheet's triples


@dataclass(frozen=True)
class Shown:
    """A row's marks with the adapter and without, and small pictures: the persona's, with it, without it."""

    marks: dict[str, float]
    bare_marks: dict[str, float]
    faults: tuple[str, ...]
    thumbs: tuple[Floats, Floats, Floats] = field(repr=False)


@dataclass(frozen=True)
class Pictured:
    """What was painted for the pictures in their order, and by whom."""

    adapter_sha256: str
    base_sha256: str
    painter: str
    dtype: str
    rows: tuple[Shown, ...]


def picture(
    folder: Path,
    pictures: Sequence[Picture],
    *,
    base: Path | None = None,
    threads: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Pictured:
    """Paints the captions of a persona's pictures and measures what came of it.

    Each is painted on the drawn template that it is posed like.

    Raises:
        PaintFailed: the base cannot be loaded.
        StagingFailed: the bank does not take the adapter.
        PictureUnusable: a picture cannot be decoded.
        LookError: a template cannot be used.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    where = base or BASE_DIR
    kind = "embedded" if is_embedded(where) else "diffusers"
    fast = kind == "embedded" and device_of("auto") == "cpu" and counts_in_bf16()
    dtype = "bfloat16" if fast else "auto"
    painter = open_painter(kind, PainterSettings(base=where, device="auto", dtype=dtype))
    card = read_card(folder)
    adapters = Adapters.attach(
        painter, where, slots=2, max_rank=max(card.rank, *card.rank_pattern.values(), 1)
    )
    staged = adapters.check(folder)
    if isinstance(staged, tuple):
        raise StagingFailed(staged)
    _, errors = adapters.admit(card.id, staged)
    if errors:
        raise StagingFailed(errors)
    templates = [read_template(builtin_look(name)) for name in TEMPLATES]
    easel = _Easel(painter, adapters, templates, kind)
    owns = [np.asarray(load(one.path), np.float32) / 255 for one in pictures]
    rows = []
    for number, (one, own) in enumerate(zip(pictures, owns, strict=True), 1):
        rows.append(easel.row(one.caption, own, owns, staged.sha256))
        say(f"{number}/{len(pictures)} pictures")
    counted = str(next(painter.modules()["unet"].parameters()).dtype).removeprefix("torch.")
    return Pictured(staged.sha256, adapters.base_sha256, painter.name, counted, tuple(rows))


class _Easel:
    """Paints and measures; what the same caption on the same template gave before is kept."""

    def __init__(self, painter: Painter, adapters: Adapters, templates: list[Template], kind: str) -> None:
        self._painter, self._adapters, self._templates = painter, adapters, templates
        self._guidance, self._seeds = GUIDANCE[kind], SEEDS[kind]
        self._posed = kind == "embedded"
        self._painted: dict[tuple[str, int, str], list[Painted]] = {}
        self._own_features: list[tuple[Floats, Floats, Floats]] | None = None

    def row(self, caption: str, own: Floats, owns: Sequence[Floats], adapter: str) -> Shown:
        """One picture's caption painted, with the adapter and without it."""
        found = posed_like(fitted(own, (144, 256)), self._templates) if self._posed else None
        at = found or 0
        worn, bare = self._paint(caption, at, adapter), self._paint(caption, at, "")
        size = (worn[0].pictures.shape[2], worn[0].pictures.shape[1])
        fits = fitted(own, size)
        if self._own_features is None:
            self._own_features = [features(fitted(one, size)) for one in owns]
        marks, faults = self._marks(worn, fits, at, posed=found is not None)
        bare_marks, _ = self._marks(bare, fits, at, posed=found is not None)
        flat, plain = _mean(worn), _mean(bare)
        marks["effect"] = round(float(delta_e(to_lab(flat), to_lab(plain)).mean()), 3)
        return Shown(marks, bare_marks, faults, (_thumb(fits), _thumb(worn[0].pictures[0]), _thumb(plain)))

    def _paint(self, caption: str, at: int, adapter: str) -> list[Painted]:
        key = (caption, at, adapter)
        if key not in self._painted:
            orders = [
                Order(
                    prompt=caption, negative="", seed=seed, strength=1.0, guidance=self._guidance, steps=0,
                    adapter=adapter,
                )
                for seed in range(self._seeds)
            ]  # fmt: skip
            self._painted[key] = [
                self._painter.paint(one, self._templates[at], self._adapters.rows) for one in orders
            ]
        return self._painted[key]

    def _marks(
        self, made: list[Painted], own: Floats, at: int, *, posed: bool
    ) -> tuple[dict[str, float], tuple[str, ...]]:
        template = self._templates[at]
        pictures = np.concatenate([one.pictures for one in made])
        size = (pictures.shape[2], pictures.shape[1])
        shown = made[0].shown_as if made[0].shown_as is not None else low(template, (size[1], size[0]))
        verdict = judge_generated(pictures, shown, template, face_least=self._painter.face_least)
        marks = {"geometry_kept": float(not verdict.faults), "diversity": round(spread(pictures), 4)}
        if "generated_face" in verdict.measures:
            marks["face"] = round(verdict.measures["generated_face"], 4)
        if posed:
            far = region_distances(_mean(made), own, region_shares(template, size))
            marks |= {f"colour_{name}": round(value, 3) for name, value in far.items()}
            marks["colour_distance"] = round(float(np.mean(list(far.values()))), 3)
        assert self._own_features is not None
        apart = [picture_distance(features(one), self._own_features) for one in pictures]
        marks["picture_distance"] = round(float(np.mean(apart)), 4)
        return marks, verdict.faults


def write_sheet(rows: Sequence[Shown], file: Path) -> None:
    """A contact sheet, whole or not at all: rows in order, the persona's picture, with the adapter, without it.

    Raises:
        OSError: the disk does not take it; nothing half-written is left.
    """
    triples = [np.hstack(row.thumbs) for row in rows]
    blank = np.ones_like(triples[0])
    triples += [blank] * (-len(triples) % IN_A_LINE)
    lines = [np.hstack(triples[at : at + IN_A_LINE]) for at in range(0, len(triples), IN_A_LINE)]
    whole = (np.clip(np.vstack(lines), 0, 1)[..., ::-1] * 255 + 0.5).astype(np.uint8)
    _, data = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 88])
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(data.tobytes())
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink()


def _mean(made: Sequence[Painted]) -> Floats:
    mean: Floats = np.concatenate([one.pictures for one in made]).mean(axis=0)
    return mean


def _thumb(shown: Floats) -> Floats:
    return fitted(shown, THUMB_PX)
