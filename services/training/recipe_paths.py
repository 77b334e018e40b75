"""Where a recipe's paths lie.

One rule: what a run reads is looked for beside the recipe, then in the current folder; what it writes goes under
the folder of the two in which its data (or else its base) was found, and under the current folder where
neither was. A path of the command line (`--set`) starts from the current folder.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from services.training.recipe_problems import Findings

READ = ("train_data_dir", "metadata_path", "train_data", "validation_data", "base_model", "init_from", "tokenizer",
        "consent", "sample_prompts")  # fmt: skip
WRITTEN = ("output_dir", "cache_dir")
LISTS = ("train_data", "validation_data")
EMBEDDED = "embedded"


def exists(path: Path) -> bool:
    """Whether something is there; a name that no file can have is not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def placed(
    values: Mapping[str, Any], findings: Findings, *, beside: Path, told: Collection[str], found_in_cwd: bool
) -> dict[str, Any]:
    """The keys with every path absolute; what is not there is noted.

    `beside` is the recipe's folder, `told` the keys that the command line sets. Without `found_in_cwd` the
    recipe's folder alone counts.
    """
    here = Path.cwd()
    out, anchor = dict(values), None
    for key in READ:
        if key not in values or (key == "sample_prompts" and not _text_file(values[key])):
            continue
        folders = [here] if key in told else [beside, here] if found_in_cwd else [beside]
        given = values[key] if isinstance(values[key], list) and key in LISTS else [values[key]]
        if not all(isinstance(one, str) and one.strip() for one in given):
            findings.note(key, "要写路径", "must be a path")
            out.pop(key)
            continue
        paths = []
        for one in given:
            if key == "base_model" and one == EMBEDDED:
                paths.append(Path(one))
                continue
            folder = _folder(one, folders)
            if folder is None:
                _missing(key, one, folders, findings)
                folder = folders[0]
            elif anchor is None and not Path(_home(one)).is_absolute():
                anchor = folder
            paths.append(_under(folder, one))
        out[key] = paths if key in LISTS else paths[0]
    for key in WRITTEN:
        if isinstance(values.get(key), str) and values[key].strip():
            start = here if key in told else beside if not found_in_cwd else anchor or here
            out[key] = _under(start, values[key])
            if not _possible(out[key]):
                findings.note(key, "不能作文件名", "is no name that a file can have")
        elif key in values:
            findings.note(key, "要写路径", "must be a path")
            out.pop(key)
    return out


def _possible(path: Path) -> bool:
    """Whether a file could have that name."""
    try:
        os.stat(path)
    except ValueError:
        return False
    except OSError as error:
        return error.errno not in (errno.ENAMETOOLONG, errno.ELOOP)
    return True


def _text_file(value: object) -> bool:
    return isinstance(value, str) and value.endswith(".txt")


def _folder(text: str, folders: list[Path]) -> Path | None:
    return next((folder for folder in folders if exists(_under(folder, text))), None)


def _home(text: str) -> str:
    return os.path.expanduser(text.strip())


def _under(folder: Path, text: str) -> Path:
    return Path(os.path.normpath(folder / _home(text)))


def _missing(key: str, text: str, folders: list[Path], findings: Findings) -> None:
    places = list(dict.fromkeys(str(_under(folder, text)) for folder in folders))
    if key == "base_model" and text.count("/") == 1 and not text.startswith((".", "/", "~")):
        findings.note(
            key,
            f"本机没有这个底座（找过 {'、'.join(places)}）；训练时不联网，请先下载，再写它的目录",
            f"is not on this machine (looked at {' and '.join(places)}); nothing is downloaded while training: "
            "download it first and name its directory",
        )
        return
    findings.note(
        key,
        f"不存在（找过 {'、'.join(places)}），请改正路径",
        f"does not exist (looked at {' and '.join(places)}); correct the path",
    )
