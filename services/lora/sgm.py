"""The names that SDXL's first code (sgm) gave a UNet's layers, which kohya's files for SDXL still use."""

from __future__ import annotations


def sgm_names(name: str) -> tuple[str, ...]:
    """What sgm calls a diffusers UNet's layer (a full path), if it has a name for it."""
    return ()
