"""The record: in order, on disk when asked, whole after a crash, alive with a full disk."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from livehost.journal import Journal
from livehost.journal_file import entries_after
from tests.conftest import wait_until


def lines(folder: Path, session: str = "s1") -> list[dict[str, Any]]:
    """What stands in the session's file."""
    text = (folder / "demo" / f"{session}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, part: int = 7) -> Iterator[None]:
    """Every write puts a few bytes down, then fails."""
    real = os.write
    calls = [0]

    def write(fd: int, data: memoryview) -> int:
        calls[0] += 1
        if calls[0] % 2:
            return real(fd, data[:part])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("livehost.journal_file.os.write", write)
        yield


async def test_entries_are_on_disk_in_order_when_flushed(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        numbers = [journal.append("demo", "s1", {"type": "say", "text": f"第{i}句"}) for i in range(300)]
        assert await journal.flush()
        assert numbers == list(range(1, 301))
        written = lines(tmp_path)
    assert [entry["seq"] for entry in written] == numbers
    assert written[0].keys() == {"seq", "at", "trace", "type", "text"}
    assert written[299]["text"] == "第299句"


async def test_entries_reach_the_disk_by_themselves(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        journal.append("demo", "s1", {"type": "say"})
        await wait_until(lambda: (tmp_path / "demo/s1.jsonl").exists() and len(lines(tmp_path)) == 1)


async def test_leaving_writes_what_waits(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        journal.append("demo", "s1", {"type": "say", "trace": "q:1#0/1"})
    assert [entry["trace"] for entry in lines(tmp_path)] == ["q:1#0/1"]


@pytest.mark.parametrize(
    "torn", [b'{"seq": 3, "text": "\xe4\xbd', b"\x00" * 100, b'{"seq": 3}', b"garbage\n"]
)
async def test_a_torn_end_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    async with Journal(tmp_path) as journal:
        journal.append("demo", "s1", {"type": "say"})
        journal.append("demo", "s1", {"type": "say"})
    with (tmp_path / "demo/s1.jsonl").open("ab") as file:
        file.write(torn)
    async with Journal(tmp_path) as journal:
        assert journal.append("demo", "s1", {"type": "say"}) == 3
    assert [entry["seq"] for entry in lines(tmp_path)] == [1, 2, 3]


async def test_a_bad_line_in_the_middle_is_kept_and_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "demo/s1.jsonl"
    file.parent.mkdir()
    file.write_bytes(b'{"seq": 1}\nbroken\n{"seq": 2}\n')
    async with Journal(tmp_path) as journal:
        assert journal.append("demo", "s1", {"type": "say"}) == 3
        await journal.flush()
        assert [entry["seq"] for entry in await journal.transcript("demo", "s1")] == [1, 2, 3]
    assert b"broken" in file.read_bytes()


async def test_fates_are_known_after_a_restart(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        journal.append("demo", "s1", {"type": "say", "id": "a"})
        journal.append("demo", "s1", {"type": "fate", "id": "b"})
        assert journal.phrase_seen("demo", "s1", "b")
        assert not journal.phrase_seen("demo", "s1", "a")
    async with Journal(tmp_path) as journal:
        assert journal.phrase_seen("demo", "s1", "b")
        assert not journal.phrase_seen("demo", "s1", "a")
        assert not journal.phrase_seen("demo", "s2", "b")


async def test_an_older_session_can_still_get_a_fate(tmp_path: Path) -> None:
    for session in ("s1", "s2"):
        async with Journal(tmp_path) as journal:
            journal.append("demo", session, {"type": "fate", "id": session})
    async with Journal(tmp_path) as journal:
        assert journal.phrase_seen("demo", "s1", "s1")
        assert journal.append("demo", "s1", {"type": "fate", "id": "late"}) == 2


async def test_the_transcript_goes_on_from_a_number(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        for i in range(5000):
            journal.append("demo", "s1", {"type": "say", "text": f"{i} " + "字" * (i % 50)})
        await journal.flush()
        page = await journal.transcript("demo", "s1", after=4321, limit=3)
        assert [entry["seq"] for entry in page] == [4322, 4323, 4324]
        assert [entry["seq"] for entry in await journal.transcript("demo", "s1", after=0, limit=1)] == [1]
        assert await journal.transcript("demo", "s1", after=5000) == []
        assert await journal.transcript("demo", "unknown") == []


def test_every_number_is_found_by_halving(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(
        "".join(json.dumps({"seq": i, "pad": "x" * (i * 37 % 900)}) + "\n" for i in range(1, 1500))
    )
    for after in range(0, 1499, 13):
        assert entries_after(file, after, 1)[0]["seq"] == after + 1


async def test_sessions_are_listed_newest_first(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        for session in ("s1", "s2"):
            journal.append("demo", session, {"type": "say"})
            await journal.flush()
        assert await journal.sessions("demo") == ["s2", "s1"]
        assert await journal.sessions("other") == []


async def test_secrets_become_stars_at_any_depth(tmp_path: Path) -> None:
    async with Journal(tmp_path, secrets=["stream-key-1", "stream-key-1-long", "abc", ""]) as journal:
        journal.append(
            "demo",
            "s1",
            {"text": "push stream-key-1-long abc", "more": [{"stream-key-1": ("stream-key-1",)}]},
        )
    text = (tmp_path / "demo/s1.jsonl").read_text()
    assert "stream-key" not in text
    assert "push *** abc" in text


async def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        for name in ("../x", "", ".hidden", "a/b"):
            with pytest.raises(ValueError, match="cannot name"):
                journal.append(name, "s1", {})
            with pytest.raises(ValueError, match="cannot name"):
                await journal.transcript("demo", name)


async def test_a_full_disk_raises_an_alarm_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[str | None] = []
    async with Journal(tmp_path, alarm=alarms.append) as journal:
        journal.append("demo", "s1", {"type": "say"})
        await journal.flush()
        with full_disk(monkeypatch):
            for _ in range(3):
                journal.append("demo", "s1", {"type": "say"})
            assert not await journal.flush()
            assert not await journal.flush()
            assert [entry["seq"] for entry in lines(tmp_path)] == [1]
        assert await journal.flush()
    assert [entry["seq"] for entry in lines(tmp_path)] == [1, 2, 3, 4]
    assert alarms == ["No space left on device", None]


async def test_what_had_to_be_given_up_stands_as_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Journal(tmp_path, max_waiting=3) as journal:
        with full_disk(monkeypatch):
            for _ in range(5):
                journal.append("demo", "s1", {"type": "say"})
            assert not await journal.flush()
            journal.append("demo", "s1", {"type": "say"})
        assert await journal.flush()
        numbers = [(entry["seq"], entry.get("lost")) for entry in await journal.transcript("demo", "s1")]
    assert numbers == [(3, 3), (4, None), (5, None), (6, None)]


async def test_a_file_that_was_moved_away_is_made_again(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        journal.append("demo", "s1", {"type": "say"})
        await journal.flush()
        (tmp_path / "demo").rename(tmp_path / "archive")
        journal.append("demo", "s1", {"type": "say"})
        assert await journal.flush()
    assert [entry["seq"] for entry in lines(tmp_path)] == [2]
