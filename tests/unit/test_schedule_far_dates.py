"""Dates at the ends of the calendar are refused or taken, never an error of ours."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from livehost.schedule import SlotRefused, check_slot
from livehost.settings import Slot


def test_an_until_beyond_the_calendar_is_refused() -> None:
    slot = Slot(
        id="s", persona=None, first=date(2026, 1, 1), at=time(8), duration=timedelta(hours=1),
        rrule="FREQ=DAILY;UNTIL=99991231T235959Z",
    )  # fmt: skip
    with pytest.raises(SlotRefused):
        check_slot(slot, "Asia/Shanghai")
