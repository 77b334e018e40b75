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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from livehost.settings import Output, Override, Slot
from livehost.store import records
from livehost.store import sqlite_rows as rows
from livehost.store.migrations import migrate
from livehost.store.protocol import (
    DEFAULT_INBOX_LIMIT,
    KEEP_SETTLED_DAYS,
    Accepted,
    AlreadyThere,
    ChatMessage,
    NotStored,
    ProductChange,
    Question,
    QuestionState,
    Session,
    StoredOutput,
    StoreUnavailable,
    VersionConflict,
    VersionedSlot,
    check_transition,
    refusal,
)
from livehost.store.sqlite_rows import Db

_T = TypeVar("_T")


@asynccontextmanager
async def open_sqlite(
    file: Path, inbox_limits: Mapping[str, int] | None = None
) -> AsyncIterator[SqliteStore]:
    """The store in `file`, made or migrated as needed; raises StoreUnavailable or SchemaTooNew."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="store") as thread:
        loop = asyncio.get_running_loop()
        try:
            connection = await loop.run_in_executor(thread, _connect, file)
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreUnavailable(
                f"{file} cannot be opened: {error}; check its rights, or move a broken file away"
            ) from error
        try:
            yield SqliteStore(connection, thread, inbox_limits or {})
        finally:
            await asyncio.shield(loop.run_in_executor(thread, connection.close))


def _connect(file: Path) -> Db:
    """Open the file for its owner only, durable at every commit, and migrate it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    connection = sqlite3.connect(file, isolation_level=None, timeout=10)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
        aged = records.stamp(records.now() - timedelta(days=KEEP_SETTLED_DAYS))
        connection.execute(
            "DELETE FROM questions WHERE updated_at < ? AND state NOT IN ('accepted', 'claimed')", (aged,)
        )
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteStore:
    """`Store` over one SQLite file; make it with `open_sqlite`."""

    def __init__(self, connection: Db, thread: ThreadPoolExecutor, inbox_limits: Mapping[str, int]) -> None:
        self._connection = connection
        self._thread = thread
        self._inbox_limits = dict(inbox_limits)

    async def _run(self, work: Callable[[Db], _T]) -> _T:
        """The one place where work crosses to the store's thread; `work` is one transaction."""

        def transaction() -> _T:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return result

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(
                f"the store's file cannot be used: {error}; check the disk's space and rights"
            ) from error

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
        """Store messages as waiting questions; at most the room's inbox limit wait."""
        limit = self._inbox_limits.get(room, DEFAULT_INBOX_LIMIT)

        def work(db: Db) -> Accepted:
            waiting = db.execute(
                "SELECT count(*) FROM questions WHERE room = ? AND state = 'accepted'", (room,)
            ).fetchone()[0]
            stored = duplicate = rejected = 0
            reasons: dict[str, str] = {}
            at = records.stamp(records.now())
            for message in messages:
                reason = refusal(message)
                known = db.execute(
                    "SELECT 1 FROM questions WHERE room = ? AND id = ?", (room, message.id)
                ).fetchone()
                if known is not None:
                    duplicate += 1
                    continue
                if reason is None and waiting + stored >= limit:
                    reason = "inbox_full"
                if reason is not None:
                    rejected += 1
                    reasons[message.id] = reason
                    continue
                db.execute(
                    "INSERT INTO questions (room, id, user, text, at, state, updated_at)"
                    " VALUES (?, ?, ?, ?, ?, 'accepted', ?)",
                    (room, message.id, message.user, message.text, records.stamp(message.at), at),
                )
                stored += 1
            return Accepted(accepted=stored, duplicate=duplicate, rejected=rejected, reasons=reasons)

        return await self._run(work)

    async def claim(self, room: str, limit: int) -> list[Question]:
        """Take the oldest waiting questions; nobody else gets the same ones."""
        found = await self._run(
            lambda db: db.execute(
                "UPDATE questions SET state = 'claimed', updated_at = ? WHERE seq IN"
                " (SELECT seq FROM questions"
                " WHERE room = ? AND state = 'accepted' ORDER BY seq LIMIT ?) RETURNING *",
                (records.stamp(records.now()), room, max(0, limit)),
            ).fetchall()
        )
        return [records.question_of(row) for row in sorted(found, key=lambda row: int(row["seq"]))]

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

        def work(db: Db) -> Question:
            row = db.execute(
                "SELECT * FROM questions WHERE room = ? AND id = ?", (room, question_id)
            ).fetchone()
            if row is None:
                raise NotStored(f"there is no question {question_id} in room {room}")
            if not check_transition(question_id, QuestionState(row["state"]), state):
                return records.question_of(row)
            settled = db.execute(
                "UPDATE questions SET state = ?, note = ?, answer = ?, trace = ?, updated_at = ?"
                " WHERE seq = ? RETURNING *",
                (state.value, note, answer, trace, records.stamp(records.now()), row["seq"]),
            ).fetchone()
            return records.question_of(settled)

        return await self._run(work)

    async def requeue_claimed(self, room: str) -> int:
        """Give back what a stopped show had claimed and not said."""
        return await self._run(
            lambda db: (
                db.execute(
                    "UPDATE questions SET state = 'accepted', updated_at = ?"
                    " WHERE room = ? AND state = 'claimed'",
                    (records.stamp(records.now()), room),
                ).rowcount
            )
        )

    async def expire(self, room: str, before: datetime) -> int:
        """Expire waiting questions that were sent before an instant."""
        return await self._run(
            lambda db: (
                db.execute(
                    "UPDATE questions SET state = 'expired', updated_at = ?"
                    " WHERE room = ? AND state = 'accepted' AND at < ?",
                    (records.stamp(records.now()), room, records.stamp(before)),
                ).rowcount
            )
        )

    async def questions(
        self, room: str, limit: int = 50, before: str | None = None, state: QuestionState | None = None
    ) -> list[Question]:
        """Newest first; `before` is the id of the last question of the page before."""
        found = await self._run(
            lambda db: db.execute(
                "SELECT * FROM questions WHERE room = :room AND (:state IS NULL OR state = :state)"
                " AND (:before IS NULL OR"
                " seq < (SELECT seq FROM questions WHERE room = :room AND id = :before))"
                " ORDER BY seq DESC LIMIT :limit",
                {"room": room, "state": state, "before": before, "limit": max(0, limit)},
            ).fetchall()
        )
        return [records.question_of(row) for row in found]
