"""The command line: serve | demo | check | ask | review | read | journal | train | dataset | export | adapters.

Heavy parts load inside the commands, so that `livehost --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from livehost.training import commands

if TYPE_CHECKING:
    from livehost.answers.faq_book import FaqBook
    from livehost.catalog import Catalog

HELP = ["-h", "--help"]
app = typer.Typer(
    name="livehost", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Puts a digital human on air and keeps it there.", context_settings={"help_option_names": HELP},
)  # fmt: skip

Config = Annotated[Path, typer.Argument(help="The configuration (see configs/demo.yaml).")]


@app.command()
def serve(config: Config, port: Annotated[int | None, typer.Option(help="The API's port.")] = None) -> None:
    """Run every room of a configuration until told to stop."""
    _supervise(config, port=port, any_port=False, open_rooms=False, seconds=None)


@app.command()
def demo(
    config: Annotated[Path | None, typer.Option(help="Another configuration than the demo's.")] = None,
    seconds: Annotated[float | None, typer.Option(help="End by itself after so many seconds.")] = None,
    port: Annotated[int | None, typer.Option(help="The console's port.")] = None,
) -> None:
    """Put the demo room on air on this machine and print the console's address."""
    chosen = config or Path(__file__).resolve().parent.parent / "configs" / "demo.yaml"
    _supervise(chosen, port=port, any_port=True, open_rooms=True, seconds=seconds)


@app.command(hidden=True)
def show(
    config: Config,
    port: Annotated[int, typer.Option()],
    red_button_port: Annotated[int, typer.Option()],
    open_rooms: Annotated[bool, typer.Option("--open")] = False,
) -> None:
    """The show's process, a child of `serve`."""
    import asyncio

    from livehost.app import serve_show
    from livehost.check import read_settings
    from livehost.runtime import with_token

    settings, _ = with_token(read_settings(config, review=False))  # the supervisor reviewed it
    api = settings.api.model_copy(update={"port": port, "red_button_port": red_button_port})
    _log()
    asyncio.run(serve_show(settings.model_copy(update={"api": api}), open_rooms=open_rooms))


@app.command()
def check(config: Config) -> None:
    """Say everything that is wrong with a configuration, each with what to change; exit 1 if anything is."""
    from livehost.check import SettingsProblems, read_settings
    from livehost.check_models import model_notes

    today = datetime.now().astimezone().date()
    try:
        settings = read_settings(config, models=today)
    except SettingsProblems as found:
        for problem in found.problems:
            typer.echo(str(problem), err=True)
        typer.echo(f"{len(found.problems)} 处问题 / problems", err=True)
        raise typer.Exit(1) from found
    rooms, personas = len(settings.rooms), len(settings.personas)
    for note in model_notes(settings, today):
        typer.echo(note)
    typer.echo(f"配置可用 / the configuration is sound: {rooms} 直播间 rooms, {personas} 数字人主播 personas")


@app.command()
def ask(
    catalog: Annotated[Path | None, typer.Option(help="The catalogue; else the configuration's.")] = None,
    now: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=lambda text: datetime.fromisoformat(text).astimezone(),
            help="As if it were then: 2026-11-26T20:00:00+08:00; without an offset, this machine's time.",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The configuration that the persona is in.")] = None,
    persona: Annotated[str | None, typer.Option(help="Answer as this persona; needs --config.")] = None,
    model: Annotated[
        bool, typer.Option(help="Have her language adapter word the answers; needs --persona.")
    ] = False,
    deadline_s: Annotated[float | None, typer.Option(help="Wait so long for the model's words.")] = None,
    faq: Annotated[
        Path | None, typer.Option(help="The operators' own answers: 关键词 => 回答, a CSV or a TSV.")
    ] = None,
) -> None:
    """Answer questions: JSON lines in, each with its answer out, and which path spoke.

    echo '{"text": "洁面多少钱", "on_air": "cleanser-01"}' | livehost ask --catalog my/catalog.yaml

    on_air is the id of the product being presented; it may be left out.
    """
    from livehost.answers.rows import ask_rows
    from livehost.catalog import Catalog, CatalogProblems

    if (persona is None) != (config is None) or (model and persona is None):
        _fail("给出 --config 和 --persona，才知道以谁的口吻回答 / name both --config and --persona")
    if config is None and catalog is None:
        _fail("给出 --catalog 或 --config / name --catalog, or --config")
    at = now or datetime.now().astimezone()
    try:
        if config is not None and persona is not None:
            _rows(_ask_persona(config, persona, catalog, at, model=model, deadline_s=deadline_s, faq=faq))
        elif catalog is not None:
            goods = Catalog.load(catalog)
            _rows(ask_rows(sys.stdin, goods, at, _book(faq, goods, at)))
    except CatalogProblems as error:
        _fail(str(error))


