"""The main loop on a scripted clock: who speaks when, and what becomes of every phrase."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest

from services import wire
from services.playout.composer import Canvas, Composer, View
from services.playout.events import Happened, Leave, SessionBegan, SessionEnded, ShowJoined, ShowLeft
from services.playout.fanout import Fanout
from services.playout.flv import Tag, TagKind
from services.playout.lineup import PhraseEnded, PhraseStarted
from services.playout.program import Program
from services.playout.settings import PlayoutSettings
from services.playout.sound import dbfs
from tests.playout import phrase

_T = TypeVar("_T")
RATE = wire.SAMPLE_RATE_HZ
SETTINGS = PlayoutSettings(room="r", state_dir="", socket="", media_socket="", width=64, height=64)


class ScriptedPainter:
    """Counts what it paints; raises or takes long where the script says."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.fails: Callable[[int], bool] = lambda frame: False
        self.cost_s: Callable[[int], float] = lambda frame: 0.0
        self.spend: Callable[[float], None] = lambda seconds: None
        self.look = ""
        self._canvas = np.full((96, 64), 90, np.uint8)

    def paint(self, view: View) -> Canvas:
        self.spend(self.cost_s(view.frame))
        if self.fails(view.frame):
            raise RuntimeError("the face broke")
        self.views.append(view)
        self.look = view.look
        return self._canvas

    def holding(self) -> Canvas:
        return np.full((96, 64), 40, np.uint8)

    def use_look(self, name: str, look: Any) -> None: ...

    def prepare(self, phrase: wire.Phrase) -> None: ...

    def interrupted(self) -> None: ...


class ScriptedEncoder:
    """Gives one video tag a frame, and keeps what it was given."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.frames = 0

    def encode(self, canvas: Canvas, sound: Any, *, key: bool) -> list[Tag]:
        self._world.sounds.append(sound.copy())
        self._world.pictures.append(int(canvas[0, 0]))
        self._world.middles.append(int(canvas[32, 32]))
        tag = Tag(TagKind.VIDEO, self.frames * 40, b"\x17\x01", key=self.frames % 50 == 0 or key)
        self.frames += 1
        return [tag]

    def close(self) -> list[Tag]:
        return []


class World:
    """A programme on a clock that only moves when it sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.events: list[object] = []
        self.sounds: list[Any] = []
        self.pictures: list[int] = []
        self.middles: list[int] = []
        self.painter = ScriptedPainter()
        self.painter.spend = self._sleep
        self._more_sessions = False
        self.script: list[tuple[float, Callable[[], None]]] = []
        self.program = Program(
            SETTINGS,
            Composer(self.painter, 64, 64),
            Fanout(),
            self._emit,
            now=lambda: self.time,
            sleep=self._sleep,
            make_encoder=lambda settings: ScriptedEncoder(self),
        )

    def at(self, seconds: float, *commands: object) -> None:
        """Post commands at a time after the start."""
        opened = {each.session for each in commands if isinstance(each, wire.OpenSession)}
        self._more_sessions = self._more_sessions or "s2" in opened
        self.script.append(
            (1000.0 + seconds, lambda: [self.program.post(each) for each in commands] and None)
        )

    def play(self, seconds: float) -> None:
        """Run for so long, then leave."""
        self.at(seconds, Leave())
        self.script.sort(key=lambda row: row[0])
        self._due()
        self.program.run()

    def heard(self, kind: type[_T]) -> list[_T]:
        return [event for event in self.events if isinstance(event, kind)]

    def fates(self) -> dict[str, tuple[wire.PhraseFate, int]]:
        ended = self.heard(PhraseEnded)
        assert len({event.phrase.id for event in ended}) == len(ended), "one fate each"
        return {event.phrase.id: (event.fate, event.heard) for event in ended}

    def _emit(self, event: object) -> None:
        self.events.append(event)
        if isinstance(event, SessionEnded) and event.session == "s1" and not self._more_sessions:
            self.program.post(Leave())  # the clock rests, so scripted time would stand still

    def _sleep(self, seconds: float) -> None:
        self.time += seconds
        self._due()

    def _due(self) -> None:
        while self.script and self.script[0][0] <= self.time:
            self.script.pop(0)[1]()


def opening(mode: wire.SessionMode = wire.SessionMode.ON_AIR, **fields: Any) -> wire.OpenSession:
    return wire.OpenSession(session="s1", mode=mode, look="morning", look_path="", **fields)


