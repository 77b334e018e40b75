"""A real playout process: what it records, and what survives its own and the show's death."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest

from services import wire
from services.playout.sound import dbfs
from tests.conftest import wait_until
from tests.playout import ROOT, Playout, phrase

pytestmark = pytest.mark.show
FINISHED = wire.PhraseFate.FINISHED


@pytest.fixture
async def playout(tmp_path: Path) -> AsyncIterator[Playout]:
    process = Playout(tmp_path / "p")
    await process.start()
    await process.connect()
    yield process
    await process.stop()


class Recording:
    """A recorded file, decoded."""

    def __init__(self, path: Path) -> None:
        self.stamps: list[float] = []
        self.middles: list[float] = []
        sound: list[np.ndarray] = []
        with av.open(str(path)) as file:
            self.metadata = dict(file.metadata)
            video, audio = file.streams.video[0], file.streams.audio[0]
            self.audio_stamps: list[int] = []
            for packet in file.demux():
                for frame in packet.decode():
                    if packet.stream is video:
                        self.stamps.append(float(frame.pts * video.time_base))
                        luma = frame.to_ndarray()[: frame.height]
                        self.middles.append(float(luma[frame.height * 3 // 8 : frame.height * 5 // 8].mean()))
                    else:
                        self.audio_stamps.append(int(frame.pts * audio.time_base * wire.SAMPLE_RATE_HZ + 0.5))
                        sound.append(frame.to_ndarray()[0])
        self.sound = np.concatenate(sound)
        self.sound_at = self.audio_stamps[0] / wire.SAMPLE_RATE_HZ

    def flashes(self) -> list[float]:
        """When the picture turned white."""
        pairs = itertools.pairwise(zip(self.stamps, self.middles, strict=True))
        return [after[0] for before, after in pairs if before[1] < 215 <= after[1]]

    def beeps(self) -> list[float]:
        """When the tone of 1 kHz began."""
        step, window = 22, 441
        wave = np.exp(-2j * np.pi * 1000 * np.arange(window) / wire.SAMPLE_RATE_HZ)
        starts = range(0, self.sound.size - window, step)
        level = [abs(complex(np.dot(self.sound[k : k + window], wave))) * 2 / window for k in starts]
        found = [k for k in range(1, len(level)) if level[k - 1] < 0.25 <= level[k]]
        return [self.sound_at + (k * step + window / 2) / wire.SAMPLE_RATE_HZ for k in found]


async def test_a_recording_is_exact_and_marked(playout: Playout) -> None:
    playout.open()
    await wait_until(lambda: playout.status().frames > 25, 5)
    playout.send(wire.TestCue(count=3), *[phrase(f"p{k}", 1.2) for k in range(3)])
    await wait_until(lambda: len(playout.all(wire.Fated)) == 3, 10)
    playout.send(wire.CloseSession(session="s1"))
    await wait_until(lambda: playout.status().mode is wire.SessionMode.OFF, 5)
    (path,) = playout.recordings()
    found = Recording(path)
    assert np.allclose(np.diff(found.stamps), 0.04, atol=1e-9) and found.stamps[0] == 0
    assert set(np.diff(found.audio_stamps)) == {1024}
    flashes, beeps = found.flashes(), found.beeps()
    assert len(flashes) == len(beeps) == 3
    assert all(abs(flash - beep) < 0.02 for flash, beep in zip(flashes, beeps, strict=True))
    seconds = [found.sound[k : k + 4410] for k in range(4410, found.sound.size - 4410, 4410)]
    assert min(dbfs(part) for part in seconds) > -70
    mark = json.loads(found.metadata["AIGC"])
    assert mark["Label"] == "1" and mark["ProduceID"] == "s1" and mark["ContentProducer"].isascii()
    first = next(m for m in playout.all(wire.Fated) if m.id == "p0")
    assert first.recording == path.name and first.recording_s == pytest.approx(first.at / 44_100, abs=0.05)


async def test_a_killed_playout_resumes_the_session_without_a_show(playout: Playout) -> None:
    playout.open()
    reserve = [wire.Reserve(persona="lin", index=k, total=2, phrase=phrase(f"r{k}")) for k in range(2)]
    playout.send(*reserve, phrase("sounding", 5.0), phrase("waiting", 1.0))
    await wait_until(lambda: playout.status().phrase == "sounding", 8)
    await wait_until(lambda: playout.status().position > 2 * 44_100, 8)
    before = playout.status()
    await playout.disconnect()
    playout.kill()
    began = time.monotonic()
    playout.heard.clear()
    await playout.start()
    await playout.connect(epoch=2)
    await wait_until(lambda: playout.status().frames > 0, 5)
    assert time.monotonic() - began < 5
    after = playout.status()
    assert after.session == "s1" and after.position > before.position
    fates = {message.id: message.fate for message in playout.all(wire.Fated)}
    assert fates["waiting"] is wire.PhraseFate.DROPPED and fates["sounding"] is wire.PhraseFate.CUT
    torn = Recording(playout.recordings()[0])
    assert np.allclose(np.diff(torn.stamps), 0.04, atol=1e-9), "the fragments before the kill are readable"


async def test_the_reserve_speaks_when_the_show_is_gone_and_fates_wait_for_it(playout: Playout) -> None:
    playout.open()
    playout.send(wire.Reserve(persona="lin", index=0, total=1, phrase=phrase("r0", 0.6)), phrase("p", 1.0))
    await wait_until(lambda: playout.all(wire.Started), 5)
    await playout.disconnect()
    playout.heard.clear()
    book = playout.directory / "state" / "fates.jsonl"
    await wait_until(lambda: book.read_text().count('"kept"') == 2, 12, 0.1)
    await playout.connect(epoch=2)
    await wait_until(lambda: playout.all(wire.Status), 3)
    told = playout.all(wire.Fated)
    assert told[0].id == "p" and told[0].fate is FINISHED
    assert any(message.kind is wire.PhraseKind.RESERVE for message in told)
    playout.send(wire.AckFates(ids=tuple(message.id for message in told)), phrase("q", 0.5))
    await wait_until(lambda: [m for m in playout.all(wire.Fated) if m.id == "q"], 10)
    await playout.disconnect()
    playout.heard.clear()
    await playout.connect(epoch=3)
    await wait_until(lambda: playout.all(wire.Status), 3)
    assert not {message.id for message in playout.all(wire.Fated)} & {message.id for message in told}


async def test_a_newer_show_fences_the_older_one(playout: Playout) -> None:
    reader, writer = await asyncio.open_unix_connection(playout.settings["socket"])
    writer.write(wire.encode(wire.Hello(role="show", epoch=5)))
    await wire.read(reader)
    await wait_until(lambda: playout._listener is not None and playout._listener.done(), 3)
    late_reader, late = await asyncio.open_unix_connection(playout.settings["socket"])
    late.write(wire.encode(wire.Hello(role="show", epoch=4)))
    assert isinstance(await wire.read(late_reader), wire.Hello)
    assert await asyncio.wait_for(wire.read(late_reader), 3) is None
    writer.close()
    late.close()


async def test_a_cut_outlives_a_restart(playout: Playout) -> None:
    playout.open()
    await wait_until(lambda: playout.status().frames > 10, 5)
    playout.send(wire.Cut(reason="test"))
    await wait_until(lambda: playout.status().cut, 3)
    await playout.disconnect()
    playout.kill()
    playout.heard.clear()
    await playout.start()
    await playout.connect(epoch=2)
    await wait_until(lambda: playout.status().source == "holding", 5)
    playout.send(wire.Uncut(), wire.Alive(quiet=True))
    await wait_until(lambda: playout.status().source == "idle", 3)


async def test_the_preview_plays_and_the_snapshot_is_a_picture(playout: Playout) -> None:
    jpg, closing = await playout.media("jpg")
    assert (await asyncio.wait_for(jpg.read(), 5))[:2] == b"\xff\xd8"
    closing.close()
    playout.open()
    await wait_until(lambda: playout.status().frames > 10, 5)
    for kind, start in (("fmp4", b"ftyp"), ("flv", b"FLV\x01")):
        reader, writer = await playout.media(kind)
        data = b""
        async with asyncio.timeout(6):
            while len(data) < 60_000:
                data += await reader.read(65_536)
        writer.close()
        assert start in data[:8]
        path = playout.directory / f"preview.{kind.removeprefix('f')}"
        await asyncio.to_thread(path.write_bytes, data)
        shown = await asyncio.to_thread(_decoded, path)
        assert shown > 5


def _decoded(path: Path) -> int:
    count = 0
    with av.open(str(path)) as file:
        try:
            for frame in file.decode(video=0):
                assert count or frame.key_frame
                count += 1
        except av.FFmpegError:
            pass  # the file was cut off anywhere
    return count


async def test_it_ends_by_itself_when_its_parent_is_gone(tmp_path: Path) -> None:
    settings = Playout(tmp_path / "p").settings
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(settings))
    code = (
        "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        [sys.executable, "-c", code, sys.executable, "-m", "services.playout", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    await wait_until(lambda: Path(settings["media_socket"]).exists(), 20)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    await wait_until(lambda: not _runs(child), 4)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
