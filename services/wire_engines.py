"""Messages between the show and the model engines (language, vision); `services/wire.py` carries them.

A request carries an id of the asker's choice and is answered exactly once, by the message named
in its docstring. An adapter is named by the SHA-256 of its file, so that a name never means two
contents; an empty name is the bare base.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from services.wire_parts import Message

Finish = Literal["stop", "length", "deadline", "cancelled", "error"]


class Stage(Message, frozen=True, kw_only=True, tag="stage"):
    """Check an adapter's folder (`adapter.yaml`, `adapter.safetensors`) and make it resident;
    answered by `Staged`. Nothing that is on air changes."""

    request: str
    adapter: str  # its id, for messages: <persona>.<language|visual>.<version>
    folder: str


class Staged(Message, frozen=True, kw_only=True, tag="staged"):
    """What staging found: `ok` with the content's hash, else every error."""

    request: str
    adapter: str
    ok: bool
    sha256: str = ""
    already: bool = False
    errors: tuple[str, ...] = ()
    took_ms: float = 0.0


class Pin(Message, frozen=True, kw_only=True, tag="pin"):
    """The adapters (hashes) that a room needs kept: on air, the one before, the next. Replaces the
    room's last pins; not answered."""

    room: str
    adapters: tuple[str, ...] = ()


class Generate(Message, frozen=True, kw_only=True, tag="generate"):
    """Words from the base with one adapter; answered by `Generated` within about `deadline_s`."""

    request: str
    room: str
    user: str
    system: str = ""
    adapter: str = ""
    generation: int = 0
    max_tokens: int = 96
    deadline_s: float = 2.5
    temperature: float = 0.0
    seed: int = 0


class Generated(Message, frozen=True, kw_only=True, tag="generated"):
    """The words, and why they end. Only `stop` is a whole answer."""

    request: str
    text: str = ""
    adapter: str = ""
    finish: Finish = "stop"
    error: str = ""
    tokens: int = 0
    took_ms: float = 0.0


class CancelBelow(Message, frozen=True, kw_only=True, tag="cancel_below"):
    """Give up a room's requests of older generations (each is answered `cancelled`)."""

    room: str
    generation: int


class MakeLook(Message, frozen=True, kw_only=True, tag="make_look"):
    """Make a look from a posed template, or find it in the cache; answered by `LookMade`.

    `strength` in 0..1 is how far the picture may leave the template.
    """

    request: str
    room: str
    template: str  # folder of the posed look
    prompt: str
    adapter: str = ""
    negative: str = ""
    seed: int = 0
    strength: float = 1.0
    guidance: float = 1.5
    steps: int = 0  # 0: the engine's default


class LookMade(Message, frozen=True, kw_only=True, tag="look_made"):
    """The finished look's folder, named by its content; or every reason why there is none."""

    request: str
    ok: bool
    folder: str = ""
    key: str = ""
    cached: bool = False
    errors: tuple[str, ...] = ()
    measures: dict[str, float] = msgspec.field(default_factory=dict)
    took_ms: float = 0.0


class Resident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An adapter in the bank."""

    adapter: str
    sha256: str
    slot: int
    pinned: bool = False


class EngineState(Message, frozen=True, kw_only=True, tag="engine_state"):
    """An engine's figures, sent each second and after each change."""

    kind: Literal["language", "vision"]
    ready: bool
    error: str = ""
    mend: str = ""
    base: str = ""
    base_sha256: str = ""
    device: str = ""
    base_bytes: int = 0
    slot_bytes: int = 0
    slots: int = 0
    resident: tuple[Resident, ...] = ()
    quarantined: tuple[str, ...] = ()
    served: int = 0
    waiting: int = 0
    tokens_per_s: float = 0.0
    rss_bytes: int = 0
