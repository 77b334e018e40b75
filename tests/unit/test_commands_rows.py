"""The commands that take rows, as somebody meets them who never used them: help, and what is no row."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from livehost.__main__ import app
from tests.conftest import ROOT

CATALOG = str(ROOT / "tests/data/catalog.yaml")


@pytest.mark.parametrize(
    "command",
    [
        "", "serve", "demo", "check", "ask", "review", "read", "journal", "train", "dataset build", "export",
        "adapters", "adapters promote",
    ],
)  # fmt: skip
def test_every_command_has_a_short_way_to_its_help(command: str) -> None:
    told = CliRunner().invoke(app, [*command.split(), "-h"], env={"COLUMNS": "110"})
    assert told.exit_code == 0 and "Usage" in told.output and "-h" in told.output


@pytest.mark.parametrize("command", [["ask", "--catalog", CATALOG], ["review"], ["read"]])
@pytest.mark.parametrize("line", ["多少钱", "[1]", '{"text": 3}', '"text"'])
def test_what_is_no_row_is_told_in_a_sentence(command: list[str], line: str) -> None:
    told = CliRunner().invoke(app, command, input=line + "\n")
    assert told.exit_code == 1 and isinstance(told.exception, SystemExit)
    assert "text" in told.stderr and "Traceback" not in told.output


@pytest.mark.parametrize("now", ["2026-11-26T20:00:00", "2026-11-26T20:00:00+08:00", "2026-11-26"])
def test_an_instant_with_no_offset_is_this_machines(now: str) -> None:
    row = {"text": "用券以后到手多少钱", "on_air": "cleanser-01"}
    told = CliRunner().invoke(app, ["ask", "--catalog", CATALOG, "--now", now], input=json.dumps(row))
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["answer"]["text"]
