"""What is said next. Read this first: it is the show's main loop.

Playout asks (`Want`) when it holds less than about 1.2 s of speech. Everything that can be slow
was done ahead by the preparers and lies on the desk; here it is only picked, checked once more
against the facts of this moment, and sent. So every decision falls at a phrase boundary.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from livehost.desk import Desk
from livehost.lines import Line
from services import wire


class Playout(Protocol):
    """The way to the room's playout."""

    async def want(self) -> wire.Want:
        """Wait until playout asks for the next phrase."""
        ...

    async def send(self, message: wire.Message) -> None:
        """Send a message; raises ConnectionError when playout is not there."""
        ...


class Director:
    """Picks the next phrase at each `Want`."""

    def __init__(
        self,
        desk: Desk,
        playout: Playout,
        *,
        still_true: Callable[[Line], bool],
        said: Callable[[Line, wire.Phrase], None],
        stale: Callable[[Line], None],
        session: Callable[[], str],
        begins: Callable[[Line], Awaitable[bool]] | None = None,
        card: Callable[[wire.ProductCard | None], wire.ProductCard | None] = lambda card: card,
    ) -> None:
        self._desk = desk
        self._playout = playout
        self._still_true = still_true
        self._said = said
        self._stale = stale
        self._session = session
        self._card = card
        self._begins = begins

    async def run(self) -> None:
        """Answer every `Want` with the best phrase there is; wait where there is none."""
        while True:
            want = await self._playout.want()
            self._desk.changed.clear()
            line = self._desk.pick(want.held_s)
            if line is None:
                continue  # playout repeats its Want while it stands; the picture idles meanwhile
            if not self._still_true(line):
                self._stale(line)
                continue
            if not await self._may_begin(line):
                if line is self._desk.on:
                    self._desk.on = None
                continue
            phrase = line.voiced[line.sent]
            assert phrase is not None
            phrase = msgspec.structs.replace(
                phrase, session=self._session(), generation=self._desk.generation,
                look=self._desk.wear(line), product=self._card(phrase.product),
            )  # fmt: skip
            line.voiced[line.sent] = phrase
            self._desk.sent(line)
            self._said(line, phrase)
            try:
                await self._playout.send(phrase)
            except ConnectionError:
                self._desk.unsent(phrase.id)

    async def _may_begin(self, line: Line) -> bool:
        """Whether an answer may be said: noted first, since from here on it may be heard whatever comes."""
        if self._begins is None or line.question is None or line.sent > 0:
            return True
        return await self._begins(line)
