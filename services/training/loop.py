"""The training loop: steps until the plan is done, a look at every epoch's end, checkpoints on the way.

Before each step torch's generator is seeded from the recipe's seed and the step's number, and everything
else is a pure function of the step: a run that was stopped, or killed, ends in the same weights.

    NotFinite      a loss or a gradient is NaN or Inf
    CannotResume   the run would have had other learning rates at the length that is asked for now
    Interrupted    the person stopped the run; it is saved
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from services.training.checkpoint import Best, Checkpoints, State, load_weights, trainable, weights_of
from services.training.faults import CannotResume, Interrupted, NotFinite
from services.training.history import Look, Point
from services.training.memory import peak_bytes
from services.training.precision import Precision
from services.training.progress import Progress
from services.training.schedule import Batches, Plan, SchedulerName, rate_factor, seed_of, warmup_steps
from services.training.stop import Stop
from services.training.task import SampleReport, Task

SAVE_WITHIN_S = 300.0  # a killed run loses no more than this
SKIPS = 20  # steps in a row that the fp16 scaler may leave out


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the loop is told; the names are the recipe's."""

    epochs: int
    learning_rate: float
    steps: int | None = None
    minutes: float | None = None
    gradient_accumulation: int = 1
    lr_scheduler: SchedulerName = "cosine"
    warmup: float = 0
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    seed: int = 0
    sample_every: int = 1
    save_every: int = 1
    save_every_steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where a run lives: its checkpoints, its samples' folder, and whom it tells."""

    checkpoints: Checkpoints
    samples: Path
    precision: Precision
    stop: Stop
    say: Callable[[str], None]
    bar: Any = None  # the terminal, if there is one
    looked: Callable[[State], None] = lambda _state: None
    clock: Callable[[], float] = time.monotonic


def train(task: Task, settings: Settings, around: Surroundings) -> State:
    """Train to the plan's end; returns the state, and leaves the best weights in the model.

    Raises:
        NotFinite: a loss or a gradient is NaN or Inf.
        CannotResume: what was saved cannot be gone on from, or not at this length.
        Interrupted: the person stopped it, be it after the last step; the state is saved.
        DiskFull: a checkpoint cannot be written.
    """
    run = _Run(task, settings, around)
    state, plan = run.state, run.plan
    while True:
        over = state.step >= plan.steps or run.out_of_time()
        if run.look_due(over):
            run.look(last=over)
            if run.save_due(over):
                run.save()
            around.looked(state)
            run.stop_if_asked(over=over)
        if over:
            break
        run.step()
        run.stop_if_asked(over=False)
        if run.save_due_between():
            run.save()
    run.progress.close()
    if state.best is not None:
        load_weights(task.model, state.best.weights)
    return state


