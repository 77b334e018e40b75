"""From the journal to the next data set: what was heard and held good, without personal data.

    <out>/samples.jsonl      to train on (services.training.samples)
    <out>/held.jsonl         to judge by: questions that are never trained on
    <out>/hot_words.json     what viewers say that the last set did not know
    <out>/unanswered.jsonl   what was asked in vain, for the operator to add to the catalogue
    <out>/report.md, report.json

The journal is only read, file by file, in a memory that does not grow with it. A question falls to one
side by a hash of its normal form, so that it stays there in every later export; what an earlier export
held out stays held out, whatever share is asked for.

ExportFailed   nothing was written; the message says why and what to do
"""

from __future__ import annotations

import heapq
import json
import os
import shutil
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import IO, Any

from livehost.catalog import TZ_CHINA, Catalog
from livehost.secret_values import secret_values
from livehost.training.export_folder import FILES, ExportFailed, check, failed, put_in_place, restore
from livehost.training.export_report import ExportReport
from livehost.training.export_rows import Candidate, Sieve, asks_still
from livehost.training.export_sides import (
    HELD_LEAST_OF,
    HELD_SHARE,
    held_out,
    sides_before,
    topped_up,
    words_before,
)
from livehost.training.hot_words import HotWords, Unanswered
from livehost.training.journal_rows import (
    Correction,
    File,
    People,
    Said,
    Span,
    Unsaid,
    journal_files,
    people,
    rows,
)
from livehost.training.privacy import Privacy, catalog_words
from livehost.training.viewer_names import ViewerNames
from services.training.samples import sample_row

__all__ = ["ExportFailed", "export", "export_journal"]

PLAIN_SHARE = 0.2  # of all: those in the plain words themselves
SCRIPT_FLOOR = 20  # script lines that are kept however few answers there are; else as many as answers
_SPOOL = ".candidates.jsonl"
_TAUGHT = (
    "answer",
    "script",
)  # the kinds of lines that are looked at; greetings and the like are the settings'


