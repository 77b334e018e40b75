"""The adapter's card, `adapter.yaml`: what the weights are, what they fit, and who consented.

CardProblems    a card cannot be used; `problems` has a sentence for each fault: file, field, mend
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from services.lora.plain import printable, read_plain

CARD_FILE = "adapter.yaml"
CONSENT_FILE = "consent.yaml"  # the persona's own, beside her adapters' kinds
WEIGHTS_FILE = "adapter.safetensors"
CARD_MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_TOLD = 50

Kind = Literal["language", "visual"]
Scope = Literal["face", "voice", "words"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Version = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if type(given) in (int, float) else given),  # YAML's 1 is "1"
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"),
]
Target = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.]*$")]
Pattern = Annotated[str, Field(pattern=r"^\^?[A-Za-z0-9_][A-Za-z0-9_.]*$")]
Rank = Annotated[int, Field(ge=1, le=1024)]
Alpha = Annotated[float, Field(gt=0, le=65536, allow_inf_nan=False)]
Measure = Annotated[float, Field(allow_inf_nan=False)]

NEEDED_SCOPE: dict[Kind, Scope] = {"language": "words", "visual": "face"}


class CardProblems(Exception):
    """A card or a consent cannot be used; `problems` has a sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = [printable(problem) for problem in problems]
        super().__init__("; ".join(self.problems))


class _Loader(yaml.SafeLoader):
    """The safe loader without anchors, aliases (a few lines of which hold millions) and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            told = "anchors and aliases (& and *) are not read here; write the value out"
            raise yaml.composer.ComposerError(None, None, told, event.start_mark)
        if self.depth >= MAX_DEPTH:
            told = f"it is nested over {MAX_DEPTH} deep; write it flatter"
            raise yaml.composer.ComposerError(None, None, told, event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Model = TypeVar("_Model", bound=_Part)


class Consent(_Part):
    """Whose face, voice or words these are, and the document in which that person agreed.

    A character that nobody sat for says so in `subject` and names the document that states it.
    """

    subject: str = Field(min_length=1)
    scope: tuple[Scope, ...] = Field(min_length=1)
    document: str = Field(min_length=1, description="where the signed paper is kept: a number, a path")
    valid_from: date
    valid_until: date

    @model_validator(mode="after")
    def _in_order(self) -> Consent:
        if self.valid_until < self.valid_from:
            raise ValueError(f"valid_until {self.valid_until} is before valid_from {self.valid_from}")
        return self


class Base(_Part):
    """The base model that the adapter was trained on; `sha256` as `services.lora.base_sha256` gives it."""

    name: str = Field(min_length=1)
    sha256: Sha256


class Card(_Part):
    """What `adapter.yaml` holds. `sha256` is that of the whole file `adapter.safetensors`.

    A `rank_pattern` or `alpha_pattern` key names modules by the end of their path, at a dot
    (`attn1.to_q`), or by their whole path when it starts with `^`. The first that fits counts.
    """

    kind: Kind
    persona: Name
    version: Version
    base: Base
    rank: Rank
    alpha: Alpha
    use_rslora: bool = False
    rank_pattern: dict[Pattern, Rank] = {}
    alpha_pattern: dict[Pattern, Alpha] = {}
    target_modules: tuple[Target, ...] = Field(min_length=1, description="ends of module paths, as peft's")
    trigger_words: tuple[str, ...] = ()
    sha256: Sha256
    parent: Version | None = Field(None, description="the version it was trained on from")
    recipe: dict[str, Any] | str = Field("", description="the recipe's content, or its path")
    evaluation: dict[str, Measure] = {}
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    consent: Consent | None = None

    @property
    def id(self) -> str:
        """Its name in messages: `<persona>.<kind>.<version>`."""
        return f"{self.persona}.{self.kind}.{self.version}"

    def scale_of(self, module: str) -> float:
        """What B·A is multiplied by for a module: alpha / rank, or alpha / √rank for rsLoRA."""
        alpha, rank = self.alpha_of(module), self.rank_of(module)
        scale: float = alpha / rank**0.5 if self.use_rslora else alpha / rank
        return scale

    def rank_of(self, module: str) -> int:
        """The rank that the card gives a module (by its whole path)."""
        return next((rank for key, rank in self.rank_pattern.items() if fits(key, module)), self.rank)

    def alpha_of(self, module: str) -> float:
        """The alpha that the card gives a module (by its whole path)."""
        return next((alpha for key, alpha in self.alpha_pattern.items() if fits(key, module)), self.alpha)


def fits(key: str, module: str) -> bool:
    """Whether a pattern or target (`attn1.to_q`, `^model.layers.0.mlp`) names a module."""
    if key.startswith("^"):
        return module == key[1:]
    return module == key or module.endswith("." + key)


def consent_problems(card: Card, *, today: date, file: Path) -> list[str]:
    """Every reason why the card's consent does not cover the kind on that day."""
    field = f"{file}: consent"
    if card.consent is None:
        return [f"{field}: is missing; have the person agree and write subject, scope, document and dates"]
    consent, problems = card.consent, []
    needed = NEEDED_SCOPE[card.kind]
    if needed not in consent.scope:
        problems.append(
            f"{field}.scope: {', '.join(consent.scope)} does not cover the {needed} that a {card.kind} "
            f"adapter shows; obtain consent for it"
        )
    if today < consent.valid_from:
        problems.append(f"{field}.valid_from: begins on {consent.valid_from}; stage it from that day on")
    try:
        own = persona_consent(card, file.parent)
    except CardProblems as error:
        return [*problems, *error.problems]
    if own is not None and own.valid_until <= consent.valid_until:
        consent, field = own, str(persona_consent_file(file.parent))
    if today > consent.valid_until:
        problems.append(f"{field}.valid_until: ran out on {consent.valid_until}; renew the consent")
    return problems


