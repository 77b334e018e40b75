"""Who did what on duty: into the journal, to who watches, and kept for the page."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from livehost.store.protocol import Question

if TYPE_CHECKING:
    from livehost.room import Room

_KEPT = 200


class DutyRecord:
    """The record of one room's duty. `log` holds what was done lately; the journal has all of it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.log: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def did(self, action: str, by: str, question: Question | None = None, **more: Any) -> None:
        """Somebody did something, to a question where one is named."""
        about = {"question": question.id, "user": question.user, "asked": question.text} if question else {}
        entry = {"action": action, "by": by, **about, **more}
        self._write({"type": "duty", **entry})
        self.log.append(
            {"at": self._room.now().isoformat(timespec="seconds"), "room": self._room.id, **entry}
        )
        self._publish(entry)

    def complaint(self, about: str, why: str, by: str) -> None:
        """Somebody found fault with what was said."""
        self._write({"type": "complaint", "id": about, "why": why, "by": by})
        self.did("complain", by, about=about, why=why)

    def tell(self, question: Question, *, waits: bool) -> None:
        """A question came to wait for a person, or waits no longer."""
        action = "waits" if waits else "done"
        self._publish({"action": action, "question": question.id, "state": question.state.value})

    def more(self) -> None:
        """More or fewer questions wait in a room that a person answers."""
        self._publish({"action": "waits"})

    def _write(self, entry: dict[str, Any]) -> None:
        self._room.house.journal.append(self._room.id, self._room.session_id or "none", entry)

    def _publish(self, data: dict[str, Any]) -> None:
        self._room.house.events.publish(self._room.id, "duty", data)
