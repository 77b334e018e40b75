"""`answer`: a line of chat in, what the host does about it out."""

from __future__ import annotations

from datetime import datetime

from livehost.answers.types import Answer
from livehost.catalog import Catalog
from livehost.settings import Language, Style


def answer(
    text: str,
    *,
    catalog: Catalog,
    on_air: str | None,
    now: datetime,
    style: Style | None = None,
    user: str = "",
    platform: str | None = None,
    previous_product: str | None = None,
    seed: int = 0,
    language: Language = "zh",
) -> Answer:
    """Understand one line of chat and word what the catalogue knows about it."""
    return Answer("handover", "这个问题我请店铺客服确认后再回复您", on_air)
