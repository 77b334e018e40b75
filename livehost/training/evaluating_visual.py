"""A visual adapter's evaluation: a persona's held-out pictures, their captions painted, each marked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livehost.training.evaluating import Say, refuse_seen, unique
from livehost.training.evaluation import (
    EvaluatedRow,
    Evaluation,
    EvaluationFailed,
    kept,
    now,
    place_told,
    rows_sha256,
)

if TYPE_CHECKING:
    from services.lora import Card
    from services.training.album import Picture

MOST = 10  # pictures that are painted, each with the adapter and without: one to two seconds on two cores
MEANS = ("colour_distance", "picture_distance", "geometry_kept", "diversity", "face", "effect")
REGIONS = ("hair", "dress", "skin", "set")


def evaluated_visual(
    folder: Path, card: Card, data: Path, *, base: Path | None, threads: int, sheet: Path, say: Say
) -> Evaluation:
    """The evaluation of a visual adapter; see `livehost.training.evaluation.evaluate_adapter`.

    Of more than `MOST` pictures the same are taken for every adapter: the first by the hash of the file.
    """
    from services.avatar.looks import LookError
    from services.lora import StagingFailed
    from services.training.held_out import picture_digest
    from services.training.picture_files import PictureUnusable
    from services.training.visual_evaluate import picture, write_sheet
    from services.vision.painter import PaintFailed

    began = time.monotonic()
    album = _album(data, card.trigger_words)
    refuse_seen(folder, data, [(one.path.name, picture_digest(one.sha256)) for one in album])
    chosen = sorted(album, key=lambda one: (one.sha256, one.caption))[:MOST]
    try:
        pictured = picture(folder, chosen, base=base, threads=threads, say=say)
    except StagingFailed as error:
        raise EvaluationFailed(*error.errors) from error
    except (PaintFailed, PictureUnusable, LookError) as error:
        raise EvaluationFailed(str(error)) from error
    with kept(sheet):
        write_sheet(pictured.rows, sheet)
    names = unique([one.path.name for one in chosen])
    rows = tuple(
        EvaluatedRow(
            id=name, prompt=one.caption, target=one.path.name, said=f"{sheet.name}#{number}",
            bare=f"{sheet.name}#{number}", marks=shown.marks, bare_marks=shown.bare_marks,
        )
        for number, (name, one, shown) in enumerate(zip(names, chosen, pictured.rows, strict=True))
    )  # fmt: skip
    return Evaluation(
        kind="visual", persona=card.persona, version=card.version, adapter_sha256=pictured.adapter_sha256,
        base_sha256=pictured.base_sha256, data=place_told(data),
        data_sha256=rows_sha256([f"{one.sha256} {one.caption}" for one in chosen]),
        measures=_means([row.marks for row in rows]), bare=_means([row.bare_marks for row in rows]),
        rows=rows, settings={"painter": pictured.painter, "dtype": pictured.dtype, "pictures": float(len(album))},
        took_s=round(time.monotonic() - began, 2), at=now(),
    )  # fmt: skip


def _album(data: Path, trigger_words: Sequence[str]) -> Sequence[Picture]:
    from services.training.album import AlbumProblems
    from services.training.pictures import read_album

    folder, metadata = (data, None) if data.is_dir() else (data.parent, data)
    try:
        return read_album(folder, metadata, trigger_words).pictures
    except AlbumProblems as error:
        raise EvaluationFailed(*error.problems) from error


def _means(marks: Sequence[Mapping[str, float]]) -> dict[str, float]:
    out = {}
    for name in (*MEANS, *(f"colour_{region}" for region in REGIONS)):
        values = [one[name] for one in marks if name in one]
        if values:
            out[name] = round(sum(values) / len(values), 4)
    return out
