"""What waits for the person on duty in all rooms, what they decide, and who is there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field, StringConstraints

from livehost.api.auth import Duty, Operator, Viewer
from livehost.api.ground import Body, Page, TheHouse, TheRoom, new_router, page_of
from livehost.api.keys import Role
from livehost.api.ports import LiveRoom
from livehost.api.problems import ProblemError
from livehost.api.questions import shown
from livehost.journal_export import HIDDEN, without_names
from livehost.store.protocol import MAX_ID, MAX_TEXT

router = new_router("duty")

LOGGED = 60
_WEEK_MINUTES = 7 * 24 * 60

QuestionId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Who = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]


class Approve(Body):
    """Say the proposed answer as it stands."""

    action: Literal["approve"]
    question: QuestionId


class Answer(Body):
    """Answer in these words: the proposal edited, or one's own.

    `spoken`: by the host; `text`: it was answered in writing, and is recorded. What the review leaves to
    a person comes back with `confirm: true`, and is said when sent again with `confirmed`.
    """

    action: Literal["answer"]
    question: QuestionId
    text: Words
    way: Literal["spoken", "text"] = "spoken"
    confirmed: bool = False


class Correct(Body):
    """Put right what was answered wrongly: it is recorded, and the host says it at once."""

    action: Literal["correct"]
    question: QuestionId
    text: Words
    confirmed: bool = False


class Reject(Body):
    """Put the question aside: nothing is said to it."""

    action: Literal["reject"]
    question: QuestionId
    why: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT)] = ""


class HandOver(Body):
    """Have the host say that a person will answer."""

    action: Literal["hand_over"]
    question: QuestionId


class Propose(Body):
    """Have an answer written for a question that waits."""

    action: Literal["propose"]
    question: QuestionId


Decision = Annotated[Approve | Answer | Correct | Reject | HandOver | Propose, Field(discriminator="action")]


class Mute(Body):
    """A viewer, by `who` of a question, whose messages are not taken for so long (null: until unmuted)."""

    who: Who
    minutes: Annotated[int, Field(ge=1, le=_WEEK_MINUTES)] | None = 24 * 60


class Complaint(Body):
    """Somebody found fault with what was said: `about` is the id of a phrase, a line or a question."""

    about: Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]
    why: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]


class Heartbeat(Body):
    """The rooms that an open console watches; all of them if left out."""

    rooms: list[Annotated[str, StringConstraints(max_length=100)]] | None = Field(None, max_length=200)


@router.get("/duty", summary="How every room is led and watched, and who did what lately")
async def get_duty(house: TheHouse, who: Viewer) -> dict[str, Any]:
    """`log` is newest first; the whole of it stands in the journal (`type: duty`).

    Viewers' names are in it for operators and the person on duty; others get `***`.
    """
    log = [entry for room in house.rooms.values() for entry in room.duty.log]
    log.sort(key=lambda entry: str(entry["at"]), reverse=True)
    told = log[:LOGGED] if who.role.may(Role.OPERATOR) else [without_names(one) for one in log[:LOGGED]]
    return {"rooms": [room.duty.summary() for room in house.rooms.values()], "log": told}


@router.get("/duty/queue", summary="What waits for a person, in all rooms")
async def get_queue(
    house: TheHouse,
    who: Viewer,
    page: Page,
    room: Annotated[str | None, Query(max_length=100, description="Only this room's")] = None,
) -> dict[str, Any]:
    """Held answers first, then what was handed over, then what waits; the oldest first in each.

    Each with the proposed answer, the facts that it rests on and whether they hold now, what the review
    found (rule, span, why), and until when it waits. Viewers' names are for operators and the person on duty.
    """
    if room is not None and room not in house.rooms:
        raise ProblemError("unknown_room", room=room)
    rooms = [one for one in house.rooms.values() if room in (None, one.id)]
    items = [item for one in rooms for item in await one.duty.items()]
    items.sort(key=lambda item: (_ORDER.get(item["state"], 9), item["at"]))
    taken, following = page_of(items, page, lambda item: f"{item['room']}/{item['id']}")
    told = taken if who.role.may(Role.OPERATOR) else [without_names(one, asked=True) for one in taken]
    return {"items": told, "next": following, "total": len(items)}


_ORDER = {"held": 0, "handed_over": 1, "accepted": 2}


@router.post("/duty/heartbeat", status_code=204, summary="An open console of a person on duty is there")
async def heartbeat(house: TheHouse, who: Operator, asked: Heartbeat) -> Response:
    """Sent every 10 s or so; without one for `duty_absent_s` a room counts as unattended."""
    for room in _named(house.rooms.values(), asked.rooms):
        room.duty.seen(who.name)
    return Response(status_code=204)


@router.delete("/duty/heartbeat", status_code=204, summary="A console of a person on duty closes")
async def leave(house: TheHouse, who: Operator) -> Response:
    """That person is no longer counted as there."""
    for room in house.rooms.values():
        room.duty.left(who.name)
    return Response(status_code=204)


def _named(rooms: Any, names: list[str] | None) -> list[LiveRoom]:
    return [room for room in rooms if names is None or room.id in names]


@router.post("/rooms/{room}/duty", summary="Decide about a question")
async def decide(room: TheRoom, who: Duty, asked: Decision) -> dict[str, Any]:
    """Approve, answer, correct, reject, hand over, or have an answer proposed; who did it is recorded."""
    duty = room.duty
    match asked:
        case Approve():
            done = await duty.approve(asked.question, who.name)
        case Reject():
            done = await duty.reject(asked.question, who.name, asked.why)
        case HandOver():
            done = await duty.hand_over(asked.question, who.name)
        case Propose():
            done = await duty.propose(asked.question, who.name)
        case Correct():
            return await duty.correct(asked.question, asked.text, who.name, confirmed=asked.confirmed)
        case Answer():
            return await duty.answer(
                asked.question, asked.text, who.name, way=asked.way, confirmed=asked.confirmed
            )
    return {"question": shown(done)}


@router.get("/rooms/{room}/mutes", summary="Who is muted")
async def list_mutes(house: TheHouse, room: TheRoom, who: Viewer) -> dict[str, Any]:
    """In the order it was done; those whose term is over are left out. `who` is for operators and duty."""
    muted = await house.store.muted(room.id)
    names = who.role.may(Role.OPERATOR)
    return {
        "items": [
            {
                "who": one.who if names else HIDDEN,
                "until": one.until.isoformat() if one.until else None,
                "by": one.by,
                "at": one.at.isoformat(),
            }
            for one in muted
        ],
        "next": None,
    }


@router.post("/rooms/{room}/mutes", summary="Mute a viewer")
async def mute(room: TheRoom, who: Duty, asked: Mute) -> dict[str, Any]:
    """No more of their messages are taken; what waits of theirs is put away."""
    return await room.duty.mute(asked.who, who.name, asked.minutes)


@router.delete("/rooms/{room}/mutes", status_code=204, summary="Take a viewer's messages again")
async def unmute(room: TheRoom, who: Duty, viewer: Annotated[str, Query(max_length=MAX_ID)]) -> Response:
    """404 where nobody of that id or name is muted."""
    await room.duty.unmute(viewer, who.name)
    return Response(status_code=204)


@router.post("/rooms/{room}/complaints", status_code=204, summary="Note that something said was wrong")
async def complain(room: TheRoom, who: Operator, asked: Complaint) -> Response:
    """It is in the journal; the line is left out of training data."""
    room.duty.complain(asked.about, asked.why, who.name)
    return Response(status_code=204)
