"""The clock's decisions by table and by property, without a sleep."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.playout.clock import LEAD_FRAMES, REANCHOR_S, REPEAT_BELOW_FRAMES, Act, Clock, decide, start

FPS = 25
FRAME = 1 / FPS


@pytest.mark.parametrize(
    ("ahead_frames", "act"),
    [
        (LEAD_FRAMES + 4.0, Act.SLEEP),
        (LEAD_FRAMES + 0.5, Act.SLEEP),
        (LEAD_FRAMES, Act.COMPOSE),
        (REPEAT_BELOW_FRAMES + 0.5, Act.COMPOSE),
        (REPEAT_BELOW_FRAMES, Act.COMPOSE),
        (REPEAT_BELOW_FRAMES - 0.5, Act.REPEAT),
        (0.0, Act.REPEAT),
        (-10.0, Act.REPEAT),
        (-REANCHOR_S * FPS - 0.5, Act.REANCHOR),
        (-1000.0, Act.REANCHOR),
    ],
)
def test_what_is_done_at_each_distance_from_the_due_time(ahead_frames: float, act: Act) -> None:
    clock = Clock(t0=100.0, fps=FPS, next_frame=50)
    assert decide(clock, clock.due(50) - ahead_frames * FRAME).act is act


def test_the_sleep_ends_when_the_lead_is_no_longer_full() -> None:
    clock = Clock(t0=100.0, fps=FPS, next_frame=50)
    now = clock.due(50) - (LEAD_FRAMES + 2) * FRAME
    decision = decide(clock, now)
    assert decision.wait_s == pytest.approx(2 * FRAME)
    assert decide(clock, now + decision.wait_s).act is Act.COMPOSE


def test_reanchoring_restores_the_lead_and_keeps_the_frame() -> None:
    clock = Clock(t0=100.0, fps=FPS, next_frame=50)
    now = clock.due(50) + 30.0
    decision = decide(clock, now)
    moved = replace(clock, t0=decision.t0)
    assert moved.next_frame == 50
    assert moved.due(50) - now == pytest.approx(LEAD_FRAMES * FRAME)
    assert decide(moved, now).act is Act.COMPOSE


def test_the_first_frame_is_composed_at_once() -> None:
    clock = start(5.0, FPS)
    assert decide(clock, 5.0).act is Act.COMPOSE
    assert clock.due(0) == pytest.approx(5.0 + LEAD_FRAMES * FRAME)


@given(costs=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=200), fps=st.sampled_from([20, 25, 30, 50]))
def test_whatever_frames_cost_the_lead_is_bounded_and_nothing_accumulates(
    costs: list[float], fps: int
) -> None:
    """Frame numbers go up by one, the clock is never more than its lead ahead nor a second behind twice."""
    now, clock = 1000.0, start(1000.0, fps)
    made = []
    for cost in costs:
        for _ in range(4):
            decision = decide(clock, now)
            if decision.act is Act.SLEEP:
                assert 0 < decision.wait_s < 10
                now += decision.wait_s
            elif decision.act is Act.REANCHOR:
                assert decision.t0 > clock.t0
                clock = replace(clock, t0=decision.t0)
            else:
                break
        assert decision.act in (Act.COMPOSE, Act.REPEAT)
        assert clock.due(clock.next_frame) - now <= clock.lead / fps + 1e-6
        assert clock.due(clock.next_frame) - now >= -REANCHOR_S - 1e-6
        made.append(clock.next_frame)
        clock = clock.advanced()
        now += cost if decision.act is Act.COMPOSE else 0.005
    assert made == list(range(len(costs)))


def test_a_day_of_frames_does_not_drift() -> None:
    clock = Clock(t0=0.0, fps=FPS, next_frame=24 * 3600 * FPS)
    assert clock.due(clock.next_frame) == pytest.approx(86_400.0, abs=1e-6)
