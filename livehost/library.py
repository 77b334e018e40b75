"""The adapter library on disk: `<library>/<persona>/<language|visual>/<version>/` with a card in each.

Cards are read each time they are asked for: who adds, replaces or removes an adapter needs no restart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog

if TYPE_CHECKING:
    from services.lora.card import Card

log = structlog.get_logger(__name__)

Kind = Literal["language", "visual"]
KINDS: tuple[Kind, ...] = ("language", "visual")
WEIGHTS_FILE = "adapter.safetensors"
SOON = timedelta(days=30)
PERSONA = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


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

    @property
    def missing(self) -> bool:
        """Whether the folder that is set is not there (now)."""
        return self.folder is not None and not _is_folder(self.folder)

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
        names = (path.name for path in _folders(self.folder / persona / kind))
        return tuple(name for name in names if VERSION.fullmatch(name))

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
        return sorted(path for path in parent.iterdir() if not path.name.startswith(".") and _is_folder(path))
    except (OSError, ValueError):
        return []


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # no right to look, a name that is too long
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _read(persona: str, kind: Kind, version: str, folder: Path) -> Shelved:
    from services.lora.card import CardProblems, read_card

    if not (PERSONA.fullmatch(persona) and VERSION.fullmatch(version)):
        name = ascii(f"{persona}/{kind}/{version}")
        error = f"the folder {name} has no name that an adapter can have (letters, digits, - _ .); rename it"
        return Shelved(ascii(persona), kind, ascii(version), folder, errors=(error,))
    if not _is_folder(folder):
        return Shelved(
            persona, kind, version, folder, errors=(f"{folder} does not exist; add it to the library",)
        )
    errors: list[str] = []
    card = None
    try:
        card = read_card(folder)
    except CardProblems as found:
        errors += found.problems
    except Exception as error:  # one adapter's card may not hide the others
        log.exception("a card cannot be read", folder=str(folder))
        errors.append(f"{folder / 'adapter.yaml'}: cannot be read ({error!r}); write it anew")
    if card is not None:
        for field, wanted in (("persona", persona), ("kind", kind), ("version", version)):
            if (told := getattr(card, field)) != wanted:
                errors.append(
                    f"{folder / 'adapter.yaml'}: {field}: says {told}, but its folder is for {wanted}; "
                    "correct the card or move the folder"
                )
    if not _is_file(folder / WEIGHTS_FILE):
        errors.append(f"{folder / WEIGHTS_FILE} is missing; copy the weights there")
    return Shelved(persona, kind, version, folder, card=card, errors=tuple(errors))
