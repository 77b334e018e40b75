"""The rows of when frames were due and left."""

from pathlib import Path

import pytest

from services.playout.disk import DiskThread
from services.playout.frame_rows import ASKED_BY, rows_asked_for


def test_rows_are_written_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ASKED_BY, raising=False)
    with DiskThread() as disk:
        assert rows_asked_for(disk) is None
    file = tmp_path / "frames.csv"
    monkeypatch.setenv(ASKED_BY, str(file))
    with DiskThread() as disk:
        rows = rows_asked_for(disk)
        assert rows is not None
        rows.left(7, 1.0, 0.75)
        rows.write()
        rows.left(8, 1.04, 1.05)
        rows.write()
    assert file.read_text().splitlines() == [
        "frame,due_s,left_s,late_s",
        "7,1.000000,0.750000,-0.250000",
        "8,1.040000,1.050000,0.010000",
    ]
