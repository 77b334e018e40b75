"""Whether anybody is there for a room: signs of life in, the alarm and the unattended room's policy out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from livehost.duty_policy import Presence, Unattended
from livehost.store.protocol import Life

if TYPE_CHECKING:
    from livehost.room import Room

ALARM = "duty"
_WORDS = {
    Unattended.ANSWER: ("照常回答", "it answers as ever"),
    Unattended.FAQ_ONLY: ("只答已批准的问答", "it answers approved entries only"),
    Unattended.SCRIPT_ONLY: ("只念稿", "it says the script only"),
}


class Tells(Protocol):
    """Puts into the record what happened."""

    def __call__(self, action: str, by: str, **more: Any) -> None: ...


class Attendance:
    """Who is on duty in one room; `changed` is called when it is left alone, and when somebody is back."""

    def __init__(self, room: Room, *, told: Tells, changed: Callable[[], None]) -> None:
        self._room = room
        self._told = told
        self._changed = changed
        self.presence = Presence(absent_s=room.settings.duty_absent_s, began=room.now())
        self.alone = False

    @property
    def policy(self) -> Unattended | None:
        """What the room does while nobody is there; None: somebody is."""
        return Unattended(self._room.settings.unattended) if self.alone else None

    def seen(self, by: str) -> None:
        """An open console of that person gives a sign of life."""
        self.presence.seen(by, self._room.now())
        if self.alone:
            self.look()

    def left(self, by: str) -> None:
        """That person's console was closed."""
        self.presence.left(by)

    def look(self) -> None:
        """See whether the room is left alone; only one that is on air can be."""
        room, now = self._room, self._room.now()
        policy = Unattended(room.settings.unattended)
        on_air = room.session is not None and room.session.life is Life.ON_AIR
        if not on_air:
            self.presence.begin_anew(now)
        alone = on_air and policy is not Unattended.OFF and self.presence.absent(now)
        if alone == self.alone:
            return
        self.alone = alone
        room.desk.unattended_script = alone and policy is Unattended.SCRIPT_ONLY
        if alone:
            zh, en = _WORDS[policy]
            since = _span(room.settings.duty_absent_s)
            room.house.alarms.raise_(
                room.id, ALARM, f"{since}没有人值守，{zh} / nobody is on duty: {en}",
                "打开播控台的【值班】/ open the duty page of the desk",
            )  # fmt: skip
            self._told("unattended", "", policy=policy.value)
        else:
            room.house.alarms.clear(room.id, ALARM)
            self._told("attended", "、".join(one.name for one in self.presence.people(now)))
        self._changed()


def _span(seconds: float) -> str:
    return f" {seconds:.0f} 秒" if seconds < 60 else f" {seconds / 60:.0f} 分钟"
