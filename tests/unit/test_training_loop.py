"""The loop on a tiny real adapter: exact resume, the stop for NaN, caps, the best weights."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.optim.optimizer import register_optimizer_step_pre_hook

from services.training.checkpoint import Checkpoints, State, weights_of
from services.training.faults import CannotResume, Interrupted, NotFinite
from services.training.loop import Settings, Surroundings, train
from services.training.precision import Precision, precision_of
from services.training.stop import Stop
from tests.tiny_task import TinyTask, tiny_recipe

SETTINGS = Settings(epochs=4, learning_rate=3e-2, warmup=3, seed=5)
CPU = Precision(torch.device("cpu"))


def surroundings(folder: Path, *, stop: Stop | None = None, said: list[str] | None = None) -> Surroundings:
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints").mkdir(exist_ok=True)
    return Surroundings(
        checkpoints=Checkpoints(folder / "checkpoints", "owner"),
        samples=folder / "samples",
        precision=CPU,
        stop=stop or Stop(),
        say=(said if said is not None else []).append,
    )


def task(folder: Path, **given) -> TinyTask:
    return TinyTask(tiny_recipe(folder / "out", lora_dropout=0.1), **given)


def ask_at(stop: Stop, call: int):
    """A script that asks the run to stop while it does its nth step."""

    def script(now, loss):
        stop.asked = stop.asked or now == call
        return loss

    return script


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_loss_falls_and_every_step_is_kept(tmp_path) -> None:
    mine = task(tmp_path)
    state = train(mine, SETTINGS, surroundings(tmp_path))
    assert state.step == 24
    assert [point.step for point in state.history.points] == list(range(1, 25))
    assert state.samples == 24 * 4
    first, last = state.history.validations[0][1], state.history.validations[-1][1]
    assert last < 0.95 * first
    assert [look.epoch for look in state.history.looks] == [0, 1, 2, 3, 4]
    assert len(state.history.files) == 5


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.sets(st.integers(1, 23), min_size=1, max_size=4))
def test_a_stopped_run_ends_in_the_same_weights_bit_for_bit(tmp_path_factory, stops) -> None:
    whole = tmp_path_factory.mktemp("whole")
    one = task(whole)
    straight = train(one, SETTINGS, surroundings(whole))
    broken = tmp_path_factory.mktemp("broken")
    for at in sorted(stops):
        stop = Stop()
        files = Checkpoints(broken / "checkpoints", "owner").files()
        done = int(files[0].stem.removeprefix("step-")) if files else 0
        with pytest.raises(Interrupted, match=f"step {at} of 24"):
            train(task(broken, script=ask_at(stop, at - done)), SETTINGS, surroundings(broken, stop=stop))
    other = task(broken)
    resumed = train(other, SETTINGS, surroundings(broken))
    assert same(weights_of(one.model), weights_of(other.model))
    assert resumed.history == straight.history
    assert {file.name: file.read_bytes() for file in (whole / "samples").iterdir()} == {
        file.name: file.read_bytes() for file in (broken / "samples").iterdir()
    }


def test_a_crash_resumes_from_the_last_checkpoint(tmp_path) -> None:
    def crash(call, loss):
        if call == 15:
            raise SystemExit("the power went")
        return loss

    every = replace(SETTINGS, save_every=0, save_every_steps=4)
    with pytest.raises(SystemExit):
        train(task(tmp_path / "a", script=crash), every, surroundings(tmp_path / "a"))
    assert [file.name for file in Checkpoints(tmp_path / "a" / "checkpoints", "owner").files()] == [
        "step-00000012.pt",
        "step-00000008.pt",
    ]
    one, other, said = task(tmp_path / "a"), task(tmp_path / "b"), []
    train(one, every, surroundings(tmp_path / "a", said=said))
    train(other, every, surroundings(tmp_path / "b"))
    assert same(weights_of(one.model), weights_of(other.model))
    assert any("going on from step 12 of 24" in line for line in said)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path) -> None:
    train(task(tmp_path), SETTINGS, surroundings(tmp_path))
    files = Checkpoints(tmp_path / "checkpoints", "owner").files()
    files[0].write_bytes(files[0].read_bytes()[:-200])
    said: list[str] = []
    train(task(tmp_path), SETTINGS, surroundings(tmp_path, said=said))
    assert "18" in said[0]
    for file in Checkpoints(tmp_path / "checkpoints", "owner").files():
        file.write_bytes(b"nothing")
    with pytest.raises(CannotResume, match="is damaged"):
        train(task(tmp_path), SETTINGS, surroundings(tmp_path))


def test_a_checkpoint_of_other_data_is_refused(tmp_path) -> None:
    train(task(tmp_path), SETTINGS, surroundings(tmp_path))
    around = replace(surroundings(tmp_path), checkpoints=Checkpoints(tmp_path / "checkpoints", "other"))
    with pytest.raises(CannotResume, match="other data or another base"):
        train(task(tmp_path), SETTINGS, around)


def test_a_checkpoint_of_another_rank_is_refused(tmp_path) -> None:
    train(task(tmp_path), SETTINGS, surroundings(tmp_path))
    wider = TinyTask(tiny_recipe(tmp_path / "out", lora_rank=4))
    with pytest.raises(CannotResume, match="not this model's"):
        train(wider, SETTINGS, surroundings(tmp_path))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_with_step_and_mend(tmp_path, bad) -> None:
    mine = task(tmp_path, script=lambda call, loss: loss * bad if call == 9 else loss)
    with pytest.raises(NotFinite, match=r"at step 9(.|\n)*learning_rate: 0.03 → 0.015") as failed:
        train(mine, SETTINGS, surroundings(tmp_path))
    assert "损失" in failed.value.cause
    assert all(bool(one.isfinite().all()) for one in weights_of(mine.model).values())
    assert Checkpoints(tmp_path / "checkpoints", "owner").files()[0].name == "step-00000006.pt"


def test_a_gradient_that_is_no_number_stops_before_it_reaches_a_weight(tmp_path) -> None:
    mine = task(tmp_path, script=lambda call, loss: Burst.apply(loss) if call == 5 else loss)
    with pytest.raises(NotFinite, match=r"the gradient is (nan|inf) at step 5"):
        train(mine, SETTINGS, surroundings(tmp_path))
    assert all(bool(one.isfinite().all()) for one in weights_of(mine.model).values())


def test_a_validation_that_is_no_number_stops_the_run(tmp_path) -> None:
    with pytest.raises(NotFinite, match="the validation loss is nan"):
        train(task(tmp_path, validations=[1.0, math.nan]), SETTINGS, surroundings(tmp_path))


def test_the_best_weights_are_left_in_the_model(tmp_path) -> None:
    kept = {}

    def looked(state: State) -> None:
        kept[state.step] = weights_of(mine.model)

    mine = task(tmp_path, validations=[5.0, 4.0, 3.0, 3.5, 3.6])
    state = train(mine, SETTINGS, replace(surroundings(tmp_path), looked=looked))
    assert state.best and (state.best.step, state.best.validation) == (12, 3.0)
    assert same(weights_of(mine.model), kept[12])
    assert not same(weights_of(mine.model), kept[24])


def test_without_a_split_the_last_weights_are_written(tmp_path) -> None:
    state = train(task(tmp_path, held=False), SETTINGS, surroundings(tmp_path))
    assert state.best is None
    assert state.history.validations == []


class Clock:
    """A second passes at every look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_minutes_end_a_run_and_do_not_bend_its_rates(tmp_path) -> None:
    short = replace(SETTINGS, minutes=1.0)
    capped = train(task(tmp_path / "a"), short, replace(surroundings(tmp_path / "a"), clock=Clock()))
    whole = train(task(tmp_path / "b"), SETTINGS, surroundings(tmp_path / "b"))
    assert 0 < capped.step < 24
    assert capped.history.points == whole.history.points[: capped.step]
    assert capped.history.looks[-1].step == capped.step
    assert capped.history.looks[-1].files


