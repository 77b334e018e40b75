"""The operators' question-and-answer book (互动问答库): kept in the store, reviewed when saved, read live.

Every room answers from the same book. What is saved counts for the next question; what another process
saved is seen within `FOLLOW_S`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from livehost import faq_sheet
from livehost.answers import Fact
from livehost.answers.faq_book import SHOP, BookEntry, FaqBook, scope_parts, stands
from livehost.catalog import Catalog
from livehost.faq_asked import Kept, as_asked
from livehost.faq_review import EntryReview, EntryWritten, Finding, reviewed_entry
from livehost.refused import Refused
from livehost.store.protocol import FaqEntry, NotStored, Question, Store, StoreError

log = structlog.get_logger(__name__)

FOLLOW_S = 3.0
MAX_ENTRIES = 3000
_WRITTEN = tuple(EntryWritten.model_fields)


@dataclass(frozen=True)
class PastedRow:
    """What became, or would become, of a pasted row."""

    line: int
    entry: EntryWritten | None
    verdict: str
    findings: tuple[Finding, ...] = ()
    id: str = ""
    saved: bool = False
    rests: tuple[tuple[Fact, ...], ...] = ()

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "line": self.line, "verdict": self.verdict, "saved": self.saved, "id": self.id or None,
            "entry": self.entry.model_dump(mode="json") if self.entry else None,
            "errors": [one.shown() for one in self.findings],
        }  # fmt: skip


class FaqDesk:
    """Reads and writes the book. `catalogs` are those that the rooms sell from now."""

    def __init__(
        self,
        store: Store,
        *,
        catalogs: Callable[[], Sequence[Catalog]],
        personas: Sequence[str],
        changed: Callable[[str], None] = lambda entry_id: None,
    ) -> None:
        self._store = store
        self._catalogs = catalogs
        self._personas = frozenset(personas)
        self._changed = changed
        self._entries: tuple[BookEntry, ...] = ()
        self._stamps: tuple[tuple[str, int], ...] = ()
        self._kept = Kept()

    def book(self) -> FaqBook:
        """The book for one room, always as it is now."""
        return FaqBook(lambda: self._entries)

    def stands(self, facts: Iterable[Fact]) -> bool:
        """Whether what was said from the book may still be said so."""
        return stands(self._entries, facts)

    def kept(self, question: Question) -> bool:
        """Whether an entry was made of a viewer's question, so that it needs no person any more."""
        return self._kept.holds(question)

    async def load(self) -> None:
        """Read the book from the store; raises StoreError."""
        stored = await self._store.faq_entries()
        known = {(one.id, one.version): one for one in self._entries}
        stamps = tuple((one.id, one.version) for one in stored)
        if stamps != self._stamps:
            self._entries = await asyncio.to_thread(_all_booked, stored, known)
            self._stamps = stamps
            self._kept = Kept(stored)

    async def follow(self) -> None:
        """For ever: see what another process saved. While the store is away the book stays as it was."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            try:
                await self.load()
            except StoreError as error:
                log.warning("the book cannot be read; it stays as it was", error=str(error))

    async def all(self, *, containing: str = "", scope: str = "") -> list[FaqEntry]:
        """The entries, oldest first; those of a scope and with a text in any of their words."""
        wanted = containing.strip().lower()
        return [
            one
            for one in await self._store.faq_entries()
            if (not scope or one.values.get("scope") == scope) and (not wanted or wanted in _text(one))
        ]

    async def one(self, entry_id: str) -> FaqEntry:
        """One entry; raises NotStored."""
        for found in await self._store.faq_entries():
            if found.id == entry_id:
                return found
        raise NotStored(entry_id)

    async def add(self, written: EntryWritten, *, by: str, now: datetime, confirmed: bool) -> FaqEntry:
        """Save a new entry; raises Refused with each span and rule where it may not be said.

        One that is found by the same words in the same scope as another is refused, with that one's id.
        """
        stored = await self._store.faq_entries()
        _unlike(stored, written)
        if len(stored) >= MAX_ENTRIES:
            raise Refused(
                f"问答库最多 {MAX_ENTRIES} 条 / the book holds {MAX_ENTRIES} entries at most",
                "先删掉不用的 / delete what is not used",
                422,
            )
        return await self._put(_new_id(), written, None, by=by, now=now, confirmed=confirmed)

    async def put(
        self, entry_id: str, written: EntryWritten, version: int | None, *, by: str, now: datetime, confirmed: bool
    ) -> FaqEntry:  # fmt: skip
        """Replace an entry; raises Refused, NotStored or VersionConflict."""
        stored = await self._store.faq_entries()
        if all(one.id != entry_id for one in stored):
            raise NotStored(entry_id)
        _unlike([one for one in stored if one.id != entry_id], written)
        return await self._put(entry_id, written, version, by=by, now=now, confirmed=confirmed)

    async def delete(self, entry_id: str, version: int | None) -> None:
        """Take an entry out; raises NotStored or VersionConflict."""
        await self._store.delete_faq_entry(entry_id, version)
        await self._reload(entry_id)

    def review(self, written: EntryWritten, now: datetime) -> EntryReview:
        """What the rules and the catalogue say to an entry."""
        found = reviewed_entry(written, self._catalogs(), now)
        kind, name = scope_parts(written.scope)
        if kind == "persona" and name not in self._personas:
            unknown = Finding(
                "scope", (0, len(written.scope)), name, "scope", "没有这个主播 / no such persona", "block"
            )
            found = EntryReview((unknown, *found.findings), found.rests)
        return found

    async def paste(
        self, text: str, *, scope: str, by: str, now: datetime, save: bool, confirmed: bool
    ) -> list[PastedRow]:
        """Read pasted rows and say what may be saved; with `save`, save it, all of it or none.

        What is blocked is never saved; what needs a person's eye only when `confirmed`. A row with the id
        of an entry replaces it.
        """
        stored = {one.id: one for one in await self._store.faq_entries()}
        seen = {_key(one.values): one.id for one in stored.values()}
        taken: set[str] = set()
        rows = []
        for raw in faq_sheet.read(text):
            row = await asyncio.to_thread(self._row, raw, scope, now)
            if row.entry is not None:
                key = _key(row.entry.model_dump(mode="json"))
                named = str(raw.fields.get("id", ""))
                entry_id = named if named in stored else _new_id()
                if named and named in taken:
                    row = _unread(
                        raw.line,
                        f"编号 {named} 在上面已有一行 / a row above has the id {named} already",
                        "id",
                    )
                elif seen.get(key, entry_id) != entry_id:
                    row = _unread(raw.line, "已有同样的一条 / the same entry is there already")
                else:
                    seen[key] = entry_id
                    taken.add(named)
                    row = PastedRow(row.line, row.entry, row.verdict, row.findings, entry_id, rests=row.rests)
            rows.append(row)
        if not save:
            return rows
        wanted = {row.id for row in rows if row.verdict == "pass" or (row.verdict == "review" and confirmed)}
        if len(stored.keys() | wanted) > MAX_ENTRIES:
            raise Refused(
                f"问答库最多 {MAX_ENTRIES} 条 / the book holds {MAX_ENTRIES} entries at most",
                "分批粘贴，或先删掉不用的 / paste less, or delete what is not used",
                422,
            )
        values = {
            row.id: _values(row.entry, row.rests, by, now) for row in rows if row.entry and row.id in wanted
        }
        if values:
            await self._store.put_faq_entries(values)
            await self._reload(*values)
        return [
            PastedRow(row.line, row.entry, row.verdict, row.findings, row.id, row.id in values) for row in rows
        ]  # fmt: skip

    async def from_question(
        self, room: str, question_id: str, answers: Sequence[str], scope: str, *, by: str, now: datetime, confirmed: bool
    ) -> FaqEntry:  # fmt: skip
        """Make a viewer's question an entry; raises NotStored or Refused."""
        question = await self._store.question(room, question_id)
        if question is None:
            raise NotStored(question_id)
        try:
            written = EntryWritten(questions=(as_asked(question.text),), answers=tuple(answers), scope=scope)
        except ValidationError as error:
            raise Refused(
                f"这个问题写不成一条（{_said(error)}）/ it makes no entry",
                "自己写一条 / write an entry instead",
                422,
            ) from error
        return await self.add(written, by=by, now=now, confirmed=confirmed)

    def _row(self, raw: faq_sheet.Row, scope: str, now: datetime) -> PastedRow:
        if raw.problem:
            return _unread(raw.line, raw.problem)
        try:
            entry = EntryWritten.model_validate(
                {"scope": scope, **{k: v for k, v in raw.fields.items() if k != "id"}}
            )
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            return _unread(raw.line, f"{where}: {_said(error)}", where)
        found = self.review(entry, now)
        return PastedRow(raw.line, entry, found.verdict, found.findings, rests=found.rests)

    async def _put(
        self, entry_id: str, written: EntryWritten, version: int | None, *, by: str, now: datetime, confirmed: bool
    ) -> FaqEntry:  # fmt: skip
        found = await asyncio.to_thread(self.review, written, now)
        _allow(found, confirmed=confirmed)
        saved = await self._store.put_faq_entry(entry_id, _values(written, found.rests, by, now), version)
        await self._reload(entry_id)
        return saved

    async def _reload(self, *entry_ids: str) -> None:
        await self.load()
        for entry_id in entry_ids:
            self._changed(entry_id)


