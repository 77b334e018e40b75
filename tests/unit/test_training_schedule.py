"""When things fall in a run: every batch once, learning rates in bounds, seeds of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.training.faults import TrainingFailed
from services.training.schedule import Plan, rate_factor, seed_of, warmup_steps

NAMES = st.sampled_from(
    ["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"]
)


@given(NAMES, st.integers(1, 400), st.data())
def test_every_rate_is_above_zero_and_at_most_the_recipes(name, steps, data) -> None:
    warmup = data.draw(st.integers(0, steps))
    factors = [rate_factor(name, step, steps, warmup) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    rise = factors[:warmup]
    assert rise == sorted(rise)


@given(st.sampled_from(["linear", "cosine", "polynomial"]), st.integers(2, 400), st.integers(0, 50))
def test_what_falls_never_rises_again(name, steps, warmup) -> None:
    factors = [
        rate_factor(name, step, steps, min(warmup, steps)) for step in range(min(warmup, steps), steps)
    ]
    assert factors == sorted(factors, reverse=True)


def test_cosine_is_half_way_down_in_the_middle() -> None:
    assert rate_factor("cosine", 60, 110, 10) == pytest.approx(0.5)
    assert rate_factor("linear", 60, 110, 10) == pytest.approx(0.5)
    assert rate_factor("polynomial", 60, 110, 10) == pytest.approx(0.25)


def test_restarts_begin_at_the_top_three_times() -> None:
    factors = [rate_factor("cosine_with_restarts", step, 90, 0) for step in range(90)]
    assert [step for step in range(90) if factors[step] == pytest.approx(1.0)] == [0, 30, 60]


@pytest.mark.parametrize(
    ("given", "steps", "wanted"), [(0, 100, 0), (0.05, 100, 5), (30, 100, 30), (300, 100, 100)]
)
def test_warmup_is_a_number_or_a_share(given, steps, wanted) -> None:
    assert warmup_steps(given, steps) == wanted


@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 6))
def test_every_batch_is_taken_once_and_in_order(epochs, count, accumulation) -> None:
    def epoch(number):
        return [[number, at] for at in range(count)]

    plan = Plan.of(epoch, epochs=epochs, accumulation=accumulation, most=None)
    taken = [batch for step in range(plan.steps) for batch in plan.batches(step)]
    assert taken == [batch for number in range(epochs) for batch in epoch(number)]
    assert all(0 < len(plan.batches(step)) <= accumulation for step in range(plan.steps))
    assert [done for done in range(plan.steps + 1) if plan.ends_epoch(done)] == [
        number * plan.steps // epochs for number in range(1, epochs + 1)
    ]


@given(st.integers(1, 60), st.integers(0, 59))
def test_a_steps_batches_do_not_depend_on_what_was_asked_before(most, step) -> None:
    def epoch(number):
        return [[number, at] for at in range(5)]

    fresh = Plan.of(epoch, epochs=10, accumulation=2, most=most)
    walked = Plan.of(epoch, epochs=10, accumulation=2, most=most)
    at = step % fresh.steps
    for before in range(at):
        walked.batches(before)
    assert fresh.batches(at) == walked.batches(at)
    assert fresh.steps == min(most, 30)
    assert fresh.epochs == -(-fresh.steps // 3)


def test_an_empty_data_set_is_said() -> None:
    with pytest.raises(TrainingFailed, match="nothing to train on"):
        Plan.of(lambda _number: [], epochs=3, accumulation=1, most=None)


def test_seeds_differ_by_run_purpose_and_step() -> None:
    seeds = {
        seed_of(seed, what, step) for seed in range(3) for what in ("step", "samples") for step in range(50)
    }
    assert len(seeds) == 300
    assert all(0 <= seed < 2**63 for seed in seeds)
