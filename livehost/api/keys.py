"""Who may ask: tokens, the page's cookie, and which Host and Origin are ours. No web framework here.

The cookie is signed with the token it came from, so it needs no table, outlives a restart, and ends
with its token. The supervisor's red button checks with the same `Keys`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from livehost.settings import Token

COOKIE = "livehost"
COOKIE_S = 30 * 86_400
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Role(StrEnum):
    """What a token's holder may do."""

    VIEWER = "viewer"
    """Watches: reads everything, changes nothing."""
    OPERATOR = "operator"
    """Runs the room: timetable, sessions, outputs, products, and the red button."""
    DUTY = "duty"
    """The person on duty: also speaks through the host and takes the picture back after a cut."""
    TRAINER = "trainer"
    """Makes personas: reads everything, changes no room."""

    def may(self, wanted: Role) -> bool:
        """Whether this role includes the other."""
        return wanted in _INCLUDES[self]


_INCLUDES = {
    Role.VIEWER: {Role.VIEWER},
    Role.TRAINER: {Role.VIEWER, Role.TRAINER},
    Role.OPERATOR: {Role.VIEWER, Role.OPERATOR},
    Role.DUTY: {Role.VIEWER, Role.OPERATOR, Role.DUTY},
}


@dataclass(frozen=True)
class Caller:
    """Who asks; `name` goes into the journal and is no secret."""

    role: Role
    name: str


class Keys:
    """The configured tokens, and the cookies made from them."""

    def __init__(self, tokens: Iterable[Token], now: Callable[[], float] = time.time) -> None:
        self._tokens = tuple((Role(one.role), one.token.get_secret_value(), one.name) for one in tokens)
        self._now = now

    def by_token(self, presented: str) -> Caller | None:
        """Whose token this is; every configured one is compared, in constant time."""
        found: Caller | None = None
        for role, token, name in self._tokens:
            if token and hmac.compare_digest(presented.encode(errors="replace"), token.encode()):
                found = Caller(role, name or f"{role.value}-{_mark(token)[:4]}")
        return found

    def by_bearer(self, authorization: str) -> Caller | None:
        """Whose `Authorization: Bearer …` header this is."""
        scheme, _, presented = authorization.partition(" ")
        return self.by_token(presented.strip()) if scheme.lower() == "bearer" else None

    def cookie_for(self, presented: str) -> str | None:
        """A cookie's value for a valid token."""
        if self.by_token(presented) is None:
            return None
        ends = str(int(self._now()) + COOKIE_S)
        return f"{ends}.{_mark(presented)}.{_sign(presented, ends)}"

    def by_cookie(self, value: str) -> Caller | None:
        """Whose cookie this is, while it lasts and its token stands."""
        ends, _, rest = value.partition(".")
        mark, _, sign = rest.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) < 13 and int(ends) > self._now()):
            return None
        for _, token, _ in self._tokens:
            if hmac.compare_digest(mark.encode(errors="replace"), _mark(token).encode()) and (
                hmac.compare_digest(sign.encode(errors="replace"), _sign(token, ends).encode())
            ):
                return self.by_token(token)
        return None


def _mark(token: str) -> str:
    return hashlib.sha256(f"livehost token {token}".encode()).hexdigest()[:16]


def _sign(token: str, ends: str) -> str:
    return hmac.new(token.encode(), f"livehost cookie {ends}".encode(), hashlib.sha256).hexdigest()


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def host_name(host: str) -> str:
    """The name of a Host header's value without its port, in lower case; empty if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def host_is_ours(host: str, allowed: Iterable[str]) -> bool:
    """Whether a Host header names this service: the loopback, or a configured name."""
    name = host_name(host)
    return bool(name) and (name in LOOPBACK or name in {one.lower() for one in allowed})


def origin_is_ours(origin: str, host: str) -> bool:
    """Whether an Origin header is the page of this very service."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    default = ":80" if parts.scheme == "http" else ":443"
    return parts.netloc.lower().removesuffix(default) == host.lower().removesuffix(default)
