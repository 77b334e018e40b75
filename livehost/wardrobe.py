"""What a persona wears: both adapters staged in their engines, her look made or found. All of it, or nothing.

Shared by all rooms, as the engines are. A *plain* cast comes from the settings; `dress` returns the
same cast with everything on it, or names the part that failed. An engine that is configured off, or
that cannot run on this machine at all, asks for nothing: then words and look are the templates'.

DressFailed   a part of the dress cannot be had; the message has the cause and what to mend
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

import structlog

from livehost.engines import EngineGone
from livehost.library import Kind, Library, Mark, Shelved
from livehost.lines import Cast, Worn
from livehost.settings import Models, Portrait
from services import wire

log = structlog.get_logger(__name__)

Role = Literal["language", "vision"]


class Part(StrEnum):
    """What a change of persona is made of."""

    LANGUAGE = "language"
    """The adapter that words what she says."""
    VISUAL = "visual"
    """The adapter that draws her."""
    LOOK = "look"
    """The finished picture, decoded by playout."""
    GREETING = "greeting"
    """Her first words, with their sound."""


class DressFailed(Exception):
    """A part of a dress cannot be had. `loading`: only because its engine still loads its base."""

    def __init__(self, part: Part, cause: str, *, loading: bool = False) -> None:
        super().__init__(cause)
        self.part = part
        self.loading = loading


@contextmanager
def naming(part: Part) -> Iterator[None]:
    """Make what nobody foresaw a failure of that part, with its traceback in the log.

    Raises:
        DressFailed: instead of any other exception.
    """
    try:
        yield
    except DressFailed:
        raise
    except Exception as error:
        log.exception("a part of a dress failed unforeseen", part=part)
        raise DressFailed(part, unforeseen(error)) from error


def unforeseen(error: Exception) -> str:
    """A fault that nobody foresaw, in a sentence with its mend."""
    return f"{type(error).__name__}: {error}"[:300] + "; the show's log has the traceback: report it"


class BankEngine(Protocol):
    """An engine with a bank of adapters (livehost.engines.EngineClient)."""

    state: wire.EngineState | None

    @property
    def ready(self) -> bool:
        """Whether it has its base."""
        ...

    async def stage(self, adapter_id: str, folder: Path) -> wire.Staged:
        """Have an adapter checked and made resident."""
        ...

    async def pin(self, room: str, adapters: Iterable[str]) -> None:
        """Keep a room's adapters resident."""
        ...


