"""How records are written as text: the same in both stores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from livehost.settings import Output, Override, Slot
from livehost.store.protocol import (
    FaqEntry,
    Life,
    Muted,
    ProductChange,
    Question,
    QuestionState,
    Session,
    StoredOutput,
)


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """An instant as sortable RFC 3339 text in UTC, always with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def instant(text: str) -> datetime:
    """The instant that `stamp` wrote."""
    return datetime.fromisoformat(text)


def to_json(value: Mapping[str, Any]) -> str:
    """A mapping as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def slot_json(slot: Slot) -> str:
    """A slot as JSON."""
    return slot.model_dump_json()


def slot_of(text: str) -> Slot:
    """The slot that `slot_json` wrote."""
    return Slot.model_validate_json(text)


def override_json(override: Override) -> str:
    """An override as JSON."""
    return override.model_dump_json()


def override_of(text: str) -> Override:
    """The override that `override_json` wrote."""
    return Override.model_validate_json(text)


def session_json(session: Session) -> str:
    """A session as JSON."""
    closed = None if session.closed_at is None else stamp(session.closed_at)
    return to_json(
        {
            "id": session.id,
            "room": session.room,
            "mode": session.mode,
            "life": session.life.value,
            "opened_at": stamp(session.opened_at),
            "closed_at": closed,
            "epoch": session.epoch,
        }
    )


def session_of(text: str) -> Session:
    """The session that `session_json` wrote."""
    raw = json.loads(text)
    closed = raw["closed_at"]
    return Session(
        id=raw["id"],
        room=raw["room"],
        mode=raw["mode"],
        life=Life(raw["life"]),
        opened_at=instant(raw["opened_at"]),
        closed_at=None if closed is None else instant(closed),
        epoch=raw["epoch"],
    )


def change_of(values: str, version: int | str, at: str) -> ProductChange:
    """A product's live change from its stored columns."""
    return ProductChange(values=json.loads(values), version=int(version), at=instant(at))


def output_json(output: Output) -> str:
    """A destination with its key in clear: the store's file is readable by its owner only."""
    return to_json(
        {
            "name": output.name,
            "url": output.url,
            "key": output.key.get_secret_value(),
            "enabled": output.enabled,
        }
    )


def output_of(text: str, version: int | str) -> StoredOutput:
    """The destination that `output_json` wrote."""
    raw = json.loads(text)
    return StoredOutput(
        name=raw["name"],
        url=raw["url"],
        key=SecretStr(raw["key"]),
        enabled=raw["enabled"],
        version=int(version),
    )


def question_of(raw: Mapping[str, Any]) -> Question:
    """A question from its stored columns."""
    return Question(
        id=raw["id"],
        room=raw["room"],
        user=raw["user"],
        text=raw["text"],
        at=instant(raw["at"]),
        state=QuestionState(raw["state"]),
        updated_at=instant(raw["updated_at"]),
        note=raw["note"],
        answer=raw["answer"],
        trace=raw["trace"],
        user_id=raw["user_id"],
        source=raw["source"],
        buyer=raw["buyer"] in (1, "1"),
        detail=json.loads(raw["detail"]),
        joined=raw["joined"],
    )


def muted_of(raw: Mapping[str, Any]) -> Muted:
    """A muted viewer from its stored columns; an empty `until` is none."""
    until = instant(raw["until"]) if raw["until"] else None
    return Muted(who=raw["who"], until=until, by=raw["by"], at=instant(raw["at"]))


def faq_of(entry_id: str, body: str, version: int | str) -> FaqEntry:
    """An operators' answer from its stored columns."""
    return FaqEntry(id=entry_id, values=json.loads(body), version=int(version))
