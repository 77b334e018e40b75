"""The check refuses the lines that the air would refuse, at their place and with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from livehost.check import Problem, SettingsProblems, read_settings
from livehost.compliance.phrases import Phrases
from tests.unit.test_check_settings import plain, write
from tests.unit.test_clearance_named import CREAM, PAN, TEA

CATALOG = {"products": [PAN, TEA, CREAM], "shop": {"name": "小铺"}}


def checked(folder: Path, *segments: dict[str, Any], **persona: Any) -> list[Problem]:
    """The problems of a configuration with these segments, and with this changed of its persona."""
    data = plain()
    data["rundowns"] = [{"id": "talk", "segments": [{"id": f"s{n}"} | one for n, one in enumerate(segments)]}]
    data["personas"][0] |= persona
    file = write(folder, data)
    (folder / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), encoding="utf-8")
    try:
        read_settings(file, {}, "zh")
    except SettingsProblems as found:
        return list(found.problems)
    return []


@pytest.mark.parametrize(
    ("words", "caught"),
    [
        ("炒锅今天只要99元", "99元"),
        ("茶叶全场包邮哦", "包邮"),
        ("面霜能祛红血丝", "红血丝"),
        ("这款茶降脂", "降脂"),
    ],
)
@pytest.mark.parametrize("product", ["pan", "tea", None])
def test_a_script_line_that_the_air_refuses_is_a_problem_at_its_line(
    tmp_path: Path, words: str, caught: str, product: str | None
) -> None:
    segment = {"wordings": ["大家好，欢迎来。", words]} | ({"product": product} if product else {})
    (found,) = checked(tmp_path, segment)
    assert found.key == "rundowns.talk.segments.s0.wordings.1"
    assert (
        found.line is not None and words in (tmp_path / "house.yaml").read_text().splitlines()[found.line - 1]
    )
    assert caught in found.message and words in found.message and "商品目录" in found.mend


def test_lines_that_the_air_lets_through_are_none(tmp_path: Path) -> None:
    wordings = ["炒锅今天129元", "茶叶59元，2号链接", "炒锅包邮", "喜欢什么打在公屏上"]
    assert checked(tmp_path, {"wordings": wordings}) == []


def test_a_segment_without_a_product_is_said_of_the_one_that_is_shown(tmp_path: Path) -> None:
    tea = {"product": "tea", "wordings": ["2号链接，{price}元。"]}
    pan = {"product": "pan", "wordings": ["1号链接，{price}元。"]}
    more = {"wordings": ["喝了能降脂，59元。"]}
    (found,) = checked(tmp_path, tea, more)
    assert "降脂" in found.message and "59元" not in found.message.split("：“")[0]
    (found,) = checked(tmp_path, tea, pan, {"wordings": ["今天59元。"]})
    assert "59元" in found.message


def test_a_standing_line_of_a_persona_is_judged_alike(tmp_path: Path) -> None:
    (found,) = checked(tmp_path, {"wordings": ["大家好。"]}, greeting=["大家好，我是{self}，茶叶降脂。"])
    assert "降脂" in found.message and "greeting" in found.key


def test_phrase_rules_that_cannot_be_read_are_a_problem_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "version: 1\ngroups: 5\n"
    monkeypatch.setattr("livehost.compliance.phrases.packaged", lambda: Phrases.parse(broken, "phrases.yaml"))
    (found,) = checked(tmp_path, {"wordings": ["茶叶全场包邮哦"]})
    assert found.file == "phrases.yaml" and "groups" in found.message
