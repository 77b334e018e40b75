"""What the tests of the API share: a house of fakes, and a client of its app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.fakes import FakeHouse


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[FakeHouse]:
    """A house whose parts are fakes, with its app served."""
    from tests.fakes import open_house  # only the tests that ask for it load the app

    async with open_house(tmp_path) as house:
        yield house


@pytest.fixture
async def client(house: FakeHouse) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that house."""
    from tests.fakes import open_client

    async with open_client(house) as client:
        yield client
