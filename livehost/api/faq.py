"""The operators' own questions and answers (互动问答库): list, edit, paste, export, and from a question."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field

from livehost import faq_sheet
from livehost.answers.faq_book import SHOP
from livehost.api.auth import Operator, Viewer
from livehost.api.ground import Body, IfMatch, Page, TheHouse, etag, new_router, page_of
from livehost.api.problems import ProblemError
from livehost.faq_desk import shown
from livehost.faq_review import EntryWritten, Scope, Words
from livehost.store.protocol import FaqEntry, NotStored

router = new_router("faq")

MAX_PASTE = 200_000


class EntryAsked(EntryWritten):
    """An entry to save. `confirmed`: what the review leaves to a person has been looked at."""

    confirmed: bool = False

    def written(self) -> EntryWritten:
        """The entry itself."""
        return EntryWritten.model_validate(self.model_dump(exclude={"confirmed"}))


class Pasted(Body):
    """Rows as in `livehost.faq_sheet`: `关键词1、关键词2 => 回答1 | 回答2`, CSV, or cells of a spreadsheet."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_PASTE)]
    scope: Scope = SHOP
    save: Annotated[bool, Field(description="false: only say what would be saved, and why not")] = False
    confirmed: bool = False


class Answered(Body):
    """The answers that a viewer's question gets from now on."""

    answers: Annotated[tuple[Words, ...], Field(min_length=1, max_length=10)]
    scope: Scope = SHOP
    confirmed: bool = False


@router.get("/faq", summary="The operators' own answers")
async def list_entries(
    house: TheHouse,
    _: Viewer,
    page: Page,
    q: Annotated[str, Query(max_length=100, description="Only those with this text in them")] = "",
    scope: Annotated[str, Query(max_length=120, description="Only those of this scope")] = "",
) -> dict[str, Any]:
    """In the order they were added; each with the version that an edit names."""
    items, following = page_of(await house.faq.all(containing=q, scope=scope), page, lambda one: one.id)
    return {"items": [shown(one) for one in items], "next": following}


@router.post("/faq", status_code=201, summary="Add an answer")
async def add_entry(house: TheHouse, who: Operator, asked: EntryAsked, response: Response) -> dict[str, Any]:
    """The next question is answered with it. Refused with each stretch and rule where it may not be said."""
    added = await house.faq.add(asked.written(), by=who.name, now=_now(), confirmed=asked.confirmed)
    return _added(added, response)


@router.post("/faq/paste", summary="Add many at once, or see which would be refused")
async def paste(house: TheHouse, who: Operator, asked: Pasted) -> dict[str, Any]:
    """Rows that are blocked are never saved; those under review only when `confirmed`."""
    rows = await house.faq.paste(
        asked.text, scope=asked.scope, by=who.name, now=_now(), save=asked.save, confirmed=asked.confirmed
    )
    return {"rows": [row.shown() for row in rows], "saved": sum(row.saved for row in rows)}


@router.get(
    "/faq/export",
    summary="All answers as a table",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}, "text/tab-separated-values": {}}}},
)
async def export(
    house: TheHouse, _: Viewer, form: Annotated[Literal["csv", "tsv"], Query(alias="format")] = "csv"
) -> Response:
    """With headings, and as `POST /v1/faq/paste` takes it again."""
    entries = ({"id": one.id, **one.values} for one in await house.faq.all())
    content = faq_sheet.write(entries, delimiter="\t" if form == "tsv" else ",")
    kind = "text/tab-separated-values" if form == "tsv" else "text/csv"
    return Response(
        content.encode("utf-8", "replace"),
        media_type=f"{kind}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="faq.{form}"'},
    )


@router.post("/faq/from-question/{room}/{question}", status_code=201, summary="Make a question an answer")
async def from_question(
    house: TheHouse, who: Operator, room: str, question: str, asked: Answered, response: Response
) -> dict[str, Any]:
    """Whoever asks the like from now on is answered so; the viewer's name is not kept.

    409 with the id of the `entry` where the same question has one already in that scope.
    """
    if room not in house.rooms:
        raise ProblemError("unknown_room", room=room)
    try:
        added = await house.faq.from_question(
            room, question, asked.answers, asked.scope, by=who.name, now=_now(), confirmed=asked.confirmed
        )
    except NotStored as error:
        raise ProblemError("unknown_thing", what="question", id=question) from error
    return _added(added, response)


@router.get("/faq/{entry}", summary="One answer")
async def get_entry(house: TheHouse, _: Viewer, entry: str, response: Response) -> dict[str, Any]:
    """Its ETag is what an edit names in If-Match."""
    found = await _found(house, entry)
    response.headers["etag"] = etag(found.version)
    return shown(found)


@router.put("/faq/{entry}", summary="Change an answer")
async def put_entry(
    house: TheHouse, who: Operator, entry: str, asked: EntryAsked, version: IfMatch, response: Response
) -> dict[str, Any]:
    """Takes the whole entry; what was prepared with the old words is written anew."""
    try:
        changed = await house.faq.put(
            entry, asked.written(), version, by=who.name, now=_now(), confirmed=asked.confirmed
        )
    except NotStored as error:
        raise _unknown(entry) from error
    response.headers["etag"] = etag(changed.version)
    return shown(changed)


@router.delete("/faq/{entry}", status_code=204, summary="Take an answer out")
async def delete_entry(house: TheHouse, _: Operator, entry: str, version: IfMatch) -> Response:
    """It is not said from now on."""
    try:
        await house.faq.delete(entry, version)
    except NotStored as error:
        raise _unknown(entry) from error
    return Response(status_code=204)


def _added(added: FaqEntry, response: Response) -> dict[str, Any]:
    response.headers["etag"] = etag(added.version)
    response.headers["location"] = f"/v1/faq/{added.id}"
    return shown(added)


async def _found(house: TheHouse, entry: str) -> FaqEntry:
    try:
        return await house.faq.one(entry)
    except NotStored as error:
        raise _unknown(entry) from error


def _unknown(entry: str) -> ProblemError:
    return ProblemError("unknown_thing", what="FAQ entry", id=entry)


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
