"""What the demo's viewers hear: every line can be said, sounds short enough and tells no number of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from livehost.catalog import Catalog
from livehost.check import read_settings
from livehost.rundown import PLACEHOLDERS, fill
from livehost.settings import Settings
from services.speech.phrases import estimate_s, split_phrases
from services.wire import MAX_PHRASE_S

LINES = ("greeting", "farewell", "bridges", "resumes", "reserve", "disclosure")
KINDS = {"welcome", "benefit", "scene", "explain", "price", "interact", "service", "next"}
NOW = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    state = str(tmp_path_factory.mktemp("state"))
    return read_settings(root / "configs/demo.yaml", {"LIVEHOST_STATE": state}, review=False)


@pytest.fixture(scope="module")
def catalog(demo: Settings) -> Catalog:
    return Catalog.load(demo.catalog)


def test_every_product_has_its_picture(demo: Settings, catalog: Catalog) -> None:
    for product in catalog.products:
        assert product.image and (demo.catalog.parent / "images" / product.image).is_file()


def test_every_persona_has_lines_enough_and_all_are_short(demo: Settings) -> None:
    for persona in demo.personas:
        for name, least in zip(LINES, (3, 3, 6, 6, 6, 3), strict=True):
            lines: tuple[str, ...] = getattr(persona, name)
            assert len(set(lines)) == len(lines) >= least, (persona.id, name)
            for line in lines:
                said = line.format(
                    self=persona.style.self_name, address=persona.style.address[0], shop="棠小铺"
                )
                assert all(estimate_s(phrase) <= MAX_PHRASE_S for phrase in split_phrases(said)), said


def test_personas_do_not_share_a_word_of_address(demo: Settings) -> None:
    addresses = [set(persona.style.address) for persona in demo.personas]
    names = {persona.style.self_name for persona in demo.personas}
    assert len(names) == 3
    assert (
        not addresses[0] & addresses[1]
        and not addresses[1] & addresses[2]
        and not addresses[0] & addresses[2]
    )


def test_every_wording_can_be_said_today(demo: Settings, catalog: Catalog) -> None:
    words = {"self": "小棠", "address": "各位看官"}
    for rundown in demo.rundowns:
        assert {segment.kind for segment in rundown.segments} >= KINDS, rundown.id
        said: list[str] = []
        for segment in rundown.segments:
            for wording in segment.wordings:
                filled = fill(wording, segment.product, catalog, NOW, words=words)
                assert filled is not None, wording
                assert all(estimate_s(one) <= MAX_PHRASE_S for one in split_phrases(filled.text)), filled.text
                said.append(filled.text)
        assert len(set(said)) == len(said)


def test_numbers_come_from_the_catalogue_only(demo: Settings) -> None:
    own_number = re.compile(r"[0-9０-９]|[一二三四五六七八九十百千万]+(?:元|块|折|件|%)")
    for rundown in demo.rundowns:
        for segment in rundown.segments:
            for wording in segment.wordings:
                assert not own_number.search(wording), wording
                names = set(re.findall(r"\{(\w+)\}", wording))
                assert names <= {*PLACEHOLDERS, "self", "address", "shop"}


def test_a_health_food_says_that_it_is_no_medicine(demo: Settings, catalog: Catalog) -> None:
    for rundown in demo.rundowns:
        for product in catalog.products:
            own = [
                one for one in rundown.segments if one.product == product.id and one.id.endswith("-explain")
            ]
            if product.category == "health_food" and own:
                assert any("不能代替药物" in wording for segment in own for wording in segment.wordings)
