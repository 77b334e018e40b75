"""Viewers' questions with their fates, asking one from the page, and the transcript."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import StringConstraints

from livehost.api.auth import Operator, Viewer
from livehost.api.ground import Body, Page, TheHouse, TheRoom, new_router
from livehost.api.keys import Role
from livehost.api.problems import ProblemError
from livehost.journal_export import without_names
from livehost.refused import Refused
from livehost.store.protocol import MAX_TEXT, ChatMessage, Question, QuestionState

router = new_router("questions")

_REASONS = {
    "inbox_full": ("待答的问题太多 / too many questions wait", "等一会儿再问 / ask again later", 429),
    "text_empty": ("问题是空的 / the question is empty", "写点内容 / write something", 422),
    "text_too_long": ("问题太长 / the question is too long", "写短一点 / make it shorter", 422),
}


class Asked(Body):
    """A question, as if a viewer had asked it."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
    user: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)] = "场控"


def shown(question: Question) -> dict[str, Any]:
    """A question as the API shows it."""
    return {
        "id": question.id,
        "user": question.user,
        "text": question.text,
        "at": question.at.isoformat(),
        "state": question.state.value,
        "answer": question.answer,
        "note": question.note,
        "trace": question.trace,
        "updated_at": question.updated_at.isoformat(),
    }


@router.get("/rooms/{room}/questions", summary="Viewers' questions and what became of them")
async def list_questions(
    house: TheHouse, room: TheRoom, who: Viewer, page: Page, state: QuestionState | None = None
) -> dict[str, Any]:
    """Newest first; `state` shows only those, for example `handed_over` (转人工).

    `kept`: an entry of the book was made of it after it was asked.
    """
    found = await house.store.questions(room.id, page.limit + 1, page.after, state)
    items = found[: page.limit]
    following = items[-1].id if len(found) > page.limit else None
    names = who.role.may(Role.OPERATOR)
    views = [{**shown(one), "kept": house.faq.kept(one)} for one in items]
    told = [one if names else without_names(one, asked=True) for one in views]
    return {"items": told, "next": following}


@router.post("/rooms/{room}/questions", status_code=202, summary="Ask as a viewer")
async def ask(room: TheRoom, _: Operator, asked: Asked) -> dict[str, Any]:
    """It is answered like every other; its fate is told by `GET /v1/events`."""
    message = ChatMessage(
        id=f"console-{uuid.uuid4().hex[:12]}", user=asked.user, text=asked.text, at=datetime.now(UTC)
    )
    result = await room.messages([message])
    if result.rejected:
        problem, mend, status = _REASONS.get(
            result.reasons.get(message.id, ""), ("问题没有收下 / the question was not taken", "换个问法", 422)
        )
        raise Refused(problem, mend, status)
    return {"id": message.id, "accepted": result.accepted}


@router.get("/rooms/{room}/transcript", summary="What was said, and why")
async def get_transcript(
    house: TheHouse,
    room: TheRoom,
    who: Viewer,
    page: Page,
    session: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="The last if left out")
    ] = None,
) -> dict[str, Any]:
    """The session's journal, oldest first; `next` goes on from here, also later."""
    after = page.after or "0"
    if not (after.isascii() and after.isdigit() and len(after) < 13):
        raise ProblemError("invalid", first="after: 应是上一页的 next / use `next` of the page before")
    if session is None:
        last = await house.store.session(room.id)
        if last is None:
            return {"session": None, "items": [], "next": None}
        session = last.id
    entries = await house.journal.transcript(room.id, session, int(after), page.limit)
    following = str(entries[-1].get("seq", int(after) + len(entries))) if entries else None
    names = who.role.may(Role.OPERATOR)
    items = [entry if names else without_names(entry) for entry in entries]
    return {"session": session, "items": items, "next": following}
