"""Which questions an entry was made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from livehost.faq_asked import Kept
from livehost.store.protocol import FaqEntry, Question, QuestionState

SAVED = datetime(2026, 12, 1, 20, 0, tzinfo=UTC)


def question(text: str, *, later_s: float = -60.0, product: str | None = None) -> Question:
    at = SAVED + timedelta(seconds=later_s)
    return Question(
        id="q1", room="a", user="小鹿", text=text, at=at, state=QuestionState.HANDED_OVER, updated_at=at,
        detail={"product": product} if product else {},
    )  # fmt: skip


def kept(**values: Any) -> Kept:
    entry = {"questions": ["门店在哪"], "scope": "shop", "enabled": True, "at": SAVED.isoformat(), **values}
    return Kept([FaqEntry(id="e", values=entry, version=1)])


def test_whoever_asked_so_before_it_was_saved_waits_no_longer() -> None:
    assert kept().holds(question("@小棠 门店在哪"))
    assert kept().holds(question("门店在哪", later_s=0.4))
    assert not kept().holds(question("门店几点开门"))


def test_what_the_entry_left_unanswered_waits_for_a_person() -> None:
    assert not kept().holds(question("门店在哪", later_s=5))
    assert not kept(enabled=False).holds(question("门店在哪"))
    assert not kept(at=None).holds(question("门店在哪"))


@pytest.mark.parametrize(("product", "holds"), [("tea", False), ("soap", True), (None, True)])
def test_an_entry_for_a_product_answers_for_that_one(product: str | None, holds: bool) -> None:
    assert kept(scope="product:soap").holds(question("门店在哪", product=product)) is holds
