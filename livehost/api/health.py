"""Is it alive, is it ready, and its figures."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request, Response
from starlette.responses import JSONResponse

from livehost.api.auth import Viewer
from livehost.api.ground import TheHouse, new_router
from livehost.api.ports import House
from livehost.api.problems import body

router = new_router("health")

CHECK_S = 3.0


@router.get("/healthz", summary="The process answers")
async def healthz() -> dict[str, str]:
    """Says nothing about the rooms; `/readyz` does."""
    return {"status": "ok"}


@router.get("/readyz", summary="The store keeps, and each room's playout is linked")
async def readyz(house: TheHouse, request: Request) -> Response:
    """503 with what is missing and its mend until all is well."""
    missing = await _missing(house)
    if missing:
        return body(
            request,
            status=503,
            code="not_ready",
            title="; ".join(one["what"] for one in missing),
            mend=missing[0]["mend"],
            more={"errors": missing},
        )
    return JSONResponse({"status": "ready", "rooms": len(house.rooms)})


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(house: TheHouse, _: Viewer) -> Response:
    """Scrape with a viewer's token."""
    return Response(house.metrics.text(), media_type=house.metrics.content_type)


async def _missing(house: House) -> list[dict[str, str]]:
    missing: list[dict[str, str]] = []
    for room in house.rooms.values():
        try:
            async with asyncio.timeout(CHECK_S):
                await house.store.session(room.id)
                view: dict[str, Any] = await room.view()
        except Exception as error:  # whatever is wrong, this service is not ready
            missing.append(
                {
                    "what": f"room {room.id}: {type(error).__name__}",
                    "mend": "see the log; check the disk or Redis",
                }
            )
            continue
        if not (view.get("playout") or {}).get("connected"):
            missing.append(
                {
                    "what": f"room {room.id}: playout is not linked",
                    "mend": "it is restarted by itself; if this stands for a minute, see its log",
                }
            )
    return missing
