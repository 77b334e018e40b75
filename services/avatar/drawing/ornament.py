"""Jewels, hairpins and flowers."""

from __future__ import annotations

from services.avatar.drawing.canvas import Array, Region
from services.avatar.drawing.spec import Host

REGION = Region(150, 70, 420, 560, 3)


def on_head(host: Host) -> Array:
    """What is worn on the head and moves with it."""
    return REGION.paint(lambda canvas: None)


def on_body(host: Host, region: Region, body: Array) -> Array:
    """What is worn at neck and breast."""
    return body
