"""The store for several machines: Redis, one Lua script a change, so every change is whole.

Keys stand under `livehost:{<room>}:`, so a room's keys share a slot of a cluster. How much survives
a power cut is Redis's own setting (`appendfsync always` for all of it).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from livehost.settings import Output, Override, Slot
from livehost.store import records, scripts
from livehost.store.protocol import (
    Accepted,
    AlreadyThere,
    ChatMessage,
    FaqEntry,
    InboxLimits,
    Muted,
    ProductChange,
    Question,
    QuestionState,
    SchemaTooNew,
    Session,
    StoredOutput,
    StoreUnavailable,
    VersionConflict,
    VersionedSlot,
)
from livehost.store.redis_questions import RedisQuestions
from livehost.store.sqlite_rows import HOUSE, absent, named

SCHEMA = 2  # 2: questions are held for a person, viewers are muted; an older livehost knows neither
SCHEMA_KEY = "livehost:schema"
TIMEOUT_S = 5.0


@asynccontextmanager
async def open_redis(url: str, limits: Mapping[str, InboxLimits] | None = None) -> AsyncIterator[RedisStore]:
    """The store at `url`, its schema checked; raises StoreUnavailable or SchemaTooNew."""
    client: Any = Redis.from_url(
        url, decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )
    try:
        store = RedisStore(client, limits or {})
        await store.check_schema()
        yield store
    finally:
        await client.aclose()


class RedisStore:
    """`Store` over Redis; make it with `open_redis`."""

    def __init__(self, client: Any, limits: Mapping[str, InboxLimits]) -> None:
        self._client = client
        self._scripts: dict[str, Any] = {}
        self._questions = RedisQuestions(self, limits)

    async def check_schema(self) -> None:
        """Write the schema's version where there is none or an older one; raises SchemaTooNew."""
        await self._do("set", SCHEMA_KEY, SCHEMA, nx=True)
        found = int(await self._do("get", SCHEMA_KEY))
        if found > SCHEMA:
            raise SchemaTooNew(
                f"Redis holds schema {found}, this livehost knows {SCHEMA}: run the newer livehost, or "
                "give another database"
            )
        if found < SCHEMA:
            await self._do("set", SCHEMA_KEY, SCHEMA)  # what it lacks is filled in as it is read

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

    async def command(self, room: str, command: str, key: str, *args: Any) -> Any:
        """One command on one of a room's keys."""
        return await self._do(command, _prefix(room) + key, *args)

    async def script(self, text: str, room: str, *args: Any) -> Any:
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
        fate, version = await self.script(scripts.PUT, room, table, name, body, wanted, mode)
        _judge(fate, table, room, name, if_version, int(version))
        return int(version)

    async def _delete(self, room: str, table: str, name: str, if_version: int | None) -> None:
        wanted = "" if if_version is None else if_version
        fate, version = await self.script(scripts.DELETE, room, table, name, wanted)
        _judge(fate, table, room, name, if_version, int(version))

    async def _seed(self, room: str, table: str, bodies: Mapping[str, str]) -> bool:
        flat = [part for item in bodies.items() for part in item]
        return bool(await self.script(scripts.SEED, room, table, records.stamp(records.now()), *flat))

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
            if await self.script(scripts.CHANGE, room, product, row, wished):
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
        """Store messages as waiting questions, within the room's limits."""
        return await self._questions.accept(room, messages)

    async def waiting(self, room: str, limit: int) -> list[Question]:
        """The questions that wait, oldest first."""
        return await self._questions.waiting(room, limit)

    async def claim(self, room: str, ids: Sequence[str], *, answered_with: str = "") -> list[Question]:
        """Take these questions, as far as they wait still."""
        return await self._questions.claim(room, ids, answered_with)

    async def settle(
        self,
        room: str,
        question_id: str,
        state: QuestionState,
        note: str = "",
        *,
        answer: str = "",
        trace: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Question:
        """Say what became of a question; the same state again changes nothing."""
        return await self._questions.settle(room, question_id, state, note, answer, trace, detail)

    async def requeue_claimed(self, room: str) -> int:
        """Give back what a stopped show had claimed and not sent."""
        return await self._questions.requeue_claimed(room)

    async def expire(self, room: str, before: datetime, limit: int = 200) -> list[Question]:
        """Expire the oldest waiting questions that were sent before an instant."""
        return await self._questions.expire(room, before, limit)

    async def question(self, room: str, question_id: str) -> Question | None:
        """One question, or None."""
        return await self._questions.question(room, question_id)

    async def questions(
        self, room: str, limit: int = 50, before: str | None = None, state: QuestionState | None = None
    ) -> list[Question]:
        """Newest first; `before` is the id of the last question of the page before."""
        return await self._questions.questions(room, limit, before, state)

    async def mute(self, room: str, who: str, until: datetime | None = None, by: str = "") -> list[Question]:
        """Take no more messages of a viewer; returns what of theirs is blocked by it."""
        return await self._questions.mute(room, who, until, by)

    async def unmute(self, room: str, who: str) -> None:
        """Take a viewer's messages again; raises NotStored."""
        await self._questions.unmute(room, who)

    async def muted(self, room: str) -> list[Muted]:
        """Who is muted now."""
        return await self._questions.muted(room)

    # ---- the operators' own answers

    async def faq_entries(self) -> list[FaqEntry]:
        """All entries, in the order they were added."""
        found = await self._do("hgetall", _prefix(HOUSE) + "faq_entries")
        rows = [(name, *row.split(":", 2)) for name, row in found.items()]
        return [
            records.faq_of(name, body, version)
            for name, version, _, body in sorted(rows, key=lambda row: int(row[2]))
        ]

    async def put_faq_entry(
        self, entry_id: str, values: Mapping[str, Any], if_version: int | None = None
    ) -> FaqEntry:
        """Replace or add an entry."""
        body = records.to_json(values)
        return records.faq_of(
            entry_id, body, await self._put(HOUSE, "faq_entries", entry_id, body, if_version)
        )

    async def put_faq_entries(self, entries: Mapping[str, Mapping[str, Any]]) -> list[FaqEntry]:
        """Replace or add several entries, all or none."""
        bodies = {name: records.to_json(values) for name, values in entries.items()}
        flat = [part for item in bodies.items() for part in item]
        versions = await self.script(scripts.PUT_ALL, HOUSE, "faq_entries", *flat)
        return [
            records.faq_of(name, body, version)
            for (name, body), version in zip(bodies.items(), versions, strict=True)
        ]

    async def delete_faq_entry(self, entry_id: str, if_version: int | None = None) -> None:
        """Remove an entry; raises NotStored or VersionConflict."""
        await self._delete(HOUSE, "faq_entries", entry_id, if_version)


def _prefix(room: str) -> str:
    return f"livehost:{{{room}}}:"


def _change(row: str) -> ProductChange:
    version, at, values = row.split("|", 2)
    return records.change_of(values, version, at)


def _judge(fate: str, table: str, room: str, name: str, if_version: int | None, version: int) -> None:
    """Raise what a script says went wrong with a row."""
    what = named(table, name)
    match fate:
        case "missing":
            raise absent(table, room, name)
        case "there":
            raise AlreadyThere(f"{what} is there already: choose another id, or change that one")
        case "conflict":
            raise VersionConflict(what, wanted=if_version or 0, current=version)
