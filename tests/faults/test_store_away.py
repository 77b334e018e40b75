"""A Redis that hangs, and comes back: the room answers meanwhile, and nothing is lost or said twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from livehost.catalog import Catalog
from livehost.inbox import Inbox
from livehost.store.patient import PatientStore
from livehost.store.protocol import ChatMessage, QuestionState, StoreUnavailable
from livehost.store.redis import open_redis
from livehost.tasks import Tasks
from tests.conftest import wait_until
from tests.redis_server import redis_installed, redis_server

HANGS_MS = 2500


async def test_a_redis_that_hangs_keeps_no_question_from_its_answer(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not redis_installed():
        pytest.skip("no redis-server is installed")
    monkeypatch.setattr("livehost.store.patient.PATIENCE_S", 0.3)
    monkeypatch.setattr("livehost.store.patient.RETRY_S", 0.1)
    catalog = Catalog.load(root / "configs/catalog.yaml")
    alarms: list[str | None] = []
    with redis_server(tmp_path) as url:
        async with open_redis(url) as store, Tasks("test") as tasks:
            patient = PatientStore(store, "r", alarm=alarms.append)
            tasks.keep(patient.run, "store")
            inbox = Inbox(
                patient, room="r", limit=100, expires_s=180, catalog=lambda: catalog,
                on_air=lambda: "cleanser-01", clock=lambda: datetime.now(UTC),
                settled=lambda question: None, dropped=lambda reason, count: None,
            )  # fmt: skip

            def message(name: str, text: str) -> ChatMessage:
                return ChatMessage(id=name, user=name, text=text, at=datetime.now(UTC), user_id=name)

            await inbox.take([message("before", "多少钱"), message("same", "这个什么价")])
            await store._client.execute_command("CLIENT", "PAUSE", HANGS_MS, "ALL")
            turn = await inbox.next()
            assert turn is not None and len(turn.all) == 2 and patient.away
            assert alarms and alarms[-1]
            with pytest.raises(StoreUnavailable):
                await inbox.take([message("meanwhile", "孕妇可以用吗")])
            await inbox.settle(turn.first, QuestionState.SENT)
            await inbox.settle(turn.first, QuestionState.HEARD, answer="五十九元")
            turn = await inbox.next()
            assert turn is not None and turn.first.id == "meanwhile"
            await inbox.settle(turn.first, QuestionState.HANDED_OVER)
            await wait_until(lambda: not patient.away)
            assert alarms[-1] is None
            states = {one.id: one.state.value for one in await store.questions("r")}
            assert states == {"before": "heard", "same": "heard", "meanwhile": "handed_over"}
            assert (await inbox.take([message("meanwhile", "孕妇可以用吗")])).duplicate == 1
            assert await inbox.next() is None
