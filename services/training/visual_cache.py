"""What a frozen part of the base makes of a picture or a caption, kept in files so that it is made once.

A file is named by the content that it was made from and by the base; it is written whole or not at all, and one
that cannot be read back is made again. Runs may share a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.training.faults import DiskFull


class TensorCache:
    """Tensors by key in a folder, one `.safetensors` file a key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The tensors kept under a key, on the CPU; None where there are none that can be read."""
        file = self._file(key)
        try:
            return load_file(str(file))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError):
            with contextlib.suppress(OSError):
                file.unlink()
            return None

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keeps tensors under a key.

        Raises:
            DiskFull: they cannot be written; nothing half-written stays.
        """
        file = self._file(key)
        part = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, str(part))
            part.replace(file)
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise DiskFull(
                f"缓存写不进 {self.folder} / the cache cannot be written to {self.folder} ({error})",
                "腾出空间，或在配方里换 cache_dir / make room, or set cache_dir elsewhere",
            ) from error

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def key_of(*parts: str) -> str:
    """A key for what was made from `parts`, in their order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