def export(
    journal: Path,
    *,
    out: Path,
    rooms: Iterable[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    persona: str | None = None,
    held_share: float | None = None,
    catalog: Catalog | None = None,
    own_words: Iterable[str] = (),
    secrets: Iterable[str] = (),
    earlier: Path | None = None,
    now: datetime | None = None,
) -> ExportReport:
    """Write a data set from the journal's folder into `out`, which is new, empty or an earlier export.

    Args:
        rooms: only these; None is all.
        since, until: instants; a line counts when its first phrase does. `until` itself is not in.
        persona: whose lines; None where the journal has one persona only.
        held_share: of the questions, those that are held out (0 to 0.5). None: `HELD_SHARE`, and of
            `HELD_LEAST_OF` answers or more at least `HELD_LEAST`.
        own_words: the persona's addresses, openers and closers: never a viewer's name.
        secrets: what is removed wherever it occurs.
        earlier: an earlier export; its held-out questions stay so, its words are known. `out` if None.

    Raises:
        ExportFailed: the journal cannot be read, or `out` cannot be written.
    """
    begun = time.monotonic()
    restore(out)
    check(journal, out, HELD_SHARE if held_share is None else held_share)
    files = _files(journal, rooms, since)
    before = earlier if earlier is not None else out
    known = catalog_words(catalog) if catalog is not None else frozenset[str]()
    own = tuple(own_words)
    met = _people(files)
    names = ViewerNames(met.names, ordinary_in=" ".join((*known, *own)))
    privacy = Privacy(keep=(*known, *own), secrets=secrets, viewers=names)
    report = ExportReport(
        out=out, rooms=tuple(dict.fromkeys(file.room for file in files)), span=_span(since, until)
    )
    work = _Export(
        Sieve(privacy, met, catalog=catalog, now=now or datetime.now(UTC), own_words=own),
        HotWords((*known, *words_before(before))),
        persona,
        report,
    )
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        with (part / _SPOOL).open("w+", encoding="utf-8") as spool:
            work.read(files, Span(since, until), spool)
            work.write(part, spool, held_share, *sides_before(before))
        (part / _SPOOL).unlink()
        report.seconds = time.monotonic() - begun
        (part / "report.md").write_text(report.text(), encoding="utf-8")
        _write_json(part / "report.json", report.as_dict())
        put_in_place(part, out)
    except OSError as error:
        raise failed(error, out) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return report


def export_journal(
    config: Path | None,
    *,
    journal: Path | None,
    room: str | None,
    since: date | None,
    until: date | None,
    persona: str | None,
    out: Path,
    held_share: float | None = None,
    earlier: Path | None = None,
) -> ExportReport:
    """`livehost export`: the journal of a configuration, or a journal's folder by itself.

    Days are whole days of the room's time zone, `until` included. With a configuration its catalogue,
    personas and secrets are known, and the journal is where its `state_dir` says.

    Raises:
        ExportFailed: and SettingsProblems or CatalogProblems where the configuration is wrong.
    """
    if config is None and journal is None:
        raise ExportFailed("给出 --config，或用 --journal 指明播出记录的文件夹 / name --config, or --journal")
    zone: tzinfo = TZ_CHINA
    known: dict[str, Any] = {}
    if config is not None:
        from zoneinfo import ZoneInfo

        from livehost.check import read_settings
        from livehost.runtime import Places

        settings = read_settings(config, review=False)
        journal = journal or Places(settings.state_dir).journal
        _check_named("直播间 / room", room, [one.id for one in settings.rooms])
        _check_named("主播 / persona", persona, [one.id for one in settings.personas])
        zone = ZoneInfo((settings.room(room) if room else settings.rooms[0]).zone)
        styles = [one.style for one in settings.personas if persona in (None, one.id)]
        known = {
            "catalog": Catalog.load(settings.catalog),
            "own_words": [w for s in styles for w in (s.self_name, *s.address, *s.openers, *s.closers)],
            "secrets": tuple(secret_values(settings)),
        }
    assert journal is not None
    if since is not None and until is not None and until < since:
        raise ExportFailed(f"--until {until} 早于 --since {since} / --until is before --since")
    return export(
        journal, out=out, rooms=[room] if room else None,
        since=_midnight(since, zone), until=_midnight(until + timedelta(days=1) if until else None, zone),
        persona=persona, held_share=held_share, earlier=earlier, **known,
    )  # fmt: skip


class _Export:
    """One export: what was read goes to a spool on disk, what is chosen from there to its files."""

    def __init__(self, sieve: Sieve, hot: HotWords, persona: str | None, report: ExportReport) -> None:
        self._sieve = sieve
        self._hot = hot
        self._unanswered = Unanswered()
        self._persona = persona
        self._personas: dict[str, None] = {}
        self._report = report
        self._kinds: dict[str, int] = {}
        self._ranks: dict[str, list[int]] = {"plain": [], "script": []}

    def read(self, files: Iterable[File], span: Span, spool: IO[str]) -> None:
        """Read all files once; every candidate goes to the spool."""
        for file in files:
            for row in rows(file, span, self._report.seen):
                found = self._row(row)
                if found is not None:
                    self._spool(found, spool)
        if self._persona is None and len(self._personas) > 1:
            raise ExportFailed(
                f"记录里有几位主播（{'、'.join(self._personas)}），用 --persona 选一位 / "
                "the journal has several personas; name one with --persona"
            )
        for found in self._sieve.corrections(self._persona):
            self._spool(found, spool)
        self._report.persona = self._persona or next(iter(self._personas), "")

    def _row(self, row: Said | Correction | Unsaid) -> Candidate | None:
        if isinstance(row, Correction):
            self._sieve.correct(row)
            return None
        if isinstance(row, Unsaid):
            self._asked(row.text, row.user, product="", state=row.state)
            return None
        if row.kind not in _TAUGHT:
            return None
        if row.kind == "answer":
            state = "handed_over" if row.act == "handover" else ""
            self._asked(row.asked, row.user, product=row.product or "", state=state)
        if self._persona not in (None, row.persona):
            self._report.left_out["other_persona"] += 1
            return None
        self._personas[row.persona] = None
        return self._sieve.line(row)

    def _asked(self, text: str, user: str, *, product: str, state: str) -> None:
        """What viewers say, for the hot words; what got no answer, for the operator."""
        cut = self._sieve.cut_quietly(text)
        if not asks_still(cut):
            return
        self._hot.add(cut.text, user)
        if state and (state != "ignored" or self._sieve.looks_asked(cut.text)):
            self._unanswered.add(cut.text, user, product=product, state=state)

    def _answers(self) -> int:
        return self._kinds.get("answer", 0) + self._kinds.get("correction", 0)

    def _spool(self, found: Candidate, spool: IO[str]) -> None:
        self._kinds[found.kind] = self._kinds.get(found.kind, 0) + 1
        if found.kind in self._ranks:
            self._ranks[found.kind].append(found.rank)
        row = {"kind": found.kind, "group": found.group, "rank": found.rank, "row": sample_row(found.sample)}
        spool.write(json.dumps(row, ensure_ascii=False) + "\n")

    def write(
        self,
        part: Path,
        spool: IO[str],
        held_share: float | None,
        held_before: frozenset[str],
        trained_before: frozenset[str],
    ) -> None:
        """Choose from the spool, and write every file but the report."""
        share = HELD_SHARE if held_share is None else held_share
        if held_share is None and self._answers() >= HELD_LEAST_OF:
            held_before |= topped_up(spool, share, held_before, trained_before)
        report = self._report
        answers = self._answers()
        script = min(self._kinds.get("script", 0), max(SCRIPT_FLOOR, answers))
        most = {"plain": int((answers + script) * PLAIN_SHARE / (1 - PLAIN_SHARE)), "script": script}
        last = {kind: _rank_at(ranks, most[kind]) for kind, ranks in self._ranks.items()}
        reasons = {"plain": "plain", "script": "script_cap"}
        report.left_out.update(self._sieve.left_out)
        report.personal.update(self._sieve.personal)
        groups: set[int] = set()
        spool.seek(0)
        with (
            (part / FILES[0]).open("w", encoding="utf-8") as train,
            (part / FILES[1]).open("w", encoding="utf-8") as held,
        ):
            for line in spool:
                found = json.loads(line)
                kind = found["kind"]
                if kind in last and found["rank"] > last[kind]:
                    report.left_out[reasons[kind]] += 1
                    continue
                is_held = found["group"] in held_before or held_out(found["group"], share)
                counts, file = (report.held, held) if is_held else (report.train, train)
                counts[found["row"]["kind"] if kind == "plain" else kind] += 1
                if is_held:
                    groups.add(hash(found["group"]))
                file.write(json.dumps(found["row"], ensure_ascii=False) + "\n")
        report.questions_held = len(groups)
        hot = self._hot.rows()
        report.hot_words = len(hot)
        _write_json(part / FILES[2], hot)
        with (part / FILES[3]).open("w", encoding="utf-8") as file:
            for row in self._unanswered.rows():
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                report.unanswered += 1


def _rank_at(ranks: list[int], most: int) -> int:
    """The last rank of those that are kept; -1 keeps none."""
    return heapq.nsmallest(most, ranks)[-1] if most and ranks else -1


def _people(files: list[File]) -> People:
    try:
        return people(files)
    except OSError as error:
        raise failed(error, files[0].path.parent) from error


def _files(journal: Path, rooms: Iterable[str] | None, since: datetime | None) -> list[File]:
    wanted = None if rooms is None else list(rooms)
    there = sorted(path.name for path in journal.iterdir() if path.is_dir())
    for room in wanted or ():
        _check_named("直播间 / room", room, there)
    files = journal_files(journal, wanted, since)
    if not files:
        raise ExportFailed(f"{journal} 里没有这段时间的播出记录 / holds no sessions of that span")
    return files


def _check_named(what: str, name: str | None, known: list[str]) -> None:
    if name is not None and name not in known:
        raise ExportFailed(f"没有 {what} {name!r}；有 / there are: {', '.join(known) or '-'}")


def _midnight(day: date | None, zone: tzinfo) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=zone)


def _span(since: datetime | None, until: datetime | None) -> str:
    return (
        f"{since.isoformat() if since else ''} … {until.isoformat() if until else ''}"
        if since or until
        else ""
    )


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
