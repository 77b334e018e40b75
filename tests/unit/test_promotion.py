"""Promotion, rollback and retirement on the disk: who may, what is kept, and what a torn file does."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.library import Library, Shelved
from livehost.promoted import (
    PROMOTED,
    PROMOTED_FILE,
    PointerUnreadable,
    Promotion,
    changing,
    moved,
    read_promotion,
    write_promotion,
)
from livehost.promotion import PromotionRefused, promote, retire, rollback
from livehost.training.evaluation import EVALUATION_FILE
from services.lora.card import consent_problems, read_card, write_card
from tests.conftest import ROOT
from tests.evaluations import evaluate
from tests.scripted_engines import TODAY, sha, shelve

WHO = "anna"


def verify(shelved: Shelved) -> list[str]:
    """What the disk says, without a base."""
    return list(shelved.problems(TODAY))


def descends(folder: Path, parent: str) -> None:
    """Say in the card which version it was trained on from."""
    write_card(folder, read_card(folder).model_copy(update={"parent": parent}))


class Place:
    """A library with one persona's language adapters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kind = folder / "ann" / "language"
        self.library = Library(folder)

    def add(self, version: str, copied: int | None = None, until: date | None = date(2030, 1, 1)) -> Path:
        folder = shelve(self.folder, "ann", "language", version, until=until)
        if copied is not None:
            evaluate(folder, copied)
        return folder

    def promote(self, version: str, why: str = "") -> Promotion:
        shelved = self.library.find("ann", "language", version)
        return promote(self.library, shelved, by=WHO, verify=verify, without_evaluation=why)

    def rollback(self) -> str:
        return rollback(self.library, "ann", "language", by=WHO, verify=verify).promotion.version

    def retire(self, version: str, **named: str) -> None:
        shelved = self.library.find("ann", "language", version)
        retire(self.library, shelved, by=WHO, why="old", used=named)

    @property
    def worn(self) -> str:
        return self.library.worn("ann", "language", PROMOTED)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refusal(call: object, *args: str) -> str:
    with pytest.raises(PromotionRefused) as refused:
        call(*args)  # type: ignore[operator]
    assert all(refused.value.problems)
    return "\n".join(refused.value.problems)


def test_the_first_version_is_held_against_the_bare_base(place: Place) -> None:
    place.add("1", copied=20)
    assert place.worn == PROMOTED  # nothing is promoted: nothing comes on by that name
    assert (
        "no version of ann.language is promoted" in place.library.find("ann", "language", PROMOTED).errors[0]
    )
    assert place.promote("1").version == "1"
    assert place.worn == "1" and place.library.find("ann", "language", PROMOTED).id == "ann.language.1"
    evaluate(place.add("2"), 2, bare=10)
    (place.kind / PROMOTED_FILE).unlink()
    assert "bare base" in refusal(place.promote, "2")
    assert place.worn == PROMOTED


def test_a_version_must_be_no_worse_than_its_parent_and_the_promoted_one(place: Place) -> None:
    place.add("1", copied=12)
    place.add("2", copied=20)
    place.promote("1")
    place.promote("2")
    descends(place.add("3", copied=13), "1")
    told = refusal(place.promote, "3")
    assert "ann.language.2: 事实照抄率变差" in told and "ann.language.1" not in told
    descends(place.add("4", copied=9), "1")
    told = refusal(place.promote, "4")
    assert "ann.language.2:" in told
    descends(place.add("5", copied=21), "gone")  # a parent that is not here cannot be held against it
    assert place.promote("5").before == ("1", "2")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda place: (place.kind / "2" / EVALUATION_FILE).unlink(), "ann.language.2 还没有评估"),
        (lambda place: (place.kind / "1" / EVALUATION_FILE).unlink(), "ann.language.1 还没有评估"),
        (lambda place: (place.kind / "2" / EVALUATION_FILE).write_text("{"), "读不出"),
        (lambda place: evaluate(place.kind / "1", 20, data="other"), "was evaluated on other rows"),
        (lambda place: evaluate(place.kind / "2", 20, rows=12), "12 rows tell too little"),
        (lambda place: place.add("2", until=date(2026, 11, 30)), "ran out on 2026-11-30"),
        (lambda place: place.add("2", until=None), "consent: is missing"),
        (lambda place: (place.kind / "2" / "adapter.safetensors").unlink(), "copy the weights there"),
        (lambda place: place.retire("2"), "was retired"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_and_nothing_changes(place: Place, spoil: object, told: str) -> None:
    place.add("1", copied=18)
    place.promote("1")
    place.add("2", copied=20)
    before = (place.kind / PROMOTED_FILE).read_bytes()
    spoil(place)  # type: ignore[operator]
    assert told in refusal(place.promote, "2")
    assert (place.kind / PROMOTED_FILE).read_bytes() == before and place.worn == "1"


def _emptied(found: dict[str, Any]) -> None:
    found |= {"measures": {}, "bare": {}}
    for row in found["rows"]:
        row |= {"marks": {}, "bare_marks": {}}


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (_emptied, "facts_copied is missing"),
        (lambda found: found["measures"].pop("compliant"), "compliant is missing"),
        (lambda found: found["bare"].pop("facts_copied"), "bare_facts_copied is missing"),
        (lambda found: found["rows"][3]["marks"].pop("nll"), "rows are without perplexity"),
        (lambda found: found["rows"][3]["bare_marks"].pop("compliant"), "rows are without bare_compliant"),
        (
            lambda found: found["measures"].update(facts_copied=1.0),
            "facts_copied is not what its rows come to",
        ),
        (lambda found: found["bare"].update(perplexity=9.0), "bare_perplexity is not what its rows"),
        (lambda found: found["measures"].update(style_distance=0.2), "style_distance is not what its rows"),
        (lambda found: found["rows"][3].update(prompt="要点：59元"), "faithful is missing"),
        (lambda found: found.update(rows=[found["rows"][0]] * 24), "rows of one name"),
        (lambda found: found.update(rows=[]), "no rows"),
        (lambda found: found.update(kind="visual"), "of another kind"),
    ],
)
def test_an_evaluation_that_its_rows_do_not_bear_out_promotes_nothing(
    place: Place, forge: Callable[[dict[str, Any]], object], told: str
) -> None:
    file = place.add("1", copied=20) / EVALUATION_FILE
    found = json.loads(file.read_text())
    forge(found)
    file.write_text(json.dumps(found))
    assert told in refusal(place.promote, "1")
    assert place.worn == PROMOTED


