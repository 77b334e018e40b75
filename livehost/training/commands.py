"""The commands that make a persona: `livehost train`, `livehost dataset build`, `livehost export`.

Heavy parts load inside the commands, so that `livehost --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from services.training.build_report import BuildReport

FAILED = 1
WRONG_USE = 2

dataset = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="训练数据 / training data: build.",
)  # fmt: skip


def train(
    config: Annotated[Path, typer.Option("--config", help="The run's recipe (see configs/train).")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="In place of a key; may be repeated."),
    ] = None,
    resume: Annotated[
        bool | None,
        typer.Option("--resume/--no-resume", help="Go on with an unfinished run; default: the recipe's."),
    ] = None,
) -> None:
    """Train a persona's adapter from one YAML recipe.

    Exit status: 0 it is written, 1 the run failed, 2 the recipe is wrong, 130 stopped and saved.
    """
    from services.training.launch import changes_told, launch

    try:
        told = changes_told(changes or (), resume)
    except ValueError as error:
        _fail(str(error), WRONG_USE)
    code = launch(config, changes=told, say=typer.echo, complain=partial(typer.echo, err=True))
    raise typer.Exit(code)


@dataset.command()
def build(
    sources: Annotated[
        list[Path],
        typer.Argument(help="A folder of pictures; files or folders of lines, questions and answers."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The data set's folder.")],
    trigger: Annotated[
        list[str] | None, typer.Option(help="A word of the prompt that brings the persona; may be repeated.")
    ] = None,
    resolution: Annotated[
        int, typer.Option(min=64, max=4096, help="The side in pixels that will be trained at.")
    ] = 512,
    min_side_px: Annotated[
        int | None,
        typer.Option("--min-side", min=16, help="Leave shorter sides out, in pixels; default: half of that."),
    ] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(help="The pictures' captions: .csv, .tsv, .jsonl; default: a file of a usual name."),
    ] = None,
    face_model: Annotated[Path | None, typer.Option(help="A YuNet .onnx file, to count faces with.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="The catalogue that answers rest on.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A configuration: its catalogue, its persona's style.")
    ] = None,
    persona: Annotated[str | None, typer.Option(help="Whose lines they are; needs --config.")] = None,
    category: Annotated[str, typer.Option(help="What is sold, where no catalogue says it.")] = "other",
    held: Annotated[
        bool, typer.Option("--held", help="Rows to judge by: no practice, nor a row that training practises.")
    ] = False,
    practice_share: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=20.0, help="Practised answers for each of her own; default: 4, with --held 0."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the practice.")] = 0,
    as_written: Annotated[
        bool,
        typer.Option("--as-written", help="Keep every text word by word, also what on air would be refused."),
    ] = False,
) -> None:
    """Make a data set of pictures, of texts, or of both; the files themselves are only read.

    Pictures: metadata.csv. Texts (.txt, .csv, .tsv, .jsonl): samples.jsonl. With both, each in a folder of its own.
    """
    pictures, texts = _sorted(sources)
    both = bool(pictures and texts)
    reports = []
    if pictures:
        options = _Pictures(metadata, tuple(trigger or ()), resolution, min_side_px, face_model)
        reports.append(_build_pictures(pictures[0], out / "pictures" if both else out, options))
    if texts:
        known = _known(catalog, config, persona, category)
        known |= {"held": held, "practice_share": practice_share, "seed": seed, "as_written": as_written}
        reports.append(_build_texts(texts, out / "text" if both else out, known))
    for report in reports:
        for line in report.lines():
            typer.echo(line)


def export(
    out: Annotated[
        Path, typer.Option("--out", help="The data set's folder: new, empty or an earlier export.")
    ],
    config: Annotated[Path | None, typer.Option(help="The configuration whose journal is read.")] = None,
    journal: Annotated[Path | None, typer.Option(help="Another folder of a journal.")] = None,
    room: Annotated[str | None, typer.Option(help="Only this room.")] = None,
    persona: Annotated[str | None, typer.Option(help="Whose lines; needed where there are several.")] = None,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The first day.")] = None,
    until: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day.")] = None,
    held_share: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=0.5,
            help="Share of the questions that are held out; default: 0.2, and 20 answers at least of 100 or more.",
        ),
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option(help="An earlier export: what it held out stays held out.")
    ] = None,
) -> None:
    """Make the next data set from what was heard and held good, without personal data."""
    first, last = _day(since, "--since"), _day(until, "--until")
    from livehost.catalog import CatalogProblems
    from livehost.check import SettingsProblems
    from livehost.training.export import ExportFailed, export_journal

    try:
        report = export_journal(
            config, journal=journal, room=room, since=first, until=last, persona=persona, out=out,
            held_share=held_share, earlier=earlier,
        )  # fmt: skip
    except SettingsProblems as found:
        _fail_with(str(problem) for problem in found.problems)
    except (ExportFailed, CatalogProblems) as error:
        _fail(str(error))
    typer.echo(report.text())


@dataclass(frozen=True)
class _Pictures:
    """How pictures are looked at."""

    metadata: Path | None
    trigger_words: tuple[str, ...]
    side_px: int
    min_side_px: int | None
    face_model: Path | None


def _sorted(sources: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Folders that hold pictures, and all else, which is text."""
    from services.training.picture_files import SUFFIXES
    from services.training.recipe_base import within
    from services.training.recipe_paths import exists

    pictures, texts, missing = [], [], []
    for source in sources:
        if not exists(source):
            missing.append(f"{source}: 不存在，请改正路径 / does not exist; correct the path")
        elif source.suffix.lower() in SUFFIXES and source.is_file():
            missing.append(f"{source}: 请写图片所在的文件夹 / name the folder that the picture is in")
        elif source.is_dir() and any(one.suffix.lower() in SUFFIXES for one in within(source)):
            pictures.append(source)
        else:
            texts.append(source)
    if len(pictures) > 1:
        missing.append(
            f"{'、'.join(map(str, pictures))}: 一次只能做一个图片文件夹 / one folder of pictures at a time"
        )
    if missing:
        _fail_with(missing)
    return pictures, texts


