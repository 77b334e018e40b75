"""Recordings under a full disk, a cap and a roll; and the mark that they carry."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from services.playout import recorder as module
from services.playout.encoder import Encoder
from services.playout.fanout import Fanout
from services.playout.recorder import Recorder, aigc_mark
from services.playout.settings import PlayoutSettings
from tests.conftest import wait_until


class Free(NamedTuple):
    free: int


def settings(tmp_path: Path, **fields: object) -> PlayoutSettings:
    given = {"width": 64, "height": 64, "preset": "ultrafast", "video_kbps": 300, "gop_s": 0.4, **fields}
    return PlayoutSettings(
        room="r",
        state_dir=str(tmp_path),
        socket="",
        media_socket="",
        **given,  # type: ignore[arg-type]
    )


def stream(chosen: PlayoutSettings, fanout: Fanout, frames: int) -> None:
    """Encode some frames into a fan-out, and end it."""
    encoder = Encoder(chosen)
    canvas = np.full((96, 64), 90, np.uint8)
    for n in range(frames):
        canvas[:64] = n % 200
        for tag in encoder.encode(canvas, np.zeros(1764, np.float32), key=False):
            fanout.publish(tag)
    for tag in encoder.close():
        fanout.publish(tag)


def frames_of(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def files(chosen: PlayoutSettings) -> list[Path]:
    return sorted(chosen.recordings.glob("*.mp4"))


def test_the_mark_is_ascii_json() -> None:
    mark = aigc_mark("某公司", "s-1")
    assert mark.isascii() and json.loads(mark)["PropagateID"] == "s-1"


def test_the_files_roll_and_hold_every_frame(tmp_path: Path) -> None:
    chosen, fanout = settings(tmp_path, recording_file_s=1.2), Fanout()
    recorder = Recorder(chosen, fanout)
    recorder.begin("s1", 0)
    stream(chosen, fanout, 100)
    fanout.end()
    recorder.end(10)
    found = files(chosen)
    assert len(found) == 4 and sum(map(frames_of, found)) == 100
    assert all(path.name.startswith("s1_") for path in found)


async def test_a_media_position_is_found_in_its_file(tmp_path: Path) -> None:
    chosen, fanout = settings(tmp_path), Fanout()
    recorder = Recorder(chosen, fanout)
    recorder.begin("s1", 1000)
    stream(chosen, fanout, 30)
    await wait_until(lambda: recorder.running)
    assert recorder.running is not None
    assert recorder.running.position == 1000 * 1764
    name, at = recorder.locate(1010 * 1764)
    assert name == recorder.running.name and at == pytest.approx(0.4)
    fanout.end()
    recorder.end(5)
    assert recorder.locate(1010 * 1764) == ("", 0.0)


async def test_a_full_disk_stops_the_recording_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Free(1000))
    chosen, fanout = settings(tmp_path), Fanout()
    recorder = Recorder(chosen, fanout)
    recorder.begin("s1", 0)
    stream(chosen, fanout, 30)
    await wait_until(lambda: recorder.error)
    assert "free disk space" in recorder.error and recorder.running is None
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    fanout.end()
    recorder.end(5)
    assert files(chosen) == []


def test_the_oldest_files_go_first_and_never_the_running_one(tmp_path: Path) -> None:
    chosen, fanout = settings(tmp_path, recording_cap_gb=2e-6), Fanout()
    chosen.recordings.mkdir(parents=True)
    for age in range(3):
        old = chosen.recordings / f"old_{age}.mp4"
        old.write_bytes(bytes(1500))
        os.utime(old, (1000 - age, 1000 - age))
    recorder = Recorder(chosen, fanout)
    recorder.begin("s1", 0)
    stream(chosen, fanout, 30)
    fanout.end()
    recorder.end(5)
    names = [path.name for path in files(chosen)]
    assert "old_2.mp4" not in names and "old_1.mp4" not in names
    assert any(name.startswith("s1_") for name in names)


def test_no_recording_when_it_is_off(tmp_path: Path) -> None:
    chosen, fanout = settings(tmp_path, recording=False), Fanout()
    recorder = Recorder(chosen, fanout)
    recorder.begin("s1", 0)
    recorder.end()
    assert not chosen.recordings.exists()
