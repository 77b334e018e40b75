"""The hash by which a base model is known, so that an adapter never lands on another base."""

from __future__ import annotations

import hashlib
from pathlib import Path


def base_sha256(base: Path) -> str:
    """SHA-256 of a base: over the lines `<sha256 of the file>  <relative path>` of every `.safetensors` file
    in its folder (sorted by path), or of the one file that is named. Reads every byte.

    Raises:
        FileNotFoundError: there are no weights there.
    """
    files = [base] if base.is_file() else sorted(base.rglob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"{base} holds no .safetensors file; name the base model's folder")
    root = base.parent if base.is_file() else base
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{digest}  {file.relative_to(root).as_posix()}\n".encode())
    return whole.hexdigest()
