"""Which version may be promoted: evaluated on rows that bear it out, no worse than its rivals, with a consent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from livehost.promoted import (
    PROMOTED,
    PROMOTED_FILE,
    read_promotion,
)
from livehost.promotion import PromotionRefused, promote
from livehost.training.evaluation import EVALUATION_FILE
from services.lora.card import consent_problems, read_card, write_card
from tests.evaluations import evaluate
from tests.scripted_engines import TODAY, sha
from tests.unit.promotions import WHO, Place, descends, refusal, verify


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


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
def test_what_is_missing_is_named_and_nothing_changes(
    place: Place, spoil: Callable[[Place], object], told: str
) -> None:
    place.add("1", copied=18)
    place.promote("1")
    place.add("2", copied=20)
    before = (place.kind / PROMOTED_FILE).read_bytes()
    spoil(place)
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
    pointer = read_promotion(place.kind)
    assert pointer is not None and len(pointer.history) == 1
