"""What happens to the stream when destinations misbehave: a real playout, a real nginx-rtmp."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import av
import pytest

from services import wire
from tests import rtmp
from tests.conftest import free_port, wait_until
from tests.playout import Playout

pytestmark = [
    pytest.mark.show,
    pytest.mark.skipif(not rtmp.available(), reason="nginx with its RTMP module is not installed"),
]


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[rtmp.Ingest]:
    """One that stays well."""
    server = rtmp.Ingest(tmp_path / "good")
    server.start()
    yield server
    server.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[rtmp.Ingest]:
    """One that has faults."""
    server = rtmp.Ingest(tmp_path / "bad")
    server.start()
    yield server
    server.close()


@pytest.fixture
async def playout(tmp_path: Path) -> AsyncIterator[Playout]:
    """A playout with a show that is quiet."""
    process = Playout(tmp_path / "p")
    await process.start()
    await process.connect()
    yield process
    await process.stop()


def on_air(playout: Playout, **urls: tuple[str, str]) -> None:
    """Open a session with these destinations."""
    specs = tuple(wire.OutputSpec(name=name, url=url, key=key) for name, (url, key) in urls.items())
    playout.send(wire.SetOutputs(outputs=specs), wire.Alive(quiet=True))
    playout.open(wire.SessionMode.ON_AIR)


def output(playout: Playout, name: str) -> wire.OutputStatus:
    """A destination's newest figures."""
    for row in playout.status().outputs:
        if row.name == name:
            return row
    return wire.OutputStatus(name=name, state=wire.OutputState.STOPPED)


async def until(playout: Playout, name: str, state: wire.OutputState, timeout_s: float) -> float:
    """Wait for a state; how long it took."""
    began = time.monotonic()
    await wait_until(lambda: output(playout, name).state is state, timeout_s, 0.02)
    return time.monotonic() - began


def pictures(path: Path) -> list[int]:
    """The milliseconds of the pictures in a recorded FLV."""
    found = []
    with av.open(str(path)) as file:
        for packet in file.demux(file.streams.video[0]):
            if packet.pts is not None:
                found.append(packet.pts)
    return found


def no_gap(stamps: list[int]) -> bool:
    """Whether a picture stands every 40 ms."""
    return all(after - before == 40 for before, after in itertools.pairwise(stamps))


def pushers(ingest: rtmp.Ingest) -> list[bytes]:
    """The argument lists of the children that push to an ingest."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return [line for line in lines if str(ingest.port).encode() in line and b"-progress" in line]


async def test_a_killed_ingest_comes_back_and_the_other_misses_nothing(
    playout: Playout, ingest: rtmp.Ingest, other: rtmp.Ingest
) -> None:
    on_air(playout, good=(ingest.url, "goodkey1"), bad=(other.url, "badkey1"))
    await until(playout, "good", wire.OutputState.LIVE, 6)
    await until(playout, "bad", wire.OutputState.LIVE, 6)
    other.stop()
    await until(playout, "bad", wire.OutputState.RETRYING, 4)
    down = time.monotonic()
    await wait_until(lambda: time.monotonic() - down > 4, 5)
    other.start()
    assert await until(playout, "bad", wire.OutputState.LIVE, 6) <= 3.5
    back = time.monotonic()
    await wait_until(lambda: time.monotonic() - back > 1.5, 3)
    assert playout.status().late_frames == 0
    await playout.stop()
    again = pictures(other.recordings("badkey1")[-1])
    assert again[0] == 0 and no_gap(again)
    (kept,) = ingest.recordings("goodkey1")
    assert no_gap(pictures(kept)) and len(pictures(kept)) > 150


async def test_an_ingest_that_stops_reading_is_replaced(
    playout: Playout, ingest: rtmp.Ingest, other: rtmp.Ingest
) -> None:
    on_air(playout, good=(ingest.url, "goodkey1"), bad=(other.url, "badkey1"))
    await until(playout, "good", wire.OutputState.LIVE, 6)
    await until(playout, "bad", wire.OutputState.LIVE, 6)
    frozen = time.monotonic()
    other.freeze()
    await until(playout, "bad", wire.OutputState.RETRYING, 40)
    flagged_s = time.monotonic() - frozen
    other.thaw()
    await until(playout, "bad", wire.OutputState.LIVE, 10)
    print(f"flagged {flagged_s:.1f} s after the stop")
    await playout.stop()
    (kept,) = ingest.recordings("goodkey1")
    assert no_gap(pictures(kept))


async def test_a_host_that_never_shakes_hands_is_given_up(playout: Playout, ingest: rtmp.Ingest) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        url = f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live"
        on_air(playout, good=(ingest.url, "goodkey1"), bad=(url, "badkey1"))
        await until(playout, "good", wire.OutputState.LIVE, 6)
        assert await until(playout, "bad", wire.OutputState.RETRYING, 8) <= 5.2
        assert playout.status().late_frames == 0


async def test_a_refused_key_is_final_and_never_shown(playout: Playout, ingest: rtmp.Ingest) -> None:
    key = "refusedsecret?sign=a1b2c3d4"
    on_air(playout, good=(ingest.url, "goodkey1"), bad=(ingest.url, key))
    await until(playout, "bad", wire.OutputState.NEEDS_KEY, 6)
    await until(playout, "good", wire.OutputState.LIVE, 6)
    assert sum("refusedsecret" in body for body in ingest.published) == 1
    said = output(playout, "bad")
    assert said.mend and "refusedsecret" not in said.error + playout.log()
    playout.send(
        wire.SetOutputs(
            outputs=(
                wire.OutputSpec(name="good", url=ingest.url, key="goodkey1"),
                wire.OutputSpec(name="bad", url=ingest.url, key="goodkey2"),
            )
        )
    )
    await until(playout, "bad", wire.OutputState.LIVE, 6)
    assert output(playout, "good").reconnects == 0


async def test_the_key_is_not_in_the_process_list(playout: Playout, ingest: rtmp.Ingest) -> None:
    on_air(playout, good=(ingest.url, "goodkey1?sign=deadbeef"))
    await until(playout, "good", wire.OutputState.LIVE, 6)
    pushing = pushers(ingest)
    assert len(pushing) == 1 and b"goodkey1" not in pushing[0] and b"deadbeef" not in pushing[0]


async def test_unknown_and_refusing_hosts_are_tried_again_at_their_own_pace(
    playout: Playout, ingest: rtmp.Ingest
) -> None:
    on_air(
        playout,
        good=(ingest.url, "goodkey1"),
        nowhere=("rtmp://no-such-host.invalid/live", "key12345"),
        closed=(f"rtmp://127.0.0.1:{free_port()}/live", "key12345"),
        wrong=("http://127.0.0.1/live", "key12345"),
    )
    await until(playout, "good", wire.OutputState.LIVE, 6)
    await until(playout, "nowhere", wire.OutputState.RETRYING, 6)
    await until(playout, "closed", wire.OutputState.RETRYING, 6)
    await until(playout, "wrong", wire.OutputState.NEEDS_KEY, 6)
    assert "rtmp://" in output(playout, "wrong").error


async def test_it_ends_quickly_with_every_peer_stalled(
    playout: Playout, ingest: rtmp.Ingest, other: rtmp.Ingest
) -> None:
    on_air(playout, a=(ingest.url, "goodkey1"), b=(other.url, "goodkey2"))
    await until(playout, "a", wire.OutputState.LIVE, 6)
    await until(playout, "b", wire.OutputState.LIVE, 6)
    ingest.freeze()
    other.freeze()
    assert await playout.stop() <= 3.0
    assert not pushers(ingest) + pushers(other)
