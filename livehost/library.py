"""The adapter library on disk: `<library>/<persona>/<language|visual>/<version>/` with a card in each.

Cards are read each time they are asked for: who adds, replaces or removes an adapter needs no restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from services.lora.card import Card

Kind = Literal["language", "visual"]
KINDS: tuple[Kind, ...] = ("language", "visual")
WEIGHTS_FILE = "adapter.safetensors"
SOON = timedelta(days=30)


class ConsentState(StrEnum):
    """How an adapter's consent stands on a day."""

    VALID = "valid"
    """It covers the day, and the month after it."""
    EXPIRING = "expiring"
    """It covers the day and ends within 30 days: renew it."""
    EXPIRED = "expired"
    """It ended: the adapter may not be on air."""
    REFUSED = "refused"
    """It has not begun, or does not cover what this adapter shows."""
    MISSING = "missing"
    """There is none: the adapter may not be on air."""


@dataclass(frozen=True)
class Shelved:
    """An adapter's place in the library, with its card or every reason why it cannot be used."""

    persona: str
    kind: Kind
    version: str
    folder: Path
    card: Card | None = None
    errors: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its name in messages and in the API."""
        return adapter_id(self.persona, self.kind, self.version)

    def consent(self, today: date) -> ConsentState:
        """How its consent stands."""
        consent = self.card.consent if self.card is not None else None
        if self.card is None or consent is None:
            return ConsentState.MISSING
        if today > consent.valid_until:
            return ConsentState.EXPIRED
        if consent_errors(self.card, today, self.folder):
            return ConsentState.REFUSED
        return ConsentState.EXPIRING if consent.valid_until - today <= SOON else ConsentState.VALID

    def problems(self, today: date) -> tuple[str, ...]:
        """Everything that keeps it off the air on a day, as far as the disk tells."""
        if self.card is None:
            return self.errors
        return (*self.errors, *consent_errors(self.card, today, self.folder))


def adapter_id(persona: str, kind: Kind, version: str) -> str:
    """An adapter's name: `<persona>.<language|visual>.<version>`."""
    return f"{persona}.{kind}.{version}"


def consent_errors(card: Card, today: date, folder: Path) -> tuple[str, ...]:
    """Why the card's consent does not cover its adapter on a day."""
    from services.lora.card import CARD_FILE, consent_problems

    return tuple(consent_problems(card, today=today, file=folder / CARD_FILE))


class Library:
    """Finds adapters by persona, kind and version."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def find(self, persona: str, kind: Kind, version: str) -> Shelved:
        """One adapter; what is missing or wrong is in its `errors`."""
        if self.folder is None:
            where = Path(persona) / kind / version
            return Shelved(
                persona, kind, version, where, errors=("no adapter library is set; set `adapters`",)
            )
        return _read(persona, kind, version, self.folder / persona / kind / version)

    def by_id(self, name: str) -> Shelved | None:
        """The adapter of that id, or None where no folder has it."""
        persona, _, rest = name.partition(".")
        kind, _, version = rest.partition(".")
        return next((one for one in self._all(persona) if (one.kind, one.version) == (kind, version)), None)

    def all(self) -> tuple[Shelved, ...]:
        """Every adapter of the library, by id."""
        return tuple(sorted(self._all(), key=lambda one: one.id))

    def versions(self, persona: str, kind: Kind) -> tuple[str, ...]:
        """The versions that are there of one persona's adapters of a kind."""
        if self.folder is None:
            return ()
        return tuple(path.name for path in _folders(self.folder / persona / kind))

    def _all(self, only: str | None = None) -> list[Shelved]:
        if self.folder is None:
            return []
        personas = [path for path in _folders(self.folder) if only in (None, path.name)]
        return [
            _read(persona.name, kind, version.name, version)
            for persona in personas
            for kind in KINDS
            for version in _folders(persona / kind)
        ]


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _read(persona: str, kind: Kind, version: str, folder: Path) -> Shelved:
    from services.lora.card import CardProblems, read_card

    if not folder.is_dir():
        return Shelved(
            persona, kind, version, folder, errors=(f"{folder} does not exist; add it to the library",)
        )
    errors: list[str] = []
    card = None
    try:
        card = read_card(folder)
    except CardProblems as found:
        errors += found.problems
    if card is not None:
        for field, wanted in (("persona", persona), ("kind", kind), ("version", version)):
            if (told := getattr(card, field)) != wanted:
                errors.append(
                    f"{folder / 'adapter.yaml'}: {field}: says {told}, but its folder is for {wanted}; "
                    "correct the card or move the folder"
                )
    if not (folder / WEIGHTS_FILE).is_file():
        errors.append(f"{folder / WEIGHTS_FILE} is missing; copy the weights there")
    return Shelved(persona, kind, version, folder, card=card, errors=tuple(errors))
