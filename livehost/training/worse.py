"""Whether one evaluation is worse than another on the same rows, by more than chance explains.

Both evaluations have the same rows, so rows are compared in pairs. They must have been judged by the same
catalogue and the same style of the persona's: without them `faithful` is another measure.

A share of rows (facts copied, compliant, faithful, geometry kept): exact one-sided McNemar test. Of the
rows on which the two differ, about half would be lost and half won if nothing had changed; a fall
counts when so many losses have a probability below `CHANCE` under Binomial(differing rows, 1/2).
With no row won, five lost rows are a fall (1/32), four are not (1/16), however many rows there are.

A mean (log-perplexity, style and colour distances, diversity): a fall counts when the mean of the
pairs' differences is over `SIGMAS` standard errors, and over the measure's `least` difference, under
which nobody would see or hear it. A distance between sets of texts has its error from a bootstrap
over rows with a fixed seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from livehost.training.evaluation import EvaluatedRow, Evaluation

CHANCE = 0.05
SIGMAS = 1.645  # the same chance, one-sided, for means
KNOWN = {
    "catalogue": ("商品目录", "catalogue"),
    "style": ("人设说法", "style of hers"),
}  # what answers are judged by
MIN_ROWS = {"language": 20, "visual": 10}  # with fewer, a fall by a quarter of the rows could be chance

Sort = Literal["share", "mean", "set"]


@dataclass(frozen=True)
class Measure:
    """A measure's name, its words, and how it is compared.

    `mark` is the row's mark that it is the mean of. A difference under `least`, or under `least_share` of
    the old value, never counts.
    """

    name: str
    zh: str
    en: str
    higher: bool
    sort: Sort
    mark: str
    least: float = 0.0
    least_share: float = 0.0
    kind: Literal["language", "visual"] = "language"


MEASURES: tuple[Measure, ...] = (
    Measure("facts_copied", "事实照抄率", "facts copied", True, "share", "facts_copied"),
    Measure("compliant", "合规通过率", "compliance pass rate", True, "share", "compliant"),
    Measure("faithful", "忠实率", "faithful share", True, "share", "faithful"),
    Measure("style_distance", "与人设台词的距离", "style distance", False, "set", "", 0.01),
    Measure("perplexity", "困惑度", "perplexity", False, "mean", "nll", 0.02),
    Measure(
        "colour_distance",
        "与人设图片的色差",
        "colour distance",
        False,
        "mean",
        "colour_distance",
        0.5,
        kind="visual",
    ),
    Measure(
        "picture_distance",
        "与人设图片的距离",
        "picture distance",
        False,
        "mean",
        "picture_distance",
        0.01,
        kind="visual",
    ),
    Measure("geometry_kept", "几何保持率", "geometry kept", True, "share", "geometry_kept", kind="visual"),
    # The surer an adapter is, the more alike its pictures are: only a collapse counts.
    Measure("diversity", "多样性", "diversity", True, "mean", "diversity", least_share=0.4, kind="visual"),
)


def worse(new: Evaluation, old: Evaluation) -> list[str]:
    """A sentence for each measure in which `new` is worse than `old`; empty where it may take its place.

    Evaluations that cannot be compared (another kind, base, set of rows, too few rows) say so.
    """
    problems = comparable(new, old)
    if problems:
        return problems
    by_id = {row.id: row for row in old.rows}
    pairs = [(row, by_id[row.id]) for row in new.rows]
    out = []
    for measure in MEASURES:
        if measure.name in old.measures and measure.name not in new.measures:
            out.append(f"缺少{measure.zh}，请重新评估 / {measure.en} is missing; evaluate both again")
        elif measure.name in old.measures and (why := _fallen(measure, new, old, pairs)):
            was, now = old.measures[measure.name], new.measures[measure.name]
            out.append(
                f"{measure.zh}变差：{was:.4g} → {now:.4g}（{why}）/ "
                f"{measure.en} fell from {was:.4g} to {now:.4g} ({why})"
            )
    return out


def comparable(new: Evaluation, old: Evaluation) -> list[str]:
    """Why two evaluations cannot be compared, row by row; empty where they can."""
    out = alike(new, old)
    if new.kind == old.kind and len(new.rows) < (least := MIN_ROWS[new.kind]):
        out.append(
            f"只有 {len(new.rows)} 行，至少要 {least} 行才看得出差别 / "
            f"{len(new.rows)} rows tell too little; give at least {least}"
        )
    return out


def alike(new: Evaluation, old: Evaluation) -> list[str]:
    """Why the rows of two evaluations, however few, do not stand side by side; empty where they do."""
    if new.kind != old.kind:
        return [f"种类不同 / a {new.kind} and a {old.kind} adapter cannot be compared"]
    out = []
    if new.base_sha256 != old.base_sha256:
        out.append(
            f"底模不同，不能相比 / they stand on other bases ({new.base_sha256[:12]}, {old.base_sha256[:12]})"
        )
    if new.data_sha256 != old.data_sha256 or {r.id for r in new.rows} != {r.id for r in old.rows}:
        out.append(
            f"评估所用的数据不同（{new.data}，{old.data}），请用同一份数据评估两者 / "
            f"they were evaluated on other rows; run: {command(old, new)}"
        )
    return [*out, *_judged_unlike(new, old)]


def command(evaluation: Evaluation, like: Evaluation) -> str:
    """The command that evaluates the one's adapter as the other's was: the same rows, the same configuration."""
    name = f"{evaluation.persona}.{evaluation.kind}.{evaluation.version}"
    config = like.settings.get("config")
    return f"livehost adapters evaluate {name} --data {like.data}" + (f" --config {config}" if config else "")


def _judged_unlike(new: Evaluation, old: Evaluation) -> list[str]:
    """Why the marks of two evaluations are not of one measure: another catalogue, or another style of hers."""
    unlike = [words for key, words in KNOWN.items() if new.settings.get(key, "") != old.settings.get(key, "")]
    if not unlike:
        return []
    known, other = (new, old) if new.settings.get("catalogue") else (old, new)
    zh, en = "和".join(zh for zh, _ in unlike), " and ".join(en for _, en in unlike)
    return [
        f"评估时所用的{zh}不同，不能相比，先运行 / they were judged by another {en}; run: {command(other, known)}"
    ]


def _fallen(
    measure: Measure,
    new: Evaluation,
    old: Evaluation,
    pairs: Sequence[tuple[EvaluatedRow, EvaluatedRow]],
) -> str:
    """Why a measure counts as fallen, as numbers for both languages; empty where it has not."""
    sign = -1.0 if measure.higher else 1.0
    least = max(measure.least, measure.least_share * abs(old.measures[measure.name]))
    if measure.sort == "set":
        from livehost.training.style import distance_error

        loss = sign * (new.measures[measure.name] - old.measures[measure.name])
        if loss <= least:
            return ""
        error = distance_error(
            [a.said for a, _ in pairs], [b.said for _, b in pairs], [a.target for a, _ in pairs]
        )
        return _beyond(loss, error, least)
    both = [(a.marks, b.marks) for a, b in pairs if measure.mark in a.marks and measure.mark in b.marks]
    losses = [sign * (a[measure.mark] - b[measure.mark]) for a, b in both]
    if not losses:
        return ""
    if measure.sort == "share":
        lost, won = sum(x > 0 for x in losses), sum(x < 0 for x in losses)
        chance = lost_by_chance(lost, won)
        return f"-{lost} +{won} / {len(losses)}, p={chance:.3f}" if chance < CHANCE else ""
    mean = sum(losses) / len(losses)
    spread = sum((x - mean) ** 2 for x in losses) / max(len(losses) - 1, 1)
    return _beyond(mean, math.sqrt(spread / len(losses)), least)


def lost_by_chance(lost: int, won: int) -> float:
    """The probability of at least `lost` losses among `lost + won` rows that differ, were both as likely."""
    both = lost + won
    ways: int = sum(math.comb(both, k) for k in range(lost, both + 1))
    return ways / 2**both if both else 1.0


def _beyond(loss: float, error: float, least: float) -> str:
    counts = loss > max(SIGMAS * error, least)
    return f"{loss:+.4g} > max({SIGMAS} × {error:.2g}, {least:g})" if counts else ""
