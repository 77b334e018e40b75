"""Who is on duty, and what becomes of an answer, as pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehost.answers import Fact
from livehost.desk import Mode
from livehost.duty_policy import AWAY_AFTER_S, Handling, Presence, Unattended, handling
from livehost.lines import Draft

BEGAN = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
PRICE = Draft(texts=("到手49元",), facts=(Fact("p", "price", "49"),))
ENTRY = Draft(texts=("孕妈请先问医生",), facts=(Fact("p", "faq.2", "孕妈请先问医生"),))
BOOK = Draft(texts=("到手49元",), facts=(Fact("", "faq_book.e1", "到手49元"), Fact("p", "price", "49")))
HANDOVER = Draft(texts=("请客服确认",), act="handover", source="fixed")
DISCLOSE = Draft(texts=("我是AI主播",), act="disclose")


@pytest.mark.parametrize(
    ("mode", "policy", "verdict", "draft", "wanted"),
    [
        (Mode.AUTO, None, "pass", PRICE, Handling.SAY),
        (Mode.AUTO, None, "review", PRICE, Handling.HAND_OVER),
        (Mode.AUTO, None, "review", ENTRY, Handling.SAY),
        (Mode.REVIEW, None, "pass", PRICE, Handling.HOLD),
        (Mode.REVIEW, None, "pass", ENTRY, Handling.HOLD),
        (Mode.REVIEW, None, "pass", DISCLOSE, Handling.SAY),
        (Mode.REVIEW, None, "pass", HANDOVER, Handling.SAY),
        (Mode.MANUAL, None, "pass", PRICE, Handling.HOLD),
        (Mode.AUTO, Unattended.ANSWER, "pass", PRICE, Handling.SAY),
        (Mode.AUTO, Unattended.FAQ_ONLY, "pass", PRICE, Handling.HAND_OVER),
        (Mode.AUTO, Unattended.FAQ_ONLY, "pass", ENTRY, Handling.SAY),
        (Mode.AUTO, Unattended.FAQ_ONLY, "review", BOOK, Handling.SAY),
        (Mode.REVIEW, Unattended.FAQ_ONLY, "pass", ENTRY, Handling.SAY),
        (Mode.REVIEW, Unattended.ANSWER, "pass", PRICE, Handling.HOLD),
        (Mode.AUTO, Unattended.FAQ_ONLY, "pass", DISCLOSE, Handling.SAY),
    ],
)
def test_what_becomes_of_an_answer(
    mode: Mode, policy: Unattended | None, verdict: str, draft: Draft, wanted: Handling
) -> None:
    assert handling(mode, policy, verdict, draft) is wanted  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.sampled_from("李韩"), st.floats(0, 1200), st.sampled_from(["seen", "left"])), max_size=12
    ),
    st.floats(0, 2000),
)
def test_a_room_is_unattended_exactly_when_the_last_sign_of_life_is_too_old(
    signs: list[tuple[str, float, str]], look_s: float
) -> None:
    presence = Presence(absent_s=300, began=BEGAN)
    last = 0.0
    for name, at, what in sorted(signs, key=lambda sign: sign[1]):
        if what == "seen":
            presence.seen(name, BEGAN + timedelta(seconds=at))
            last = max(last, at)
        else:
            presence.left(name)
    now = BEGAN + timedelta(seconds=look_s)
    if look_s >= last:
        assert presence.absent(now) == (presence.alone_s(now) > 300)
        assert presence.alone_s(now) == pytest.approx(look_s - last, abs=1e-3)
    for person in presence.people(now):
        assert (now - person.seen).total_seconds() <= AWAY_AFTER_S and person.since <= person.seen


def test_who_comes_back_after_a_while_is_there_since_then() -> None:
    presence = Presence(absent_s=300, began=BEGAN)
    presence.seen("李雷", BEGAN)
    presence.seen("李雷", BEGAN + timedelta(seconds=AWAY_AFTER_S))
    (person,) = presence.people(BEGAN + timedelta(seconds=AWAY_AFTER_S))
    assert person.since == BEGAN
    late = BEGAN + timedelta(seconds=AWAY_AFTER_S * 3)
    assert presence.people(late) == []
    presence.seen("李雷", late)
    assert presence.people(late)[0].since == late
    presence.left("李雷")
    assert presence.people(late) == [] and not presence.absent(late)
