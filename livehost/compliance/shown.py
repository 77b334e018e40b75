"""Moderation of what viewers write, before it is shown on the picture."""

from __future__ import annotations

import re
import unicodedata

from livehost.answers.gate import abuses, diverts, injected
from livehost.chinese import folded
from livehost.compliance.review import review

_CATEGORIES = ("cosmetics", "food", "health_food", "other")


def shown(text: str, *, limit: int = 40) -> str | None:
    """The text as it may stand on the picture, or None when it may not.

    Everything on the picture counts as said by the room, so a viewer's words pass the same review.
    """
    visible = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn"))
    visible = re.sub(r"\s+", " ", visible).strip()
    line = folded(visible)
    if not visible or abuses(line) or diverts(line, visible) or injected(line):
        return None
    if any(review(visible, category=c).verdict == "block" for c in _CATEGORIES):
        return None
    return visible if len(visible) <= limit else visible[: limit - 1] + "…"
