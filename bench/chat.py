"""`python -m bench.chat [--mode template|lm|both] [--seconds S]`: a platform's push while a show is on air.

The real processes: a room that plays out, records and pushes to an RTMP ingest. First single questions come,
then 抖音's signed arrays of 20, 2,000 events a second in all (`bench/crowd.py`), each sent when it is due
whether the one before was answered or not. Of the time under that load:

`accepted_lost`   what was acknowledged as accepted and is not there after the show was stopped: comments by
                  the store's file, gifts and likes by the service's count of them
`ack_p99_ms`      from when an array was due to the last byte of its acknowledgement
`late_frames`     frames that left the mux after they were due
`answer_p95_s`    from when a heard question's array was due to the instant of the answer's first sample (as
                  `bench.show` reckons it), those who asked the same and share the answer included. A crowd
                  asks more than one host can say, and of what is equally urgent the oldest is said first: so
                  this is how long the turn of those was that had one (`answers` is how many were said). Who
                  asks while the answer is said already shares it and is not counted

`idle_answer_p50_s`, `idle_answer_p95_s` are the same without load, one question at a time. `lm`: the embedded
language model words the answers. With both modes the four figures are the worse ones. Prints a table, then one
JSON object as its last line; raw rows are left in `bench/out/chat*.csv`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from bench import rows
from bench.crowd import Batch, batches, comment, signed, stored_id
from bench.processes import cpu_s, load, rss_mb
from bench.show import frames_of, spoken_answers
from livehost.store import FILE
from services.playout.frame_rows import ASKED_BY
from tests.conftest import ROOT
from tests.e2e.embedded import speak_embedded
from tests.e2e.models import with_models
from tests.e2e.stage import ROOM, Stage, a_stage, now, slot
from tests.rtmp import Ingest

SECRET, PLATFORM_ROOM = "secret-of-the-bench", "7001"
PATH = f"/v1/webhooks/douyin/{ROOM}"
SIZE = 20
CONNECTIONS = 16
WARM_FRAMES = 300
SETTLE_S = 15.0  # from the load's end on: answers that were under way are said
GOALS = {"accepted_lost": "0", "ack_p99_ms": "<= 200", "late_frames": "0", "answer_p95_s": "<= 5 idle"}


@dataclass(frozen=True)
class Sent:
    """What became of one array."""

    batch: Batch
    due: float
    sent: float
    done: float
    status: int
    counts: dict[str, int]


def measure(
    mode: str, *, seconds: float, per_s: float, singles: int, apart_s: float, limit: int
) -> dict[str, Any]:
    """Run a show in one mode and read what it left."""
    with tempfile.TemporaryDirectory(prefix="livehost-bench-") as name:
        folder = Path(name)
        ingest = Ingest(folder / "a")
        os.environ[ASKED_BY] = str(folder / "frames.csv")
        try:
            ingest.start()
            outputs = [{"name": "a", "url": ingest.url, "key": "a"}]
            slots = [slot("tang-morning", "morning-skincare", begin=now() - timedelta(hours=1), minutes=600)]
            with a_stage(folder, outputs=outputs, slots=slots) as stage:
                source = {"kind": "douyin", "secrets": [SECRET], "room_id": PLATFORM_ROOM}
                more = {} if limit == 0 else {"inbox_limit": limit}
                speak_embedded(stage, sources=[source], **more)
                if mode == "lm":
                    models = {"language": {"engine": "embedded"}, "vision": {"engine": "off"}}
                    with_models(stage, ROOT / "adapters", models=models)
                _prices(stage)
                stage.start()
                if mode == "lm":
                    stage.until(lambda: _engine_ready(stage), 120, "the language engine has its base")
                stage.post("session", action="open").raise_for_status()
                if mode == "lm":
                    stage.until(
                        lambda: stage.room()["wearing"]["language"]["sha256"], 120, "she has her words"
                    )
                stage.until(lambda: stage.room()["counters"]["frames"] > WARM_FRAMES, 60, "the show is warm")
                return _show(stage, mode, seconds, per_s, singles, apart_s)
        finally:
            del os.environ[ASKED_BY]
            ingest.close()


def _prices(stage: Stage) -> None:
    """The fixtures' catalogue, with the demo's pictures: the crowd asks about its products."""
    (stage.folder / "images").symlink_to(ROOT / "configs" / "images")
    catalog = stage.folder / "catalog.yaml"
    catalog.write_bytes((ROOT / "tests" / "data" / "catalog.yaml").read_bytes())
    config = yaml.safe_load(stage.config.read_text(encoding="utf-8"))
    config["catalog"] = str(catalog)
    stage.config.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")


def _engine_ready(stage: Stage) -> bool:
    answer = stage.client.get("/v1/engines")
    return answer.status_code == 200 and all(
        one["state"] in ("ready", "off") for one in answer.json()["items"]
    )


def _show(
    stage: Stage, mode: str, seconds: float, per_s: float, singles: int, apart_s: float
) -> dict[str, Any]:
    asked = [
        row["text"]
        for row in map(json.loads, (ROOT / "tests/data/questions.jsonl").read_text("utf-8").splitlines())
        if row["act"] in ("answer", "handover")
    ]
    alone = _one_by_one(stage, asked, singles, apart_s)
    playout, show = stage.pid_of("services.playout"), stage.pid_of("show")
    before_mb = rss_mb(show)
    lead_s = 3.0
    crowd = batches(
        asked, seconds=seconds, per_s=per_s, size=SIZE, begins_ms=int((time.time() + lead_s) * 1000),
        room=PLATFORM_ROOM, secret=SECRET,
    )  # fmt: skip
    begun = time.monotonic() + lead_s / 3
    time.sleep(max(0.0, begun - time.monotonic()))
    used, used_show = cpu_s(playout), cpu_s(show)
    sent = _pour(stage.port, crowd, begun)
    ended = time.monotonic()
    cores = {
        "show_cores": round((cpu_s(show) - used_show) / (ended - begun), 3),
        "playout_cores": round((cpu_s(playout) - used) / (ended - begun), 3),
        "load": round(load(), 2),
        "growth_mb": round(rss_mb(show) - before_mb, 1),
    }
    time.sleep(SETTLE_S)
    told = _metrics(stage)
    stage.post("session", action="close").raise_for_status()
    same = playout == stage.pid_of("services.playout") and show == stage.pid_of("show")
    stage.stop()
    frames = frames_of(stage.folder / "frames.csv")
    stored = _stored(stage)
    posted = alone + [
        (one, "", each.due)
        for each in sent
        if not each.batch.again
        for one in each.batch.ids
        if one in stored
    ]
    journal = stage.journal()
    spoken = spoken_answers(journal, posted, {frame: due for frame, due, _ in frames})
    _write(mode, sent, spoken)
    lost = sum(_lost(each, stored) for each in sent) + _untold(sent, told)
    acks = [(each.done - each.due) * 1000 for each in sent]
    idle = [float(row[4]) for row in spoken[: len(alone)] if row[4] != ""]
    crowds = {one: due for one, _, due in posted[len(alone) :]}
    busy = _shared(stored, crowds, {row[0]: float(row[3]) for row in spoken if row[4] != ""})
    return {
        "accepted_lost": lost,
        "ack_p99_ms": round(rows.percentile(acks, 0.99), 1),
        "late_frames": sum(left > due for _, due, left in frames if begun <= due < ended),
        "answer_p95_s": _at(busy, 0.95),
        "answer_p50_s": _at(busy, 0.5),
        "answers": sum(row[4] != "" for row in spoken[len(alone) :]),
        "answered": len(busy),
        "idle_answer_p50_s": _at(idle, 0.5),
        "idle_answer_p95_s": _at(idle, 0.95),
        "idle_answers": f"{len(idle)}/{len(alone)}",
        "worded_by": dict(
            Counter(str(e.get("source")) for e in journal if e["type"] == "say" and e.get("kind") == "answer")
        ),
        "events_per_s": round(len(sent) * SIZE / (ended - begun)),
        "sent_late_p99_ms": round(rows.percentile([(each.sent - each.due) * 1000 for each in sent], 0.99), 1),
        "ack_p50_ms": round(rows.percentile(acks, 0.5), 1),
        "ack_worst_ms": round(max(acks), 1),
        "statuses": dict(Counter(str(each.status) for each in sent)),
        "results": dict(sum((Counter(each.counts) for each in sent), Counter())),
        "dropped": {key: count for key, count in told.items() if key.startswith("dropped:")},
        "states": dict(Counter(state for state, _ in stored.values())),
        "smallest_lead_s": round(min(due - left for _, due, left in frames if begun <= due < ended), 3),
        "same_processes": same,
        **cores,
    }  # fmt: skip


def _one_by_one(
    stage: Stage, asked: Sequence[str], count: int, apart_s: float
) -> list[tuple[str, str, float]]:
    """Single questions, signed as the crowd's are; (id, text, monotonic instant just before the POST)."""
    posted = []
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + number * apart_s - time.monotonic()))
        key, text, at_ms = f"one-{number}", asked[number * len(asked) // count], int(time.time() * 1000)
        body = json.dumps([comment(key, number, text, at_ms)], ensure_ascii=False).encode()
        headers = signed("live_comment", body, nonce=key, at_ms=at_ms, room=PLATFORM_ROOM, secret=SECRET)
        posted.append((stored_id(key), text, time.monotonic()))
        stage.client.post(PATH, content=body, headers=headers).raise_for_status()
    time.sleep(apart_s)
    return posted


def _pour(port: int, crowd: Sequence[Batch], begun: float) -> list[Sent]:
    """Send each array when it is due, over `CONNECTIONS` connections that are kept."""
    done: list[Sent] = []
    todo, lock = iter(crowd), threading.Lock()

    def work() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            while True:
                with lock:
                    batch = next(todo, None)
                if batch is None:
                    return
                due = begun + batch.due_s
                time.sleep(max(0.0, due - time.monotonic()))
                sent = time.monotonic()
                link.request("POST", PATH, batch.body, batch.headers)
                answer = link.getresponse()
                told = json.loads(answer.read() or b"{}")
                counts = {key: value for key, value in told.items() if answer.status == 200}
                done.append(Sent(batch, due, sent, time.monotonic(), answer.status, counts))
        finally:
            link.close()

    workers = [threading.Thread(target=work, name=f"connection {n}") for n in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(done, key=lambda each: each.due)


def _stored(stage: Stage) -> dict[str, tuple[str, str]]:
    """Every stored question's state, and with whose answer it is answered, from what the show left."""
    with sqlite3.connect(stage.state / FILE) as db:
        found = db.execute("SELECT id, state, joined FROM questions WHERE room = ?", (ROOM,)).fetchall()
    return {one: (state, joined) for one, state, joined in found}


def _shared(
    stored: dict[str, tuple[str, str]], posted: dict[str, float], spoken: dict[str, float]
) -> list[float]:
    """How long each heard question waited, also those that share another one's answer."""
    took = [
        spoken[joined or one] - posted[one]
        for one, (_, joined) in stored.items()
        if one in posted and (joined or one) in spoken
    ]
    return [each for each in took if each >= 0]


def _lost(sent: Sent, stored: dict[str, tuple[str, str]]) -> int:
    if sent.batch.kind != "live_comment":
        return 0
    return max(0, sent.counts.get("accepted", 0) - sum(one in stored for one in sent.batch.ids))


def _untold(sent: Sequence[Sent], told: dict[str, float]) -> int:
    """Gifts and likes that were acknowledged and never reached the room."""
    accepted = sum(each.counts.get("accepted", 0) for each in sent if each.batch.kind != "live_comment")
    return max(0, accepted - int(told.get("event:gift", 0) + told.get("event:like", 0)))


def _metrics(stage: Stage) -> dict[str, float]:
    """What the service counted: `dropped:REASON` and `event:KIND`."""
    found: dict[str, float] = {}
    names = {
        "livehost_inbox_dropped_total": ("dropped", "reason"),
        "livehost_viewer_events_total": ("event", "kind"),
    }
    for line in stage.client.get("/metrics").text.splitlines():
        name, _, rest = line.partition("{")
        if name in names:
            prefix, label = names[name]
            value = rest.partition(f'{label}="')[2].partition('"')[0]
            found[f"{prefix}:{value}"] = float(rest.rpartition(" ")[2])
    return found


def _write(mode: str, sent: Sequence[Sent], spoken: Sequence[Sequence[Any]]) -> None:
    rows.write(
        f"chat-{mode}", ("array", "kind", "again", "due_s", "sent_s", "acknowledged_s", "status", "counts"),
        [
            (
                each.batch.number, each.batch.kind, each.batch.again, each.due, each.sent, each.done,
                each.status, json.dumps(each.counts),
            )
            for each in sent
        ],
    )  # fmt: skip
    rows.write(
        f"chat-{mode}-answers", ("id", "text", "posted_s", "spoken_s", "took_s", "trace", "said"),
        [row for row in spoken if row[4] != ""],
    )  # fmt: skip


def _at(values: Sequence[float], share: float) -> float | None:
    return round(rows.percentile(values, share), 2) if values else None


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.chat", description=__doc__.partition("\n")[0])
    parser.add_argument("--mode", choices=("template", "lm", "both"), default="template")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the crowd writes")
    parser.add_argument("--per-s", type=float, default=2000.0, help="events a second in all")
    parser.add_argument("--singles", type=int, default=8, help="questions before it, one at a time")
    parser.add_argument("--apart", type=float, default=12.0, help="seconds between these")
    parser.add_argument("--inbox-limit", type=int, default=0, help="of the room; 0: as livehost has it")
    given = parser.parse_args()
    modes = ("template", "lm") if given.mode == "both" else (given.mode,)
    found = {
        mode: measure(
            mode, seconds=given.seconds, per_s=given.per_s, singles=given.singles, apart_s=given.apart,
            limit=given.inbox_limit,
        )
        for mode in modes
    }  # fmt: skip
    figures: dict[str, Any] = {
        name: max(value for each in found.values() if (value := each[name]) is not None) for name in GOALS
    }
    for mode, each in found.items():
        for name, value in each.items():
            goal = f"goal {GOALS[name]}" if name in GOALS else ""
            print(f"{mode:10} {name:24} {value!s:>12}   {goal}")
    print(json.dumps(figures | found, ensure_ascii=False))


if __name__ == "__main__":
    main()
