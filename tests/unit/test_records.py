"""The record by date: exported whole, in the room's days, without names for who may not see them; kept three years."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from livehost.__main__ import app
from livehost.journal import Journal
from livehost.journal_export import HIDDEN, Span, in_pieces, records, without_names, written
from livehost.journal_keeping import DELETIONS, sweep
from tests.fakes import FakeHouse, open_client, open_house
from tests.fakes import settings as a_configuration
from tests.unit.test_check_settings import CATALOG, plain

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def entry(at: str, seq: int = 1, **more: Any) -> dict[str, Any]:
    return {"seq": seq, "at": at, "trace": "", "type": "say", **more}


def keep(folder: Path, room: str, session: str, *entries: dict[str, Any]) -> Path:
    """A session's file of a journal."""
    file = folder / room / f"{session}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries), "utf-8")
    return file


def aged(file: Path, days: int) -> Path:
    """The file as if last touched so long before NOW."""
    at = (NOW - timedelta(days=days)).timestamp()
    os.utime(file, (at, at))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three days of one room; the second begins late in the evening of UTC's first."""
    keep(
        tmp_path,
        "a",
        "s2",
        entry("2026-11-25T15:59:59.999+00:00"),
        entry("2026-11-25T16:00:00.000+00:00", 2, user="小鹿", asked="多少钱"),
    )
    keep(tmp_path, "a", "s1", entry("2026-11-24T10:00:00.000+00:00", text="第一天"))
    keep(tmp_path, "a", "s3", entry("2026-11-26T16:00:00.000+00:00", text="第三天"))
    keep(tmp_path, "b", "s9", entry("2026-11-25T10:00:00.000+00:00"))
    return tmp_path  # fmt: skip


def days(folder: Path, first: str | None, last: str | None) -> list[tuple[str, int]]:
    span = Span.of_days(first and date.fromisoformat(first), last and date.fromisoformat(last), SHANGHAI)  # type: ignore[arg-type]
    return [(one["session"], one["seq"]) for one in records(folder, "a", span)]


def test_a_day_is_the_rooms_own_and_sessions_are_in_order(folder: Path) -> None:
    assert days(folder, None, None) == [("s1", 1), ("s2", 1), ("s2", 2), ("s3", 1)]
    assert days(folder, "2026-11-26", "2026-11-26") == [("s2", 2)]
    assert days(folder, None, "2026-11-25") == [("s1", 1), ("s2", 1)]
    assert days(folder, "2026-11-27", None) == [("s3", 1)]
    assert days(folder, "2026-11-27", "9999-12-31") == [("s3", 1)]
    with pytest.raises(ValueError, match="before the first"):
        Span.of_days(date(2026, 2, 1), date(2026, 1, 1), SHANGHAI)


def test_a_torn_line_and_a_foreign_file_cost_nothing_else(folder: Path) -> None:
    with (folder / "a" / "s1.jsonl").open("a") as file:
        file.write('not json\n{"seq": 2, "at": "2026')
    (folder / "a" / "empty.jsonl").write_text("")
    assert len(days(folder, None, None)) == 4


def test_csv_is_a_table_for_excel_and_no_formula_is_run(folder: Path) -> None:
    keep(
        folder,
        "a",
        "s4",
        entry("2026-11-28T00:00:00+00:00", asked="=HYPERLINK(1)", facts=[{"field": "price"}], extra=1),
    )
    text = b"".join(written(records(folder, "a", Span()), "csv"))
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert text.startswith(b"\xef\xbb\xbf") and len(rows) == 5
    assert rows[-1]["asked"] == "'=HYPERLINK(1)" and json.loads(rows[-1]["facts"]) == [{"field": "price"}]
    assert json.loads(rows[-1]["rest"]) == {"extra": 1} and rows[2]["user"] == "小鹿"  # fmt: skip


@pytest.mark.parametrize(
    "begins",
    [
        "=",
        " =",
        "\n=",
        "\r",
        "\t",
        " ",
        "\u3000+",
        "+",
        "-",
        "@",
        "＝",
        "＋",
        "－",
        "＠",
        "\xa0＝",
        "\ufeff=",
    ],
)
def test_no_cell_begins_as_a_formula_does(begins: str) -> None:
    table = b"".join(written([{"text": f"{begins}1+1"}], "csv")).decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(table, newline="")))["text"] == f"'{begins}1+1"


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["user", "text", "type", "n"]), st.text() | st.integers() | st.none())
    )
)
def test_whatever_is_in_an_entry_comes_out_whole(entries: list[dict[str, Any]]) -> None:
    lines = b"".join(in_pieces(written(entries, "jsonl"), at_least=7)).splitlines()
    assert [json.loads(line) for line in lines] == entries
    assert (
        len(list(csv.reader(io.StringIO(b"".join(written(entries, "csv")).decode("utf-8-sig")))))
        == len(entries) + 1
    )


