"""SQL for the viewers' questions and for who is muted; each function is part of one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from livehost.store import records
from livehost.store.protocol import (
    KEEP_SETTLED_DAYS,
    UNSETTLED,
    Accepted,
    ChatMessage,
    InboxLimits,
    Muted,
    NotStored,
    Question,
    QuestionState,
    check_transition,
    refusal,
)
from livehost.store.question_types import is_viewer, name_key

Db = sqlite3.Connection

_AGED_AT_ONCE = 1000
_OPEN = ", ".join(f"'{state}'" for state in UNSETTLED)
_UNSENT = "'accepted', 'claimed', 'held'"  # open, and not with playout


def waiting_count(db: Db, room: str) -> int:
    """How many questions wait in a room."""
    row = db.execute("SELECT count(*) FROM questions WHERE room = ? AND state = 'accepted'", (room,))
    return int(row.fetchone()[0])


def accept(db: Db, room: str, messages: Sequence[ChatMessage], limits: InboxLimits, waiting: int) -> Accepted:
    """Store what may be stored; `waiting` questions wait already."""
    at = records.stamp(records.now())
    known = _known(db, room, messages)
    silent = _muted_now(db, room, at)
    silent_names = {name_key(who) for who in silent}
    held = _waiting_of(db, room, {message.who for message in messages})
    rows: list[tuple[Any, ...]] = []
    stored: list[str] = []
    duplicate = 0
    reasons: dict[str, str] = {}
    for message in messages:
        if message.id in known:
            duplicate += 1
            continue
        who = message.who
        reason = refusal(message)
        if reason is None and (message.user_id in silent or name_key(message.user) in silent_names):
            reason = "muted"
        if reason is None and who and held.get(who, 0) >= limits.user:
            reason = "user_full"
        if reason is None and waiting >= limits.room:
            reason = "inbox_full"
        if reason is not None:
            reasons[message.id] = reason
            continue
        known.add(message.id)
        stored.append(message.id)
        held[who] = held.get(who, 0) + 1
        waiting += 1
        rows.append(
            (
                room, message.id, message.user, message.text, records.stamp(message.at), at,
                message.user_id, message.source, message.buyer, who,
            )
        )  # fmt: skip
    db.executemany(
        "INSERT INTO questions (room, id, user, text, at, state, updated_at, user_id, source, buyer, who)"
        " VALUES (?, ?, ?, ?, ?, 'accepted', ?, ?, ?, ?, ?)",
        rows,
    )
    rejected = len(messages) - len(stored) - duplicate
    return Accepted(
        accepted=len(stored), duplicate=duplicate, rejected=rejected, reasons=reasons, stored=tuple(stored)
    )


def _known(db: Db, room: str, messages: Sequence[ChatMessage]) -> set[str]:
    """The ids of those that are stored already."""
    ids = json.dumps([message.id for message in messages if refusal(message) != "id_unusable"])
    found = db.execute(
        "SELECT id FROM questions WHERE room = ? AND id IN (SELECT value FROM json_each(?))", (room, ids)
    )
    return {row[0] for row in found}


def _muted_now(db: Db, room: str, at: str) -> set[str]:
    found = db.execute(
        "SELECT who FROM muted WHERE room = ? AND (until IS NULL OR until > ?)", (room, at)
    ).fetchall()
    return {row[0] for row in found}


def _waiting_of(db: Db, room: str, whose: Iterable[str]) -> dict[str, int]:
    names = json.dumps([who for who in whose if who])
    found = db.execute(
        "SELECT who, count(*) FROM questions WHERE room = ? AND state = 'accepted'"
        " AND who IN (SELECT value FROM json_each(?)) GROUP BY who",
        (room, names),
    )
    return {row[0]: int(row[1]) for row in found}


def waiting(db: Db, room: str, limit: int) -> list[Question]:
    """The oldest waiting questions."""
    found = db.execute(
        "SELECT * FROM questions WHERE room = ? AND state = 'accepted' ORDER BY seq LIMIT ?",
        (room, max(0, limit)),
    )
    return [records.question_of(row) for row in found]


def claim(db: Db, room: str, ids: Sequence[str], answered_with: str) -> list[Question]:
    """Take those of the ids that wait still, in the order of the ids."""
    if answered_with:
        row = db.execute(
            "SELECT state FROM questions WHERE room = ? AND id = ?", (room, answered_with)
        ).fetchone()
        may = ("accepted",) if answered_with in ids else ("claimed", "sent", "held")
        if row is None or row["state"] not in may:
            return []
    found = db.execute(
        "UPDATE questions SET state = 'claimed', updated_at = :at, joined = iif(id = :with, '', :with)"
        " WHERE room = :room AND state = 'accepted' AND id IN (SELECT value FROM json_each(:ids))"
        " RETURNING *",
        {
            "at": records.stamp(records.now()), "room": room, "with": answered_with,
            "ids": json.dumps(list(ids)),
        },
    ).fetchall()  # fmt: skip
    taken = {row["id"]: records.question_of(row) for row in found}
    return [taken[one] for one in dict.fromkeys(ids) if one in taken]


def settle(
    db: Db,
    room: str,
    question_id: str,
    state: QuestionState,
    note: str,
    answer: str,
    trace: str,
    detail: Mapping[str, Any] | None,
) -> Question:
    """Move a question to a state; raises NotStored or TransitionRefused."""
    row = db.execute("SELECT * FROM questions WHERE room = ? AND id = ?", (room, question_id)).fetchone()
    if row is None:
        raise NotStored(f"there is no question {question_id} in room {room}")
    if not check_transition(question_id, QuestionState(row["state"]), state):
        return records.question_of(row)
    settled = db.execute(
        "UPDATE questions SET state = ?, note = ?, answer = ?, trace = ?, detail = ?, updated_at = ?,"
        " joined = '' WHERE seq = ? RETURNING *",
        (
            state.value, note, answer, trace, records.to_json(detail or {}), records.stamp(records.now()),
            row["seq"],
        ),
    ).fetchone()  # fmt: skip
    together = _with(db, settled, row["state"])
    return replace(records.question_of(settled), together=together)


def _with(db: Db, settled: sqlite3.Row, was: str) -> tuple[str, ...]:
    """Move those that share a question's answer with it; returns their ids."""
    found = db.execute(
        "UPDATE questions SET state = :state, note = :note, answer = :answer, trace = :trace,"
        " updated_at = :updated_at, joined = iif(:state = 'accepted', '', joined)"
        f" WHERE room = :room AND joined = :id AND state IN (:was, {_OPEN}) RETURNING seq, id",
        {**dict(settled), "was": was},
    ).fetchall()
    return tuple(row["id"] for row in sorted(found, key=lambda row: int(row["seq"])))


