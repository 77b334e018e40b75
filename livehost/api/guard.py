"""What stands before every request: Host, Origin, the body's size; and after it: safe headers."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livehost.api.keys import host_is_ours, host_name, origin_is_ours
from livehost.api.problems import ProblemError, answer

_SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuses foreign names, other sites' pages and bodies over the limit before they are read."""

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], max_body_bytes: int, red_button_url: str
    ) -> None:
        self._app = app
        self._hosts = tuple(hosts)
        self._max_body_bytes = max_body_bytes
        self._red_button_port = urlsplit(red_button_url).port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in {**_SAFE, "content-security-policy": self._policy(host)}.items():
                    answered.setdefault(name, value)
                answered.setdefault("cache-control", "no-store")
            await send(message)

        problem = self._problem(headers, host)
        if problem is not None:
            await answer(Request(scope), problem)(scope, receive, send_safely)
            return
        await self._app(scope, self._counted(receive), send_safely)

    def _problem(self, headers: Headers, host: str) -> ProblemError | None:
        if not host_is_ours(host, self._hosts):
            return ProblemError("host_foreign", host=host)
        origin = headers.get("origin")
        if origin is not None and not origin_is_ours(origin, host):
            return ProblemError("origin_foreign")
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign and headers.get("sec-fetch-mode") != "navigate":
            return ProblemError("origin_foreign")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > self._max_body_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> ProblemError:
        return ProblemError("body_too_large", headers={"connection": "close"}, limit=self._max_body_bytes)

    def _counted(self, receive: Receive) -> Receive:
        """A `receive` that stops at the limit (a chunked body announces no length)."""
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > self._max_body_bytes:
                    raise self._too_large()
            return message

        return receive_counted

    def _policy(self, host: str) -> str:
        """The page runs its own scripts only, and may reach the red button beside the API."""
        name = host_name(host)
        name = f"[{name}]" if ":" in name else name
        red = f" http://{name}:{self._red_button_port}" if self._red_button_port and name else ""
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
            "img-src 'self' data: blob:; media-src 'self' blob:; "
            f"connect-src 'self'{red}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