@app.command()
def review() -> None:
    """Review script lines: JSON lines in, each with its verdict out.

    echo '{"text": "全网第一", "category": "cosmetics"}' | livehost review
    """
    from livehost.compliance.rows import review_rows

    _rows(review_rows(sys.stdin))


@app.command()
def read() -> None:
    """Read texts aloud, in writing: JSON lines in, each with what is spoken out.

    echo '{"text": "到手49.9元"}' | livehost read
    """
    from services.speech.normalise import read_rows

    _rows(read_rows(sys.stdin))


@app.command()
def journal(
    config: Annotated[Path, typer.Option(help="The configuration whose record is read.")],
    room: Annotated[str, typer.Option(help="Of this room.")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day; else the oldest.")
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="YYYY-MM-DD", help="The last day, itself included; else today."),
    ] = None,
    day: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="One day, in place of both.")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="jsonl|csv", help="JSON lines, or a table for Excel.")
    ] = "jsonl",
    names: Annotated[bool, typer.Option(help="With the viewers' names.")] = True,
) -> None:
    """Write a room's record by date to standard output; days are the room's own.

    livehost journal --config my/room.yaml --room demo --day 2026-11-26 --format csv > record.csv
    """
    from livehost.check import SettingsProblems
    from livehost.journal_command import Wrong, exported

    if day is not None and (first is not None or last is not None):
        _fail("--day: 和 --from、--to 只用一种 / use either --day, or --from and --to")
    first, last = day or first, day or last
    try:
        for piece in exported(config, room, first, last, form, names=names):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except SettingsProblems as found:
        _fail("\n".join(str(problem) for problem in found.problems))
    except (Wrong, OSError) as error:
        _fail(str(error))


app.command()(commands.train)
app.add_typer(commands.dataset, name="dataset")
app.command()(commands.export)


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def adapters(context: typer.Context) -> None:
    """See, check, evaluate, promote, retire and roll back adapters."""
    from livehost.adapters_cli import app as commands_of_adapters

    commands_of_adapters(context.args, prog_name="livehost adapters", help_option_names=HELP)


def main() -> None:
    """Entry point of the `livehost` command."""
    app()


def _rows(rows: Iterable[str]) -> None:
    import json

    if sys.stdin.isatty():
        typer.echo('每行一个 JSON 对象，例如 / one JSON object a line, as {"text": "多少钱"}', err=True)
    try:
        for row in rows:
            typer.echo(row)
    except json.JSONDecodeError as error:
        _fail(f'不是 JSON；每行写一个 / no JSON; write one object a line, as {{"text": "多少钱"}}: {error}')
    except ValueError as error:
        _fail(str(error))
    except BrokenPipeError:
        raise typer.Exit(0) from None


def _book(faq: Path | None, catalog: Catalog, now: datetime) -> FaqBook | None:
    """The operators' answers of a file; ends with all that is wrong in it."""
    if faq is None:
        return None
    from livehost.faq_desk import read_book

    try:
        return read_book(faq.read_text("utf-8"), catalog, now)
    except OSError as error:
        _fail(f"{faq}: 读不了 / cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        _fail(f"{faq}: 请存成 UTF-8 / save it as UTF-8")
    except ValueError as error:
        _fail(f"{faq}:\n{error}")


def _ask_persona(
    config: Path,
    persona: str,
    catalog: Path | None,
    now: datetime,
    *,
    model: bool,
    deadline_s: float | None,
    faq: Path | None,
) -> Iterator[str]:
    from livehost.ask_model import AskFailed, ask_persona_rows
    from livehost.catalog import Catalog
    from livehost.check import SettingsProblems, read_settings

    _log()
    try:
        settings = read_settings(config, review=False)
        goods = Catalog.load(catalog or settings.catalog)
        yield from ask_persona_rows(
            sys.stdin, settings, goods, persona, now, model=model, deadline_s=deadline_s,
            book=_book(faq, goods, now),
        )  # fmt: skip
    except SettingsProblems as found:
        _fail("\n".join(str(problem) for problem in found.problems))
    except AskFailed as error:
        _fail(str(error))


def _supervise(
    config: Path, *, port: int | None, any_port: bool, open_rooms: bool, seconds: float | None
) -> None:
    import asyncio

    from livehost.check import SettingsProblems
    from livehost.serving import PortTaken, prepared, run
    from livehost.supervisor import AlreadyRunning

    _log()
    try:
        settings, made = prepared(config, port=port, any_port=any_port)
        code = asyncio.run(
            run(
                config.resolve(), settings, open_rooms=open_rooms, seconds=seconds, made_token=made,
                say=lambda text: typer.echo(text),
            )
        )  # fmt: skip
    except SettingsProblems as found:
        for problem in found.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1) from found
    except (PortTaken, AlreadyRunning) as error:
        _fail(str(error))
    raise typer.Exit(code)


def _log() -> None:
    """Log lines for people, to standard error."""
    import logging

    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    main()