def _build_pictures(pictures: Path, out: Path, options: _Pictures) -> BuildReport:
    from services.training.launch import missing_packages

    if absent := missing_packages(("imagehash",)):
        _fail(absent)
    from services.training.album import AlbumProblems
    from services.training.faults import TrainingFailed
    from services.training.picture_checks import face_counter
    from services.training.visual_build import build_visual

    try:
        return build_visual(
            pictures,
            out,
            metadata_path=options.metadata,
            trigger_words=options.trigger_words,
            resolution=(options.side_px, options.side_px),
            min_side_px=options.min_side_px,
            faces=face_counter(options.face_model) if options.face_model else None,
            progress=_count if sys.stderr.isatty() else None,
        )
    except AlbumProblems as found:
        _fail_with(found.problems)
    except TrainingFailed as error:
        _fail(str(error))


def _count(done: int, all_of_them: int) -> None:
    end = "\n" if done == all_of_them else ""
    print(f"\r{done} / {all_of_them}", end=end, file=sys.stderr, flush=True)


def _build_texts(texts: list[Path], out: Path, known: dict[str, Any]) -> BuildReport:
    from livehost.training.text_build import build_text
    from livehost.training.text_sources import TextProblems

    try:
        return build_text(texts, out, **known)
    except TextProblems as found:
        _fail_with(found.problems)
    except OSError as error:
        _fail(f"{out}: 写不了（{error.strerror}） / cannot be written ({error.strerror})")


def _known(catalog: Path | None, config: Path | None, persona: str | None, category: str) -> dict[str, Any]:
    """What is known besides the texts: catalogue, the persona's style, the category."""
    from livehost.catalog import Catalog, CatalogProblems
    from livehost.check import SettingsProblems, read_settings

    if persona is not None and config is None:
        _fail("给出 --config，才知道 --persona 是谁 / name --config for --persona", WRONG_USE)
    known: dict[str, Any] = {"category": category}
    try:
        if config is not None:
            settings = read_settings(config, review=False)
            catalog = catalog or settings.catalog
            personas = {one.id: one for one in settings.personas}
            if persona is not None and persona not in personas:
                told = "、".join(personas)
                _fail(f"--persona {persona}: 配置里没有，有 {told} / is none of the configuration's: {told}")
            if persona is not None:
                known["style"] = personas[persona].style
        if catalog is not None:
            known["catalog"] = Catalog.load(catalog)
    except SettingsProblems as found:
        _fail_with(str(problem) for problem in found.problems)
    except CatalogProblems as error:
        _fail(str(error))
    return known


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        _fail(f"{option} {text}: 要写日期，例如 2026-03-08 / must be a day, such as 2026-03-08", WRONG_USE)


def _fail(message: str, code: int = FAILED) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _fail_with(problems: Iterable[str]) -> NoReturn:
    _fail("\n".join(problems))
