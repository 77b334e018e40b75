"""Destinations as states: scripted connections, and scripted stand-ins for ffmpeg."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from services.playout.destination import Target, Trouble, target
from services.playout.fanout import Fanout, Subscription
from services.playout.ffmpeg import Ffmpeg
from services.playout.flv import Splitter, Tag, TagKind
from services.playout.outputs import SILENT_REFUSALS, Output, Outputs
from services.playout.push import Ended, Figures, push
from services.wire import OutputSpec, OutputState
from tests.conftest import free_port, wait_until

SPEC = OutputSpec(name="o", url="rtmp://127.0.0.1/live", key="secretkey")
BINARY = Ffmpeg("ffmpeg", hides_key=True)
LIVE_THEN_LOST = Ended(Trouble.LOST, "gone", was_live=True)


class ScriptedPush:
    """Each connection ends as the script says; the last one stays."""

    def __init__(self, *script: Ended) -> None:
        self.script = list(script)
        self.connections = 0

    async def __call__(
        self,
        binary: Ffmpeg,
        goal: Target,
        subscription: Subscription,
        available: asyncio.Event,
        figures: Figures,
        on_live: Callable[[], None],
    ) -> Ended:
        self.connections += 1
        ended = self.script.pop(0) if self.script else None
        if ended is None or ended.was_live:
            figures.live = True
            figures.bytes_sent = 10
            on_live()
        if ended is None:
            await asyncio.Event().wait()
            raise AssertionError
        return ended


async def states_of(
    *script: Ended, wanted: OutputState, spec: OutputSpec = SPEC
) -> tuple[Output, list[float], list[str]]:
    """Run a script until a state stands; the output, its waits and its states."""
    waits: list[float] = []
    seen: list[str] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    pusher = ScriptedPush(*script)
    output = Output(
        spec,
        Fanout(),
        lambda: None,
        BINARY,
        lambda: seen.append(output.state.value),
        pusher=pusher,
        sleep=sleep,
    )
    task = asyncio.create_task(output.run())
    await wait_until(lambda: output.state is wanted and not pusher.script)
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return output, waits, seen


async def test_a_lost_connection_comes_back() -> None:
    output, waits, seen = await states_of(LIVE_THEN_LOST, LIVE_THEN_LOST, wanted=OutputState.LIVE)
    assert seen.count("retrying") == 2 and seen[-1] == "live"
    assert all(2 <= wait <= 3 for wait in waits)
    assert output.status().reconnects == 2 and output.status().bytes_sent >= 20


async def test_a_refused_key_is_final_at_once() -> None:
    output, waits, _ = await states_of(Ended(Trouble.KEY, "BadName"), wanted=OutputState.NEEDS_KEY)
    assert waits == [] and "PUT" in output.status().mend


async def test_a_hang_up_on_publish_is_final_for_a_key_that_never_worked() -> None:
    _, waits, _ = await states_of(Ended(Trouble.KEY_OR_LOST), wanted=OutputState.NEEDS_KEY)
    assert waits == []


async def test_a_hang_up_on_publish_is_tried_again_for_a_key_that_worked() -> None:
    hung_up = [Ended(Trouble.KEY_OR_LOST)] * SILENT_REFUSALS
    _, waits, _ = await states_of(LIVE_THEN_LOST, *hung_up, wanted=OutputState.NEEDS_KEY)
    assert len(waits) == SILENT_REFUSALS


async def test_an_unknown_host_is_asked_ever_later() -> None:
    nowhere = [Ended(Trouble.UNREACHABLE, "no such host")] * 8
    _, waits, _ = await states_of(*nowhere, wanted=OutputState.LIVE)
    assert waits[0] < 3 and waits[-1] > 20 and max(waits) <= 30


async def test_an_address_that_cannot_be_is_said_so() -> None:
    output, _, _ = await states_of(
        wanted=OutputState.NEEDS_KEY, spec=OutputSpec(name="o", url="http://x/y/z")
    )
    assert "rtmp://" in output.status().error


async def test_only_a_changed_destination_is_restarted() -> None:
    async def binary() -> Ffmpeg:
        return Ffmpeg("/bin/false", hides_key=True)

    outputs = Outputs(Fanout(), lambda: None, binary, lambda: None)
    keep, change = SPEC, OutputSpec(name="p", url=SPEC.url, key="one")
    await outputs.set((keep, change))
    await outputs.on_air(True)
    before = dict(outputs._running)
    await outputs.set((keep, OutputSpec(name="p", url=SPEC.url, key="two")))
    assert outputs._running["o"] is before["o"] and outputs._running["p"] is not before["p"]
    await outputs.set((keep,))
    assert [row.name for row in outputs.statuses()] == ["o"]
    await outputs.close()
    assert [row.state for row in outputs.statuses()] == [OutputState.STOPPED]


async def test_a_destination_is_pushed_to_once_whatever_is_asked_while_the_binary_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, looked, pushed = asyncio.Event(), list[str](), list[str]()

    async def binary() -> Ffmpeg:
        looked.append("for it")
        await found.wait()
        return BINARY

    async def run(output: Output) -> None:
        pushed.append(output.spec.name)

    monkeypatch.setattr(Output, "run", run)
    outputs = Outputs(Fanout(), lambda: None, binary, lambda: None)
    await outputs.set((SPEC,))
    async with asyncio.TaskGroup() as asked:
        asked.create_task(outputs.on_air(True))
        asked.create_task(outputs.set((SPEC,)))
        await wait_until(lambda: bool(looked))
        found.set()
    await asyncio.sleep(0)
    assert pushed == ["o"]
    await outputs.close()


# ---- stand-ins for ffmpeg ------------------------------------------------------------------------

_SLOW = """#!{python}
import os, sys, time
progress = int(sys.argv[sys.argv.index('-progress') + 1].split(':')[1])
out = open({out!r}, 'wb')
os.write(progress, b'total_size=1\\n')
while data := os.read(0, {piece}):
    out.write(data); out.flush()
    time.sleep({pause})
