"""The three built-in sets, by name. The table that stands in front of each is in `table.py`."""

from __future__ import annotations

from collections.abc import Callable

from services.avatar.drawing import optics, set_evening, set_morning, set_tangzhuang
from services.avatar.drawing.optics import Bytes, Image

SETS: dict[str, tuple[Callable[[float], Image], float]] = {
    "morning": (set_morning.draw, 0.10),
    "evening": (set_evening.draw, 0.34),
    "tangzhuang": (set_tangzhuang.draw, 0.30),
}


def draw_set(name: str, scale: float = 2.0) -> Bytes:
    """The set called `name`, opaque RGBA of 720×1280 times `scale`, without its table."""
    draw, vignette = SETS[name]
    return optics.develop(draw(scale), seed=len(name), vignette=vignette)
