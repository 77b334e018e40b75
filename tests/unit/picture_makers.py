"""Pictures made for tests: small, each a little different, saved in the ways that users' pictures come."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int = 0, size: tuple[int, int] = (160, 200)) -> Image.Image:
    """Shapes on a gradient: nothing of a person, but with edges, colours and a top that differs from its bottom."""
    rng = np.random.default_rng(seed)
    across, down = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    rgb = np.stack([across, down, np.full_like(across, rng.uniform(0.2, 0.8))], -1)
    for _ in range(6):
        x, y, r = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.2)
        rgb[(across - x) ** 2 + (down - y) ** 2 < r**2] = rng.uniform(0, 1, 3)
    return Image.fromarray((rgb * 255).astype(np.uint8))


def save(path: Path, seed: int = 0, size: tuple[int, int] = (160, 200)) -> Path:
    """A picture in a file, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed, size).save(path)
    return path


def bomb(path: Path, side: int = 30_000) -> Path:
    """A PNG of a few hundred bytes whose header says that it is `side` × `side` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def tree(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file's hash, mode and time of change below a folder: equal before and after means untouched."""
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in sorted([folder, *folder.rglob("*")])
    }
