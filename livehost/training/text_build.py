"""`build_text`: a persona's texts in, a sample file out, and a report of what was left out and why.

Every text gets a `core`, what it says in plain words: with a catalogue an answer's core is what the
deterministic path says to the question, where that has the same facts; else it is the text without the
persona's manner. So the way of speaking is learned as core → text. The texts themselves are only read.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from livehost.answers import Fact
from livehost.catalog import TZ_CHINA, Catalog, Product
from livehost.compliance.by_product import ruled, said_of
from livehost.compliance.phrases import Phrases
from livehost.compliance.review import review
from livehost.compliance.types import Review, worst
from livehost.settings import Style
from livehost.training.export_folder import is_export
from livehost.training.on_air import OnAir
from livehost.training.plain import Manner, manner_of
from livehost.training.practice import practice
from livehost.training.text_copies import bare, copies
from livehost.training.text_cores import facts_in, names_of, product_of, sample_facts, sentence_for
from livehost.training.text_sources import Text, TextProblems, Unusable, read_texts, source_files
from livehost.training.worse import MIN_ROWS
from services.training.build_report import BuildReport
from services.training.samples import MAX_CORE_CHARS, Sample, SampleFact, control_marks, write_samples

__all__ = ["TextProblems", "build_text"]

SAMPLES_FILE = "samples.jsonl"
REPORT_FILE = "report.json"
MAX_TOLD = 2000  # rows that the report names one by one
FEW = 50
FEWEST_HELD = MIN_ROWS["language"]
PRACTICE = 4.0
SHOWN = 12  # phrases of manner that a warning names
MOST_PHRASES = 100  # that the report names


@dataclass
class _Told:
    """What was left out by reason and row by row, and how the others came to their cores."""

    dropped: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    doubtful: Counter[str] = field(default_factory=Counter)
    from_catalog: int = 0
    around_catalog: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)  # texts that would not pass on air, and where
    unchanged: int = 0

    def drop(self, place: str, why: str, text: str, words: str = "") -> None:
        """Leave a row out."""
        self.dropped[why] += 1
        if len(self.rows) < MAX_TOLD:
            row = {"at": place, "why": why, "text": text[:80]}
            self.rows.append(row | ({"words": words} if words else {}))


@dataclass(frozen=True)
class _Found:
    """A text with its product, and the catalogue's sentence and facts where it says the same."""

    text: Text
    product: Product | None
    core: str = ""
    facts: tuple[Fact, ...] = ()


def build_text(
    sources: Sequence[Path],
    out: Path,
    *,
    catalog: Catalog | None = None,
    style: Style | None = None,
    phrases: Phrases | None = None,
    category: str = "other",
    as_written: bool = False,
    held: bool = False,
    practice_share: float | None = None,
    seed: int = 0,
    now: datetime | None = None,
) -> BuildReport:
    """Write `samples.jsonl` and `report.json` into `out` from files and folders of texts.

    With a catalogue, what is learned from a text that the show would refuse on air (it words its facts
    anew) is its manner around the catalogue's sentence; `as_written` keeps every text as it is.

    Args:
        sources: `.txt`, `.csv`, `.tsv`, `.jsonl` files, or folders of them.
        out: the folder to write into; none of the sources may be overwritten.
        catalog: gives answers their cores, and products their approved wordings.
        style: the persona's from her settings: words that are hers in any case.
        phrases: the phrase rules; those of the package by default.
        category: of the products, where a text names none and there is no catalogue.
        as_written: see above; then nothing is practised either.
        held: the set is for judging: nothing is practised by default, and no row that training practises.
        practice_share: answers about random goods in her manner (`livehost.training.practice`), for each
            of her own answers; only with a catalogue. None: `PRACTICE`, or none for a held-out set.
        seed: of the practice.
        now: the instant at which the catalogue's offers are read.

    Raises:
        TextProblems: a source cannot be read at all, would be overwritten, or nothing is left.
    """
    files = source_files(sources)
    _refuse_to_overwrite(files, out)
    now = now or datetime.now(TZ_CHINA)
    told = _Told()
    found = []
    for text in _without_copies(_texts(files, told), told):
        product = product_of(text, catalog) if catalog else None
        if not _allowed(text, _reviewed(text.target, product, catalog, phrases, category, now), told):
            continue
        core, facts = sentence_for(text, catalog, product, now) if catalog and text.question else ("", ())
        found.append(_Found(text, product, core, facts))
    own = (style.self_name, *style.address, *style.openers, *style.closers) if style else ()
    content = (*(names_of(catalog) if catalog else ()), *(one.core for one in found if one.core))
    targets = [one.text.target for one in found if one.text.sample is None]
    manner = manner_of(targets, own=own, content=content)
    on_air = OnAir(catalog, manner, style, now) if catalog and not as_written else None
    samples = _samples(found, manner, catalog, on_air, told)
    if not samples:
        why = [f"{why}：{count}" for why, count in told.dropped.most_common()]
        raise TextProblems(["没有一条可用的文本 / not one text can be used", *why])
    answers = sum(one.kind == "answer" for one in samples)
    if practice_share is None:
        practice_share = 0.0 if held else PRACTICE
    count = round(practice_share * answers)
    more = practice(samples, count=count, seed=seed, now=now, held=held) if on_air else []
    return _written(samples, more, told, on_air, out, held=held)


