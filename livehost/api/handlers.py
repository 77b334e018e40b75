"""Which exception becomes which problem."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from time import monotonic as seconds
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from livehost.api.problems import ProblemError, answer, body
from livehost.refused import Refused
from livehost.store.protocol import AlreadyThere, NotStored, StoreError, VersionConflict

_log = structlog.get_logger(__name__)


GONE_TOLD_EVERY_S = 60.0


class _Gone:
    """Callers that leave before their request is whole need no token: they get one line a minute, no traceback."""

    def __init__(self) -> None:
        self._count = 0
        self._told_at_s: float | None = None

    async def __call__(self, request: Request, error: Exception) -> Response:
        self._count += 1
        now_s = seconds()
        if self._told_at_s is None or now_s - self._told_at_s >= GONE_TOLD_EVERY_S:
            _log.info("callers left before their request was whole", count=self._count)
            self._told_at_s, self._count = now_s, 0
        return Response(status_code=400)  # nobody reads it


def add_handlers(app: FastAPI) -> None:
    """Answer every error as a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(UnicodeEncodeError, _unwritable)
    app.add_exception_handler(ClientDisconnect, _Gone())
    app.add_exception_handler(Exception, _broken)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, ProblemError):
        return answer(request, error)
    match error.status_code:
        case 404:
            return answer(request, ProblemError("unknown_path"))
        case 405:
            return answer(request, ProblemError("method_wrong", headers=error.headers))
        case 400:
            return answer(request, ProblemError("body_unreadable"))
        case status:
            phrase = HTTPStatus(status).phrase
            return body(
                request,
                status=status,
                code="http",
                title=phrase,
                mend=str(error.detail),
                headers=error.headers,
            )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_one(item) for item in error.errors()]
    if any(item["kind"] == "json_invalid" for item in errors):
        return answer(request, ProblemError("body_unreadable"), {"errors": errors})
    first = f"{errors[0]['at']}: {errors[0]['message']}" if errors else ""
    return answer(request, ProblemError("invalid", first=first), {"errors": errors[:50]})


def _one(item: dict[str, Any]) -> dict[str, str]:
    """One mistake: where, what, its kind. The input itself is not sent back (it may be a secret)."""
    at = ".".join(str(part) for part in item.get("loc", ()))[:200]
    return {"at": at, "message": str(item.get("msg", ""))[:300], "kind": str(item.get("type", ""))}


async def _unwritable(request: Request, error: Exception) -> Response:
    """Half a surrogate pair (`\\ud800`) is legal JSON and no text: it cannot be kept."""
    assert isinstance(error, UnicodeEncodeError)
    return answer(request, ProblemError("invalid", first=f"{error.reason} at {error.start}"), {})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return body(
        request,
        status=error.status,
        code="refused",
        title=error.problem,
        mend=error.mend,
        more=error.details,
    )


async def _store(request: Request, error: Exception) -> Response:
    match error:
        case VersionConflict():
            return answer(request, ProblemError("version_old", current=error.current))
        case AlreadyThere():
            return answer(request, ProblemError("already_there", what="", id=str(error)))
        case NotStored():
            return answer(request, ProblemError("unknown_thing", what="", id=str(error)))
        case _:
            _log.error("store failed", error=repr(error))
            return answer(request, ProblemError("store_failed", why=str(error)))


async def _broken(request: Request, error: Exception) -> JSONResponse:
    trace = uuid.uuid4().hex[:12]
    _log.error("request failed", path=request.url.path, trace=trace, exc_info=error)
    return answer(request, ProblemError("broken", trace=trace))
