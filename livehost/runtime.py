"""Where a running livehost keeps its sockets and files, and how its processes find each other."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from livehost.api.keys import new_token
from livehost.settings import Settings, Token

SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True)
class Places:
    """Paths under `state_dir`. Socket folders move to the temporary directory when a path would be too
    long for a Unix socket (108 bytes)."""

    state_dir: Path

    def run_dir(self, room: str) -> Path:
        """The folder of a room's sockets, for this user alone."""
        return self._own_folder(Path(room), "control.sock")

    def engine_socket(self, role: str) -> Path:
        """Where a model engine listens: one a machine, whatever the rooms are."""
        return self._own_folder(Path("."), f"{role}.sock") / f"{role}.sock"

    def engine(self, role: str) -> Path:
        """What a model engine keeps: its settings, finished looks."""
        return self.state_dir / "engines" / role

    def _own_folder(self, inside: Path, longest: str) -> Path:
        folder = self.state_dir / "run" / inside
        if len(str(folder / longest).encode()) > SOCKET_PATH_LIMIT:
            mark = hashlib.sha256(str(self.state_dir).encode()).hexdigest()[:10]
            folder = Path(tempfile.gettempdir()) / f"livehost-{os.getuid()}-{mark}" / inside
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        return folder

    @property
    def journal(self) -> Path:
        """The journal's folder."""
        return self.state_dir / "journal"

    @property
    def speech(self) -> Path:
        """The cache of spoken phrases."""
        return self.state_dir / "speech"

    def recordings(self, room: str) -> Path:
        """A room's recordings."""
        return self.state_dir / "recordings" / room

    def playout(self, room: str) -> Path:
        """What a room's playout keeps: fates, session, reserve."""
        return self.state_dir / "playout" / room

    @property
    def lock(self) -> Path:
        """Held by the supervisor: one livehost a state directory."""
        return self.state_dir / "livehost.lock"

    @property
    def token(self) -> Path:
        """The token that was made where none is configured."""
        return self.state_dir / "token"


def write_private(path: Path, content: bytes) -> Path:
    """Write a file that holds a secret, for this user alone; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return path


def with_token(settings: Settings) -> tuple[Settings, str | None]:
    """The settings with at least one token, and that token where livehost made it itself.

    A made token is kept in the state directory (mode 0600), so that it outlives restarts.
    """
    if settings.api.tokens:
        return settings, None
    path = Places(settings.state_dir).token
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        made = path.read_text().strip()
    else:
        made = new_token()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(made)
    api = settings.api.model_copy(update={"tokens": (Token(role="duty", token=SecretStr(made)),)})
    return settings.model_copy(update={"api": api}), made
