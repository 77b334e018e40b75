"""How a person steers a room: what it is to say, how it is led, and who has taken it over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from livehost.desk import Mode
from livehost.duty_words import Words, confirmed_by
from livehost.lines import Draft, Line
from livehost.progress import next_product
from livehost.refused import Refused
from services import wire
from services.speech.phrases import split_phrases

if TYPE_CHECKING:
    from livehost.room import Room


class Steering:
    """Does what a person asks of one room."""

    def __init__(self, room: Room, before_pause: Mode = Mode.AUTO) -> None:
        self._room = room
        self.before_pause = before_pause

    async def say(
        self, text: str, urgent: bool = False, by: str = "", *, confirmed: bool = False
    ) -> dict[str, Any]:
        """Have the host say what the person on duty wrote, after the review.

        Raises Refused where that blocks it, or leaves it to a person who has not `confirmed`.
        """
        room = self._room
        if not room.is_open:
            raise Refused("没有进行中的场次 / no session is open", "先开播或彩排 / open or rehearse first")
        texts = split_phrases(text, room.desk.cast.persona.language)
        if not texts:
            raise Refused("没有可念的字 / nothing can be spoken", "写一句话 / write a sentence", 422)
        draft = Draft(texts=texts, source="duty", product=room.product_on_air(), vouched=by)
        review = Words(room).reviewed(text, draft, confirmed=confirmed)
        said = await self.insert(draft, urgent=urgent, by=by)
        if doubts := confirmed_by(text, review, by):
            entry = {"type": "duty", "action": "insert", "by": by, "answer": text, **doubts}
            room.house.journal.append(room.id, room.session_id or "none", entry)
        return {**said, "verdict": review.verdict}

    async def insert(self, draft: Draft, *, urgent: bool, by: str) -> dict[str, Any]:
        """Have the host say what was reviewed already."""
        line = Line(kind=wire.PhraseKind.INSERT, cast=self._room.desk.cast, draft=draft, urgent=urgent, by=by)
        line = await self.voice(line)
        if line.failed:
            raise Refused(f"语音合成失败 / no sound: {line.failed}", "稍后再试 / try again", 503)
        return {"id": line.id, "phrases": list(draft.texts)}

    async def say_again(self, line: Line) -> None:
        """An insert that was not said goes on in the voice and by the catalogue of now."""
        await self.voice(
            Line(kind=line.kind, cast=self._room.desk.cast, draft=line.draft, urgent=line.urgent, by=line.by)
        )

    async def voice(self, line: Line) -> Line:
        """Voice what the duty wrote, by who is on air when it has its sound, and lay it down."""
        desk = self._room.desk
        while True:
            await self._room.voicer.voice(line, lambda: None)
            if line.failed or desk.adopt(line):
                break
            line = Line(kind=line.kind, cast=desk.cast, draft=line.draft, urgent=line.urgent, by=line.by)
        if not line.failed:
            desk.lay(line)
        return line

    async def control(self, action: str, by: str = "") -> None:
        """Do one of the duty's actions; raises Refused for one that cannot be done now.

        What was refused is not in the journal: nothing was done.
        """
        room, desk = self._room, self._room.desk
        match action:
            case "cut" | "uncut":
                await self._cut(action, by)
            case "next_product":
                room.script.seek(next_product(desk.cast.rundown, room.progress.segment))
            case "skip":
                room.script.seek((room.progress.segment + 1) % len(desk.cast.rundown.segments))
            case "take_over":
                self._unless_another_leads(by)
                await self._lead(desk.mode, taken_by=by)
            case "hand_back":
                await self._lead(desk.mode, taken_by="")
            case "pause":
                await self._lead(Mode.PAUSED, taken_by=desk.taken_by)
            case "resume":
                mode = self.before_pause if desk.mode is Mode.PAUSED else desk.mode
                await self._lead(mode, taken_by=desk.taken_by)
            case "auto" | "review" | "manual" | "script_only":
                self._unless_another_leads(by)
                await self._lead(Mode(action), taken_by="")
            case _:
                raise Refused(f"unknown action {action}", "see the API's documentation", 422)
        entry = {"type": "control", "action": action, "by": by}
        room.house.journal.append(room.id, room.session_id or "none", entry)
        room.house.events.publish(room.id, "session", {"action": action, "by": by})

    def _unless_another_leads(self, by: str) -> None:
        """Raises Refused where somebody else has taken the room over: it is theirs until it is handed back."""
        taken_by = self._room.desk.taken_by
        if taken_by and taken_by != by:
            raise Refused(
                f"{taken_by} 已经接管 / taken over by {taken_by}",
                "先让对方交还，或点【交还主播】/ have it handed back first",
            )

    async def _lead(self, mode: Mode, *, taken_by: str) -> None:
        room, desk = self._room, self._room.desk
        if mode is Mode.PAUSED and desk.mode is not Mode.PAUSED:
            self.before_pause = desk.mode
        desk.mode = mode
        desk.taken_by = taken_by
        room.duty.mode_changed()
        await room.save()

    async def _cut(self, action: str, by: str) -> None:
        message = wire.Cut(reason=f"by {by}") if action == "cut" else wire.Uncut()
        if not await self._room.link.tell(message):
            raise Refused(
                "播出进程未连接 / playout is not connected", "用红色按钮端口 / use the red button", 503
            )
        self._room.record.cut_asked(action == "cut")
