"""What only the SQLite file has: migrations, rights, survival of a restart."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from livehost.store.migrations import STEPS, migrate
from livehost.store.protocol import ChatMessage, QuestionState, SchemaTooNew, StoreUnavailable
from livehost.store.sqlite import open_sqlite


def schema(connection: sqlite3.Connection) -> list[str]:
    """Every table's and index's definition."""
    return sorted(row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))


async def test_a_file_of_version_1_is_migrated_with_its_content(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    old = sqlite3.connect(file, isolation_level=None)
    migrate(old, STEPS[:1])
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    old.execute(
        "INSERT INTO questions (room, id, user, text, at, state, updated_at) VALUES (?,?,?,?,?,?,?)",
        ("demo", "m", "u", "多少钱", at, "accepted", at),
    )
    old.close()
    async with open_sqlite(file) as store:
        (question,) = await store.questions("demo")
        assert (question.text, question.answer, question.trace) == ("多少钱", "", "")
        assert (question.who, question.user_id, question.buyer, question.detail) == ("u", "", False, {})
        assert (await store.mute("demo", "u"))[0].id == "m"
    migrated, fresh = sqlite3.connect(file), sqlite3.connect(":memory:", isolation_level=None)
    migrate(fresh)
    columns = "SELECT name FROM pragma_table_info('questions') ORDER BY name"
    assert migrated.execute(columns).fetchall() == fresh.execute(columns).fetchall()
    assert len(schema(migrated)) == len(schema(fresh))
    migrated.close()
    fresh.close()


async def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    newer = sqlite3.connect(file, isolation_level=None)
    migrate(newer)
    newer.execute("INSERT INTO migrations VALUES (99, 'later')")
    newer.close()
    with pytest.raises(SchemaTooNew, match="99"):
        async with open_sqlite(file):
            pass


async def test_a_failed_step_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*STEPS, "CREATE TABLE half (a); CREATE NONSENSE"))
    assert connection.execute("SELECT max(version) FROM migrations").fetchone() == (len(STEPS),)
    assert "half" not in " ".join(schema(connection))
    connection.close()


async def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.sqlite").write_text("not a database " * 100)
    with pytest.raises(StoreUnavailable, match=r"s\.sqlite"):
        async with open_sqlite(tmp_path / "s.sqlite"):
            pass
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        async with open_sqlite(tmp_path / "file" / "s.sqlite"):
            pass


async def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "s.sqlite"):
        pass
    assert stat.S_IMODE((tmp_path / "s.sqlite").stat().st_mode) == 0o600


async def test_state_outlives_the_process(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    message = ChatMessage(id="m", user="u", text="还有货吗", at=datetime.now(UTC))
    async with open_sqlite(file) as store:
        await store.accept("demo", [message])
        await store.claim("demo", ["m"])
        epoch = await store.next_epoch("demo")
    async with open_sqlite(file) as store:
        assert await store.next_epoch("demo") == epoch + 1
        assert await store.requeue_claimed("demo") == 1
        assert (await store.questions("demo"))[0].state is QuestionState.ACCEPTED


async def test_settled_questions_are_forgotten_after_a_week(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    async with open_sqlite(file) as store:
        for name in ("old", "waiting", "fresh"):
            await store.accept("demo", [ChatMessage(id=name, user="u", text="多少钱", at=datetime.now(UTC))])
        await store.settle("demo", "old", QuestionState.IGNORED)
        await store.settle("demo", "fresh", QuestionState.IGNORED)
    direct = sqlite3.connect(file, isolation_level=None)
    direct.execute("UPDATE questions SET updated_at = '2020-01-01T00:00:00+00:00' WHERE id != 'fresh'")
    direct.close()
    async with open_sqlite(file) as store:
        assert [one.id for one in await store.questions("demo")] == ["fresh", "waiting"]
