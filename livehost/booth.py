"""A room's end of its playout: tells it what is wanted, takes in what it reports.

Whatever playout must know is told again at each attach, so that a playout or a show that was away
comes back to the same session, destinations and reserve.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from livehost.desk import Stock
from livehost.lines import Worn
from livehost.link import PlayoutLink
from livehost.store.protocol import Life
from livehost.switching import LookFailed
from services import wire

if TYPE_CHECKING:
    from livehost.room import Room

log = structlog.get_logger(__name__)

LOOK_S = 30.0
GENERATIONS_AN_EPOCH = 1_000_000


def first_generation(epoch: int) -> int:
    """The first generation of a show's epoch: higher than all of the epochs before."""
    return epoch * GENERATIONS_AN_EPOCH


class Booth:
    """The link to playout with what goes over it."""

    def __init__(self, room: Room, socket: Path) -> None:
        self._room = room
        self._looks: dict[str, asyncio.Future[None]] = {}
        self._pid = 0
        self._reserving = asyncio.Lock()  # two sets at once would never be whole in playout
        self.reconciled = False
        self.status: wire.Status | None = None
        self.link = PlayoutLink(
            socket, room=room.id, epoch=room.epoch,
            attached=self._attached, heard=self._heard, lost=self._lost,
        )  # fmt: skip

    # ---- telling

    async def tell_session(self) -> None:
        """Open (or go on with) the room's session."""
        room = self._room
        assert room.session is not None
        cast = room.desk.cast
        await self.link.tell(
            wire.OpenSession(
                session=room.session.id, mode=wire.SessionMode(room.session.life.value), look=cast.look,
                look_path=str(cast.look_path), persona=cast.persona.id,
                orphan_s=room.settings.orphan_s, orphan_action=room.settings.orphan_action,
            )
        )  # fmt: skip

    async def tell_outputs(self) -> None:
        """The destinations as they are stored; none of them runs off air."""
        room = self._room
        on_air = room.session is not None and room.session.life is Life.ON_AIR
        await self.link.tell(
            wire.SetOutputs(
                outputs=tuple(
                    wire.OutputSpec(
                        name=output.name, url=output.url, key=output.key.get_secret_value(),
                        enabled=output.enabled and on_air,
                    )
                    for output in await room.store.outputs()
                )
            )
        )  # fmt: skip

    async def tell_reserve(self, stock: Stock) -> None:
        """The evergreen phrases that playout speaks when no show is there."""
        lines = stock.lines[wire.PhraseKind.RESERVE]
        phrases = [
            msgspec.structs.replace(phrase, look=stock.cast.look)
            for line in lines
            for phrase in line.voiced
            if phrase is not None
        ]
        async with self._reserving:
            for index, phrase in enumerate(phrases):
                message = wire.Reserve(
                    persona=stock.cast.persona.id, index=index, total=len(phrases), phrase=phrase
                )
                await self.link.tell(message)

    async def take_look(self, worn: Worn) -> None:
        """Have playout decode a look; raises LookFailed or ConnectionError."""
        waiting = self._looks.get(worn.name)
        if waiting is None or waiting.done():
            waiting = self._looks[worn.name] = asyncio.get_running_loop().create_future()
            try:
                await self.link.send(wire.PrepareLook(look=worn.name, path=str(worn.path)))
            except ConnectionError:
                del self._looks[worn.name]
                raise
        try:
            async with asyncio.timeout(LOOK_S):
                await asyncio.shield(waiting)
        except TimeoutError as error:
            self._looks.pop(worn.name, None)
            raise LookFailed(f"the look {worn.name} was not ready within {LOOK_S:.0f} s") from error

    async def keep_alive(self) -> None:
        """Tell playout each second that the show lives, and whether it is silent on purpose."""
        while True:
            quiet = self._room.desk.quiet or not self._room.is_open
            await self.link.tell(wire.Alive(quiet=quiet))
            await asyncio.sleep(1.0)

    # ---- hearing

    async def _attached(self, hello: wire.Hello) -> None:
        room = self._room
        room.house.metrics.playout_connected.labels(room.id).set(1)
        self.reconciled = False
        if self._pid not in (0, hello.pid):
            room.changes.all_anew()
        await self.link.tell(wire.DropQueued(below_generation=first_generation(room.epoch)))
        await self.tell_outputs()
        if room.is_open:
            await self.tell_session()
            if room.sessions.equipped is room.desk.stock:
                room.spawn(self.tell_reserve(room.desk.stock), "reserve")

    async def _heard(self, message: wire.AnyMessage) -> None:
        match message:
            case wire.Status():
                await self._on_status(message)
            case wire.Started():
                await self._room.record.started(message)
            case wire.Fated():
                await self._room.record.fated(message)
                self._room.spawn(self._ack(message.id), "ack")
            case wire.LookReady():
                self._look_ready(message)
            case _:
                log.warning("playout sent something unexpected", message=type(message).__name__)

    def _look_ready(self, message: wire.LookReady) -> None:
        waiting = self._looks.pop(message.look, None)
        if waiting is None or waiting.done():
            return
        if message.ok:
            waiting.set_result(None)
        else:
            waiting.set_exception(LookFailed(message.error))

    async def _ack(self, phrase_id: str) -> None:
        if await self._room.house.journal.flush():
            await self.link.tell(wire.AckFates(ids=(phrase_id,)))

    async def _on_status(self, status: wire.Status) -> None:
        room, before = self._room, self.status
        self.status = status
        if not self.reconciled:
            await self._reconcile()
        await room.record.cut_seen(status.cut)
        room.house.metrics.status(room.id, status)
        room.house.watch_outputs(room.id, before, status)
        if before is None or before.cut != status.cut or before.source != status.source:
            room.house.events.publish(room.id, "status", {"cut": status.cut, "source": status.source})
        if status.session and not room.is_open:
            await self.link.tell(wire.CloseSession(session=status.session))

    async def _reconcile(self) -> None:
        """The first status after an attach: playout has told every fate it kept.

        A question that an earlier show had claimed and that was not begun goes back to the queue. What
        this show sent to a playout that is gone was not heard and is said again.
        """
        room, restarted = self._room, self._pid not in (0, self.link.pid)
        self._pid = self.link.pid
        if restarted:
            for phrase_id in list(room.desk.in_flight):
                room.desk.unsent(phrase_id)
        if not self.reconciled and not room.questions.claimed:
            count = await room.store.requeue_claimed()
            if count:
                log.info("questions went back to the queue", room=room.id, count=count)
            await room.inbox.reload()
            room.spawn(room.inbox.close_uncertain(), "questions whose answer's fate is unknown")
        self.reconciled = True
        room.questions.wake.set()

    def _lost(self) -> None:
        for waiting in self._looks.values():
            if not waiting.done():
                waiting.set_exception(LookFailed("playout went away"))
                waiting.exception()  # nobody may be left to hear it
        self._looks.clear()
        self._room.house.metrics.playout_connected.labels(self._room.id).set(0)
