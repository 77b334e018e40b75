"""Twenty kills (-9) of the show at random instants: viewers notice nothing, the record has no hole.

Part of `make test-long`. Questions are posted throughout and again while the show is down, as a
platform does. Afterwards the journal is held against the recording by cross-correlation.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from livehost.casting import voice_of
from livehost.check import read_settings
from services.speech import Speaker
from tests.e2e.correlate import find, loud_outside
from tests.e2e.embedded import speak_embedded
from tests.e2e.stage import Stage, a_stage, now, slot
from tests.e2e.tape import FPS, RATE, Box, Tape, read_tape

pytestmark = pytest.mark.long

KILLS = 20
SEED = 20261201
QUESTIONS = (
    "洗面奶多少钱",
    "精华几号链接",
    "面膜怎么用",
    "是真人吗",
    "几天能到",
    "哺乳期可以用洗面奶吗",
    "有运费险吗",
)
SETTLED = {"heard", "handed_over", "ignored", "expired", "blocked", "accepted"}


@dataclass
class Evidence:
    """What the show left behind."""

    stage: Stage
    journal: list[dict[str, Any]]
    tape: Tape
    questions: dict[str, dict[str, Any]]
    posted: list[str]
    pids: set[int]

    @property
    def fates(self) -> list[dict[str, Any]]:
        """Phrases that were heard, in the order of their positions."""
        heard = [e for e in self.journal if e["type"] == "fate" and e["position"] >= 0]
        return sorted(heard, key=lambda entry: int(entry["position"]))


def _ask_for_ever(stage: Stage, ended: threading.Event, posted: list[str]) -> None:
    number = 0
    while not ended.is_set():
        key, text = f"k-{number:03d}", QUESTIONS[number % len(QUESTIONS)]
        try:
            stage.ask(key, text)
        except (httpx.HTTPError, AssertionError):
            ended.wait(0.3)  # the show is down: the platform sends it again
            continue
        posted.append(key)
        number += 1
        ended.wait(6.0)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    chance = random.Random(SEED)
    begin = now() - timedelta(minutes=30)
    slots = [slot("tang-morning", "morning-skincare", begin=begin, minutes=600)]
    with a_stage(tmp_path_factory.mktemp("kills"), slots=slots) as stage:
        speak_embedded(stage, question_expires_s=600)
        stage.start()
        stage.post("session", action="open").raise_for_status()
        stage.until(lambda: stage.room()["counters"]["frames"] > FPS, 30, "the picture moves")
        ended, posted, pids = threading.Event(), [], {stage.pid_of("services.playout")}
        asker = threading.Thread(target=_ask_for_ever, args=(stage, ended, posted))
        asker.start()
        try:
            for _ in range(KILLS):
                time.sleep(chance.uniform(2.0, 9.0))
                gone = stage.kill_show()
                stage.until(lambda gone=gone: stage.pid_of("show") not in (0, gone), 30, "a new show")
                stage.until(lambda: stage.room()["playout"]["connected"], 60, "the show is back")
                pids.add(stage.pid_of("services.playout"))
        finally:
            ended.set()
            asker.join()
        time.sleep(25)
        questions = stage.questions()
        stage.post("session", action="close").raise_for_status()
        stage.stop()
        anywhere = Box(0, 0, 64, 64)
        tape = read_tape(stage.recordings()[0], mouths={}, face=anywhere, label=anywhere)
        assert len(stage.recordings()) == 1
        yield Evidence(stage, stage.journal(), tape, questions, posted, pids)


def test_one_playout_and_continuous_timestamps(evidence: Evidence) -> None:
    assert len(evidence.pids) == 1
    assert np.abs(evidence.tape.frame_gaps - 1 / FPS).max() < 0.002
    assert evidence.tape.audio_gap_s < 0.001


def test_no_question_is_lost_and_none_is_heard_twice(evidence: Evidence) -> None:
    assert len(evidence.posted) >= KILLS
    states = {key: evidence.questions[key]["state"] for key in evidence.posted}
    assert set(states.values()) <= SETTLED, states
    begins = Counter(
        entry["trace"].rpartition("#")[0]
        for entry in evidence.fates
        if entry["trace"].startswith(("q:", "h:")) and "#0/" in entry["trace"]
    )
    assert [trace for trace, count in begins.items() if count > 1] == []
    heard = {trace.partition(":")[2] for trace in begins}
    said = {key for key, state in states.items() if state in ("heard", "handed_over")}
    assert said <= heard


def test_every_phrase_has_one_fate(evidence: Evidence) -> None:
    fates = Counter(entry["id"] for entry in evidence.journal if entry["type"] == "fate")
    said = {entry["id"] for entry in evidence.journal if entry["type"] == "say"}
    assert [phrase for phrase, count in fates.items() if count > 1] == []
    assert said - set(fates) == set()


def test_the_journal_equals_the_recording(evidence: Evidence) -> None:
    checked, wrong, spans = asyncio.run(_held_against(evidence))
    assert checked >= 60
    assert wrong == []
    outside = [one for one in loud_outside(evidence.tape.audio, spans) if one[1] > 0.3]
    assert outside == []


async def _held_against(evidence: Evidence) -> tuple[int, list[str], list[tuple[int, int]]]:
    settings = read_settings(evidence.stage.config, review=False)
    checked, wrong, spans = 0, [], []
    async with Speaker(evidence.stage.state / "speech", offline=True) as speaker:
        for entry in evidence.fates:
            at = int(entry["position"])
            spans.append((at, at + int(entry["heard_s"] * RATE)))
            if entry["fate"] != "finished":
                continue
            persona = settings.persona(entry["persona"])
            speech = await speaker.speak(entry["text"], voice_of(persona), language=persona.language)
            phrase = np.frombuffer(speech.pcm, np.int16).astype(np.float32) / 32768
            found = find(evidence.tape.audio, phrase, at)
            checked += 1
            if abs(found.off_s) > 0.005 or found.likeness < 0.8:
                wrong.append(f"{entry['text']} at {at / RATE:.2f} s: {found}")
    return checked, wrong, spans
