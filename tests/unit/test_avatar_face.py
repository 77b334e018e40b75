"""Looks load with errors that name the field; frames land where they say, and none ever raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.avatar.bake import Look
from services.avatar.bearing import FaceInput
from services.avatar.face import Face, Stage, new_canvas
from services.avatar.looks import LookError, builtin_look, builtin_names, load_look, read_look_file
from services.avatar.motion import Pose
from services.avatar.mouth import MouthShape
from services.avatar.warp import Rect, planes_of
from services.wire import Mood
from tests.unit.avatar_look import write_look

WIDTH, HEIGHT = 360, 640


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_look(tmp_path_factory.mktemp("looks") / "crude")


@pytest.fixture(scope="module")
def look(folder: Path) -> Look:
    return load_look(folder, width=WIDTH, height=HEIGHT)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Look:
    folder = write_look(tmp_path_factory.mktemp("looks") / "other", "other", "#c89878")
    return load_look(folder, width=WIDTH, height=HEIGHT)


def face_of(look: Look, seed: int = 3) -> Face:
    face = Face(look.width, look.height, 25, seed)
    face.set_look(look)
    return face


def luma(canvas: Any) -> Any:
    return planes_of(canvas)[0].astype(int)


# ---- looks --------------------------------------------------------------------------------------


def spoil(folder: Path, change: Callable[[dict[str, Any]], None]) -> LookError:
    spec = yaml.safe_load((folder / "look.yaml").read_text())
    change(spec)
    (folder / "look.yaml").write_text(yaml.safe_dump(spec))
    with pytest.raises(LookError) as caught:
        load_look(folder)
    return caught.value


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("layers.head", lambda s: s["layers"].pop("head")),
        ("version", lambda s: s.update(version=2)),
        ("landmarks.lip_outer", lambda s: s["landmarks"]["lip_outer"].pop()),
        ("landmarks.lip_inner", lambda s: s["landmarks"]["lip_inner"].reverse()),
        ("landmarks.eye_l.iris_r", lambda s: s["landmarks"]["eye_l"].update(iris_r="wide")),
        ("layers.body.file", lambda s: s["layers"]["body"].update(file="gone.png")),
        ("layers.body.file", lambda s: s["layers"]["body"].update(file="../body.png")),
        ("layers.body.file", lambda s: s["layers"]["body"].update(file="look.yaml")),
    ],
)
def test_a_wrong_look_names_file_and_field(tmp_path: Path, field: str, change: Any) -> None:
    error = spoil(write_look(tmp_path / "bad"), change)
    assert error.field == field
    assert "look.yaml" in str(error) and error.mend


def test_a_look_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(LookError, match=r"look\.yaml"):
        load_look(tmp_path / "nothing")
    with pytest.raises(LookError, match="no built-in look"):
        builtin_look("nobody")


@pytest.mark.parametrize("name", builtin_names())
def test_every_built_in_look_keeps_to_the_contract(name: str) -> None:
    assert read_look_file(builtin_look(name)).name == name


# ---- drawing ------------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_frames(look: Look) -> None:
    drawn = []
    for seed in (3, 3, 4):
        face, canvas = face_of(look, seed), new_canvas(WIDTH, HEIGHT)
        for n in range(30):
            face.render(n, FaceInput(speaking=n > 10, loudness=0.5), canvas)
        drawn.append(canvas)
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_only_the_returned_part_changes(look: Look) -> None:
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)
    assert face.render(0, FaceInput(), canvas) == Rect(0, 0, WIDTH, HEIGHT)
    for n in range(1, 40):
        before = canvas.copy()
        part = face.render(n, FaceInput(MouthShape(jaw=(n % 5) / 5), 0.5, True), canvas)
        assert part.w * part.h < WIDTH * HEIGHT
        for old, new, step in zip(planes_of(before), planes_of(canvas), (1, 2, 2), strict=True):
            changed = old != new
            small = Rect(part.x // step, part.y // step, part.w // step, part.h // step)
            changed[small.rows, small.cols] = False
            assert not changed.any()


def test_a_canvas_drawn_over_time_equals_one_drawn_anew(look: Look) -> None:
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)
    fresh = face_of(look)
    for n in range(25):
        given = FaceInput(MouthShape(jaw=(n % 7) / 7), 0.7, True, Mood.SMILE, "card")
        face.render(n, given, canvas)
        anew = new_canvas(WIDTH, HEIGHT)
        fresh.forget()
        fresh.render(n, given, anew)
        assert np.array_equal(canvas, anew)


def test_an_open_mouth_is_dark_inside_and_a_shut_one_is_not(look: Look) -> None:
    face = face_of(look)
    canvas = new_canvas(WIDTH, HEIGHT)
    middle = look.mouth.lips
    place = Rect(
        look.mouth.rect.x + middle.x + middle.w // 4, look.mouth.rect.y + middle.y, middle.w // 2, middle.h
    )  # fmt: skip
    darkest = {}
    for name, mouth in (("open", MouthShape(jaw=0.85, wide=0.55)), ("shut", MouthShape(close=1.0))):
        for n in range(10):
            face.render(n, FaceInput(mouth, 0.0, True), canvas)
        darkest[name] = (luma(canvas)[place.rows, place.cols] < 60).sum()
    assert darkest["open"] > 20
    assert darkest["shut"] == 0


def test_idle_motion_is_seen_in_every_second(look: Look) -> None:
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)
    face.render(0, FaceInput(), canvas)
    last = luma(canvas).copy()
    for second in range(1, 13):
        for n in range(second * 25 - 24, second * 25 + 1):
            face.render(n, FaceInput(), canvas)
        now = luma(canvas).copy()
        head = np.abs(now - last)[look.head_rect.rows, look.head_rect.cols]
        assert head.max() > 8 and (head > 2).mean() > 0.005
        last = now


def test_a_cross_fade_goes_from_one_look_to_the_other(look: Look, other: Look) -> None:
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)
    plain, goal = face_of(look), face_of(other)
    was, will = new_canvas(WIDTH, HEIGHT), new_canvas(WIDTH, HEIGHT)
    away = []
    for n in range(20):
        if n == 5:
            face.crossfade_to(other, frames=8)
        face.render(n, FaceInput(), canvas)
        plain.render(n, FaceInput(), was)
        goal.render(n, FaceInput(), will)
        chroma = slice(HEIGHT, None)
        away.append(np.abs(canvas[chroma].astype(int) - will[chroma]).mean())
    assert face.look is other and not face.fading and face.faults == 0
    assert away[4] > away[7] > away[10] and away[14] == 0
    assert np.array_equal(canvas, will)


def test_a_change_during_a_change_ends_at_the_last_look(look: Look, other: Look) -> None:
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)
    face.crossfade_to(other)
    for n in range(3):
        face.render(n, FaceInput(), canvas)
    face.crossfade_to(look)
    for n in range(3, 20):
        face.render(n, FaceInput(), canvas)
    assert face.look is look and face.faults == 0


def test_a_look_of_another_size_is_refused_ahead(look: Look) -> None:
    with pytest.raises(ValueError, match="baked for 360x640"):
        Face(720, 1280, 25, 1).set_look(look)


anything = st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=3))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(-(10**9), 10**9),
    mouth=st.one_of(st.builds(MouthShape, *[anything] * 6), st.none()),
    loudness=anything, speaking=st.booleans(), stress=anything,
    mood=st.one_of(st.sampled_from(Mood), st.text(max_size=3)), gaze=st.text(max_size=5),
)  # fmt: skip
def test_no_input_makes_a_frame_fail(look: Look, **given_values: Any) -> None:
    n = given_values.pop("n")
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)
    for k in range(3):
        face.render(n + k, FaceInput(**given_values), canvas)
    assert face.faults == 0
    assert luma(canvas).std() > 10


def test_a_stage_that_breaks_shows_the_look_at_rest(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)

    def broken(*_: object) -> Rect:
        raise RuntimeError("no")

    monkeypatch.setattr(Stage, "draw", broken)
    assert face.render(0, FaceInput(), canvas) == Rect(0, 0, WIDTH, HEIGHT)
    assert face.faults == 1
    assert np.array_equal(canvas, look.resting)


def test_the_head_does_not_smear_what_stands_behind_it(look: Look) -> None:
    """Where the head's layers are clear, however it sways, the still picture shows unchanged."""
    face, canvas = face_of(look), new_canvas(WIDTH, HEIGHT)
    held = face._bearing.step(0, FaceInput())
    stage = Stage(look)
    shown = []
    for dx in (-8.0, 8.0):
        stage.draw(replace(held, pose=Pose(dx=dx, roll=dx / 8), breath=0.0), canvas)
        shown.append(luma(canvas).copy())
    corner = Rect(look.head_rect.x, look.head_rect.y, 12, 12)
    assert np.abs(shown[0] - shown[1])[corner.rows, corner.cols].max() <= 1
