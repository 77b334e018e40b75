"""One run of one recipe: its folder is locked, its task opened, trained, and the adapter written or refused.

TrainingFailed    (services.training.faults) with its branches: why there is no adapter, and the mend
Interrupted       the person stopped it; it can go on
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import torch

from services.lora.card import WEIGHTS_FILE, Card, CardProblems, Consent, consent_problems, read_consent
from services.training.checkpoint import State, weights_of
from services.training.curve import write_curve
from services.training.faults import AdapterRefused, Interrupted, NotFinite, TrainingFailed
from services.training.loop import Settings, Surroundings
from services.training.loop import train as train_task
from services.training.memory import Appetite, is_out_of_memory, out_of_memory, peak_bytes
from services.training.output import Told, card_of, publish
from services.training.overfit import Knobs, advice, findings
from services.training.precision import Precision, precision_of
from services.training.run_folder import RunFolder, run_folder
from services.training.start import load_start
from services.training.stop import stop_on_signals
from services.training.task import Task
from services.training.whole_file import disk_full

if TYPE_CHECKING:
    from services.training.recipe import Recipe

CURVE_EVERY_S = 5.0
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
Say = Callable[[str], None]
Opener = Callable[["Recipe"], Task]


def exit_status(recipe: Recipe, *, say: Say = print, open_task: Opener | None = None) -> int:
    """Run a recipe for a command line: says what came of it, errors on stderr; 0, 1 or 130 (stopped by the person)."""

    def tell(text: str) -> None:
        say(text)
        sys.stdout.flush()  # a log file shows a step when it is done

    try:
        folder = train(recipe, say=tell, bar=sys.stderr, open_task=open_task)
    except TrainingFailed as failed:
        print(failed, file=sys.stderr, flush=True)
        return EXIT_FAILED
    except Interrupted as stopped:
        print(stopped, file=sys.stderr, flush=True)
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        told = "已停止；存档之后的内容没有保存 / stopped; what came after the last checkpoint is not kept"
        print(told, file=sys.stderr, flush=True)
        return EXIT_INTERRUPTED
    tell(f"完成 / done: {folder}")
    return 0


def task_of(recipe: Recipe) -> Task:
    """The task of a recipe's kind: base loaded, adapter fresh, data cached.

    Raises:
        TrainingFailed: it cannot be opened.
    """
    match recipe.kind:
        case "visual":
            from services.training.visual_task import open_visual

            return open_visual(recipe)
        case "language":
            from services.training.language_task import open_language

            return open_language(recipe)


def train(
    recipe: Recipe,
    *,
    say: Say = print,
    bar: TextIO | None = None,
    open_task: Opener | None = None,
) -> Path:
    """Train the adapter that a recipe describes; returns its folder, which appears only when it is whole.

    Progress is drawn on `bar` where that is a terminal, and said line by line elsewhere. `open_task` opens
    another task than the recipe's kind's.

    Raises:
        TrainingFailed: there is no adapter; the message says why and what to change.
        Interrupted: the person stopped it; the same recipe goes on.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    precision = precision_of(recipe.device, recipe.mixed_precision)
    consent = _consent(recipe)
    with run_folder(
        recipe.output_dir, digest=recipe.digest, content=recipe.content(), resume=recipe.resume
    ) as folder:
        if folder.changed:
            say(f"这次的配方与开始时不同 / the recipe is not what the run began with: {folder.changed}")
        try:
            torch.manual_seed(recipe.seed)
            task = (open_task or task_of)(recipe)
            return _train(recipe, task, folder, precision, consent, say, bar)
        except (NotFinite, AdapterRefused):
            folder.mark_failed()
            raise
        except TrainingFailed:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                folder.mark_failed()
                raise out_of_memory(error, _appetite(recipe, precision), precision.device) from error
            if full := disk_full(error, folder.path):
                raise full from error
            raise


def _train(
    recipe: Recipe,
    task: Task,
    folder: RunFolder,
    precision: Precision,
    consent: Consent | None,
    say: Say,
    bar: TextIO | None,
) -> Path:
    facts, owner = task.lora(), [task.lora().data_sha256, task.lora().base_sha256]
    told = Told(
        persona=recipe.persona, version=recipe.version, parent=None, consent=consent, recipe=recipe.content(),
        export=recipe.export,
    )  # fmt: skip
    if recipe.init_from:
        parent = load_start(task.model, recipe.init_from, kind=task.kind, facts=facts)
        told = replace(told, parent=_parent(parent, recipe, say))
        owner.append(_sha256(recipe.init_from / WEIGHTS_FILE))
    _check_card(card_of(task, told), recipe, say)
    start = weights_of(task.model)
    say(
        f"{facts.base_name} · {facts.rows} 条训练 rows, {facts.held_rows} 条验证 held out · 可训练 trainable "
        f"{facts.trainable:,} / {facts.total:,} ({facts.trainable / facts.total:.2%}) · {precision.device} {precision.name}"
    )
    knobs = Knobs(
        kind=task.kind, learning_rate=recipe.learning_rate, epochs=recipe.epochs, lora_dropout=recipe.lora_dropout
    )  # fmt: skip
    watch = _Watch(folder, knobs, f"{recipe.persona} · {recipe.kind} · {recipe.version}", say)
    with stop_on_signals(say) as stop:
        state = train_task(
            task,
            _settings(recipe),
            Surroundings(
                checkpoints=folder.checkpoints(" ".join(owner)),
                samples=folder.samples,
                precision=precision,
                stop=stop,
                say=say,
                bar=bar,
                looked=watch.look,
            ),
        )
    speed = state.samples / state.busy_s if state.busy_s else 0.0
    peak = peak_bytes(precision.device)
    written = state.best.step if state.best else state.step
    say(
        f"写出第 {written} 步的权重 / writing the weights of step {written} · {speed:.1f} samples/s · "
        f"峰值内存 peak memory {peak / 2**30:.2f} GB"
    )
    return publish(
        task,
        folder,
        told,
        history=state.history,
        best_step=written if state.best else None,
        measures=_measures(state, written),
        report={
            "digest": folder.digest,
            "data_sha256": facts.data_sha256,
            "rows": facts.rows,
            "held_rows": facts.held_rows,
            "trainable": facts.trainable,
            "total": facts.total,
            **_report(state, precision, knobs, speed, peak, written),
            "recipe": recipe.content(),
        },
        start=start,
        precision=precision,
    )


