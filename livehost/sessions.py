"""A room's sessions (场次): off → rehearsal → on air → ended, by hand or by the timetable.

A session that was open when the service stopped goes on; none is opened by a start. The timetable
opens and closes at its changes only, so that what a person did by hand between them stands.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from livehost.desk import Stock
from livehost.lines import renewed
from livehost.refused import Refused
from livehost.store.protocol import Life, Session
from services import wire

if TYPE_CHECKING:
    from livehost.room import Room

log = structlog.get_logger(__name__)

FAREWELL_S = 12.0
OPEN = (Life.REHEARSAL, Life.ON_AIR)


class Sessions:
    """Opens, goes on with and ends the sessions of one room."""

    def __init__(self, room: Room, last: Session | None) -> None:
        self._room = room
        self._closing = False
        self.last = last
        self.greeted = asyncio.Event()
        self.equipped: Stock | None = None
        if last is not None and last.life in OPEN:
            self.greeted.set()
            log.info("going on with an open session", room=room.id, session=last.id)

    @property
    def works(self) -> bool:
        """Whether new things are to be said: a session is open and nobody is closing it."""
        return self._room.is_open and not self._closing

    async def begin(self, life: Life) -> None:
        """Rehearse or go on air; raises Refused where that is no step from here."""
        room = self._room
        if self.last is not None and self.last.life is life:
            raise Refused("已经在这个状态 / the room is there already", "不用再点 / nothing to do")
        if self.last is not None and self.last.life is Life.ON_AIR:
            raise Refused("正在直播 / the room is on air", "先下播再彩排 / close it first")
        if not room.link.connected:
            raise Refused(
                "播出进程未连接 / playout is not connected", "几秒后再试 / try in some seconds", 503
            )
        if self.last is not None and room.is_open:
            session = replace(self.last, life=life, mode=life.value)
        else:
            session = self._fresh(life)
            room.tasks.spawn(self._greet(room.desk.stock), "greet")
        await self._keep(session)
        await room.booth.tell_session()
        await room.booth.tell_outputs()

    async def close(self) -> None:
        """Say farewell and end the session; what viewers asked and did not hear waits for the next one."""
        room = self._room
        if self.last is None or not room.is_open:
            raise Refused("没有进行中的场次 / no session is open", "先开播或彩排 / open or rehearse first")
        if self._closing:
            raise Refused("正在下播 / the session is being closed", "等告别说完 / wait for the farewell")
        farewell = room.desk.stock.take(wire.PhraseKind.FAREWELL)
        self._closing = True
        try:
            if farewell is not None and room.link.connected and not (room.status and room.status.cut):
                room.desk.answers.clear()
                room.desk.drop_script()
                room.desk.lay(farewell)
                await room.tasks.until(lambda: farewell.heard >= len(farewell.voiced), FAREWELL_S)
            await self._keep(replace(self.last, life=Life.ENDED, closed_at=room.now()))
        finally:
            self._closing = False
        self.greeted.clear()
        room.desk.drop_script()
        await room.changes.cancel_older()
        await room.link.tell(wire.CloseSession(session=self.last.id))
        await room.store.requeue_claimed()
        await room.inbox.reload()

    async def follow_timetable(self) -> None:
        """Open and close at the timetable's changes, where the room is set to."""
        room = self._room
        wanted = room.on_air().persona is not None
        while True:
            await asyncio.sleep(1.0)
            before, wanted = wanted, room.on_air().persona is not None
            if not room.settings.follow_timetable or before == wanted or wanted == room.is_open:
                continue
            try:
                await (self.begin(Life.ON_AIR) if wanted else self.close())
            except Refused as refused:
                room.house.alarms.raise_(room.id, "timetable", refused.problem, refused.mend)
                wanted = before  # tried again in a second
            else:
                room.house.alarms.clear(room.id, "timetable")

    async def equip(self, stock: Stock) -> None:
        """Voice the standing lines and give playout its reserve."""
        for turn in (*stock.lines.values(), stock.resumes):
            for line in (*turn,):  # they take turns meanwhile, as they are said
                if not all(line.voiced):
                    await self._room.voicer.voice(line, lambda: None)
        self.equipped = stock
        await self._room.booth.tell_reserve(stock)

    def _fresh(self, life: Life) -> Session:
        room, now = self._room, self._room.now()
        cast = room.changes.first()
        room.desk.cast, room.desk.stock = cast, room.stock(cast)
        room.desk.drop_script()
        room.disclosing.forget()
        room.desk.on = room.desk.redress = room.desk.presented = None
        return Session(
            id=f"{now:%Y%m%d-%H%M%S}-{room.id}", room=room.id, mode=life.value, life=life,
            opened_at=now, epoch=room.epoch,
        )  # fmt: skip

    async def _greet(self, stock: Stock) -> None:
        room = self._room
        greeting = stock.lines[wire.PhraseKind.GREETING][0]
        await room.voicer.voice(greeting, lambda: None)
        if not greeting.failed and room.desk.stock is stock:
            room.desk.lay(renewed(greeting))
        self.greeted.set()
        room.script.wake.set()
        await self.equip(stock)

    async def _keep(self, session: Session) -> None:
        room, house = self._room, self._room.house
        self.last = session
        await house.store.save_session(session)
        house.metrics.on_air.labels(room.id).set(session.life is Life.ON_AIR)
        house.journal.append(room.id, session.id, {"type": "session", "life": session.life.value})
        house.events.publish(room.id, "session", {"id": session.id, "life": session.life.value})
