"""REST under `/v1`, the events, the media of the page, and the page itself.

`create_api(house)` is imported when it is called: the supervisor uses `livehost.api.keys` alone
and needs none of the web framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import StatelessLifespan

    from livehost.api.ports import House


def create_api(house: House, lifespan: StatelessLifespan[FastAPI] | None = None) -> FastAPI:
    """The whole API over a house; `lifespan` is the show's own."""
    from livehost.api.app import create

    return create(house, lifespan)