def persona_consent_file(folder: Path) -> Path:
    """Where the persona's own consent lies of the adapter in `<library>/<persona>/<kind>/<version>`."""
    return folder.parent.parent / CONSENT_FILE


def persona_consent(card: Card, folder: Path) -> Consent | None:
    """The persona's own consent, whose earlier end ends the card's copy; None: the library holds none.

    Raises:
        CardProblems: it is there and cannot be used.
    """
    file = persona_consent_file(folder)
    if (file.parent.name, folder.parent.name) != (card.persona, card.kind) or not os.path.lexists(file):
        return None
    return read_consent(file)


def with_persona_consent(card: Card, folder: Path) -> Card:
    """The card with the earlier end of its own consent and the persona's.

    Raises:
        CardProblems: the persona's is there and cannot be used.
    """
    own = persona_consent(card, folder)
    if card.consent is None or own is None or own.valid_until >= card.consent.valid_until:
        return card
    ended = card.consent.model_copy(update={"valid_until": own.valid_until})
    return card.model_copy(update={"consent": ended})


def read_card(folder: Path) -> Card:
    """The card in an adapter's folder.

    Raises:
        CardProblems: with everything that is wrong with it.
    """
    return _read(Card, folder / CARD_FILE)


def read_consent(file: Path) -> Consent:
    """The consent in a YAML file of its own, as a recipe names it.

    Raises:
        CardProblems: with everything that is wrong with it.
    """
    return _read(Consent, file)


def write_card(folder: Path, card: Card) -> Path:
    """Write `adapter.yaml` whole or not at all; returns its path.

    Raises:
        OSError: the disk does not take it; the card that was there stands, and nothing half-written is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / CARD_FILE
    part = file.with_name(f".{file.name}.{os.getpid()}")
    text = yaml.safe_dump(card.model_dump(mode="json"), allow_unicode=True, sort_keys=False, width=100)
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink()
    return file


def _read(model: type[_Model], file: Path) -> _Model:
    data = _read_yaml(file)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise CardProblems(_sentences(file, error)) from error
    except Exception as error:  # a number or text that no check foresaw
        raise CardProblems(
            [f"{file}: (top): cannot be used ({_named(error)}); correct the values"]
        ) from error


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        raw = read_plain(file, max_bytes=CARD_MAX_BYTES)
    except OSError as error:
        cause = error.strerror or _named(error)
        raise CardProblems([f"{file}: (file): cannot be read ({cause}); every adapter needs one"]) from error
    except ValueError as error:
        raise CardProblems([f"{file}: (file): {error}"]) from error
    try:
        data = yaml.load(raw.decode("utf-8"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CardProblems([f"{file}: (file): is not YAML ({error}); mend that line"]) from error
    except Exception as error:  # PyYAML raises anything where a value is none of its tag's (month 99)
        raise CardProblems([f"{file}: (file): is not YAML ({_named(error)}); correct the values"]) from error
    if not isinstance(data, dict):
        raise CardProblems([f"{file}: (file): holds no fields; copy a card that training wrote"])
    return data


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _sentences(file: Path, error: ValidationError) -> list[str]:
    found = error.errors(include_url=False, include_input=False)
    told = [
        f"{file}: {'.'.join(map(str, detail['loc']))[:120] or '(top)'}: {detail['msg']}; {_mend(detail['type'])}"
        for detail in found[:MAX_TOLD]
    ]
    if len(found) > MAX_TOLD:
        told.append(f"{file}: (top): {len(found) - MAX_TOLD} faults more; copy a card that training wrote")
    return told


def _mend(kind: str) -> str:
    match kind:
        case "missing":
            return "add the field"
        case "extra_forbidden":
            return "remove it or correct its name"
        case _:
            return "correct the value"
