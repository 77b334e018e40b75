"""Adapters and engines: what the library holds, staging, promoting, rolling back, switching by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import AwareDatetime, Field

from livehost import schedule
from livehost.api.auth import Operator, Viewer, caller
from livehost.api.ground import Body, Page, TheHouse, TheRoom, new_router, page_of
from livehost.api.keys import Caller, Role
from livehost.api.ports import House
from livehost.api.problems import ProblemError
from livehost.library import Kind, adapter_id
from livehost.settings import AdapterVersions, Name, Version

router = new_router("adapters")

AdapterId = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,47}\.(language|visual)\.[A-Za-z0-9][A-Za-z0-9._-]{0,31}$",
        description="`<persona>.<language|visual>.<version>`",
    ),
]


PersonaName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$", description="A persona's id")]


def _one_of(*roles: Role) -> Any:
    """A dependency: the caller must have one of the roles, or one that includes it."""

    async def check(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if not any(who.role.may(role) for role in roles):
            raise ProblemError("role_too_low", wanted=roles[0].value, role=who.role.value)
        return who

    return check


Promoter = Annotated[Caller, Depends(_one_of(Role.TRAINER, Role.DUTY))]
Undoer = Annotated[Caller, Depends(_one_of(Role.TRAINER, Role.OPERATOR))]


class PromotionAsked(Body):
    """How an adapter is promoted."""

    without_evaluation: str | None = Field(
        None, min_length=1, max_length=300, description="Ask for no evaluation, for this reason; it is kept"
    )


class RetirementAsked(Body):
    """Why an adapter is retired."""

    why: str | None = Field(None, max_length=300)


class VersionsAsked(Body):
    """Other versions of the persona's adapters than the configured ones; one left out stays."""

    language: Version | None = None
    visual: Version | None = None


class SwitchAsked(Body):
    """Who is to be on, in which adapters, until when.

    The persona on air with other `adapters` changes her version without a farewell or a greeting:
    a rollback, or a step forward. Without `until` it stands until the timetable's next change.
    """

    persona: Name
    rundown: Name | None = None
    adapters: VersionsAsked | None = None
    until: AwareDatetime | None = Field(None, description="RFC 3339, within the next 92 days")


@router.get("/adapters", summary="The adapter library: state, card, consent, errors of each")
async def list_adapters(house: TheHouse, _: Viewer, page: Page) -> dict[str, Any]:
    """By id. `state`: stored, staged, resident, live, failed, retired or quarantined; `rooms` wear it on air."""
    items, following = page_of(await house.adapters.all(), page, lambda one: str(one["id"]))
    return {"items": items, "next": following}


@router.get("/adapters/{adapter}", summary="One adapter")
async def get_adapter(house: TheHouse, _: Viewer, adapter: AdapterId) -> dict[str, Any]:
    """As the list shows it."""
    found = await house.adapters.one(adapter)
    if found is None:
        raise ProblemError("unknown_thing", what="adapter", id=adapter)
    return found


@router.post("/adapters/{adapter}/stage", summary="Check an adapter and make it resident")
async def stage_adapter(house: TheHouse, _: Operator, adapter: AdapterId) -> dict[str, Any]:
    """Nothing on air changes. One that cannot be used comes back with every error (422)."""
    staged = await house.adapters.stage(adapter)
    if staged is None:
        raise ProblemError("unknown_thing", what="adapter", id=adapter)
    return staged


@router.post("/adapters/{adapter}/promote", summary="Make an adapter the promoted version")
async def promote_adapter(
    house: TheHouse, who: Promoter, adapter: AdapterId, asked: PromotionAsked | None = None
) -> dict[str, Any]:
    """It is staged first. Its consent must cover today, and its evaluation be no worse than that of its
    parent and of the promoted version. Rooms that follow `promoted` change to it within seconds."""
    why = (asked and asked.without_evaluation) or ""
    promoted = await house.adapters.promote(adapter, by=who.name, without_evaluation=why)
    if promoted is None:
        raise ProblemError("unknown_thing", what="adapter", id=adapter)
    return promoted


@router.post("/adapters/{adapter}/retire", summary="Take an adapter out of use; nothing is deleted")
async def retire_adapter(
    house: TheHouse, who: Promoter, adapter: AdapterId, asked: RetirementAsked | None = None
) -> dict[str, Any]:
    """Refused (409) for the promoted version, for one that a room wears, and for one that is configured."""
    retired = await house.adapters.retire(adapter, by=who.name, why=(asked and asked.why) or "")
    if retired is None:
        raise ProblemError("unknown_thing", what="adapter", id=adapter)
    return retired


@router.post("/adapters/{persona}/{kind}/rollback", summary="Back to the version that was promoted before")
async def rollback_adapter(house: TheHouse, who: Undoer, persona: PersonaName, kind: Kind) -> dict[str, Any]:
    """Earlier versions that cannot be used are passed over and named. 409 where there is none."""
    return await house.adapters.rollback(persona, kind, by=who.name)


@router.get("/engines", summary="The model engines: base, device, slots, memory, speed")
async def list_engines(house: TheHouse, _: Viewer) -> dict[str, Any]:
    """`state`: off, missing (cannot run here), down, loading, ready or failed (with its mend)."""
    return {"items": house.adapters.engines()}


@router.post("/rooms/{room}/switch", status_code=202, summary="Switch by hand: a persona, or her adapters")
async def switch(house: TheHouse, room: TheRoom, _: Operator, asked: SwitchAsked) -> dict[str, Any]:
    """Prepared like a slot's: both adapters, look, greeting; then all of it changes with one phrase.

    Answers with how far it is (`next`, or `wearing` for another version of who is on). What fails
    leaves the persona on air and is tried again until the switch is taken back
    (`DELETE /rooms/{room}/override`).
    """
    _known(house, asked)
    now = datetime.now(UTC)
    if asked.until is not None and not now < asked.until <= now + schedule.MAX_WINDOW:
        raise ProblemError("slot_refused", why="until: 须在未来 92 天内 / within the next 92 days")
    versions = None
    if asked.adapters is not None:
        versions = AdapterVersions(language=asked.adapters.language, visual=asked.adapters.visual)
        for kind, version in (("language", versions.language), ("visual", versions.visual)):
            if version is None:
                continue
            name = adapter_id(asked.persona, "language" if kind == "language" else "visual", version)
            if await house.adapters.one(name) is None:
                raise ProblemError("unknown_thing", what="adapter", id=name)
    return await room.switch(asked.persona, asked.rundown, versions, asked.until)


def _known(house: House, asked: SwitchAsked) -> None:
    settings = house.settings
    if asked.persona not in {one.id for one in settings.personas}:
        raise ProblemError("unknown_thing", what="persona", id=asked.persona)
    if asked.rundown is not None and asked.rundown not in {one.id for one in settings.rundowns}:
        raise ProblemError("unknown_thing", what="rundown", id=asked.rundown)
