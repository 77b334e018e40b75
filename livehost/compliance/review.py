"""`review`: may this line be said?"""

from __future__ import annotations

from datetime import datetime

from livehost.catalog import Product
from livehost.compliance.types import Review


def review(
    text: str,
    *,
    category: str = "other",
    product: Product | None = None,
    now: datetime | None = None,
    language: str = "zh",
) -> Review:
    """Judge one line of a product's category."""
    return Review("pass")
