"""The pointer on the disk: held by one at a time, whole or named as torn, kept in bounds."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from livehost.library import Library
from livehost.promoted import (
    PROMOTED,
    PROMOTED_FILE,
    PointerUnreadable,
    changing,
    moved,
    read_promotion,
    write_promotion,
)
from livehost.promotion import PromotionRefused
from tests.conftest import ROOT
from tests.unit.promotions import Place, refusal


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_two_at_once_never_meet(place: Place) -> None:
    for version in "12345678":
        place.add(version)
    with changing(place.kind):
        assert "somebody else changes" in refusal(place.promote, "1", "a test")
    done: list[str] = []

    def work(version: str) -> None:
        try:
            Place(place.folder).promote(version, "a test")
            done.append(version)
        except PromotionRefused:
            pass

    threads = [threading.Thread(target=work, args=(version,)) for version in "12345678"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = read_promotion(place.kind)
    assert kept is not None and done
    assert sorted(one.version for one in kept.history) == sorted(done)
    assert [*kept.before, kept.version] == [one.version for one in kept.history]


KILLED = """
import sys
from pathlib import Path
from tests.unit.promotions import Place

place = Place(Path(sys.argv[1]))
while True:
    for version in "12":
        place.promote(version, "a test")
        print(version, flush=True)
"""


def test_who_is_killed_while_promoting_leaves_a_whole_pointer_and_no_lock(place: Place) -> None:
    for version in "12":
        place.add(version)
    for times in (1, 4, 9):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(place.folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(times)]
        process.kill()
        process.communicate()
        assert all(told)
        kept = read_promotion(place.kind)
        assert kept is not None and kept.version in "12"
        assert place.promote("12".replace(kept.version, ""), "a test").before[-1] == kept.version


def cuts(data: bytes) -> Iterator[bytes]:
    """A file as a disk may leave it: cut anywhere, or with a stretch of zeros."""
    yield from (data[:at] for at in range(0, len(data), 7))
    yield from (data[:at] + bytes(16) + data[at + 16 :] for at in range(0, len(data), 29))


def test_a_torn_pointer_is_named_and_never_read_as_another_version(place: Place) -> None:
    for version in "12":
        place.add(version)
        place.promote(version, "a test")
    file = place.kind / PROMOTED_FILE
    unclear = 0
    for torn in cuts(file.read_bytes()):
        file.write_bytes(torn)
        place.library = Library(place.folder)
        try:
            read_promotion(place.kind)
        except PointerUnreadable as error:
            unclear += 1
            assert str(file) in str(error) and "promote a version again" in str(error)
            assert place.worn == PROMOTED
            assert str(file) in place.library.find("ann", "language", PROMOTED).errors[0]
            assert str(file) in refusal(place.promote, "1", "a test")
            assert str(file) in refusal(place.retire, "1")
        else:
            assert place.worn == "2"
    assert unclear > 20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no fields"),
        ("- 1", "holds no fields"),
        ("version: promoted", "names itself"),
        ("version: ../../etc", "version"),
        ("version: '1'\nbefor: ['2']", "befor"),
        ("version: '1'\nbefore: '2'", "before"),
        ("a: &a [1]\nversion: *a", "a"),
        ("[" * 5000, "is not YAML"),
        ("version: 9999-99-99", "is not YAML"),
    ],
)
def test_a_pointer_that_is_broken_by_hand_is_one_clear_sentence(place: Place, text: str, told: str) -> None:
    place.add("1")
    (place.kind / PROMOTED_FILE).write_text(text)
    with pytest.raises(PointerUnreadable, match=told) as error:
        read_promotion(place.kind)
    assert "\n" not in str(error.value) and place.worn == PROMOTED


def test_a_pointer_written_by_hand_needs_only_its_version(place: Place) -> None:
    place.add("1")
    place.add("2.0")
    (place.kind / PROMOTED_FILE).write_text("version: 2.0\nbefore: [1]\n")
    assert place.worn == "2.0" and place.rollback() == "1"
    os.mkfifo(place.kind / "pipe")
    (place.kind / PROMOTED_FILE).unlink()
    (place.kind / "pipe").rename(place.kind / PROMOTED_FILE)
    with pytest.raises(PointerUnreadable, match="no plain file"):
        read_promotion(place.kind)


def test_a_full_disk_leaves_the_pointer_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in "12":
        place.add(version)
    place.promote("1", "a test")
    before = (place.kind / PROMOTED_FILE).read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in refusal(place.promote, "2", "a test")
    assert (place.kind / PROMOTED_FILE).read_bytes() == before
    assert [path.name for path in place.kind.glob(".promoted.yaml*")] == []


def test_the_history_is_bounded(place: Place) -> None:
    place.add("1")
    promotion = place.promote("1", "a test")
    deed = promotion.history[0]
    for _ in range(300):
        promotion = moved(promotion, deed, (*promotion.before, "1"))
    with changing(place.kind):
        write_promotion(place.kind, promotion)
    kept = read_promotion(place.kind)
    assert kept is not None and len(kept.history) == 200 and len(kept.before) == 50


def test_a_folder_of_the_reserved_name_is_no_version(place: Place) -> None:
    place.add("1")
    (place.kind / "1").rename(place.kind / PROMOTED)
    (found,) = place.library.all()
    assert "rename it" in found.errors[0] and found.card is None
