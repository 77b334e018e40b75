"""Puts the API together: guard, problems, routes, page."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import StatelessLifespan

from livehost.api import (
    adapters,
    auth,
    duty,
    events,
    faq,
    health,
    media,
    outputs,
    page,
    products,
    pushes,
    questions,
    records,
    rooms,
    slots,
    webhooks,
)
from livehost.api.guard import Guard
from livehost.api.handlers import add_handlers
from livehost.api.keys import Keys
from livehost.api.ports import House

_ABOUT = (
    "A digital human sales livestream host. Errors are problem+json with a `mend`; lists are pages "
    "(`limit`, `after`, `next`); what is edited is named by its ETag in `If-Match`."
)


def create(house: House, lifespan: StatelessLifespan[FastAPI] | None = None) -> FastAPI:
    """The API over a house. The documentation is `/openapi.json`: no scripts of others are loaded."""
    app = FastAPI(
        title="livehost",
        version="1",
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    app.state.keys = Keys(house.tokens)
    add_handlers(app)
    for router in (
        auth,
        rooms,
        adapters,
        slots,
        outputs,
        products,
        questions,
        records,
        duty,
        faq,
        events,
        media,
        webhooks,
        pushes,
    ):
        app.include_router(router.router, prefix="/v1")
    app.include_router(health.router)
    app.include_router(page.router)
    app.add_middleware(
        Guard,
        hosts=house.settings.api.hosts,
        max_body_bytes=house.settings.api.max_body_bytes,
        red_button_url=house.red_button_url,
    )
    return app
