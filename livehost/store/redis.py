"""The store for several machines: Redis, one Lua script a change, so every change is whole.

Keys stand under `livehost:{<room>}:`, so a room's keys share a slot of a cluster. How much survives
a power cut is Redis's own setting (`appendfsync always` for all of it).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from livehost.settings import Output, Override, Slot
from livehost.store import records, scripts
from livehost.store.protocol import (
    DEFAULT_INBOX_LIMIT,
    KEEP_SETTLED_DAYS,
    TRANSITIONS,
    Accepted,
    AlreadyThere,
    ChatMessage,
    NotStored,
    ProductChange,
    Question,
    QuestionState,
    SchemaTooNew,
    Session,
    StoredOutput,
    StoreUnavailable,
    TransitionRefused,
    VersionConflict,
    VersionedSlot,
    refusal,
)

SCHEMA = 1
SCHEMA_KEY = "livehost:schema"
TIMEOUT_S = 5.0
_MESSAGES_AT_ONCE = 500
_PAGE = 200


@asynccontextmanager
async def open_redis(url: str, inbox_limits: Mapping[str, int] | None = None) -> AsyncIterator[RedisStore]:
    """The store at `url`, its schema checked; raises StoreUnavailable or SchemaTooNew."""
    client: Any = Redis.from_url(
        url, decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )
    try:
        store = RedisStore(client, inbox_limits or {})
        await store.check_schema()
        yield store
    finally:
        await client.aclose()


class RedisStore:
    """`Store` over Redis; make it with `open_redis`."""

    def __init__(self, client: Any, inbox_limits: Mapping[str, int]) -> None:
        self._client = client
        self._inbox_limits = dict(inbox_limits)
        self._scripts: dict[str, Any] = {}

    async def check_schema(self) -> None:
        """Write the schema's version where there is none; raises SchemaTooNew."""
        await self._do("set", SCHEMA_KEY, SCHEMA, nx=True)
        found = int(await self._do("get", SCHEMA_KEY))
        if found > SCHEMA:
            raise SchemaTooNew(
                f"Redis holds schema {found}, this livehost knows {SCHEMA}: run the newer livehost, or "
                "give another database"
            )

    async def _do(self, command: str, *args: Any, **options: Any) -> Any:
        """One command; a server that cannot be reached is StoreUnavailable."""
        try:
            return await getattr(self._client, command)(*args, **options)
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise StoreUnavailable(
                f"Redis cannot be reached: {error}; check redis_url and the server"
            ) from error
        except RedisError as error:
            raise StoreUnavailable(f"Redis refused a command: {error}") from error

    async def _script(self, text: str, room: str, *args: Any) -> Any:
        """One Lua script on a room's keys."""
        script = self._scripts.setdefault(text, self._client.register_script(text))
        try:
            return await script(keys=[_prefix(room)], args=args)
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise StoreUnavailable(
                f"Redis cannot be reached: {error}; check redis_url and the server"
            ) from error
        except RedisError as error:
            raise StoreUnavailable(f"Redis refused a change: {error}") from error

    # ---- rows with a version

    async def _rows(self, room: str, table: str) -> list[tuple[int, str]]:
        """A table's rows (version, body), in the order they were added."""
        found = await self._do("hvals", _prefix(room) + table)
        rows = [row.split(":", 2) for row in found]
        return [(int(row[0]), row[2]) for row in sorted(rows, key=lambda row: int(row[1]))]

    async def _put(
        self, room: str, table: str, name: str, body: str, if_version: int | None, *, add: bool = False
    ) -> int:
        wanted = "" if if_version is None else if_version
        mode = "add" if add else "put"
        fate, version = await self._script(scripts.PUT, room, table, name, body, wanted, mode)
        _judge(fate, table, room, name, if_version, int(version))
        return int(version)

    async def _delete(self, room: str, table: str, name: str, if_version: int | None) -> None:
        wanted = "" if if_version is None else if_version
        fate, version = await self._script(scripts.DELETE, room, table, name, wanted)
        _judge(fate, table, room, name, if_version, int(version))

    async def _seed(self, room: str, table: str, bodies: Mapping[str, str]) -> bool:
        flat = [part for item in bodies.items() for part in item]
        return bool(await self._script(scripts.SEED, room, table, records.stamp(records.now()), *flat))

    async def _fact(self, room: str, name: str) -> str | None:
        found: str | None = await self._do("hget", _prefix(room) + "facts", name)
        return found

    async def _keep_fact(self, room: str, name: str, body: str | None) -> None:
        if body is None:
            await self._do("hdel", _prefix(room) + "facts", name)
        else:
            await self._do("hset", _prefix(room) + "facts", name, body)

    # ---- timetable

    async def slots(self, room: str) -> list[VersionedSlot]:
        """The room's timetable, in the order it was added."""
        rows = await self._rows(room, "slots")
        return [VersionedSlot(slot=records.slot_of(body), version=version) for version, body in rows]

    async def add_slot(self, room: str, slot: Slot) -> VersionedSlot:
        """Add a slot; raises AlreadyThere."""
        version = await self._put(room, "slots", slot.id, records.slot_json(slot), None, add=True)
        return VersionedSlot(slot=slot, version=version)

    async def put_slot(self, room: str, slot: Slot, if_version: int | None = None) -> VersionedSlot:
        """Replace or add a slot; with `if_version`, only that one."""
        version = await self._put(room, "slots", slot.id, records.slot_json(slot), if_version)
        return VersionedSlot(slot=slot, version=version)

    async def delete_slot(self, room: str, slot_id: str, if_version: int | None = None) -> None:
        """Remove a slot; raises NotStored or VersionConflict."""
        await self._delete(room, "slots", slot_id, if_version)

    async def seed_slots(self, room: str, slots: Sequence[Slot]) -> bool:
        """Take over the configured slots, once in the room's life."""
        return await self._seed(room, "slots", {slot.id: records.slot_json(slot) for slot in slots})

    async def override(self, room: str) -> Override | None:
        """What somebody put on by hand, also when it is over."""
        text = await self._fact(room, "override")
        return None if text is None else records.override_of(text)

    async def set_override(self, room: str, override: Override | None) -> None:
        """Put something on by hand, or take it away."""
        text = None if override is None else records.override_json(override)
        await self._keep_fact(room, "override", text)

    # ---- sessions and the room

    async def session(self, room: str) -> Session | None:
        """The room's last session."""
        text = await self._fact(room, "session")
        return None if text is None else records.session_of(text)

    async def save_session(self, session: Session) -> None:
        """Keep the session as the room's last one."""
        await self._keep_fact(session.room, "session", records.session_json(session))

    async def next_epoch(self, room: str) -> int:
        """A number higher than any before."""
        return int(await self._do("hincrby", _prefix(room) + "facts", "epoch", 1))

    async def room_state(self, room: str) -> dict[str, Any]:
        """The rundown's position, the duty mode and the like; empty at first."""
        state: dict[str, Any] = json.loads(await self._fact(room, "state") or "{}")
        return state

    async def save_room_state(self, room: str, state: Mapping[str, Any]) -> None:
        """Keep the room's state, whole."""
        await self._keep_fact(room, "state", records.to_json(state))

    # ---- products and outputs

    async def product_changes(self, room: str) -> dict[str, ProductChange]:
        """All live changes, by product id."""
        found = await self._do("hgetall", _prefix(room) + "products")
        return {product: _change(row) for product, row in found.items()}

    async def change_product(
        self, room: str, product: str, values: Mapping[str, Any], if_version: int | None = None
    ) -> ProductChange:
        """Merge fields into a product's change; version 0 means that none was made yet."""
        while True:
            row: str = await self._do("hget", _prefix(room) + "products", product) or ""
            was = _change(row) if row else None
            current = was.version if was else 0
            if if_version is not None and if_version != current:
                raise VersionConflict(f"product {product}", wanted=if_version, current=current)
            merged = {**(was.values if was else {}), **values}
            wished = f"{current + 1}|{records.stamp(records.now())}|{records.to_json(merged)}"
            if await self._script(scripts.CHANGE, room, product, row, wished):
                return _change(wished)

    async def outputs(self, room: str) -> list[StoredOutput]:
        """The room's destinations, in the order they were added."""
        return [records.output_of(body, version) for version, body in await self._rows(room, "outputs")]

    async def put_output(self, room: str, output: Output, if_version: int | None = None) -> StoredOutput:
        """Replace or add a destination."""
        body = records.output_json(output)
        return records.output_of(body, await self._put(room, "outputs", output.name, body, if_version))

    async def delete_output(self, room: str, name: str, if_version: int | None = None) -> None:
        """Remove a destination; raises NotStored or VersionConflict."""
        await self._delete(room, "outputs", name, if_version)

    async def seed_outputs(self, room: str, outputs: Sequence[Output]) -> bool:
        """Take over the configured outputs, once in the room's life."""
        return await self._seed(room, "outputs", {one.name: records.output_json(one) for one in outputs})

    # ---- viewers' questions

    async def accept(self, room: str, messages: Sequence[ChatMessage]) -> Accepted:
        """Store messages as waiting questions; at most the room's inbox limit wait."""
        limit = self._inbox_limits.get(room, DEFAULT_INBOX_LIMIT)
        fates: list[str] = []
        for begin in range(0, len(messages), _MESSAGES_AT_ONCE):
            now = records.now()
            args: list[Any] = [
                limit,
                records.stamp(now),
                _us(now),
                _us(now - timedelta(days=KEEP_SETTLED_DAYS)),
            ]
            for one in messages[begin : begin + _MESSAGES_AT_ONCE]:
                args += [one.id, one.user, one.text, records.stamp(one.at), _us(one.at), refusal(one) or ""]
            fates += await self._script(scripts.ACCEPT, room, *args)
        reasons = {
            message.id: fate
            for message, fate in zip(messages, fates, strict=True)
            if fate not in ("", "duplicate")
        }
        stored, duplicate = fates.count(""), fates.count("duplicate")
        rejected = len(fates) - stored - duplicate
        return Accepted(accepted=stored, duplicate=duplicate, rejected=rejected, reasons=reasons)

    async def claim(self, room: str, limit: int) -> list[Question]:
        """Take the oldest waiting questions; nobody else gets the same ones."""
        if limit <= 0:
            return []
        taken = await self._script(scripts.CLAIM, room, limit, records.stamp(records.now()))
        return [_question(room, _pairs(flat)) for flat in taken]

    async def settle(
        self,
        room: str,
        question_id: str,
        state: QuestionState,
        note: str = "",
        *,
        answer: str = "",
        trace: str = "",
    ) -> Question:
        """Say what became of a question; the same state again changes nothing."""
        now = records.now()
        before = [was.value for was, following in TRANSITIONS.items() if state in following]
        fate, was, flat = await self._script(
            scripts.SETTLE,
            room,
            question_id,
            state.value,
            records.stamp(now),
            _us(now),
            note,
            answer,
            trace,
            *before,
        )
        match fate:
            case "missing":
                raise NotStored(f"there is no question {question_id} in room {room}")
            case "refused":
                raise TransitionRefused(f"question {question_id} is {was} and cannot become {state.value}")
        return _question(room, _pairs(flat))

    async def requeue_claimed(self, room: str) -> int:
        """Give back what a stopped show had claimed and not said."""
        return int(await self._script(scripts.REQUEUE, room, records.stamp(records.now())))

    async def expire(self, room: str, before: datetime) -> int:
        """Expire waiting questions that were sent before an instant."""
        now = records.now()
        return int(await self._script(scripts.EXPIRE, room, _us(before), records.stamp(now), _us(now)))

    async def questions(
        self, room: str, limit: int = 50, before: str | None = None, state: QuestionState | None = None
    ) -> list[Question]:
        """Newest first; `before` is the id of the last question of the page before."""
        prefix = _prefix(room)
        below = "+inf"
        if before is not None:
            order = await self._do("zscore", prefix + "all", before)
            if order is None:
                return []
            below = f"({int(order)}"
        found: list[Question] = []
        skipped = 0
        while len(found) < limit:
            ids = await self._do("zrevrangebyscore", prefix + "all", below, "-inf", start=skipped, num=_PAGE)
            for question_id in ids:
                raw = await self._do("hgetall", f"{prefix}q:{question_id}")
                if raw and state in (None, raw["state"]) and len(found) < limit:
                    found.append(_question(room, raw))
            skipped += len(ids)
            if len(ids) < _PAGE:
                break
        return found


def _prefix(room: str) -> str:
    return f"livehost:{{{room}}}:"


def _us(at: datetime) -> int:
    """An instant as whole microseconds: exact in a sorted set's score."""
    return round(at.timestamp() * 1_000_000)


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _question(room: str, raw: Mapping[str, str]) -> Question:
    return records.question_of({**raw, "room": room})


def _change(row: str) -> ProductChange:
    version, at, values = row.split("|", 2)
    return records.change_of(values, version, at)


def _judge(fate: str, table: str, room: str, name: str, if_version: int | None, version: int) -> None:
    """Raise what a script says went wrong with a row."""
    what = f"{table.removesuffix('s')} {name}"
    match fate:
        case "missing":
            raise NotStored(f"there is no {what} in room {room}")
        case "there":
            raise AlreadyThere(f"{what} is there already: choose another id, or change that one")
        case "conflict":
            raise VersionConflict(what, wanted=if_version or 0, current=version)
