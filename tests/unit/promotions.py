"""What the tests of promotions share: a library with one persona's language adapters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from livehost.library import Library, Shelved
from livehost.promoted import (
    PROMOTED,
    Promotion,
)
from livehost.promotion import PromotionRefused, promote, retire, rollback
from services.lora.card import read_card, write_card
from tests.evaluations import evaluate
from tests.scripted_engines import TODAY, shelve

WHO = "anna"


def verify(shelved: Shelved) -> list[str]:
    """What the disk says, without a base."""
    return list(shelved.problems(TODAY))


def descends(folder: Path, parent: str) -> None:
    """Say in the card which version it was trained on from."""
    write_card(folder, read_card(folder).model_copy(update={"parent": parent}))


class Place:
    """A library with one persona's language adapters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kind = folder / "ann" / "language"
        self.library = Library(folder)

    def add(self, version: str, copied: int | None = None, until: date | None = date(2030, 1, 1)) -> Path:
        folder = shelve(self.folder, "ann", "language", version, until=until)
        if copied is not None:
            evaluate(folder, copied)
        return folder

    def promote(self, version: str, why: str = "") -> Promotion:
        shelved = self.library.find("ann", "language", version)
        return promote(self.library, shelved, by=WHO, verify=verify, without_evaluation=why)

    def rollback(self) -> str:
        return rollback(self.library, "ann", "language", by=WHO, verify=verify).promotion.version

    def retire(self, version: str, **named: str) -> None:
        shelved = self.library.find("ann", "language", version)
        retire(self.library, shelved, by=WHO, why="old", used=named)

    @property
    def worn(self) -> str:
        return self.library.worn("ann", "language", PROMOTED)


def refusal(call: Callable[..., object], *args: str) -> str:
    with pytest.raises(PromotionRefused) as refused:
        call(*args)
    assert all(refused.value.problems)
    return "\n".join(refused.value.problems)
