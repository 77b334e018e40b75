"""The operators' page: its own files and nothing of others."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from livehost.api.problems import ProblemError

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).resolve().parent.parent / "console"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@router.get("/")
async def index(request: Request) -> Response:
    """The page."""
    return _served(request, "index.html")


@router.get("/console/{name}")
async def part(request: Request, name: str) -> Response:
    """A script, style or picture of the page."""
    return _served(request, name)


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """The page's mark."""
    return _served(request, "mark.svg")


def _served(request: Request, name: str) -> Response:
    found = files().get(name)
    if found is None:
        raise ProblemError("unknown_path")
    content, media_type, tag = found
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


@lru_cache(maxsize=1)
def files() -> dict[str, tuple[bytes, str, str]]:
    """The page's files by name, read once: content, type and ETag."""
    files = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            files[path.name] = (
                content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"',
            )  # fmt: skip
    return files