class _Watch:
    """After a look: the curve is drawn anew (never twice within seconds), over-fitting is told when first seen."""

    def __init__(self, folder: RunFolder, knobs: Knobs, title: str, say: Say) -> None:
        self.folder, self.knobs, self.title, self.say = folder, knobs, title, say
        self.told, self.drawn_at = False, -CURVE_EVERY_S

    def look(self, state: State) -> None:
        if state.elapsed_s - self.drawn_at >= CURVE_EVERY_S:
            best = state.best.step if state.best else None
            write_curve(self.folder.path, state.history, title=self.title, best_step=best)
            self.drawn_at = state.elapsed_s
        found = findings(state.history, self.knobs.kind)
        if found and not self.told:
            self.told = True
            for one in found:
                self.say(one.text)
            self.say(f"→ {advice(self.knobs)}")


def _settings(recipe: Recipe) -> Settings:
    return Settings(
        **{name: getattr(recipe, name) for name in Settings.__dataclass_fields__}  # the recipe's names
    )


def _appetite(recipe: Recipe, precision: Precision) -> Appetite:
    return Appetite(
        batch_size=recipe.batch_size,
        gradient_accumulation=recipe.gradient_accumulation,
        gradient_checkpointing=recipe.gradient_checkpointing,
        mixed_precision=precision.name,
        resolution=recipe.resolution,
        max_length=recipe.max_length,
        lora_rank=recipe.lora_rank,
    )


def _consent(recipe: Recipe) -> Consent | None:
    if recipe.consent is None:
        return None
    try:
        return read_consent(recipe.consent)
    except CardProblems as error:
        raise TrainingFailed(f"consent: {'; '.join(error.problems)}") from error


def _check_card(card: Card, recipe: Recipe, say: Say) -> None:
    """Find before training what would keep the adapter off air after it.

    Raises:
        TrainingFailed: the consent does not cover it today.
    """
    if card.consent is None:
        say(
            "没有 consent：适配器会写出，但没有授权文件不能上播 / no consent: it is written, but cannot go on air"
        )
        return
    today = datetime.now().astimezone().date()
    if problems := consent_problems(card, today=today, file=recipe.consent or Path("consent")):
        raise TrainingFailed("; ".join(problems), "换一份有效的授权 / name a consent that holds")


def _parent(parent: Card, recipe: Recipe, say: Say) -> str | None:
    """The version that the card names: of the same persona, since a version alone names no other's."""
    if parent.persona != recipe.persona:
        say(
            f"init_from 是 {parent.persona} 的适配器，这次练的是 {recipe.persona}：卡片不记上一版，评估也不和它比；"
            f"若是同一位，写 persona: {parent.persona} / init_from is {parent.persona}'s, this is {recipe.persona}'s: "
            f"the card names no parent, and none is compared with; if she is the same, write persona: {parent.persona}"
        )
        return None
    if parent.version == recipe.version:
        raise TrainingFailed(
            f"version: {recipe.version} 就是 init_from 的版本 / is the version of init_from itself",
            "给新适配器一个新版本号 / give the new adapter a version of its own",
        )
    return parent.version


def _measures(state: State, written: int) -> dict[str, float]:
    """For the card: losses at the step that was written."""
    measures = {"steps": float(written)}
    loss = state.history.loss_around(written)
    if loss is not None:
        measures["loss"] = round(loss, 6)
    held = dict(state.history.validations)
    if written in held:
        measures["validation_loss"] = round(held[written], 6)
    if 0 in held:
        measures["validation_loss_before"] = round(held[0], 6)
    return measures


def _report(
    state: State, precision: Precision, knobs: Knobs, speed: float, peak: int, written: int
) -> dict[str, Any]:
    import peft

    found = [one.text for one in findings(state.history, knobs.kind)]
    cuda = precision.device.type == "cuda"
    return {
        **_measures(state, written),
        "steps": state.step,
        "written_step": written,
        "samples": state.samples,
        "validation": state.history.validations,
        "spread": [(look.step, look.spread) for look in state.history.looks if look.spread is not None],
        "overfitting": found,
        "advice": advice(knobs) if found else "",
        "samples_per_s": round(speed, 3),
        "peak_memory_bytes": peak,
        "elapsed_s": round(state.elapsed_s, 1),
        "device": torch.cuda.get_device_name(precision.device) if cuda else platform.machine(),
        "precision": precision.name,
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "peft": peft.__version__,
        },
        "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