class _Run:
    """One run's moving parts: plan, optimiser, scaler, state."""

    def __init__(self, task: Task, settings: Settings, around: Surroundings) -> None:
        self.task, self.settings, self.around = task, settings, around
        self.plan = Plan.of(
            task.epoch,
            epochs=settings.epochs,
            accumulation=settings.gradient_accumulation,
            most=settings.steps,
        )
        self.warmup = warmup_steps(settings.warmup, self.plan.steps)
        self.weights = list(trainable(task.model).values())
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        precision = around.precision
        self.scaler = torch.amp.GradScaler(precision.device.type, enabled=precision.scaled)
        found = around.checkpoints.load(task.model, self.optimizer, self.scaler)
        self.state = found or State()
        if found:
            self._refuse_other_rates(found)
            around.say(f"从第 {found.step} 步继续 / going on from step {found.step} of {self.plan.steps}")
        self.progress = Progress(around.say, self.plan.steps, self.plan.epochs, around.bar, around.clock)
        self.before_s = self.state.elapsed_s
        self.begun_at = self.saved_at = around.clock()
        self.skipped = self.looks = 0
        self.looking_s = 0.0

    def _rate(self, step: int) -> float:
        """The learning rate of a step (from 0)."""
        name = self.settings.lr_scheduler
        return self.settings.learning_rate * rate_factor(name, step, self.plan.steps, self.warmup)

    def _refuse_other_rates(self, found: State) -> None:
        """Another length must leave the steps that are done as they would have been.

        Raises:
            CannotResume: one of them would have had another learning rate.
        """
        if any(not math.isclose(self._rate(one.step - 1), one.rate) for one in found.history.points):
            raise CannotResume(
                f"epochs、steps 变了，已做的 {found.step} 步本该用别的学习率 / "
                f"with these epochs and steps the {found.step} steps that are done would have had other learning rates",
                "改回 epochs、steps 以继续（minutes 随时可改），或用 resume: false 重新开始 / set epochs and steps back "
                "to go on (minutes may change at any time), or begin anew with resume: false",
            )

    def out_of_time(self) -> bool:
        """Whether the `minutes` are over. They end a run; they never bend its learning rate."""
        self.state.elapsed_s = self.before_s + self.around.clock() - self.begun_at
        minutes = self.settings.minutes
        return minutes is not None and self.state.elapsed_s >= minutes * 60

    def step(self) -> None:
        """One optimiser step on one group of micro-batches."""
        state, number, begun_at = self.state, self.state.step + 1, self.around.clock()
        rate = self._rate(state.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batches = self.plan.batches(state.step)
        torch.manual_seed(seed_of(self.settings.seed, "step", state.step))
        self.task.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._backward(batches)
        if not math.isfinite(loss):
            raise self._not_finite("损失", "the loss", loss)
        self.scaler.unscale_(self.optimizer)
        most = self.settings.max_grad_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.weights, most))
        if math.isfinite(norm):
            self.skipped = 0
        elif not self.around.precision.scaled or self.skipped >= SKIPS:
            raise self._not_finite("梯度", "the gradient", norm)
        else:
            self.skipped += 1
        self.scaler.step(self.optimizer)
        self.scaler.update()
        state.step = number
        state.samples += sum(map(len, batches))
        state.busy_s += self.around.clock() - begun_at
        epoch = self.plan.epoch_of(number - 1) + 1
        state.history.points.append(Point(number, epoch, loss, rate, norm))
        self._tell(state.history.points[-1])

    def _backward(self, batches: Batches) -> float:
        """Gradients of the mean over all samples of the micro-batches; returns that mean loss."""
        whole = sum(map(len, batches))
        losses = []
        for batch in batches:
            with self.around.precision.cast():
                loss = self.task.loss(batch) * (len(batch) / whole)
            self.scaler.scale(loss).backward()
            losses.append(loss.detach())
        return float(torch.stack(losses).sum())

    def look_due(self, over: bool) -> bool:
        """Whether validation and samples are to be taken now: once before the first step, at epochs' ends, at the end."""
        step = self.state.step
        return (over or step == 0 or self.plan.ends_epoch(step)) and not self.state.history.looked(step)

    def look(self, *, last: bool) -> None:
        """Validation and samples after the steps done so far; keeps the best weights."""
        state, settings, begun_at = self.state, self.settings, self.around.clock()
        epoch = self._epoch()
        self.task.model.eval()
        with torch.no_grad(), self.around.precision.cast():
            torch.manual_seed(seed_of(settings.seed, "validation", 0))
            validation = self.task.validate()
            report = SampleReport()
            if settings.sample_every and (last or epoch % settings.sample_every == 0):
                torch.manual_seed(seed_of(settings.seed, "samples", 0))
                report = self.task.sample(self.around.samples, f"epoch-{epoch:03}-step-{state.step:06}")
        if validation is not None and not math.isfinite(validation):
            raise self._not_finite("验证损失", "the validation loss", validation)
        names = tuple(file.relative_to(self.around.samples).as_posix() for file in report.files)
        look = Look(state.step, epoch, validation, report.spread, report.collapse, names)
        state.history.looks.append(look)
        if validation is not None and state.step and (not state.best or validation < state.best.validation):
            state.best = Best(state.step, validation, weights_of(self.task.model))
        self.progress.tell(_told(look, state))
        self.looks, self.looking_s = self.looks + 1, self.looking_s + self.around.clock() - begun_at

    def save_due(self, over: bool) -> bool:
        """Whether a checkpoint is to be written after a look."""
        every = self.settings.save_every
        return over or bool(every and self._epoch() % every == 0)

    def save_due_between(self) -> bool:
        """Whether a checkpoint is to be written after a step, besides those after looks."""
        every = self.settings.save_every_steps
        return bool(every and self.state.step % every == 0) or (
            self.around.clock() - self.saved_at >= SAVE_WITHIN_S
        )

    def save(self) -> None:
        """Write a checkpoint."""
        self.out_of_time()
        self.around.checkpoints.save(self.state, self.task.model, self.optimizer, self.scaler)
        self.saved_at = self.around.clock()

    def stop_if_asked(self, *, over: bool) -> None:
        """Save and end the run where the person asked for that, also when nothing but the writing is left."""
        if not self.around.stop.asked:
            return
        self.save()
        self.progress.close()
        step, steps = self.state.step, self.plan.steps
        left = ("写出适配器", "write the adapter") if over else ("继续", "go on")
        raise Interrupted(
            f"已在第 {step}/{steps} 步存档；用同一配方再次运行即可{left[0]} / "
            f"saved at step {step} of {steps}; run the same recipe again to {left[1]}"
        )

    def _epoch(self) -> int:
        """The epoch that the last step belongs to, from 1; 0 before the first step."""
        return self.plan.epoch_of(self.state.step - 1) + 1 if self.state.step else 0

    def _not_finite(self, chinese: str, english: str, value: float) -> NotFinite:
        rate, precision = self.settings.learning_rate, self.around.precision.name
        step = self.state.step + 1
        self.progress.close()
        half = " 或 mixed_precision: bf16 / or mixed_precision: bf16" if precision == "fp16" else ""
        return NotFinite(
            f"第 {step} 步{chinese}是 {value}，训练已停止，未写出适配器 / "
            f"{english} is {value} at step {step}: stopped, and no adapter was written",
            f"learning_rate: {rate:g} → {rate / 2:g}{half}；并检查数据里有无损坏的图片或空句子 / "
            "and look for broken pictures or empty lines in the data",
        )

    def _tell(self, point: Point) -> None:
        left = self.plan.steps - point.step
        left_s = self.state.busy_s / point.step * left
        left_s += self.looking_s / max(1, self.looks) * -(-left // self.plan.per_epoch)
        if self.settings.minutes is not None and not self.out_of_time():
            left_s = min(left_s, self.settings.minutes * 60 - self.state.elapsed_s)
        self.progress.step(
            point,
            speed=self.state.samples / max(self.state.busy_s, 1e-9),
            left_s=left_s,
            peak_bytes=peak_bytes(self.around.precision.device),
        )


def _told(look: Look, state: State) -> str:
    """A look in one line."""
    parts = [f"epoch {look.epoch} · step {look.step}" if look.step else "训练前 / before training"]
    trained = state.history.loss_around(look.step)
    if trained is not None:
        parts.append(f"训练损失 loss {trained:.4f}")
    if look.validation is not None:
        best = "（最佳 best）" if state.best and state.best.step == look.step else ""
        parts.append(f"验证损失 validation {look.validation:.4f}{best}")
    if look.files:
        parts.append(f"样例 {len(look.files)} samples")
    if look.collapse:
        parts.append(look.collapse)
    return " · ".join(parts)
