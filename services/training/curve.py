"""A run's curve: `curve.csv`, a row a step, and `curve.png`: losses above, the learning rate below."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path
from typing import Any

from services.training.history import History
from services.training.overfit import findings, short
from services.training.whole_file import write_whole

CSV_FILE, PNG_FILE = "curve.csv", "curve.png"
COLUMNS = ("step", "epoch", "loss", "smooth", "validation", "learning_rate", "gradient_norm")
DPI = 150
FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC", "Microsoft YaHei",
    "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP", "Noto Sans CJK TC",
)  # fmt: skip
_INK, _GREY, _LOSS, _HELD, _RATE = "#1f2933", "#9aa5b1", "#2a6f97", "#d1495b", "#6a994e"


def write_curve(folder: Path, history: History, *, title: str, best_step: int | None = None) -> None:
    """Write both files into a folder, each whole or not at all.

    Raises:
        DiskFull: one cannot be written.
    """
    write_whole(folder / CSV_FILE, csv_of(history))
    write_whole(folder / PNG_FILE, png_of(history, title=title, best_step=best_step))


def csv_of(history: History) -> bytes:
    """The steps as CSV in UTF-8; `validation` stands in the rows of the steps after which it was taken.

    A validation from before the first step stands in a row of step 0.
    """
    held = dict(history.validations)
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(COLUMNS)
    if 0 in held:
        rows.writerow([0, 0, "", "", f"{held[0]:.6g}", "", ""])
    for point, smooth in zip(history.points, history.smooth(), strict=True):
        there = f"{held[point.step]:.6g}" if point.step in held else ""
        loss, mean, rate, norm = (f"{one:.6g}" for one in (point.loss, smooth, point.rate, point.norm))
        rows.writerow([point.step, point.epoch, loss, mean, there, rate, norm])
    return stream.getvalue().encode()


def png_of(history: History, *, title: str, best_step: int | None = None) -> bytes:
    """The curve as a PNG of 1500 × 1050 pixels; Chinese where a font for it is installed, else English."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    font = _chinese_font()
    style: Any = {
        "font.sans-serif": [*([font] if font else []), "DejaVu Sans"],
        "font.family": "sans-serif",
        "axes.titlepad": 8,
        "axes.unicode_minus": False,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "axes.edgecolor": _GREY,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(10, 7), dpi=DPI, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        losses, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _draw_losses(losses, history, best_step, chinese=bool(font))
        _draw_rates(rates, history, chinese=bool(font))
        figure.suptitle(title if font or title.isascii() else "LoRA", fontsize=14, fontweight="bold")
        stream = io.BytesIO()
        canvas.print_png(stream)
    return stream.getvalue()


def _draw_losses(axes: Any, history: History, best_step: int | None, *, chinese: bool) -> None:
    steps = [point.step for point in history.points]
    raw, smooth, held = [point.loss for point in history.points], history.smooth(), history.validations
    axes.plot(
        steps, raw, color=_LOSS, alpha=0.22, linewidth=0.8, label="每步损失" if chinese else "loss, each step"
    )
    axes.plot(
        steps,
        smooth,
        color=_LOSS,
        linewidth=2.2,
        label="训练损失（平滑）" if chinese else "training loss, smoothed",
    )
    if held:
        at, values = zip(*held, strict=True)
        label = "验证损失" if chinese else "validation loss"
        axes.plot(at, values, color=_HELD, linewidth=1.8, marker="o", markersize=5, label=label)
    best = next((value for step, value in held if step == best_step), None)
    if best is not None:
        said = f"最佳：第 {best_step} 步，{best:.4g}" if chinese else f"best: step {best_step}, {best:.4g}"
        axes.plot(
            [best_step],
            [best],
            "*",
            markersize=18,
            color=_HELD,
            markeredgecolor="white",
            zorder=5,
            label=said,
        )
    for finding in findings(history, "visual")[:1]:
        label = "过拟合" if chinese else "over-fitting"
        axes.axvspan(finding.step, steps[-1], color=_HELD, alpha=0.07, linewidth=0, label=label)
    _frame(axes, "损失" if chinese else "loss")
    axes.set_ylim(*_range([*raw], [*smooth, *(value for _step, value in held)]))
    if steps:
        axes.legend(frameon=False, fontsize=10, loc="upper right")


def _range(raw: list[float], shown: list[float]) -> tuple[float | None, float | None]:
    """Losses from low to high, single spikes left out; all of what is `shown`."""
    if not raw:
        return None, None
    ordered = sorted(raw)
    low = min(ordered[len(ordered) // 100], *shown)
    high = max(ordered[-1 - len(ordered) // 100], *shown)
    room = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def _draw_rates(axes: Any, history: History, *, chinese: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    steps, rates = [point.step for point in history.points], [point.rate for point in history.points]
    axes.plot(steps, rates, color=_RATE, linewidth=2.2)
    axes.fill_between(steps, rates, color=_RATE, alpha=0.1, linewidth=0)
    axes.set_ylim(bottom=0)
    _frame(axes, "学习率" if chinese else "learning rate")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda rate, _at: short(rate) if rate else "0")
    axes.set_xlabel("步" if chinese else "step")


def _frame(axes: Any, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(True, axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.margins(x=0.01)


def _chinese_font() -> str | None:
    """The first font for Chinese that is installed, or None."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in FONTS if name in there), None)
