"""SQL for the tables that stores share: rows with a version (slots, outputs) and a room's facts."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from livehost.store import records
from livehost.store.protocol import NotStored, VersionConflict

Db = sqlite3.Connection

HOUSE = "_house"
"""Stands for the room in rows that all rooms share; no room can be called so."""

_KEYS = {"slots": "id", "outputs": "name", "faq_entries": "id"}
_NAMES = {"slots": "slot", "outputs": "output", "faq_entries": "FAQ entry"}


def named(table: str, name: str) -> str:
    """A row as a message names it."""
    return f"{_NAMES[table]} {name}"


def absent(table: str, room: str, name: str) -> NotStored:
    """The error for a row that is not there."""
    where = "" if room == HOUSE else f" in room {room}"
    return NotStored(f"there is no {named(table, name)}{where}")


def items(db: Db, table: str, room: str) -> list[sqlite3.Row]:
    """A room's rows, in the order they were added."""
    return db.execute(f"SELECT * FROM {table} WHERE room = ? ORDER BY rowid", (room,)).fetchall()


def version(db: Db, table: str, room: str, name: str) -> int | None:
    """The row's version, or None where there is no row."""
    row = db.execute(
        f"SELECT version FROM {table} WHERE room = ? AND {_KEYS[table]} = ?", (room, name)
    ).fetchone()
    return None if row is None else int(row["version"])


def require(db: Db, table: str, room: str, name: str, if_version: int | None) -> None:
    """Raise NotStored or VersionConflict unless the row is at `if_version` (None: anything goes)."""
    if if_version is None:
        return
    current = version(db, table, room, name)
    if current is None:
        raise absent(table, room, name)
    if current != if_version:
        raise VersionConflict(named(table, name), wanted=if_version, current=current)


def put(db: Db, table: str, room: str, name: str, body: str) -> int:
    """Write the row and return its new version."""
    row = db.execute(
        f"INSERT INTO {table} (room, {_KEYS[table]}, body, version) VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE"
        " SET body = excluded.body, version = version + 1 RETURNING version",
        (room, name, body),
    ).fetchone()
    return int(row["version"])


def delete(db: Db, table: str, room: str, name: str, if_version: int | None) -> None:
    """Remove the row; raises NotStored or VersionConflict."""
    if version(db, table, room, name) is None:
        raise absent(table, room, name)
    require(db, table, room, name, if_version)
    db.execute(f"DELETE FROM {table} WHERE room = ? AND {_KEYS[table]} = ?", (room, name))


def seed(db: Db, table: str, room: str, bodies: Mapping[str, str]) -> bool:
    """Write the rows, once in the room's life; says whether it did."""
    if fact(db, room, f"seeded_{table}") is not None:
        return False
    keep_fact(db, room, f"seeded_{table}", records.stamp(records.now()))
    for name, body in bodies.items():
        put(db, table, room, name, body)
    return True


def fact(db: Db, room: str, name: str) -> str | None:
    """A room's single fact, or None."""
    row = db.execute("SELECT body FROM room_facts WHERE room = ? AND name = ?", (room, name)).fetchone()
    return None if row is None else str(row["body"])


def keep_fact(db: Db, room: str, name: str, body: str | None) -> None:
    """Write a room's single fact; None takes it away."""
    if body is None:
        db.execute("DELETE FROM room_facts WHERE room = ? AND name = ?", (room, name))
    else:
        db.execute(
            "INSERT OR REPLACE INTO room_facts (room, name, body) VALUES (?, ?, ?)", (room, name, body)
        )