"""
_DEAF = """#!{python}
import os, sys, time
progress = int(sys.argv[sys.argv.index('-progress') + 1].split(':')[1])
os.write(progress, b'total_size=1\\n')
time.sleep(60)
"""


def stand_in(path: Path, text: str, **fields: object) -> Ffmpeg:
    import sys

    path.write_text(text.format(python=sys.executable, **fields))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Ffmpeg(str(path), hides_key=True)


def picture(n: int, size: int = 12_000) -> Tag:
    key = n % 50 == 0
    head = b"\x17\x01\x00\x00\x00" if key else b"\x27\x01\x00\x00\x00"
    return Tag(TagKind.VIDEO, n * 40, head + bytes(size * (4 if key else 1)), key=key)


def sound(n: int) -> Tag:
    return Tag(TagKind.AUDIO, n * 40, b"\xaf\x01" + bytes(300))


async def test_a_child_slower_than_the_stream_loses_pictures_and_no_sound(tmp_path: Path) -> None:
    """The stream is 300 kB/s, played eight times as fast as real; the child takes half of that."""
    taken = tmp_path / "taken.flv"
    binary = stand_in(tmp_path / "ffmpeg", _SLOW, out=str(taken), piece=16_384, pause=0.014)
    available = asyncio.Event()
    subscription = Subscription("o", available.set)
    figures = Figures()
    live = asyncio.Event()
    task = asyncio.create_task(
        push(binary, target(SPEC), subscription, available, figures, live.set), name="push"
    )
    worst = 0.0
    subscription.push(picture(0))
    await asyncio.wait_for(live.wait(), 5)
    subscription.push(sound(0))
    for n in range(1, 400):
        subscription.push(picture(n))
        subscription.push(sound(n))
        worst = max(worst, subscription.queue_s)
        await asyncio.sleep(0.005)
    subscription.end()
    ended = await asyncio.wait_for(task, 20)
    assert ended.trouble is None and worst <= 1.5
    tags = Splitter().feed(taken.read_bytes())
    assert [tag.ts_ms for tag in tags if tag.kind is TagKind.AUDIO] == [n * 40 for n in range(400)]
    pictures = [tag.ts_ms for tag in tags if tag.kind is TagKind.VIDEO]
    assert subscription.dropped_frames > 20
    assert max(after - before for before, after in itertools.pairwise(pictures)) <= 2040


async def test_a_child_that_takes_nothing_is_stalled_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.playout.push.STALL_S", 0.3)
    binary = stand_in(tmp_path / "ffmpeg", _DEAF)
    available = asyncio.Event()
    subscription = Subscription("o", available.set)
    task = asyncio.create_task(
        push(binary, target(SPEC), subscription, available, Figures(), lambda: None), name="push"
    )
    for n in range(60):
        subscription.push(picture(n))
    ended = await asyncio.wait_for(task, 5)
    assert ended.trouble is Trouble.STALLED


async def test_flapping_leaks_nothing() -> None:
    """Many refused connections by a real ffmpeg: no handle, task or thread is left."""
    spec = OutputSpec(name="o", url=f"rtmp://127.0.0.1:{free_port()}/live", key="secretkey")
    handles, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    fanout = Fanout()
    for _ in range(8):
        available = asyncio.Event()
        subscription = Subscription("o", available.set)
        fanout.add(subscription)
        for n in range(3):
            fanout.publish(picture(n))
        subscription.end()
        ended = await push(BINARY, target(spec), subscription, available, Figures(), lambda: None)
        assert not ended.was_live
        fanout.remove(subscription)
    await wait_until(lambda: len(os.listdir("/proc/self/fd")) <= handles + 1)
    await wait_until(lambda: threading.active_count() <= threads + 1)
    assert {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("push-")} == set()
