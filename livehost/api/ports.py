"""What the API asks of the rest of the show. `livehost/house.py` and `room.py` are the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from livehost.alarms import Alarms
from livehost.chat.sources import Sources
from livehost.events import EventBus
from livehost.faq_desk import FaqDesk
from livehost.journal_export import Span
from livehost.library import Kind
from livehost.metrics import Metrics
from livehost.settings import AdapterVersions, Settings, Token
from livehost.store.protocol import Accepted, ChatMessage, Question, Store


class OnDuty(Protocol):
    """The duty of one room. What cannot be done raises `Refused`; an unknown question NotStored."""

    @property
    def log(self) -> Iterable[dict[str, Any]]:
        """Who did what lately."""
        ...

    def summary(self) -> dict[str, Any]:
        """How the room is led and watched."""
        ...

    async def items(self) -> list[dict[str, Any]]:
        """What waits for a person."""
        ...

    async def approve(self, question_id: str, by: str) -> Question:
        """Have the proposed answer said."""
        ...

    async def answer(
        self, question_id: str, text: str, by: str, *, way: Literal["spoken", "text"], confirmed: bool
    ) -> dict[str, Any]:
        """Answer in a person's words."""
        ...

    async def correct(self, question_id: str, text: str, by: str, *, confirmed: bool) -> dict[str, Any]:
        """Put right what was said."""
        ...

    async def propose(self, question_id: str, by: str) -> Question:
        """Have an answer written."""
        ...

    async def reject(self, question_id: str, by: str, why: str) -> Question:
        """Say nothing to it."""
        ...

    async def hand_over(self, question_id: str, by: str) -> Question:
        """Say that a person will answer."""
        ...

    async def mute(self, who: str, by: str, minutes: int | None) -> dict[str, Any]:
        """Take no more of a viewer's messages."""
        ...

    async def unmute(self, who: str, by: str) -> None:
        """Take them again."""
        ...

    def complain(self, about: str, why: str, by: str) -> None:
        """Note that something said was wrong."""
        ...

    def seen(self, by: str) -> None:
        """A person's console is open."""
        ...

    def left(self, by: str) -> None:
        """A person's console was closed."""
        ...


class LiveRoom(Protocol):
    """One live room, as far as the API knows it. Methods raise `Refused` for "no, not now"."""

    @property
    def id(self) -> str:
        """The room's id."""
        ...

    @property
    def media_socket(self) -> Path:
        """Where playout hands out the picture and the sound."""
        ...

    async def view(self) -> dict[str, Any]:
        """Life, session, who is on and next, what is said, playout, outputs, counters."""
        ...

    async def rehearse(self) -> None:
        """Start the whole chain with no destination."""
        ...

    async def open(self) -> None:
        """Go on air."""
        ...

    async def close(self) -> None:
        """Say the farewell and end the session."""
        ...

    async def say(self, text: str, urgent: bool, by: str, *, confirmed: bool = False) -> dict[str, Any]:
        """Have a reviewed text said; `urgent` before all else, `confirmed` although it is in doubt."""
        ...

    async def control(self, action: str, by: str) -> None:
        """What `api.rooms.ControlAsked` lists."""
        ...

    @property
    def duty(self) -> OnDuty:
        """What waits for a person, and what one decides."""
        ...

    async def switch(
        self,
        persona: str,
        rundown: str | None,
        adapters: AdapterVersions | None,
        until: datetime | None,
    ) -> dict[str, Any]:
        """Put a persona, or other versions of her adapters, on by hand; says how far it is."""
        ...

    @property
    def sources(self) -> Sources:
        """Where the room's events come from, and the way in for them."""
        ...

    async def messages(self, messages: list[ChatMessage], /) -> Accepted:
        """Store viewers' messages and wake the director."""
        ...

    def catalog(self) -> Any:
        """The catalogue with the live changes."""
        ...

    async def reload_timetable(self) -> None:
        """Slots or the override changed."""
        ...

    async def reload_outputs(self) -> None:
        """Outputs changed."""
        ...

    async def reload_catalog(self) -> None:
        """A product changed."""
        ...


class Transcripts(Protocol):
    """Where what was said is read again."""

    async def transcript(
        self, room: str, session: str, after: int = 0, limit: int = 100
    ) -> Sequence[Mapping[str, Any]]:
        """Entries of a session after a position, oldest first."""
        ...

    async def flush(self) -> bool:
        """Wait until what was said so far can be read."""
        ...

    def records(self, room: str, span: Span, *, names: bool = True) -> Iterator[dict[str, Any]]:
        """A room's entries of a span; without what tells who a viewer is, where `names` is false."""
        ...


class Adapters(Protocol):
    """The adapter library, and the engines that take from it."""

    async def all(self) -> list[dict[str, Any]]:
        """Every adapter, by id."""
        ...

    async def one(self, adapter: str) -> dict[str, Any] | None:
        """One adapter, or None."""
        ...

    async def stage(self, adapter: str) -> dict[str, Any] | None:
        """Stage one now; None where there is none of that id. Raises `Refused` with every error."""
        ...

    async def promote(self, adapter: str, *, by: str, without_evaluation: str = "") -> dict[str, Any] | None:
        """Make one the promoted version; None where there is none. Raises `Refused` with every reason."""
        ...

    async def rollback(self, persona: str, kind: Kind, *, by: str) -> dict[str, Any]:
        """Go back to the version promoted before. Raises `Refused` where there is none to use."""
        ...

    async def retire(self, adapter: str, *, by: str, why: str = "") -> dict[str, Any] | None:
        """Take one out of use; None where there is none. Raises `Refused` where it is in use."""
        ...

    def engines(self) -> list[dict[str, Any]]:
        """Both engines."""
        ...


class House(Protocol):
    """Everything that the API shows."""

    @property
    def settings(self) -> Settings:
        """The configuration."""
        ...

    @property
    def tokens(self) -> Sequence[Token]:
        """The configured tokens, or the one that was made and printed."""
        ...

    @property
    def recordings(self) -> Path:
        """The folder with a folder of recordings for each room."""
        ...

    @property
    def red_button_url(self) -> str:
        """Where the supervisor listens for the red button; empty if it does not."""
        ...

    @property
    def store(self) -> Store:
        """Where things are kept."""
        ...

    @property
    def journal(self) -> Transcripts:
        """What was said."""
        ...

    @property
    def rooms(self) -> Mapping[str, LiveRoom]:
        """The rooms by id."""
        ...

    @property
    def adapters(self) -> Adapters:
        """The adapter library."""
        ...

    @property
    def faq(self) -> FaqDesk:
        """The operators' own answers."""
        ...

    @property
    def alarms(self) -> Alarms:
        """What needs a person."""
        ...

    @property
    def events(self) -> EventBus:
        """What happens."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The figures."""
        ...
