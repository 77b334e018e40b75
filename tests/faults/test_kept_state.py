"""What was said to be kept is there after the process died at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from livehost.journal import Journal
from livehost.store.protocol import QuestionState
from livehost.store.sqlite import open_sqlite

DIES = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from livehost.journal import Journal
from livehost.store.protocol import ChatMessage, QuestionState
from livehost.store.sqlite import open_sqlite

async def main(folder):
    async with open_sqlite(folder / "s.sqlite") as store, Journal(folder / "journal") as journal:
        messages = [ChatMessage(id=str(i), user=f"u{i}", text="多少钱", at=datetime.now(UTC)) for i in range(50)]
        await store.accept("demo", messages)
        await store.claim("demo", ["0", "1", "2", "3", "4"], answered_with="0")
        await store.settle("demo", "0", QuestionState.SENT)
        await store.claim("demo", ["5", "6"])
        for i in range(50):
            journal.append("demo", "s1", {"type": "fate", "id": f"p{i}"})
        assert await journal.flush()
        os._exit(9)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_kept_state_outlives_sudden_death(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DIES, str(tmp_path)]
    died = await asyncio.to_thread(
        subprocess.run, command, cwd=root, timeout=60, capture_output=True, check=False
    )
    assert died.returncode == 9, died.stderr
    async with open_sqlite(tmp_path / "s.sqlite") as store, Journal(tmp_path / "journal") as journal:
        questions = await store.questions("demo", limit=100)
        assert len(questions) == 50
        assert sum(one.state is QuestionState.SENT for one in questions) == 5
        assert await store.requeue_claimed("demo") == 2
        assert len(await store.waiting("demo", 100)) == 45
        assert journal.phrase_seen("demo", "s1", "p49")
        assert [entry["seq"] for entry in await journal.transcript("demo", "s1")] == list(range(1, 51))
