"""The embedded store: one SQLite file in WAL mode, touched by one thread of its own.

Every method is one transaction, so what it did is whole and durable when it returns.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from livehost.settings import Output, Override, Slot
from livehost.store import records
from livehost.store import sqlite_questions as questions
from livehost.store import sqlite_rows as rows
from livehost.store.migrations import connect
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
    Session,
    StoredOutput,
    StoreUnavailable,
    VersionConflict,
    VersionedSlot,
)
from livehost.store.sqlite_rows import Db

_T = TypeVar("_T")


@asynccontextmanager
async def open_sqlite(
    file: Path, limits: Mapping[str, InboxLimits] | None = None
) -> AsyncIterator[SqliteStore]:
    """The store in `file`, made or migrated as needed; raises StoreUnavailable or SchemaTooNew."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="store") as thread:
        loop = asyncio.get_running_loop()
        try:
            connection = await loop.run_in_executor(thread, connect, file)
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreUnavailable(
                f"{file} cannot be opened: {error}; check its rights, or move a broken file away"
            ) from error
        try:
            await loop.run_in_executor(thread, questions.forget_aged, connection)
            yield SqliteStore(connection, thread, limits or {})
        finally:
            await asyncio.shield(loop.run_in_executor(thread, connection.close))


class SqliteStore:
    """`Store` over one SQLite file; make it with `open_sqlite`."""

    def __init__(self, connection: Db, thread: ThreadPoolExecutor, limits: Mapping[str, InboxLimits]) -> None:
        self._connection = connection
        self._thread = thread
        self._limits = dict(limits)
        self._waiting: dict[str, int] = {}  # how many wait, by room; touched by the store's thread alone
        self._arrived: list[tuple[str, Sequence[ChatMessage], asyncio.Future[Accepted]]] = []
        self._storing = False

    def _transaction(self, work: Callable[[Db], _T]) -> _T:
        """Do `work` whole or not at all; runs on the store's thread."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            self._waiting.clear()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return result

    async def _run(self, work: Callable[[Db], _T]) -> _T:
        """Where work crosses to the store's thread; `work` is one transaction."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)
        except sqlite3.OperationalError as error:
            raise _unavailable(error) from error

    # ---- timetable ---------------------------------------------------------------------------

    async def slots(self, room: str) -> list[VersionedSlot]:
        """The room's timetable, in the order it was added."""
        found = await self._run(lambda db: rows.items(db, "slots", room))
        return [VersionedSlot(slot=records.slot_of(row["body"]), version=row["version"]) for row in found]

    async def add_slot(self, room: str, slot: Slot) -> VersionedSlot:
        """Add a slot; raises AlreadyThere."""

        def work(db: Db) -> VersionedSlot:
            if rows.version(db, "slots", room, slot.id) is not None:
                raise AlreadyThere(f"slot {slot.id} is there already: choose another id, or change that one")
            return VersionedSlot(
                slot=slot, version=rows.put(db, "slots", room, slot.id, records.slot_json(slot))
            )

        return await self._run(work)

    async def put_slot(self, room: str, slot: Slot, if_version: int | None = None) -> VersionedSlot:
        """Replace or add a slot; with `if_version`, only that one."""

        def work(db: Db) -> VersionedSlot:
            rows.require(db, "slots", room, slot.id, if_version)
            return VersionedSlot(
                slot=slot, version=rows.put(db, "slots", room, slot.id, records.slot_json(slot))
            )

        return await self._run(work)

    async def delete_slot(self, room: str, slot_id: str, if_version: int | None = None) -> None:
        """Remove a slot; raises NotStored or VersionConflict."""
        await self._run(lambda db: rows.delete(db, "slots", room, slot_id, if_version))

    async def seed_slots(self, room: str, slots: Sequence[Slot]) -> bool:
        """Take over the configured slots, once in the room's life."""
        bodies = {slot.id: records.slot_json(slot) for slot in slots}
        return await self._run(lambda db: rows.seed(db, "slots", room, bodies))

    async def override(self, room: str) -> Override | None:
        """What somebody put on by hand, also when it is over."""
        text = await self._run(lambda db: rows.fact(db, room, "override"))
        return None if text is None else records.override_of(text)

    async def set_override(self, room: str, override: Override | None) -> None:
        """Put something on by hand, or take it away."""
        text = None if override is None else records.override_json(override)
        await self._run(lambda db: rows.keep_fact(db, room, "override", text))

    # ---- sessions and the room ---------------------------------------------------------------

    async def session(self, room: str) -> Session | None:
        """The room's last session."""
        text = await self._run(lambda db: rows.fact(db, room, "session"))
        return None if text is None else records.session_of(text)

    async def save_session(self, session: Session) -> None:
        """Keep the session as the room's last one."""
        await self._run(lambda db: rows.keep_fact(db, session.room, "session", records.session_json(session)))

    async def next_epoch(self, room: str) -> int:
        """A number higher than any before."""

        def work(db: Db) -> int:
            epoch = int(rows.fact(db, room, "epoch") or 0) + 1
            rows.keep_fact(db, room, "epoch", str(epoch))
            return epoch

        return await self._run(work)

    async def room_state(self, room: str) -> dict[str, Any]:
        """The rundown's position, the duty mode and the like; empty at first."""
        text = await self._run(lambda db: rows.fact(db, room, "state"))
        state: dict[str, Any] = json.loads(text or "{}")
        return state

    async def save_room_state(self, room: str, state: Mapping[str, Any]) -> None:
        """Keep the room's state, whole."""
        text = records.to_json(state)
        await self._run(lambda db: rows.keep_fact(db, room, "state", text))

    # ---- products and outputs ----------------------------------------------------------------

    async def product_changes(self, room: str) -> dict[str, ProductChange]:
        """All live changes, by product id."""
        found = await self._run(
            lambda db: db.execute("SELECT * FROM product_changes WHERE room = ?", (room,)).fetchall()
        )
        return {row["product"]: records.change_of(row["body"], row["version"], row["at"]) for row in found}

    async def change_product(
        self, room: str, product: str, values: Mapping[str, Any], if_version: int | None = None
    ) -> ProductChange:
        """Merge fields into a product's change; version 0 means that none was made yet."""

        def work(db: Db) -> ProductChange:
            row = db.execute(
                "SELECT body, version FROM product_changes WHERE room = ? AND product = ?", (room, product)
            ).fetchone()
            current = row["version"] if row else 0
            if if_version is not None and if_version != current:
                raise VersionConflict(f"product {product}", wanted=if_version, current=current)
            body = records.to_json({**(json.loads(row["body"]) if row else {}), **values})
            at = records.stamp(records.now())
            db.execute(
                "INSERT OR REPLACE INTO product_changes (room, product, body, version, at)"
                " VALUES (?, ?, ?, ?, ?)",
                (room, product, body, current + 1, at),
            )
            return records.change_of(body, current + 1, at)

        return await self._run(work)

    async def outputs(self, room: str) -> list[StoredOutput]:
        """The room's destinations, in the order they were added."""
        found = await self._run(lambda db: rows.items(db, "outputs", room))
        return [records.output_of(row["body"], row["version"]) for row in found]

    async def put_output(self, room: str, output: Output, if_version: int | None = None) -> StoredOutput:
        """Replace or add a destination."""
        body = records.output_json(output)

        def work(db: Db) -> StoredOutput:
            rows.require(db, "outputs", room, output.name, if_version)
            return records.output_of(body, rows.put(db, "outputs", room, output.name, body))

        return await self._run(work)

    async def delete_output(self, room: str, name: str, if_version: int | None = None) -> None:
        """Remove a destination; raises NotStored or VersionConflict."""
        await self._run(lambda db: rows.delete(db, "outputs", room, name, if_version))

    async def seed_outputs(self, room: str, outputs: Sequence[Output]) -> bool:
        """Take over the configured outputs, once in the room's life."""
        bodies = {output.name: records.output_json(output) for output in outputs}
        return await self._run(lambda db: rows.seed(db, "outputs", room, bodies))

    # ---- viewers' questions ------------------------------------------------------------------

    async def accept(self, room: str, messages: Sequence[ChatMessage]) -> Accepted:
        """Store messages as waiting questions; what comes at once is stored in one commit."""
        stored: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._arrived.append((room, messages, stored))
        if not self._storing:
            self._store_arrived()
        return await stored

    def _store_arrived(self) -> None:
        """Hand all that arrived to the store's thread; what comes meanwhile is the next commit's."""
        arrived, self._arrived = self._arrived, []
        self._storing = True

        def work(db: Db) -> list[Accepted]:
            return [self._accept(db, room, messages) for room, messages, _ in arrived]

        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._transaction, work)
        done.add_done_callback(lambda _: self._stored([stored for _, _, stored in arrived], done))

    def _stored(
        self, waiters: Sequence[asyncio.Future[Accepted]], done: asyncio.Future[list[Accepted]]
    ) -> None:
        """Tell everyone of a commit what became of theirs."""
        self._storing = False
        if self._arrived:
            self._store_arrived()
        error = done.exception()
        for place, waiter in enumerate(waiters):
            if waiter.done():
                continue  # whoever waited for it has gone away
            if error is None:
                waiter.set_result(done.result()[place])
            else:
                waiter.set_exception(_unavailable(error))

    def _accept(self, db: Db, room: str, messages: Sequence[ChatMessage]) -> Accepted:
        waiting = self._waiting.get(room)
        if waiting is None:
            waiting = questions.waiting_count(db, room)
        result = questions.accept(db, room, messages, self._limits.get(room, InboxLimits()), waiting)
        self._waiting[room] = waiting + result.accepted
        return result

    async def waiting(self, room: str, limit: int) -> list[Question]:
        """The questions that wait, oldest first."""
        return await self._run(lambda db: questions.waiting(db, room, limit))

    async def claim(self, room: str, ids: Sequence[str], *, answered_with: str = "") -> list[Question]:
        """Take these questions, as far as they wait still."""
        return await self._change(room, lambda db: questions.claim(db, room, ids, answered_with))

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
        return await self._change(
            room, lambda db: questions.settle(db, room, question_id, state, note, answer, trace, detail)
        )

    async def requeue_claimed(self, room: str) -> int:
        """Give back what a stopped show had claimed and not sent."""
        return await self._change(room, lambda db: questions.requeue_claimed(db, room))

    async def expire(self, room: str, before: datetime, limit: int = 200) -> list[Question]:
        """Expire the oldest waiting questions that were sent before an instant."""

        def work(db: Db) -> list[Question]:
            questions.forget_aged(db)
            return questions.expire(db, room, before, limit)

        return await self._change(room, work)

    async def question(self, room: str, question_id: str) -> Question | None:
        """One question, or None."""
        return await self._run(lambda db: questions.question(db, room, question_id))

    async def questions(
        self, room: str, limit: int = 50, before: str | None = None, state: QuestionState | None = None
    ) -> list[Question]:
        """Newest first; `before` is the id of the last question of the page before."""
        return await self._run(lambda db: questions.questions(db, room, limit, before, state))

    async def mute(self, room: str, who: str, until: datetime | None = None, by: str = "") -> list[Question]:
        """Take no more messages of a viewer; returns what of theirs is blocked by it."""
        return await self._change(room, lambda db: questions.mute(db, room, who, until, by))

    async def unmute(self, room: str, who: str) -> None:
        """Take a viewer's messages again; raises NotStored."""
        await self._run(lambda db: questions.unmute(db, room, who))

    async def muted(self, room: str) -> list[Muted]:
        """Who is muted now."""
        return await self._run(lambda db: questions.muted(db, room))

    async def _change(self, room: str, work: Callable[[Db], _T]) -> _T:
        """A transaction that changes who waits: the count is taken anew by the next `accept`."""

        def counted_anew(db: Db) -> _T:
            self._waiting.pop(room, None)
            return work(db)

        return await self._run(counted_anew)

    # ---- the operators' own answers ----------------------------------------------------------

    async def faq_entries(self) -> list[FaqEntry]:
        """All entries, in the order they were added."""
        found = await self._run(lambda db: rows.items(db, "faq_entries", rows.HOUSE))
        return [records.faq_of(row["id"], row["body"], row["version"]) for row in found]

    async def put_faq_entry(
        self, entry_id: str, values: Mapping[str, Any], if_version: int | None = None
    ) -> FaqEntry:
        """Replace or add an entry."""
        body = records.to_json(values)

        def work(db: Db) -> FaqEntry:
            rows.require(db, "faq_entries", rows.HOUSE, entry_id, if_version)
            return records.faq_of(entry_id, body, rows.put(db, "faq_entries", rows.HOUSE, entry_id, body))

        return await self._run(work)

    async def put_faq_entries(self, entries: Mapping[str, Mapping[str, Any]]) -> list[FaqEntry]:
        """Replace or add several entries, all or none."""
        bodies = {name: records.to_json(values) for name, values in entries.items()}
        return await self._run(
            lambda db: [
                records.faq_of(name, body, rows.put(db, "faq_entries", rows.HOUSE, name, body))
                for name, body in bodies.items()
            ]
        )

    async def delete_faq_entry(self, entry_id: str, if_version: int | None = None) -> None:
        """Remove an entry; raises NotStored or VersionConflict."""
        await self._run(lambda db: rows.delete(db, "faq_entries", rows.HOUSE, entry_id, if_version))


def _unavailable(error: BaseException) -> BaseException:
    """A fault of the file as StoreUnavailable; anything else as it is."""
    if not isinstance(error, sqlite3.OperationalError):
        return error
    told = StoreUnavailable(f"the store's file cannot be used: {error}; check the disk's space and rights")
    told.__cause__ = error
    return told
