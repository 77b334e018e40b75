"""What an answer is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Act = Literal["answer", "handover", "disclose", "decline", "ignore"]


@dataclass(frozen=True)
class Fact:
    """One value of the catalogue as it was spoken, and the product's version then.

    `product` is empty for a fact of the shop.
    """

    product: str
    field: str
    value: str
    version: int = 0


@dataclass(frozen=True)
class Answer:
    """What the host does about a line of chat, and the facts that it stands on.

    `core` is the text without a persona's way of saying it.
    """

    act: Act
    text: str
    product: str | None = None
    intent: str = ""
    facts: tuple[Fact, ...] = ()
    core: str = ""

    @property
    def speak(self) -> bool:
        """Whether anything is said."""
        return bool(self.text)


class Entry(Protocol):
    """An operator's approved answer to a question; `words` may hold placeholders, as a rundown's do."""

    @property
    def id(self) -> str: ...

    @property
    def words(self) -> str: ...


class Book(Protocol):
    """The operator's own questions and answers."""

    def find(self, line: str, *, product: str | None, persona: str, now: datetime) -> Entry | None:
        """The entry for a cleaned line, the answer whose turn it is in it; None where none fits or cools down."""
