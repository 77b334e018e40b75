"""`livehost adapters`: list | verify | evaluate | report | promote | retire | rollback.

Heavy parts load inside the commands.
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_args

import typer

from livehost.library import KINDS, PERSONA, VERSION, Kind, Library, Shelved, adapter_id

if TYPE_CHECKING:
    from livehost.catalog import Catalog
    from livehost.settings import Settings
    from livehost.wardrobe import Role

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="适配器的一生：查看、检查、评估、上线、停用、回退 / an adapter's life, from its check to its retirement.",
)  # fmt: skip

NEXT_TO = Path("adapters")
Id = Annotated[str, typer.Argument(metavar="ID", help="<persona>.<language|visual>.<version>")]
LibraryOption = Annotated[
    Path | None,
    typer.Option("--library", help="The adapter library's folder; else --config's, else ./adapters."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="A configuration: its library, its bases, the versions it names."),
]
BaseOption = Annotated[
    Path | None, typer.Option("--base", help="The base's directory; else the embedded one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
ByOption = Annotated[str, typer.Option("--by", help="Who does it; else the name of this user.")]


@dataclass(frozen=True)
class Place:
    """Where the commands work: a library, and a configuration where one is named."""

    library: Library
    settings: Settings | None
    options: str = ""  # those that named it, for a command that is told

    @property
    def today(self) -> date:
        """The day that consents are held against: the latest in a room's zone, else this machine's."""
        from zoneinfo import ZoneInfo

        if self.settings is None:
            return datetime.now().astimezone().date()
        return max(datetime.now(ZoneInfo(room.zone)).date() for room in self.settings.rooms)

    def base(self, kind: Kind, named: Path | None) -> Path | None:
        """The directory of a kind's base; None where the configuration's is on another machine."""
        from livehost.engine_children import EMBEDDED, base_of

        role: Role = "language" if kind == "language" else "vision"
        if named is not None or self.settings is None:
            return named or EMBEDDED[role]
        models = self.settings.models
        model = models.language if role == "language" else models.vision
        return EMBEDDED[role] if model.engine == "off" else base_of(role, model)

    def verify(self, shelved: Shelved, base: Path | None = None) -> list[str]:
        """Everything that is wrong with an adapter, as far as files tell."""
        from livehost.verification import verify

        return verify(shelved, today=self.today, base=self.base(shelved.kind, base))

    def find(self, name: str) -> Shelved:
        """The adapter of an id; ends the command where none has it."""
        persona, kind, version = _parts(name)
        found = self.library.find(persona, kind, version)
        if found.gone:
            known = ", ".join(self.library.versions(persona, kind)) or "—"
            _fail(f"没有适配器 {name}，已有版本：{known} / there is no adapter {name}; versions: {known}")
        return found


@app.command("list")
def list_(
    library: LibraryOption = None, config: ConfigOption = None, as_json: JsonOption = False,
    persona: Annotated[str | None, typer.Option(help="Only hers.")] = None,
) -> None:  # fmt: skip
    """Every adapter of the library: promoted or retired, parent, consent, evaluation, size."""
    place = _place(library, config)
    rows = [_row(place, one) for one in place.library.all() if persona in (None, one.persona)]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    elif rows:
        _table(rows)
    else:
        typer.echo("适配器库是空的 / the library is empty")


@app.command()
def verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Adapters; else all.")] = None,
    library: LibraryOption = None, config: ConfigOption = None, base: BaseOption = None,
) -> None:  # fmt: skip
    """Check files, hash, card, consent and base of adapters; exit 1 where anything is wrong."""
    place = _place(library, config)
    found = [place.find(name) for name in ids] if ids else list(place.library.all())
    wrong = 0
    for shelved in found:
        problems = place.verify(shelved, base)
        wrong += bool(problems)
        typer.echo(f"{shelved.id}: {'不能用 / cannot be used' if problems else '可用 / sound'}")
        for problem in problems:
            typer.echo(f"  - {problem}")
    if wrong:
        _fail(f"{len(found)} 个里有 {wrong} 个不能用 / {wrong} of {len(found)} cannot be used")


@app.command()
def evaluate(
    name: Id,
    data: Annotated[Path, typer.Option(help="Held-out rows (.jsonl), or a folder of held-out pictures.")],
    library: LibraryOption = None, config: ConfigOption = None, base: BaseOption = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 is all of them.")] = 0,
) -> None:  # fmt: skip
    """Measure an adapter on rows that it never saw, beside the bare base; kept in its folder."""
    from livehost.training.evaluation import evaluate_adapter

    place = _place(library, config)
    shelved = place.find(name)
    with _refusals():
        evaluation = evaluate_adapter(
            shelved.folder, data, base=place.base(shelved.kind, base), catalog=_catalog(place.settings),
            manner=_manner(place.settings, shelved.persona), config=config, threads=threads, say=_progress,
        )  # fmt: skip
    typer.echo(f"{shelved.id}: {len(evaluation.rows)} 行 / rows")
    for measure, value in evaluation.measures.items():
        of_base = evaluation.bare.get(measure)
        told = f"（基座 / bare base {of_base:.4g}）" if of_base is not None else ""
        typer.echo(f"  {measure}: {value:.4g}{told}")


@app.command()
def report(
    old: Annotated[str, typer.Argument(metavar="OLD", help="<persona>.<language|visual>.<version>")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="<persona>.<language|visual>.<version>")],
    data: Annotated[
        Path | None, typer.Option(help="Evaluate both on these rows; else their kept evaluations.")
    ] = None,
    library: LibraryOption = None, config: ConfigOption = None, base: BaseOption = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 is all of them.")] = 0,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """What changed between two versions on the same rows, side by side."""
    from livehost.training.report import report as compared

    place = _place(library, config)
    before, after = place.find(old), place.find(new)
    with _refusals():
        changed = compared(
            before.folder, after.folder, data, base=place.base(after.kind, base),
            catalog=_catalog(place.settings), manner=_manner(place.settings, after.persona),
            threads=threads, say=_progress,
        )  # fmt: skip
    typer.echo(changed.model_dump_json(indent=1) if as_json else changed.markdown().rstrip())


@app.command()
def promote(
    name: Id,
    library: LibraryOption = None, config: ConfigOption = None, base: BaseOption = None, by: ByOption = "",
    without_evaluation: Annotated[
        str, typer.Option(metavar="REASON", help="Ask for no evaluation; the reason is kept.")
    ] = "",
) -> None:  # fmt: skip
    """Make a version the one that is worn; a running service changes to it within seconds."""
    from livehost.promotion import promote as promoted

    place = _place(library, config)
    shelved = place.find(name)
    with _refusals():
        promotion = promoted(
            place.library, shelved, by=by or _me(), verify=lambda one: place.verify(one, base),
            without_evaluation=without_evaluation.strip(), options=place.options,
        )  # fmt: skip
    before = promotion.before[-1] if promotion.before else "—"
    typer.echo(
        f"{shelved.persona}.{shelved.kind} 的正式版是 {promotion.version}，之前是 {before} / "
        f"promoted: {shelved.id}, before: {before}"
    )


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(metavar="PERSONA.KIND", help="<persona>.<language|visual>")],
    library: LibraryOption = None, config: ConfigOption = None, base: BaseOption = None, by: ByOption = "",
) -> None:  # fmt: skip
    """Go back to the version that was promoted before; a running service changes within seconds."""
    from livehost.promotion import rollback as rolled_back

    place = _place(library, config)
    persona, kind, _ = _parts(f"{name}.x" if name.count(".") == 1 else name)
    with _refusals():
        done = rolled_back(
            place.library, persona, kind, by=by or _me(), verify=lambda one: place.verify(one, base)
        )
    for version, why in done.passed_over.items():
        typer.echo(f"跳过 / passed over {adapter_id(persona, kind, version)}: {'; '.join(why)}", err=True)
    version = done.promotion.version
    typer.echo(f"{persona}.{kind} 回到版本 {version} / rolled back to {adapter_id(persona, kind, version)}")


@app.command()
def retire(
    name: Id,
    library: LibraryOption = None, config: ConfigOption = None, by: ByOption = "",
    why: Annotated[str, typer.Option(help="Why; it is kept.")] = "",
) -> None:  # fmt: skip
    """Take a version out of use: it is marked, not deleted. Not the promoted one, nor one --config names."""
    from livehost.promotion import named_in
    from livehost.promotion import retire as retired

    place = _place(library, config)
    shelved = place.find(name)
    used = named_in(place.settings) if place.settings is not None else {}
    with _refusals():
        retirement = retired(place.library, shelved, by=by or _me(), why=why, used=used)
    typer.echo(f"{shelved.id} 已停用（{retirement.by}）/ is retired; its files stay where they are")


def _row(place: Place, shelved: Shelved) -> dict[str, Any]:
    """What `list` tells of one adapter."""
    from livehost.promoted import PointerUnreadable
    from livehost.promotion import evaluated

    problems = list(shelved.problems(place.today))
    card = shelved.card
    promotion = None
    try:
        promotion = place.library.promotion(shelved.persona, shelved.kind)
    except PointerUnreadable as error:
        problems.append(str(error))
    evaluation, stale = evaluated(shelved)
    consent = card.consent if card is not None else None
    weights = shelved.folder / "adapter.safetensors"
    return {
        "id": shelved.id, "persona": shelved.persona, "kind": shelved.kind, "version": shelved.version,
        "promoted": promotion is not None and promotion.version == shelved.version,
        "retired": bool(shelved.retired), "parent": card.parent if card is not None else None,
        "consent": {
            "state": shelved.consent(place.today).value,
            "valid_until": consent.valid_until.isoformat() if consent is not None else None,
        },
        "evaluation": None if evaluation is None else {
            "measures": evaluation.measures, "rows": len(evaluation.rows), "data": evaluation.data,
            "data_sha256": evaluation.data_sha256, "at": evaluation.at.isoformat(), "stale": stale,
        },
        "bytes": weights.stat().st_size if weights.is_file() else None, "problems": problems,
    }  # fmt: skip


CONSENT = {
    "valid": "有效 valid", "expiring": "快到期 expiring", "expired": "到期 expired",
    "refused": "不覆盖 refused", "missing": "没有 missing",
}  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="")
    for head in (
        "适配器 adapter",
        "状态 state",
        "上一版 parent",
        "授权 consent",
        "评估 evaluation",
        "大小 size",
    ):
        table.add_column(head, justify="right" if head.startswith("大小") else "left", no_wrap=True)
    for row in rows:
        state = "正式 promoted" if row["promoted"] else "停用 retired" if row["retired"] else ""
        if row["problems"] and not row["retired"]:
            state = f"{state} 不能用 unusable".strip()
        until = row["consent"]["valid_until"]
        consent = f"{CONSENT[row['consent']['state']]}{f' → {until}' if until else ''}"
        size = f"{row['bytes'] / 1e6:.2f} MB" if row["bytes"] is not None else "—"
        table.add_row(row["id"], state, row["parent"] or "—", consent, _told(row["evaluation"]), size)
    console = Console(file=sys.stdout, width=220, highlight=False, markup=False, color_system=None)
    with console.capture() as capture:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
    for row in rows:
        for problem in row["problems"]:
            typer.echo(f"{row['id']}: {problem}", err=True)


def _told(evaluation: dict[str, Any] | None) -> str:
    """An evaluation in a few words: its first measures and how many rows they are of."""
    if evaluation is None:
        return "—"
    if evaluation["stale"]:
        return "过期 stale"
    measures = " ".join(f"{name} {value:.3g}" for name, value in list(evaluation["measures"].items())[:3])
    return f"{measures} ({evaluation['rows']})"


def _place(library: Path | None, config: Path | None) -> Place:
    settings = None
    if config is not None:
        from livehost.check import SettingsProblems, read_settings

        try:
            settings = read_settings(config, review=False)
        except SettingsProblems as found:
            _fail(*map(str, found.problems))
    folder = library or (settings.adapters if settings is not None else NEXT_TO)
    if folder is None or not folder.is_dir():
        _fail(
            f"没有适配器库 {folder or ''}，用 --library 或 --config 指明 / there is no adapter library at "
            f"{folder or 'any place'}; name one with --library or --config"
        )
    named = (("--library", library), ("--config", config))
    options = " ".join(f"{option} {path}" for option, path in named if path is not None)
    return Place(Library(folder), settings, options)


def _parts(name: str) -> tuple[str, Kind, str]:
    """Persona, kind and version of an id; a path (`tang/language/2`) is taken too."""
    persona, _, rest = name.strip("/").replace("/", ".").partition(".")
    kind, _, version = rest.partition(".")
    if not (PERSONA.fullmatch(persona) and kind in KINDS and VERSION.fullmatch(version)):
        kinds = "|".join(get_args(Kind))
        _fail(f"{name} 不是适配器的名字 / is no adapter's name; write <persona>.<{kinds}>.<version>")
    return persona, "language" if kind == "language" else "visual", version


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _catalog(settings: Settings | None) -> Catalog | None:
    from livehost.catalog import Catalog

    return Catalog.load(settings.catalog) if settings is not None else None


def _manner(settings: Settings | None, persona: str) -> tuple[str, ...]:
    found = next((one for one in settings.personas if one.id == persona), None) if settings else None
    return found.own_words if found is not None else ()


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return "unknown"


@contextmanager
def _refusals() -> Iterator[None]:
    """End the command with every reason for which something is refused."""
    from livehost.catalog import CatalogProblems
    from livehost.promotion import PromotionRefused
    from livehost.training.evaluation import EvaluationFailed

    try:
        yield
    except (PromotionRefused, EvaluationFailed) as refused:
        _fail(*refused.problems)
    except CatalogProblems as error:
        _fail(str(error))


def _fail(*messages: str) -> NoReturn:
    for message in messages:
        typer.echo(message, err=True)
    raise typer.Exit(1)