def reserve(count: int = 2) -> list[wire.Reserve]:
    return [
        wire.Reserve(persona="lin", index=k, total=count, phrase=phrase(f"r{k}", 1.0)) for k in range(count)
    ]


@pytest.fixture
def world() -> World:
    return World()


def test_off_makes_no_frames(world: World) -> None:
    world.play(0)
    assert world.pictures == []


def test_a_session_makes_every_frame_with_its_own_samples(world: World) -> None:
    world.at(0, opening())
    world.play(10)
    assert 250 <= len(world.pictures) <= 262
    assert {sound.size for sound in world.sounds} == {1764}
    assert isinstance(world.events[0], SessionBegan)
    assert isinstance(world.heard(SessionEnded)[0], SessionEnded)


def test_room_tone_never_stops(world: World) -> None:
    world.at(0, opening())
    world.play(5)
    levels = [dbfs(np.concatenate(world.sounds[k : k + 5])) for k in range(0, 120, 5)]
    assert min(levels) > -62 and max(levels) < -54


def test_phrases_sound_in_order_and_are_finished(world: World) -> None:
    world.at(0, ShowJoined(), opening(), *[phrase(f"p{k}", 1.3, gap_s=0.1) for k in range(3)])
    world.play(6)
    started = world.heard(PhraseStarted)
    assert [event.phrase.id for event in started] == ["p0", "p1", "p2"]
    gaps = [b.at - a.at for a, b in itertools.pairwise(started)]
    assert all(1.4 * RATE <= gap <= 1.4 * RATE + 1764 for gap in gaps)
    assert world.fates() == {f"p{k}": (wire.PhraseFate.FINISHED, round(1.3 * RATE)) for k in range(3)}


def test_want_repeats_with_one_serial_until_a_phrase_comes(world: World) -> None:
    world.at(0, ShowJoined(), opening())
    world.at(1.0, phrase("p", 3.0))
    world.play(4)
    wants = world.heard(wire.Want)
    first = [want for want in wants if want.serial == 1]
    assert 4 <= len(first) <= 6
    second = [want for want in wants if want.serial == 2]
    assert second and all(want.held_s < 1.5 for want in second)


def test_an_urgent_phrase_drops_those_that_wait(world: World) -> None:
    world.at(0, ShowJoined(), opening(), phrase("a", 1.0), phrase("b", 1.0), phrase("c", 1.0))
    world.at(0.5, phrase("u", 1.0, urgent=True))
    world.play(4)
    fates = world.fates()
    assert [event.phrase.id for event in world.heard(PhraseStarted)] == ["a", "u"]
    assert fates["b"][0] is fates["c"][0] is wire.PhraseFate.DROPPED


def test_older_generations_are_dropped(world: World) -> None:
    world.at(
        0, ShowJoined(), opening(), phrase("a"), phrase("b", generation=1), phrase("c", generation=2),
        wire.DropQueued(below_generation=2),
    )  # fmt: skip
    world.play(4)
    assert [event.phrase.id for event in world.heard(PhraseStarted)] == ["c"]


def test_cut_fades_within_a_second_and_shows_the_holding_picture(world: World) -> None:
    world.at(0, ShowJoined(), opening(), phrase("a", 4.0), phrase("b", 1.0))
    world.at(1.0, wire.Cut())
    world.play(4)
    fates = world.fates()
    assert fates["b"][0] is wire.PhraseFate.DROPPED
    assert fates["a"][0] is wire.PhraseFate.CUT
    assert fates["a"][1] < 2.0 * RATE
    cut_frame = world.pictures.index(40)
    assert set(world.pictures[cut_frame:]) == {40}
    after = np.concatenate(world.sounds[cut_frame + 15 :])
    assert -62 < dbfs(after) < -54
    assert cut_frame <= 1.0 * 25 + 12


def test_uncut_goes_on(world: World) -> None:
    world.at(0, ShowJoined(), opening(), phrase("a", 2.0))
    world.at(0.5, wire.Cut())
    world.at(2.0, wire.Uncut(), phrase("b", 1.0))
    world.play(5)
    assert world.fates()["b"] == (wire.PhraseFate.FINISHED, RATE)
    assert world.pictures[-10] == 90


def test_what_comes_while_cut_is_dropped(world: World) -> None:
    world.at(0, ShowJoined(), opening(), wire.Cut())
    world.at(1.0, phrase("a"))
    world.play(3)
    assert world.fates()["a"][0] is wire.PhraseFate.DROPPED


