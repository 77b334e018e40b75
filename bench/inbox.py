"""`python -m bench.inbox [--seconds S] [--redis URL]`: how many viewers' messages a second an inbox takes.

Arrays of 100 messages of many viewers go through a room's inbox into a real store while answers are taken
out, in one process, as fast as they are taken. Prints one JSON object: events a second, the longest waits,
memory at the start and at the end, and what was turned away by reason. Each second is a row of
`bench/out/inbox.csv`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.rows import percentile, write
from livehost.catalog import Catalog
from livehost.inbox import Inbox
from livehost.store.patient import PatientStore
from livehost.store.protocol import ChatMessage, InboxLimits, QuestionState, Store

ROOT = Path(__file__).resolve().parent.parent
ARRAY = 100
AT_ONCE = 4  # arrays in flight, as from so many connections
VIEWERS = 50_000
LIMIT = 2000
ANSWER_EVERY_S = 1.0
# What the lines of a flood are like: much noise, the same words again and again, and single questions.
_NOISE = ("666", "哈哈哈哈", "主播好美", "来了来了", "😂😂😂", "冲冲冲")
_COMMON = ("多少钱", "怎么买", "几号链接", "油皮能用吗", "有优惠券吗", "什么时候发货", "孕妇可以用吗")
_ASKED = ("{n}号链接多少钱", "我{n}岁能用吗", "拍{n}件有没有优惠", "{n}天能到吗", "昨天买的第{n}单发了没")
_SAID = ("我家有{n}只猫", "昨天看到第{n}集", "{n}路过", "我排第{n}个")


def _text(draw: random.Random) -> str:
    """A line of chat."""
    kind, number = draw.random(), draw.randrange(100_000)
    if kind < 0.4:
        return draw.choice(_NOISE)
    if kind < 0.7:
        return draw.choice(_COMMON)
    return draw.choice(_ASKED if kind < 0.85 else _SAID).format(n=number)


def _array(draw: random.Random, begin: int) -> list[ChatMessage]:
    now = datetime.now(UTC)
    return [
        ChatMessage(
            id=f"flood-{begin + place}", user=f"观众{who}", user_id=f"u{who}", text=_text(draw), at=now,
            source="bench",
        )
        for place, who in ((place, draw.randrange(VIEWERS)) for place in range(ARRAY))
    ]  # fmt: skip


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


@asynccontextmanager
async def _store(redis: str, folder: Path) -> AsyncIterator[Store]:
    limits = {"bench": InboxLimits(room=LIMIT)}
    if redis:
        from livehost.store.redis import open_redis

        async with open_redis(redis, limits) as store:
            yield store
        return
    from livehost.store.sqlite import open_sqlite

    async with open_sqlite(folder / "bench.sqlite", limits) as sqlite:
        yield sqlite


async def measure(seconds: float, redis: str = "") -> dict[str, Any]:
    """Flood an inbox for so long; returns the figures."""
    catalog = Catalog.load(ROOT / "configs/catalog.yaml")
    dropped: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        async with _store(redis, Path(folder)) as store:
            inbox = Inbox(
                PatientStore(store, "bench", alarm=lambda cause: None), room="bench", limit=LIMIT,
                expires_s=30, catalog=lambda: catalog, on_air=lambda: catalog.products[0].id,
                clock=lambda: datetime.now(UTC), settled=lambda question: None,
                dropped=lambda reason, count: dropped.update({reason: count}),
            )  # fmt: skip
            return await _flood(inbox, seconds) | {"dropped": dict(dropped)}


async def _flood(inbox: Inbox, seconds: float) -> dict[str, Any]:
    draw, waits, accepted, answered, sent = random.Random(1), [], 0, 0, 0
    begun, cpu = time.monotonic(), time.process_time()
    rows: list[tuple[float, int, int, float, int]] = []
    until, answer_at = begun + seconds, begun

    async def pour() -> None:
        nonlocal sent, accepted
        while time.monotonic() < until:
            array = _array(draw, sent)
            sent += ARRAY
            asked = time.monotonic()
            taken = await inbox.take(array)
            accepted += taken.accepted
            waits.append(time.monotonic() - asked)

    async def answer() -> None:
        nonlocal answered, answer_at
        while time.monotonic() < until:
            await inbox.expire()
            if time.monotonic() >= answer_at and (turn := await inbox.next()) is not None:
                answer_at = time.monotonic() + ANSWER_EVERY_S
                answered += len(turn.all)
                await inbox.settle(turn.first, QuestionState.HEARD, answer="好")
            rows.append((round(time.monotonic() - begun, 1), sent, accepted, _rss_mb(), len(inbox)))
            await asyncio.sleep(0.5)

    await asyncio.gather(answer(), *(pour() for _ in range(AT_ONCE)))
    took = time.monotonic() - begun
    write("inbox", ("second", "sent", "accepted", "rss_mb", "waiting"), rows)
    return {
        "events": sent,
        "events_per_s": round(sent / took),
        "cores": round((time.process_time() - cpu) / took, 2),
        "accepted": accepted,
        "answered": answered,
        "take_p50_ms": round(percentile(waits, 0.5) * 1000, 1),
        "take_p99_ms": round(percentile(waits, 0.99) * 1000, 1),
        "rss_begin_mb": rows[len(rows) // 3][3],
        "rss_end_mb": rows[-1][3],
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.inbox", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--redis", default="", help="a Redis server's URL; the embedded store if left out")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.seconds, given.redis)), ensure_ascii=False))


if __name__ == "__main__":
    main()
