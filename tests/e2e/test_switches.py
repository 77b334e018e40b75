"""A show with a switch every 20 seconds for three minutes, while bad adapters are staged beside it.

The real engines with the embedded bases and the demo's adapters. One show serves all tests of this
file. What is judged: no frame was late, and no word, look or adapter of another persona was on air.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from services.lora import read_card
from tests.e2e import adapters
from tests.e2e.embedded import speak_embedded
from tests.e2e.models import dressed, engines_ready, with_models
from tests.e2e.stage import ROOM, Stage, a_stage, now, slot
from tests.e2e.styles import plate
from tests.e2e.tape import RATE

pytestmark = pytest.mark.show

CASTS = {
    "tang-morning": "morning-skincare",
    "tang-evening": "evening-wellness",
    "tang-lady": "tang-show",
}
EVERY_S = 20
SWITCHES = 9
BAD = ("corrupt", "shape", "nan", "unsigned")
# Parts of the picture that show the set alone: no host, label, card, bubble or caption over it.
PATCHES = ((slice(330, 520), slice(8, 64)), (slice(330, 520), slice(656, 712)))


@dataclass
class Night:
    """What the show left behind."""

    state: Path
    library: Path
    journal: list[dict[str, Any]]
    recording: Path
    begun: str
    late: int
    repeated: int
    frames: int
    staged: dict[str, httpx.Response] = field(default_factory=dict)
    refused: dict[str, Any] = field(default_factory=dict)
    round_it: tuple[str, str] = ("", "")

    @property
    def said(self) -> list[dict[str, Any]]:
        """What was said while the switches came, in order."""
        return [e for e in self.journal if e["type"] == "say" and e["at"] >= self.begun]

    @property
    def heard(self) -> list[dict[str, Any]]:
        """The fates of what was heard then, in the order of the recording."""
        said = {e["id"]: e for e in self.said}
        fates = [e for e in self.journal if e["type"] == "fate" and e["id"] in said and e["position"] >= 0]
        return sorted(({**said[e["id"]], **e} for e in fates), key=lambda entry: int(entry["position"]))


def _bad_versions(library: Path) -> None:
    persona = "tang-evening"
    adapters.corrupted(adapters.version(library, persona, "language", "corrupt"))
    adapters.version(library, persona, "visual", "shape", adapters.wrong_shape)
    adapters.version(library, persona, "language", "nan", adapters.with_nan)
    adapters.version(library, persona, "visual", "unsigned", adapters.weaker, consent=None)
    adapters.version(library, persona, "language", "gone")


def _ids() -> list[str]:
    kinds = {"corrupt": "language", "shape": "visual", "nan": "language", "unsigned": "visual"}
    return [f"tang-evening.{kinds[name]}.{name}" for name in BAD]


def _dress_everyone(stage: Stage) -> None:
    """Each persona on by hand once, so that their looks are made: what a room does in its first hours."""
    for persona, rundown in list(CASTS.items())[::-1]:
        stage.post("switch", persona=persona, rundown=rundown).raise_for_status()

        stage.until(partial(dressed, stage, persona), 240, f"{persona} is on air and dressed")
    stage.client.delete(f"/v1/rooms/{ROOM}/override").raise_for_status()


def _stage_bad(stage: Stage, library: Path, night: Night) -> None:
    """Stage what is spoiled, and one that is deleted while it is read."""
    for adapter in _ids():
        night.staged[adapter] = stage.client.post(f"/v1/adapters/{adapter}/stage")
        time.sleep(4)
    gone = library / "tang-evening" / "language" / "gone"
    deleting = threading.Thread(target=shutil.rmtree, args=(gone,), kwargs={"ignore_errors": True})
    deleting.start()
    night.staged["gone"] = stage.client.post("/v1/adapters/tang-evening.language.gone/stage")
    deleting.join()


def _put_bad_on(stage: Stage, night: Night) -> None:
    """Ask for a persona in an adapter with a NaN: it must fail by name, and who is on stays on."""
    before = stage.room()["on_air"]["persona"]
    stage.post("switch", persona="tang-evening", adapters={"language": "nan"}).raise_for_status()

    def failed() -> bool:
        room = stage.room()
        night.refused = next(
            (one for one in (room["next"], room["wearing"]) if one and one["state"] == "failed"), {}
        )
        return bool(night.refused)

    stage.until(failed, 15, "the switch fails by name")
    night.round_it = (before, stage.room()["on_air"]["persona"])
    stage.client.delete(f"/v1/rooms/{ROOM}/override").raise_for_status()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("switches")
    library = adapters.copied(root, folder / "adapters")
    _bad_versions(library)
    with a_stage(folder) as stage:
        speak_embedded(stage, prepare_s=18)
        with_models(stage, library)
        stage.start()
        stage.until(partial(engines_ready, stage), 120, "both engines have their base")
        stage.post("session", action="open").raise_for_status()
        _dress_everyone(stage)
        begin = now() + timedelta(seconds=EVERY_S)
        order = [list(CASTS)[(n + 1) % 3] for n in range(SWITCHES)]
        for number, persona in enumerate(order):
            line = slot(persona, CASTS[persona], begin=begin + timedelta(seconds=EVERY_S * number))
            line |= {"id": f"s{number}", "duration": f"PT{EVERY_S}S", "priority": 5}
            stage.post("slots", **line).raise_for_status()
        counters, found = (
            stage.room()["playout"],
            Night(folder, library, [], folder, now().isoformat(), 0, 0, 0),
        )
        while now() < begin + timedelta(seconds=EVERY_S):
            time.sleep(0.2)
        _stage_bad(stage, library, found)
        _put_bad_on(stage, found)
        while now() < begin + timedelta(seconds=EVERY_S * SWITCHES - 2):
            time.sleep(0.2)
        after = stage.room()["playout"]
        found.late = after["late_frames"] - counters["late_frames"]
        found.repeated = after["repeated_frames"] - counters["repeated_frames"]
        found.frames = after["frames"] - counters["frames"]
        stage.post("session", action="close").raise_for_status()
        stage.stop()
        found.state, found.journal, found.recording = stage.state, stage.journal(), stage.recordings()[0]
        yield found


def test_no_frame_was_late(night: Night) -> None:
    assert night.frames > EVERY_S * (SWITCHES - 1) * 25
    assert night.late == 0, f"{night.late} late, {night.repeated} repeated of {night.frames}"


def test_every_switch_was_made_by_one_greeting(night: Night) -> None:
    greetings = [e for e in night.heard if e["kind"] == "greeting" and "#0/" in e["trace"]]
    personas = [e["persona"] for e in night.heard]
    changes = [b for a, b in pairwise(personas) if a != b]
    assert len(changes) >= SWITCHES - 2
    assert [e["persona"] for e in greetings][-len(changes) :] == changes


def test_her_look_her_adapters_and_her_words_are_one_thing(night: Night) -> None:
    cards = {
        persona: {
            kind: read_card(night.library / persona / kind / "1").sha256 for kind in ("language", "visual")
        }
        for persona in CASTS
    }
    looks = {
        "tang-morning": "builtin:morning@",
        "tang-evening": "builtin:evening@",
        "tang-lady": "builtin:tangzhuang@",
    }
    names = {"tang-morning": "小棠", "tang-evening": "棠姐", "tang-lady": "棠娘子"}
    assert len(night.said) > 60
    for entry in night.said:
        persona = entry["persona"]
        assert entry["adapters"] == cards[persona], entry
        assert entry["look"].startswith(looks[persona]), entry
        assert not [name for other, name in names.items() if other != persona and name in entry["text"]], (
            entry
        )


def test_the_model_spoke_as_well(night: Night) -> None:
    assert [e for e in night.said if e["source"] == "model"]


def test_the_picture_is_hers_while_she_speaks(night: Night) -> None:
    looks = {e["look"]: e["persona"] for e in night.said}
    plates = {look: plate(_folder(night.state, look)) for look in looks}
    references = {look: _patches(picture) for look, picture in plates.items()}
    wrong, seen = [], 0
    moments = {e["position"] / RATE + 0.8: e for e in night.heard if e["heard_s"] > 1.2}
    for at, frame in _frames(night.recording, sorted(moments)):
        entry = moments[at]
        here = _patches(frame)
        nearest = min(references, key=lambda look: float(np.abs(references[look] - here).mean()))
        seen += 1
        if looks[nearest] != entry["persona"]:
            wrong.append((entry["persona"], nearest, entry["text"]))
    assert seen > 50
    assert not wrong


def test_what_is_spoiled_is_refused_by_name_and_changes_nothing(night: Night) -> None:
    for adapter in _ids():
        answer = night.staged[adapter]
        assert answer.status_code == 422, (adapter, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
    assert "SHA-256" in night.staged["tang-evening.language.corrupt"].text
    assert "consent" in night.staged["tang-evening.visual.unsigned"].text
    assert ", not [rank, " in night.staged["tang-evening.visual.shape"].text
    assert "finite" in night.staged["tang-evening.language.nan"].text.lower()
    assert night.staged["gone"].status_code in (200, 404, 422)
    bad = {adapters.sha256_of(night.library.joinpath(*adapter.split("."))) for adapter in _ids()}
    assert not [e for e in night.said if bad & set(e["adapters"].values())]


def test_a_spoiled_adapter_is_not_put_on_and_who_is_on_stays(night: Night) -> None:
    assert night.refused["part"] == "language"
    assert "finite" in night.refused["error"].lower()
    before, after = night.round_it
    assert before == after != ""


def test_the_recording_has_no_gap(night: Night) -> None:
    with av.open(str(night.recording)) as container:
        times = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None]
    assert np.abs(np.diff(np.array(times)) - 0.04).max() < 0.002


def _folder(state: Path, look: str) -> Path:
    key = look.rpartition("@")[2]
    return next(path.parent for path in state.rglob("look.yaml") if path.parent.name.startswith(key))


def _patches(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    return np.concatenate([lab[rows, columns].reshape(-1, 3).mean(axis=0) for rows, columns in PATCHES])


def _frames(recording: Path, moments: list[float]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """The first frame at or after each moment, BGR."""
    waiting = iter(moments)
    at = next(waiting, None)
    with av.open(str(recording)) as container:
        for frame in container.decode(video=0):
            if at is None:
                return
            if float(frame.time or 0.0) >= at:
                yield at, frame.to_ndarray(format="bgr24")
                at = next(waiting, None)