def _said(error: ValidationError) -> str:
    """What is wrong first, in the words of the entry's own checks."""
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")


def read_book(text: str, catalog: Catalog, now: datetime) -> FaqBook:
    """A book from a pasted text or a table, for `livehost ask --faq`; raises ValueError with all that is wrong.

    What needs confirming is taken as confirmed: whoever names the file approves it.
    """
    entries, wrong = [], []
    for number, raw in enumerate(faq_sheet.read(text), 1):
        if raw.problem:
            wrong.append(f"line {raw.line}: {raw.problem}")
            continue
        try:
            written = EntryWritten.model_validate({k: v for k, v in raw.fields.items() if k != "id"})
        except ValidationError as error:
            wrong.append(f"line {raw.line}: {_said(error)}")
            continue
        found = reviewed_entry(written, (catalog,), now)
        wrong += [
            f"line {raw.line}: {one.words} ({one.message})"
            for one in found.findings
            if one.verdict == "block"
        ]
        entries.append(_entry(str(raw.fields.get("id") or number), written, found.rests, 0))
    if wrong:
        raise ValueError("\n".join(wrong))
    kept = tuple(entries)
    return FaqBook(lambda: kept)


def shown(entry: FaqEntry) -> dict[str, Any]:
    """An entry as the API shows it."""
    values = {name: entry.values.get(name) for name in (*_WRITTEN, "updated_by", "at")}
    return {"id": entry.id, **values, "version": entry.version}