def test_without_a_show_the_reserve_speaks_with_pauses(world: World) -> None:
    world.at(0, *reserve(), opening())
    world.play(30)
    started = world.heard(PhraseStarted)
    assert {event.phrase.kind for event in started} == {wire.PhraseKind.RESERVE}
    assert len({event.phrase.id for event in started}) == len(started) >= 3
    for before, after in itertools.pairwise(started):
        assert 3.0 <= (after.at - before.at) / RATE <= 7.2


def test_a_show_that_comes_back_is_heard_after_the_reserve_phrase(world: World) -> None:
    world.at(0, *reserve(1), opening())
    world.at(0.4, ShowJoined(), phrase("p", 1.0))
    world.play(4)
    started = world.heard(PhraseStarted)
    assert [event.phrase.kind.value for event in started] == ["reserve", "script"]
    assert set(fate for fate, _ in world.fates().values()) == {wire.PhraseFate.FINISHED}


@pytest.mark.parametrize("quiet", [True, False])
def test_a_silent_show_is_covered_unless_it_is_quiet_on_purpose(world: World, quiet: bool) -> None:
    world.at(0, *reserve(1), ShowJoined(), opening())
    for second in range(20):
        world.at(second, wire.Alive(quiet=quiet))
    world.play(19)
    assert bool(world.heard(PhraseStarted)) is not quiet


def test_a_show_without_a_heartbeat_is_covered(world: World) -> None:
    world.at(0, *reserve(1), ShowJoined(), opening(), wire.Alive(quiet=True))
    world.play(8)
    first = world.heard(PhraseStarted)[0]
    assert 3.0 * RATE <= first.at <= 4.0 * RATE


@pytest.mark.parametrize("action", ["hold", "end"])
def test_an_orphan_does_as_configured(world: World, action: Any) -> None:
    world.at(0, ShowJoined(), opening(orphan_s=5.0, orphan_action=action))
    world.at(1.0, ShowLeft())
    world.play(12)
    if action == "end":
        assert world.heard(SessionEnded) and len(world.pictures) < 8 * 25
    else:
        assert world.pictures[-5] == 40 and len(world.pictures) > 11 * 25


def test_a_painter_that_raises_keeps_the_last_picture_then_holds_then_recovers(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.painter.fails = lambda frame: 50 <= frame < 150
    world.at(0, opening())
    world.play(9)
    assert world.pictures[49] == 90 and world.pictures[60] == 90
    assert world.pictures[100] == 40
    assert world.pictures[-5] == 90
    assert len(world.pictures) >= 220
    (told,) = [one for one in caplog.records if one.name == "playout.composer"]
    assert told.exc_info is not None


def test_a_slow_painter_costs_pictures_never_sound(world: World) -> None:
    world.painter.cost_s = lambda frame: 0.09
    world.at(0, opening())
    world.play(20)
    assert world.program.figures.repeated_frames > 100
    assert world.program.figures.reanchors == 0
    assert abs(len(world.sounds) - 20 * 25) <= 15


def test_a_stall_of_thirty_seconds_reanchors_once(world: World) -> None:
    world.painter.cost_s = lambda frame: 30.0 if frame == 100 else 0.0
    world.at(0, opening())
    world.play(60)
    assert world.program.figures.reanchors == 1
    assert any("the clock moved" in event.what for event in world.heard(Happened))
    assert world.program.figures.frames == len(world.sounds)


def test_flash_and_beep_share_their_frames(world: World) -> None:
    world.at(0, opening())
    world.at(1.0, wire.TestCue(count=2, every_s=1.0))
    world.play(5)
    white = [k for k, value in enumerate(world.middles) if value == 235]
    loud = [k for k, sound in enumerate(world.sounds) if dbfs(sound) > -20]
    assert white == loud and len(white) == 10
    assert world.sounds[white[0]][0] > 0.45, "the beep starts at the frame's first sample"


def test_going_from_rehearsal_to_air_changes_nothing_in_the_stream(world: World) -> None:
    world.at(0, ShowJoined(), opening(wire.SessionMode.REHEARSAL))
    world.at(2, opening(wire.SessionMode.ON_AIR))
    world.play(4)
    assert len(world.heard(SessionBegan)) == 1
    assert len(world.pictures) >= 100


def test_another_session_ends_the_one_before(world: World) -> None:
    world.at(0, opening(), phrase("a", 3.0))
    world.at(1.0, wire.OpenSession(session="s2", mode=wire.SessionMode.ON_AIR, look="m", look_path=""))
    world.play(3)
    assert [event.session for event in world.heard(SessionBegan)] == ["s1", "s2"]
    assert world.fates()["a"][0] is wire.PhraseFate.CUT
