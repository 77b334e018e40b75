"""Every phrase has one fate, also through restarts, torn files and a show that is away."""

from __future__ import annotations

from pathlib import Path

from services import wire
from services.playout.disk import DiskThread
from services.playout.fates import FateBook
from services.playout.memory import Memory
from tests.playout import phrase

FINISHED, DROPPED, CUT = wire.PhraseFate.FINISHED, wire.PhraseFate.DROPPED, wire.PhraseFate.CUT


def reopened(path: Path, disk: DiskThread, position: int = 0) -> FateBook:
    book = FateBook(path, disk)
    book.restore(position)
    return book


def test_fates_are_told_again_until_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "fates.jsonl"
    with DiskThread() as disk:
        book = FateBook(path, disk)
        for name in ("a", "b"):
            book.came(phrase(name))
            book.began(name, 44_100)
            book.settle(phrase(name), FINISHED, 44_100, 44_100, ("rec.mp4", 1.0))
        book.acknowledged(["a", "unknown"])
    with DiskThread() as disk:
        (kept,) = reopened(path, disk).unacknowledged
    assert (kept.id, kept.fate, kept.at, kept.heard_s, kept.recording) == (
        "b",
        FINISHED,
        44_100,
        1.0,
        "rec.mp4",
    )


def test_a_restart_drops_what_waited_and_cuts_what_sounded(tmp_path: Path) -> None:
    path = tmp_path / "fates.jsonl"
    with DiskThread() as disk:
        book = FateBook(path, disk)
        book.came(phrase("sounding", 2.0))
        book.began("sounding", 88_200)
        book.came(phrase("waiting"))
    with DiskThread() as disk:
        fates = {each.id: each for each in reopened(path, disk, position=88_200 + 22_050).unacknowledged}
    assert fates["waiting"].fate is DROPPED and fates["waiting"].at == -1
    assert fates["sounding"].fate is CUT and fates["sounding"].heard_s == 0.5
    with DiskThread() as disk:
        assert len(reopened(path, disk).unacknowledged) == 2, "the fates given at the restart are kept"


def test_a_torn_last_line_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "fates.jsonl"
    with DiskThread() as disk:
        book = FateBook(path, disk)
        book.settle(phrase("a"), DROPPED, -1, 0)
    with path.open("ab") as file:
        file.write(b'{"type":"kept","fated":{"id":"b"')
    with DiskThread() as disk:
        assert [each.id for each in reopened(path, disk).unacknowledged] == ["a"]


def test_the_book_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "fates.jsonl"
    with DiskThread() as disk:
        book = FateBook(path, disk)
        for number in range(2500):
            each = phrase(str(number), 0.01)
            book.settle(each, FINISHED, 0, 1)
            book.acknowledged([each.id])
    assert path.stat().st_size < 1_500_000
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_session_its_outputs_and_reserve_survive(tmp_path: Path) -> None:
    opening = wire.OpenSession(session="s", mode=wire.SessionMode.ON_AIR, look="m", look_path="/m")
    outputs = (wire.OutputSpec(name="o", url="rtmp://h/live", key="secret"),)
    with DiskThread() as disk:
        memory = Memory(tmp_path, disk)
        memory.change(opening=opening, outputs=outputs, cut=True)
        memory.keep_reserve("lin", (phrase("r"),))
        memory.beat_at(441_000)
    with DiskThread() as disk:
        again = Memory(tmp_path, disk)
    assert (again.now.opening, again.now.outputs, again.now.cut) == (opening, outputs, True)
    assert again.reserve.phrases[0].id == "r"
    assert again.resume_frame(1764, again.beat.unix_s + 2.0) == 250 + 50 + 1
    assert (tmp_path / "session.json").stat().st_mode & 0o777 == 0o600


def test_a_broken_state_file_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text("{broken")
    (tmp_path / "reserve.msgpack").write_bytes(b"\x00")
    with DiskThread() as disk:
        assert Memory(tmp_path, disk).now.opening is None