def _allow(found: EntryReview, *, confirmed: bool) -> None:
    """Raise Refused for what may not be saved, or not yet."""
    if found.verdict == "pass" or (found.verdict == "review" and confirmed):
        return
    blocked = found.verdict == "block"
    named = "；".join(
        dict.fromkeys(
            f"{one.words}（{one.message}）"
            for one in found.findings
            if not blocked or one.verdict == "block"
        )
    )  # fmt: skip
    errors = [one.shown() for one in found.findings]
    if blocked:
        raise Refused(
            f"没有过审：{named} / the review blocks this",
            "请改写后再保存 / reword it and save again",
            422,
            {"errors": errors},
        )
    raise Refused(
        f"请再确认：{named} / please confirm",
        "确认无误就带上 confirmed 再存一次 / send it again with confirmed",
        409,
        {"confirm": True, "errors": errors},
    )


def _values(
    entry: EntryWritten | None, rests: Sequence[Sequence[Fact]], by: str, now: datetime
) -> dict[str, Any]:
    assert entry is not None
    return {
        **entry.model_dump(mode="json"),
        "rests": [[[f.product, f.field, f.value] for f in facts] for facts in rests],
        "updated_by": by,
        "at": now.isoformat(timespec="seconds"),
    }


def _all_booked(
    stored: Sequence[FaqEntry], known: Mapping[tuple[str, int], BookEntry]
) -> tuple[BookEntry, ...]:
    """The stored entries, made ready to be compared with a line; those known already are taken over."""
    entries = []
    for one in stored:
        entry = known.get((one.id, one.version)) or _booked(one)
        if entry is not None:
            entry.make_ready()
            entries.append(entry)
    return tuple(entries)


def _booked(stored: FaqEntry) -> BookEntry | None:
    """A stored entry as the book uses it; None (and a warning) where another version wrote it otherwise."""
    try:
        written = EntryWritten.model_validate({k: v for k, v in stored.values.items() if k in _WRITTEN})
        rests = tuple(
            tuple(Fact(product, name, value) for product, name, value in facts)
            for facts in stored.values.get("rests", ())
        )
    except (ValidationError, ValueError, TypeError) as error:
        log.warning("an entry of the book cannot be read and is left out", entry=stored.id, error=str(error))
        return None
    return _entry(stored.id, written, rests, stored.version)


def _entry(
    entry_id: str, written: EntryWritten, rests: tuple[tuple[Fact, ...], ...], version: int
) -> BookEntry:
    return BookEntry(
        id=entry_id, keywords=written.keywords, questions=written.questions, answers=written.answers,
        scope=written.scope, cool_down_s=written.cool_down_s, enabled=written.enabled, rests=rests,
        version=version,
    )  # fmt: skip


def _unread(line: int, why: str, at: str = "row") -> PastedRow:
    return PastedRow(line, None, "block", (Finding(at, (0, 0), "", "row", why, "block"),))


def _key(values: Mapping[str, Any]) -> tuple[str, str, str]:
    """What makes two entries the same: what they are found by, and where."""
    groups = sorted("+".join(sorted(group)) for group in values.get("keywords") or ())
    return ("、".join(groups), "|".join(sorted(values.get("questions") or ())), values.get("scope") or SHOP)


def _unlike(stored: Iterable[FaqEntry], written: EntryWritten) -> None:
    """Raise Refused where an entry is found by the same words in the same scope."""
    key = _key(written.model_dump(mode="json"))
    same = next((one for one in stored if _key(one.values) == key), None)
    if same is not None:
        why = "问答库里已有同样的一条 / the same entry is there already"
        raise Refused(why, "改那一条 / change that one", details={"entry": same.id})


def _text(entry: FaqEntry) -> str:
    values = entry.values
    words = [word for group in values.get("keywords") or () for word in group]
    return "\n".join((*words, *(values.get("questions") or ()), *(values.get("answers") or ()))).lower()


def _new_id() -> str:
    return f"faq-{uuid.uuid4().hex[:10]}"