@pytest.mark.parametrize(
    ("until", "told"),
    [
        ("2026-11-30", "consent.yaml.valid_until: ran out on 2026-11-30"),
        ("2025-01-01", "is before valid_from"),
    ],
)
def test_a_consent_that_the_persona_ended_ends_every_card_of_hers(
    place: Place, until: str, told: str
) -> None:
    place.add("1", copied=20)
    file = place.folder / "ann" / "consent.yaml"
    said = "subject: Ann\nscope: [words]\ndocument: note\nvalid_from: 2026-01-01\nvalid_until: "
    file.write_text(f"{said}2099-01-01\n")  # a later end does not lengthen the card's
    assert place.library.find("ann", "language", "1").consent(date(2031, 1, 1)) == "expired"
    assert place.library.find("ann", "language", "1").consent(TODAY) == "valid"
    file.write_text(f"{said}{until}\n")
    shelved = place.library.find("ann", "language", "1")
    assert told in " ".join(shelved.problems(TODAY)) and told in refusal(place.promote, "1")
    assert shelved.consent(TODAY) == ("expired" if shelved.card else "missing")
    card = read_card(place.kind / "1")  # the engines look for themselves
    told_there = consent_problems(card, today=TODAY, file=place.kind / "1" / "adapter.yaml")
    assert told in " ".join(told_there)


def test_a_parent_that_was_never_promoted_does_not_lower_what_is_asked(place: Place) -> None:
    evaluate(place.add("1"), 8, bare=23)
    assert "the bare base" in refusal(place.promote, "1")
    evaluate(place.add("2"), 8, bare=23)
    descends(place.kind / "2", "1")
    assert "the bare base" in refusal(place.promote, "2")
    evaluate(place.kind / "2", 23, bare=23)
    assert place.promote("2").version == "2"


def test_a_promoted_version_that_is_gone_leaves_the_bare_base_to_be_held_against(place: Place) -> None:
    place.add("1", copied=23)
    place.promote("1")
    (place.kind / "1" / "adapter.yaml").unlink()
    evaluate(place.add("2"), 8, bare=23)
    assert "the bare base" in refusal(place.promote, "2")


@pytest.mark.parametrize("which", ["1", "2"])
def test_what_was_judged_by_another_catalogue_is_evaluated_again_first(place: Place, which: str) -> None:
    known = {"catalogue": "aa", "style": "bb", "config": "my/room.yaml"}
    for version in ("1", "2"):
        evaluate(place.add(version), 20, settings={} if version == which else known)
    place.promote("1")
    told = refusal(place.promote, "2")
    assert "another catalogue and style" in told
    assert f"livehost adapters evaluate ann.language.{which} --data held.jsonl --config my/room.yaml" in told


def test_a_refusals_command_names_the_configuration(place: Place) -> None:
    place.add("1")
    shelved = place.library.find("ann", "language", "1")
    with pytest.raises(PromotionRefused, match=r"--data HELD-OUT --config my/room.yaml$"):
        promote(place.library, shelved, by=WHO, verify=verify, options="--config my/room.yaml")


