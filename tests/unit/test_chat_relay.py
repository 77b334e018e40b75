"""Relays: real WebSocket servers with recorded frames, and hours of silence and loss on a scripted clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from livehost.alarms import Alarms
from livehost.chat import relay as relays
from livehost.chat.events import ChatEvent, Parsed
from livehost.chat.posted import Posted
from livehost.chat.relay import MAX_HELD, Inbound, Relay
from livehost.chat.source_settings import BarrageGrabRelay, DycastRelay, ObaRelay
from livehost.events import EventBus
from livehost.store.protocol import StoreUnavailable
from livehost.tasks import Tasks
from tests.conftest import free_port, wait_until
from tests.virtual_time import run_virtual

SAMPLES = Path(__file__).parent.parent / "data" / "chat"
FRAME = '{"msg_type":"comment","msg_id":"%s","nick_name":"小鹿","content":"多少钱"}'


@dataclass
class Sink:
    """Takes what a relay read; refuses as often as it is told to."""

    events: list[ChatEvent] = field(default_factory=list)
    refuses: int = 0

    async def __call__(self, parsed: Parsed) -> None:
        if self.refuses > 0:
            self.refuses -= 1
            raise StoreUnavailable("away")
        self.events += parsed.events


def alarms() -> Alarms:
    return Alarms(EventBus())


def standing(alarms: Alarms) -> list[str]:
    return [one.cause for one in alarms.current("room")]


# ---- real servers


@asynccontextmanager
async def server(
    port: int, talk: Callable[[ServerConnection], Awaitable[None]]
) -> AsyncIterator[list[ServerConnection]]:
    """A tool that speaks to whoever connects; yields its connections."""
    clients: list[ServerConnection] = []

    async def speak(client: ServerConnection) -> None:
        clients.append(client)
        await talk(client)
        await client.wait_closed()

    async with serve(speak, "127.0.0.1", port):
        yield clients


@pytest.mark.parametrize(("name", "events"), [("oba", 12), ("barrage_grab", 9)])
async def test_a_tools_frames_become_events(name: str, events: int) -> None:
    frames = (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    port, sink = free_port(), Sink()
    model = ObaRelay if name == "oba" else BarrageGrabRelay
    settings = model.model_validate({"kind": name, "url": f"ws://127.0.0.1:{port}"})

    async def talk(client: ServerConnection) -> None:
        for place, frame in enumerate(frames):
            await client.send(frame if place % 2 else frame.encode())

    async with server(port, talk), Tasks("test") as tasks:
        relay = Relay(settings, sink, room="room", alarms=alarms(), platform="douyin")
        tasks.keep(relay.run, "relay")
        await wait_until(lambda: len(sink.events) == events)
        shown = relay.view()
        assert (shown["state"], shown["events"], len(shown["unknown"])) == ("connected", events, 1)
        assert {one.platform for one in sink.events} >= {"douyin"}


async def test_it_comes_back_to_a_tool_that_was_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(relays, "LAST_RETRY_S", 0.02)
    port, sink = free_port(), Sink()

    async def talk(client: ServerConnection) -> None:
        await client.send(FRAME % len(sink.events))

    async with Tasks("test") as tasks:
        settings = ObaRelay(kind="oba", url=f"ws://127.0.0.1:{port}")
        relay = Relay(settings, sink, room="room", alarms=alarms())
        tasks.keep(relay.run, "relay")
        await wait_until(lambda: relay.last_error != "")
        assert relay.view()["state"] == "away" and "127.0.0.1" not in relay.view()["error"]
        for _ in range(2):
            heard = len(sink.events)
            async with server(port, talk) as clients:
                await came(sink, heard + 1)
                await clients[0].close()
                await came(sink, heard + 2)


async def came(sink: Sink, count: int) -> None:
    """Wait until at least so many events were taken."""
    await wait_until(lambda: len(sink.events) >= count)


async def test_a_frame_that_is_too_large_costs_the_connection_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "FIRST_RETRY_S", 0.01)
    port, sink = free_port(), Sink()
    calls = 0

    async def talk(client: ServerConnection) -> None:
        nonlocal calls
        calls += 1
        await client.send("x" * (relays.MAX_FRAME + 1) if calls == 1 else FRAME % calls)

    async with server(port, talk), Tasks("test") as tasks:
        settings = ObaRelay(kind="oba", url=f"ws://127.0.0.1:{port}")
        tasks.keep(Relay(settings, sink, room="room", alarms=alarms()).run, "relay")
        await wait_until(lambda: len(sink.events) == 1)


# ---- the scripted clock


@dataclass
class Tool:
    """A tool whose connections follow a script: frames with the seconds before each, then lost."""

    script: list[list[tuple[float, str]] | None]  # None: it cannot be reached
    dialled_at: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[Tool]:
        self.dialled_at.append(asyncio.get_running_loop().time())
        self._now = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if self._now is None:
            raise ConnectionRefusedError(111, "Connection refused")
        self._now = list(self._now)
        yield self

    async def recv(self) -> str:
        if not self._now:
            raise EOFError
        wait_s, frame = self._now.pop(0)
        await asyncio.sleep(wait_s)
        return frame


def watched(
    tool: Tool,
    hours: float,
    looks: dict[float, Callable[[], object]],
    *,
    heeded: Callable[[], bool] = lambda: True,
) -> tuple[Relay, Sink, dict[float, Any], Alarms]:
    """Run a relay for some hours of the scripted clock; `looks` are asked at their second."""
    found: dict[float, Any] = {}
    sink = Sink()
    kept: list[Any] = []

    async def show() -> None:
        alarm = alarms()
        settings = ObaRelay(kind="oba", silent_s=300, away_s=30)
        relay = Relay(settings, sink, dial=tool.dial, room="room", alarms=alarm, heeded=heeded)
        kept.extend((relay, alarm))
        async with Tasks("test") as tasks:
            tasks.keep(relay.run, "relay")
            for at_s in sorted(looks):
                await asyncio.sleep(at_s - asyncio.get_running_loop().time())
                found[at_s] = looks[at_s]() or standing(alarm)
            await asyncio.sleep(hours * 3600 - asyncio.get_running_loop().time())

    run_virtual(show())
    return kept[0], sink, found, kept[1]


def none() -> object:
    return None


def test_it_tries_for_ever_and_waits_longer_each_time_up_to_half_a_minute() -> None:
    tool = Tool([None])
    relay, _, found, _ = watched(tool, 24, {20.0: none, 33.0: none})
    waits = [later - earlier for earlier, later in zip(tool.dialled_at, tool.dialled_at[1:], strict=False)]
    assert len(waits) > 24 * 3600 / 36
    assert all(
        0.8 * wanted <= waited <= 1.2 * wanted + 0.01
        for waited, wanted in zip(waits, [1, 2, 4, 8, 16, *[30] * len(waits)], strict=False)
    )
    assert found[20.0] == [] and "断开超过 30 秒（Connection refused）" in found[33.0][0]
    assert relay.view()["error"] == "Connection refused"


def test_silence_while_connected_is_an_alarm_and_over_with_the_next_word() -> None:
    tool = Tool([[(10, FRAME % 1), (1000, FRAME % 2), (10_000, FRAME % 3)]])
    _, sink, found, _ = watched(
        tool, 1.2, {300.0: none, 315.0: none, 1009.0: none, 1012.0: none, 1320.0: none}
    )
    assert found[300.0] == [] and found[1012.0] == []
    for at_s in (315.0, 1009.0, 1320.0):
        assert "已连接，但 300 秒没有任何消息" in found[at_s][0] and "silent for 300 s" in found[at_s][0]
    assert len(sink.events) == 2


def test_a_lost_connection_that_comes_back_soon_is_no_alarm_and_a_long_one_is_cleared() -> None:
    talk = [(100.0, FRAME % 1)] * 2
    tool = Tool([talk, None, None, talk, *[None] * 6, [(5.0, FRAME % 9)] * 1000])
    _, _, found, alarm = watched(tool, 1, {203.0: none, 205.0: none, 445.0: none, 1500.0: none})
    assert found == {203.0: [], 205.0: [], 445.0: [found[445.0][0]], 1500.0: []}
    assert "断开超过 30 秒" in found[445.0][0] and standing(alarm) == []


def test_a_tool_that_takes_and_drops_us_at_once_is_away() -> None:
    tool = Tool([[]])
    _, _, found, _ = watched(tool, 0.2, {40.0: none, 300.0: none})
    assert "断开超过 30 秒" in found[40.0][0] and "断开超过 30 秒" in found[300.0][0]


def test_off_air_nobody_is_called_and_the_silence_counts_from_the_opening() -> None:
    opened = False

    def opens() -> None:
        nonlocal opened
        opened = True

    tool = Tool([[(100_000, FRAME % 1)]])
    looks: dict[float, Callable[[], object]] = {5000.0: none, 6000.0: opens, 6290.0: none, 6310.0: none}
    _, _, found, _ = watched(tool, 2, looks, heeded=lambda: opened)
    assert found[5000.0] == found[6290.0] == [] and "300 秒没有任何消息" in found[6310.0][0]


def test_the_alarm_ends_with_the_session() -> None:
    on_air = True

    def closes() -> None:
        nonlocal on_air
        on_air = False

    tool = Tool([None])
    looks: dict[float, Callable[[], object]] = {60.0: none, 61.0: closes, 65.0: none}
    _, _, found, _ = watched(tool, 0.1, looks, heeded=lambda: on_air)
    assert found[60.0] != [] and found[65.0] == []


def test_a_store_that_is_away_stops_no_reading_and_loses_nothing_that_fits() -> None:
    tool = Tool([[(0.1, FRAME % number) for number in range(1, 401)] + [(10_000, "")]])

    async def show() -> None:
        sink = Sink(refuses=100)
        relay = Relay(ObaRelay(kind="oba"), sink, dial=tool.dial, room="room", alarms=alarms())
        async with Tasks("test") as tasks:
            tasks.keep(relay.run, "relay")
            await asyncio.sleep(100)
            assert (len(sink.events), relay.connected) == (0, 1)
            await asyncio.sleep(200)
            texts = [one.id.partition("-")[0] for one in sink.events]
            assert texts == [str(number) for number in range(1, 401)] and relay.dropped == 0

    run_virtual(show())


def test_a_longer_absence_drops_the_oldest_and_counts_them() -> None:
    tool = Tool([[(0.01, FRAME % number) for number in range(MAX_HELD + 200)] + [(10_000, "")]])

    async def show() -> None:
        sink = Sink(refuses=100)
        relay = Relay(ObaRelay(kind="oba"), sink, dial=tool.dial, room="room", alarms=alarms())
        async with Tasks("test") as tasks:
            tasks.keep(relay.run, "relay")
            await asyncio.sleep(300)
            assert MAX_HELD <= len(sink.events) <= MAX_HELD + 1
            assert relay.dropped + len(sink.events) == MAX_HELD + 200
            assert sink.events[-1].id.startswith(f"{MAX_HELD + 199}-")

    run_virtual(show())


def test_a_fault_of_the_room_costs_one_frame_and_no_more() -> None:
    tool = Tool([[(1.0, FRAME % number) for number in range(1, 6)] + [(10_000, "")]])

    async def show() -> None:
        events: list[ChatEvent] = []

        async def sink(parsed: Parsed) -> None:
            if parsed.events[0].id.startswith("3-"):
                raise RuntimeError("a fault of ours")
            events.extend(parsed.events)

        relay = Relay(ObaRelay(kind="oba"), sink, dial=tool.dial, room="room", alarms=alarms())
        async with Tasks("test") as tasks:
            tasks.keep(relay.run, "relay")
            await asyncio.sleep(60)
        assert [one.id.partition("-")[0] for one in events] == ["1", "2", "4", "5"]
        assert (relay.events, relay.dropped, len(tool.dialled_at)) == (4, 1, 1)

    run_virtual(show())


def test_dycast_that_is_gone_is_an_alarm_and_two_pages_are_one_source() -> None:
    async def show() -> None:
        alarm, sink = alarms(), Sink()
        settings = DycastRelay.model_validate({"kind": "dycast", "token": "t", "silent_s": 60, "away_s": 30})
        relay = Inbound(settings, sink, room="room", alarms=alarm)
        frame = json.dumps([{"id": "7649725129967285311", "method": "WebcastChatMessage", "content": "几号"}])
        one, two = Tool([[(10, frame)] * 8]), Tool([[(10, frame)] * 20])
        async with Tasks("test") as tasks, one.dial(), two.dial():
            tasks.keep(relay.run, "dycast")
            await asyncio.sleep(40)
            assert "断开超过 30 秒" in standing(alarm)[0]

            async def page(tool: Tool) -> None:
                with pytest.raises(EOFError):
                    await relay.hear(tool)

            tasks.spawn(page(one), "one")
            tasks.spawn(page(two), "two")
            await asyncio.sleep(15)
            assert (standing(alarm), relay.connected) == ([], 2)
            await asyncio.sleep(100)
            assert (standing(alarm), relay.connected) == ([], 1)
            await asyncio.sleep(90)
            assert (standing(alarm), relay.connected) == ([], 0)
            await asyncio.sleep(40)
            assert "断开超过 30 秒" in standing(alarm)[0]
        assert len(sink.events) == 28

    run_virtual(show())


def test_a_push_that_stops_is_an_alarm_only_if_asked_for_and_on_air() -> None:
    async def show() -> None:
        alarm, on_air = alarms(), True
        watched = Posted("douyin", room="room", alarms=alarm, heeded=lambda: on_air, silent_s=600)
        rare = Posted("kuaishou", room="room", alarms=alarm)
        async with Tasks("test") as tasks:
            tasks.keep(watched.watch, "watch")
            tasks.keep(rare.watch, "watch")
            await asyncio.sleep(599)
            watched.took(3)
            await asyncio.sleep(599)
            assert standing(alarm) == []
            await asyncio.sleep(3)
            assert "douyin 已 600 秒没有推送" in standing(alarm)[0]
            watched.took(0)
            assert standing(alarm) == []
            await asyncio.sleep(700)
            assert len(standing(alarm)) == 1
            on_air = False
            await asyncio.sleep(5000)
            assert standing(alarm) == []
            for _ in range(20):
                watched.refuse("signature_wrong")
            assert standing(alarm) == []

    run_virtual(show())
