"""A room as the API and the console show it: facts of this moment, nothing invented."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from livehost.store.protocol import Life

if TYPE_CHECKING:
    from livehost.room import Room

COMING = 6
FIGURES = {"frames": 0, "late_frames": 0, "repeated_frames": 0, "reanchors": 0}  # the wire leaves zeros out


def room_view(room: Room) -> dict[str, Any]:
    """The room's life, who is on and next, what is said, playout and outputs."""
    status = room.status
    session = room.session
    cast = room.desk.cast
    on = room.on_air()
    playing = msgspec.to_builtins(status) if status is not None and room.link.connected else {}
    outputs = playing.pop("outputs", [])
    return {
        "id": room.id,
        "title": room.settings.title or room.id,
        "platform": room.settings.platform,
        "zone": room.settings.zone,
        "life": session.life.value if session else Life.OFF.value,
        "session": {**asdict(session), "life": session.life.value} if session else None,
        "mode": room.desk.mode.value,
        "duty": room.duty.summary(),
        "cut": bool(status and status.cut),
        "on_air": {
            "persona": cast.persona.id,
            "name": cast.persona.name,
            "rundown": cast.rundown.id,
            "slot": on.slot,
            "since": on.since,
            "until": on.until,
            "reason": on.reason.value,
            "product": room.product_on_air(),
        },
        "next": _next(room),
        "wearing": room.changes.wearing(),
        "now": room.record.now if room.is_open else None,
        "coming": [
            {"kind": line.kind.value, "text": text}
            for line in room.desk.all_lines()
            for text in line.draft.texts[line.sent :]
        ][:COMING],
        "playout": {"pid": room.link.pid, "connected": room.link.connected, **FIGURES, **playing},
        "outputs": outputs,
        "counters": {
            "answers_waiting": len(room.desk.answers),
            "script_ahead_s": round(room.desk.script_ahead_s, 1),
            "frames": status.frames if status else 0,
            "late_frames": status.late_frames if status else 0,
        },
    }


def _next(room: Room) -> dict[str, Any] | None:
    prepared = room.next_switch
    if prepared is not None:
        return {**asdict(prepared), "name": room.house.settings.persona(prepared.persona).name}
    coming = room.next_change()
    if coming is None:
        return None
    at, on = coming
    name = room.house.settings.persona(on.persona).name if on.persona else None
    return {
        "persona": on.persona,
        "name": name,
        "at": at,
        "state": "waiting",
        "error": "",
        "part": "",
        "parts": {},
    }
