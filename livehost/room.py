"""One live room: its session, its tasks, its link to playout, and what a person may ask of it.

`async with Room(...)` runs it. All that must outlast the process is in the store and the journal;
a room that starts again goes on with a session that was open, and opens none by itself.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from livehost import answers, schedule
from livehost.booth import Booth, first_generation
from livehost.casting import CardOnScreen, Casting, card
from livehost.catalog import Catalog
from livehost.changes import Changes, kept, restored
from livehost.chat.events import ChatEvent
from livehost.chat.sources import Sources
from livehost.clearance import Clearance
from livehost.compliance.disclosure import Disclosing, discloses
from livehost.desk import Desk, Mode, Stock
from livehost.director import Director
from livehost.duty import Duty
from livehost.house import House
from livehost.inbox import Inbox
from livehost.left_out import LeftOut
from livehost.lines import Cast, Draft, Line
from livehost.link import PlayoutLink
from livehost.live_changes import with_kept_changes
from livehost.preparers import QuestionPreparer, ScriptPreparer
from livehost.progress import Progress, product_at
from livehost.reception import Reception
from livehost.record import Record
from livehost.room_view import room_view
from livehost.sessions import OPEN, Sessions
from livehost.settings import AdapterVersions, Override, Slot
from livehost.settings import Room as RoomSettings
from livehost.steering import Steering
from livehost.store.patient import PatientStore
from livehost.store.protocol import Accepted, ChatMessage, Life, Question, Session
from livehost.tasks import Tasks
from livehost.voicing import Voicer, Voices, standing_lines
from livehost.writer import TemplateWriter, Writer
from services import wire
from services.speech.phrases import split_phrases

log = structlog.get_logger(__name__)

WELCOME_AFTER_S = 120.0  # the script's own welcome does not follow her greeting sooner


class Room:
    """A room on this machine."""

    def __init__(
        self,
        settings: RoomSettings,
        house: House,
        voices: Voices,
        *,
        run_dir: Path,
        writer: Writer | None = None,
    ) -> None:
        self.id = settings.id
        self.settings = settings
        self.house = house
        self.media_socket = run_dir / "media.sock"
        self._control_socket = run_dir / "control.sock"
        self.writer: Writer = writer or TemplateWriter(platform=settings.platform, book=house.faq.book())
        self.clearance = Clearance(catalog=self.catalog, clock=self.now)
        self.left_out = LeftOut(self._note, clock=self.now)
        self.voicer = Voicer(voices, refused=self.left_out.gate(self.clearance.refused))
        self.casting = Casting(house.settings, settings)
        self._slots: tuple[Slot, ...] = settings.slots
        self._override: Override | None = None
        self._catalog = house.catalog
        self._stack = AsyncExitStack()
        self.disclosing = Disclosing(every_s=settings.disclose_every_s)
        self._greeted_at = -math.inf
        self.progress = Progress()

    # ---- life of the object

    async def __aenter__(self) -> Self:
        store, room = self.house.store, self.id
        self.reception = Reception(self)
        self.store: PatientStore = self.reception.store
        self.inbox: Inbox = self.reception.inbox
        await store.seed_slots(room, self.settings.slots)
        await store.seed_outputs(room, self.settings.outputs)
        self.epoch = await store.next_epoch(room)
        self.sessions = Sessions(self, await store.session(room))
        state = await store.room_state(room)
        self.progress = Progress.of(state.get("progress", {}))
        await self.reload_catalog()
        await self._read_timetable()
        was = restored(state, self.casting, self.house.wardrobe) if self.is_open else None
        cast = was or self.casting.first(self.on_air())
        self.desk = Desk(cast, self.stock(cast))
        self.desk.generation = first_generation(self.epoch)
        self.desk.mode = Mode(state.get("mode", self.settings.mode))
        self.desk.taken_by = str(state.get("taken_by", ""))
        self.steering = Steering(self, Mode(state.get("before_pause", self.settings.mode)))
        self.duty = Duty(self)
        self.desk.disclosure_due = self._disclosure_due
        self.desk.orphaned = self._stale
        self.disclosing.at = float(state.get("disclosed_at", 0.0))
        self.record = Record(
            room, self.desk, self.store, self.house.journal, self.progress,
            rundown=self._rundown, save=self.save, session=lambda: self.session_id,
            events=self.house.events, metrics=self.house.metrics, changed=self._question_changed,
            proposal=self.duty.proposal, unheard=self.disclosing.unheard,
        )  # fmt: skip
        self.record.cut = bool(state.get("cut", False))
        self.booth = Booth(self, self._control_socket)
        self.link: PlayoutLink = self.booth.link
        self.changes = Changes(self)
        self._prepare_parts()
        self.sources = Sources(
            self.settings, messages=self.messages, seen=self.events_seen, alarms=self.house.alarms,
            metrics=self.house.metrics, heeded=lambda: self.is_open,
        )  # fmt: skip
        self.tasks = await self._stack.enter_async_context(Tasks(f"room {room}"))
        for name, work in (
            ("link", self.link.run), ("director", self._director.run), ("script", self.script.run),
            ("questions", self._questions.run), ("switch", self.changes.switch.run),
            ("dresser", self.changes.dresser.run), ("alive", self.booth.keep_alive),
            ("timetable", self.sessions.follow_timetable), ("store", self.store.run), ("duty", self.duty.watch), *self.sources.work(),
        ):  # fmt: skip
            self.tasks.keep(work, name)
        self.tasks.spawn(self.sessions.equip(self.desk.stock), "equip")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _prepare_parts(self) -> None:
        common: dict[str, Any] = {"catalog": self.catalog, "clock": self.now, "card": self._card}
        self._director: Director = Director(
            self.desk, self.link,
            still_true=self._still_true,
            said=self._said, stale=self._stale, session=lambda: self.session_id,
            card=CardOnScreen(self._card).now, begins=self.reception.begins,
        )  # fmt: skip
        self.script: ScriptPreparer = ScriptPreparer(
            self.desk, self.writer, self.voicer, self.progress, **common,
            spawn=self.spawn, running=lambda: self.sessions.works and self.sessions.greeted.is_set(),
            greeted=self._greeted, left_out=self.left_out.tell,
        )  # fmt: skip
        self._questions: QuestionPreparer = QuestionPreparer(
            self.desk, self.writer, self.voicer, self.inbox, **common, on_air_product=self.product_on_air,
            spawn=self.spawn, running=lambda: self.sessions.works and self.booth.reconciled,
            answers=self.duty.takes, holds=self.duty.holds,
        )  # fmt: skip

    # ---- what others read

    @property
    def status(self) -> wire.Status | None:
        """Playout's last word of itself."""
        return self.booth.status

    @property
    def questions(self) -> QuestionPreparer:
        """Who prepares answers."""
        return self._questions

    @property
    def session(self) -> Session | None:
        """The last session."""
        return self.sessions.last

    @property
    def is_open(self) -> bool:
        """Whether a session is under way."""
        return self.session is not None and self.session.life in OPEN

    @property
    def session_id(self) -> str:
        """The open session's id, else empty."""
        return self.session.id if self.session is not None and self.is_open else ""

    @property
    def next_switch(self) -> Any:
        """The change of persona that comes, and how far it is prepared."""
        return self.changes.switch.next

    def catalog(self) -> Catalog:
        """The catalogue as it is now, live changes and platform included."""
        return self._catalog

    def on_air(self, at: datetime | None = None) -> schedule.OnAir:
        """What the timetable says for an instant (now)."""
        return schedule.on_air(self.settings, self._slots, self._override, at or self.now())

    def next_change(self, at: datetime | None = None) -> tuple[datetime, schedule.OnAir] | None:
        """The timetable's next change."""
        return schedule.next_change(self.settings, self._slots, self._override, at or self.now())

    def rundown_of(self, persona: str) -> str | None:
        """The script that a persona has in the timetable, or None: the room's default."""
        return next((slot.rundown for slot in self._slots if slot.persona == persona and slot.rundown), None)

    def product_on_air(self) -> str | None:
        """The product being presented."""
        line = self.desk.on
        if line is not None and line.place is not None:
            return product_at(self.desk.cast.rundown, line.place.segment)
        self.progress.enter(self.desk.cast.rundown)
        return product_at(self.desk.cast.rundown, self.progress.segment)

    async def view(self) -> dict[str, Any]:
        """Everything that an operator wants to know of the room."""
        return room_view(self)

    # ---- what a person may ask

    async def rehearse(self) -> None:
        """Start the whole chain with no destination."""
        await self.sessions.begin(Life.REHEARSAL)

    async def open(self) -> None:
        """Go on air; a rehearsal that runs goes on as the session."""
        await self.sessions.begin(Life.ON_AIR)

    async def close(self) -> None:
        """Say farewell and end the session."""
        await self.sessions.close()

    async def say(
        self, text: str, urgent: bool = False, by: str = "", *, confirmed: bool = False
    ) -> dict[str, Any]:
        """Have the host say what the person on duty wrote, after the compliance review."""
        return await self.steering.say(text, urgent, by, confirmed=confirmed)

    async def control(self, action: str, by: str = "") -> None:
        """Do one of the duty's actions; raises Refused for one that cannot be done now."""
        await self.steering.control(action, by)

    async def switch(
        self,
        persona: str,
        rundown: str | None,
        adapters: AdapterVersions | None,
        until: datetime | None,
    ) -> dict[str, Any]:
        """Put a persona, or other versions of her adapters, on by hand; says how far it is."""
        return await self.changes.by_hand(persona, rundown, adapters, until)

    async def messages(self, messages: list[ChatMessage]) -> Accepted:
        """Store viewers' messages; raises StoreUnavailable (send them again)."""
        return await self.reception.messages(messages)

    def events_seen(self, events: list[ChatEvent]) -> None:
        """What viewers did beside asking."""
        self.reception.events(events)

    async def reload_timetable(self) -> None:
        """Slots or the override changed in the store."""
        await self._read_timetable()
        self.changes.look_again()

    async def reload_outputs(self) -> None:
        """Destinations changed in the store."""
        await self.booth.tell_outputs()

    async def reload_catalog(self) -> None:
        """A product changed; what was prepared with an old fact is dropped when it is picked."""
        changes = await self.house.store.product_changes(self.id)
        changed, left_out = with_kept_changes(self.house.catalog, changes)
        self._catalog = changed.on_platform(self.settings.platform)
        if left_out:
            mend = "在控制台重新改这个商品 / change the product anew"
            self.house.alarms.raise_(self.id, "catalog", "; ".join(left_out), mend)
        else:
            self.house.alarms.clear(self.id, "catalog")

    def open_when_ready(self, within_s: float) -> None:
        """Go on air as soon as playout is there (the demo), unless a session is open already."""

        async def work() -> None:
            if await self.tasks.until(lambda: self.link.connected, within_s) and not self.is_open:
                await self.open()

        self.tasks.spawn(work(), "open")

    # ---- small things

    def _said(self, line: Line, phrase: wire.Phrase) -> None:
        self.record.said(line, phrase)
        self.changes.said()
        says_ai, now = discloses("".join(line.draft.texts)), self.now().timestamp()
        if says_ai:
            self.disclosing.said(line, now)
            if line.sent == 1:
                self.spawn(self.save(), "keep when it was disclosed")
        if line.kind is wire.PhraseKind.GREETING:
            self._greeted_at = now
            if not says_ai:
                self.disclosing.forget()  # it is said right after
            if line.cast is self.desk.cast and self.sessions.equipped is not self.desk.stock:
                self.house.events.publish(self.id, "switch", {"persona": line.cast.persona.id})
                self.tasks.spawn(self.sessions.equip(self.desk.stock), "equip")
        self.script.wake.set()

    def _stale(self, line: Line) -> None:
        """A line's facts are no longer true: it is forgotten and written anew."""
        if line is self.desk.on:
            self.desk.on = None
        if line.question is not None and line.heard == 0:
            keeps = line.by and self.true_now(line.draft) and self.clearance.refused(line) is None
            self._questions.prepare(line.question, line.draft if keeps else None, line.by if keeps else "")
        elif line.place is not None:
            self.script.seek(line.place.segment)
        elif line.kind is wire.PhraseKind.INSERT and line.heard == 0:
            self.spawn(self.steering.say_again(line), "an insert in another voice")

    def _question_changed(self, question: Question) -> None:
        self.inbox.changed(question)
        self.duty.changed(question)

    def _disclosure_due(self) -> bool:
        return self.disclosing.due(self.now().timestamp())

    def _greeted(self) -> bool:
        """Whether viewers hear her greeting now, soon, or heard it lately."""
        waits = any(line.kind is wire.PhraseKind.GREETING for line in self.desk.all_lines())
        return waits or self.now().timestamp() - self._greeted_at < WELCOME_AFTER_S

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.spawn(work, name)

    def _still_true(self, line: Line) -> bool:
        """Whether a line's facts hold and its words may be said, by the catalogue of this moment."""
        return self.true_now(line.draft) and self.clearance.refused(line) is None

    def true_now(self, draft: Draft) -> bool:
        """Whether the facts that a draft stands on hold at this moment."""
        return self.house.faq.stands(draft.facts) and answers.still_true(
            draft.facts, self._catalog, self.now()
        )

    def _card(self, product: str | None) -> wire.ProductCard | None:
        images = self.house.settings.catalog.parent
        return card(
            self._catalog, product, show_prices=self.settings.show_prices, images=images, now=self.now()
        )

    def _note(self, entry: dict[str, Any]) -> None:
        self.house.journal.append(self.id, self.session_id or "none", entry)

    def stock(self, cast: Cast) -> Stock:
        return standing_lines(cast, self._catalog.shop.name or "", split_phrases)

    def _rundown(self, rundown_id: str) -> Any:
        try:
            return self.house.settings.rundown(rundown_id)
        except KeyError:
            return None

    async def _read_timetable(self) -> None:
        stored = await self.house.store.slots(self.id)
        self._slots = tuple(one.slot for one in stored)
        self._override = await self.house.store.override(self.id)

    async def save(self) -> None:
        """Keep what a restart goes on with."""
        await self.store.save_room_state(
            {
                "progress": self.progress.kept(),
                "mode": self.desk.mode.value,
                "before_pause": self.steering.before_pause.value,
                "taken_by": self.desk.taken_by,
                "cut": self.record.cut,
                "disclosed_at": self.disclosing.at,
                "cast": kept(self.desk.cast),
            },
        )

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC)