class WordEngine(BankEngine, Protocol):
    """An engine that also gives words."""

    def resident(self, sha256: str) -> bool:
        """Whether an adapter can be used."""
        ...

    async def cancel_below(self, room: str, generation: int) -> None:
        """Give up a room's older requests."""
        ...

    async def generate(
        self,
        *,
        room: str,
        user: str,
        system: str = "",
        adapter: str = "",
        generation: int = 0,
        max_tokens: int = 96,
        deadline_s: float = 2.5,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> wire.Generated:
        """Words for a prompt."""
        ...


class LookEngine(BankEngine, Protocol):
    """An engine that also makes looks."""

    async def make_look(
        self,
        *,
        room: str,
        template: Path,
        prompt: str,
        adapter: str = "",
        negative: str = "",
        seed: int = 0,
        strength: float = 1.0,
        guidance: float = 1.5,
    ) -> wire.LookMade:
        """A look made from a posed template, or found in the cache."""
        ...


@dataclass(frozen=True)
class Engines:
    """The show's ends of the engines; None where one is configured off or cannot run here."""

    language: WordEngine | None = None
    vision: LookEngine | None = None

    def by_role(self) -> Mapping[Role, BankEngine]:
        """Those that are there."""
        both: dict[Role, BankEngine | None] = {"language": self.language, "vision": self.vision}
        return {role: engine for role, engine in both.items() if engine is not None}


Told = Callable[[Part, str], None]


@dataclass
class Wardrobe:
    """Dresses casts. Consents are held against a room's own day (`zones`), or against `today` everywhere."""

    library: Library
    engines: Engines
    today: Callable[[], date] | None = None
    zones: Mapping[str, tzinfo] = field(default_factory=dict)
    staged: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """By adapter id: the content's hash where it was staged well, else every error."""
    _worn: dict[tuple[Any, ...], Cast] = field(default_factory=dict)

    def day(self, room: str = "") -> date:
        """The day that consents are held against in a room; without one, the latest of any room's."""
        if self.today is not None:
            return self.today()
        zones = [self.zones[room]] if room in self.zones else self.zones.values()
        return max((datetime.now(zone).date() for zone in zones), default=datetime.now().astimezone().date())

    async def stage(self, shelved: Shelved, engine: BankEngine) -> wire.Staged:
        """Have an engine check an adapter and make it resident; remembers what came of it.

        Raises:
            EngineGone: the engine does not answer.
        """
        staged = await engine.stage(shelved.id, shelved.folder)
        errors = staged.errors or ("the engine refused it without a word; see its log",)
        self.staged[shelved.id] = (staged.sha256, ()) if staged.ok else ("", errors)
        return staged

    def needs(self, cast: Cast) -> tuple[Part, ...]:
        """The parts that a cast's dress is made of, in the order in which they are had."""
        parts: list[Part] = []
        if self.engines.language is not None and cast.versions.language is not None:
            parts.append(Part.LANGUAGE)
        if self.engines.vision is not None and cast.persona.portrait is not None:
            parts += [Part.VISUAL] if cast.versions.visual is not None else []
            parts.append(Part.LOOK)
        return tuple(parts)

    async def dress(self, plain: Cast, *, room: str, told: Told = lambda part, state: None) -> Cast:
        """The cast with both adapters resident and her main look made; variants as they were before.

        Raises:
            DressFailed: a part cannot be had; nothing on air has changed.
        """
        parts = self.needs(plain)
        language = visual = ""
        made: Worn | None = None
        if Part.LANGUAGE in parts:
            language = await self._stage(plain, Part.LANGUAGE, told, room)
        if Part.VISUAL in parts:
            visual = await self._stage(plain, Part.VISUAL, told, room)
        if Part.LOOK in parts:
            assert plain.persona.portrait is not None
            told(Part.LOOK, "preparing")
            with naming(Part.LOOK):
                made = await self._look(plain, plain.persona.portrait, visual, room)
            told(Part.LOOK, "made")
        dressed = replace(
            plain, language_adapter=language, visual_adapter=visual, made=made, variants=(), dressed=True,
            finished=made is None or not (plain.persona.portrait and plain.persona.portrait.variants),
        )  # fmt: skip
        before = self._worn.get(_key(plain))
        if before is not None and before.made == made and self.has_looks(before):
            dressed = replace(dressed, variants=before.variants, finished=before.finished)
        self.remember(dressed)
        return dressed

    async def finish(self, cast: Cast, *, room: str) -> Cast:
        """A dressed cast with the variants of her look; one that cannot be made is left out.

        Raises:
            DressFailed: the engine went away meanwhile.
        """
        portrait, engine = cast.persona.portrait, self.engines.vision
        variants: list[Worn] = []
        for variant in portrait.variants if portrait is not None and engine is not None else ():
            assert portrait is not None and engine is not None
            try:
                with naming(Part.LOOK):
                    look = await self._look(cast, portrait, cast.visual_adapter, room, variant.prompt)
            except DressFailed as failed:
                if not engine.ready:
                    raise
                log.warning("a look's variant is left out", persona=cast.persona.id, variant=variant.id,
                            error=str(failed))  # fmt: skip
                continue
            variants.append(replace(look, products=variant.products))
        finished = replace(cast, variants=tuple(variants), finished=True)
        self.remember(finished)
        return finished

    def remember(self, cast: Cast) -> None:
        """A dressed cast, to be found again by `as_last_worn`."""
        self._worn[_key(cast)] = cast

    def as_last_worn(self, plain: Cast) -> Cast:
        """The cast as she was dressed before, where that still stands; else plain."""
        worn = self._worn.get(_key(plain))
        if worn is None or self.lapsed(worn) or self.unchecked(worn) or not self.has_looks(worn):
            return plain
        return replace(worn, persona=plain.persona, rundown=plain.rundown, voice=plain.voice)

    def has_looks(self, cast: Cast) -> bool:
        """Whether the folders of a cast's made looks are still there."""
        made = [worn for worn in (cast.made, *cast.variants) if worn is not None]
        return all((worn.path / "look.yaml").is_file() for worn in made)

    def lapsed(self, cast: Cast, room: str = "") -> str:
        """Why what a cast wears may not be on air any more; empty where it may.

        Its consent ran out, or its card is gone. One that cannot be read is `unchecked`.
        """
        for shelved in self._of(cast):
            problems = shelved.lapses(self.day(room)) if shelved.card is not None or shelved.gone else ()
            if problems:
                return f"{shelved.id}: {'; '.join(problems)}"
        return ""

    def unchecked(self, cast: Cast) -> tuple[Part, str] | None:
        """The adapter that a cast wears and whose consent cannot be looked into, and why; None: all can.

        It keeps a cast from coming on. Who is on air in it stays, and a person is told.
        """
        for shelved in self._of(cast):
            if shelved.card is None:
                part = Part.LANGUAGE if shelved.kind == "language" else Part.VISUAL
                return part, f"{shelved.id}: its consent cannot be checked: {'; '.join(shelved.errors)}"
        return None

    def marks(self, cast: Cast) -> tuple[Mark | None, ...]:
        """What changes when the card of an adapter that a cast wears is changed or goes."""
        return tuple(self.library.mark(cast.persona.id, kind, version) for kind, version in _worn_by(cast))

    async def pin(self, room: str, casts: Iterable[Cast | None]) -> None:
        """Have both engines keep what a room's casts wear: on air, the one before, the next."""
        present = [cast for cast in casts if cast is not None]
        if self.engines.language is not None:
            await self.engines.language.pin(room, [cast.language_adapter for cast in present])
        if self.engines.vision is not None:
            await self.engines.vision.pin(room, [cast.visual_adapter for cast in present])

    def _of(self, cast: Cast) -> Iterator[Shelved]:
        """The adapters that a cast wears, as the library has them now."""
        for kind, version in _worn_by(cast):
            try:
                shelved = self.library.find(cast.persona.id, kind, version)
            except Exception as error:
                log.exception("an adapter cannot be looked up", persona=cast.persona.id, kind=kind)
                shelved = Shelved(cast.persona.id, kind, version, Path(), errors=(unforeseen(error),))
            yield shelved

    async def _stage(self, cast: Cast, part: Part, told: Told, room: str) -> str:
        """Stage one adapter; returns its content's hash."""
        with naming(part):
            return await self._staged(cast, part, told, room)

    async def _staged(self, cast: Cast, part: Part, told: Told, room: str) -> str:
        told(part, "preparing")
        kind: Kind = "language" if part is Part.LANGUAGE else "visual"
        version = cast.versions.language if kind == "language" else cast.versions.visual
        engine = self.engines.language if kind == "language" else self.engines.vision
        assert version is not None and engine is not None
        shelved = self.library.find(cast.persona.id, kind, version)
        if problems := shelved.problems(self.day(room)):
            raise DressFailed(part, "; ".join(problems))
        if not engine.ready:
            raise DressFailed(part, not_ready(kind, engine), loading=loading(engine))
        try:
            staged = await self.stage(shelved, engine)
        except EngineGone as gone:
            raise DressFailed(part, str(gone)) from gone
        if not staged.ok:
            raise DressFailed(part, "; ".join(self.staged[shelved.id][1]))
        told(part, "ready")
        return staged.sha256

    async def _look(
        self, cast: Cast, portrait: Portrait, visual: str, room: str, prompt: str | None = None
    ) -> Worn:
        engine = self.engines.vision
        assert engine is not None
        if not engine.ready:
            raise DressFailed(Part.LOOK, not_ready("visual", engine), loading=loading(engine))
        try:
            look = await engine.make_look(
                room=room, template=cast.look_path, prompt=prompt or portrait.prompt, adapter=visual,
                negative=portrait.negative, seed=portrait.seed, strength=portrait.strength,
                guidance=portrait.guidance,
            )  # fmt: skip
        except EngineGone as gone:
            raise DressFailed(Part.LOOK, str(gone)) from gone
        if not look.ok:
            raise DressFailed(Part.LOOK, "; ".join(look.errors) or "the engine made no look and says not why")
        return Worn(f"{cast.persona.look}@{look.key[:12]}", Path(look.folder))


def not_ready(kind: Kind, engine: BankEngine) -> str:
    """Why an engine takes no request now, with what to mend where it says so."""
    name = "language" if kind == "language" else "vision"
    state = engine.state
    if state is None:
        return f"the {name} engine is not there; it is started by itself, its log says why it ends"
    if state.error:
        return f"the {name} engine has no base: {state.error}; {state.mend}"
    return f"the {name} engine is loading its base"


def loading(engine: BankEngine) -> bool:
    """Whether an engine is on its way: not ready, and no fault is known of it.

    One that stays away is an alarm of its own (`engine_watch.py`).
    """
    return not engine.ready and not (engine.state is not None and engine.state.error)


def runs_here(engine: str) -> bool:
    """Whether this machine can run an engine at all: a base in its process needs PyTorch."""
    return engine == "openai" or importlib.util.find_spec("torch") is not None


def wanted(models: Models, here: Callable[[str], bool] = runs_here) -> tuple[Role, ...]:
    """The engines that the settings ask for and that can run here."""
    asked: tuple[tuple[Role, str], ...] = (
        ("language", models.language.engine),
        ("vision", models.vision.engine),
    )
    return tuple(role for role, engine in asked if engine != "off" and here(engine))


def _worn_by(cast: Cast) -> list[tuple[Kind, str]]:
    """Kind and version of each adapter that a cast wears."""
    hashes = {"language": cast.language_adapter, "visual": cast.visual_adapter}
    return [(kind, version) for kind, version in cast.versions.named() if hashes[kind]]


def _key(cast: Cast) -> tuple[Any, ...]:
    return (cast.persona.id, cast.versions, cast.persona.portrait, str(cast.look_path))
