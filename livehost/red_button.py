"""The red button's own small server, in the supervisor: it cuts a room while the show is down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livehost.api.keys import COOKIE, Keys, Role, host_is_ours
from livehost.settings import Settings

Cut = Callable[[str, bool, str], Awaitable[bool]]


def create_red_button(settings: Settings, cut: Cut) -> Starlette:
    """`POST /v1/rooms/{room}/cut` and `/uncut`, with the API's tokens or its cookie.

    The console's page may call it from its own origin (same host, the API's port).
    """
    keys = Keys(settings.api.tokens)
    rooms = {room.id for room in settings.rooms}

    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        if not host_is_ours(request.headers.get("host", ""), settings.api.hosts):
            return _problem(421, "a foreign Host header", "call it by its own name", "")
        foreign = request.headers.get("sec-fetch-site", "") == "cross-site"
        if foreign or (origin and not _is_the_console(origin, settings)):
            return _problem(403, "a foreign Origin", "use the console's own page", "")
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_cors(origin))
        caller = keys.by_bearer(request.headers.get("authorization", "")) or keys.by_cookie(
            request.cookies.get(COOKIE, "")
        )
        on = request.url.path.endswith("/cut")
        if caller is None or not caller.role.may(Role.OPERATOR if on else Role.DUTY):
            return _problem(401 if caller is None else 403, "not allowed", "use a duty token", origin)
        room = request.path_params["room"]
        if room not in rooms:
            return _problem(404, f"there is no room {room}", "name a configured room", origin)
        if not await cut(room, on, caller.name):
            return _problem(503, "playout is not running", "it is being restarted; press again", origin)
        return JSONResponse({"room": room, "cut": on}, headers=_cors(origin))

    return Starlette(
        routes=[
            Route(f"/v1/rooms/{{room}}/{action}", answer, methods=["POST", "OPTIONS"])
            for action in ("cut", "uncut")
        ]
    )


def _is_the_console(origin: str, settings: Settings) -> bool:
    """Whether an Origin is the console's page: a host of ours, at the API's port or behind a proxy's."""
    try:
        parts = urlsplit(origin)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return False
    name = parts.hostname or ""
    behind_proxy = name in {one.lower() for one in settings.api.hosts}
    return host_is_ours(name, settings.api.hosts) and (behind_proxy or port == settings.api.port)


def _cors(origin: str) -> dict[str, str]:
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": "authorization",
        "Access-Control-Allow-Methods": "POST",
        "Vary": "Origin",
    }


def _problem(status: int, title: str, mend: str, origin: str) -> JSONResponse:
    return JSONResponse(
        {"title": title, "status": status, "mend": mend},
        status_code=status, media_type="application/problem+json", headers=_cors(origin),
    )  # fmt: skip
