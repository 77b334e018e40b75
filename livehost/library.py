"""The adapter library on disk: `<library>/<persona>/<language|visual>/<version>/` with a card in each.

Cards are read each time they are asked for: who adds, replaces or removes an adapter needs no restart.
A card's consent ends with the persona's own, `<library>/<persona>/consent.yaml`, where that ends earlier.
The version `promoted` is the one that `promoted.yaml` beside the versions names (`promoted.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog

from livehost.promoted import (
    PROMOTED,
    PROMOTED_FILE,
    RETIRED_FILE,
    PointerUnreadable,
    Promotion,
    read_promotion,
    read_retirement,
)

if TYPE_CHECKING:
    from services.lora.card import Card

log = structlog.get_logger(__name__)

Kind = Literal["language", "visual"]
KINDS: tuple[Kind, ...] = ("language", "visual")
WEIGHTS_FILE = "adapter.safetensors"
SOON = timedelta(days=30)
PERSONA = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
Mark = tuple[int, int, int]  # when a file was changed (ns), its bytes, its inode


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
    retired: str = ""  # why it is out of use since somebody retired it; empty: nobody did
    gone: bool = False  # there is no card in its place any more

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
        """Everything that keeps it from coming on air on a day, as far as the disk tells."""
        return (*self.lapses(today), *((self.retired,) if self.retired else ()))

    def lapses(self, today: date) -> tuple[str, ...]:
        """What takes it off the air too where it is on; one that was retired meanwhile may end its show."""
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
        self._pointers: dict[Path, tuple[Mark, Promotion | None]] = {}

    @property
    def missing(self) -> bool:
        """Whether the folder that is set is not there (now)."""
        return self.folder is not None and not _is_folder(self.folder)

    def find(self, persona: str, kind: Kind, version: str) -> Shelved:
        """One adapter; what is missing or wrong is in its `errors`. `promoted` finds the promoted version."""
        if self.folder is not None and version == PROMOTED:
            try:
                promotion = self.promotion(persona, kind)
            except PointerUnreadable as error:
                place = self.folder / persona / kind
                return Shelved(persona, kind, version, place, errors=(str(error),))
            if promotion is None:
                told = f"no version of {persona}.{kind} is promoted; livehost adapters promote names one"
                return Shelved(persona, kind, version, self.folder / persona / kind, errors=(told,))
            version = promotion.version
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
        if version == PROMOTED:
            version = next((self.worn(persona, one, version) for one in KINDS if one == kind), version)
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

    def promotion(self, persona: str, kind: Kind) -> Promotion | None:
        """The pointer of a persona's kind, read again only when its file changed; None: none is promoted.

        Raises:
            PointerUnreadable: the file is there and cannot be used.
        """
        if self.folder is None:
            return None
        place = self.folder / persona / kind
        mark = _mark(place / PROMOTED_FILE)
        known = self._pointers.get(place)
        if mark is None or known is None or known[0] != mark:
            promotion = read_promotion(place)
            if mark is None:
                return promotion
            known = self._pointers[place] = (mark, promotion)
        return known[1]

    def worn(self, persona: str, kind: Kind, version: str) -> str:
        """The version that a setting means: `promoted` is the one that the pointer names now.

        It stays `promoted` where no pointer tells: then nothing else comes on, and staging says why.
        """
        if version != PROMOTED:
            return version
        try:
            promotion = self.promotion(persona, kind)
        except PointerUnreadable:
            return version
        return promotion.version if promotion is not None else version

    def mark(self, persona: str, kind: Kind, version: str) -> Mark | None:
        """What tells a changed card from one that was read before; None: there is none."""
        from services.lora.card import CARD_FILE

        return _mark(self.folder / persona / kind / version / CARD_FILE) if self.folder is not None else None

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


def _mark(file: Path) -> Mark | None:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_gone(file: Path) -> bool:
    """Whether a file is certainly not there: a disk that does not answer tells nothing."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


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
    from services.lora.card import CARD_FILE, CardProblems, read_card, with_persona_consent

    if version == PROMOTED:
        error = f"the folder {folder} has the name that a setting follows promotions by; rename it"
        return Shelved(persona, kind, version, folder, errors=(error,))
    if not (PERSONA.fullmatch(persona) and VERSION.fullmatch(version)):
        name = ascii(f"{persona}/{kind}/{version}")
        error = f"the folder {name} has no name that an adapter can have (letters, digits, - _ .); rename it"
        return Shelved(ascii(persona), kind, ascii(version), folder, errors=(error,))
    if not _is_folder(folder):
        return Shelved(
            persona, kind, version, folder, errors=(f"{folder} does not exist; add it to the library",),
            gone=_is_gone(folder),
        )  # fmt: skip
    errors: list[str] = []
    card = None
    try:
        card = with_persona_consent(read_card(folder), folder)
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
    return Shelved(
        persona, kind, version, folder, card=card, errors=tuple(errors), retired=_retired(folder),
        gone=card is None and _is_gone(folder / CARD_FILE),
    )  # fmt: skip


def _retired(folder: Path) -> str:
    try:
        retirement = read_retirement(folder)
    except PointerUnreadable as error:
        return str(error)
    if retirement is None:
        return ""
    when = f"{retirement.at:%Y-%m-%d %H:%M %Z}"
    why = f", {retirement.why}" if retirement.why else ""
    return (
        f"{folder} 已停用（{when}，{retirement.by}{why}），换一个版本，或者删掉那里的 {RETIRED_FILE} / "
        f"was retired at {when} by {retirement.by}{why}; name another version, or remove {RETIRED_FILE} there"
    )
