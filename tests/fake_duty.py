"""A scripted duty: a queue that a test fills, and what was decided about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from livehost.events import EventBus
from livehost.refused import Refused
from livehost.store.protocol import NotStored, Question, QuestionState, Store


@dataclass
class FakeDuty:
    """Decides as it is told and remembers it; `refuses` makes the next calls refuse. Mutes are in the store."""

    room: str
    store: Store
    events: EventBus
    mode: Callable[[], str] = lambda: "auto"
    title: str = ""
    waiting: list[dict[str, Any]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    people: dict[str, datetime] = field(default_factory=dict)
    unattended: bool = False
    taken_by: str = ""
    refuses: Refused | None = None

    def summary(self) -> dict[str, Any]:
        mode = self.mode()
        return {
            "room": self.room, "title": self.title or self.room, "mode": mode, "leads": mode,
            "taken_by": self.taken_by, "held": sum(one["state"] == "held" for one in self.waiting),
            "unattended": self.unattended, "policy": "answer", "alone_s": 0, "absent_s": 300.0,
            "people": [{"name": name, "since": at.isoformat()} for name, at in self.people.items()],
        }  # fmt: skip

    async def items(self) -> list[dict[str, Any]]:
        return self.waiting

    def add(self, item: dict[str, Any]) -> None:
        """Something new waits."""
        self.waiting.append({"room": self.room, **item})
        self.events.publish(self.room, "duty", {"action": "waits", "question": item["id"]})

    def _take(self, action: str, question: str, by: str, **more: Any) -> Question:
        if self.refuses is not None:
            raise self.refuses
        found = next((one for one in self.waiting if one["id"] == question), None)
        if found is None:
            raise NotStored(question)
        self.waiting.remove(found)
        self._did(action, by, question=question, user=found["user"], asked=found["text"], **more)
        at = datetime.fromisoformat(found["at"])
        return Question(
            id=question, room=self.room, user=found["user"], text=found["text"], at=at,
            state=QuestionState.CLAIMED, updated_at=at,
        )  # fmt: skip

    def _did(self, action: str, by: str, **more: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"at": at, "room": self.room, "action": action, "by": by, **more}
        self.log.append(entry)
        self.events.publish(self.room, "duty", entry)

    async def approve(self, question_id: str, by: str) -> Question:
        return self._take("approve", question_id, by)

    async def answer(
        self, question_id: str, text: str, by: str, *, way: Literal["spoken", "text"], confirmed: bool
    ) -> dict[str, Any]:
        if "首选" in text and not confirmed:
            raise Refused(
                "请再确认：首选 / please confirm: 首选", "再发一次", details={"confirm": True, "errors": []}
            )
        if "第一" in text:
            raise Refused("话术未过审：全网第一（绝对化用语）/ the review blocks this", "请改写后再发", 422)
        self._take("answer", question_id, by, answer=text, way=way)
        return {"verdict": "pass", "hits": [], "way": way}

    async def correct(self, question_id: str, text: str, by: str, *, confirmed: bool) -> dict[str, Any]:
        self._did("correct", by, question=question_id, answer=text)
        return {"verdict": "pass", "said": None}

    async def propose(self, question_id: str, by: str) -> Question:
        return self._take("propose", question_id, by)

    async def reject(self, question_id: str, by: str, why: str) -> Question:
        return self._take("reject", question_id, by, why=why)

    async def hand_over(self, question_id: str, by: str) -> Question:
        return self._take("hand_over", question_id, by)

    async def mute(self, who: str, by: str, minutes: int | None) -> dict[str, Any]:
        until = datetime.now(UTC) + timedelta(minutes=minutes) if minutes is not None else None
        await self.store.mute(self.room, who, until, by)
        gone = [one for one in self.waiting if one["who"] == who]
        self.waiting = [one for one in self.waiting if one["who"] != who]
        self._did("mute", by, user=who)
        return {"who": who, "until": until, "by": by, "blocked": len(gone)}

    async def unmute(self, who: str, by: str) -> None:
        await self.store.unmute(self.room, who)
        self._did("unmute", by, user=who)

    def complain(self, about: str, why: str, by: str) -> None:
        self._did("complain", by, question_id=about, why=why)

    def seen(self, by: str) -> None:
        self.people.setdefault(by, datetime.now(UTC))
        self.unattended = False

    def left(self, by: str) -> None:
        self.people.pop(by, None)
