"""A consent that is not there yet is no fault of an adapter that was just trained: it is added before it goes on air."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from services.lora import CardProblems, StagingFailed, read_card
from services.lora.card import CARD_FILE, consent_problems


def raise_but_missing_consent(error: StagingFailed, folder: Path) -> None:
    """Raise what staging found in a folder, without what it says of a card that has no consent at all.

    Raises:
        StagingFailed: something else is wrong with it.
    """
    missing = _without_consent(folder)
    left = tuple(one for one in error.errors if one not in missing)
    if left:
        raise StagingFailed(left) from error


def _without_consent(folder: Path) -> list[str]:
    """What staging says of a card that has no consent at all: it is added before the adapter goes on air."""
    try:
        card = read_card(folder)
    except CardProblems:
        return []
    if card.consent is not None:
        return []
    return consent_problems(card, today=date.today(), file=folder / CARD_FILE)
