"""Going back to an earlier version, and taking one out of use."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livehost.promoted import (
    PROMOTED,
    read_promotion,
)
from livehost.promotion import PromotionRefused, rollback
from tests.scripted_engines import TODAY
from tests.unit.promotions import WHO, Place, refusal, verify


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


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