def _refuse_to_overwrite(files: Iterable[Path], out: Path) -> None:
    """The user's own files stay as they are, and so does what an export held out."""
    if is_export(out):
        raise TextProblems(
            [
                f"{out}：是导出的数据集，请换一个输出目录 / is an export's folder; name another folder to write to"
            ]
        )
    written = {(out / name).resolve() for name in (SAMPLES_FILE, REPORT_FILE)}
    taken = [file for file in files if file.resolve() in written]
    if taken:
        raise TextProblems(
            [
                f"{taken[0]}：会被输出覆盖，请换一个输出目录 / would be overwritten; name another folder to write to"
            ]
        )


def _texts(files: Iterable[Path], told: _Told) -> Iterator[Text]:
    for file in files:
        for found in read_texts(file):
            if isinstance(found, Unusable):
                told.drop(f"{found.file}:{found.line}", found.why, found.text)
            elif any(control_marks(words) for words in (found.question or "", found.target)):
                why = "含有对话模板的控制符或角色行 / marks of a chat template or role lines"
                told.drop(found.place, why, found.target)
            else:
                yield found


def _without_copies(texts: Iterable[Text], told: _Told) -> list[Text]:
    every = list(texts)
    exact, near = copies([(text.question, text.target) for text in every])
    for number in sorted(exact | near):
        why = (
            "重复 / a copy of another"
            if number in exact
            else "几乎重复，只差语气词或标点 / nearly a copy of another"
        )
        told.drop(every[number].place, why, every[number].target)
    return [text for number, text in enumerate(every) if number not in exact and number not in near]


def _allowed(text: Text, verdict: Review, told: _Told) -> bool:
    """Whether the phrase rules let a text in; what a person must review on air is only counted."""
    for hit in verdict.hits:
        if hit.verdict == "block":
            why = f"违反话术规则 {hit.rule}（{hit.why}） / against the phrase rule {hit.rule}"
            told.drop(text.place, why, text.target, text.target[slice(*hit.span)])
            return False
    told.doubtful.update({hit.rule for hit in verdict.hits})
    return True


def _samples(
    found: Sequence[_Found], manner: Manner, catalog: Catalog | None, on_air: OnAir | None, told: _Told
) -> list[Sample]:
    """The samples of texts in their order; those without manner of their own come last to their words."""
    out: dict[int, Sample] = {}
    later: list[int] = []
    for number, one in enumerate(found):
        if one.text.sample is not None:
            out[number] = one.text.sample
            continue
        core, facts = one.core, sample_facts(one.facts, one.core)
        told.from_catalog += bool(core)
        if not core:
            core = manner.plain(one.text.target)[:MAX_CORE_CHARS]
            facts = facts_in(core, catalog, one.product) if catalog else ()
            told.unchanged += bare(core) == bare(one.text.target)
        words: str | None = one.text.target
        if on_air is not None:
            words = on_air.worded(one.text.target, core, one.facts, one.product)
            told.around_catalog += words not in (None, one.text.target)
        if words is None and one.core:
            later.append(number)
        elif words is None:
            told.refused.append(_refused(one, core, on_air))
        out[number] = _sample(one.text, core, words or one.text.target, facts)
    for number in later:
        sample, one = out[number], found[number]
        words = on_air.opened(sample.core, one.facts, one.product) if on_air is not None else None
        told.around_catalog += words is not None
        if words is None:
            told.refused.append(_refused(one, sample.core, on_air))
        out[number] = _sample(one.text, sample.core, words or sample.target, sample.facts)
    return [out[number] for number in sorted(out)]


def _refused(one: _Found, core: str, on_air: OnAir | None) -> dict[str, str]:
    """Where a text stands that the show would refuse, and why it would."""
    why = on_air.why(one.text.target, core, one.facts, one.product) if on_air is not None else ""
    return {"at": one.text.place, "text": one.text.target[:80], "why": why}


