"""`livehost ask` as a persona: her answers by the model path, with what the show would do about each.

The engine runs as a child process for as long as the questions last, as under `livehost serve`.

AskFailed   the model path cannot be asked; the message says what to mend
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from livehost.answers.faq_book import FaqBook
from livehost.answers.rows import questions
from livehost.casting import Casting
from livehost.catalog import Catalog
from livehost.engine_children import engine_settings
from livehost.engines import EngineClient, EngineGone
from livehost.library import Library
from livehost.lines import Cast, Draft
from livehost.model_writer import ModelWriter
from livehost.runtime import Places, write_private
from livehost.settings import LanguageModel, Room, Settings
from livehost.store.protocol import Question, QuestionState
from livehost.writer import TemplateWriter, Writer

START_S = 120.0
AT_ONCE = 8
END_S = 5.0


class AskFailed(Exception):
    """The model path cannot be asked; the message says what to mend."""


def ask_persona_rows(
    lines: Iterable[str],
    settings: Settings,
    catalog: Catalog,
    persona: str,
    now: datetime,
    *,
    model: bool,
    deadline_s: float | None = None,
    book: FaqBook | None = None,
) -> Iterator[str]:
    """Each JSON line with her `answer` added, and which path spoke it; eight are asked at a time.

    Raises:
        AskFailed: the persona is not in the configuration, or her words cannot be had from a model.
        ValueError: a line is no question.
    """
    cast = _cast(settings, persona)
    yield from asyncio.run(_all(tuple(lines), settings, catalog, cast, now, model, deadline_s, book))


def _cast(settings: Settings, persona: str) -> Cast:
    known = [one.id for one in settings.personas]
    if persona not in known:
        raise AskFailed(f"there is no persona {persona!r}; the configuration has {', '.join(known)}")
    return Casting(settings, settings.rooms[0]).cast(persona, None)


async def _all(
    lines: tuple[str, ...],
    settings: Settings,
    catalog: Catalog,
    cast: Cast,
    now: datetime,
    model: bool,
    deadline_s: float | None,
    book: FaqBook | None,
) -> list[str]:
    room = settings.rooms[0]
    if not model:
        writer = TemplateWriter(platform=room.platform, book=book)
        return await _answered(lines, writer, room, catalog, cast, now)
    language = settings.models.language
    if language.engine == "off":
        language = LanguageModel(engine="embedded")
    if deadline_s is not None:
        language = language.model_copy(update={"deadline_s": deadline_s})
    models = settings.models.model_copy(update={"language": language})
    with tempfile.TemporaryDirectory(prefix="livehost-ask-") as folder:
        own = settings.model_copy(update={"models": models, "state_dir": Path(folder)})
        async with _engine(own) as engine:
            by_model = ModelWriter(engine, language, room=room.id, platform=room.platform, book=book)
            return await _answered(lines, by_model, room, catalog, await _dressed(cast, own, engine), now)


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[EngineClient]:
    """The language engine as a child process, with its base loaded."""
    told = engine_settings(settings, "language", Places(settings.state_dir))
    file = write_private(settings.state_dir / "language.json", msgspec.json.encode(told))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.language", str(file), stderr=asyncio.subprocess.DEVNULL
    )
    client = EngineClient(Path(told.socket), role="language")
    running = asyncio.create_task(client.run(), name="link to the language engine")
    try:
        async with asyncio.timeout(START_S):
            while not client.ready:
                if process.returncode is not None:
                    raise AskFailed(
                        f"the language engine ended with {process.returncode}; is livehost[models] installed?"
                    )
                if client.state is not None and client.state.error:
                    raise AskFailed(f"{client.state.error}; {client.state.mend}")
                await asyncio.sleep(0.05)
        yield client
    except TimeoutError as error:
        raise AskFailed(f"the language engine was not ready within {START_S:g} s") from error
    finally:
        running.cancel()
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), END_S)
        if process.returncode is None:
            process.kill()


async def _dressed(cast: Cast, settings: Settings, engine: EngineClient) -> Cast:
    """The cast with her language adapter staged."""
    version = cast.versions.language
    if version is None:
        raise AskFailed(
            f"{cast.persona.id} has no language adapter; set adapters.language, or ask with --no-model"
        )
    shelved = Library(settings.adapters).find(cast.persona.id, "language", version)
    if shelved.card is None:
        raise AskFailed("; ".join(shelved.errors))
    try:
        staged = await engine.stage(shelved.id, shelved.folder)
    except EngineGone as error:
        raise AskFailed(str(error)) from error
    if not staged.ok:
        raise AskFailed("; ".join(staged.errors))
    return replace(cast, language_adapter=staged.sha256, dressed=True)


async def _answered(
    lines: tuple[str, ...], writer: Writer, room: Room, catalog: Catalog, cast: Cast, now: datetime
) -> list[str]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, row: dict[str, Any]) -> str:
        question = Question(
            id=str(number), room=room.id, user=str(row.get("user") or ""), text=row["text"], at=now,
            state=QuestionState.CLAIMED, updated_at=now,
        )  # fmt: skip
        async with turns:
            draft = await writer.answer(question, cast, catalog, row.get("on_air"), now)
        return json.dumps({**row, "answer": _answer(draft)}, ensure_ascii=False)

    rows = tuple(questions(lines))
    return list(await asyncio.gather(*(one(number, row) for number, row in enumerate(rows, 1))))


def _answer(draft: Draft) -> dict[str, Any]:
    """A draft as a row shows it."""
    return {
        "act": draft.act,
        "text": "".join(draft.texts),
        "product": draft.product,
        "intent": draft.intent,
        "facts": [asdict(fact) for fact in draft.facts],
        "path": "model" if draft.source == "model" else "template",
        "adapter": draft.adapter,
        "why": draft.why,
    }
