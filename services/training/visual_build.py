"""Builds a picture data set: what can be trained on is listed with captions, the rest is left out and said why.

The user's folder is only read; `metadata.csv` and `report.json` go into another one and name the user's files.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.training.album import AlbumProblems, Entry, capped, gather, shown, some
from services.training.buckets import Bucket, make_buckets, nearest
from services.training.build_report import BuildReport
from services.training.captions import Aspect, vague
from services.training.faults import DiskFull
from services.training.picture_checks import (
    BLURRED_PX,
    SOFT_PX,
    Faces,
    Measured,
    duplicates,
    measure,
)
from services.training.picture_files import Header, PictureUnusable, load, quiet, read_header

FEW = 15  # pictures; with fewer a person's adapter learns the pictures, not the person
UNREADABLE = "读不了、已损坏或格式不支持 / cannot be read, damaged or of a format that is not read"
TOO_SMALL = "太小 / too small"
BLURRED = "太模糊 / too blurred"
DUPLICATE = "与另一张重复 / duplicates of another"
SEVERAL_FACES = "不止一张脸 / more than one face"
NO_CAPTION = "没有说明，也没有触发词 / no caption and no trigger word"
_EXAMPLE = "“黑色长发，薄荷绿旗袍，侧身微笑，窗边，柔和晨光” / “long black hair, mint qipao, smiling, by a window, soft light”"


@dataclass(frozen=True)
class _Seen:
    """A picture that was looked at; `measured` is None for one that is left out for `reason`."""

    entry: Entry
    header: Header | None
    measured: Measured | None
    reason: str = ""
    why: str = ""


def build_visual(
    source: Path,
    out: Path,
    *,
    metadata_path: Path | None = None,
    trigger_words: Sequence[str] = (),
    resolution: tuple[int, int] = (512, 512),
    min_side_px: int | None = None,
    faces: Faces | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BuildReport:
    """Checks the pictures below `source` and writes `out/metadata.csv` and `out/report.json`.

    Args:
        metadata_path: the captions' file; without it as `services.training.album.gather` finds them.
        resolution: width and height in pixels that will be trained at; blur is judged at its area.
        min_side_px: shorter sides are left out; by default half the resolution's shorter side.
        faces: counts faces, as `picture_checks.face_counter` does; pictures with several are left out, for those
            of other people teach another face and have no consent. None: nobody counts.
        progress: told how many of how many pictures were looked at.

    Raises:
        AlbumProblems: there is nothing to build from, or nothing is left, `out` must not be written, or the
            resolution is no multiple of 64.
        DiskFull: `out` cannot be written.
    """
    _check_out(source, out)
    try:
        buckets = make_buckets(*resolution)
    except ValueError as error:
        raise AlbumProblems([str(error)]) from error
    gathered = gather(source, metadata_path, trigger_words)
    if not gathered.entries:
        raise AlbumProblems(gathered.problems)
    shortest = min_side_px if min_side_px is not None else min(resolution) // 2
    area_px = resolution[0] * resolution[1]

    def look(entry: Entry) -> _Seen:
        return _look(entry, area_px=area_px, shortest_px=shortest, faces=faces)

    seen = []
    with quiet(), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for one in pool.map(look, gathered.entries):
            seen.append(one)
            if progress is not None:
                progress(len(seen), len(gathered.entries))
    groups = _drop_duplicates(seen)
    kept = [one for one in seen if not one.reason]
    left_out = [one for one in seen if one.reason]
    warnings = [*capped(gathered.problems), *gathered.notes, *_warnings(kept, left_out, trigger_words)]
    if not kept:
        why = [f"{shown(one.entry.path)}：{one.why or one.reason}" for one in left_out]
        raise AlbumProblems(["没有一张图片可用 / no picture can be used", *capped(why)])
    files = (out / "metadata.csv", out / "report.json")
    report = BuildReport(
        kept=len(kept),
        dropped=Counter(one.reason for one in left_out),
        warnings=tuple(warnings),
        files=files,
        details=_details(kept, left_out, groups, buckets, out, trigger_words),
    )
    _write(files, report, [(_named(one.entry.path, out), one.entry.caption) for one in kept])
    return report


def _check_out(source: Path, out: Path) -> None:
    """Refuses to write into the user's folder or over a file that is not a build's."""
    at, user = out.resolve(), source.resolve()
    if at == user or user in at.parents:
        raise AlbumProblems(
            [
                f"{shown(out)} 在图片文件夹里，不会写进去，请换一个输出文件夹 / lies in the pictures' folder, which is "
                "never changed; name another folder"
            ]
        )
    if (out / "metadata.csv").exists() and not (out / "report.json").exists():
        raise AlbumProblems(
            [
                f"{shown(out / 'metadata.csv')} 不是本工具生成的，不会覆盖，请换一个输出文件夹 / was not written by a "
                "build and is not replaced; name another folder"
            ]
        )


def _look(entry: Entry, *, area_px: int, shortest_px: int, faces: Faces | None) -> _Seen:
    """Decodes and measures one picture."""
    try:
        header = read_header(entry.path)
        side = min(header.width, header.height)
        if side < shortest_px:
            why = f"{header.width}×{header.height}，短边至少 / the shorter side must have {shortest_px} px"
            return _Seen(entry, header, None, TOO_SMALL, why)
        scale = (area_px / (header.width * header.height)) ** 0.5
        enough = (int(header.width * scale) + 1, int(header.height * scale) + 1)
        measured = measure(load(entry.path, at_least=enough), area_px=area_px, faces=faces)
    except PictureUnusable as error:
        return _Seen(entry, None, None, UNREADABLE, str(error))
    if not entry.caption:
        return _Seen(entry, header, measured, NO_CAPTION)
    if measured.blur_px > BLURRED_PX:
        why = f"边缘宽 / edges are {measured.blur_px:.1f} px wide, at most {BLURRED_PX:.1f}"
        return _Seen(entry, header, measured, BLURRED, why)
    if measured.faces is not None and measured.faces > 1:
        return _Seen(entry, header, measured, SEVERAL_FACES, f"{measured.faces} 张脸 / faces")
    return _Seen(entry, header, measured)


def _drop_duplicates(seen: list[_Seen]) -> list[list[_Seen]]:
    """Marks all but the largest, then sharpest, of pictures that look the same; gives the groups, the kept one first."""
    at = [number for number, one in enumerate(seen) if not one.reason]
    found = []
    for group in duplicates([one.measured for one in seen if not one.reason and one.measured]):
        members = sorted((at[number] for number in group), key=lambda number: _worth(seen[number]))
        best = seen[members[0]]
        for number in members[1:]:
            one = seen[number]
            why = f"与 {shown(best.entry.path.name)} 相同 / the same as {shown(best.entry.path.name)}"
            seen[number] = _Seen(one.entry, one.header, one.measured, DUPLICATE, why)
        found.append([seen[number] for number in members])
    return found


def _worth(one: _Seen) -> tuple[int, float, str]:
    assert one.header is not None and one.measured is not None
    return -one.header.width * one.header.height, one.measured.blur_px, str(one.entry.path)


def _warnings(kept: Sequence[_Seen], left_out: Sequence[_Seen], trigger_words: Sequence[str]) -> list[str]:
    """What to mend before training, the most telling first."""
    out = []
    if len(kept) < FEW:
        out.append(
            f"只有 {len(kept)} 张可用，建议 {FEW} 张以上、角度和光线多样 / only {len(kept)} can be used; have {FEW} "
            "or more, of several angles and lights"
        )
    captions = Counter(one.entry.caption for one in kept)
    said, times = captions.most_common(1)[0] if captions else ("", 0)
    if times > 2 and times * 2 > len(kept):
        out.append(f"{times} 张图片的说明一模一样 / {times} pictures have the same caption: “{said}”")
    unclear = [(one, missing) for one in kept if (missing := vague(one.entry.caption, trigger_words))]
    if unclear:
        out.append(
            f"{len(unclear)} 条说明太笼统，模型分不清什么该变、什么不变；写成如 / {len(unclear)} captions say too "
            f"little to tell what changes from what stays; write as in {_EXAMPLE}"
        )
        out += capped([_vague_line(one.entry, missing) for one, missing in unclear])
    soft = [one for one in kept if one.measured and one.measured.blur_px > SOFT_PX]
    if soft:
        names = some(shown(one.entry.path.name) for one in soft)
        out.append(f"{len(soft)} 张偏软 / {len(soft)} pictures are soft: {names}")
    faceless = [one for one in kept if one.measured and one.measured.faces == 0]
    if faceless:
        names = some(shown(one.entry.path.name) for one in faceless)
        out.append(f"{len(faceless)} 张没有检测到脸 / no face was found in {len(faceless)} pictures: {names}")
    clear = [one for one in kept if one.header and one.header.transparent]
    if clear:
        out.append(
            f"{len(clear)} 张有透明底，会垫成白色 / {len(clear)} pictures are see-through and are laid on white"
        )
    broken = [f"{shown(one.entry.path)}：{one.why}" for one in left_out if one.reason == UNREADABLE]
    return out + capped(broken)


def _vague_line(entry: Entry, missing: Sequence[Aspect]) -> str:
    zh, en = "、".join(one.zh for one in missing), ", ".join(one.en for one in missing)
    said = entry.caption if len(entry.caption) <= 40 else f"{entry.caption[:40]}…"
    return f"{shown(entry.path.name)} “{said}”：没写{zh} / says nothing of {en}"


def _details(
    kept: Sequence[_Seen],
    left_out: Sequence[_Seen],
    groups: Sequence[Sequence[_Seen]],
    buckets: Sequence[Bucket],
    out: Path,
    trigger_words: Sequence[str],
) -> dict[str, Any]:
    """What `report.json` says of single pictures."""
    sizes = Counter[Bucket]()
    pictures = []
    for one in kept:
        assert one.header is not None and one.measured is not None
        bucket = nearest(buckets, one.header.width, one.header.height)
        sizes[bucket] += 1
        missing = vague(one.entry.caption, trigger_words)
        pictures.append(
            {
                "file": _named(one.entry.path, out),
                "caption": one.entry.caption,
                "size": [one.header.width, one.header.height],
                "bucket": list(bucket),
                "blur_px": round(one.measured.blur_px, 2),
                "faces": one.measured.faces,
                "missing": [aspect.en for aspect in missing],
            }
        )
    return {
        "buckets": {f"{bucket.width}x{bucket.height}": count for bucket, count in sorted(sizes.items())},
        "pictures": pictures,
        "left_out": [
            {"file": _named(one.entry.path, out), "reason": one.reason, "why": one.why} for one in left_out
        ],
        "duplicates": [[_named(one.entry.path, out) for one in group] for group in groups],
    }


def _named(path: Path, out: Path) -> str:
    """A user's file as `metadata.csv` in `out` names it: relative, so that both folders may move together."""
    return shown(os.path.relpath(Path(os.path.abspath(path)), out.resolve())).replace(os.sep, "/")


def _write(files: tuple[Path, Path], report: BuildReport, rows: Sequence[tuple[str, str]]) -> None:
    """Writes both files, each whole or not at all; the report first, for it says whose the other is."""
    table = io.StringIO()
    csv.writer(table).writerows([("file_name", "text"), *rows])
    texts = (table.getvalue(), json.dumps(report.content(), ensure_ascii=False, indent=2) + "\n")
    try:
        files[0].parent.mkdir(parents=True, exist_ok=True)
        for file, text in zip(reversed(files), reversed(texts), strict=True):
            part = file.with_name(f".{file.name}.{os.getpid()}.part")
            try:
                part.write_text(text, encoding="utf-8")
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or error
        raise DiskFull(
            f"{shown(files[0].parent)} 写不进去（{why}）/ cannot be written ({why})",
            "请清出空间或换个输出文件夹 / free some space or name another folder",
        ) from error