def _sample(text: Text, core: str, target: str, facts: tuple[SampleFact, ...]) -> Sample:
    return Sample(
        id=hashlib.sha256(f"{text.question}\n{text.target}".encode()).hexdigest()[:12],
        kind="answer" if text.question else "script",
        question=text.question or None,
        core=core,
        target=target,
        facts=facts,
        source="qa" if text.question else "lines",
    )


def _reviewed(
    line: str,
    product: Product | None,
    catalog: Catalog | None,
    phrases: Phrases | None,
    category: str,
    now: datetime,
) -> Review:
    """The phrase rules' word by every product that is named, also by its kind (这个茶).

    Where none is, that of the product which allows the most.
    """
    if catalog is None:
        return review(line, product=product, category=category, now=now, phrases=phrases)
    clauses = said_of(line, catalog, product, own=True)
    if product is not None or any(one.ruled for one in clauses):
        hits = tuple(ruled(line, 0, clauses, product, catalog, now, doubt=False, phrases=phrases))
        return Review(worst(hit.verdict for hit in hits), hits)
    order = ("pass", "review", "block")
    found = [review(line, product=one, now=now, phrases=phrases) for one in catalog.products]
    return min(found, key=lambda one: order.index(one.verdict))


def _written(
    samples: Sequence[Sample],
    more: Sequence[Sample],
    told: _Told,
    on_air: OnAir | None,
    out: Path,
    *,
    held: bool,
) -> BuildReport:
    report = BuildReport(
        kept=len(samples),
        dropped=dict(told.dropped),
        warnings=tuple(_warnings(samples, told, on_air, held=held)),
        files=(out / SAMPLES_FILE, out / REPORT_FILE),
        details={
            "held_out": held,
            "answers": sum(one.kind == "answer" for one in samples),
            "scripts": sum(one.kind == "script" for one in samples),
            "cores_from_catalog": told.from_catalog,
            "cores_unchanged": told.unchanged,
            "targets_around_the_catalogs_words": told.around_catalog,
            "practice": len(more),
            "manner": _phrases(on_air),
            "refused_on_air": told.refused[:MAX_TOLD],
            "rows_left_out": told.rows,
        },
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_samples(out / SAMPLES_FILE, (*samples, *more))
        content = json.dumps(report.content(), ensure_ascii=False, indent=1) + "\n"
        (out / REPORT_FILE).write_text(content, encoding="utf-8")
    except OSError as error:
        raise TextProblems(
            [f"{out}：写不了（{error.strerror}），请换目录或腾出空间 / cannot be written ({error.strerror})"]
        ) from error
    return report


def _phrases(on_air: OnAir | None) -> dict[str, list[str]]:
    """The persona's commonest phrases before and after what she says, for her settings' style."""
    if on_air is None:
        return {}
    return {
        "openers": [phrase for phrase, _ in on_air.openers.most_common(MOST_PHRASES)],
        "closers": [phrase for phrase, _ in on_air.closers.most_common(MOST_PHRASES)],
    }


def _warnings(samples: Sequence[Sample], told: _Told, on_air: OnAir | None, *, held: bool) -> Iterator[str]:
    count = len(samples)
    if held and count < FEWEST_HELD:
        yield (
            f"只有 {count} 条，评估至少要 {FEWEST_HELD} 条才能晋升 / "
            f"only {count} samples; a promotion takes {FEWEST_HELD} held-out rows at least"
        )
    if not held and count < FEW:
        yield f"只有 {count} 条，建议至少 200 条 / only {count} samples; 200 are a good start"
    if told.unchanged * 2 > count:
        yield (
            f"{told.unchanged} 条里听不出人设的说法，练出来不会有变化 / "
            f"{told.unchanged} texts have no manner of their own; an adapter learns nothing from them"
        )
    if told.refused:
        where = "、".join(one["at"] for one in told.refused[:SHOWN])
        yield (
            f"{len(told.refused)} 条的说法上播时通不过核对（{where}{'…' * (len(told.refused) > SHOWN)}），见 report.json 的 "
            f"refused_on_air / {len(told.refused)} texts, in the words they have, would be refused on air"
        )
    if not held and on_air is not None and (missing := on_air.unlisted()):
        yield (
            f"人设的 style 里没有这些说法，把 report.json 的 manner 写进 openers、closers 才能在直播里说：{'、'.join(missing[:SHOWN])} / "
            f"her settings' style does not name {len(missing)} phrases of hers; on air only named ones pass"
        )
    if not any(one.kind == "answer" for one in samples):
        yield "没有问答，回答观众时会不像人设 / there are no answers to questions; add some"
    for rule, times in told.doubtful.most_common():
        yield (
            f"{times} 条碰到规则 {rule}，上播前要人审 / "
            f"{times} texts touch the rule {rule}, which a person must review on air"
        )
