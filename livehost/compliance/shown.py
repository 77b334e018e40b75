"""Moderation of what viewers write, before it is shown on the picture."""

from __future__ import annotations


def shown(text: str, *, limit: int = 40) -> str | None:
    """The text as it may be shown, or None when it may not."""
    return text.strip()[:limit] or None
