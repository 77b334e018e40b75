"""What viewers ask by way of a relay while the store is away: answered from memory, stored after, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livehost.alarms import Alarms
from livehost.catalog import Catalog
from livehost.chat import relay as relays
from livehost.chat.events import ChatEvent, Kind
from livehost.chat.source_settings import ObaRelay
from livehost.chat.sources import Sources
from livehost.events import EventBus
from livehost.metrics import Metrics
from livehost.settings import Room
from livehost.store.protocol import QuestionState
from livehost.tasks import Tasks
from tests.conftest import wait_until
from tests.unit.test_show_questions import Stand, a_stand

QUESTIONS = ("多少钱", "孕妇可以用吗", "有优惠券吗", "油皮能用吗", "什么时候发货", "保质期多久")


@pytest.fixture
async def stand(tmp_path: Path, root: Path) -> AsyncIterator[Stand]:
    async with a_stand(tmp_path, Catalog.load(root / "configs/catalog.yaml")) as made:
        made.on_air = "cleanser-01"
        yield made


class Wire:
    """A connection that has some frames."""

    def __init__(self, *frames: str) -> None:
        self._frames = list(frames)

    async def recv(self) -> str:
        if not self._frames:
            raise EOFError
        return self._frames.pop(0)


def frame(number: int, text: str) -> str:
    told = {"msg_type": "comment", "msg_id": f"74412345678901234{number:02}", "nick_name": f"观众{number}"}
    return json.dumps({**told, "content": text}, ensure_ascii=False)


async def test_what_a_relay_tells_while_the_store_is_away_is_answered_and_stored_once(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "STORE_RETRY_S", 0.01)
    monkeypatch.setattr(relays, "MAX_HELD", 3)
    seen: list[ChatEvent] = []
    configured = ObaRelay(kind="oba")
    sources = Sources(
        Room(id="r", sources=(configured,)), messages=stand.inbox.take, seen=seen.extend,
        alarms=Alarms(EventBus()), metrics=Metrics(),
    )  # fmt: skip
    feed = sources.feed(configured)
    follow = json.dumps({"msg_type": "room_follow", "msg_id": "7441234567890123499", "nick_name": "小鹿"})
    stand.away.gone = True
    async with Tasks("test") as tasks:
        tasks.keep(feed.deliver, "deliver")
        for number, text in enumerate(QUESTIONS):  # one after the other, as viewers write
            with pytest.raises(EOFError):
                await feed.hear(Wire(frame(number, text)))
            await wait_until(lambda many=number + 1: len(stand.inbox) == many)
        with pytest.raises(EOFError):
            await feed.hear(Wire(follow))
        await wait_until(lambda: seen)
    assert feed.dropped == 0 and [one.kind for one in seen] == [Kind.FOLLOW]
    turn = await stand.inbox.next()
    assert turn is not None and stand.patient.away
    await stand.inbox.settle(turn.first, QuestionState.HEARD, answer="好")
    stand.away.gone = False
    assert await stand.patient._paid()
    states = await stand.states()
    assert states.pop(turn.first.text) == "heard"
    assert states == {text: "accepted" for text in QUESTIONS if text != turn.first.text}


async def test_a_flood_while_the_store_is_away_is_counted_where_it_finds_no_place(stand: Stand) -> None:
    stand.away.gone = True
    for number in range(130):
        with pytest.raises(Exception, match="away"):
            await stand.says(f"u{number}", f"{number}号多少钱")
    assert len(stand.inbox) == 100 and stand.dropped == {"inbox_full": 30}