def requeue_claimed(db: Db, room: str) -> int:
    """Give claimed questions back to the queue."""
    return db.execute(
        "UPDATE questions SET state = 'accepted', joined = '', updated_at = ?"
        " WHERE room = ? AND state = 'claimed'",
        (records.stamp(records.now()), room),
    ).rowcount


def expire(db: Db, room: str, before: datetime, limit: int) -> list[Question]:
    """Expire the oldest waiting questions that were sent before an instant."""
    found = db.execute(
        "UPDATE questions SET state = 'expired', updated_at = ? WHERE seq IN"
        " (SELECT seq FROM questions WHERE room = ? AND state = 'accepted' AND at < ? ORDER BY seq LIMIT ?)"
        " RETURNING *",
        (records.stamp(records.now()), room, records.stamp(before), max(0, limit)),
    ).fetchall()
    return [records.question_of(row) for row in sorted(found, key=lambda row: int(row["seq"]))]


def forget_aged(db: Db) -> None:
    """Drop settled questions after `KEEP_SETTLED_DAYS`, some at a time; the journal keeps its own."""
    aged = records.stamp(records.now() - timedelta(days=KEEP_SETTLED_DAYS))
    db.execute(
        "DELETE FROM questions WHERE seq IN (SELECT seq FROM questions WHERE updated_at < ?"
        f" AND state NOT IN ({_OPEN}) LIMIT ?)",
        (aged, _AGED_AT_ONCE),
    )


def question(db: Db, room: str, question_id: str) -> Question | None:
    """One question."""
    row = db.execute("SELECT * FROM questions WHERE room = ? AND id = ?", (room, question_id)).fetchone()
    return None if row is None else records.question_of(row)


def questions(
    db: Db, room: str, limit: int, before: str | None, state: QuestionState | None
) -> list[Question]:
    """A page of questions, newest first."""
    found = db.execute(
        "SELECT * FROM questions WHERE room = :room AND (:state IS NULL OR state = :state)"
        " AND (:before IS NULL OR seq < (SELECT seq FROM questions WHERE room = :room AND id = :before))"
        " ORDER BY seq DESC LIMIT :limit",
        {"room": room, "state": state, "before": before, "limit": max(0, limit)},
    )
    return [records.question_of(row) for row in found]


def mute(db: Db, room: str, who: str, until: datetime | None, by: str) -> list[Question]:
    """Note a muted viewer and block what of theirs is not with playout yet."""
    at = records.stamp(records.now())
    db.execute(
        "INSERT INTO muted (room, who, until, by, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET until = excluded.until, by = excluded.by, at = excluded.at",
        (room, who, None if until is None else records.stamp(until), by, at),
    )
    theirs = [
        row["seq"]
        for row in db.execute(
            f"SELECT seq, user_id, user FROM questions WHERE room = ? AND state IN ({_UNSENT})", (room,)
        )
        if is_viewer(who, user_id=row["user_id"], user=row["user"])
    ]
    found = db.execute(
        "UPDATE questions SET state = 'blocked', note = 'muted', updated_at = ?"
        " WHERE seq IN (SELECT value FROM json_each(?)) RETURNING *",
        (at, json.dumps(theirs)),
    ).fetchall()
    gone = json.dumps([row["id"] for row in found])
    db.execute(
        "UPDATE questions SET state = 'accepted', joined = '', updated_at = ? WHERE room = ?"
        f" AND state IN ({_UNSENT}) AND joined IN (SELECT value FROM json_each(?))",
        (at, room, gone),
    )
    return [records.question_of(row) for row in sorted(found, key=lambda row: int(row["seq"]))]


def unmute(db: Db, room: str, who: str) -> None:
    """Forget that a viewer is muted; raises NotStored."""
    rows = db.execute("SELECT who FROM muted WHERE room = ?", (room,)).fetchall()
    same = [row["who"] for row in rows if name_key(row["who"]) == name_key(who)]
    if not same:
        raise NotStored(f"{who} is not muted in room {room}")
    db.executemany("DELETE FROM muted WHERE room = ? AND who = ?", [(room, one) for one in same])


def muted(db: Db, room: str) -> list[Muted]:
    """Who is muted now; those whose term is over are forgotten."""
    db.execute("DELETE FROM muted WHERE room = ? AND until <= ?", (room, records.stamp(records.now())))
    found = db.execute("SELECT * FROM muted WHERE room = ? ORDER BY rowid", (room,))
    return [records.muted_of(row) for row in found]
