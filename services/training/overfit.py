"""Whether a run learned its pictures or lines by heart, and what to change then. Pure functions of its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.training.history import History
from services.training.task import Kind

RISES = 2  # looks in a row above the best before it is said
RISE = 0.01  # of the best, below which a rise is noise
COLLAPSED = 0.5  # of the widest spread so far
DROPOUT = 0.2


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The settings that the advice is about."""

    kind: Kind
    learning_rate: float
    epochs: int
    lora_dropout: float


@dataclass(frozen=True)
class Finding:
    """One sign of over-fitting: from which step, and a sentence."""

    step: int
    text: str


def findings(history: History, kind: Kind) -> list[Finding]:
    """Every sign of over-fitting in a history, the oldest first."""
    found = [*_rising(history.validations, history), *_collapsing(history, kind)]
    return sorted(found, key=lambda one: one.step)


def advice(knobs: Knobs) -> str:
    """What to change: the rate to three quarters, the epochs to two thirds, and dropout."""
    rate, epochs = knobs.learning_rate * 0.75, max(1, round(knobs.epochs * 2 / 3))
    told = [f"learning_rate: {short(knobs.learning_rate)} → {short(rate)}"]
    if epochs < knobs.epochs:
        told.append(f"epochs: {knobs.epochs} → {epochs}")
    if knobs.lora_dropout < DROPOUT:
        told.append(f"lora_dropout: {knobs.lora_dropout:g} → {DROPOUT:g}")
    return "可改 / change " + ", ".join(told)


def short(rate: float) -> str:
    """A rate as people write it: 0.0002 is 2e-4."""
    mantissa, exponent = f"{rate:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _rising(validations: Sequence[tuple[int, float]], history: History) -> list[Finding]:
    """Validation loss above its best at the last looks, while the training loss went on falling."""
    trained = [(step, loss) for step, loss in validations if step > 0]
    if len(trained) <= RISES:
        return []
    best_step, best = min(trained, key=lambda one: one[1])
    after = [(step, loss) for step, loss in trained if step > best_step]
    if len(after) < RISES or any(loss <= best * (1 + RISE) for _step, loss in after[-RISES:]):
        return []
    then, now = history.loss_around(best_step), history.loss_around(after[-1][0])
    if then is None or now is None or now >= then:
        return []
    last = after[-1][1]
    return [
        Finding(
            after[0][0],
            f"过拟合：验证损失自第 {best_step} 步起从 {best:.4f} 升到 {last:.4f}，而训练损失仍在下降 / over-fitting: "
            f"validation loss rose from {best:.4f} at step {best_step} to {last:.4f} while the training loss fell",
        )
    ]


def _collapsing(history: History, kind: Kind) -> list[Finding]:
    """The first broken or much narrower samples after whole ones: what the base itself does is no over-fitting."""
    whole, widest = False, 0.0
    what = "样图脸崩" if kind == "visual" else "样例回答崩坏"
    for look in history.looks:
        if look.collapse and whole:
            return [Finding(look.step, f"{what}：{look.collapse}")]
        if look.spread is not None and look.spread < widest * COLLAPSED:
            return [
                Finding(
                    look.step,
                    f"样例越来越像：第 {look.step} 步多样性 {look.spread:.2f}，最高曾为 {widest:.2f} / samples "
                    f"collapse: spread {look.spread:.2f} at step {look.step}, it was {widest:.2f}",
                )
            ]
        whole = whole or bool(look.files and not look.collapse)
        widest = max(widest, look.spread or 0.0)
    return []