def test_who_is_judged_without_her_style_is_told_how_to_be_judged_with_it(place: Place) -> None:
    for style in ("", "aa"):
        evaluate(place.add("1"), 8, bare=23, settings={"style": style})
        file = place.kind / "1" / EVALUATION_FILE
        found = json.loads(file.read_text())
        for part in (found["measures"], found["bare"], *(row["marks"] for row in found["rows"]),
                     *(row["bare_marks"] for row in found["rows"])):  # fmt: skip
            part["faithful"] = part["facts_copied"]
        file.write_text(json.dumps(found))
        told = refusal(place.promote, "1")
        assert "faithful share fell" in told
        again = "livehost adapters evaluate ann.language.1 --data held.jsonl --config CONFIG"
        assert (again in told) == (not style)


def test_an_evaluation_of_other_weights_counts_for_nothing(place: Place) -> None:
    place.add("1", copied=20)
    card = read_card(place.kind / "1")
    write_card(place.kind / "1", card.model_copy(update={"sha256": "0" * 64}))
    assert "of other weights" in refusal(place.promote, "1")


def test_a_reason_stands_in_for_an_evaluation_but_never_for_a_consent(place: Place) -> None:
    place.add("1")
    deed = place.promote("1", "the first show is tonight").history[-1]
    assert deed.why == "without an evaluation: the first show is tonight"
    assert (deed.by, deed.action, deed.sha256) == (WHO, "promote", sha("ann.language.1"))
    place.add("2", until=date(2026, 11, 30))
    assert "ran out" in refusal(place.promote, "2", "please")
    place.promote("1")  # once more: nothing is written
    assert len(read_promotion(place.kind).history) == 1  # type: ignore[union-attr]


def test_a_rollback_passes_over_what_cannot_be_used(place: Place) -> None:
    for version in "1234":
        place.add(version)
        place.promote(version, "a test")
    place.retire("3")
    place.add("2", until=date(2026, 11, 30))
    done = rollback(place.library, "ann", "language", by=WHO, verify=verify)
    assert (done.promotion.version, done.promotion.before) == ("1", ())
    assert "was retired" in done.passed_over["3"][0] and "ran out" in done.passed_over["2"][0]
    assert [one.action for one in done.promotion.history] == [*["promote"] * 4, "rollback"]
    assert "no version before" in refusal(place.rollback)
    assert place.worn == "1"


def test_a_rollback_that_finds_nothing_says_why_of_each(place: Place) -> None:
    for version in "12":
        place.add(version)
        place.promote(version, "a test")
    (place.kind / "1" / "adapter.safetensors").unlink()
    assert "ann.language.1: " in refusal(place.rollback) and place.worn == "2"
    assert "holds no bea.visual" in refusal(
        lambda: rollback(place.library, "bea", "visual", by=WHO, verify=verify)
    )


def test_retiring_marks_and_deletes_nothing(place: Place) -> None:
    for version in "123":
        place.add(version)
    place.promote("1", "a test")
    assert "is the promoted version" in refusal(place.retire, "1")
    with pytest.raises(PromotionRefused, match=r"personas\.ann"):
        place.retire("2", **{"ann.language.2": "personas.ann.adapters.language"})
    place.retire("2")
    place.retire("2")
    retired = place.library.find("ann", "language", "2")
    assert retired.retired and "by anna, old" in retired.problems(TODAY)[0]
    assert retired.lapses(TODAY) == ()  # where it is worn, its show may end
    assert (retired.folder / "adapter.safetensors").is_file()
    (retired.folder / "retired.yaml").write_text("at: [")
    assert "is not YAML" in place.library.find("ann", "language", "2").retired  # never by a torn file on air
    with pytest.raises(PromotionRefused):
        place.retire("9")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["1", "2", "3", "back"]), max_size=12))
