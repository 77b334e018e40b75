"""What the platforms' signed pushes have in common: who may speak, how old it may be, why it is refused.

PushRefused     `code` is one of signature_wrong, push_stale, push_foreign, body_unreadable
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from datetime import datetime

from pydantic import SecretStr

WINDOW_S = 300.0


class PushRefused(Exception):
    """A push that is not taken."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(why or code)
        self.code = code
        self.why = why


def signed_with(presented: str, secrets: Iterable[SecretStr], sign: Callable[[str], str]) -> bool:
    """Whether one of the secrets gives the presented signature; all are tried, each in constant time."""
    given = presented.strip().encode(errors="replace")
    holds = False
    for secret in secrets:
        plain = secret.get_secret_value()
        matches = hmac.compare_digest(given, sign(plain).encode())
        holds = holds or (matches and bool(plain))
    return holds


def check_age(timestamp: object, now: datetime, skew_s: float) -> None:
    """Refuse what was signed more than 300 s ago or ahead, beyond the clock's skew; ms or s."""
    try:
        sent = float(str(timestamp))
    except ValueError as error:
        raise PushRefused("push_stale", "no timestamp") from error
    sent = sent / 1000 if sent > 1e11 else sent
    if not abs(now.timestamp() - sent) <= WINDOW_S + skew_s:  # so that NaN is refused too
        raise PushRefused("push_stale", f"signed {now.timestamp() - sent:.0f} s ago")
