"""The viewers' questions in Redis, one Lua script a change; and who is muted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from livehost.store import question_scripts as scripts
from livehost.store import records
from livehost.store.protocol import (
    KEEP_SETTLED_DAYS,
    TRANSITIONS,
    UNSETTLED,
    Accepted,
    ChatMessage,
    InboxLimits,
    Muted,
    NotStored,
    Question,
    QuestionState,
    TransitionRefused,
    refusal,
)
from livehost.store.question_types import name_key

_MESSAGES_AT_ONCE = 500
IDS_AT_ONCE = 1000


class Server(Protocol):
    """The server that holds the questions; faults are raised as StoreUnavailable."""

    async def script(self, text: str, room: str, *args: Any) -> Any:
        """Run one Lua script on a room's keys."""
        ...

    async def command(self, room: str, command: str, key: str, *args: Any) -> Any:
        """Run one command on one of a room's keys."""
        ...


class RedisQuestions:
    """Questions of all rooms on one server."""

    def __init__(self, server: Server, limits: Mapping[str, InboxLimits]) -> None:
        self._server = server
        self._limits = dict(limits)

    async def accept(self, room: str, messages: Sequence[ChatMessage]) -> Accepted:
        """Store messages, some hundreds a script."""
        limits = self._limits.get(room, InboxLimits())
        fates: list[str] = []
        for begin in range(0, len(messages), _MESSAGES_AT_ONCE):
            now = records.now()
            aged = _us(now - timedelta(days=KEEP_SETTLED_DAYS))
            args: list[Any] = [limits.room, limits.user, records.stamp(now), _us(now), aged]
            for one in messages[begin : begin + _MESSAGES_AT_ONCE]:
                why = refusal(one)
                plain = [one.id, one.user, one.text, one.user_id, one.source]
                if why is not None:
                    plain = [part.encode("utf-8", "replace").decode() for part in plain]
                ident, user, text, user_id, source = plain
                args += [ident, user, text, records.stamp(one.at), _us(one.at)]
                args += [user_id, source, int(one.buyer), why or "", name_key(user)]
            fates += await self._server.script(scripts.ACCEPT, room, *args)
        judged = list(zip(messages, fates, strict=True))
        stored = tuple(message.id for message, fate in judged if fate == "")
        reasons = {message.id: fate for message, fate in judged if fate not in ("", "duplicate")}
        duplicate = fates.count("duplicate")
        return Accepted(
            accepted=len(stored),
            duplicate=duplicate,
            rejected=len(fates) - len(stored) - duplicate,
            reasons=reasons,
            stored=stored,
        )

    async def waiting(self, room: str, limit: int) -> list[Question]:
        """The oldest waiting questions."""
        if limit <= 0:
            return []
        return _questions(room, await self._server.script(scripts.WAITING, room, limit))

    async def claim(self, room: str, ids: Sequence[str], answered_with: str) -> list[Question]:
        """Take those that wait still; at most `IDS_AT_ONCE`."""
        some = list(dict.fromkeys(ids))[:IDS_AT_ONCE]
        among = int(answered_with in some)
        now = records.stamp(records.now())
        found = await self._server.script(scripts.CLAIM, room, now, answered_with, among, *some)
        return _questions(room, found)

    async def settle(
        self,
        room: str,
        question_id: str,
        state: QuestionState,
        note: str,
        answer: str,
        trace: str,
        detail: Mapping[str, Any] | None,
    ) -> Question:
        """Move a question to a state; raises NotStored or TransitionRefused."""
        now = records.now()
        fate, was, flat, together = await self._server.script(
            scripts.SETTLE, room, question_id, state.value, records.stamp(now), _us(now), note, answer, trace,
            records.to_json(detail or {}), int(state.value not in UNSETTLED),
            *(before.value for before, following in TRANSITIONS.items() if state in following),
        )  # fmt: skip
        match fate:
            case "missing":
                raise NotStored(f"there is no question {question_id} in room {room}")
            case "refused":
                raise TransitionRefused(f"question {question_id} is {was} and cannot become {state.value}")
        return replace(_question(room, _pairs(flat)), together=tuple(together))

    async def requeue_claimed(self, room: str) -> int:
        """Give claimed questions back to the queue."""
        return int(await self._server.script(scripts.REQUEUE, room, records.stamp(records.now())))

    async def expire(self, room: str, before: datetime, limit: int) -> list[Question]:
        """Expire the oldest waiting questions sent before an instant."""
        if limit <= 0:
            return []
        now = records.now()
        found = await self._server.script(
            scripts.EXPIRE, room, _us(before), records.stamp(now), _us(now), limit
        )
        return _questions(room, found)

    async def question(self, room: str, question_id: str) -> Question | None:
        """One question."""
        raw = await self._server.command(room, "hgetall", f"q:{question_id}")
        return _question(room, raw) if raw else None

    async def questions(
        self, room: str, limit: int, before: str | None, state: QuestionState | None
    ) -> list[Question]:
        """A page of questions, newest first."""
        below = "+inf"
        if before is not None:
            order = await self._server.command(room, "zscore", "all", before)
            if order is None:
                return []
            below = f"({int(order)}"
        wanted = "" if state is None else state.value
        return _questions(room, await self._server.script(scripts.QUESTIONS, room, below, limit, wanted))

    async def mute(self, room: str, who: str, until: datetime | None, by: str) -> list[Question]:
        """Note a muted viewer and block what of theirs is not with playout yet."""
        now = records.now()
        ends = "" if until is None else _us(until)
        found = await self._server.script(
            scripts.MUTE, room, who, ends, records.stamp(now), by, _us(now), name_key(who)
        )
        return sorted(_questions(room, found), key=lambda one: one.at)

    async def unmute(self, room: str, who: str) -> None:
        """Forget that a viewer is muted; raises NotStored."""
        rows = await self._server.command(room, "hgetall", "muted")
        same = [one for one in rows if name_key(one) == name_key(who)]
        if not same or not await self._server.command(room, "hdel", "muted", *same):
            raise NotStored(f"{who} is not muted in room {room}")
        await self._server.command(room, "hdel", "muted_names", *same)

    async def muted(self, room: str) -> list[Muted]:
        """Who is muted now; those whose term is over are forgotten."""
        found = await self._server.command(room, "hgetall", "muted")
        now = _us(records.now())
        silent: list[tuple[int, Muted]] = []
        for who, row in found.items():
            order, ends, at, by = row.split("|", 3)
            if ends and int(ends) <= now:
                await self._server.command(room, "hdel", "muted", who)
                await self._server.command(room, "hdel", "muted_names", who)
                continue
            until = datetime.fromtimestamp(int(ends) / 1_000_000, UTC) if ends else None
            silent.append((int(order), Muted(who=who, until=until, by=by, at=records.instant(at))))
        return [one for _, one in sorted(silent, key=lambda pair: pair[0])]


def _us(at: datetime) -> int:
    """An instant as whole microseconds: exact in a sorted set's score."""
    return round(at.timestamp() * 1_000_000)


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


_LATER = {"user_id": "", "source": "", "buyer": "0", "detail": "{}", "joined": ""}
"""Fields that a question stored by schema 1 lacks."""


def _question(room: str, raw: Mapping[str, str]) -> Question:
    return records.question_of({**_LATER, **raw, "room": room})


def _questions(room: str, found: Sequence[Sequence[str]]) -> list[Question]:
    return [_question(room, _pairs(flat)) for flat in found]
