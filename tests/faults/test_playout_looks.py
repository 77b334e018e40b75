"""Looks come and go in a real playout: memory stays bounded, what is on air stays, a forgotten one returns."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import wire
from services.playout.painter import stand_in_look
from services.playout.station import KEPT_LOOKS
from tests.conftest import wait_until
from tests.playout import Playout, phrase

pytestmark = pytest.mark.show


async def test_the_least_used_look_is_forgotten_and_decoded_again_when_asked_for(tmp_path: Path) -> None:
    playout = Playout(tmp_path / "p")
    await playout.start()
    try:
        await playout.connect()
        playout.open()

        async def take(name: str) -> None:
            count = len(playout.all(wire.LookReady))
            playout.send(wire.PrepareLook(look=name, path="builtin:evening"))
            await wait_until(lambda: len(playout.all(wire.LookReady)) > count, 20)
            assert playout.all(wire.LookReady)[-1].ok

        async def wear(name: str, number: int) -> None:
            playout.send(phrase(f"p{number}", 0.3, look=name, session="s1"))
            await wait_until(lambda: playout.status().look == name, 10)

        for number in range(KEPT_LOOKS + 2):
            await take(f"evening@{number}")
        await wear(f"evening@{KEPT_LOOKS + 1}", 1)
        playout.send(phrase("p2", 0.3, look="evening@0", session="s1"))  # it is forgotten: she stays
        await wait_until(lambda: playout.all(wire.Fated, lambda fated: fated.id == "p2"), 10)
        assert playout.status().look == f"evening@{KEPT_LOOKS + 1}"
        await take("evening@0")
        await wear("evening@0", 3)
    finally:
        await playout.stop()


def test_who_stands_in_for_a_made_look_is_the_posed_one_it_was_made_from() -> None:
    for name in ("morning", "tangzhuang"):
        found = stand_in_look(f"builtin:{name}@0123456789ab", 360, 640)
        own = stand_in_look(f"builtin:{name}", 360, 640)
        assert found is not None and own is not None and found.name == own.name
