"""What tests share: waiting for a condition, free ports, and the repository's root."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, not whether the code is right; and a run's verdict
# hangs on the code alone, not on that day's examples.
settings.register_profile("livehost", deadline=None, derandomize=True)
settings.load_profile("livehost")

ROOT = Path(__file__).resolve().parent.parent


async def wait_until(condition: Callable[[], object], timeout_s: float = 5.0, every_s: float = 0.01) -> None:
    """Return as soon as `condition()` is true; fail after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s} s: {condition}")
        await asyncio.sleep(every_s)


def free_port() -> int:
    """A TCP port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT
