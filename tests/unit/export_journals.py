"""Journals to export from, entry for entry as a show writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AT = "2026-11-{day:02d}T10:{minute:02d}:00.000+00:00"


@dataclass
class Show:
    """A session's journal in the making."""

    room: str = "demo"
    session: str = "s1"
    day: int = 20
    entries: list[dict[str, Any]] = field(default_factory=list)
    _count: int = 0

    def entry(self, **values: Any) -> None:
        """Any entry, with its number and instant."""
        at = AT.format(day=self.day, minute=len(self.entries) % 60)
        self.entries.append({"seq": len(self.entries) + 1, "at": at, "trace": "", **values})

    def answer(
        self,
        asked: str,
        text: str,
        core: str,
        *,
        user: str = "路人甲",
        fate: str = "finished",
        act: str = "answer",
        persona: str = "tang-lady",
        product: str | None = None,
        facts: tuple[dict[str, Any], ...] = (),
        **more: Any,
    ) -> str:
        """A question answered, in two phrases; returns the question's id."""
        self._count += 1
        question = f"m{self.session}-{self._count}"
        told = {
            "question": question,
            "asked": asked,
            "user": user,
            "act": act,
            "product": product,
            "facts": list(facts),
        }
        kind = "h" if act == "handover" else "q"
        self._line("answer", f"{kind}:{question}", text, core, persona, fate, **told, **more)
        return question

    def script(self, text: str, core: str, *, persona: str = "tang-lady", fate: str = "finished") -> None:
        """A line of the script."""
        self._count += 1
        place = f"s:tang-show:{self._count}:0:0"
        self._line("script", place, text, core, persona, fate, product=None, facts=[])

    def _line(self, kind: str, key: str, text: str, core: str, persona: str, fate: str, **more: Any) -> None:
        half = len(text) // 2
        for index, part in enumerate((text[:half], text[half:])):
            phrase = f"p{self.session}-{self._count}-{index}"
            common = {
                "id": phrase,
                "kind": kind,
                "trace": f"{key}#{index}/2",
                "persona": persona,
                "text": part,
            }
            told = {"source": "model", "line": f"l{self.session}-{self._count}", "core": core, **more}
            self.entry(type="say", **{**common, **told})
            self.entry(type="fate", **common, fate=fate if index else "finished", position=1, heard_s=1.0)

    def write(self, folder: Path) -> Path:
        """Write the session's file under a journal's folder; returns it."""
        path = folder / self.room / f"{self.session}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in self.entries), encoding="utf-8"
        )
        return path


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
