"""The folder of an unfinished run, `.<name>.run/` beside the adapter's own: one run at a time has it.

The adapter's folder appears only when a run is finished, whole, by a rename; so a run that crashed, or was
killed, never looks finished.

    FolderTaken      another run has the folder, or something lies where the adapter would go
    CannotResume     the folder holds another recipe's run, or nothing to resume
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from services.training.checkpoint import Checkpoints
from services.training.faults import CannotResume, DiskFull, FolderTaken
from services.training.held_out import TRAINING_FILE
from services.training.recipe_fields import LENGTH
from services.training.whole_file import write_whole, writing

NOTE_FILE = "run.json"
CHANGES_TOLD = 8


@dataclass(frozen=True)
class RunFolder:
    """A run's folder, locked: checkpoints, samples and curve of a run that goes on."""

    path: Path
    output_dir: Path
    digest: str
    changed: str = ""  # of the recipe since the run that goes on began

    @property
    def samples(self) -> Path:
        """Where samples are written while it trains."""
        return self.path / "samples"

    def checkpoints(self, owner: str) -> Checkpoints:
        """The run's checkpoints, for this recipe and what else `owner` names (data, base)."""
        return Checkpoints(self.path / "checkpoints", f"{self.digest} {owner}")

    def part(self) -> Path:
        """A fresh folder in which the adapter is put together, on the disk where it will be."""
        part = self.output_dir.with_name(f".{self.output_dir.name}.part-{os.getpid()}")
        with writing(part):
            part.mkdir()
        return part

    def mark_failed(self) -> None:
        """Note that this run came to nothing: another recipe may have the folder without being asked."""
        with suppress(DiskFull):  # the failure itself is what matters
            write_whole(self.path / NOTE_FILE, _json({**_note(self.path), "failed": True}))

    def publish(self, part: Path) -> None:
        """Put the finished folder in its place in one step, then drop the run's own.

        Raises:
            FolderTaken: something has come to lie there meanwhile.
            DiskFull: it cannot be renamed.
        """
        _refuse_occupied(self.output_dir)
        with writing(self.output_dir):
            part.rename(self.output_dir)
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def run_folder(
    output_dir: Path, *, digest: str, content: Mapping[str, Any], resume: bool | Literal["auto"]
) -> Iterator[RunFolder]:
    """The locked folder of a recipe's run, with what an unfinished run left, if it is to go on.

    `resume` True goes on or fails; False begins anew; auto goes on where there is something of the same
    recipe, and begins anew where what lies there came to nothing, by a recipe of another length.

    Raises:
        FolderTaken, CannotResume, DiskFull: see the module.
    """
    path = output_dir.with_name(f".{output_dir.name}.run")
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = _lock(path, output_dir)
    try:
        folder = RunFolder(path, output_dir, digest)
        began = content
        _drop_finished(folder)
        _refuse_occupied(output_dir)
        for stale in output_dir.parent.glob(f".{output_dir.name}.part-*"):
            shutil.rmtree(stale, ignore_errors=True)
        if _goes_on(folder, content, resume):
            began = _note(path).get("recipe", content)
            folder = replace(folder, changed=_changes(began, content))
        else:
            _empty(path)
        write_whole(path / NOTE_FILE, _json({"digest": digest, "recipe": dict(began)}))
        with writing(path):
            folder.samples.mkdir(exist_ok=True)
            (path / "checkpoints").mkdir(exist_ok=True)
        yield folder
    finally:
        if not Checkpoints(path / "checkpoints", "").files():
            shutil.rmtree(path, ignore_errors=True)  # nothing in it could go on
        os.close(lock)


def _lock(path: Path, output_dir: Path) -> int:
    """A lock that the system drops when this process ends, however it ends."""
    while True:
        with writing(path), ExitStack() as undo:
            path.mkdir(parents=True, exist_ok=True)
            handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            undo.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderTaken(
                    f"另一个训练正在写入 {output_dir} / another run is writing into {output_dir}",
                    "等它结束，或换一个 output_dir / wait for it, or name another output_dir",
                ) from None
            # A run that ended just now took its folder, and the file that was locked, away.
            with suppress(FileNotFoundError):
                if os.stat(path / "lock").st_ino == os.fstat(handle).st_ino:
                    undo.pop_all()
                    return handle


def _refuse_occupied(output_dir: Path) -> None:
    if not output_dir.exists():
        return
    if not output_dir.is_dir():
        raise FolderTaken(
            f"output_dir {output_dir} 是一个文件 / is a file", "换一个 output_dir / name another output_dir"
        )
    if any(output_dir.iterdir()):
        finished = (output_dir / "adapter.safetensors").exists()
        cause = (
            f"{output_dir} 里已有训练好的适配器，不会覆盖 / holds a finished adapter, which is never overwritten"
            if finished
            else f"{output_dir} 不是空的 / is not empty"
        )
        raise FolderTaken(cause, "换一个 output_dir，或先移走它 / name another output_dir, or move it away")


def _drop_finished(folder: RunFolder) -> None:
    """Drop what is left of a run that was killed between publishing its adapter and tidying up."""
    with suppress(OSError, ValueError):
        report = json.loads((folder.output_dir / TRAINING_FILE).read_text("utf-8"))
        if report.get("digest") == _note(folder.path).get("digest"):
            _empty(folder.path)


def _goes_on(folder: RunFolder, content: Mapping[str, Any], resume: bool | Literal["auto"]) -> bool:
    """Whether what lies in the folder is this recipe's run, and is to go on.

    Raises:
        CannotResume: it is not, and may not simply be thrown away.
    """
    note = _note(folder.path)
    before = note.get("recipe", {})
    there = bool(Checkpoints(folder.path / "checkpoints", "").files())
    if resume is False or not there:
        if resume is True:
            raise CannotResume(
                f"{folder.path} 里没有可继续的存档 / holds no checkpoint to go on from",
                "用 resume: auto / use resume: auto",
            )
        return False
    same = note.get("digest") == folder.digest
    if resume == "auto" and note.get("failed"):
        return same and all(before.get(key) == content.get(key) for key in LENGTH)
    if same:
        return True
    changed = _changes(before, content)
    raise CannotResume(
        f"{folder.path} 里有另一份配方未完成的训练 / holds an unfinished run of another recipe"
        + (f": {changed}" if changed else ""),
        "改回配方以继续，或用 resume: false 放弃它重新开始 / "
        "change the recipe back to go on, or give that run up with resume: false",
    )


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key) and key != "resume"]
    told = [f"{key} {before.get(key)} → {now.get(key)}" for key in keys[:CHANGES_TOLD]]
    return ", ".join(told) + (", …" if len(keys) > CHANGES_TOLD else "")


def _note(path: Path) -> dict[str, Any]:
    try:
        note = json.loads((path / NOTE_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _empty(path: Path) -> None:
    """Drop all in a run's folder but its lock."""
    for one in path.iterdir():
        if one.name == "lock":
            continue
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)


def _json(told: Mapping[str, Any]) -> bytes:
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()
