"""The SQLite schema, one step a version; a step that was released is never edited."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from livehost.store.protocol import SchemaTooNew

STEPS: tuple[str, ...] = (
    # 1: what the first build kept
    """
    CREATE TABLE slots (
        room TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, version INTEGER NOT NULL,
        PRIMARY KEY (room, id)
    );
    CREATE TABLE outputs (
        room TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, version INTEGER NOT NULL,
        PRIMARY KEY (room, name)
    );
    CREATE TABLE product_changes (
        room TEXT NOT NULL, product TEXT NOT NULL, body TEXT NOT NULL, version INTEGER NOT NULL,
        at TEXT NOT NULL, PRIMARY KEY (room, product)
    );
    CREATE TABLE room_facts (
        room TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (room, name)
    );
    CREATE TABLE questions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        room TEXT NOT NULL, id TEXT NOT NULL, user TEXT NOT NULL, text TEXT NOT NULL, at TEXT NOT NULL,
        state TEXT NOT NULL, updated_at TEXT NOT NULL, note TEXT NOT NULL DEFAULT '',
        UNIQUE (room, id)
    );
    CREATE INDEX questions_by_state ON questions (room, state, seq);
    """,
    # 2: what was answered, and the trace that leads from the question to the sound
    """
    ALTER TABLE questions ADD COLUMN answer TEXT NOT NULL DEFAULT '';
    ALTER TABLE questions ADD COLUMN trace TEXT NOT NULL DEFAULT '';
    CREATE INDEX questions_by_age ON questions (updated_at);
    """,
    # 3: who asked by the platform's id, by what way it came, what the person on duty needs to see, which
    # question's answer it shares; who is muted; the operators' own answers
    """
    ALTER TABLE questions ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE questions ADD COLUMN source TEXT NOT NULL DEFAULT '';
    ALTER TABLE questions ADD COLUMN buyer INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE questions ADD COLUMN detail TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE questions ADD COLUMN who TEXT NOT NULL DEFAULT '';
    ALTER TABLE questions ADD COLUMN joined TEXT NOT NULL DEFAULT '';
    UPDATE questions SET who = user;
    CREATE INDEX questions_waiting_of ON questions (room, who) WHERE state = 'accepted';
    CREATE INDEX questions_joined ON questions (room, joined) WHERE joined != '';
    CREATE TABLE muted (
        room TEXT NOT NULL, who TEXT NOT NULL, until TEXT, by TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (room, who)
    );
    CREATE TABLE faq_entries (
        room TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, version INTEGER NOT NULL,
        PRIMARY KEY (room, id)
    );
    """,
)


def connect(file: Path) -> sqlite3.Connection:
    """Open the file for its owner only, durable at every commit, and migrate it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    connection = sqlite3.connect(file, isolation_level=None, timeout=10)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, steps: tuple[str, ...] = STEPS) -> None:
    """Bring the file to the newest schema, each step in a transaction; raises SchemaTooNew."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, at TEXT NOT NULL)"
    )
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()[0]
            if version > len(steps):
                raise SchemaTooNew(
                    f"the store is at schema {version}, this livehost knows {len(steps)}: run the newer "
                    "livehost, or give another state_dir"
                )
            if version < len(steps):
                for statement in filter(str.strip, steps[version].split(";")):
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations VALUES (?, datetime('now'))", (version + 1,))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        if version >= len(steps):
            return
