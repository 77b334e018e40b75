"""One show on air, scripted: late frames, a room's cores, the time to an answer, the webhook's throughput.

`late_frames`       frames that left the mux after they were due, of all frames between the first question
                    and `late_window_s` later (at least 5 minutes; not in a quick run). The session's first
                    12 s are not in that window: `late_frames_in_all` counts them, and the flood, too.
`cores_per_room`    CPU-seconds a second of the room's playout with its children in that window;
                    `show_cores` is the same of the show's process, which serves all rooms.
`answer_*_s`        from just before the question's POST to the instant at which the frame with the
                    answer's first sample was *due* (the journal's fate of its first phrase names the
                    sample, the frame rows name the instant on the same monotonic clock; playout has
                    sent that frame up to 0.36 s earlier). Questions are 15 s apart; one that got no answer
                    is counted in `answers_missing`, not in the percentiles.
`webhook_per_s`     messages accepted a second, arrays of 100, one connection; `_8` over eight. The room
                    stays on air meanwhile; `flood_late_frames` says what that did to it.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from bench import rows
from bench.flood import ARRAY, flood, per_s
from bench.processes import cpu_s, load, rss_mb
from services import wire
from services.playout.frame_rows import ASKED_BY
from tests.conftest import ROOT
from tests.e2e.embedded import speak_embedded
from tests.e2e.stage import HOOK, ROOM, Stage, a_stage, now, slot
from tests.rtmp import Ingest

APART_S = 15.0
WARM_S = 12.0
FPS = 25
SAMPLES = wire.SAMPLE_RATE_HZ // FPS


def measure(quick: bool) -> dict[str, Any]:
    """Run the show and read what it left."""
    questions = _questions(4 if quick else 32)
    with tempfile.TemporaryDirectory(prefix="livehost-bench-") as name:
        folder = Path(name)
        ingests = [Ingest(folder / each) for each in ("a", "b")]
        os.environ[ASKED_BY] = str(folder / "frames.csv")
        try:
            for ingest in ingests:
                ingest.start()
            outputs = [
                {"name": each, "url": ingest.url, "key": each}
                for each, ingest in zip("ab", ingests, strict=True)
            ]
            slots = [slot("tang-morning", "morning-skincare", begin=now() - timedelta(hours=1), minutes=600)]
            with a_stage(folder, outputs=outputs, slots=slots) as stage:
                speak_embedded(stage, inbox_limit=100_000)
                return _show(stage, questions, quick)
        finally:
            del os.environ[ASKED_BY]
            for ingest in ingests:
                ingest.close()


def _show(stage: Stage, questions: list[tuple[str, str]], quick: bool) -> dict[str, Any]:
    stage.start()
    stage.post("session", action="open").raise_for_status()
    stage.until(lambda: stage.room()["counters"]["frames"] > WARM_S * FPS, 60, "the show is warm")
    playout, show = stage.pid_of("services.playout"), stage.pid_of("show")
    with _viewer(stage):
        begun, used, used_show = time.monotonic(), cpu_s(playout), cpu_s(show)
        posted = _ask(stage, questions, begun)
        time.sleep(max(0.0, begun + len(questions) * APART_S - time.monotonic()))
        ended = time.monotonic()
        wall = ended - begun
        cores, show_cores = (cpu_s(playout) - used) / wall, (cpu_s(show) - used_show) / wall
        load_then = load()
        before_mb, seconds = rss_mb(show), 4.0 if quick else 10.0
        poured = [
            flood(
                stage.port, f"/v1/webhooks/generic/{ROOM}", HOOK, [text for _, text in questions],
                connections=connections, seconds=seconds,
            )
            for connections in (1, 8)
        ]  # fmt: skip
        after_mb = rss_mb(show)
        flooded = time.monotonic()
    same = playout == stage.pid_of("services.playout") and show == stage.pid_of("show")
    counters = stage.room()["counters"]
    stage.post("session", action="close").raise_for_status()
    stage.stop()
    frames = frames_of(stage.folder / "frames.csv")
    answers = spoken_answers(stage.journal(), posted, {frame: due for frame, due, _ in frames})
    rows.write("frames", ("frame", "due_s", "left_s", "late_s"), [(*row, row[2] - row[1]) for row in frames])
    rows.write("answers", ("id", "text", "posted_s", "spoken_s", "took_s", "trace", "said"), answers)
    rows.write(
        "webhook", ("connections", "connection", "sent_s", "took_s", "status", "accepted"),
        [row for part in poured for row in part],
    )  # fmt: skip
    took = [float(row[4]) for row in answers if row[4] != ""]
    window = [row for row in frames if begun <= row[1] < ended]
    under_flood = [row for row in frames if ended <= row[1] < flooded]
    return {
        "cores_per_room": round(cores, 3),
        "show_cores": round(show_cores, 3),
        "late_frames": sum(left > due for _, due, left in window),
        "late_window_s": round(wall, 1),
        "frames_missing": _missing(window),
        "smallest_lead_s": round(min(due - left for _, due, left in window), 3),
        "answer_p50_s": round(rows.percentile(took, 0.5), 2) if took else None,
        "answer_p95_s": round(rows.percentile(took, 0.95), 2) if took else None,
        "answer_worst_s": round(max(took), 2) if took else None,
        "answers": len(took),
        "answers_missing": len(questions) - len(took),
        "webhook_per_s": per_s(poured[0]),
        "webhook_per_s_8": per_s(poured[1]),
        "webhook_refused": sum(row[4] != 202 for part in poured for row in part),
        "webhook_not_stored": sum(ARRAY - row[5] for part in poured for row in part),
        "webhook_growth_mb": round(after_mb - before_mb, 1),
        "flood_late_frames": sum(left > due for _, due, left in under_flood),
        "late_frames_in_all": counters["late_frames"],
        "same_processes": same,
        "show_load": round(load_then, 2),
    }


def _questions(count: int) -> list[tuple[str, str]]:
    """Questions of the test set, spread over its kinds, that get an answer or a hand-over."""
    lines = (ROOT / "tests" / "data" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    spoken = [row for row in map(json.loads, lines) if row["act"] in ("answer", "handover")]
    step = len(spoken) / count
    return [(f"b-{n:02d}", spoken[int(n * step)]["text"]) for n in range(count)]


def _ask(stage: Stage, questions: list[tuple[str, str]], begun: float) -> list[tuple[str, str, float]]:
    """Post them, `APART_S` apart; (id, text, monotonic instant just before the POST)."""
    posted = []
    for index, (question, text) in enumerate(questions):
        time.sleep(max(0.0, begun + index * APART_S - time.monotonic()))
        posted.append((question, text, time.monotonic()))
        stage.ask(question, text)
    return posted


def frames_of(path: Path) -> list[tuple[int, float, float]]:
    """Every frame's number, when it was due and when it left, in monotonic seconds."""
    with path.open(encoding="utf-8") as file:
        return [
            (int(row["frame"]), float(row["due_s"]), float(row["left_s"])) for row in csv.DictReader(file)
        ]