def test_steps_cap_a_run_within_an_epoch(tmp_path) -> None:
    state = train(task(tmp_path), replace(SETTINGS, steps=8), surroundings(tmp_path))
    assert state.step == 8
    assert [look.step for look in state.history.looks] == [0, 6, 8]


def test_a_long_epoch_is_saved_within_minutes(tmp_path) -> None:
    class Slow(Clock):
        def __call__(self) -> float:
            self.now += 40.0
            return self.now

    stop_at_five = task(
        tmp_path, script=lambda call, loss: loss if call < 6 else (_ for _ in ()).throw(SystemExit)
    )
    with pytest.raises(SystemExit):
        train(stop_at_five, replace(SETTINGS, save_every=0), replace(surroundings(tmp_path), clock=Slow()))
    assert Checkpoints(tmp_path / "checkpoints", "owner").files()


def test_accumulated_small_batches_are_one_large_batch(tmp_path) -> None:
    large = TinyTask(tiny_recipe(tmp_path / "a", batch_size=6), noise=0.0)
    small = TinyTask(tiny_recipe(tmp_path / "b", batch_size=2), noise=0.0)
    a = train(large, SETTINGS, surroundings(tmp_path / "a"))
    b = train(small, replace(SETTINGS, gradient_accumulation=3), surroundings(tmp_path / "b"))
    assert a.step == b.step
    for point, other in zip(a.history.points, b.history.points, strict=True):
        assert point.loss == pytest.approx(other.loss, rel=1e-4)


