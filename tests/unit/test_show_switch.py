"""A change of persona and of her dress on a virtual clock: all at once, prepared ahead, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from livehost.desk import Desk, same_role
from livehost.director import Director
from livehost.dressing import Dress, Dresser
from livehost.lines import Cast, Draft, Line, Worn
from livehost.preparers import ScriptPreparer
from livehost.progress import Progress
from livehost.schedule import OnAir, Reason
from livehost.settings import AdapterVersions, LookVariant, Portrait
from livehost.switching import Fitting, LookFailed, Next, SwitchPreparer
from livehost.tasks import Tasks
from livehost.voicing import Voicer, standing_lines
from livehost.wardrobe import Wardrobe
from services import wire
from services.wire import PhraseKind
from tests.scripted import EPOCH, ScriptedPlayout, ScriptedVoices, a_cast, loop_clock
from tests.scripted_engines import TODAY, ScriptedEngine, a_wardrobe, sha, shelve
from tests.unit.test_show_director import CATALOG
from tests.virtual_time import run_virtual

LONG = 240.0


def a_dressable(persona: str, version: str = "1", variants: tuple[LookVariant, ...] = ()) -> Cast:
    """A plain cast with adapters and a portrait."""
    cast = a_cast(persona)
    portrait = Portrait(prompt=f"{persona} in a room", variants=variants)
    own = cast.persona.model_copy(update={"portrait": portrait})
    return replace(cast, persona=own, versions=AdapterVersions(language=version, visual=version))


@dataclass
class ModelLike:
    """Words everything by the adapter that the cast wears, as the model writer does."""

    async def script(
        self, segment: Any, cast: Cast, catalog: Any, now: datetime, choose: Callable[..., int]
    ) -> tuple[int, Draft]:
        index = choose(list(enumerate(segment.wordings)))
        texts = tuple(segment.wordings[index].split("，"))
        source = "model" if cast.language_adapter else "template"
        return index, Draft(texts, product=segment.product, source=source, adapter=cast.language_adapter)

    async def answer(self, *_: Any, **more: Any) -> Draft:
        raise NotImplementedError


@dataclass
class Said:
    """What went out, as the journal would have it."""

    persona: str
    look: str
    language: str
    visual: str
    source: str
    words_of: str
    kind: PhraseKind
    at: float


@dataclass
class Stage:
    """One room of scripted parts with a timetable that the test writes."""

    desk: Desk
    switch: SwitchPreparer
    dresser: Dresser
    wardrobe: Wardrobe
    playout: ScriptedPlayout
    tasks: Tasks
    voicer: Voicer
    slots: list[tuple[float, Cast]]
    said: list[Said] = field(default_factory=list)
    coming: list[Next | None] = field(default_factory=list)
    dresses: list[Dress] = field(default_factory=list)
    refused_looks: set[str] = field(default_factory=set)
    taken_looks: list[str] = field(default_factory=list)

    @property
    def language(self) -> ScriptedEngine:
        assert isinstance(self.wardrobe.engines.language, ScriptedEngine)
        return self.wardrobe.engines.language

    @property
    def vision(self) -> ScriptedEngine:
        assert isinstance(self.wardrobe.engines.vision, ScriptedEngine)
        return self.wardrobe.engines.vision

    async def until(self, condition: Callable[[], object], limit_s: float = LONG) -> None:
        async with asyncio.timeout(limit_s):
            while not condition():
                await asyncio.sleep(0.05)

    def want(self, cast: Cast) -> None:
        """Put a cast on now, as an override does."""
        self.slots = [(asyncio.get_running_loop().time(), cast)]
        self.switch.wake.set()
        self.dresser.wake.set()

    def on(self, at: datetime) -> OnAir:
        since, cast = [one for one in self.slots if one[0] <= (at - EPOCH).total_seconds()][-1]
        return OnAir(
            persona=cast.persona.id, rundown=None, slot=None, since=EPOCH + timedelta(seconds=since),
            until=None, reason=Reason.SLOT,
        )  # fmt: skip

    def next(self, at: datetime) -> tuple[datetime, OnAir] | None:
        later = [one for one in self.slots if one[0] > (at - EPOCH).total_seconds()]
        if not later:
            return None
        when = EPOCH + timedelta(seconds=later[0][0])
        return when, self.on(when)

    def cast_of(self, on: OnAir) -> Cast | None:
        return next(cast for _, cast in reversed(self.slots) if cast.persona.id == on.persona)

    def states(self) -> list[str]:
        return [one.state for one in self.coming if one is not None]


@asynccontextmanager
async def a_stage(
    folder: Path, slots: list[tuple[float, Cast]], *, takes_s: float = 0.5, prepare_s: float = 30.0
) -> AsyncIterator[Stage]:
    wardrobe = a_wardrobe(folder, "ann", "bea", takes_s=takes_s)
    cast = slots[0][1]
    stock = standing_lines(cast, "棠小铺", lambda text, language: (text,))
    desk = Desk(cast, stock)
    voicer = Voicer(ScriptedVoices(takes_s=0.1))
    playout = ScriptedPlayout(lambda phrase, fate: desk.fated(phrase.id, fate) and None)

    async with Tasks("test") as tasks:

        async def take_look(worn: Worn) -> None:
            await asyncio.sleep(0.3)
            if worn.name in stage.refused_looks:
                raise LookFailed("playout cannot decode it")
            stage.taken_looks.append(worn.name)

        async def pin() -> None:
            await wardrobe.pin("room", (desk.cast, desk.redress, stage.switch.prepared))

        fitting = Fitting(wardrobe, "room", take_look=take_look)
        switch = SwitchPreparer(
            desk, voicer, fitting, prepare_s=prepare_s, clock=loop_clock, on_air=lambda at: stage.on(at),
            next_change=lambda at: stage.next(at), cast_for=lambda on: stage.cast_of(on),
            stock_for=lambda cast: standing_lines(cast, "棠小铺", lambda text, language: (text,)),
            running=lambda: True, told=lambda one: stage.coming.append(one),
        )  # fmt: skip
        dresser = Dresser(
            desk, fitting, clock=loop_clock, wanted=lambda: stage.cast_of(stage.on(loop_clock())),
            running=lambda: True, is_open=lambda: True, changed=lambda one: stage.dresses.append(one), pin=pin,
        )  # fmt: skip
        stage = Stage(desk, switch, dresser, wardrobe, playout, tasks, voicer, slots)
        script = ScriptPreparer(
            desk, ModelLike(), voicer, Progress(), catalog=lambda: CATALOG, clock=loop_clock,
            card=lambda product: wire.ProductCard(product=product or "", name="x"), spawn=tasks.spawn,
            running=lambda: True,
        )  # fmt: skip

        def said(line: Line, phrase: wire.Phrase) -> None:
            stage.said.append(
                Said(
                    phrase.persona, phrase.look, line.cast.language_adapter, line.cast.visual_adapter,
                    line.draft.source, line.draft.adapter, phrase.kind, asyncio.get_running_loop().time(),
                )
            )  # fmt: skip

        def stale(line: Line) -> None:
            if line.place is not None:
                script.seek(line.place.segment)

        desk.orphaned = stale
        director = Director(
            desk, playout, still_true=lambda line: True, said=said, stale=stale, session=lambda: "s"
        )
        for lines in (*stock.lines.values(), stock.resumes):
            for line in lines:
                tasks.spawn(voicer.voice(line, lambda: None), "stock")
        for work, name in (
            (playout.play, "play"), (director.run, "director"), (script.run, "script"),
            (switch.run, "switch"), (dresser.run, "dresser"),
        ):  # fmt: skip
            tasks.keep(work, name)
        yield stage


def whole(stage: Stage) -> None:
    """Every phrase is one persona's: her look, her adapters, her adapter's words."""
    for one in stage.said:
        assert one.look.startswith(f"builtin:{one.persona}"), one
        assert one.language in ("", *(sha(f"{one.persona}.language.{n}") for n in "12")), one
        assert one.visual in ("", *(sha(f"{one.persona}.visual.{n}") for n in "12")), one
        assert one.words_of in ("", one.language), one
        assert ("@" in one.look) == bool(one.visual), one
        assert one.look in (stage.said[0].look, *stage.taken_looks), "playout holds no such look"


def played(
    folder: Path, slots: list[tuple[float, Cast]], body: Callable[[Stage], Awaitable[None]], **how: Any
) -> None:
    async def work() -> None:
        async with a_stage(folder, slots, **how) as stage:
            await body(stage)
            whole(stage)

    run_virtual(work())


def test_a_room_begins_at_once_and_is_dressed_at_a_phrase_without_farewell_or_greeting(
    tmp_path: Path,
) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: stage.said)
        assert stage.said[0].look == "builtin:ann" and stage.said[0].at < 2
        await stage.until(lambda: any(one.visual for one in stage.said))
        await stage.until(lambda: sum(one.source == "model" for one in stage.said) > 4)
        first = next(n for n, one in enumerate(stage.said) if one.visual)
        assert all(one.visual and one.language for one in stage.said[first:])
        kinds = {one.kind for one in stage.said}
        assert not kinds & {PhraseKind.GREETING, PhraseKind.FAREWELL}
        assert max(stage.playout.gaps()) <= 1.0
        assert set(stage.language.pins["room"]) == {sha("ann.language.1")}
        assert stage.dresses[-1].state == "dressed"

    played(tmp_path, [(0, a_dressable("ann"))], body, takes_s=4.0)


def test_a_slot_changes_words_look_and_adapters_with_one_phrase(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: sum(one.persona == "bea" for one in stage.said) > 8)
        first = next(n for n, one in enumerate(stage.said) if one.persona == "bea")
        assert stage.said[first - 1].kind is PhraseKind.FAREWELL
        assert stage.said[first].kind is PhraseKind.GREETING
        assert stage.said[first].at >= 60
        for one in stage.said[first:]:
            assert (one.language, one.visual) == (sha("bea.language.1"), sha("bea.visual.1"))
        assert {one.persona for one in stage.said[:first]} == {"ann"}
        assert max(stage.playout.gaps()) <= 1.0
        states = stage.states()
        assert [s for n, s in enumerate(states) if n == 0 or states[n - 1] != s] == [
            "waiting",
            "preparing",
            "ready",
        ]
        assert any(
            one and set(one.parts) == {"language", "visual", "look", "greeting"} for one in stage.coming
        )

    played(tmp_path, [(0, a_dressable("ann")), (60, a_dressable("bea"))], body)


@pytest.mark.parametrize(
    ("part", "break_it"),
    [
        ("language", lambda s: s.language.refuses.update({"bea.language.1": ("q_proj.lora_A: NaN",)})),
        ("visual", lambda s: s.vision.refuses.update({"bea.visual.1": ("to_q: shape 4x3", "to_k: shape")})),
        ("look", lambda s: s.vision.refuses.update({"bea in a room": ("the picture is black",)})),
        ("language", lambda s: setattr(s.language, "ready", False)),
        ("visual", lambda s: setattr(s.vision, "error", "no base")),
        ("look", lambda s: s.refused_looks.add(made("bea"))),
    ],
)
def test_a_part_that_fails_keeps_the_persona_is_named_and_tried_again(
    tmp_path: Path, part: str, break_it: Callable[[Stage], None]
) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: any(one.visual for one in stage.said))
        break_it(stage)
        if stage.vision.error:
            stage.vision.ready = False
        await stage.until(lambda: asyncio.get_running_loop().time() > 90)
        failed = [one for one in stage.coming if one is not None and one.state == "failed"]
        assert failed and failed[-1].part == part and failed[-1].error
        assert failed[-1].parts[part] == "failed" and failed[-1].tries > 1
        assert {one.persona for one in stage.said} == {"ann"}
        assert PhraseKind.FAREWELL not in {one.kind for one in stage.said}
        stage.language.refuses.clear()
        stage.vision.refuses.clear()
        stage.refused_looks.clear()
        stage.language.ready = stage.vision.ready = True
        stage.vision.error = ""
        await stage.until(lambda: stage.said[-1].persona == "bea")
        assert stage.said[-1].language == sha("bea.language.1")

    played(tmp_path, [(0, a_dressable("ann")), (40, a_dressable("bea"))], body, prepare_s=20)


def made(persona: str, prompt: str = "") -> str:
    """The name of the look that the scripted engine makes."""
    visual = sha(f"{persona}.visual.1")
    key = sha(f"{prompt or f'{persona} in a room'} {visual} 0")
    return f"builtin:{persona}@{key[:12]}"


def test_an_adapter_whose_consent_ran_out_or_that_is_gone_is_not_staged(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        shelve(tmp_path / "adapters", "bea", "visual", until=date(2026, 11, 30))
        await stage.until(lambda: asyncio.get_running_loop().time() > 50)
        failed = [one for one in stage.coming if one is not None and one.state == "failed"]
        assert failed[-1].part == "visual" and "ran out" in failed[-1].error
        assert "stage bea.visual.1" not in stage.vision.asked
        (tmp_path / "adapters/bea/visual/1/adapter.safetensors").unlink()
        await stage.until(lambda: "is missing" in (stage.coming[-1].error if stage.coming[-1] else ""))
        assert {one.persona for one in stage.said} == {"ann"}

    played(tmp_path, [(0, a_dressable("ann")), (40, a_dressable("bea"))], body, prepare_s=20)


def test_a_consent_that_runs_out_on_air_takes_the_adapters_off(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: any(one.visual for one in stage.said))
        await stage.until(lambda: stage.said[-1].persona == "bea")
        stage.wardrobe.today = lambda: date(2030, 1, 2)
        await stage.until(lambda: not stage.said[-1].visual)
        assert stage.said[-1].look == "builtin:bea" and not stage.said[-1].language
        assert any(one.state == "lapsed" and "ran out" in one.error for one in stage.dresses)
        await asyncio.sleep(60)
        assert not any(one.visual for one in stage.said[-10:])

    played(tmp_path, [(0, a_dressable("ann")), (40, a_dressable("bea"))], body)


def test_a_card_that_cannot_be_read_on_air_is_told_and_keeps_the_next_off(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: any(one.visual for one in stage.said))
        for persona in ("ann", "bea"):
            (tmp_path / f"adapters/{persona}/visual/1/adapter.yaml").write_text("a: [", encoding="utf-8")
        await stage.until(lambda: stage.dresser.dress.state == "failed")
        assert "cannot be checked" in stage.dresser.dress.error and stage.dresser.dress.part == "visual"
        await stage.until(lambda: asyncio.get_running_loop().time() > 100)
        assert stage.coming[-1] is not None and stage.coming[-1].state == "failed"
        assert stage.said[-1].persona == "ann" and stage.said[-1].visual
        for persona in ("ann", "bea"):
            shelve(tmp_path / "adapters", persona, "visual")
        await stage.until(lambda: stage.said[-1].persona == "bea" and stage.said[-1].visual)
        await stage.until(lambda: stage.dresser.dress.state == "dressed")

    played(tmp_path, [(0, a_dressable("ann")), (60, a_dressable("bea"))], body, prepare_s=20)


def test_what_nobody_foresaw_is_named_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(stage: Stage) -> None:
        def fails(*_: Any) -> Any:
            raise OverflowError("unforeseen")

        await stage.until(lambda: any(one.visual for one in stage.said))
        with monkeypatch.context() as broken:
            broken.setattr(stage.wardrobe.library, "find", fails)
            await stage.until(lambda: stage.dresser.dress.state == "failed")
            assert "unforeseen" in stage.dresser.dress.error
            await stage.until(lambda: asyncio.get_running_loop().time() > 80)
            coming = stage.coming[-1]
            assert coming is not None and (coming.state, coming.part) == ("failed", "language")
            assert "unforeseen" in coming.error and 0 < coming.tries < 10
        with monkeypatch.context() as broken:
            broken.setattr(stage.wardrobe, "has_looks", fails)
            broken.setattr(stage.wardrobe, "needs", fails)
            await stage.until(lambda: stage.dresser.dress.part == "look")
        await stage.until(lambda: stage.said[-1].persona == "bea" and stage.said[-1].visual)
        await stage.until(lambda: stage.dresser.dress.state == "dressed")

    played(tmp_path, [(0, a_dressable("ann")), (50, a_dressable("bea"))], body, prepare_s=20)


def test_another_version_comes_on_and_goes_without_a_greeting_and_no_word_of_the_old_one(
    tmp_path: Path,
) -> None:
    async def body(stage: Stage) -> None:
        for kind in ("language", "visual"):
            shelve(tmp_path / "adapters", "ann", kind, "2")
        await stage.until(lambda: sum(one.source == "model" for one in stage.said) > 3)
        for version in ("2", "1"):
            before = len(stage.said)
            stage.want(a_dressable("ann", version))
            new = sha(f"ann.language.{version}")

            def enough(new: str = new, before: int = before) -> bool:
                return sum(one.words_of == new for one in stage.said[before:]) > 6

            await stage.until(enough)
            later = stage.said[before:]
            first = next(n for n, one in enumerate(later) if one.language == new)
            assert all(one.language == new for one in later[first:])
            assert not {one.kind for one in later} & {PhraseKind.GREETING, PhraseKind.FAREWELL}

    played(tmp_path, [(0, a_dressable("ann"))], body)


def test_a_version_that_cannot_be_had_leaves_the_one_on_air(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: any(one.visual for one in stage.said))
        stage.want(a_dressable("ann", "9"))
        await stage.until(lambda: stage.dresses[-1].state == "failed")
        await asyncio.sleep(20)
        assert stage.said[-1].language == sha("ann.language.1")
        assert stage.dresses[-1].part == "language" and "does not exist" in stage.dresses[-1].error

    played(tmp_path, [(0, a_dressable("ann"))], body)


def test_who_is_wanted_by_hand_comes_as_soon_as_she_is_ready(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: len(stage.said) > 3)
        asked = asyncio.get_running_loop().time()
        stage.want(a_dressable("bea"))
        await stage.until(lambda: stage.said[-1].persona == "bea")
        assert stage.said[-1].at - asked < 15

    played(tmp_path, [(0, a_dressable("ann"))], body)


def test_a_slow_preparation_is_given_up_when_somebody_else_is_wanted(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: any(one.visual for one in stage.said))
        stage.vision.takes_s = 500.0
        stage.want(a_dressable("bea"))
        await stage.until(lambda: "stage bea.visual.1" in stage.vision.asked)
        stage.want(a_dressable("ann"))
        await stage.until(lambda: stage.coming[-1] is None, 5)
        await asyncio.sleep(30)
        assert {one.persona for one in stage.said} == {"ann"}

    played(tmp_path, [(0, a_dressable("ann"))], body)


def test_a_product_is_presented_in_its_own_look_and_a_variant_that_fails_is_left_out(tmp_path: Path) -> None:
    variants = (
        LookVariant(id="red", prompt="ann in red", products=("p1",)),
        LookVariant(id="black", prompt="ann in black", products=("p0",)),
    )

    async def body(stage: Stage) -> None:
        stage.vision.refuses["ann in black"] = ("too dark",)
        await stage.until(lambda: any(one.visual for one in stage.said))
        await asyncio.sleep(60)
        assert {one.look for one in stage.said if one.visual} == {made("ann", "ann in red"), made("ann")}

    played(tmp_path, [(0, a_dressable("ann", variants=variants))], body)


def test_she_comes_on_before_her_variants_are_made(tmp_path: Path) -> None:
    red = LookVariant(id="red", prompt="bea in red", products=("p1",))

    async def body(stage: Stage) -> None:
        await stage.until(lambda: any(one.visual for one in stage.said))
        stage.vision.takes_s = 12.0  # adapter and look fit into the time, the variant would not
        await stage.until(lambda: any(one.persona == "bea" for one in stage.said))
        first = next(one for one in stage.said if one.persona == "bea")
        assert first.at < 60 and stage.vision.asked[-1] != "look bea in red"
        await stage.until(lambda: any(one.look == made("bea", "bea in red") for one in stage.said))
        assert max(stage.playout.gaps()) <= 1.0
        assert stage.dresses[-1].state == "dressed" and "finishing" in {one.state for one in stage.dresses}

    slots = [(0, a_dressable("ann")), (50, a_dressable("bea", variants=(red,)))]
    played(tmp_path, slots, body)


def test_a_playout_that_restarted_decodes_the_next_look_before_she_comes(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(lambda: stage.states() and stage.states()[-1] == "ready")
        assert stage.switch.prepared is not None
        stage.switch.forget()
        assert stage.switch.prepared is None
        await stage.until(lambda: stage.said[-1].persona == "bea")
        assert stage.states().count("ready") == 2

    played(tmp_path, [(0, a_dressable("ann")), (60, a_dressable("bea"))], body)


def test_a_playout_that_restarts_while_the_next_is_prepared_decodes_her_look_anew(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.until(
            lambda: stage.switch.next is not None and stage.switch.next.parts.get("greeting") == "preparing"
        )
        before = [look for look in stage.taken_looks if look.startswith("builtin:bea")]
        stage.switch.forget()
        await stage.until(lambda: stage.switch.prepared is not None)
        after = [look for look in stage.taken_looks if look.startswith("builtin:bea")]
        assert len(after) == len(before) + 1

    played(tmp_path, [(0, a_dressable("ann")), (60, a_dressable("bea"))], body)


def test_without_engines_nothing_is_asked_for(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        stage.wardrobe.engines = replace(stage.wardrobe.engines, language=None, vision=None)
        await stage.until(lambda: stage.said and stage.said[-1].persona == "bea")
        assert {one.look for one in stage.said} == {"builtin:ann", "builtin:bea"}
        assert {one.source for one in stage.said} == {"template"}

    played(tmp_path, [(0, a_dressable("ann")), (40, a_dressable("bea"))], body)


def test_a_line_in_an_older_dress_is_taken_over_but_not_another_adapters_words() -> None:
    plain = a_dressable("ann")
    worn = replace(plain, language_adapter="new", dressed=True)
    desk = Desk(worn, standing_lines(worn, "", lambda text, language: (text,)))
    mine = Line(kind=PhraseKind.ANSWER, cast=plain, draft=Draft(texts=("好",)))
    old = Line(kind=PhraseKind.ANSWER, cast=plain, draft=Draft(texts=("好",), adapter="old"))
    other = Line(kind=PhraseKind.ANSWER, cast=a_cast("bea"), draft=Draft(texts=("好",)))
    assert desk.adopt(mine) and mine.cast is worn
    assert not desk.adopt(old) and not desk.adopt(other)
    assert same_role(plain, worn)


def test_an_answer_in_an_older_adapters_words_is_written_again_when_the_dress_changes() -> None:
    old = replace(a_dressable("ann"), language_adapter="old", dressed=True)
    desk = Desk(old, standing_lines(old, "", lambda text, language: (text,)))
    given_back: list[Line] = []
    desk.orphaned = given_back.append
    answers = [
        Line(kind=PhraseKind.ANSWER, cast=old, draft=Draft(texts=("好",), adapter=words))
        for words in ("old", "")
    ]
    for line in answers:
        desk.lay(line)
    desk.redress = replace(old, language_adapter="new")
    desk.pick(held_s=9.0)
    assert given_back == [answers[0]]
    assert list(desk.answers) == [answers[1]] and answers[1].cast is desk.cast
    assert all(line.cast is desk.cast for turn in desk.stock.lines.values() for line in turn)


def test_what_the_duty_wrote_is_given_back_at_a_switch_and_not_said_in_the_old_voice(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        given_back: list[Line] = []
        await stage.until(lambda: stage.states() and stage.states()[-1] == "ready")
        stage.desk.orphaned = given_back.append
        late = Line(kind=PhraseKind.INSERT, cast=stage.desk.cast, draft=Draft(texts=("还没有声音",)))
        stage.desk.lay(late)
        await stage.until(lambda: stage.said[-1].persona == "bea")
        assert given_back == [late] and late not in stage.desk.inserts

    played(tmp_path, [(0, a_dressable("ann")), (40, a_dressable("bea"))], body)


def test_a_consent_that_ends_between_ready_and_the_slot_keeps_her_off(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        shelve(tmp_path / "adapters", "bea", "language", until=TODAY)
        await stage.until(lambda: stage.states() and stage.states()[-1] == "ready")
        stage.wardrobe.today = lambda: TODAY + timedelta(days=1)
        await stage.until(lambda: stage.states()[-1] == "failed")
        assert stage.coming[-1] is not None and "ran out" in stage.coming[-1].error
        await asyncio.sleep(20)
        assert {one.persona for one in stage.said} == {"ann"}

    played(tmp_path, [(0, a_dressable("ann")), (40, a_dressable("bea"))], body)