def test_promotions_and_rollbacks_are_a_stack(deeds: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for version in "123":
            place.add(version)
        stack: list[str] = []
        for deed in deeds:
            if deed != "back":
                place.promote(deed, "a test")
                stack += [deed] if stack[-1:] != [deed] else []
            elif len(stack) > 1:
                stack.pop()
                place.rollback()
            else:
                refusal(place.rollback)
            assert place.worn == (stack[-1] if stack else PROMOTED)
        kept = read_promotion(place.kind)
        assert (list(kept.before) if kept else []) == stack[:-1]


def test_two_at_once_never_meet(place: Place) -> None:
    for version in "12345678":
        place.add(version)
    with changing(place.kind):
        assert "somebody else changes" in refusal(place.promote, "1", "a test")
    done: list[str] = []

    def work(version: str) -> None:
        try:
            Place(place.folder).promote(version, "a test")
            done.append(version)
        except PromotionRefused:
            pass

    threads = [threading.Thread(target=work, args=(version,)) for version in "12345678"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = read_promotion(place.kind)
    assert kept is not None and done
    assert sorted(one.version for one in kept.history) == sorted(done)
    assert [*kept.before, kept.version] == [one.version for one in kept.history]


KILLED = """
import sys
from pathlib import Path
from tests.unit.test_promotion import Place

place = Place(Path(sys.argv[1]))
while True:
    for version in "12":
        place.promote(version, "a test")
        print(version, flush=True)
"""


def test_who_is_killed_while_promoting_leaves_a_whole_pointer_and_no_lock(place: Place) -> None:
    for version in "12":
        place.add(version)
    for times in (1, 4, 9):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(place.folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(times)]
        process.kill()
        process.communicate()
        assert all(told)
        kept = read_promotion(place.kind)
        assert kept is not None and kept.version in "12"
        assert place.promote("12".replace(kept.version, ""), "a test").before[-1] == kept.version


def cuts(data: bytes) -> Iterator[bytes]:
    """A file as a disk may leave it: cut anywhere, or with a stretch of zeros."""
    yield from (data[:at] for at in range(0, len(data), 7))
    yield from (data[:at] + bytes(16) + data[at + 16 :] for at in range(0, len(data), 29))


def test_a_torn_pointer_is_named_and_never_read_as_another_version(place: Place) -> None:
    for version in "12":
        place.add(version)
        place.promote(version, "a test")
    file = place.kind / PROMOTED_FILE
    unclear = 0
    for torn in cuts(file.read_bytes()):
        file.write_bytes(torn)
        place.library = Library(place.folder)
        try:
            read_promotion(place.kind)
        except PointerUnreadable as error:
            unclear += 1
            assert str(file) in str(error) and "promote a version again" in str(error)
            assert place.worn == PROMOTED
            assert str(file) in place.library.find("ann", "language", PROMOTED).errors[0]
            assert str(file) in refusal(place.promote, "1", "a test")
            assert str(file) in refusal(place.retire, "1")
        else:
            assert place.worn == "2"
    assert unclear > 20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no fields"),
        ("- 1", "holds no fields"),
        ("version: promoted", "names itself"),
        ("version: ../../etc", "version"),
        ("version: '1'\nbefor: ['2']", "befor"),
        ("version: '1'\nbefore: '2'", "before"),
        ("a: &a [1]\nversion: *a", "a"),
        ("[" * 5000, "is not YAML"),
        ("version: 9999-99-99", "is not YAML"),
    ],
)
def test_a_pointer_that_is_broken_by_hand_is_one_clear_sentence(place: Place, text: str, told: str) -> None:
    place.add("1")
    (place.kind / PROMOTED_FILE).write_text(text)
    with pytest.raises(PointerUnreadable, match=told) as error:
        read_promotion(place.kind)
    assert "\n" not in str(error.value) and place.worn == PROMOTED


def test_a_pointer_written_by_hand_needs_only_its_version(place: Place) -> None:
    place.add("1")
    place.add("2.0")
    (place.kind / PROMOTED_FILE).write_text("version: 2.0\nbefore: [1]\n")
    assert place.worn == "2.0" and place.rollback() == "1"
    os.mkfifo(place.kind / "pipe")
    (place.kind / PROMOTED_FILE).unlink()
    (place.kind / "pipe").rename(place.kind / PROMOTED_FILE)
    with pytest.raises(PointerUnreadable, match="no plain file"):
        read_promotion(place.kind)


def test_a_full_disk_leaves_the_pointer_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in "12":
        place.add(version)
    place.promote("1", "a test")
    before = (place.kind / PROMOTED_FILE).read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in refusal(place.promote, "2", "a test")
    assert (place.kind / PROMOTED_FILE).read_bytes() == before
    assert [path.name for path in place.kind.glob(".promoted.yaml*")] == []


def test_the_history_is_bounded(place: Place) -> None:
    place.add("1")
    promotion = place.promote("1", "a test")
    deed = promotion.history[0]
    for _ in range(300):
        promotion = moved(promotion, deed, (*promotion.before, "1"))
    with changing(place.kind):
        write_promotion(place.kind, promotion)
    kept = read_promotion(place.kind)
    assert kept is not None and len(kept.history) == 200 and len(kept.before) == 50


def test_a_folder_of_the_reserved_name_is_no_version(place: Place) -> None:
    place.add("1")
    (place.kind / "1").rename(place.kind / PROMOTED)
    (found,) = place.library.all()
    assert "rename it" in found.errors[0] and found.card is None
