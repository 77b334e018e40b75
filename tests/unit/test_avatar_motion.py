"""The host's motion: alive, uneven, the same for the same seed, and without a jump."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from services.avatar import motion
from services.avatar.bearing import Bearing, FaceInput, Held
from services.avatar.mouth import REST, MouthShape
from services.wire import Mood

FPS = 25.0
AA = MouthShape(jaw=0.85, wide=0.55)


def test_blinks_come_twelve_to_twenty_a_minute_and_unevenly() -> None:
    for seed in range(5):
        starts = [s for cell in range(163) for s in motion.blink_starts(cell, seed)]
        assert 12 <= len(starts) / 10 <= 20
        gaps = np.diff(starts)
        assert gaps.std() > 0.8 and gaps.min() > 0.3


def test_a_blink_shuts_faster_than_it_opens() -> None:
    track = [motion.blink_shape(k / 1000) for k in range(-5, 300)]
    shut = [k for k, v in enumerate(track) if v == 1.0]
    assert shut[0] - 5 <= 80
    assert 305 - shut[-1] >= 120 and track[-1] == 0.0


def test_nothing_repeats_in_ten_minutes() -> None:
    t = np.arange(0, 600, 0.2)
    line = np.array([motion.sway(x, 3, 0.0).dx for x in t])
    line -= line.mean()
    likeness = np.correlate(line, line, "full")[len(line) - 1 :] / (line @ line)
    assert likeness[25:].max() < 0.6  # from five seconds on


def test_the_body_never_freezes_for_a_second() -> None:
    for seed in (1, 2):
        poses = [motion.sway(n / FPS, seed, 0.0) for n in range(3000)]
        path = np.array([[p.dx + 5 * p.yaw, p.dy + 4 * p.pitch] for p in poses])
        moved = [np.ptp(path[k : k + 25], axis=0).max() for k in range(0, 2975, 5)]
        assert min(moved) > 0.2


def test_sway_stays_within_a_few_pixels() -> None:
    poses = [motion.sway(n / 5, 9, 1.0) for n in range(3000)]
    assert max(abs(p.dx) for p in poses) < 14
    assert max(abs(p.roll) for p in poses) < 3.2
    assert np.std([p.dx for p in poses]) > 1


def test_two_seeds_move_differently() -> None:
    a, b = (np.array([motion.sway(n / FPS, seed, 0.0).dx for n in range(500)]) for seed in (1, 2))
    assert np.abs(a - b).max() > 1


def story(n: int) -> FaceInput:
    if 30 <= n < 60:
        return FaceInput(AA, 0.8, True, Mood.QUESTION, "card")
    if 60 <= n < 75:
        return FaceInput(MouthShape(close=1), 0.5, True, Mood.TOPIC, "chat", 1.0)
    return FaceInput()


def bearings(seed: int, frames: int = 120) -> list[Held]:
    bearing = Bearing(fps=FPS, seed=seed)
    return [bearing.step(n, story(n)) for n in range(frames)]


def test_the_same_seed_gives_the_same_bearing() -> None:
    assert bearings(4) == bearings(4)
    assert bearings(4) != bearings(5)


def test_talk_and_rest_blend_without_a_jump() -> None:
    held = bearings(4)
    for before, after in pairwise(held):
        step = [abs(a - b) for a, b in zip(before.mouth.values(), after.mouth.values(), strict=True)]
        assert max(step) <= 0.51
        assert abs(before.pose.dx - after.pose.dx) < 2.0
        assert abs(before.pose.dy - after.pose.dy) < 2.0
        assert abs(before.pose.roll - after.pose.roll) < 0.4
        assert abs(before.smile - after.smile) < 0.25
    assert held[45].mouth.jaw == pytest.approx(AA.jaw, abs=0.01)
    assert held[110].mouth == REST


def test_the_eyes_lead_the_head() -> None:
    bearing = Bearing(fps=FPS, seed=11)
    calm = [bearing.step(n, FaceInput()) for n in range(50)]
    turned = [bearing.step(n, FaceInput(gaze="card")) for n in range(50, 75)]
    yaw = [motion.sway(n / FPS, 11, 0.0).yaw for n in range(75)]
    assert max(h.gaze[0] for h in turned[:4]) > calm[-1].gaze[0] + 0.2
    assert abs((turned[1].pose.yaw - yaw[51]) - (calm[-1].pose.yaw - yaw[49])) < 0.05
    assert turned[-1].pose.yaw - yaw[74] > 0.25


def test_a_pause_in_the_frames_is_no_jump() -> None:
    bearing = Bearing(fps=FPS, seed=1)
    first = bearing.step(100, FaceInput(AA, 0.5, True))
    again = bearing.step(100, FaceInput(AA, 0.5, True))
    back = bearing.step(90, FaceInput(AA, 0.5, True))
    assert first.breath == again.breath
    assert back.mouth.jaw <= 1
