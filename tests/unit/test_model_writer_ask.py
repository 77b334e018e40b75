"""`livehost ask`: which path spoke, as a persona, with her adapter on an engine of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.openai_server import BASE, KEY, serving
from tests.tiny_language import write_adapter, write_base

QUESTIONS = [{"text": "多少钱", "on_air": "serum-02"}, {"text": "你是真人吗"}, {"text": "哈哈哈"}]


def configuration(folder: Path, language: dict[str, Any]) -> Path:
    """The demo with another language model and a library of its own; its persona's adapter is there."""
    base = write_base(folder / "base")
    shelf = folder / "adapters" / "tang-morning" / "language"
    write_adapter(shelf / "1", base, persona="tang-morning")
    (shelf / "promoted.yaml").write_text('version: "1"\n', "utf-8")
    demo = yaml.safe_load((ROOT / "configs" / "demo.yaml").read_text(encoding="utf-8"))
    demo |= {
        "catalog": str(ROOT / "configs" / "catalog.yaml"),
        "include": [str(ROOT / "configs" / name) for name in demo["include"]],
        "state_dir": str(folder / "state"),
        "models": {"language": language},
        "adapters": str(folder / "adapters"),
    }
    del demo["rooms"][0]["slots"]
    file = folder / "demo.yaml"
    file.write_text(yaml.safe_dump(demo, allow_unicode=True), encoding="utf-8")
    return file


async def ask(*options: str, rows: list[dict[str, Any]] = QUESTIONS) -> tuple[int, list[dict[str, Any]], str]:
    """What the command answers: its status, its rows, what it says to people."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "livehost", "ask", "--now", "2026-11-26T10:00:00+08:00", *options,
        cwd=ROOT, stdin=-1, stdout=-1, stderr=-1,
    )  # fmt: skip
    sent = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    out, told = await asyncio.wait_for(process.communicate(sent), 120)
    assert process.returncode is not None
    return process.returncode, [json.loads(line) for line in out.splitlines()], told.decode()


async def test_without_a_model_the_rows_are_the_templates() -> None:
    """The plain command: no persona, no engine."""
    code, rows, _ = await ask("--catalog", "tests/data/catalog.yaml")
    assert code == 0
    assert [row["answer"]["path"] for row in rows] == ["template"] * 3
    assert [row["answer"]["act"] for row in rows] == ["answer", "disclose", "ignore"]
    assert "169元" in rows[0]["answer"]["text"]


async def test_as_a_persona_a_server_words_the_answer(tmp_path: Path) -> None:
    """The adapter is loaded, the facts are worded, disclosure and silence stay the templates'."""
    async with serving() as server:
        server.say = lambda model, user: f"看到啦，{user.split('【要点】')[1]}哦"
        config = configuration(
            tmp_path, {"engine": "openai", "url": server.url, "key": KEY, "model": BASE, "deadline_s": 20}
        )
        code, rows, told = await ask("--config", str(config), "--persona", "tang-morning", "--model")
        assert code == 0, told
        first, second, third = (row["answer"] for row in rows)
        assert (first["path"], first["why"]) == ("model", "") and len(first["adapter"]) == 64
        assert first["text"].startswith("看到啦，维C紧致精华液") and "169元哦" in first["text"]
        assert {fact["field"] for fact in first["facts"]} == {"name", "price"}
        assert (second["path"], second["act"], second["adapter"]) == ("template", "disclose", "")
        assert (third["path"], third["text"]) == ("template", "")
        assert server.asked[0]["model"] == f"tang-morning.language.1-{first['adapter'][:12]}"
        assert KEY not in told


async def test_words_that_will_not_do_are_the_templates_with_the_reason(tmp_path: Path) -> None:
    """A base of random weights on an engine in its own process."""
    config = configuration(
        tmp_path, {"engine": "transformers", "base": str(tmp_path / "base"), "deadline_s": 20}
    )
    code, rows, told = await ask(
        "--config", str(config), "--persona", "tang-morning", "--model", rows=QUESTIONS[:1]
    )
    assert code == 0, told
    assert rows[0]["answer"]["path"] == "template" and rows[0]["answer"]["why"]
    assert "169元" in rows[0]["answer"]["text"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--persona", "tang-morning"), "--config"),
        (("--catalog", "tests/data/catalog.yaml", "--model"), "--persona"),
        ((), "--catalog"),
        (("--config", "configs/demo.yaml", "--persona", "nobody"), "tang-morning"),
    ],
)
async def test_what_is_missing_is_said(options: tuple[str, ...], told: str) -> None:
    """Status 1 and what to add."""
    code, rows, error = await ask(*options)
    assert code == 1 and not rows and told in error and "Traceback" not in error
