"""`python -m bench.words [--quick]`: who words a live show.

A demo room on air with the fixtures' catalogue, both embedded bases and the demo's adapters; once the host is
dressed, the fixtures' questions that want an answer are asked one after another, faster than she can say the
answers, so this says nothing of how soon one comes (`bench.show` does). From the journal:

`answers_by_model`   share of the answers (act: answer) that the model worded; the rest was the template's
`template_because`   why the template spoke, counted
`script_by_model`    the same share of the script's lines
`late_frames`        frames that left after they were due, since the host was dressed

Ends with one JSON object; raw rows in `bench/out/words.csv`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bench import rows
from tests.conftest import ROOT
from tests.e2e.embedded import speak_embedded
from tests.e2e.models import dressed, engines_ready, with_models
from tests.e2e.stage import Stage, a_stage, now, slot

APART_S = 7.0
PERSONA, RUNDOWN = "tang-evening", "evening-wellness"


def measure(quick: bool, every: int) -> dict[str, Any]:
    """Run the show and read what it left."""
    lines = (ROOT / "tests/data/questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [row for row in map(json.loads, lines) if row["act"] == "answer"][::every][: 8 if quick else None]
    with tempfile.TemporaryDirectory(prefix="livehost-bench-") as name:
        folder = Path(name)
        slots = [slot(PERSONA, RUNDOWN, begin=now() - timedelta(hours=1), minutes=600)]
        with a_stage(folder, slots=slots) as stage:
            speak_embedded(stage)
            with_models(stage, ROOT / "adapters", catalog=str(_catalog(folder)))
            return _show(stage, asked)


def _catalog(folder: Path) -> Path:
    """The fixtures' catalogue beside the demo's pictures."""
    (folder / "images").symlink_to(ROOT / "configs/images")
    copy = folder / "catalog.yaml"
    copy.write_bytes((ROOT / "tests/data/catalog.yaml").read_bytes())
    return copy


def _show(stage: Stage, asked: list[dict[str, Any]]) -> dict[str, Any]:
    stage.start()
    stage.until(partial(engines_ready, stage), 120, "both engines have their base")
    stage.post("session", action="open").raise_for_status()
    stage.until(partial(dressed, stage, PERSONA), 120, "the host is dressed")
    late_before = stage.room()["counters"]["late_frames"]
    for row in asked:
        stage.ask(row["id"], row["text"])
        time.sleep(APART_S)
    late = stage.room()["counters"]["late_frames"] - late_before
    stage.post("session", action="close").raise_for_status()
    stage.stop()
    journal = stage.journal()
    said = [entry for entry in journal if entry["type"] == "say"]
    answers = {e["question"]: e for e in said if e["kind"] == "answer" and e.get("act") == "answer"}
    script = [e for e in said if e["kind"] == "script" and e["trace"].partition("#")[2].startswith("0/")]
    script = script[len(script) // 4 :]  # the first lines were written before she was dressed
    rows.write(
        "words", ("id", "asked", "source", "why", "text"),
        [(key, e["asked"], e["source"], e.get("why", ""), e["text"]) for key, e in answers.items()],
    )  # fmt: skip
    return {
        "persona": PERSONA,
        "questions": len(asked),
        "answers": len(answers),
        "answers_by_model": _share(list(answers.values())),
        "template_because": dict(
            Counter(e.get("why", "") for e in answers.values() if e["source"] != "model")
        ),
        "script_by_model": _share(script),
        "script_lines": len(script),
        "late_frames": late,
    }


def _share(entries: list[dict[str, Any]]) -> float:
    return round(sum(entry["source"] == "model" for entry in entries) / max(1, len(entries)), 3)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.words", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="ask each N-th question only")
    given = parser.parse_args()
    figures = measure(given.quick, given.every)
    for name, value in figures.items():
        print(f"{name:24} {value!s:>12}")
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