def test_bf16_trains_on_a_cpu_and_fp16_is_refused(tmp_path) -> None:
    from services.training.faults import TrainingFailed

    around = replace(surroundings(tmp_path), precision=precision_of("cpu", "bf16"))
    state = train(task(tmp_path), SETTINGS, around)
    assert state.history.validations[-1][1] < state.history.validations[0][1]
    with pytest.raises(TrainingFailed, match="fp16 cannot be trained on a CPU"):
        precision_of("cpu", "fp16")


def test_gradients_are_clipped(tmp_path) -> None:
    stepped: list[float] = []

    def look(optimizer, _args, _kwargs) -> None:
        gradients = [one.grad for group in optimizer.param_groups for one in group["params"]]
        stepped.append(float(torch.nn.utils.get_total_norm([one for one in gradients if one is not None])))

    def norms(most: float) -> tuple[list[float], list[float]]:
        """The norms that are told, and those that the optimiser steps with."""
        stepped.clear()
        folder = tmp_path / f"{most}"
        state = train(task(folder), replace(SETTINGS, max_grad_norm=most), surroundings(folder))
        return [point.norm for point in state.history.points], list(stepped)

    hook = register_optimizer_step_pre_hook(look)
    try:
        told, used = norms(1e9)
        assert used == pytest.approx(told, rel=1e-5)
        most = sorted(told)[len(told) // 2]  # between the largest and the smallest of them
        told, used = norms(most)
    finally:
        hook.remove()
    assert min(told) < most < max(told)  # what is told is the norm before clipping
    assert used == pytest.approx([min(one, most) for one in told], rel=1e-4)


class Burst(torch.autograd.Function):
    """Leaves a loss as it is and makes its gradient infinite."""

    @staticmethod
    def forward(_context, loss):
        return loss.clone()

    @staticmethod
    def backward(_context, gradient):
        return gradient * math.inf


def test_a_scaler_leaves_single_bursts_out_and_the_run_resumes_with_it(tmp_path) -> None:
    scaled = Precision(torch.device("cpu"), torch.bfloat16, scaled=True)

    def script(call, loss):
        return Burst.apply(loss) if call == 4 else loss

    one = task(tmp_path / "a", script=script)
    train(one, SETTINGS, replace(surroundings(tmp_path / "a"), precision=scaled))
    with pytest.raises(SystemExit):

        def crash(call, loss):
            if call == 15:
                raise SystemExit
            return script(call, loss)

        broken = replace(surroundings(tmp_path / "b"), precision=scaled)
        train(task(tmp_path / "b", script=crash), SETTINGS, broken)
    other = task(tmp_path / "b")
    state = train(other, SETTINGS, replace(surroundings(tmp_path / "b"), precision=scaled))
    assert [point.step for point in state.history.points if not math.isfinite(point.norm)] == [4]
    assert same(weights_of(one.model), weights_of(other.model))


def test_a_scaler_that_never_recovers_stops_the_run(tmp_path) -> None:
    scaled = replace(
        surroundings(tmp_path), precision=Precision(torch.device("cpu"), torch.bfloat16, scaled=True)
    )
    with pytest.raises(NotFinite, match="the gradient is"):
        train(task(tmp_path, script=lambda _call, loss: Burst.apply(loss)), SETTINGS, scaled)


@pytest.mark.parametrize("minutes", [None, 1.0])
def test_a_stop_asked_for_at_the_very_end_ends_the_run_and_the_next_one_finishes_it(
    tmp_path, minutes
) -> None:
    stop = Stop()

    def looked(state: State) -> None:
        stop.asked = bool(state.step)

    settings = replace(SETTINGS, epochs=1, minutes=minutes)
    around = replace(surroundings(tmp_path, stop=stop), looked=looked, clock=Clock())
    with pytest.raises(Interrupted, match="to write the adapter"):
        train(task(tmp_path), settings, around)
    task_again, said = task(tmp_path), []
    state = train(task_again, settings, replace(surroundings(tmp_path, said=said), clock=Clock()))
    assert state.step and any(f"step {state.step} of" in one for one in said)
    whole = replace(surroundings(tmp_path / "whole"), clock=Clock())
    assert state.history.points == train(task(tmp_path / "whole"), settings, whole).history.points