def _missing(window: list[tuple[int, float, float]]) -> int:
    return window[-1][0] - window[0][0] + 1 - len(window)


def spoken_answers(
    journal: list[dict[str, Any]], posted: list[tuple[str, str, float]], due: dict[int, float]
) -> list[tuple[Any, ...]]:
    """A row (id, text, posted, spoken, took, trace, said) for each question; blanks where nothing was heard."""
    firsts: dict[str, dict[str, Any]] = {}
    for entry in journal:
        if entry["type"] == "fate" and entry["position"] >= 0:
            head, _, tail = entry["trace"].rpartition("#")
            kind, _, key = head.partition(":")
            if kind in ("q", "h") and tail.startswith("0/"):
                firsts.setdefault(key, entry)
    found: list[tuple[Any, ...]] = []
    for question, text, at in posted:
        heard = firsts.get(question)
        if heard is None:
            found.append((question, text, at, "", "", "", ""))
            continue
        frame, rest = divmod(int(heard["position"]), SAMPLES)
        spoken = due[frame] + rest / wire.SAMPLE_RATE_HZ
        found.append((question, text, at, spoken, round(spoken - at, 3), heard["trace"], heard["text"]))
    return found


@contextmanager
def _viewer(stage: Stage) -> Any:
    """Somebody watches the preview in the console."""
    ended = threading.Event()

    def watch() -> None:
        with (
            httpx.Client(headers=dict(stage.client.headers), timeout=20) as client,
            client.stream("GET", f"http://127.0.0.1:{stage.port}/v1/rooms/{ROOM}/preview.mp4") as answer,
        ):
            for _ in answer.iter_raw():
                if ended.is_set():
                    return

    thread = threading.Thread(target=watch, name="viewer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
