"""A whole livehost for tests: a configuration in a folder of its own, the real processes, their API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from services import wire
from tests.conftest import ROOT, free_port

TOKEN = "duty-token-of-the-tests"
HOOK = "hook-token-of-the-tests"
ROOM = "demo"


class Stage:
    """Starts `livehost serve`, asks its API, reads its journal and recordings, ends it."""

    def __init__(self, folder: Path, *, outputs: list[dict[str, str]], slots: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "config.yaml"
        self.port, red = free_port(), free_port()
        self.red_button = f"http://127.0.0.1:{red}"
        configs = ROOT / "configs"
        parts = [
            "personas.yaml",
            *(f"rundowns/{path.name}" for path in (configs / "rundowns").glob("*.yaml")),
        ]
        self.config.write_text(
            yaml.safe_dump(
                {
                    "state_dir": str(self.state),
                    "catalog": str(configs / "catalog.yaml"),
                    "include": [str(configs / part) for part in parts],
                    "api": {
                        "port": self.port,
                        "red_button_port": red,
                        "tokens": [{"role": "duty", "token": TOKEN}],
                    },
                    "rooms": [
                        {
                            "id": ROOM,
                            "default_persona": "tang-morning",
                            "default_rundown": "morning-skincare",
                            "zone": "Asia/Shanghai",
                            "prepare_s": 20,
                            "outputs": outputs,
                            "slots": slots,
                            "webhook": {"token": HOOK},
                        }
                    ],
                },
                allow_unicode=True,
            ),
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (folder / "livehost.log").open("wb")
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=20,
        )

    # ---- processes

    def start(self) -> None:
        """Start the service and return when its room's playout is linked."""
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "livehost", "serve", str(self.config)],
            cwd=ROOT,
            env=env,
            stdout=self._log,
            stderr=self._log,
        )
        self.until(lambda: self.room()["playout"]["connected"], 40, "playout is linked")

    def stop(self) -> float:
        """End the service; returns how many seconds that took."""
        assert self._process is not None
        begun = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        return time.monotonic() - begun

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.client.close()
        self._log.close()

    def pid_of(self, part: str) -> int:
        """The process id of this service's child whose command line holds `part`; 0 if there is none."""
        assert self._process is not None
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                status = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if int(status[1]) == self._process.pid and part in words:
                return int(entry.name)
        return 0

    def kill_show(self) -> int:
        """Kill the show with -9; returns its process id."""
        pid = self.pid_of("show")
        os.kill(pid, signal.SIGKILL)
        return pid

    # ---- the API

    def room(self) -> dict[str, Any]:
        """The room's view."""
        answer = self.client.get(f"/v1/rooms/{ROOM}")
        answer.raise_for_status()
        return dict(answer.json())

    def post(self, path: str, **body: Any) -> httpx.Response:
        """POST to the room."""
        return self.client.post(f"/v1/rooms/{ROOM}/{path}", json=body)

    def ask(self, question_id: str, text: str) -> dict[str, Any]:
        """A viewer's message over the generic webhook."""
        answer = self.client.post(
            f"/v1/webhooks/generic/{ROOM}",
            json={"id": question_id, "user": "小鹿", "text": text, "at": now().isoformat()},
            headers={"Authorization": f"Bearer {HOOK}"},
        )
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def questions(self) -> dict[str, dict[str, Any]]:
        """All questions by id."""
        answer = self.client.get(f"/v1/rooms/{ROOM}/questions", params={"limit": 200})
        answer.raise_for_status()
        return {row["id"]: row for row in answer.json()["items"]}

    def until(self, condition: Callable[[], object], timeout_s: float, what: str) -> float:
        """Wait for a condition; an API that does not answer counts as not yet. Returns the seconds."""
        begun = time.monotonic()
        while True:
            try:
                if condition():
                    return time.monotonic() - begun
            except (httpx.HTTPError, KeyError):
                pass
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() - begun > timeout_s:
                raise AssertionError(f"not within {timeout_s} s: {what}\n{self.log()[-3000:]}")
            time.sleep(0.1)

    # ---- playout's own socket

    def cue(self, count: int) -> None:
        """Have playout flash and beep."""
        import socket

        link = socket.socket(socket.AF_UNIX)
        link.settimeout(5)
        link.connect(str(self.state / "run" / ROOM / "control.sock"))
        with link:
            link.sendall(wire.encode(wire.Hello(role="supervisor", room=ROOM)))
            link.sendall(wire.encode(wire.TestCue(count=count, every_s=1.0)))
            time.sleep(0.3)

    # ---- what is left behind

    def log(self) -> str:
        """What the processes printed."""
        return (self.folder / "livehost.log").read_text(errors="replace")

    def journal(self) -> list[dict[str, Any]]:
        """Every entry of every session, in order."""
        files = sorted((self.state / "journal" / ROOM).glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines() if line]

    def recordings(self) -> list[Path]:
        """The recordings, oldest first."""
        return sorted((self.state / "recordings" / ROOM).glob("*.mp4"))


def now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


def slot(persona: str, rundown: str, *, begin: datetime, minutes: int = 60) -> dict[str, Any]:
    """A slot of Shanghai's wall clock that begins at an instant, to the second."""
    local = begin.astimezone(UTC) + timedelta(hours=8)
    return {
        "id": persona,
        "persona": persona,
        "rundown": rundown,
        "first": local.date().isoformat(),
        "at": local.strftime("%H:%M:%S"),
        "duration": f"PT{minutes}M",
    }


@contextmanager
def a_stage(folder: Path, **how: Any) -> Iterator[Stage]:
    """A stage that is closed whatever happens."""
    stage = Stage(folder, **{"outputs": [], "slots": [], **how})
    try:
        yield stage
    finally:
        stage.close()