def test_without_names_nothing_tells_who_it_was() -> None:
    said = entry("x", user="小鹿乱撞", user_id="77", asked="我的电话13812345678 多少钱", text="现在59元")
    hidden = without_names(said)
    assert hidden["user"] == hidden["user_id"] == HIDDEN and "13812345678" not in hidden["asked"]
    assert hidden["text"] == "现在59元" and said["user"] == "小鹿乱撞"
    told = without_names(
        entry("x", type="duty", user="小鹿", who="u77", why="小鹿问过", answer="小鹿，59元", note="u77")
    )
    assert (told["why"], told["answer"], told["note"]) == ("***问过", "***，59元", HIDDEN)
    assert without_names({"user": "好", "answer": "好的"})["answer"] == "好的"
    assert "13812345678" not in without_names({"text": "加13812345678"}, asked=True)["text"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[FakeHouse]:
    async with open_house(tmp_path) as house:
        house.journal.entries["room-a", "s1"] = [
            entry("2026-11-25T10:00:00+00:00", user="小鹿", asked="多少钱")
        ]
        yield house


@pytest.mark.parametrize(
    ("role", "name"), [("viewer", HIDDEN), ("trainer", HIDDEN), ("operator", "小鹿"), ("duty", "小鹿")]
)
async def test_names_are_for_those_who_answer_viewers(house: FakeHouse, role: str, name: str) -> None:
    async with open_client(house, role) as client:
        answer = await client.get("/v1/rooms/room-a/records?from=2026-11-01&to=2026-11-30")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/x-ndjson")
        assert 'filename="room-a_2026-11-01_2026-11-30.jsonl"' in answer.headers["content-disposition"]
        assert json.loads(answer.text)["user"] == name
        table = await client.get("/v1/rooms/room-a/records?format=csv")
        assert next(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))["user"] == name
        script = await client.get("/v1/rooms/room-a/transcript?session=s1")
        assert script.json()["items"][0]["user"] == name


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=2026-12-01&to=2026-11-01", 422),
        ("from=yesterday", 422),
        ("format=pdf", 422),
        ("to=9999-12-31", 200),
    ],
)
async def test_what_cannot_be_read_is_said(house: FakeHouse, query: str, status: int) -> None:
    async with open_client(house) as client:
        answer = await client.get(f"/v1/rooms/room-a/records?{query}")
        assert answer.status_code == status and (status == 200 or answer.json()["mend"])


async def test_nobody_reads_it_without_a_token(house: FakeHouse) -> None:
    async with open_client(house, None) as client:
        assert (await client.get("/v1/rooms/room-a/records")).status_code == 401
        assert isinstance(client, httpx.AsyncClient)


def test_only_what_is_past_its_time_goes_and_that_is_recorded(tmp_path: Path) -> None:
    old = aged(keep(tmp_path, "a", "old", entry("2026-01-01T00:00:00+00:00")), 1461)
    near = aged(keep(tmp_path, "a", "near", entry("2026-12-29T00:00:00+00:00")), 1099)
    copied = aged(keep(tmp_path, "a", "copied", entry("2026-01-01T00:00:00+00:00")), 3)
    alone = aged(keep(tmp_path, "b", "only", entry("2020-01-01T00:00:00+00:00")), 3650)
    assert sweep(tmp_path, 1100, NOW) == 1 and sweep(tmp_path, 1100, NOW) == 0
    assert not old.exists() and all(one.exists() for one in (near, copied, alone))
    (row,) = [json.loads(line) for line in (tmp_path / DELETIONS).read_text().splitlines()]
    assert (row["room"], row["session"], row["keep_days"]) == ("a", "old", 1100) and len(row["sha256"]) == 64


def test_where_the_deletion_cannot_be_recorded_nothing_goes(tmp_path: Path) -> None:
    old = aged(keep(tmp_path, "a", "old", entry("2026-01-01T00:00:00+00:00")), 1461)
    aged(keep(tmp_path, "a", "new", entry("2029-12-01T00:00:00+00:00")), 30)
    (tmp_path / DELETIONS).mkdir()
    with pytest.raises(OSError, match="deletions"):
        sweep(tmp_path, 1100, NOW)
    assert old.exists()


async def test_what_a_running_journal_holds_can_be_exported(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        journal.append("a", "s", {"type": "say", "text": "一"})
        assert await journal.flush()
        assert [one["text"] for one in journal.records("a", Span())] == ["一"]
        with pytest.raises(ValueError, match="journal"):
            list(journal.records("../a", Span()))


def test_fewer_than_three_years_are_refused(tmp_path: Path) -> None:
    kept = a_configuration(tmp_path)
    assert kept.journal.keep_days >= 1096
    with pytest.raises(ValueError, match="1096"):
        type(kept).model_validate({**kept.model_dump(), "journal": {"keep_days": 90}})


def test_the_command_writes_the_record(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump(plain(), allow_unicode=True), "utf-8")
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), "utf-8")
    keep(tmp_path / "state" / "journal", "demo", "s", entry("2026-11-25T10:00:00+00:00", user="小鹿"))
    asked = ["journal", "--config", str(config), "--room", "demo"]
    whole = CliRunner().invoke(app, [*asked, "--from", "2026-11-25", "--to", "2026-11-25"])
    assert whole.exit_code == 0, whole.output
    assert json.loads(whole.stdout)["user"] == "小鹿"
    assert CliRunner().invoke(app, [*asked, "--day", "2026-11-25"]).stdout == whole.stdout
    assert CliRunner().invoke(app, [*asked, "--day", "2026-11-24"]).stdout == ""
    assert HIDDEN in CliRunner().invoke(app, [*asked, "--no-names"]).stdout
    assert CliRunner().invoke(app, [*asked, "--format", "csv"]).stdout.startswith("\ufeffat,session")
    for wrong in (
        ["--from", "x"], ["--format", "pdf"], ["--from", "2026-02-01", "--to", "2026-01-01"],
        ["--day", "2026-02-01", "--to", "2026-02-02"],
    ):  # fmt: skip
        failed = CliRunner().invoke(app, [*asked, *wrong])
        assert failed.exit_code == 1 and wrong[0] in failed.output and "Traceback" not in failed.output
    nowhere = CliRunner().invoke(app, [*asked[:3], "--room", "none"])
    assert nowhere.exit_code == 1 and "--room" in nowhere.output
